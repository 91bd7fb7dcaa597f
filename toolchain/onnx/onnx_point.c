/* Operators that work element by element. */
#include "onnx_import.h"

#include <float.h>
#include <string.h>

/* --- one tensor --- */

typedef struct unary {
    const char *name;
    wick_op op;
    float alpha, beta;       /* defaults */
    const char *beta_called; /* NULL: there is none */
} unary;

static const unary unaries[] = {
    {"Abs", WICK_OP_ABS, 0, 0, NULL},
    {"Ceil", WICK_OP_CEIL, 0, 0, NULL},
    {"Elu", WICK_OP_ELU, 1, 0, NULL},
    {"Erf", WICK_OP_ERF, 0, 0, NULL},
    {"Exp", WICK_OP_EXP, 0, 0, NULL},
    {"Floor", WICK_OP_FLOOR, 0, 0, NULL},
    {"HardSigmoid", WICK_OP_HARD_SIGMOID, 0.2f, 0.5f, "beta"},
    {"HardSwish", WICK_OP_HARD_SWISH, 0, 0, NULL},
    {"LeakyRelu", WICK_OP_LEAKY_RELU, 0.01f, 0, NULL},
    {"Log", WICK_OP_LOG, 0, 0, NULL},
    {"Neg", WICK_OP_NEG, 0, 0, NULL},
    {"Reciprocal", WICK_OP_RECIPROCAL, 0, 0, NULL},
    {"Relu", WICK_OP_RELU, 0, 0, NULL},
    {"Round", WICK_OP_ROUND, 0, 0, NULL},
    {"Selu", WICK_OP_SELU, 1.67326319217681884765625f, 1.05070102214813232421875f, "gamma"},
    {"Sigmoid", WICK_OP_SIGMOID, 0, 0, NULL},
    {"Softplus", WICK_OP_SOFTPLUS, 0, 0, NULL},
    {"Softsign", WICK_OP_SOFTSIGN, 0, 0, NULL},
    {"Sqrt", WICK_OP_SQRT, 0, 0, NULL},
    {"Tanh", WICK_OP_TANH, 0, 0, NULL},
    {"ThresholdedRelu", WICK_OP_THRESHOLDED_RELU, 1, 0, NULL},
};

wick_status wick_onnx_convert_unary(wick_onnx_import *im) {
    const unary *u = unaries;
    while (strcmp(u->name, im->node->op_type) != 0)
        u++;
    wick_attrs a = wick_attrs_default();
    a.alpha = u->alpha;
    a.beta = u->beta;
    WICK_TRY(wick_onnx_attr_float(im, "alpha", &a.alpha));
    if (u->beta_called)
        WICK_TRY(wick_onnx_attr_float(im, u->beta_called, &a.beta));
    if (im->blind)
        return WICK_OK;
    int in;
    WICK_TRY(wick_onnx_operand(im, 0, &in));
    return wick_onnx_emit(im, u->op, &in, 1, &a);
}

wick_status wick_onnx_convert_clip(wick_onnx_import *im) {
    wick_attrs a = wick_attrs_default();
    a.clip_min = -FLT_MAX;
    a.clip_max = FLT_MAX;
    WICK_TRY(wick_onnx_attr_float(im, "min", &a.clip_min));
    WICK_TRY(wick_onnx_attr_float(im, "max", &a.clip_max));
    if (im->blind)
        return WICK_OK;
    int in;
    WICK_TRY(wick_onnx_operand(im, 0, &in));
    WICK_TRY(wick_onnx_const_scalar(im, 1, &a.clip_min));
    WICK_TRY(wick_onnx_const_scalar(im, 2, &a.clip_max));
    return wick_onnx_emit(im, WICK_OP_CLIP, &in, 1, &a);
}

wick_status wick_onnx_convert_batch_norm(wick_onnx_import *im) {
    wick_attrs a = wick_attrs_default();
    int64_t training = 0, spatial = 1, test = im->opset >= 7;
    WICK_TRY(wick_onnx_attr_float(im, "epsilon", &a.epsilon));
    WICK_TRY(wick_onnx_attr_float(im, "momentum", &a.momentum));
    WICK_TRY(wick_onnx_attr_int(im, "training_mode", &training));
    WICK_TRY(wick_onnx_attr_int(im, "spatial", &spatial));
    WICK_TRY(wick_onnx_attr_int(im, "is_test", &test));
    if (training || !test)
        return wick_onnx_unsupported(im, "export the model for inference (model.eval())",
                                     "it is in training mode");
    if (!spatial)
        return wick_onnx_unsupported(im, NULL, "spatial = 0");
    if (im->blind)
        return WICK_OK;
    int in[5];
    for (int i = 0; i < 5; i++)
        WICK_TRY(wick_onnx_operand(im, i, &in[i]));
    return wick_onnx_emit(im, WICK_OP_BATCH_NORM, in, 5, &a);
}

/* --- two tensors and more --- */

static wick_op binary_op(const char *name) {
    static const struct {
        const char *name;
        wick_op op;
    } ops[] = {{"Add", WICK_OP_ADD}, {"Sub", WICK_OP_SUB}, {"Mul", WICK_OP_MUL},
               {"Div", WICK_OP_DIV}, {"Pow", WICK_OP_POW}, {"PRelu", WICK_OP_PRELU},
               {"Max", WICK_OP_MAX}, {"Min", WICK_OP_MIN}, {"Sum", WICK_OP_ADD},
               {"Mean", WICK_OP_ADD}};
    size_t i = 0;
    while (strcmp(ops[i].name, name) != 0)
        i++;
    return ops[i].op;
}

