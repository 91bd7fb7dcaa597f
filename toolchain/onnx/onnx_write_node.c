/* Writing one node: its inputs, the constants that are attributes here and inputs in ONNX, and its
   attributes in alphabetical order. */
#include "onnx_export.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

/* --- inputs --- */

/* Constants are written in the order of their first use. */
static char *input_name(wick_onnx_export *ex, int tensor) {
    if (tensor < 0)
        return wick_onnx_export_text(ex, "");
    const wick_tensor *t = &ex->graph->tensors[tensor];
    if (t->data && !ex->written[tensor]) {
        ex->written[tensor] = true;
        wick_onnx_export_initializer(ex, t->name, t->dtype, t->shape, t->data);
    }
    return wick_onnx_export_text(ex, t->name);
}

/* Appends a constant input that is called after the node's output. */
static void extra_input(wick_onnx_export *ex, const wick_node *from, Onnx__NodeProto *to,
                        const char *suffix, wick_dtype dtype, wick_shape shape, const void *data) {
    const char *base = ex->graph->tensors[from->output].name;
    char *name = wick_arena_printf(ex->arena, "%s.%s", base, suffix);
    while (wick_graph_find(ex->graph, name) >= 0)
        name = wick_arena_printf(ex->arena, "%s_", name);
    wick_onnx_export_initializer(ex, name, dtype, shape, data);
    to->input[to->n_input++] = name;
}

static void extra_ints(wick_onnx_export *ex, const wick_node *from, Onnx__NodeProto *to,
                       const char *suffix, const int64_t *values, int count) {
    extra_input(ex, from, to, suffix, WICK_S64, (wick_shape){1, {count}}, values);
}

static void extra_float(wick_onnx_export *ex, const wick_node *from, Onnx__NodeProto *to,
                        const char *suffix, float value) {
    extra_input(ex, from, to, suffix, WICK_F32, (wick_shape){0}, &value);
}

/* Only the dimensions that are cut. */
static void slice_inputs(wick_onnx_export *ex, const wick_node *from, Onnx__NodeProto *to) {
    const wick_attrs *a = &from->attrs;
    int64_t begin[WICK_MAX_RANK], end[WICK_MAX_RANK], axes[WICK_MAX_RANK], step[WICK_MAX_RANK];
    int n = 0;
    for (int d = 0; d < ex->graph->tensors[from->output].shape.rank; d++) {
        if (a->begin[d] == 0 && a->end[d] == INT64_MAX && a->step[d] == 1)
            continue;
        begin[n] = a->begin[d];
        end[n] = a->end[d] < 0 ? INT64_MIN : a->end[d];
        axes[n] = d;
        step[n++] = a->step[d];
    }
    extra_ints(ex, from, to, "starts", begin, n);
    extra_ints(ex, from, to, "ends", end, n);
    extra_ints(ex, from, to, "axes", axes, n);
    extra_ints(ex, from, to, "steps", step, n);
}

/* [N,C,H,W] begins, then ends. */
static void pad_inputs(wick_onnx_export *ex, const wick_node *from, Onnx__NodeProto *to) {
    const wick_attrs *a = &from->attrs;
    int rank = ex->graph->tensors[from->output].shape.rank;
    int64_t pads[2 * WICK_MAX_RANK] = {0};
    if (from->op == WICK_OP_PAD)
        pads[5] = a->pad_channels;
    for (int d = 0; d < rank && from->op == WICK_OP_BORDER; d++) {
        pads[d] = a->begin[d];
        pads[rank + d] = a->end[d];
    }
    extra_ints(ex, from, to, "pads", pads, 2 * rank);
    if (from->op == WICK_OP_BORDER && a->pad_mode == WICK_PAD_CONSTANT)
        extra_float(ex, from, to, "value", a->pad_value);
}

static int axes_list(unsigned axes, int64_t *list) {
    int n = 0;
    for (int d = 0; d < WICK_MAX_RANK; d++)
        if (axes >> d & 1u)
            list[n++] = d;
    return n;
}

