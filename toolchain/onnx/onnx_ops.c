/* Operators that have a counterpart in the graph. Each function reads the attributes first, so that
   they are judged even where an input could not be converted (`blind`), then the inputs. */
#include "onnx_import.h"

#include <float.h>
#include <string.h>

/* --- windows: Conv, MaxPool, AveragePool --- */

typedef struct window {
    const char *auto_pad;
    int64_t ceil_mode;
    bool has_kernel;
} window;

static wick_status read_window(wick_onnx_import *im, wick_attrs *a, window *w) {
    *w = (window){.has_kernel = wick_onnx_attr_has(im, "kernel_shape")};
    WICK_TRY(wick_onnx_attr_extents(im, "kernel_shape", 2, a->kernel));
    WICK_TRY(wick_onnx_attr_extents(im, "strides", 2, a->stride));
    WICK_TRY(wick_onnx_attr_extents(im, "dilations", 2, a->dilation));
    WICK_TRY(wick_onnx_attr_extents(im, "pads", 4, a->pad));
    WICK_TRY(wick_onnx_attr_text(im, "auto_pad", &w->auto_pad));
    WICK_TRY(wick_onnx_attr_int(im, "ceil_mode", &w->ceil_mode));
    const char *pad = w->auto_pad ? w->auto_pad : "NOTSET";
    if (strcmp(pad, "NOTSET") && strcmp(pad, "VALID") && strcmp(pad, "SAME_UPPER") &&
        strcmp(pad, "SAME_LOWER"))
        return wick_onnx_unsupported(im, "export with explicit pads", "auto_pad '%s'", pad);
    bool padded = a->pad[0] || a->pad[1] || a->pad[2] || a->pad[3];
    if (strcmp(pad, "NOTSET") && padded)
        return wick_onnx_unsupported(im, "export with explicit pads", "both pads and auto_pad");
    return WICK_OK;
}

/* SAME_*: as many outputs as ceil(size / stride); an odd padding goes to the end (UPPER) or the
   beginning (LOWER). ONNX operators, Conv, auto_pad. */
static wick_status resolve_padding(wick_onnx_import *im, int x, wick_attrs *a, const window *w) {
    bool same = w->auto_pad && !strncmp(w->auto_pad, "SAME", 4);
    if (!same && !w->ceil_mode)
        return WICK_OK;
    wick_shape shape;
    WICK_TRY(wick_onnx_shape(im, x, &shape));
    for (int i = 0; i < 2 && shape.rank == 4; i++) {
        int64_t size = shape.dim[2 + i], stride = a->stride[i] > 0 ? a->stride[i] : 1;
        int64_t extent = (int64_t)a->dilation[i] * (a->kernel[i] - 1) + 1;
        if (same) {
            int64_t total = ((size + stride - 1) / stride - 1) * stride + extent - size;
            if (total < 0)
                total = 0;
            if (total > INT32_MAX)
                return wick_onnx_unsupported(im, NULL, "a window of %lld", (long long)extent);
            bool lower = !strcmp(w->auto_pad, "SAME_LOWER");
            a->pad[i] = (int)(lower ? total - total / 2 : total / 2);
            a->pad[i + 2] = (int)(total - a->pad[i]);
        } else if ((size + a->pad[i] + a->pad[i + 2] - extent) % stride != 0) {
            return wick_onnx_unsupported(im, "export with ceil_mode off",
                                         "ceil_mode counts windows that reach beyond the input");
        }
    }
    return WICK_OK;
}

