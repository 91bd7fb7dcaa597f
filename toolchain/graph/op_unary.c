/* Operators of one tensor, element by element, and batch normalisation. Formulas: ONNX operators.
 */
#include "graph/ops.h"

#include <math.h>

static wick_status infer_unary(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0);
    return wick_infer_finish(c, x->dtype, x->shape);
}

static wick_status infer_clip(wick_infer *c) {
    const wick_attrs *a = &c->node->attrs;
    if (!(a->clip_min <= a->clip_max))
        WICK_REJECT(c, NULL, "the lower limit %g is above the upper %g", (double)a->clip_min,
                    (double)a->clip_max);
    return infer_unary(c);
}

/* UNARY(name, trains, device, formula of double v with attributes a) */
#define UNARY(name, trains, device, formula)                                                       \
    static void eval_##name(const wick_operands *o) {                                              \
        const float *x = o->src[0];                                                                \
        const wick_attrs *a = o->attrs;                                                            \
        float *y = o->dst;                                                                         \
        (void)a;                                                                                   \
        for (int64_t i = 0, count = wick_shape_count(o->output->shape); i < count; i++) {          \
            double v = (double)x[i];                                                               \
            y[i] = (float)(formula);                                                               \
        }                                                                                          \
    }                                                                                              \
    const wick_op_rule wick_rule_##name = {1, 1, true, trains, device, infer_unary, eval_##name};

#define ALPHA ((double)a->alpha)
#define BETA ((double)a->beta)
#define TABLE WICK_DEVICE_LAYER

UNARY(relu, true, WICK_DEVICE_FREE, v > 0 ? v : 0)
UNARY(leaky_relu, true, TABLE, v < 0 ? ALPHA * v : v)
UNARY(elu, true, TABLE, v < 0 ? ALPHA * expm1(v) : v)
UNARY(thresholded_relu, true, TABLE, v > ALPHA ? v : 0)
UNARY(selu, true, TABLE, BETA *(v > 0 ? v : ALPHA * expm1(v)))
UNARY(hard_sigmoid, true, TABLE, fmax(0, fmin(1, ALPHA *v + BETA)))
UNARY(sigmoid, true, TABLE, 1 / (1 + exp(-v)))
UNARY(tanh, true, TABLE, tanh(v))
UNARY(hard_swish, true, TABLE, v *fmax(0, fmin(1, v / 6 + 0.5)))
UNARY(softplus, true, TABLE, v > 30 ? v : log1p(exp(v)))
UNARY(softsign, true, TABLE, v / (1 + fabs(v)))
UNARY(exp, true, TABLE, exp(v))
UNARY(log, true, TABLE, log(v))
UNARY(sqrt, true, TABLE, sqrt(v))
UNARY(reciprocal, true, TABLE, 1 / v)
UNARY(abs, true, TABLE, fabs(v))
UNARY(neg, true, TABLE, -v)
UNARY(erf, true, TABLE, erf(v))
UNARY(floor, false, TABLE, floor(v))
UNARY(ceil, false, TABLE, ceil(v))
UNARY(round, false, TABLE, rint(v))

static void eval_clip(const wick_operands *o) {
    const float *x = o->src[0];
    float *y = o->dst;
    for (int64_t i = 0, count = wick_shape_count(o->output->shape); i < count; i++)
        y[i] = fminf(fmaxf(x[i], o->attrs->clip_min), o->attrs->clip_max);
}

const wick_op_rule wick_rule_clip = {1, 1, true, true, WICK_DEVICE_FREE, infer_clip, eval_clip};

/* --- batch normalisation --- */

static wick_status infer_batch_norm(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0);
    if (x->shape.rank < 2)
        WICK_REJECT(c, NULL, "its input %s has no channels", wick_infer_text(c, x->shape));
    for (int i = 1; i < 5; i++) {
        const wick_tensor *p = wick_infer_input(c, i);
        if (p->shape.rank != 1 || p->shape.dim[0] != x->shape.dim[1])
            WICK_REJECT(c, NULL, "'%s' is %s but the input has %lld channels", p->name,
                        wick_infer_text(c, p->shape), (long long)x->shape.dim[1]);
    }
    if (!(c->node->attrs.epsilon >= 0))
        WICK_REJECT(c, NULL, "epsilon must not be negative");
    return wick_infer_finish(c, WICK_F32, x->shape);
}

/* x [N,C,...], scale, bias, mean, var [C]; inference: running statistics. */
static void eval_batch_norm(const wick_operands *o) {
    const float *x = o->src[0], *scale = o->src[1], *bias = o->src[2];
    const float *mean = o->src[3], *var = o->src[4];
    float *y = o->dst;
    const wick_shape shape = o->output->shape;
    int64_t channels = shape.dim[1], count = wick_shape_count(shape);
    int64_t inner = count / (shape.dim[0] * channels);
    for (int64_t i = 0; i < count; i++) {
        int64_t c = i / inner % channels;
        double normal =
            ((double)x[i] - (double)mean[c]) / sqrt((double)var[c] + (double)o->attrs->epsilon);
        y[i] = (float)(normal * (double)scale[c] + (double)bias[c]);
    }
}

const wick_op_rule wick_rule_batch_norm = {
    5, 5, true, true, WICK_DEVICE_FREE, infer_batch_norm, eval_batch_norm};