static void extra_inputs(wick_onnx_export *ex, const wick_node *from, Onnx__NodeProto *to) {
    const wick_attrs *a = &from->attrs;
    int64_t axes[WICK_MAX_RANK];
    float scales[4] = {1, 1, (float)a->kernel[0], (float)a->kernel[1]};
    switch (from->op) {
    case WICK_OP_CLIP:
        extra_float(ex, from, to, "min", a->clip_min);
        extra_float(ex, from, to, "max", a->clip_max);
        break;
    case WICK_OP_PAD:
    case WICK_OP_BORDER:
        pad_inputs(ex, from, to);
        break;
    case WICK_OP_RESHAPE:
        extra_ints(ex, from, to, "shape", a->dims, a->rank);
        break;
    case WICK_OP_SLICE:
        slice_inputs(ex, from, to);
        break;
    case WICK_OP_RESIZE:
        to->input[to->n_input++] = wick_onnx_export_text(ex, "");
        extra_input(ex, from, to, "scales", WICK_F32, (wick_shape){1, {4}}, scales);
        break;
    case WICK_OP_REDUCE_SUM:
        extra_ints(ex, from, to, "axes", axes, axes_list(a->axes, axes));
        break;
    case WICK_OP_DROPOUT:
        extra_float(ex, from, to, "ratio", a->alpha);
        break;
    default:
        break;
    }
}

/* --- attributes, in alphabetical order --- */

static Onnx__AttributeProto *add_attribute(wick_onnx_export *ex, Onnx__NodeProto *node,
                                           const char *name,
                                           Onnx__AttributeProto__AttributeType type) {
    Onnx__AttributeProto *a = wick_new(ex->arena, Onnx__AttributeProto, 1);
    onnx__attribute_proto__init(a);
    a->name = wick_onnx_export_text(ex, name);
    a->has_type = 1;
    a->type = type;
    assert(node->n_attribute < WICK_ONNX_EXPORT_MAX_ATTRIBUTES);
    node->attribute[node->n_attribute++] = a;
    return a;
}

