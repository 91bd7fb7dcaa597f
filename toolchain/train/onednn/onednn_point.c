/* Functions of one tensor or two, number by number, with their slopes. Everything is row-major, but
   functions of one tensor that leave 0 as it is: those take any layout, padding included. */
#include "train/onednn/onednn_program.h"

#include <math.h>
#include <string.h>

/* X(operator, f(v), df/dv from v and y = f(v)), a and b: the attributes. Formulas: ONNX. */
#define UNARY_TABLE(X)                                                                             \
    X(LEAKY_RELU, v < 0 ? a * v : v, v < 0 ? a : 1)                                                \
    X(ELU, v < 0 ? a * expm1f(v) : v, v < 0 ? y + a : 1)                                           \
    X(SELU, b *(v > 0 ? v : a * expm1f(v)), v > 0 ? b : y + a * b)                                 \
    X(THRESHOLDED_RELU, v > a ? v : 0, v > a ? 1 : 0)                                              \
    X(HARD_SIGMOID, fmaxf(0, fminf(1, a *v + b)), y > 0 && y < 1 ? a : 0)                          \
    X(HARD_SWISH, v *fmaxf(0, fminf(1, v / 6 + 0.5f)), v <= -3 ? 0 : v >= 3 ? 1 : v / 3 + 0.5f)    \
    X(SOFTPLUS, v > 20 ? v : log1pf(expf(v)), 1 / (1 + expf(-v)))                                  \
    X(SOFTSIGN, v / (1 + fabsf(v)), 1 / ((1 + fabsf(v)) * (1 + fabsf(v))))                         \
    X(EXP, expf(v), y)                                                                             \
    X(LOG, logf(v), 1 / v)                                                                         \
    X(SQRT, sqrtf(v), 0.5f / y)                                                                    \
    X(RECIPROCAL, 1 / v, -y * y)                                                                   \
    X(ABS, fabsf(v), v > 0 ? 1 : v < 0 ? -1 : 0)                                                   \
    X(NEG, -v, -1)                                                                                 \
    X(ERF, erff(v), 1.12837917f * expf(-v * v))

/* X(operator, f(u, v), df/du, df/dv), the two operands broadcast. */
#define BINARY_TABLE(X)                                                                            \
    X(ADD, u + v, 1, 1)                                                                            \
    X(SUB, u - v, 1, -1)                                                                           \
    X(MUL, u *v, v, u)                                                                             \
    X(DIV, u / v, 1 / v, -u / (v * v))                                                             \
    X(POW, powf(u, v), v *powf(u, v - 1), logf(u) * powf(u, v))                                    \
    X(MIN, fminf(u, v), u <= v ? 1 : 0, u <= v ? 0 : 1)                                            \
    X(MAX, fmaxf(u, v), u >= v ? 1 : 0, u >= v ? 0 : 1)                                            \
    X(PRELU, u < 0 ? u * v : u, u < 0 ? v : 1, u < 0 ? u : 0)

