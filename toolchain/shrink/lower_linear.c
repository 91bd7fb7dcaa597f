/* Convolutions and fully connected layers: weights reordered for the device, the input zero point
   folded into the bias. */
#include "shrink/lower.h"

#include <math.h>

/* Weights as int8, in graph order, with a scale for each of the first dimension's rows. */
typedef struct weights {
    const int8_t *q;
    double *scale; /* [rows] */
    int64_t rows, per_row;
} weights;

static bool fail_weights(lowering *lw, const wick_node *node, const char *reason) {
    return lower_report(lw, node,
                        "quantize weights to int8, symmetric, per tensor or per output channel",
                        "%s", reason);
}

/* Every zero point is 0 (int8) or 128 (uint8). */
static bool is_symmetric(const wick_tensor *zero, wick_dtype dtype) {
    int64_t count = zero ? wick_shape_count(zero->shape) : 0;
    if (!zero)
        return dtype != WICK_U8;
    for (int64_t i = 0; i < count; i++) {
        if (dtype == WICK_U8 && ((const uint8_t *)zero->data)[i] != 128)
            return false;
        if (dtype == WICK_S8 && ((const int8_t *)zero->data)[i] != 0)
            return false;
        if (dtype == WICK_S32 && ((const int32_t *)zero->data)[i] != 0)
            return false;
    }
    return true;
}

/* One positive scale for each row. */
static bool row_scales(lowering *lw, const wick_tensor *scale, int64_t rows, double **out) {
    int64_t count = wick_shape_count(scale->shape);
    if (count != 1 && count != rows)
        return false;
    *out = wick_new(lw->scratch, double, rows);
    for (int64_t o = 0; o < rows; o++) {
        float s = ((const float *)scale->data)[count == 1 ? 0 : o];
        if (!(s > 0) || !isfinite(s))
            return false;
        (*out)[o] = (double)s;
    }
    return true;
}

static bool read_weights(lowering *lw, const wick_node *node, weights *out) {
    lower_value v = lw->values[node->inputs[1]];
    if (v.kind == VALUE_BAD)
        return false;
    if (v.kind != VALUE_CONSTANT)
        return fail_weights(lw, node, "its weights are computed, not constant");
    if (!v.scale || (v.data->dtype != WICK_S8 && v.data->dtype != WICK_U8))
        return fail_weights(lw, node, "its weights are not quantized to 8 bits");
    if (!is_symmetric(v.zero, v.data->dtype))
        return fail_weights(lw, node, "its weights have a zero point");
    int64_t count = wick_shape_count(v.data->shape);
    out->rows = v.data->shape.dim[0];
    out->per_row = count / out->rows;
    if (!row_scales(lw, v.scale, out->rows, &out->scale))
        return fail_weights(lw, node, "its weights' scales are not positive numbers");
    if (v.data->dtype == WICK_S8) {
        out->q = v.data->data;
        return true;
    }
    int8_t *shifted = wick_new(lw->scratch, int8_t, count);
    for (int64_t i = 0; i < count; i++)
        shifted[i] = (int8_t)(((const uint8_t *)v.data->data)[i] - 128);
    out->q = shifted;
    return true;
}

/* The bias in accumulator steps (before folding), 0 without one. An int32 bias at the accumulator's
   own scale is taken as it is; another scale, or a float bias, is rounded to it. */
