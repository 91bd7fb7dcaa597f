/* Operators of activations alone: products, differences, Softmax, means and sums over
   dimensions. */
#include "shrink/lower.h"

#include <math.h>

static double scale_of(const lowering *lw, const lower_value *v) {
    return (double)lw->net->tensors[v->index].scale;
}

/* Both operands with the output's shape. */
static bool equal_operands(lowering *lw, const wick_node *node, lower_value x[2]) {
    bool first = lower_operand(lw, node, 0, &x[0]);
    if (!lower_operand(lw, node, 1, &x[1]) || !first)
        return false;
    for (int i = 0; i < 2; i++)
        if (!lower_broadcast(lw, node, i, &x[i]))
            return false;
    const wick_qtensor *a = &lw->net->tensors[x[0].index], *b = &lw->net->tensors[x[1].index];
    return (a->h == b->h && a->w == b->w && a->c == b->c && x[0].flat == x[1].flat) ||
           lower_report(lw, node, "combine before Flatten",
                        "its inputs were flattened differently");
}

bool lower_sum(lowering *lw, const wick_node *node) {
    lower_value x[2];
    if (!equal_operands(lw, node, x))
        return false;
    lower_draft *draft = lower_new_draft(lw, node, WICK_LAYER_ADD, x, 2);
    if (!draft)
        return false;
    draft->acc_scale = wick_new(lw->scratch, double, 2);
    draft->acc_scale[0] = scale_of(lw, &x[0]);
    draft->acc_scale[1] = node->op == WICK_OP_SUB ? -scale_of(lw, &x[1]) : scale_of(lw, &x[1]);
    return true;
}

bool lower_product(lowering *lw, const wick_node *node) {
    lower_value x[2];
    if (!equal_operands(lw, node, x))
        return false;
    lower_draft *draft = lower_new_draft(lw, node, WICK_LAYER_MUL, x, 2);
    if (!draft)
        return false;
    draft->acc_scale = wick_new(lw->scratch, double, 1);
    draft->acc_scale[0] = scale_of(lw, &x[0]) * scale_of(lw, &x[1]);
    return true;
}

bool lower_softmax(lowering *lw, const wick_node *node) {
    wick_shape shape = lw->graph->tensors[node->output].shape;
    int axis = node->attrs.axis < 0 ? node->attrs.axis + shape.rank : node->attrs.axis;
    lower_value x;
    if (!lower_operand(lw, node, 0, &x))
        return false;
    if (axis != 1 || x.flat || (shape.rank != 4 && shape.rank != 2))
        return lower_report(lw, node, "transpose so that it runs over dimension 1",
                            "it does not run over the channels of an image or of a vector");
    lower_draft *draft = lower_new_draft(lw, node, WICK_LAYER_SOFTMAX, &x, 1);
    if (!draft)
        return false;
    int32_t *table = wick_new(lw->net->arena, int32_t, 256);
    for (int d = 0; d < 256; d++)
        table[d] = (int32_t)rint(32768 * exp(-d * scale_of(lw, &x)));
    draft->layer.bias = table;
    draft->acc_scale = wick_new(lw->scratch, double, 1);
    draft->acc_scale[0] = 1.0 / 65536;
    return true;
}

/* Over height and width together, or one of them: a window of the whole side. */
static bool reduce_window(lowering *lw, const wick_node *node, const lower_value *x, bool rows,
                          bool columns) {
    lower_draft *draft = lower_new_draft(lw, node, WICK_LAYER_AVGPOOL, x, 1);
    if (!draft)
        return false;
    wick_layer *layer = &draft->layer;
    if ((rows && !lower_within(lw, node, "input height", layer->in_h, 1, UINT8_MAX)) ||
        (columns && !lower_within(lw, node, "input width", layer->in_w, 1, UINT8_MAX)))
        return false;
    layer->k_h = (uint8_t)(rows ? layer->in_h : 1);
    layer->k_w = (uint8_t)(columns ? layer->in_w : 1);
    layer->out_h = rows ? 1 : layer->in_h;
    layer->out_w = columns ? 1 : layer->in_w;
    layer->out_c = layer->in_c;
    lw->values[node->output].flat = !node->attrs.keep_dims && (!rows || !columns);
    double area = node->op == WICK_OP_REDUCE_MEAN ? layer->k_h * layer->k_w : 1;
    draft->acc_scale = wick_new(lw->scratch, double, 1);
    draft->acc_scale[0] = scale_of(lw, x) / area;
    return true;
}

/* Over channels, at each pixel or over all of them: a convolution or fully connected layer whose
   weights are 1. */
static bool reduce_channels(lowering *lw, const wick_node *node, const lower_value *x, bool all) {
    lower_draft *draft = lower_new_draft(lw, node, all ? WICK_LAYER_FC : WICK_LAYER_CONV2D, x, 1);
    if (!draft)
        return false;
    wick_layer *layer = &draft->layer;
    int64_t count = (int64_t)layer->in_c * (all ? layer->in_h * layer->in_w : 1);
    layer->out_h = all ? 1 : layer->in_h;
    layer->out_w = all ? 1 : layer->in_w;
    layer->out_c = 1;
    lw->values[node->output].flat = !node->attrs.keep_dims && !all;
    int8_t *ones = wick_new(lw->net->arena, int8_t, count);
    for (int64_t i = 0; i < count; i++)
        ones[i] = 1;
    int32_t *bias = wick_new(lw->net->arena, int32_t, 1);
    bias[0] = (int32_t)(-layer->operands[0].zero_point * count);
    layer->weights = ones;
    layer->bias = bias;
    draft->acc_scale = wick_new(lw->scratch, double, 1);
    draft->acc_scale[0] = scale_of(lw, x) / (node->op == WICK_OP_REDUCE_MEAN ? (double)count : 1);
    draft->macs = count * layer->out_h * layer->out_w;
    return true;
}

bool lower_reduce(lowering *lw, const wick_node *node) {
    wick_shape shape = lw->graph->tensors[node->inputs[0]].shape;
    unsigned axes = node->attrs.axes & ((1u << shape.rank) - 1), batch = axes & 1;
    lower_value x;
    if (!lower_operand(lw, node, 0, &x))
        return false;
    bool vector = shape.rank == 2 && axes >> 1 == 1, image = shape.rank == 4 && axes > 1;
    if (batch || x.flat || (!vector && !image))
        return lower_report(lw, node, "reduce an image's channels, height or width",
                            "the device cannot reduce these dimensions");
    if (vector || axes == 0xe)
        return reduce_channels(lw, node, &x, true);
    if (axes == 0x2)
        return reduce_channels(lw, node, &x, false);
    if (axes & 2)
        return lower_report(lw, node, "reduce channels first, then height or width",
                            "it reduces channels and one side of the image");
    return reduce_window(lw, node, &x, axes & 4, axes & 8);
}