static void attr_int(wick_onnx_export *ex, Onnx__NodeProto *node, const char *name, int value) {
    Onnx__AttributeProto *a =
        add_attribute(ex, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    a->has_i = 1;
    a->i = value;
}

static void attr_float(wick_onnx_export *ex, Onnx__NodeProto *node, const char *name, float value) {
    Onnx__AttributeProto *a =
        add_attribute(ex, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    a->has_f = 1;
    a->f = value;
}

static void attr_text(wick_onnx_export *ex, Onnx__NodeProto *node, const char *name,
                      const char *value) {
    Onnx__AttributeProto *a =
        add_attribute(ex, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    a->has_s = 1;
    a->s.len = strlen(value);
    a->s.data = (uint8_t *)wick_onnx_export_text(ex, value);
}

static void attr_longs(wick_onnx_export *ex, Onnx__NodeProto *node, const char *name,
                       const int64_t *values, int count) {
    Onnx__AttributeProto *a =
        add_attribute(ex, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    a->n_ints = (size_t)count;
    a->ints = wick_new(ex->arena, int64_t, count);
    for (int i = 0; i < count; i++)
        a->ints[i] = values[i];
}

static void attr_ints(wick_onnx_export *ex, Onnx__NodeProto *node, const char *name,
                      const int *values, int count) {
    int64_t longs[4];
    for (int i = 0; i < count; i++)
        longs[i] = values[i];
    attr_longs(ex, node, name, longs, count);
}

static void window_attributes(wick_onnx_export *ex, const wick_node *from, Onnx__NodeProto *to) {
    const wick_attrs *a = &from->attrs;
    bool average = from->op == WICK_OP_AVG_POOL, transpose = from->op == WICK_OP_CONV_TRANSPOSE;
    if (average)
        attr_int(ex, to, "count_include_pad", a->count_include_pad);
    else
        attr_ints(ex, to, "dilations", a->dilation, 2);
    if (transpose || from->op == WICK_OP_CONV)
        attr_int(ex, to, "group", a->groups);
    attr_ints(ex, to, "kernel_shape", a->kernel, 2);
    if (transpose)
        attr_ints(ex, to, "output_padding", a->output_pad, 2);
    attr_ints(ex, to, "pads", a->pad, 4);
    attr_ints(ex, to, "strides", a->stride, 2);
}

static void reduction_attributes(wick_onnx_export *ex, const wick_node *from, Onnx__NodeProto *to) {
    const wick_attrs *a = &from->attrs;
    int64_t axes[WICK_MAX_RANK];
    if (from->op == WICK_OP_ARG_MAX || from->op == WICK_OP_ARG_MIN)
        attr_int(ex, to, "axis", a->axis);
    else if (from->op != WICK_OP_REDUCE_SUM)
        attr_longs(ex, to, "axes", axes, axes_list(a->axes, axes));
    attr_int(ex, to, "keepdims", a->keep_dims);
    if (from->op == WICK_OP_ARG_MAX || from->op == WICK_OP_ARG_MIN)
        attr_int(ex, to, "select_last_index", a->last_index);
    else if (from->op == WICK_OP_REDUCE_SUM)
        attr_int(ex, to, "noop_with_empty_axes", 1);
}

static void resize_attributes(wick_onnx_export *ex, Onnx__NodeProto *to) {
    attr_text(ex, to, "coordinate_transformation_mode", "asymmetric");
    attr_text(ex, to, "mode", "nearest");
    attr_text(ex, to, "nearest_mode", "floor");
}

static void add_attributes(wick_onnx_export *ex, const wick_node *from, Onnx__NodeProto *to) {
    static const char *const modes[] = {"constant", "edge", "reflect"};
    const wick_attrs *a = &from->attrs;
    switch (from->op) {
    case WICK_OP_CONV:
    case WICK_OP_CONV_TRANSPOSE:
    case WICK_OP_MAX_POOL:
    case WICK_OP_AVG_POOL:
        window_attributes(ex, from, to);
        break;
    case WICK_OP_GEMM:
        attr_float(ex, to, "alpha", 1);
        attr_float(ex, to, "beta", 1);
        attr_int(ex, to, "transB", 1);
        break;
    case WICK_OP_BATCH_NORM:
        attr_float(ex, to, "epsilon", a->epsilon);
        attr_float(ex, to, "momentum", a->momentum);
        break;
    case WICK_OP_LEAKY_RELU:
    case WICK_OP_ELU:
    case WICK_OP_THRESHOLDED_RELU:
        attr_float(ex, to, "alpha", a->alpha);
        break;
    case WICK_OP_SELU:
    case WICK_OP_HARD_SIGMOID:
        attr_float(ex, to, "alpha", a->alpha);
        attr_float(ex, to, from->op == WICK_OP_SELU ? "gamma" : "beta", a->beta);
        break;
    case WICK_OP_CONCAT:
    case WICK_OP_GATHER:
    case WICK_OP_FLATTEN:
    case WICK_OP_SOFTMAX:
    case WICK_OP_LOG_SOFTMAX:
        attr_int(ex, to, "axis", a->axis);
        break;
    case WICK_OP_TRANSPOSE:
        attr_longs(ex, to, "perm", a->dims, a->rank);
        break;
    case WICK_OP_BORDER:
        attr_text(ex, to, "mode", modes[a->pad_mode]);
        break;
    case WICK_OP_RESIZE:
        resize_attributes(ex, to);
        break;
    case WICK_OP_ARG_MAX:
    case WICK_OP_ARG_MIN:
    case WICK_OP_REDUCE_MEAN:
    case WICK_OP_REDUCE_SUM:
    case WICK_OP_REDUCE_MAX:
    case WICK_OP_REDUCE_MIN:
        reduction_attributes(ex, from, to);
        break;
    case WICK_OP_QUANTIZE:
    case WICK_OP_DEQUANTIZE:
        if (a->axis >= 0)
            attr_int(ex, to, "axis", a->axis);
        break;
    default: /* no attributes, or the defaults */
        break;
    }
}

Onnx__NodeProto *wick_onnx_export_node(wick_onnx_export *ex, const wick_node *from) {
    Onnx__NodeProto *to = wick_new(ex->arena, Onnx__NodeProto, 1);
    onnx__node_proto__init(to);
    int n = from->n_inputs;
    while (n > 0 && from->inputs[n - 1] < 0)
        n--;
    to->name = wick_onnx_export_text(ex, from->name);
    to->op_type = wick_onnx_export_text(ex, wick_op_name(from->op));
    to->n_input = (size_t)n;
    to->input = wick_new(ex->arena, char *, n + WICK_ONNX_EXPORT_MAX_EXTRA);
    for (int i = 0; i < n; i++)
        to->input[i] = input_name(ex, from->inputs[i]);
    extra_inputs(ex, from, to);
    to->n_output = 1;
    to->output = wick_new(ex->arena, char *, 1);
    to->output[0] = wick_onnx_export_text(ex, ex->graph->tensors[from->output].name);
    to->attribute = wick_new(ex->arena, Onnx__AttributeProto *, WICK_ONNX_EXPORT_MAX_ATTRIBUTES);
    add_attributes(ex, from, to);
    return to;
}
