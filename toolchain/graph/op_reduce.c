/* Operators along dimensions: softmax, the index of an extreme, means and sums. */
#include "graph/ops.h"

#include <math.h>
#include <stdlib.h>

/* --- softmax --- */

static wick_status infer_softmax(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0);
    if (wick_axis_of(c->node->attrs.axis, x->shape.rank) < 0)
        WICK_REJECT(c, NULL, "axis %d does not exist in %s", c->node->attrs.axis,
                    wick_infer_text(c, x->shape));
    return wick_infer_finish(c, x->dtype, x->shape);
}

/* Over one axis; the maximum is taken off first so that exp stays finite. */
static void eval_softmax(const wick_operands *o) {
    const float *x = o->src[0];
    float *y = o->dst;
    const wick_shape shape = o->output->shape;
    int axis = wick_axis_of(o->attrs->axis, shape.rank);
    int64_t outer = wick_extent(shape, 0, axis), inner = wick_extent(shape, axis + 1, shape.rank);
    int64_t size = shape.dim[axis];
    for (int64_t i = 0; i < outer * inner; i++) {
        int64_t base = i / inner * size * inner + i % inner;
        double top = -(double)INFINITY, sum = 0;
        for (int64_t k = 0; k < size; k++)
            top = fmax(top, (double)x[base + k * inner]);
        for (int64_t k = 0; k < size; k++)
            sum += exp((double)x[base + k * inner] - top);
        for (int64_t k = 0; k < size; k++) {
            double above = (double)x[base + k * inner] - top;
            y[base + k * inner] =
                (float)(o->op == WICK_OP_SOFTMAX ? exp(above) / sum : above - log(sum));
        }
    }
}

const wick_op_rule wick_rule_softmax = {
    1, 1, true, true, WICK_DEVICE_LAYER, infer_softmax, eval_softmax};
const wick_op_rule wick_rule_log_softmax = {
    1, 1, true, false, WICK_DEVICE_FREE, infer_softmax, eval_softmax};

/* --- the index of an extreme --- */

static wick_status infer_arg(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0);
    const wick_attrs *a = &c->node->attrs;
    wick_shape out = {0};
    int axis = wick_axis_of(a->axis, x->shape.rank);
    if (axis < 0)
        WICK_REJECT(c, NULL, "axis %d does not exist in %s", a->axis, wick_infer_text(c, x->shape));
    for (int d = 0; d < x->shape.rank; d++)
        if (d != axis || a->keep_dims)
            out.dim[out.rank++] = d == axis ? 1 : x->shape.dim[d];
    return wick_infer_finish(c, WICK_S64, out);
}

static void eval_arg(const wick_operands *o) {
    const float *x = o->src[0];
    int64_t *y = o->dst;
    const wick_shape shape = o->inputs[0]->shape;
    int axis = wick_axis_of(o->attrs->axis, shape.rank);
    int64_t outer = wick_extent(shape, 0, axis), inner = wick_extent(shape, axis + 1, shape.rank);
    int64_t size = shape.dim[axis];
    float sign = o->op == WICK_OP_ARG_MAX ? 1.0f : -1.0f;
    for (int64_t i = 0; i < outer * inner; i++) {
        const float *from = x + i / inner * size * inner + i % inner;
        int64_t best = 0;
        for (int64_t k = 1; k < size; k++) {
            float now = sign * from[k * inner], top = sign * from[best * inner];
            if (now > top || (o->attrs->last_index && now >= top))
                best = k;
        }
        y[i] = best;
    }
}

const wick_op_rule wick_rule_arg_max = {1, 1, true, false, WICK_DEVICE_FREE, infer_arg, eval_arg};
const wick_op_rule wick_rule_arg_min = {1, 1, true, false, WICK_DEVICE_NO, infer_arg, eval_arg};

/* --- means and sums --- */

static wick_status infer_reduce(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0);
    const wick_attrs *a = &c->node->attrs;
    wick_shape out = {0};
    if (a->axes >> x->shape.rank)
        WICK_REJECT(c, NULL, "it reduces dimensions that %s does not have",
                    wick_infer_text(c, x->shape));
    for (int d = 0; d < x->shape.rank; d++) {
        bool reduced = a->axes >> d & 1u;
        if (!reduced || a->keep_dims)
            out.dim[out.rank++] = reduced ? 1 : x->shape.dim[d];
    }
    return wick_infer_finish(c, WICK_F32, out);
}

/* Element i of x goes to element at[i] of y, whose strides are 0 in the reduced dimensions. */
static void eval_reduce(const wick_operands *o) {
    const wick_shape in = o->inputs[0]->shape;
    wick_shape kept = in;
    int64_t strides[WICK_MAX_RANK], index[WICK_MAX_RANK] = {0}, count = wick_shape_count(in);
    for (int d = 0; d < in.rank; d++)
        if (o->attrs->axes >> d & 1u)
            kept.dim[d] = 1;
    wick_strides(kept, strides);
    int64_t results = wick_shape_count(kept);
    double *sum = wick_xalloc((size_t)results * sizeof *sum);
    bool extreme = o->op == WICK_OP_REDUCE_MAX || o->op == WICK_OP_REDUCE_MIN;
    double sign = o->op == WICK_OP_REDUCE_MIN ? -1 : 1;
    for (int64_t i = 0; extreme && i < results; i++)
        sum[i] = -(double)INFINITY;
    for (int64_t i = 0; i < count; i++, wick_next_index(in, index)) {
        int64_t at = 0;
        for (int d = 0; d < in.rank; d++)
            at += kept.dim[d] > 1 ? index[d] * strides[d] : 0;
        double value = sign * (double)((const float *)o->src[0])[i];
        sum[at] = !extreme ? sum[at] + value : value > sum[at] ? value : sum[at];
    }
    double divisor = o->op == WICK_OP_REDUCE_MEAN ? (double)(count / results) : 1;
    for (int64_t i = 0; i < results; i++)
        ((float *)o->dst)[i] = (float)(sign * sum[i] / divisor);
    free(sum);
}

#define REDUCE(name, device)                                                                       \
    const wick_op_rule wick_rule_##name = {1, 1, true, false, device, infer_reduce, eval_reduce};

REDUCE(reduce_mean, WICK_DEVICE_LAYER)
REDUCE(reduce_sum, WICK_DEVICE_LAYER)
REDUCE(reduce_max, WICK_DEVICE_NO)
REDUCE(reduce_min, WICK_DEVICE_NO)
