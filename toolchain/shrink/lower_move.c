/* Operators that only put elements elsewhere (Slice, Transpose, Gather, Resize, Pad, Reshape): what
   they do is found by evaluating them on the elements' own places, so that chains of them become
   one layer, or none. */
#include "shrink/lower.h"

#include <stdlib.h>

enum { MAX_ELEMENTS = 1 << 24 /* places are exact as floats */ };

/* Place of element i of a graph tensor [1,C,H,W] (row-major, or flattened so) in the device's
   [H,W,C]. */
static int32_t device_place(const wick_qtensor *t, int64_t i) {
    int64_t pixels = (int64_t)t->h * t->w;
    return (int32_t)(i % pixels * t->c + i / pixels);
}

/* Where each element of the value comes from, in graph order; NULL (reported) when there are too
   many. */
static const int32_t *places_of(lowering *lw, const wick_node *node, const lower_value *v,
                                int64_t count) {
    if (v->view)
        return v->view->from;
    if (!lower_within(lw, node, "number of elements", count, 1, MAX_ELEMENTS - 1))
        return NULL;
    int32_t *from = wick_new(lw->scratch, int32_t, count);
    for (int64_t i = 0; i < count; i++)
        from[i] = device_place(&lw->net->tensors[v->index], i);
    return from;
}

static lower_value viewed(lowering *lw, const wick_node *node, const lower_value *v,
                          wick_shape shape, const int32_t *from) {
    lower_value out = *v;
    out.view = wick_new(lw->scratch, lower_view, 1);
    *out.view = (lower_view){.node = node, .shape = shape, .from = from, .settled = -1};
    return out;
}

/* The node's own evaluation, of places counted from 1; 0 is what padding adds. */
static const int32_t *evaluate(lowering *lw, const wick_node *node, const int32_t *from) {
    const wick_graph *graph = lw->graph;
    const wick_tensor *x = &graph->tensors[node->inputs[0]];
    int64_t count = wick_shape_count(x->shape),
            outputs = wick_shape_count(graph->tensors[node->output].shape);
    wick_graph *g = wick_graph_new("places");
    float *places = wick_xalloc((size_t)count * sizeof *places);
    float *result = wick_xalloc((size_t)outputs * sizeof *result);
    for (int64_t i = 0; i < count; i++)
        places[i] = (float)(from[i] + 1);
    int inputs[2] = {wick_graph_tensor(g, "x", WICK_F32, x->shape, places)};
    if (node->n_inputs > 1) {
        const wick_tensor *indices = &graph->tensors[node->inputs[1]];
        inputs[1] = wick_graph_tensor(g, "indices", indices->dtype, indices->shape, indices->data);
    }
    wick_graph_node(g, "f", node->op, inputs, node->n_inputs, "y", &node->attrs);
    int32_t *out = wick_new(lw->scratch, int32_t, outputs);
    wick_status status = wick_node_infer(g, 0, NULL);
    if (status == WICK_OK)
        wick_node_eval(g, 0, result);
    for (int64_t i = 0; i < outputs; i++)
        out[i] = (int32_t)result[i] - 1;
    wick_graph_free(g);
    free(places);
    free(result);
    return status == WICK_OK ? out : NULL;
}

bool lower_move(lowering *lw, const wick_node *node) {
    const wick_graph *graph = lw->graph;
    wick_shape from_shape = graph->tensors[node->inputs[0]].shape,
               shape = graph->tensors[node->output].shape;
    lower_value x;
    if (!lower_viewed_operand(lw, node, 0, &x))
        return false;
    if (node->op == WICK_OP_BORDER && node->attrs.pad_mode == WICK_PAD_CONSTANT &&
        (node->attrs.pad_value < 0 || node->attrs.pad_value > 0))
        return lower_report(lw, node, "pad with 0", "it pads with %g",
                            (double)node->attrs.pad_value);
    /* What another segment moves is that segment's to keep. */
    if (x.view && x.view->node->segment != node->segment && !lower_operand(lw, node, 0, &x))
        return false;
    const int32_t *from = places_of(lw, node, &x, wick_shape_count(from_shape));
    if (from && node->op != WICK_OP_RESHAPE && node->op != WICK_OP_FLATTEN)
        from = evaluate(lw, node, from);
    if (!from || shape.dim[0] != 1)
        return from == NULL ? false
                            : lower_report(lw, node, "keep one image",
                                           "it makes %lld images of one", (long long)shape.dim[0]);
    lw->values[node->output] = viewed(lw, node, &x, shape, from);
    return true;
}