/* Opset 6 lined up b with the dimensions of a from `axis` on: numpy does with ones behind it. */
static wick_status line_up(wick_onnx_import *im, int a, int64_t axis, int *b) {
    wick_shape shape = im->graph->tensors[*b].shape;
    int64_t rank = im->graph->tensors[a].shape.rank;
    axis = axis < 0 ? axis + rank : axis;
    if (axis < 0 || axis + shape.rank > rank)
        return wick_onnx_unsupported(im, NULL, "axis %lld of its operands", (long long)axis);
    for (int64_t d = axis + shape.rank; d < rank; d++)
        shape.dim[shape.rank++] = 1;
    return wick_onnx_reshape_step(im, ".lined_up", *b, shape, b);
}

wick_status wick_onnx_convert_binary(wick_onnx_import *im) {
    int64_t axis = 0;
    WICK_TRY(wick_onnx_attr_int(im, "axis", &axis));
    if (im->blind)
        return WICK_OK;
    int in[2];
    WICK_TRY(wick_onnx_operand(im, 0, &in[0]));
    WICK_TRY(wick_onnx_operand(im, 1, &in[1]));
    if (im->opset < 7 && wick_onnx_attr_has(im, "axis"))
        WICK_TRY(line_up(im, in[0], axis, &in[1]));
    return wick_onnx_emit(im, binary_op(im->node->op_type), in, 2, NULL);
}

/* Max, Min, Sum and Mean of any number of tensors: one after the other. */
wick_status wick_onnx_convert_variadic(wick_onnx_import *im) {
    if (im->blind)
        return WICK_OK;
    wick_op op = binary_op(im->node->op_type);
    bool mean = !strcmp(im->node->op_type, "Mean");
    int n = (int)im->node->n_input, in[2];
    WICK_TRY(wick_onnx_operand(im, 0, &in[0]));
    for (int i = 1; i < n; i++) {
        WICK_TRY(wick_onnx_operand(im, i, &in[1]));
        if (i == n - 1 && !mean)
            return wick_onnx_emit(im, op, in, 2, NULL);
        WICK_TRY(wick_onnx_step(im, ".part", op, in, 2, NULL, &in[0]));
    }
    if (!mean)
        return wick_onnx_alias(im, 0);
    float count = (float)n;
    in[1] = wick_onnx_new_const(im, ".count", WICK_F32, (wick_shape){0}, &count);
    return wick_onnx_emit(im, WICK_OP_DIV, in, 2, NULL);
}

/* --- smooth activations, taken apart --- */

static wick_status times(wick_onnx_import *im, int tensor, float factor, const char *suffix,
                         int *out) {
    int in[2] = {tensor, wick_onnx_new_const(im, wick_arena_printf(im->scratch, "%s.by", suffix),
                                             WICK_F32, (wick_shape){0}, &factor)};
    return wick_onnx_step(im, suffix, WICK_OP_MUL, in, 2, NULL, out);
}

/* Mish x tanh(softplus(x)); Swish x sigmoid(alpha x); Gelu x (1 + erf(x / sqrt 2)) / 2. */
wick_status wick_onnx_convert_smooth(wick_onnx_import *im) {
    float alpha = 1, one = 1;
    const char *approximate;
    WICK_TRY(wick_onnx_attr_float(im, "alpha", &alpha));
    WICK_TRY(wick_onnx_attr_text(im, "approximate", &approximate));
    if (approximate && strcmp(approximate, "none") != 0)
        return wick_onnx_unsupported(im, "export with approximate = none", "approximate '%s'",
                                     approximate);
    if (im->blind)
        return WICK_OK;
    const char *name = im->node->op_type;
    int x, y, in[2];
    WICK_TRY(wick_onnx_operand(im, 0, &x));
    if (!strcmp(name, "Mish")) {
        WICK_TRY(wick_onnx_step(im, ".softplus", WICK_OP_SOFTPLUS, &x, 1, NULL, &y));
        WICK_TRY(wick_onnx_step(im, ".tanh", WICK_OP_TANH, &y, 1, NULL, &y));
    } else if (!strcmp(name, "Swish")) {
        WICK_TRY(times(im, x, alpha, ".alpha", &y));
        WICK_TRY(wick_onnx_step(im, ".sigmoid", WICK_OP_SIGMOID, &y, 1, NULL, &y));
    } else {
        WICK_TRY(times(im, x, 0.70710678118654752f, ".scaled", &y));
        WICK_TRY(wick_onnx_step(im, ".erf", WICK_OP_ERF, &y, 1, NULL, &in[0]));
        in[1] = wick_onnx_new_const(im, ".one", WICK_F32, (wick_shape){0}, &one);
        WICK_TRY(wick_onnx_step(im, ".plus", WICK_OP_ADD, in, 2, NULL, &y));
        WICK_TRY(times(im, y, 0.5f, ".half", &y));
    }
    in[0] = x;
    in[1] = y;
    return wick_onnx_emit(im, WICK_OP_MUL, in, 2, NULL);
}
