/* Operators that leave nothing behind: constants, shapes, other names of the same thing. */
#include "onnx_import.h"

#include <string.h>

wick_status wick_onnx_convert_constant(wick_onnx_import *im) {
    const Onnx__TensorProto *constant;
    WICK_TRY(wick_onnx_attr_constant(im, &constant));
    im->values[wick_onnx_names_find(im->names, im->node->output[0])].constant = constant;
    return WICK_OK;
}

wick_status wick_onnx_convert_identity(wick_onnx_import *im) {
    return im->blind ? WICK_OK : wick_onnx_alias(im, 0);
}

/* In inference Dropout passes its input on. */
wick_status wick_onnx_convert_dropout(wick_onnx_import *im) {
    if (im->blind)
        return WICK_OK;
    const wick_onnx_value *training = wick_onnx_input(im, 2);
    if (training) {
        const Onnx__TensorProto *c = training->constant;
        bool off = c && ((c->has_raw_data && c->raw_data.len == 1 && c->raw_data.data[0] == 0) ||
                         (c->n_int32_data == 1 && c->int32_data[0] == 0));
        if (!off)
            return wick_onnx_unsupported(im, "export the model for inference (model.eval())",
                                         "it may be in training mode");
    }
    return wick_onnx_alias(im, 0);
}

/* --- types --- */

static bool type_of(int64_t type, wick_dtype *out) {
    switch (type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16:
    case ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16:
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
        *out = WICK_F32;
        return true;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
        *out = WICK_S64;
        return true;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32:
        *out = WICK_S32;
        return true;
    default:
        return false;
    }
}

static double number_at(const wick_onnx_const *c, int64_t i) {
    switch (c->dtype) {
    case WICK_F32:
        return (double)((const float *)c->data)[i];
    case WICK_S8:
        return ((const int8_t *)c->data)[i];
    case WICK_U8:
        return ((const uint8_t *)c->data)[i];
    case WICK_S16:
        return ((const int16_t *)c->data)[i];
    case WICK_S32:
        return ((const int32_t *)c->data)[i];
    default:
        return (double)((const int64_t *)c->data)[i];
    }
}

/* Towards zero; what is no number or lies outside becomes the nearest that is not. */
static int64_t to_whole(double value, double limit) {
    return !(value > -limit) ? (value < 0 ? -(int64_t)limit : 0)
           : value > limit   ? (int64_t)limit
                             : (int64_t)value;
}

static void *cast(wick_onnx_import *im, const wick_onnx_const *c, wick_dtype to) {
    void *out = wick_arena_alloc(im->scratch, (size_t)c->count * wick_dtype_bytes(to));
    for (int64_t i = 0; i < c->count; i++) {
        double value = number_at(c, i);
        if (to == WICK_F32)
            ((float *)out)[i] = (float)value;
        else if (to == WICK_S32)
            ((int32_t *)out)[i] = (int32_t)to_whole(value, INT32_MAX);
        else if (c->dtype == WICK_S64)
            ((int64_t *)out)[i] = ((const int64_t *)c->data)[i];
        else
            ((int64_t *)out)[i] = to_whole(value, 9007199254740992.0);
    }
    return out;
}

/* Between float types nothing happens: everything is computed in float32. */
wick_status wick_onnx_convert_cast(wick_onnx_import *im) {
    int64_t to = 0, saturate = 1;
    wick_dtype dtype;
    const char *mode;
    WICK_TRY(wick_onnx_attr_int(im, "to", &to));
    WICK_TRY(wick_onnx_attr_int(im, "saturate", &saturate));
    WICK_TRY(wick_onnx_attr_text(im, "round_mode", &mode));
    if (!type_of(to, &dtype))
        return wick_onnx_unsupported(im, NULL, "to the ONNX type %lld", (long long)to);
    if (im->blind)
        return WICK_OK;
    wick_onnx_value *x = wick_onnx_input(im, 0);
    if (!x)
        return wick_onnx_unsupported(im, NULL, "its input 0 is left out");
    if (!wick_onnx_is_constant(im, x)) {
        if (im->graph->tensors[x->tensor].dtype == dtype)
            return wick_onnx_alias(im, 0);
        return wick_onnx_unsupported(im, "only casts between float types and of constants",
                                     "from another type to the ONNX type %lld", (long long)to);
    }
    wick_onnx_const c;
    WICK_TRY(wick_onnx_const_read(im, x, INT32_MAX, im->scratch, &c));
    if (c.count < 1)
        return wick_onnx_unsupported(im, NULL, "of a constant without elements");
    WICK_TRY(wick_onnx_afford(im, 3 * c.count, sizeof(int64_t)));
    wick_onnx_result(im, 0, wick_onnx_new_const(im, ".cast", dtype, c.shape, cast(im, &c, dtype)));
    return WICK_OK;
}

/* --- shapes --- */

wick_status wick_onnx_convert_shape(wick_onnx_import *im) {
    int64_t start = 0, end = INT64_MAX;
    WICK_TRY(wick_onnx_attr_int(im, "start", &start));
    WICK_TRY(wick_onnx_attr_int(im, "end", &end));
    if (im->blind)
        return WICK_OK;
    int in;
    wick_shape x;
    WICK_TRY(wick_onnx_shaped(im, 0, &in, &x));
    start = start < 0 ? start + x.rank : start;
    end = end < 0 ? end + x.rank : end;
    start = start < 0 ? 0 : start;
    end = end > x.rank ? x.rank : end;
    if (start >= end)
        return wick_onnx_unsupported(im, NULL, "of no dimension");
    wick_onnx_result(
        im, 0,
        wick_onnx_new_const(im, ".shape", WICK_S64, (wick_shape){1, {end - start}}, x.dim + start));
    return WICK_OK;
}

enum { MAX_FILLED = 1 << 18 };

wick_status wick_onnx_convert_constant_of_shape(wick_onnx_import *im) {
    const Onnx__TensorProto *proto = NULL;
    for (size_t i = 0; i < im->node->n_attribute; i++)
        proto = im->node->attribute[i]->t;
    if (im->blind)
        return WICK_OK;
    float zero = 0;
    wick_onnx_const value = {.dtype = WICK_F32, .count = 1, .data = &zero};
    const wick_onnx_value holder = {.name = im->place, .constant = proto};
    if (proto)
        WICK_TRY(wick_onnx_const_read(im, &holder, 1, im->scratch, &value));
    int64_t *want, count, elements = 1;
    wick_shape shape = {0};
    WICK_TRY(wick_onnx_const_ints(im, 0, &want, &count));
    shape.rank = count > WICK_MAX_RANK ? 0 : (int)count;
    for (int d = 0; d < shape.rank; d++) {
        shape.dim[d] = want[d];
        if (want[d] < 1 || want[d] > MAX_FILLED || (elements *= want[d]) > MAX_FILLED)
            elements = MAX_FILLED + 1;
    }
    if (count > WICK_MAX_RANK || elements > MAX_FILLED || value.count != 1)
        return wick_onnx_unsupported(im, NULL, "of %lld dimensions or more than %d elements",
                                     (long long)count, MAX_FILLED);
    size_t size = wick_dtype_bytes(value.dtype);
    WICK_TRY(wick_onnx_afford(im, 2 * elements, size));
    uint8_t *data = wick_arena_alloc(im->scratch, (size_t)elements * size);
    for (int64_t i = 0; i < elements; i++)
        memcpy(data + (size_t)i * size, value.data, size);
    wick_onnx_result(im, 0, wick_onnx_new_const(im, ".filled", value.dtype, shape, data));
    return WICK_OK;
}
