/* The table of ONNX operators: what converts each, and what docs/operators.md says of it. */
#include "onnx_import.h"

#include <string.h>

#define WINDOW "auto_pad dilations kernel_shape pads strides"
#define SCALED "axis block_size output_dtype precision saturate"
#define REDUCE "axes keepdims noop_with_empty_axes"
#define ONE_OR_TWO "one or two dimensions"
#define PER_CHANNEL "on the device with a constant: one number, or one for each channel"
#define MOVED "on the device where whole rows, columns or channels move (or it flattens)"
#define GONE WICK_OP_COUNT

static const wick_onnx_rule rules[] = {
    {"Abs", 1, 1, "", wick_onnx_convert_unary, WICK_OP_ABS, ""},
    {"Add", 2, 2, "axis broadcast", wick_onnx_convert_add, WICK_OP_ADD,
     "on the device without broadcasting, or with a constant for each channel"},
    {"ArgMax", 1, 1, "axis keepdims select_last_index", wick_onnx_convert_arg, WICK_OP_ARG_MAX,
     "on the device only of the logits, where it is left out: the device tells the largest"},
    {"ArgMin", 1, 1, "axis keepdims select_last_index", wick_onnx_convert_arg, WICK_OP_ARG_MIN, ""},
    {"AveragePool", 1, 1, WINDOW " ceil_mode count_include_pad", wick_onnx_convert_pool,
     WICK_OP_AVG_POOL, ONE_OR_TWO "; on the device without padding"},
    {"BatchNormalization", 5, 5, "epsilon is_test momentum spatial training_mode",
     wick_onnx_convert_batch_norm, WICK_OP_BATCH_NORM, "inference; on the device part of a layer"},
    {"Cast", 1, 1, "to saturate round_mode", wick_onnx_convert_cast, GONE,
     "between float types, or of constants"},
    {"Ceil", 1, 1, "", wick_onnx_convert_unary, WICK_OP_CEIL, ""},
    {"Clip", 1, 3, "max min", wick_onnx_convert_clip, WICK_OP_CLIP, "constant limits"},
    {"Concat", 1, -1, "axis", wick_onnx_convert_concat, WICK_OP_CONCAT,
     "on the device along channels"},
    {"Constant", 0, 0, "value value_float value_floats value_int value_ints",
     wick_onnx_convert_constant, GONE, ""},
    {"ConstantOfShape", 1, 1, "value", wick_onnx_convert_constant_of_shape, GONE,
     "a constant shape"},
    {"Conv", 2, 3, WINDOW " group", wick_onnx_convert_conv, WICK_OP_CONV,
     ONE_OR_TWO
     "; on the device dilation and groups (but depthwise ones) cost multiplications by zero"},
    {"ConvTranspose", 2, 3, WINDOW " group output_padding output_shape",
     wick_onnx_convert_conv_transpose, WICK_OP_CONV_TRANSPOSE, ONE_OR_TWO},
    {"DepthToSpace", 1, 1, "blocksize mode", wick_onnx_convert_depth, WICK_OP_TRANSPOSE, MOVED},
    {"DequantizeLinear", 2, 3, SCALED, wick_onnx_convert_scaled, WICK_OP_DEQUANTIZE,
     "int8, uint8, int16, int32; per tensor or channel"},
    {"Div", 2, 2, "axis broadcast", wick_onnx_convert_binary, WICK_OP_DIV, PER_CHANNEL},
    {"Dropout", 1, 3, "ratio seed", wick_onnx_convert_dropout, WICK_OP_DROPOUT,
     "inference: it vanishes; recipes may have it for training"},
    {"Elu", 1, 1, "alpha", wick_onnx_convert_unary, WICK_OP_ELU, ""},
    {"Erf", 1, 1, "", wick_onnx_convert_unary, WICK_OP_ERF, ""},
    {"Exp", 1, 1, "", wick_onnx_convert_unary, WICK_OP_EXP, ""},
    {"Expand", 2, 2, "", wick_onnx_convert_expand, WICK_OP_GATHER, "a constant shape; " MOVED},
    {"Flatten", 1, 1, "axis", wick_onnx_convert_flatten, WICK_OP_FLATTEN,
     "trains and runs on the device with axis 1"},
    {"Floor", 1, 1, "", wick_onnx_convert_unary, WICK_OP_FLOOR, ""},
    {"Gather", 2, 2, "axis", wick_onnx_convert_gather, WICK_OP_GATHER,
     "on the device constant indices"},
    {"Gelu", 1, 1, "approximate", wick_onnx_convert_smooth, WICK_OP_ERF, "not approximate"},
    {"Gemm", 2, 3, "alpha beta broadcast transA transB", wick_onnx_convert_gemm, WICK_OP_GEMM,
     "trains and runs on the device with constant weights"},
    {"GlobalAveragePool", 1, 1, "", wick_onnx_convert_global, WICK_OP_GLOBAL_AVG_POOL, ""},
    {"GlobalMaxPool", 1, 1, "", wick_onnx_convert_global, WICK_OP_GLOBAL_MAX_POOL, ""},
    {"HardSigmoid", 1, 1, "alpha beta", wick_onnx_convert_unary, WICK_OP_HARD_SIGMOID, ""},
    {"HardSwish", 1, 1, "", wick_onnx_convert_unary, WICK_OP_HARD_SWISH, ""},
    {"Identity", 1, 1, "", wick_onnx_convert_identity, GONE, ""},
    {"LeakyRelu", 1, 1, "alpha", wick_onnx_convert_unary, WICK_OP_LEAKY_RELU, ""},
    {"Log", 1, 1, "", wick_onnx_convert_unary, WICK_OP_LOG, ""},
    {"LogSoftmax", 1, 1, "axis", wick_onnx_convert_softmax, WICK_OP_LOG_SOFTMAX,
     "on the device only behind the logits, where it is left out"},
    {"MatMul", 2, 2, "", wick_onnx_convert_matmul, WICK_OP_MATMUL,
     "a matrix times constant weights is a Gemm"},
    {"Max", 1, -1, "", wick_onnx_convert_variadic, WICK_OP_MAX, ""},
    {"MaxPool", 1, 1, WINDOW " ceil_mode storage_order", wick_onnx_convert_pool, WICK_OP_MAX_POOL,
     ONE_OR_TWO ", no indices; on the device without dilation"},
    {"Mean", 1, -1, "", wick_onnx_convert_variadic, WICK_OP_DIV, "a sum and a division"},
    {"Min", 1, -1, "", wick_onnx_convert_variadic, WICK_OP_MIN, ""},
    {"Mish", 1, 1, "", wick_onnx_convert_smooth, WICK_OP_SIGMOID, ""},
    {"Mul", 2, 2, "axis broadcast", wick_onnx_convert_binary, WICK_OP_MUL,
     "on the device two activations, or a constant for each channel"},
    {"Neg", 1, 1, "", wick_onnx_convert_unary, WICK_OP_NEG, ""},
    {"PRelu", 2, 2, "", wick_onnx_convert_binary, WICK_OP_PRELU, ""},
    {"Pad", 1, 4, "mode pads value", wick_onnx_convert_pad, WICK_OP_BORDER,
     "constant, edge, reflect; on the device no other constant than 0"},
    {"Pow", 2, 2, "axis broadcast", wick_onnx_convert_binary, WICK_OP_POW, ""},
    {"QuantizeLinear", 2, 3, SCALED, wick_onnx_convert_scaled, WICK_OP_QUANTIZE,
     "int8, uint8, int16; per tensor"},
    {"Reciprocal", 1, 1, "", wick_onnx_convert_unary, WICK_OP_RECIPROCAL, ""},
    {"ReduceMax", 1, 2, REDUCE, wick_onnx_convert_reduce, WICK_OP_REDUCE_MAX, ""},
    {"ReduceMean", 1, 2, REDUCE, wick_onnx_convert_reduce, WICK_OP_REDUCE_MEAN,
     "on the device over channels, height, width, height and width, or "
     "all"},
    {"ReduceMin", 1, 2, REDUCE, wick_onnx_convert_reduce, WICK_OP_REDUCE_MIN, ""},
    {"ReduceSum", 1, 2, REDUCE, wick_onnx_convert_reduce, WICK_OP_REDUCE_SUM,
     "on the device as ReduceMean"},
    {"Relu", 1, 1, "", wick_onnx_convert_unary, WICK_OP_RELU, ""},
    {"Reshape", 2, 2, "allowzero", wick_onnx_convert_reshape, WICK_OP_RESHAPE,
     "a constant shape; " MOVED},
    {"Resize", 1, 4,
     "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside "
     "extrapolation_value keep_aspect_ratio_policy mode nearest_mode",
     wick_onnx_convert_resize, WICK_OP_RESIZE, "nearest"},
    {"Round", 1, 1, "", wick_onnx_convert_unary, WICK_OP_ROUND, ""},
    {"Selu", 1, 1, "alpha gamma", wick_onnx_convert_unary, WICK_OP_SELU, ""},
    {"Shape", 1, 1, "end start", wick_onnx_convert_shape, GONE, ""},
    {"Sigmoid", 1, 1, "", wick_onnx_convert_unary, WICK_OP_SIGMOID, ""},
    {"Slice", 1, 5, "axes ends starts", wick_onnx_convert_slice, WICK_OP_SLICE, "constant limits"},
    {"Softmax", 1, 1, "axis", wick_onnx_convert_softmax, WICK_OP_SOFTMAX,
     "on the device over dimension 1; behind the logits it is left out"},
    {"Softplus", 1, 1, "", wick_onnx_convert_unary, WICK_OP_SOFTPLUS, ""},
    {"Softsign", 1, 1, "", wick_onnx_convert_unary, WICK_OP_SOFTSIGN, ""},
    {"SpaceToDepth", 1, 1, "blocksize mode", wick_onnx_convert_depth, WICK_OP_TRANSPOSE, MOVED},
    {"Split", 1, 2, "axis num_outputs split", wick_onnx_convert_split, WICK_OP_SLICE,
     "constant parts"},
    {"Sqrt", 1, 1, "", wick_onnx_convert_unary, WICK_OP_SQRT, ""},
    {"Squeeze", 1, 2, "axes", wick_onnx_convert_squeeze, WICK_OP_RESHAPE, ""},
    {"Sub", 2, 2, "axis broadcast", wick_onnx_convert_binary, WICK_OP_SUB,
     "on the device two activations, or a constant for each channel"},
    {"Sum", 1, -1, "", wick_onnx_convert_variadic, WICK_OP_ADD, "as Add"},
    {"Swish", 1, 1, "alpha", wick_onnx_convert_smooth, WICK_OP_SIGMOID, ""},
    {"Tanh", 1, 1, "", wick_onnx_convert_unary, WICK_OP_TANH, ""},
    {"ThresholdedRelu", 1, 1, "alpha", wick_onnx_convert_unary, WICK_OP_THRESHOLDED_RELU, ""},
    {"Transpose", 1, 1, "perm", wick_onnx_convert_transpose, WICK_OP_TRANSPOSE,
     "that of the input from [N,H,W,C] vanishes; " MOVED},
    {"Unsqueeze", 1, 2, "axes", wick_onnx_convert_unsqueeze, WICK_OP_RESHAPE, ""},
    {"Upsample", 1, 2, "mode scales", wick_onnx_convert_resize, WICK_OP_RESIZE, "nearest"},
};

