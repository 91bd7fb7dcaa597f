/* Adding the counterpart of the current node to the graph: inputs, steps in between, the result,
   and constant folding. */
#include "onnx_import.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- inputs --- */

wick_onnx_value *wick_onnx_input(wick_onnx_import *im, int i) {
    if (i < 0 || (size_t)i >= im->node->n_input || !im->node->input[i][0])
        return NULL;
    wick_onnx_value *value = &im->values[wick_onnx_names_find(im->names, im->node->input[i])];
    return value->same_as >= 0 ? &im->values[value->same_as] : value;
}

wick_status wick_onnx_operand(wick_onnx_import *im, int i, int *tensor) {
    wick_onnx_value *value = wick_onnx_input(im, i);
    if (!value)
        return wick_onnx_unsupported(im, NULL, "its input %d is left out", i);
    return wick_onnx_tensor_of(im, value, tensor);
}

wick_status wick_onnx_weight(wick_onnx_import *im, int i, int *tensor) {
    *tensor = -1;
    return wick_onnx_input(im, i) ? wick_onnx_operand(im, i, tensor) : WICK_OK;
}

wick_status wick_onnx_shaped(wick_onnx_import *im, int i, int *tensor, wick_shape *shape) {
    WICK_TRY(wick_onnx_operand(im, i, tensor));
    *shape = im->graph->tensors[*tensor].shape;
    return WICK_OK;
}

wick_status wick_onnx_axis(wick_onnx_import *im, int64_t axis, int rank, int *out) {
    int64_t resolved = axis < 0 ? axis + rank : axis;
    if (resolved < 0 || resolved >= rank)
        return wick_fail(im->diag, WICK_SHAPE, im->file, im->place, NULL,
                         "axis %lld does not exist in a tensor of %d dimensions", (long long)axis,
                         rank);
    *out = (int)resolved;
    return WICK_OK;
}

/* --- constant folding --- */

/* Rough work of evaluating a node, in elements; below 0 when it must not be folded. */
static int64_t fold_work(const wick_graph *g, const wick_node *node) {
    if (node->op == WICK_OP_QUANTIZE || node->op == WICK_OP_DEQUANTIZE)
        return -1; /* they say how numbers are stored */
    int64_t out = wick_shape_count(g->tensors[node->output].shape), each = 8;
    for (int i = 0; i < node->n_inputs; i++) {
        int t = node->inputs[i];
        if (t >= 0 && !g->tensors[t].data)
            return -1;
        if (t >= 0 && (node->op == WICK_OP_CONV || node->op == WICK_OP_CONV_TRANSPOSE ||
                       node->op == WICK_OP_GEMM || node->op == WICK_OP_MATMUL))
            each += wick_shape_count(g->tensors[t].shape);
        else if (t >= 0)
            out += wick_shape_count(g->tensors[t].shape);
    }
    each += (int64_t)node->attrs.kernel[0] * node->attrs.kernel[1];
    int64_t work;
    return __builtin_mul_overflow(out, each, &work) ? -1 : work;
}

static bool all_finite(const wick_tensor *t, const void *data) {
    const float *numbers = data;
    for (int64_t i = 0, n = t->dtype == WICK_F32 ? wick_shape_count(t->shape) : 0; i < n; i++)
        if (!isfinite(numbers[i]))
            return false;
    return true;
}

/* Replaces the graph's last node by its result when that is a constant. */
static void fold_last(wick_onnx_import *im) {
    wick_graph *g = im->graph;
    const wick_node *node = &g->nodes[g->n_nodes - 1];
    wick_tensor *out = &g->tensors[node->output];
    int64_t work = fold_work(g, node);
    if (work < 0 || work > im->fold_budget ||
        !wick_onnx_spend(im, wick_shape_count(out->shape), wick_dtype_bytes(out->dtype)))
        return;
    im->fold_budget -= work;
    size_t bytes = (size_t)wick_shape_count(out->shape) * wick_dtype_bytes(out->dtype);
    void *data = wick_arena_alloc(g->arena, bytes);
    wick_node_eval(g, g->n_nodes - 1, data);
    if (!all_finite(out, data))
        return;
    out->data = data;
    out->producer = -1;
    g->n_nodes--;
}