static wick_status convert_conv(wick_onnx_import *im) {
    wick_attrs a = wick_attrs_default();
    window w;
    int64_t groups = 1;
    WICK_TRY(read_window(im, &a, &w));
    WICK_TRY(wick_onnx_attr_int(im, "group", &groups));
    if (groups < 1 || groups > INT32_MAX)
        return wick_onnx_unsupported(im, NULL, "%lld groups", (long long)groups);
    a.groups = (int)groups;
    if (im->blind)
        return WICK_OK;
    int in[3], n = 2;
    WICK_TRY(wick_onnx_activation(im, 0, &in[0]));
    WICK_TRY(wick_onnx_weight(im, 1, &in[1]));
    WICK_TRY(wick_onnx_weight(im, 2, &in[2]));
    if (in[1] < 0)
        return wick_onnx_unsupported(im, NULL, "it has no weights");
    wick_shape shape;
    WICK_TRY(wick_onnx_shape(im, in[1], &shape));
    if (shape.rank != 4)
        return wick_onnx_unsupported(im, "only two-dimensional convolutions are supported",
                                     "its weights are %s", wick_shape_text(im->scratch, shape));
    for (int i = 0; i < 2 && !w.has_kernel; i++)
        a.kernel[i] = (int)shape.dim[2 + i];
    WICK_TRY(resolve_padding(im, in[0], &a, &w));
    n += in[2] >= 0;
    return wick_onnx_emit(im, WICK_OP_CONV, in, n, &a);
}

static wick_status convert_pool(wick_onnx_import *im) {
    wick_attrs a = wick_attrs_default();
    window w;
    int64_t storage_order = 0, count_include_pad = 0;
    bool max = !strcmp(im->node->op_type, "MaxPool");
    WICK_TRY(read_window(im, &a, &w));
    WICK_TRY(wick_onnx_attr_int(im, "storage_order", &storage_order));
    WICK_TRY(wick_onnx_attr_int(im, "count_include_pad", &count_include_pad));
    a.count_include_pad = count_include_pad != 0;
    if (!w.has_kernel)
        return wick_onnx_unsupported(im, NULL, "it has no kernel_shape");
    if (storage_order != 0)
        return wick_onnx_unsupported(im, NULL, "column-major storage_order");
    if (!max && (a.dilation[0] != 1 || a.dilation[1] != 1))
        return wick_onnx_unsupported(im, NULL, "a dilated average");
    if (im->blind)
        return WICK_OK;
    int in;
    WICK_TRY(wick_onnx_activation(im, 0, &in));
    WICK_TRY(resolve_padding(im, in, &a, &w));
    return wick_onnx_emit(im, max ? WICK_OP_MAX_POOL : WICK_OP_AVG_POOL, &in, 1, &a);
}

/* --- fully connected --- */

static wick_status convert_gemm(wick_onnx_import *im) {
    int64_t trans_a = 0, trans_b = 0;
    float alpha = 1, beta = 1;
    WICK_TRY(wick_onnx_attr_int(im, "transA", &trans_a));
    WICK_TRY(wick_onnx_attr_int(im, "transB", &trans_b));
    WICK_TRY(wick_onnx_attr_float(im, "alpha", &alpha));
    WICK_TRY(wick_onnx_attr_float(im, "beta", &beta));
    bool has_c = im->node->n_input > 2 && im->node->input[2][0];
    if (trans_a || !(alpha >= 1 && alpha <= 1) || (has_c && !(beta >= 1 && beta <= 1)))
        return wick_onnx_unsupported(im, "export y = x W^T + b",
                                     "transA = %lld, alpha = %g, beta = %g", (long long)trans_a,
                                     (double)alpha, (double)beta);
    if (im->blind)
        return WICK_OK;
    int in[3] = {-1, -1, -1};
    WICK_TRY(wick_onnx_activation(im, 0, &in[0]));
    wick_onnx_value *weights = wick_onnx_input(im, 1), *bias = wick_onnx_input(im, 2);
    if (!trans_b && weights && weights->constant)
        WICK_TRY(wick_onnx_transposed(im, weights, &in[1]));
    else
        WICK_TRY(wick_onnx_weight(im, 1, &in[1]));
    if (in[1] < 0 || (!trans_b && !weights->constant))
        return wick_onnx_unsupported(im, "export y = x W^T + b (transB = 1)",
                                     "its weights are not a constant, or quantized and transposed");
    if (bias && bias->constant) {
        const Onnx__TensorProto *c = bias->constant;
        bool row = c->n_dims == 1 || (c->n_dims == 2 && c->dims[0] == 1);
        if (!row)
            return wick_onnx_unsupported(im, NULL, "its bias '%s' is not one row", bias->name);
        WICK_TRY(wick_onnx_vector(im, bias, &in[2]));
    } else {
        WICK_TRY(wick_onnx_weight(im, 2, &in[2]));
    }
    return wick_onnx_emit(im, WICK_OP_GEMM, in, in[2] >= 0 ? 3 : 2, NULL);
}

