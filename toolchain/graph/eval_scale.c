/* QuantizeLinear and DequantizeLinear as ONNX defines them: q = saturate(round half to even (x /
   scale)
   + zero point) and x = (q - zero point) * scale, in float, so that onnxruntime gives the same
   bits. Scale and zero point are one number, or one for each index of the axis. */
#include "graph/eval.h"

#include <assert.h>
#include <math.h>

static int64_t integer_at(const void *data, wick_dtype dtype, int64_t i) {
    switch (dtype) {
    case WICK_S8:
        return ((const int8_t *)data)[i];
    case WICK_U8:
        return ((const uint8_t *)data)[i];
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

void wick_eval_quantize(const wick_operands *o) {
    const float *x = o->src[0], *scale = o->src[1];
    for (int64_t i = 0, count = wick_shape_count(o->output->shape); i < count; i++) {
        int64_t s = scale_index(o, i), zero = zero_point(o, s);
        float rounded = rintf(x[i] / scale[s]);
        if (o->output->dtype == WICK_S8)
            ((int8_t *)o->dst)[i] = (int8_t)saturate(rounded, zero, INT8_MIN, INT8_MAX);
        else if (o->output->dtype == WICK_U8)
            ((uint8_t *)o->dst)[i] = (uint8_t)saturate(rounded, zero, 0, UINT8_MAX);
        else
            ((int32_t *)o->dst)[i] = (int32_t)saturate(rounded, zero, INT32_MIN, INT32_MAX);
    }
}

void wick_eval_dequantize(const wick_operands *o) {
    const float *scale = o->src[1];
    float *y = o->dst;
    for (int64_t i = 0, count = wick_shape_count(o->output->shape); i < count; i++) {
        int64_t s = scale_index(o, i);
        int64_t q = integer_at(o->src[0], o->inputs[0]->dtype, i) - zero_point(o, s);
        y[i] = (float)q * scale[s];
    }
}