bool lower_broadcast(lowering *lw, const wick_node *node, int input, lower_value *v) {
    wick_shape in = lw->graph->tensors[node->inputs[input]].shape,
               out = lw->graph->tensors[node->output].shape;
    if (wick_shape_equal(in, out))
        return true;
    const int32_t *from = places_of(lw, node, v, wick_shape_count(in));
    int64_t count = wick_shape_count(out);
    if (!from || !lower_within(lw, node, "number of elements", count, 1, MAX_ELEMENTS - 1))
        return false;
    int32_t *to = wick_new(lw->scratch, int32_t, count);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = 0, stride = 1, rest = i;
        for (int d = in.rank - 1; d >= 0; d--) {
            int64_t size = out.dim[d + out.rank - in.rank];
            at += in.dim[d] == 1 ? 0 : rest % size * stride;
            stride *= in.dim[d];
            rest /= size;
        }
        to[i] = from[at];
    }
    *v = viewed(lw, node, v, out, to);
    return lower_settle(lw, node, v);
}

/* --- from places to a layer --- */

/* The device's [H,W,C] of a view, and its places in that order. */
typedef struct target {
    int64_t h, w, c;
    const int32_t *from;
} target;

static target target_of(lowering *lw, const lower_view *view) {
    target t = {1, 1, wick_shape_count(view->shape), view->from};
    if (view->shape.rank != 4)
        return t;
    t = (target){view->shape.dim[2], view->shape.dim[3], view->shape.dim[1], NULL};
    int64_t pixels = t.h * t.w;
    int32_t *from = wick_new(lw->scratch, int32_t, pixels * t.c);
    for (int64_t i = 0; i < pixels * t.c; i++)
        from[i % pixels * t.c + i / pixels] = view->from[i];
    t.from = from;
    return t;
}

/* bias of a move layer: offsets of rows, columns and channels, those of columns and channels from 0
   up. NULL when the places are no such sums. */
static int32_t *separate(lowering *lw, const target *t) {
    int64_t count = t->h * t->w * t->c, first = 0;
    int32_t *bias = wick_new(lw->net->arena, int32_t, t->h + t->w + t->c);
    int32_t *columns = bias + t->h, *channels = columns + t->w;
    while (first < count && t->from[first] < 0)
        first++;
    if (first == count)
        first = 0;
    int64_t row = first / t->c / t->w, column = first / t->c % t->w, channel = first % t->c;
    int32_t origin = t->from[first], least[2] = {0, 0};
    for (int64_t y = 0; y < t->h; y++)
        bias[y] = t->from[(y * t->w + column) * t->c + channel];
    for (int64_t x = 0; x < t->w; x++)
        columns[x] = t->from[(row * t->w + x) * t->c + channel];
    for (int64_t c = 0; c < t->c; c++)
        channels[c] = t->from[(row * t->w + column) * t->c + c];
    for (int64_t i = 0; i < t->w + t->c; i++) {
        int32_t *at = &least[i >= t->w];
        columns[i] = columns[i] < 0 ? WICK_NOWHERE : columns[i] - origin;
        *at = columns[i] != WICK_NOWHERE && columns[i] < *at ? columns[i] : *at;
    }
    for (int64_t i = 0; i < t->w + t->c; i++)
        columns[i] -= columns[i] == WICK_NOWHERE ? 0 : least[i >= t->w];
    for (int64_t y = 0; y < t->h; y++)
        bias[y] = bias[y] < 0 ? WICK_NOWHERE : bias[y] + least[0] + least[1];
    for (int64_t i = 0; i < count; i++) {
        int32_t at = bias[i / t->c / t->w] + columns[i / t->c % t->w] + channels[i % t->c];
        if (t->from[i] < 0 ? at >= 0 : at != t->from[i])
            return NULL;
    }
    return bias;
}

