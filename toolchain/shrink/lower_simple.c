/* Operators without weights: pools, addition, joins, activations that stand alone. */
#include "shrink/lower.h"

#include <math.h>

bool lower_window(lowering *lw, const wick_node *node, wick_layer *layer) {
    const wick_attrs *a = &node->attrs;
    if (!lower_within(lw, node, "kernel height", a->kernel[0], 1, UINT8_MAX) ||
        !lower_within(lw, node, "kernel width", a->kernel[1], 1, UINT8_MAX) ||
        !lower_within(lw, node, "vertical stride", a->stride[0], 1, UINT8_MAX) ||
        !lower_within(lw, node, "horizontal stride", a->stride[1], 1, UINT8_MAX) ||
        !lower_within(lw, node, "padding at the top", a->pad[0], 0, a->kernel[0] - 1) ||
        !lower_within(lw, node, "padding at the left", a->pad[1], 0, a->kernel[1] - 1) ||
        !lower_within(lw, node, "padding at the bottom", a->pad[2], 0, a->kernel[0] - 1) ||
        !lower_within(lw, node, "padding at the right", a->pad[3], 0, a->kernel[1] - 1))
        return false;
    layer->k_h = (uint8_t)a->kernel[0];
    layer->k_w = (uint8_t)a->kernel[1];
    layer->stride_h = (uint8_t)a->stride[0];
    layer->stride_w = (uint8_t)a->stride[1];
    layer->pad_top = (uint8_t)a->pad[0];
    layer->pad_left = (uint8_t)a->pad[1];
    return true;
}

/* The whole input is the window. */
static bool global_window(lowering *lw, const wick_node *node, wick_layer *layer) {
    if (!lower_within(lw, node, "input height", layer->in_h, 1, UINT8_MAX) ||
        !lower_within(lw, node, "input width", layer->in_w, 1, UINT8_MAX))
        return false;
    layer->k_h = (uint8_t)layer->in_h;
    layer->k_w = (uint8_t)layer->in_w;
    return true;
}

bool lower_pool(lowering *lw, const wick_node *node) {
    lower_value x;
    if (!lower_operand(lw, node, 0, &x))
        return false;
    const wick_attrs *a = &node->attrs;
    bool global = node->op == WICK_OP_GLOBAL_AVG_POOL || node->op == WICK_OP_GLOBAL_MAX_POOL;
    bool max = node->op == WICK_OP_MAX_POOL || node->op == WICK_OP_GLOBAL_MAX_POOL;
    if (global && lw->graph->tensors[node->inputs[0]].shape.rank != 4)
        return lower_report(lw, node, "pool images [N,C,H,W]", "its input is no image");
    if (max && !global && (a->dilation[0] != 1 || a->dilation[1] != 1))
        return lower_report(lw, node, "use dilation 1", "it is dilated");
    if (!max && !global && (a->pad[0] || a->pad[1] || a->pad[2] || a->pad[3]))
        return lower_report(lw, node, "use no padding, or a larger input",
                            "the device averages without padding");
    lower_draft *draft =
        lower_new_draft(lw, node, max ? WICK_LAYER_MAXPOOL : WICK_LAYER_AVGPOOL, &x, 1);
    if (!draft ||
        !(global ? global_window(lw, node, &draft->layer) : lower_window(lw, node, &draft->layer)))
        return false;
    const wick_qtensor *in = &lw->net->tensors[x.index];
    const wick_tensor *output = &lw->graph->tensors[node->output];
    if (!max) {
        draft->acc_scale = wick_new(lw->scratch, double, 1);
        draft->acc_scale[0] = (double)in->scale / (draft->layer.k_h * draft->layer.k_w);
    } else if (output->dtype != WICK_F32) {
        /* A MaxPool directly on integers, as some tools write it. */
        lower_value *result = &lw->values[node->output];
        result->index = lower_finish(lw, result, lower_params_of(in), output->name);
        result->kind = VALUE_QUANT;
        return result->index >= 0;
    }
    return true;
}

static double *operand_scales(lowering *lw, const lower_value *operands, int n) {
    double *scales = wick_new(lw->scratch, double, n);
    for (int i = 0; i < n; i++)
        scales[i] = (double)lw->net->tensors[operands[i].index].scale;
    return scales;
}

bool lower_concat(lowering *lw, const wick_node *node) {
    int n = node->n_inputs, rank = lw->graph->tensors[node->output].shape.rank;
    int axis = node->attrs.axis < 0 ? node->attrs.axis + rank : node->attrs.axis;
    lower_value *x = wick_new(lw->scratch, lower_value, n);
    bool ready = true;
    for (int i = 0; i < n; i++)
        ready &= lower_operand(lw, node, i, &x[i]);
    if (axis != 1)
        return lower_report(lw, node, "join along channels (axis 1)", "it joins along axis %d",
                            axis);
    for (int i = 0; i < n && ready; i++) {
        const wick_qtensor *t = &lw->net->tensors[x[i].index];
        if (x[i].flat && (t->h != 1 || t->w != 1))
            return lower_report(lw, node, "concatenate before Flatten",
                                "its input %d is a flattened image, which the device keeps as "
                                "height, width, channels",
                                i);
    }
    lower_draft *draft = ready ? lower_new_draft(lw, node, WICK_LAYER_CONCAT, x, n) : NULL;
    if (!draft)
        return false;
    draft->acc_scale = operand_scales(lw, x, n);
    return true;
}

/* A concat of x and zeros. The zeros are x once more, times 0: nothing else has to be stored. A
   part of them may have fewer channels than x. */
bool lower_pad(lowering *lw, const wick_node *node) {
    lower_value x;
    if (!lower_operand(lw, node, 0, &x))
        return false;
    int channels = lw->net->tensors[x.index].c, added = node->attrs.pad_channels;
    int n = 1 + (added + channels - 1) / channels;
    if (!lower_within(lw, node, "number of added channels", added, 0,
                      (int64_t)(WICK_MAX_OPERANDS - 1) * channels))
        return false;
    if (added == 0) {
        lw->values[node->output] = x;
        return true;
    }
    lower_value *parts = wick_new(lw->scratch, lower_value, n);
    for (int i = 0; i < n; i++)
        parts[i] = x;
    lower_draft *draft = lower_new_draft(lw, node, WICK_LAYER_CONCAT, parts, n);
    if (!draft)
        return false;
    /* The operands were allocated for this draft alone. */
    wick_operand *operands = (wick_operand *)(uintptr_t)draft->layer.operands;
    operands[n - 1].channels = (uint16_t)(added - (n - 2) * channels);
    draft->acc_scale = wick_new(lw->scratch, double, n);
    draft->acc_scale[0] = (double)lw->net->tensors[x.index].scale;
    return true;
}

bool lower_activation(lowering *lw, const wick_node *node) {
    lower_value v = lw->values[node->inputs[0]];
    double low = 0, high = (double)INFINITY;
    if (node->op == WICK_OP_CLIP) {
        low = (double)node->attrs.clip_min;
        high = (double)node->attrs.clip_max;
    }
    if (v.kind == VALUE_OPEN) {
        v.low = fmax(low, fmin(high, v.low));
        v.high = fmax(low, fmin(high, v.high));
        lw->values[node->output] = v;
        return true;
    }
    /* On a tensor that others read too it is a layer of its own. */
    if (!lower_operand(lw, node, 0, &v) || lower_rescale(lw, node, &v) < 0)
        return false;
    lw->values[node->output].low = low;
    lw->values[node->output].high = high;
    return true;
}