/* --- normalisation and activations --- */

static wick_status convert_batch_norm(wick_onnx_import *im) {
    wick_attrs a = wick_attrs_default();
    int64_t training = 0, spatial = 1;
    WICK_TRY(wick_onnx_attr_float(im, "epsilon", &a.epsilon));
    WICK_TRY(wick_onnx_attr_float(im, "momentum", &a.momentum));
    WICK_TRY(wick_onnx_attr_int(im, "training_mode", &training));
    WICK_TRY(wick_onnx_attr_int(im, "spatial", &spatial));
    if (training)
        return wick_onnx_unsupported(im, "export the model for inference (model.eval())",
                                     "it is in training mode");
    if (!spatial)
        return wick_onnx_unsupported(im, NULL, "spatial = 0");
    if (im->blind)
        return WICK_OK;
    int in[5];
    WICK_TRY(wick_onnx_activation(im, 0, &in[0]));
    for (int i = 1; i < 5; i++) {
        wick_onnx_value *value = wick_onnx_input(im, i);
        if (!value || !value->constant)
            return wick_onnx_unsupported(im, NULL, "its input %d is not a constant", i);
        WICK_TRY(wick_onnx_tensor_of(im, value, &in[i]));
    }
    return wick_onnx_emit(im, WICK_OP_BATCH_NORM, in, 5, &a);
}

static wick_status convert_unary(wick_onnx_import *im) {
    bool relu = !strcmp(im->node->op_type, "Relu");
    if (im->blind)
        return WICK_OK;
    int in;
    WICK_TRY(wick_onnx_activation(im, 0, &in));
    return wick_onnx_emit(im, relu ? WICK_OP_RELU : WICK_OP_GLOBAL_AVG_POOL, &in, 1, NULL);
}

static wick_status convert_clip(wick_onnx_import *im) {
    wick_attrs a = wick_attrs_default();
    a.clip_min = -FLT_MAX;
    a.clip_max = FLT_MAX;
    WICK_TRY(wick_onnx_attr_float(im, "min", &a.clip_min));
    WICK_TRY(wick_onnx_attr_float(im, "max", &a.clip_max));
    if (im->blind)
        return WICK_OK;
    int in;
    WICK_TRY(wick_onnx_activation(im, 0, &in));
    WICK_TRY(wick_onnx_const_scalar(im, 1, &a.clip_min));
    WICK_TRY(wick_onnx_const_scalar(im, 2, &a.clip_max));
    return wick_onnx_emit(im, WICK_OP_CLIP, &in, 1, &a);
}

/* An axis that may count from the end, made to count from the front. */
static wick_status resolve_axis(wick_onnx_import *im, int64_t axis, int rank, int *out) {
    int64_t resolved = axis < 0 ? axis + rank : axis;
    if (resolved < 0 || resolved >= rank)
        return wick_fail(im->diag, WICK_SHAPE, im->file, im->place, NULL,
                         "axis %lld does not exist in a tensor of %d dimensions", (long long)axis,
                         rank);
    *out = (int)resolved;
    return WICK_OK;
}

static wick_status convert_softmax(wick_onnx_import *im) {
    wick_attrs a = wick_attrs_default();
    int64_t axis = im->opset < 13 ? 1 : -1;
    WICK_TRY(wick_onnx_attr_int(im, "axis", &axis));
    if (im->blind)
        return WICK_OK;
    int in;
    wick_shape shape;
    WICK_TRY(wick_onnx_activation(im, 0, &in));
    WICK_TRY(wick_onnx_shape(im, in, &shape));
    WICK_TRY(resolve_axis(im, axis, shape.rank, &a.axis));
    /* Until opset 12 everything from the axis on was one vector. */
    if (im->opset < 13 && a.axis != shape.rank - 1)
        return wick_onnx_unsupported(im, "export with opset 13 or later",
                                     "axis %d of %d dimensions in opset %lld", a.axis, shape.rank,
                                     (long long)im->opset);
    return wick_onnx_emit(im, WICK_OP_SOFTMAX, &in, 1, &a);
}

