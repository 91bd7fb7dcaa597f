#include "graph/eval.h"

#include <math.h>

/* x [N,C,H,W] -> y [N,C,H',W']. Reduces the window of one output: its maximum, or its sum; taps
   counts what lies inside the input. */
static double window_at(const wick_operands *o, const float *plane, int64_t row, int64_t column,
                        int *taps) {
    const wick_attrs *a = o->attrs;
    const int64_t *size = o->inputs[0]->shape.dim;
    bool maximum = o->op == WICK_OP_MAX_POOL;
    double result = maximum ? -(double)INFINITY : 0;
    *taps = 0;
    for (int ky = 0; ky < a->kernel[0]; ky++)
        for (int kx = 0; kx < a->kernel[1]; kx++) {
            int64_t y = row * a->stride[0] - a->pad[0] + (int64_t)ky * a->dilation[0];
            int64_t z = column * a->stride[1] - a->pad[1] + (int64_t)kx * a->dilation[1];
            if (y < 0 || y >= size[2] || z < 0 || z >= size[3])
                continue;
            double value = (double)plane[y * size[3] + z];
            if (!maximum)
                result += value;
            else if (value > result)
                result = value;
            ++*taps;
        }
    return result;
}

static void pool(const wick_operands *o) {
    const int64_t *in = o->inputs[0]->shape.dim, *out = o->output->shape.dim;
    const float *x = o->src[0];
    float *y = o->dst;
    int area = o->attrs->kernel[0] * o->attrs->kernel[1], taps;
    for (int64_t plane = 0; plane < out[0] * out[1]; plane++)
        for (int64_t row = 0; row < out[2]; row++)
            for (int64_t column = 0; column < out[3]; column++) {
                double value = window_at(o, x + plane * in[2] * in[3], row, column, &taps);
                if (o->op == WICK_OP_AVG_POOL)
                    value /= o->attrs->count_include_pad ? area : taps;
                *y++ = (float)value;
            }
}

void wick_eval_max_pool(const wick_operands *o) {
    pool(o);
}

void wick_eval_avg_pool(const wick_operands *o) {
    pool(o);
}

/* x [N,C,H,W] -> y [N,C,1,1]. */
void wick_eval_global_avg_pool(const wick_operands *o) {
    const int64_t *in = o->inputs[0]->shape.dim;
    const float *x = o->src[0];
    float *y = o->dst;
    int64_t area = in[2] * in[3];
    for (int64_t plane = 0; plane < in[0] * in[1]; plane++) {
        double sum = 0;
        for (int64_t i = 0; i < area; i++)
            sum += (double)x[plane * area + i];
        y[plane] = (float)(sum / (double)area);
    }
}