/* Whether every output row stays within one row of the input. */
static bool keeps_rows(const target *t, const int32_t *bias, int64_t row) {
    int32_t most[2] = {0, 0};
    for (int64_t i = 0; i < t->w + t->c; i++) {
        int32_t *at = &most[i >= t->w];
        *at = bias[t->h + i] > *at ? bias[t->h + i] : *at;
    }
    for (int64_t y = 0; y < t->h; y++)
        if (bias[y] >= 0 && bias[y] % row + most[0] + most[1] >= row)
            return false;
    return true;
}

/* The tensor itself, as an image or flattened. */
static bool is_untouched(const wick_qtensor *in, const lower_view *view, const target *t,
                         bool *flat) {
    int64_t count = t->h * t->w * t->c;
    *flat = view->shape.rank != 4 && (in->h != 1 || in->w != 1);
    if (count != (int64_t)in->h * in->w * in->c ||
        (!*flat && (t->h != in->h || t->w != in->w || t->c != in->c)))
        return false;
    for (int64_t i = 0; i < count; i++)
        if (view->from[i] != device_place(in, i))
            return false;
    return true;
}

static bool is_small(lowering *lw, const target *t) {
    const wick_node *node = lw->moving;
    return lower_within(lw, node, "output height", t->h, 1, UINT16_MAX) &&
           lower_within(lw, node, "output width", t->w, 1, UINT16_MAX) &&
           lower_within(lw, node, "number of output channels", t->c, 1, UINT16_MAX);
}

static int make_layer(lowering *lw, int index, const target *t, int32_t *bias) {
    wick_qtensor in = lw->net->tensors[index];
    wick_operand *operand = wick_new(lw->net->arena, wick_operand, 1);
    *operand = (wick_operand){.tensor = (uint16_t)index,
                              .channels = (uint16_t)in.c,
                              .zero_point = in.zero_point,
                              .wide = in.wide};
    wick_layer layer = {.kind = WICK_LAYER_MOVE,
                        .n_operands = 1,
                        .wide = in.wide,
                        .in_h = (uint16_t)in.h,
                        .in_w = (uint16_t)in.w,
                        .in_c = (uint16_t)in.c,
                        .out_h = (uint16_t)t->h,
                        .out_w = (uint16_t)t->w,
                        .out_c = (uint16_t)t->c,
                        .k_h = keeps_rows(t, bias, (int64_t)in.w * in.c),
                        .k_w = 1,
                        .stride_h = 1,
                        .stride_w = 1,
                        .out_zp = in.zero_point,
                        .clamp_min = in.wide ? INT16_MIN : INT8_MIN,
                        .clamp_max = in.wide ? INT16_MAX : INT8_MAX,
                        .operands = operand,
                        .bias = bias};
    const char *name = lw->graph->tensors[lw->moving->output].name;
    if (!lower_choose_width(lw, lw->moving, &layer))
        return -1;
    return lower_append(lw, &layer, lw->moving, 0, lower_params_of(&in),
                        wick_arena_printf(lw->scratch, "%s/moved", name));
}

bool lower_settle(lowering *lw, const wick_node *reader, lower_value *v) {
    lower_view *view = v->view;
    if (!view)
        return true;
    v->view = NULL;
    target t = target_of(lw, view);
    if (is_untouched(&lw->net->tensors[v->index], view, &t, &v->flat))
        return true;
    v->flat = false;
    if (view->settled < 0) {
        lw->moving = view->node;
        if (!is_small(lw, &t) || !lower_within(lw, view->node, "number of input channels",
                                               lw->net->tensors[v->index].c, 1, UINT16_MAX))
            return false;
        int32_t *bias = separate(lw, &t);
        if (!bias)
            return lower_report(lw, view->node,
                                "move whole rows, columns or channels, or flatten to [N,K]",
                                "where its elements go, as '%s' reads them, is no sum of offsets "
                                "of rows, columns and channels",
                                reader ? reader->name : "the output");
        view->settled = make_layer(lw, v->index, &t, bias);
    }
    v->index = view->settled;
    return true;
}