bool wick_dn_is_unary(wick_op op) {
#define X(name, f, slope)                                                                          \
    if (op == WICK_OP_##name)                                                                      \
        return true;
    UNARY_TABLE(X)
#undef X
    return false;
}

bool wick_dn_is_binary(wick_op op) {
#define X(name, f, du, dv)                                                                         \
    if (op == WICK_OP_##name)                                                                      \
        return true;
    BINARY_TABLE(X)
#undef X
    return false;
}

static bool keeps_zero(const wick_attrs *a, wick_op op) {
    switch (op) {
    case WICK_OP_HARD_SIGMOID:
    case WICK_OP_SOFTPLUS:
    case WICK_OP_EXP:
    case WICK_OP_LOG:
    case WICK_OP_SQRT: /* its slope at 0 is infinite */
    case WICK_OP_RECIPROCAL:
        return false;
    case WICK_OP_THRESHOLDED_RELU:
        return a->alpha >= 0;
    default:
        return true;
    }
}

/* ---- building ---- */

static wick_dn_point *point_of(wick_program *p, const wick_node *node) {
    wick_dn_point *point = wick_new(p->build, wick_dn_point, 1);
    const wick_tensor *tensors = p->graph->tensors;
    wick_shape out = tensors[node->output].shape;
    *point = (wick_dn_point){.op = node->op,
                             .alpha = node->attrs.alpha,
                             .beta = node->attrs.beta,
                             .rank = out.rank - 1,
                             .count = wick_shape_count(out) / p->batch};
    memcpy(point->dims, out.dim + 1, (size_t)point->rank * sizeof *point->dims);
    for (int i = 0; i < node->n_inputs; i++) {
        const wick_tensor *t = &tensors[node->inputs[i]];
        point->constant[i] = t->data;
        point->image[i] = t->data ? 0 : wick_shape_count(t->shape) / p->batch;
        int64_t stride = 1;
        for (int d = t->shape.rank - 1, to = out.rank - 1; d >= 0 && to >= 1; d--, to--) {
            point->stride[i][to - 1] = t->shape.dim[d] == 1 ? 0 : stride;
            stride *= t->shape.dim[d];
        }
    }
    return point;
}

static wick_dn_step *point_step(wick_program *p, wick_dn_kernel kernel, const char *kind,
                                const wick_dn_point *point) {
    wick_dn_step *step = wick_dn_step_new(p, kind, NULL);
    step->kernel = kernel;
    step->point = point;
    return step;
}

void wick_dn_unary(wick_program *p, const wick_node *node, wick_dn_work *work) {
    wick_dn_slot *x = p->value[node->inputs[0]];
    if (!keeps_zero(&node->attrs, node->op))
        x = wick_dn_as(p, x, wick_dn_tensor_plain(p, work->dst));
    wick_dn_slot *y = wick_dn_slot_new(p, x->md, NULL);
    point_step(p, WICK_DN_UNARY, "function forward", point_of(p, node));
    wick_dn_arg(p, 0, y);
    wick_dn_arg(p, 0, x);
    work->src = x;
    p->value[work->dst] = y;
}

void wick_dn_unary_backward(wick_program *p, const wick_node *node, const wick_dn_work *work,
                            wick_dn_slot *dy) {
    wick_dn_slot *y = p->value[work->dst];
    dy = wick_dn_as(p, dy, y->md);
    wick_dn_slot *dx = wick_dn_over(p, dy);
    point_step(p, WICK_DN_UNARY_BACKWARD, "function backward", point_of(p, node));
    wick_dn_arg(p, 0, dx);
    wick_dn_arg(p, 0, work->src);
    wick_dn_arg(p, 0, y);
    wick_dn_arg(p, 0, dy);
    wick_dn_contribute(p, node->inputs[0], dx);
}

static void operands(wick_program *p, const wick_node *node) {
    for (int i = 0; i < 2; i++)
        if (!p->graph->tensors[node->inputs[i]].data)
            wick_dn_arg(
                p, 0,
                wick_dn_as(p, p->value[node->inputs[i]], wick_dn_tensor_plain(p, node->inputs[i])));
}

/* The copies first: an argument belongs to the newest step. */
static void make_operands_plain(wick_program *p, const wick_node *node) {
    for (int i = 0; i < 2; i++)
        if (!p->graph->tensors[node->inputs[i]].data)
            (void)wick_dn_as(p, p->value[node->inputs[i]],
                             wick_dn_tensor_plain(p, node->inputs[i]));
}

void wick_dn_binary(wick_program *p, const wick_node *node, wick_dn_work *work) {
    wick_dn_slot *y = wick_dn_slot_new(p, wick_dn_tensor_plain(p, work->dst), NULL);
    make_operands_plain(p, node);
    point_step(p, WICK_DN_BINARY, "function forward", point_of(p, node));
    wick_dn_arg(p, 0, y);
    operands(p, node);
    p->value[work->dst] = y;
}

void wick_dn_binary_backward(wick_program *p, const wick_node *node, const wick_dn_work *work,
                             wick_dn_slot *dy) {
    dy = wick_dn_as(p, dy, wick_dn_tensor_plain(p, work->dst));
    make_operands_plain(p, node);
    for (int i = 0; i < 2; i++) {
        int x = node->inputs[i];
        if (p->graph->tensors[x].data || !p->needs_gradient[x])
            continue;
        wick_dn_point *point = point_of(p, node);
        point->side = i;
        wick_dn_slot *dx = wick_dn_slot_new(p, wick_dn_tensor_plain(p, x), NULL);
        point_step(p, WICK_DN_BINARY_BACKWARD, "function backward", point);
        wick_dn_arg(p, 0, dx);
        wick_dn_arg(p, 0, dy);
        operands(p, node);
        wick_dn_contribute(p, x, dx);
    }
}

/* ---- running ---- */

static size_t floats_of(const wick_dn_slot *slot) {
    return wick_dn_bytes(slot->md) / sizeof(float);
}

void wick_dn_run_unary(const wick_dn_step *step) {
    float *dst = step->slots[0]->buffer->data;
    const float *x = step->slots[1]->buffer->data;
    const float a = step->point->alpha, b = step->point->beta;
    long count = (long)floats_of(step->slots[0]);
    (void)b;
    switch (step->point->op) {
#define X(name, f, slope)                                                                          \
    case WICK_OP_##name:                                                                           \
        _Pragma("omp parallel for") for (long i = 0; i < count; i++) {                             \
            float v = x[i];                                                                        \
            dst[i] = (f);                                                                          \
        }                                                                                          \
        break;
        UNARY_TABLE(X)
#undef X
    default:
        break;
    }
}

void wick_dn_run_unary_backward(const wick_dn_step *step) {
    float *dx = step->slots[0]->buffer->data;
    const float *x = step->slots[1]->buffer->data, *values = step->slots[2]->buffer->data;
    const float *dy = step->slots[3]->buffer->data;
    const float a = step->point->alpha, b = step->point->beta;
    long count = (long)floats_of(step->slots[0]);
    switch (step->point->op) {
#define X(name, f, slope)                                                                          \
    case WICK_OP_##name:                                                                           \
        _Pragma("omp parallel for") for (long i = 0; i < count; i++) {                             \
            float v = x[i], y = values[i];                                                         \
            (void)v, (void)y, (void)a, (void)b;                                                    \
            dx[i] = dy[i] * (slope);                                                               \
        }                                                                                          \
        break;
        UNARY_TABLE(X)
#undef X
    default:
        break;
    }
}

/* Where the walk over an image's numbers is, and where that is in the operands. */
typedef struct cursor {
    int64_t index[WICK_MAX_RANK], at[2];
} cursor;

static void advance(const wick_dn_point *point, cursor *c) {
    for (int d = point->rank - 1; d >= 0; d--) {
        c->at[0] += point->stride[0][d];
        c->at[1] += point->stride[1][d];
        if (++c->index[d] < point->dims[d])
            return;
        c->at[0] -= point->stride[0][d] * point->dims[d];
        c->at[1] -= point->stride[1][d] * point->dims[d];
        c->index[d] = 0;
    }
}

/* Operand i in image n; the activations' slots follow `first` in the step's arguments. */
static const float *operand_of(const wick_dn_step *step, int i, int first, int64_t n) {
    const wick_dn_point *point = step->point;
    if (point->constant[i])
        return point->constant[i];
    int slot = first + (i == 1 && !point->constant[0]);
    return (const float *)step->slots[slot]->buffer->data + n * point->image[i];
}

void wick_dn_run_binary(const wick_program *p, const wick_dn_step *step) {
    const wick_dn_point *point = step->point;
    float *dst = step->slots[0]->buffer->data;
#pragma omp parallel for
    for (int n = 0; n < p->batch; n++) {
        const float *left = operand_of(step, 0, 1, n), *right = operand_of(step, 1, 1, n);
        float *y = dst + n * point->count;
        cursor c = {0};
        switch (point->op) {
#define X(name, f, du, dv)                                                                         \
    case WICK_OP_##name:                                                                           \
        for (int64_t i = 0; i < point->count; i++, advance(point, &c)) {                           \
            float u = left[c.at[0]], v = right[c.at[1]];                                           \
            y[i] = (f);                                                                            \
        }                                                                                          \
        break;
            BINARY_TABLE(X)
#undef X
        default:
            break;
        }
    }
}

void wick_dn_run_binary_backward(const wick_program *p, const wick_dn_step *step) {
    const wick_dn_point *point = step->point;
    float *out = step->slots[0]->buffer->data;
    const float *gradient = step->slots[1]->buffer->data;
    int side = point->side;
#pragma omp parallel for
    for (int n = 0; n < p->batch; n++) {
        const float *left = operand_of(step, 0, 2, n), *right = operand_of(step, 1, 2, n);
        const float *dy = gradient + n * point->count;
        float *dx = out + n * point->image[side];
        cursor c = {0};
        memset(dx, 0, (size_t)point->image[side] * sizeof *dx);
        switch (point->op) {
#define X(name, f, du, dv)                                                                         \
    case WICK_OP_##name:                                                                           \
        for (int64_t i = 0; i < point->count; i++, advance(point, &c)) {                           \
            float u = left[c.at[0]], v = right[c.at[1]];                                           \
            (void)u, (void)v;                                                                      \
            dx[c.at[side]] += dy[i] * (side ? (dv) : (du));                                        \
        }                                                                                          \
        break;
            BINARY_TABLE(X)
#undef X
        default:
            break;
        }
    }
}
