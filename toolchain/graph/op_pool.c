/* Windows over planes: maxima and means. */
#include "graph/ops.h"

#include <math.h>

wick_status wick_infer_window(const wick_infer *c, bool pool) {
    const wick_attrs *a = &c->node->attrs;
    for (int i = 0; i < 2; i++) {
        if (a->kernel[i] < 1 || a->kernel[i] > WICK_MAX_EXTENT || a->stride[i] < 1 ||
            a->stride[i] > WICK_MAX_EXTENT || a->dilation[i] < 1 ||
            a->dilation[i] > WICK_MAX_EXTENT)
            WICK_REJECT(c, NULL, "kernel %d, stride %d, dilation %d: each must be within 1 to %d",
                        a->kernel[i], a->stride[i], a->dilation[i], WICK_MAX_EXTENT);
        int64_t extent = (int64_t)a->dilation[i] * (a->kernel[i] - 1) + 1;
        for (int side = i; side < 4; side += 2) {
            if (a->pad[side] < 0 || a->pad[side] > WICK_MAX_EXTENT)
                WICK_REJECT(c, NULL, "a padding of %d must be within 0 to %d", a->pad[side],
                            WICK_MAX_EXTENT);
            /* A window of nothing but padding has no maximum and no mean. */
            if (pool && a->pad[side] >= extent)
                WICK_REJECT(c, NULL, "a padding of %d must be smaller than the pool's %lld",
                            a->pad[side], (long long)extent);
        }
    }
    return WICK_OK;
}

int64_t wick_window_count(const wick_attrs *a, int i, int64_t size) {
    int64_t extent = (int64_t)a->dilation[i] * (a->kernel[i] - 1) + 1;
    int64_t free_space = size + a->pad[i] + a->pad[i + 2] - extent;
    return free_space < 0 ? 0 : free_space / a->stride[i] + 1;
}

static wick_status infer_pool(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0);
    const wick_attrs *a = &c->node->attrs;
    if (x->shape.rank != 4)
        WICK_REJECT(c, NULL, "its input %s needs 4 dimensions", wick_infer_text(c, x->shape));
    WICK_TRY(wick_infer_window(c, true));
    if (c->node->op == WICK_OP_AVG_POOL && (a->dilation[0] != 1 || a->dilation[1] != 1))
        WICK_REJECT(c, NULL, "a dilated average pool is not supported");
    wick_shape out = x->shape;
    out.dim[2] = wick_window_count(a, 0, x->shape.dim[2]);
    out.dim[3] = wick_window_count(a, 1, x->shape.dim[3]);
    return wick_infer_finish(c, WICK_F32, out);
}

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

static void eval_pool(const wick_operands *o) {
    const int64_t *in = o->inputs[0]->shape.dim, *out = o->output->shape.dim;
    const float *x = o->src[0];
    float *y = o->dst;
    int area = o->attrs->kernel[0] * o->attrs->kernel[1], taps;
    for (int64_t plane = 0; plane < out[0] * out[1]; plane++)
        for (int64_t row = 0; row < out[2]; row++)
            for (int64_t column = 0; column < out[3]; column++) {
                double value = window_at(o, x + plane * in[2] * in[3], row, column, &taps);
                /* The taps of a dilated window may all lie outside. */
                if (o->op == WICK_OP_AVG_POOL && taps)
                    value /= o->attrs->count_include_pad ? area : taps;
                *y++ = (float)value;
            }
}

const wick_op_rule wick_rule_max_pool = {1,          1,        true, true, WICK_DEVICE_LAYER,
                                         infer_pool, eval_pool};
const wick_op_rule wick_rule_avg_pool = {1,          1,        true, true, WICK_DEVICE_LAYER,
                                         infer_pool, eval_pool};

static wick_status infer_global(wick_infer *c) {
    wick_shape out = wick_infer_input(c, 0)->shape;
    if (out.rank < 3)
        WICK_REJECT(c, NULL, "its input %s needs 4 dimensions", wick_infer_text(c, out));
    for (int d = 2; d < out.rank; d++)
        out.dim[d] = 1;
    return wick_infer_finish(c, WICK_F32, out);
}

/* x [N,C,...] -> y [N,C,1,...]. */
static void eval_global(const wick_operands *o) {
    wick_shape in = o->inputs[0]->shape;
    const float *x = o->src[0];
    float *y = o->dst;
    int64_t area = wick_extent(in, 2, in.rank);
    bool maximum = o->op == WICK_OP_GLOBAL_MAX_POOL;
    for (int64_t plane = 0; plane < in.dim[0] * in.dim[1]; plane++) {
        double sum = 0, top = -(double)INFINITY;
        for (int64_t i = 0; i < area; i++) {
            double value = (double)x[plane * area + i];
            sum += value;
            top = value > top ? value : top;
        }
        y[plane] = (float)(maximum ? top : sum / (double)area);
    }
}

const wick_op_rule wick_rule_global_avg_pool = {
    1, 1, true, true, WICK_DEVICE_LAYER, infer_global, eval_global};
const wick_op_rule wick_rule_global_max_pool = {
    1, 1, true, true, WICK_DEVICE_LAYER, infer_global, eval_global};
