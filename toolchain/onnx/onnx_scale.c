/* QuantizeLinear and DequantizeLinear. */
#include "onnx_import.h"

#include <string.h>

/* Scale and zero point of QuantizeLinear and DequantizeLinear, and the axis: -1 when there is one
   scale for the whole tensor. */
static wick_status read_scale(wick_onnx_import *im, int64_t axis, int *in, int *n, wick_attrs *a) {
    wick_onnx_value *scale = wick_onnx_input(im, 1), *zero = wick_onnx_input(im, 2);
    if (!scale || !wick_onnx_is_constant(im, scale) || (zero && !wick_onnx_is_constant(im, zero)))
        return wick_onnx_unsupported(im, "use static quantization",
                                     "its scale or zero point is not a constant");
    WICK_TRY(wick_onnx_tensor_of(im, scale, &in[1]));
    *n = 2;
    if (zero) {
        WICK_TRY(wick_onnx_tensor_of(im, zero, &in[2]));
        *n = 3;
    }
    if (zero && !strcmp(im->node->op_type, "QuantizeLinear") &&
        im->graph->tensors[in[2]].dtype == WICK_S32)
        return wick_onnx_unsupported(im, "quantize to int8, uint8 or int16",
                                     "its zero point is neither int8, uint8 nor int16");
    wick_shape one = im->graph->tensors[in[1]].shape, shape;
    a->axis = -1;
    if (one.rank == 0 || (wick_shape_count(one) == 1 && !wick_onnx_attr_has(im, "axis")))
        return WICK_OK;
    shape = im->graph->tensors[in[0]].shape;
    return wick_onnx_axis(im, axis, shape.rank, &a->axis);
}

wick_status wick_onnx_convert_scaled(wick_onnx_import *im) {
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
    WICK_TRY(wick_onnx_operand(im, 0, &in[0]));
    WICK_TRY(read_scale(im, axis, in, &n, &a));
    return wick_onnx_emit(im, quantize ? WICK_OP_QUANTIZE : WICK_OP_DEQUANTIZE, in, n, &a);
}