static wick_status convert_flatten(wick_onnx_import *im) {
    wick_attrs a = wick_attrs_default();
    int64_t axis = 1;
    WICK_TRY(wick_onnx_attr_int(im, "axis", &axis));
    if (im->blind)
        return WICK_OK;
    int in;
    wick_shape shape;
    WICK_TRY(wick_onnx_activation(im, 0, &in));
    WICK_TRY(wick_onnx_shape(im, in, &shape));
    WICK_TRY(resolve_axis(im, axis, shape.rank, &a.axis));
    if (a.axis != 1)
        return wick_onnx_unsupported(im, "export with axis 1", "axis %lld", (long long)axis);
    return wick_onnx_emit(im, WICK_OP_FLATTEN, &in, 1, &a);
}

static wick_status convert_concat(wick_onnx_import *im) {
    wick_attrs a = wick_attrs_default();
    int64_t axis = 1;
    if (!wick_onnx_attr_has(im, "axis"))
        return wick_onnx_unsupported(im, NULL, "it has no axis");
    WICK_TRY(wick_onnx_attr_int(im, "axis", &axis));
    if (im->blind)
        return WICK_OK;
    int n = (int)im->node->n_input;
    int *in = wick_new(im->scratch, int, n);
    for (int i = 0; i < n; i++)
        WICK_TRY(wick_onnx_activation(im, i, &in[i]));
    wick_shape shape;
    WICK_TRY(wick_onnx_shape(im, in[0], &shape));
    WICK_TRY(resolve_axis(im, axis, shape.rank, &a.axis));
    if (a.axis == 0)
        return wick_onnx_unsupported(im, NULL, "it joins images of a batch (axis 0)");
    return wick_onnx_emit(im, WICK_OP_CONCAT, in, n, &a);
}

/* --- quantization --- */

/* Scale and zero point of QuantizeLinear and DequantizeLinear, and the axis: -1 when there is one
   scale for the whole tensor. */
static wick_status read_scale(wick_onnx_import *im, int64_t axis, int *in, int *n, wick_attrs *a) {
    wick_onnx_value *scale = wick_onnx_input(im, 1), *zero = wick_onnx_input(im, 2);
    if (!scale || !scale->constant || (zero && !zero->constant))
        return wick_onnx_unsupported(im, "use static quantization",
                                     "its scale or zero point is not a constant");
    WICK_TRY(wick_onnx_tensor_of(im, scale, &in[1]));
    *n = 2;
    if (zero) {
        WICK_TRY(wick_onnx_tensor_of(im, zero, &in[2]));
        *n = 3;
    }
    wick_shape one = im->graph->tensors[in[1]].shape, shape;
    a->axis = -1;
    if (one.rank == 0 || (wick_shape_count(one) == 1 && !wick_onnx_attr_has(im, "axis")))
        return WICK_OK;
    WICK_TRY(wick_onnx_shape(im, in[0], &shape));
    return resolve_axis(im, axis, shape.rank, &a->axis);
}