const wick_onnx_rule *wick_onnx_rule_of(const char *op) {
    for (size_t i = 0; i < WICK_LEN(rules); i++)
        if (!strcmp(rules[i].op, op))
            return &rules[i];
    return NULL;
}

const char *wick_onnx_rule_names(wick_onnx_import *im) {
    wick_buf names = {0};
    wick_buf_puts(&names, "supported:");
    for (size_t i = 0; i < WICK_LEN(rules); i++)
        wick_buf_printf(&names, " %s", rules[i].op);
    char *text = wick_arena_strdup(im->scratch, names.data);
    wick_buf_free(&names);
    return text;
}

/* --- docs/operators.md --- */

static const char *yes(bool does) {
    return does ? "yes" : "";
}

/* What vanishes needs no support. */
void wick_onnx_operators(wick_buf *out) {
    wick_buf_puts(
        out,
        "# ONNX operators\n\n"
        "Written by `wick check --operators`; a test keeps it current.\n\n"
        "Opsets 6 to 28. Every operator below is read and evaluated in float32 on the PC, with any "
        "float type in the file and\nwith external data. *Trains*: forward and backward by oneDNN or loops beside it; "
        "what does not train is evaluated by the reference\n(plain loops, slow). *Device*: int8 or int16 by "
        "a kernel (Softmax int8), int8 by a table of 256 values, or as part of another layer. Operators of constants are\nevaluated when "
        "the model is read, whatever this table says. Tensors have at most 6 dimensions. `wick check` "
        "lists every node of a\nmodel that stands in the way.\n\n"
        "| operator | trains | device | limits |\n|---|---|---|---|\n");
    for (size_t i = 0; i < WICK_LEN(rules); i++) {
        const wick_onnx_rule *r = &rules[i];
        bool gone = r->as == WICK_OP_COUNT;
        wick_buf_printf(out, "| %s | %s | %s | %s |\n", r->op, yes(gone || wick_op_trains(r->as)),
                        yes(gone || wick_op_device(r->as) != WICK_DEVICE_NO), r->limits);
    }
}