static bool read_bias(lowering *lw, const wick_node *node, const double *acc_scale, int64_t rows,
                      double *out) {
    int input = node->n_inputs > 2 ? node->inputs[2] : -1;
    if (input < 0)
        return true;
    lower_value v = lw->values[input];
    if (v.kind == VALUE_BAD)
        return false;
    bool is_float = v.kind == VALUE_CONSTANT && v.data->dtype == WICK_F32 && !v.scale;
    bool is_int = v.kind == VALUE_CONSTANT && v.data->dtype == WICK_S32 && v.scale;
    if ((!is_float && !is_int) || (is_int && !is_symmetric(v.zero, WICK_S32)) ||
        wick_shape_count(v.data->shape) != rows)
        return lower_report(lw, node, "store the bias as int32 with zero point 0, or as float",
                            "its bias is neither a constant int32 nor a constant float");
    double *scale = NULL;
    if (is_int && !row_scales(lw, v.scale, rows, &scale))
        return lower_report(lw, node, NULL, "its bias's scales are not positive numbers");
    for (int64_t o = 0; o < rows; o++) {
        double value = is_int ? (double)((const int32_t *)v.data->data)[o]
                              : (double)((const float *)v.data->data)[o] / acc_scale[o];
        if (is_int && fabs(scale[o] / acc_scale[o] - 1) > 1e-6)
            value *= scale[o] / acc_scale[o];
        if (!(fabs(value) < 4e9))
            return lower_report(lw, node, "give this channel a larger weight scale",
                                "the bias of channel %lld is %g accumulator steps, beyond int32",
                                (long long)o, value);
        out[o] = rint(value);
    }
    return true;
}

/* bias' = bias - zero_point * sum of the channel's weights. */
static bool fold_bias(lowering *lw, lower_draft *draft, const weights *w) {
    const wick_node *node = draft->node;
    double x_scale = (double)lw->net->tensors[draft->layer.operands[0].tensor].scale;
    draft->acc_scale = wick_new(lw->scratch, double, w->rows);
    for (int64_t o = 0; o < w->rows; o++)
        draft->acc_scale[o] = x_scale * w->scale[o];
    double *bias = wick_new(lw->scratch, double, w->rows);
    if (!read_bias(lw, node, draft->acc_scale, w->rows, bias))
        return false;
    int32_t *folded = wick_new(lw->net->arena, int32_t, w->rows);
    int zero_point = draft->layer.operands[0].zero_point;
    for (int64_t o = 0; o < w->rows; o++) {
        int64_t sum = 0;
        for (int64_t i = 0; i < w->per_row; i++)
            sum += w->q[o * w->per_row + i];
        int64_t value = (int64_t)bias[o] - zero_point * sum;
        if (value < INT32_MIN || value > INT32_MAX)
            return lower_report(
                lw, node, "give this channel a larger weight scale",
                "the bias of channel %lld is %lld with the input zero point folded in, "
                "beyond int32",
                (long long)o, (long long)value);
        folded[o] = (int32_t)value;
    }
    draft->layer.bias = folded;
    return true;
}

/* [O,I,kh,kw] -> [O][kh][kw][I] */
static const int8_t *dense_order(lowering *lw, const wick_layer *layer, const int8_t *q) {
    int64_t channels = layer->in_c, taps = (int64_t)layer->k_h * layer->k_w;
    int8_t *out = wick_new(lw->net->arena, int8_t, layer->out_c * channels * taps);
    for (int64_t o = 0; o < layer->out_c; o++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t t = 0; t < taps; t++)
                out[(o * taps + t) * channels + c] = q[(o * channels + c) * taps + t];
    return out;
}

/* [C,1,kh,kw] -> [kh][kw][C] */
static const int8_t *depthwise_order(lowering *lw, const wick_layer *layer, const int8_t *q) {
    int64_t channels = layer->out_c, taps = (int64_t)layer->k_h * layer->k_w;
    int8_t *out = wick_new(lw->net->arena, int8_t, channels * taps);
    for (int64_t c = 0; c < channels; c++)
        for (int64_t t = 0; t < taps; t++)
            out[t * channels + c] = q[c * taps + t];
    return out;
}

/* [M, C*H*W] -> [M][H*W*C]: the graph flattens [C,H,W], the device keeps [H,W,C]. */
static const int8_t *flat_order(lowering *lw, const wick_layer *layer, const int8_t *q) {
    int64_t channels = layer->in_c, pixels = (int64_t)layer->in_h * layer->in_w;
    int8_t *out = wick_new(lw->net->arena, int8_t, layer->out_c * channels * pixels);
    for (int64_t m = 0; m < layer->out_c; m++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t p = 0; p < pixels; p++)
                out[(m * pixels + p) * channels + c] = q[(m * channels + c) * pixels + p];
    return out;
}

