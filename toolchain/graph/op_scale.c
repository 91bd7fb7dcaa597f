/* QuantizeLinear and DequantizeLinear as ONNX defines them: q = saturate(round half to even (x /
   scale)
   + zero point) and x = (q - zero point) * scale, in float, so that onnxruntime gives the same
   bits. Scale and zero point are one number, or one for each index of the axis. */
#include "graph/ops.h"

#include <assert.h>
#include <math.h>

static int64_t integer_at(const void *data, wick_dtype dtype, int64_t i) {
    switch (dtype) {
    case WICK_S8:
        return ((const int8_t *)data)[i];
    case WICK_U8:
        return ((const uint8_t *)data)[i];
    case WICK_S16:
        return ((const int16_t *)data)[i];
    case WICK_S32:
        return ((const int32_t *)data)[i];
    default:
        assert(!"inference lets no other type through");
        return 0;
    }
}

/* Index of the scale that element i uses. */
static int64_t scale_index(const wick_operands *o, int64_t i) {
    int64_t scales = wick_shape_count(o->inputs[1]->shape), inner = 1;
    if (scales == 1)
        return 0;
    const wick_shape shape = o->output->shape;
    for (int d = o->attrs->axis + 1; d < shape.rank; d++)
        inner *= shape.dim[d];
    return i / inner % scales;
}

static int64_t zero_point(const wick_operands *o, int64_t index) {
    if (o->n_inputs < 3 || !o->inputs[2])
        return 0;
    return integer_at(o->src[2], o->inputs[2]->dtype, index);
}

static int64_t saturate(float rounded, int64_t zero, int64_t low, int64_t high) {
    if (isnan(rounded))
        return zero;
    double q = (double)rounded + (double)zero;
    return q < (double)low ? low : q > (double)high ? high : (int64_t)q;
}

static void eval_quantize(const wick_operands *o) {
    const float *x = o->src[0], *scale = o->src[1];
    for (int64_t i = 0, count = wick_shape_count(o->output->shape); i < count; i++) {
        int64_t s = scale_index(o, i), zero = zero_point(o, s);
        float rounded = rintf(x[i] / scale[s]);
        if (o->output->dtype == WICK_S8)
            ((int8_t *)o->dst)[i] = (int8_t)saturate(rounded, zero, INT8_MIN, INT8_MAX);
        else if (o->output->dtype == WICK_U8)
            ((uint8_t *)o->dst)[i] = (uint8_t)saturate(rounded, zero, 0, UINT8_MAX);
        else if (o->output->dtype == WICK_S16)
            ((int16_t *)o->dst)[i] = (int16_t)saturate(rounded, zero, INT16_MIN, INT16_MAX);
        else
            ((int32_t *)o->dst)[i] = (int32_t)saturate(rounded, zero, INT32_MIN, INT32_MAX);
    }
}

static void eval_dequantize(const wick_operands *o) {
    const float *scale = o->src[1];
    float *y = o->dst;
    for (int64_t i = 0, count = wick_shape_count(o->output->shape); i < count; i++) {
        int64_t s = scale_index(o, i);
        int64_t q = integer_at(o->src[0], o->inputs[0]->dtype, i) - zero_point(o, s);
        y[i] = (float)q * scale[s];
    }
}

/* Scale and zero point are one number, or one for each index of the axis. */
static wick_status infer_scale(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0), *scale = wick_infer_input(c, 1);
    const wick_tensor *zero = wick_infer_input(c, 2);
    bool quantize = c->node->op == WICK_OP_QUANTIZE;
    int axis = c->node->attrs.axis;
    int64_t count = wick_shape_count(scale->shape);
    if (scale->dtype != WICK_F32 || scale->shape.rank > 1 ||
        (zero && wick_shape_count(zero->shape) != count))
        WICK_REJECT(c, NULL, "scale '%s' %s must be float numbers, as many as zero points",
                    scale->name, wick_infer_text(c, scale->shape));
    if (count != 1 &&
        (axis < 0 || axis >= x->shape.rank || x->shape.dim[axis < 0 ? 0 : axis] != count))
        WICK_REJECT(c, NULL, "%lld scales do not fit axis %d of %s", (long long)count, axis,
                    wick_infer_text(c, x->shape));
    wick_dtype integer = quantize ? (zero ? zero->dtype : WICK_U8) : x->dtype;
    if (integer != WICK_S8 && integer != WICK_U8 && integer != WICK_S16 && integer != WICK_S32)
        WICK_REJECT(c, NULL, "only int8, uint8, int16 and int32 can be scaled");
    if (!quantize && zero && zero->dtype != x->dtype)
        WICK_REJECT(c, NULL, "zero point '%s' has another type than '%s'", zero->name, x->name);
    if (quantize && x->dtype != WICK_F32)
        WICK_REJECT(c, NULL, "its input '%s' is not float", x->name);
    return wick_infer_finish(c, quantize ? integer : WICK_F32, x->shape);
}

const wick_op_rule wick_rule_quantize = {
    2, 3, false, false, WICK_DEVICE_FREE, infer_scale, eval_quantize};
const wick_op_rule wick_rule_dequantize = {
    2, 3, false, false, WICK_DEVICE_FREE, infer_scale, eval_dequantize};