static wick_status convert_scaled(wick_onnx_import *im) {
    bool quantize = !strcmp(im->node->op_type, "QuantizeLinear");
    wick_attrs a = wick_attrs_default();
    int64_t axis = 1, block_size = 0, output_dtype = 0, saturate = 1, precision = 0;
    WICK_TRY(wick_onnx_attr_int(im, "axis", &axis));
    WICK_TRY(wick_onnx_attr_int(im, "block_size", &block_size));
    WICK_TRY(wick_onnx_attr_int(im, "output_dtype", &output_dtype));
    WICK_TRY(wick_onnx_attr_int(im, "saturate", &saturate));
    WICK_TRY(wick_onnx_attr_int(im, "precision", &precision));
    if (block_size != 0)
        return wick_onnx_unsupported(im, "quantize per tensor or per channel", "block_size %lld",
                                     (long long)block_size);
    int64_t float_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    if ((precision != 0 && precision != float_type) ||
        (output_dtype != 0 && (quantize || output_dtype != float_type)))
        return wick_onnx_unsupported(im, "give the type by the zero point",
                                     "output_dtype %lld, precision %lld", (long long)output_dtype,
                                     (long long)precision);
    if (im->blind)
        return WICK_OK;
    int in[3], n = 0;
    wick_onnx_value *x = wick_onnx_input(im, 0);
    if (!quantize && x && x->constant)
        WICK_TRY(wick_onnx_tensor_of(im, x, &in[0]));
    else
        WICK_TRY(wick_onnx_activation(im, 0, &in[0]));
    WICK_TRY(read_scale(im, axis, in, &n, &a));
    return wick_onnx_emit(im, quantize ? WICK_OP_QUANTIZE : WICK_OP_DEQUANTIZE, in, n, &a);
}

static wick_status convert_constant(wick_onnx_import *im) {
    const Onnx__TensorProto *constant;
    WICK_TRY(wick_onnx_attr_constant(im, &constant));
    im->values[wick_onnx_names_find(im->names, im->node->output[0])].constant = constant;
    return WICK_OK;
}

/* --- the table --- */

#define WINDOW "auto_pad dilations kernel_shape pads strides"
#define SCALED "axis block_size output_dtype precision saturate"

static const wick_onnx_rule rules[] = {
    {"Add", 2, 2, "", wick_onnx_convert_add},
    {"AveragePool", 1, 1, WINDOW " ceil_mode count_include_pad", convert_pool},
    {"BatchNormalization", 5, 5, "epsilon momentum spatial training_mode", convert_batch_norm},
    {"Clip", 1, 3, "max min", convert_clip},
    {"Concat", 1, -1, "axis", convert_concat},
    {"Constant", 0, 0, "value value_float value_floats value_int value_ints", convert_constant},
    {"Conv", 2, 3, WINDOW " group", convert_conv},
    {"DequantizeLinear", 2, 3, SCALED, convert_scaled},
    {"Dropout", 1, 3, "ratio seed", wick_onnx_convert_dropout},
    {"Flatten", 1, 1, "axis", convert_flatten},
    {"Gemm", 2, 3, "alpha beta transA transB", convert_gemm},
    {"GlobalAveragePool", 1, 1, "", convert_unary},
    {"Identity", 1, 1, "", wick_onnx_convert_identity},
    {"MatMul", 2, 2, "", wick_onnx_convert_matmul},
    {"MaxPool", 1, 1, WINDOW " ceil_mode storage_order", convert_pool},
    {"Pad", 1, 4, "mode pads value", wick_onnx_convert_pad},
    {"QuantizeLinear", 2, 3, SCALED, convert_scaled},
    {"ReduceMean", 1, 2, "axes keepdims noop_with_empty_axes", wick_onnx_convert_reduce_mean},
    {"Relu", 1, 1, "", convert_unary},
    {"Reshape", 2, 2, "allowzero", wick_onnx_convert_reshape},
    {"Softmax", 1, 1, "axis", convert_softmax},
    {"Squeeze", 1, 2, "axes", wick_onnx_convert_squeeze},
    {"Transpose", 1, 1, "perm", wick_onnx_convert_transpose},
};

const wick_onnx_rule *wick_onnx_rule_of(const char *op) {
    for (size_t i = 0; i < WICK_LEN(rules); i++)
        if (!strcmp(rules[i].op, op))
            return &rules[i];
    return NULL;
}

const char *wick_onnx_rule_names(wick_onnx_import *im) {
    const char *names = "supported:";
    for (size_t i = 0; i < WICK_LEN(rules); i++)
        names = wick_arena_printf(im->scratch, "%s %s", names, rules[i].op);
    return names;
}