enum { MAX_SPREAD = 1 << 26 };

/* What the kernels do not know, in terms of what they know: dilation as a larger kernel with zeros
   between the taps, groups as dense weights with zeros for the channels of the other groups. The
   numbers are exactly the same; the zeros are multiplied, too, and stored. */
static bool spread(lowering *lw, const wick_node *node, int64_t in_c, bool depthwise, weights *w,
                   wick_node *as) {
    const wick_attrs *a = &node->attrs;
    int64_t channels = depthwise ? 1 : in_c, kernel[2], count = w->rows * channels;
    for (int i = 0; i < 2; i++) {
        kernel[i] = (int64_t)a->dilation[i] * (a->kernel[i] - 1) + 1;
        if (!lower_within(lw, node, i ? "dilated kernel width" : "dilated kernel height", kernel[i],
                          1, UINT8_MAX))
            return false;
        as->attrs.kernel[i] = (int)kernel[i];
        as->attrs.dilation[i] = 1;
        count *= kernel[i];
    }
    int64_t taps = (int64_t)a->kernel[0] * a->kernel[1], per_group = w->per_row / taps;
    if (kernel[0] * kernel[1] == taps && per_group == channels)
        return true;
    if (!lower_within(lw, node, "number of weights with zeros between them", count, 1, MAX_SPREAD))
        return false;
    int8_t *q = wick_new(lw->scratch, int8_t, count);
    for (int64_t o = 0; o < w->rows; o++) {
        int64_t group = o / (w->rows / a->groups);
        for (int64_t c = 0; c < per_group; c++)
            for (int64_t t = 0; t < taps; t++) {
                int64_t row = t / a->kernel[1] * a->dilation[0];
                int64_t column = t % a->kernel[1] * a->dilation[1];
                int64_t to = o * channels + (depthwise ? 0 : group * per_group + c);
                q[(to * kernel[0] + row) * kernel[1] + column] =
                    w->q[o * w->per_row + c * taps + t];
            }
    }
    w->q = q;
    w->per_row = channels * kernel[0] * kernel[1];
    return true;
}

bool lower_conv(lowering *lw, const wick_node *node) {
    lower_value x;
    weights w;
    /* Both are looked at, so that one run tells everything. */
    bool ready = lower_operand(lw, node, 0, &x);
    if (!read_weights(lw, node, &w) || !ready)
        return false;
    int64_t in_c = lw->net->tensors[x.index].c, per_row = w.per_row;
    bool depthwise = node->attrs.groups > 1 && node->attrs.groups == in_c && w.rows == in_c;
    wick_node as = *node;
    if (!spread(lw, node, in_c, depthwise, &w, &as))
        return false;
    lower_draft *draft =
        lower_new_draft(lw, node, depthwise ? WICK_LAYER_DWCONV2D : WICK_LAYER_CONV2D, &x, 1);
    if (!draft)
        return false;
    wick_layer *layer = &draft->layer;
    if (!lower_window(lw, &as, layer) || !fold_bias(lw, draft, &w))
        return false;
    layer->weights = depthwise ? depthwise_order(lw, layer, w.q) : dense_order(lw, layer, w.q);
    draft->macs = (int64_t)layer->out_h * layer->out_w * w.rows * per_row;
    return true;
}

bool lower_gemm(lowering *lw, const wick_node *node) {
    lower_value x;
    weights w;
    bool ready = lower_operand(lw, node, 0, &x);
    if (!read_weights(lw, node, &w) || !ready)
        return false;
    lower_draft *draft = lower_new_draft(lw, node, WICK_LAYER_FC, &x, 1);
    if (!draft || !fold_bias(lw, draft, &w))
        return false;
    draft->layer.weights = flat_order(lw, &draft->layer, w.q);
    draft->macs = w.rows * w.per_row;
    return true;
}