/* --- nodes --- */

char *wick_onnx_fresh(wick_onnx_import *im, const char *base, const char *suffix) {
    char *name = wick_arena_printf(im->scratch, "%s%s", base, suffix);
    while (!wick_onnx_names_add(im->names, name, -1))
        name = wick_arena_printf(im->scratch, "%s_", name);
    return name;
}

static wick_status add_node(wick_onnx_import *im, const char *name, wick_op op, const int *inputs,
                            int n_inputs, const char *output, const wick_attrs *attrs,
                            int *tensor) {
    wick_graph *g = im->graph;
    if (g->n_tensors >= WICK_ONNX_MAX_VALUES)
        return wick_onnx_unsupported(im, NULL, "the model has more than %d tensors",
                                     WICK_ONNX_MAX_VALUES);
    *tensor = wick_graph_node(g, name, op, inputs, n_inputs, output, attrs);
    wick_status status = wick_node_infer(g, g->n_nodes - 1, im->diag);
    if (status == WICK_OK)
        fold_last(im);
    return status;
}

wick_status wick_onnx_step(wick_onnx_import *im, const char *suffix, wick_op op, const int *inputs,
                           int n_inputs, const wick_attrs *attrs, int *tensor) {
    const char *output = im->node->output[0];
    const char *name = im->node->name && im->node->name[0] ? im->node->name : output;
    return add_node(im, wick_arena_printf(im->scratch, "%s%s", name, suffix), op, inputs, n_inputs,
                    wick_onnx_fresh(im, output, suffix), attrs, tensor);
}

void wick_onnx_result(wick_onnx_import *im, int k, int tensor) {
    im->values[wick_onnx_names_find(im->names, im->node->output[k])].tensor = tensor;
}

wick_status wick_onnx_emit_output(wick_onnx_import *im, int k, wick_op op, const int *inputs,
                                  int n_inputs, const wick_attrs *attrs) {
    const char *output = im->node->output[k];
    const char *name = im->node->name && im->node->name[0] ? im->node->name : output;
    int tensor = -1;
    WICK_TRY(add_node(im, name, op, inputs, n_inputs, output, attrs, &tensor));
    wick_onnx_result(im, k, tensor);
    return WICK_OK;
}

wick_status wick_onnx_emit(wick_onnx_import *im, wick_op op, const int *inputs, int n_inputs,
                           const wick_attrs *attrs) {
    return wick_onnx_emit_output(im, 0, op, inputs, n_inputs, attrs);
}

/* [N, everything else] is a FLATTEN, which trains and costs the device nothing. */
static wick_op reshape_op(wick_shape from, wick_shape to, wick_attrs *a) {
    *a = wick_attrs_default();
    bool keeps = from.rank >= 1 && to.rank >= 1 && from.dim[0] == to.dim[0];
    if (keeps && to.rank == 2 && from.rank >= 2)
        return WICK_OP_FLATTEN;
    a->rank = to.rank;
    for (int d = 0; d < to.rank; d++)
        a->dims[d] = d == 0 && keeps ? 0 : to.dim[d];
    return WICK_OP_RESHAPE;
}

wick_status wick_onnx_reshape(wick_onnx_import *im, int tensor, wick_shape to) {
    wick_attrs a;
    wick_op op = reshape_op(im->graph->tensors[tensor].shape, to, &a);
    return wick_onnx_emit(im, op, &tensor, 1, &a);
}

wick_status wick_onnx_reshape_step(wick_onnx_import *im, const char *suffix, int tensor,
                                   wick_shape to, int *out) {
    wick_attrs a;
    wick_op op = reshape_op(im->graph->tensors[tensor].shape, to, &a);
    return wick_onnx_step(im, suffix, op, &tensor, 1, &a, out);
}

wick_status wick_onnx_alias(wick_onnx_import *im, int i) {
    const wick_onnx_value *same = wick_onnx_input(im, i);
    if (!same)
        return wick_onnx_unsupported(im, NULL, "its input %d is left out", i);
    int value = wick_onnx_names_find(im->names, im->node->output[0]);
    im->values[value].same_as = (int)(same - im->values);
    return WICK_OK;
}
