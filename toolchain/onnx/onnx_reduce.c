/* Operators along dimensions. */
#include "onnx_import.h"

#include <string.h>

wick_status wick_onnx_convert_softmax(wick_onnx_import *im) {
    wick_attrs a = wick_attrs_default();
    int64_t axis = im->opset < 13 ? 1 : -1;
    wick_op op = !strcmp(im->node->op_type, "Softmax") ? WICK_OP_SOFTMAX : WICK_OP_LOG_SOFTMAX;
    WICK_TRY(wick_onnx_attr_int(im, "axis", &axis));
    if (im->blind)
        return WICK_OK;
    int in;
    wick_shape x, flat = {2, {1, 1}};
    WICK_TRY(wick_onnx_shaped(im, 0, &in, &x));
    WICK_TRY(wick_onnx_axis(im, axis, x.rank, &a.axis));
    if (im->opset >= 13 || a.axis == x.rank - 1)
        return wick_onnx_emit(im, op, &in, 1, &a);
    /* Until opset 12 everything from the axis on was one vector. */
    for (int d = 0; d < x.rank; d++)
        flat.dim[d >= a.axis] *= x.dim[d];
    a.axis = 1;
    WICK_TRY(wick_onnx_reshape_step(im, ".flat", in, flat, &in));
    WICK_TRY(wick_onnx_step(im, ".softmax", op, &in, 1, &a, &in));
    return wick_onnx_reshape(im, in, x);
}

wick_status wick_onnx_convert_arg(wick_onnx_import *im) {
    wick_attrs a = wick_attrs_default();
    int64_t axis = 0, keep = 1, last = 0;
    wick_op op = !strcmp(im->node->op_type, "ArgMax") ? WICK_OP_ARG_MAX : WICK_OP_ARG_MIN;
    WICK_TRY(wick_onnx_attr_int(im, "axis", &axis));
    WICK_TRY(wick_onnx_attr_int(im, "keepdims", &keep));
    WICK_TRY(wick_onnx_attr_int(im, "select_last_index", &last));
    if (im->blind)
        return WICK_OK;
    int in;
    wick_shape x;
    WICK_TRY(wick_onnx_shaped(im, 0, &in, &x));
    WICK_TRY(wick_onnx_axis(im, axis, x.rank, &a.axis));
    a.keep_dims = keep != 0;
    a.last_index = last != 0;
    return wick_onnx_emit(im, op, &in, 1, &a);
}

static wick_op reduce_op(const char *name) {
    return !strcmp(name, "ReduceMean")  ? WICK_OP_REDUCE_MEAN
           : !strcmp(name, "ReduceSum") ? WICK_OP_REDUCE_SUM
           : !strcmp(name, "ReduceMax") ? WICK_OP_REDUCE_MAX
                                        : WICK_OP_REDUCE_MIN;
}

wick_status wick_onnx_convert_reduce(wick_onnx_import *im) {
    wick_attrs a = wick_attrs_default();
    int64_t count, keep = 1, noop = 0;
    WICK_TRY(wick_onnx_attr_int(im, "keepdims", &keep));
    WICK_TRY(wick_onnx_attr_int(im, "noop_with_empty_axes", &noop));
    if (im->blind)
        return WICK_OK;
    int in;
    wick_shape x;
    wick_op op = reduce_op(im->node->op_type);
    WICK_TRY(wick_onnx_shaped(im, 0, &in, &x));
    WICK_TRY(wick_onnx_axes(im, x.rank, &a.axes, &count));
    if (count == 0 && noop)
        return wick_onnx_alias(im, 0);
    a.axes = count == 0 ? (1u << x.rank) - 1 : a.axes;
    a.keep_dims = keep != 0;
    /* The mean over height and width is a pool, which trains and runs on the device. */
    if (op != WICK_OP_REDUCE_MEAN || x.rank != 4 || a.axes != (1u << 2 | 1u << 3))
        return wick_onnx_emit(im, op, &in, 1, &a);
    if (keep)
        return wick_onnx_emit(im, WICK_OP_GLOBAL_AVG_POOL, &in, 1, NULL);
    WICK_TRY(wick_onnx_step(im, ".mean", WICK_OP_GLOBAL_AVG_POOL, &in, 1, NULL, &in));
    return wick_onnx_reshape(im, in, (wick_shape){2, {x.dim[0], x.dim[1]}});
}
