/* Operators of two tensors with numpy's broadcasting. Integers occur where exporters compute
 * shapes.
 */
#include "graph/ops.h"

#include <math.h>

static wick_status infer_binary(wick_infer *c) {
    static const char *const verbs[WICK_OP_COUNT] = {[WICK_OP_ADD] = "added",
                                                     [WICK_OP_SUB] = "subtracted",
                                                     [WICK_OP_MUL] = "multiplied",
                                                     [WICK_OP_DIV] = "divided"};
    const wick_tensor *a = wick_infer_input(c, 0), *b = wick_infer_input(c, 1);
    wick_shape out = {.rank = a->shape.rank > b->shape.rank ? a->shape.rank : b->shape.rank};
    bool fits = true;
    for (int d = 0; d < out.rank; d++) {
        int da = d - (out.rank - a->shape.rank), db = d - (out.rank - b->shape.rank);
        int64_t na = da < 0 ? 1 : a->shape.dim[da], nb = db < 0 ? 1 : b->shape.dim[db];
        fits = fits && (na == nb || na == 1 || nb == 1);
        out.dim[d] = na > nb ? na : nb;
    }
    const char *verb = verbs[c->node->op];
    if (!fits)
        WICK_REJECT(c, "the shapes must be equal, or 1 where they differ", "%s and %s cannot be %s",
                    wick_infer_text(c, a->shape), wick_infer_text(c, b->shape),
                    verb ? verb : "combined");
    if (a->dtype != b->dtype)
        WICK_REJECT(c, NULL, "'%s' and '%s' have different types", a->name, b->name);
    bool whole = a->dtype == WICK_S64 || a->dtype == WICK_S32;
    if (a->dtype != WICK_F32 && (!whole || c->node->op == WICK_OP_PRELU))
        WICK_REJECT(c, "put a DequantizeLinear before it", "its input '%s' is not float", a->name);
    return wick_infer_finish(c, a->dtype, out);
}

static double real(wick_op op, double a, double b) {
    switch (op) {
    case WICK_OP_ADD:
        return a + b;
    case WICK_OP_SUB:
        return a - b;
    case WICK_OP_MUL:
        return a * b;
    case WICK_OP_DIV:
        return a / b;
    case WICK_OP_POW:
        return pow(a, b);
    case WICK_OP_MIN:
        return a < b || isnan(a) ? a : b;
    case WICK_OP_MAX:
        return a > b || isnan(a) ? a : b;
    default:
        return a < 0 ? a * b : a; /* PRELU */
    }
}

static int64_t power(int64_t a, int64_t b) {
    if (a == 1 || b == 0)
        return 1;
    if (a == -1)
        return b % 2 ? -1 : 1;
    if (b < 0 || a == 0)
        return 0;
    uint64_t result = 1;
    for (int64_t i = 0; i < b && i < 64; i++)
        result *= (uint64_t)a;
    return b > 64 ? 0 : (int64_t)result;
}

/* Wraps around as C and numpy do; a division by zero gives 0. */
static int64_t whole(wick_op op, int64_t a, int64_t b) {
    uint64_t ua = (uint64_t)a, ub = (uint64_t)b;
    switch (op) {
    case WICK_OP_ADD:
        return (int64_t)(ua + ub);
    case WICK_OP_SUB:
        return (int64_t)(ua - ub);
    case WICK_OP_MUL:
        return (int64_t)(ua * ub);
    case WICK_OP_DIV:
        return b == 0 ? 0 : b == -1 ? (int64_t)(0 - ua) : a / b;
    case WICK_OP_POW:
        return power(a, b);
    case WICK_OP_MIN:
        return a < b ? a : b;
    default:
        return a > b ? a : b;
    }
}

static int64_t offset_of(wick_shape shape, int rank, const int64_t *index) {
    int64_t strides[WICK_MAX_RANK], at = 0;
    wick_strides(shape, strides);
    for (int d = 0; d < shape.rank; d++)
        if (shape.dim[d] > 1)
            at += index[d + rank - shape.rank] * strides[d];
    return at;
}

static void eval_binary(const wick_operands *o) {
    wick_shape out = o->output->shape, a = o->inputs[0]->shape, b = o->inputs[1]->shape;
    bool equal = wick_shape_equal(a, b);
    int64_t index[WICK_MAX_RANK] = {0};
    for (int64_t i = 0, count = wick_shape_count(out); i < count; i++) {
        int64_t ia = equal ? i : offset_of(a, out.rank, index);
        int64_t ib = equal ? i : offset_of(b, out.rank, index);
        if (!equal)
            wick_next_index(out, index);
        if (o->output->dtype == WICK_F32)
            ((float *)o->dst)[i] = (float)real(o->op, (double)((const float *)o->src[0])[ia],
                                               (double)((const float *)o->src[1])[ib]);
        else if (o->output->dtype == WICK_S64)
            ((int64_t *)o->dst)[i] =
                whole(o->op, ((const int64_t *)o->src[0])[ia], ((const int64_t *)o->src[1])[ib]);
        else
            ((int32_t *)o->dst)[i] = (int32_t)whole(o->op, ((const int32_t *)o->src[0])[ia],
                                                    ((const int32_t *)o->src[1])[ib]);
    }
}

#define BINARY(name, trains, device)                                                               \
    const wick_op_rule wick_rule_##name = {2, 2, false, trains, device, infer_binary, eval_binary};

BINARY(add, true, WICK_DEVICE_LAYER)
BINARY(sub, true, WICK_DEVICE_LAYER)
BINARY(mul, true, WICK_DEVICE_LAYER)
BINARY(div, true, WICK_DEVICE_LAYER)
BINARY(pow, true, WICK_DEVICE_NO)
BINARY(min, true, WICK_DEVICE_NO)
BINARY(max, true, WICK_DEVICE_NO)
BINARY(prelu, true, WICK_DEVICE_NO)
