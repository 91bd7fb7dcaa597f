/* Constants: every length is checked against the dimensions before anything is copied. */
#include "onnx_import.h"

#include <math.h>
#include <string.h>

static bool is_little_endian(void) {
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 1;
}

/* Copies `count` little-endian elements. */
static void copy_raw(uint8_t *dst, const uint8_t *src, int64_t count, size_t size) {
    size_t bytes = (size_t)count * size;
    if (is_little_endian()) {
        if (bytes)
            memcpy(dst, src, bytes);
        return;
    }
    for (size_t i = 0; i < bytes; i++)
        dst[i / size * size + (size - 1 - i % size)] = src[i];
}

static bool dtype_of(int32_t onnx_type, wick_dtype *out) {
    switch (onnx_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
        *out = WICK_F32;
        return true;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT8:
        *out = WICK_S8;
        return true;
    case ONNX__TENSOR_PROTO__DATA_TYPE__UINT8:
        *out = WICK_U8;
        return true;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32:
        *out = WICK_S32;
        return true;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
        *out = WICK_S64;
        return true;
    default:
        return false;
    }
}

static wick_status read_dims(wick_onnx_import *im, const Onnx__TensorProto *proto, const char *name,
                             wick_onnx_const *out) {
    if (proto->n_dims > WICK_MAX_RANK)
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, name, NULL,
                         "the constant has %zu dimensions; %d are supported", proto->n_dims,
                         WICK_MAX_RANK);
    int64_t count = 1;
    out->shape = (wick_shape){.rank = (int)proto->n_dims};
    for (size_t i = 0; i < proto->n_dims; i++) {
        int64_t d = proto->dims[i];
        if (d < 0 || d > INT32_MAX || __builtin_mul_overflow(count, d, &count) || count > INT32_MAX)
            return wick_fail(im->diag, WICK_RANGE, im->file, name, NULL,
                             "dimension %zu of the constant is %lld; all together may have at most "
                             "2^31 - 1 elements",
                             i, (long long)d);
        out->shape.dim[i] = d;
    }
    out->count = count;
    return WICK_OK;
}

/* int8, uint8 and int32 share int32_data. */
static bool copy_int32(const Onnx__TensorProto *proto, wick_onnx_const *out) {
    for (int64_t i = 0; i < out->count; i++) {
        int32_t v = proto->int32_data[i];
        if (out->dtype == WICK_S32)
            ((int32_t *)out->data)[i] = v;
        else if (out->dtype == WICK_S8 && v >= INT8_MIN && v <= INT8_MAX)
            ((int8_t *)out->data)[i] = (int8_t)v;
        else if (out->dtype == WICK_U8 && v >= 0 && v <= UINT8_MAX)
            ((uint8_t *)out->data)[i] = (uint8_t)v;
        else
            return false;
    }
    return true;
}

static size_t typed_count(const Onnx__TensorProto *proto, wick_dtype dtype) {
    return dtype == WICK_F32   ? proto->n_float_data
           : dtype == WICK_S64 ? proto->n_int64_data
                               : proto->n_int32_data;
}

static wick_status copy_elements(wick_onnx_import *im, const Onnx__TensorProto *proto,
                                 const char *name, wick_arena *arena, wick_onnx_const *out) {
    size_t size = wick_dtype_bytes(out->dtype), bytes = (size_t)out->count * size;
    size_t typed = proto->n_float_data + proto->n_int32_data + proto->n_int64_data +
                   proto->n_double_data + proto->n_uint64_data + proto->n_string_data;
    size_t have = proto->has_raw_data ? proto->raw_data.len : typed_count(proto, out->dtype) * size;
    if (have != bytes ||
        (proto->has_raw_data ? typed != 0 : typed != typed_count(proto, out->dtype)))
        return wick_fail(im->diag, WICK_SHAPE, im->file, name, "the file is damaged",
                         "the constant %s holds %zu bytes instead of %zu",
                         wick_shape_text(im->scratch, out->shape), have, bytes);
    out->data = wick_arena_alloc(arena, bytes);
    if (proto->has_raw_data)
        copy_raw(out->data, proto->raw_data.data, out->count, size);
    else if (out->dtype == WICK_F32 && bytes)
        memcpy(out->data, proto->float_data, bytes);
    else if (out->dtype == WICK_S64 && bytes)
        memcpy(out->data, proto->int64_data, bytes);
    else if (out->dtype != WICK_F32 && out->dtype != WICK_S64 && !copy_int32(proto, out))
        return wick_fail(im->diag, WICK_RANGE, im->file, name, "the file is damaged",
                         "the constant has an element outside of its type");
    return WICK_OK;
}

wick_status wick_onnx_const_read(wick_onnx_import *im, const wick_onnx_value *value,
                                 int64_t max_count, wick_arena *arena, wick_onnx_const *out) {
    const Onnx__TensorProto *proto = value->constant;
    const char *name = value->name;
    *out = (wick_onnx_const){0};
    if (proto->n_external_data ||
        proto->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT)
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, name,
                         "save the model as one file (onnx.save without external data)",
                         "the constant lies in another file");
    if (!dtype_of(proto->data_type, &out->dtype))
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, name,
                         "export the model with float32 weights",
                         "the constant has the ONNX type %d; float32, int8, uint8, int32 and int64 "
                         "are supported",
                         proto->data_type);
    if (proto->segment)
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, name, NULL,
                         "the constant is stored in segments");
    WICK_TRY(read_dims(im, proto, name, out));
    if (out->count > max_count)
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, name, NULL,
                         "the constant %s has more than %lld elements",
                         wick_shape_text(im->scratch, out->shape), (long long)max_count);
    return copy_elements(im, proto, name, arena, out);
}

/* --- constants as tensors of the graph --- */

/* Weights only: at least one element, no infinity, no NaN. What fails once is not tried again. */
static wick_status read_weights(wick_onnx_import *im, wick_onnx_value *value, wick_arena *arena,
                                wick_onnx_const *out) {
    value->broken = true;
    WICK_TRY(wick_onnx_const_read(im, value, INT32_MAX, arena, out));
    if (out->count == 0)
        return wick_fail(im->diag, WICK_SHAPE, im->file, value->name, NULL,
                         "the constant %s has no elements",
                         wick_shape_text(im->scratch, out->shape));
    const float *numbers = out->data;
    for (int64_t i = 0; out->dtype == WICK_F32 && i < out->count; i++)
        if (!isfinite(numbers[i]))
            return wick_fail(im->diag, WICK_RANGE, im->file, value->name,
                             "the training may have diverged", "element %lld is %s", (long long)i,
                             isnan(numbers[i]) ? "not a number" : "infinite");
    value->broken = false;
    return WICK_OK;
}

/* The data lies in the graph's arena already. */
static int add_constant(wick_onnx_import *im, const char *name, const wick_onnx_const *constant) {
    int t = wick_graph_tensor(im->graph, name, constant->dtype, constant->shape, NULL);
    im->graph->tensors[t].data = constant->data;
    return t;
}

wick_status wick_onnx_tensor_of(wick_onnx_import *im, wick_onnx_value *value, int *tensor) {
    if (value->tensor < 0) {
        wick_onnx_const constant;
        WICK_TRY(read_weights(im, value, im->graph->arena, &constant));
        value->tensor = add_constant(im, value->name, &constant);
    }
    *tensor = value->tensor;
    return WICK_OK;
}

wick_status wick_onnx_transposed(wick_onnx_import *im, wick_onnx_value *value, int *tensor) {
    if (value->transposed < 0) {
        if (value->constant->n_dims != 2 ||
            value->constant->data_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
            return wick_onnx_unsupported(im, NULL, "its weights '%s' are not a float matrix",
                                         value->name);
        wick_onnx_const c;
        WICK_TRY(read_weights(im, value, im->scratch, &c));
        int64_t rows = c.shape.dim[0], columns = c.shape.dim[1];
        float *turned = wick_new(im->graph->arena, float, c.count);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t k = 0; k < columns; k++)
                turned[k * rows + r] = ((const float *)c.data)[r * columns + k];
        c.shape = (wick_shape){2, {columns, rows}};
        c.data = turned;
        value->transposed = add_constant(im, wick_onnx_fresh(im, value->name, ".T"), &c);
    }
    *tensor = value->transposed;
    return WICK_OK;
}

wick_status wick_onnx_vector(wick_onnx_import *im, wick_onnx_value *value, int *tensor) {
    if (value->constant->n_dims == 1)
        return wick_onnx_tensor_of(im, value, tensor);
    if (value->vector < 0) {
        wick_onnx_const c;
        WICK_TRY(read_weights(im, value, im->graph->arena, &c));
        c.shape = (wick_shape){1, {c.count}};
        value->vector = add_constant(im, wick_onnx_fresh(im, value->name, ".flat"), &c);
    }
    *tensor = value->vector;
    return WICK_OK;
}

wick_status wick_onnx_const_ints(wick_onnx_import *im, int i, int64_t **values, int64_t *count) {
    const wick_onnx_value *value = wick_onnx_input(im, i);
    if (!value || !value->constant)
        return wick_onnx_unsupported(im, "export the model with a fixed input size",
                                     "its input %d is not a constant", i);
    wick_onnx_const c;
    WICK_TRY(wick_onnx_const_read(im, value, 64, im->scratch, &c));
    if (c.dtype != WICK_S64 && c.dtype != WICK_S32)
        return wick_onnx_unsupported(im, NULL, "its input %d is not a list of integers", i);
    *count = c.count;
    *values = wick_new(im->scratch, int64_t, c.count);
    for (int64_t k = 0; k < c.count; k++)
        (*values)[k] =
            c.dtype == WICK_S64 ? ((const int64_t *)c.data)[k] : ((const int32_t *)c.data)[k];
    return WICK_OK;
}

wick_status wick_onnx_const_scalar(wick_onnx_import *im, int i, float *out) {
    const wick_onnx_value *value = wick_onnx_input(im, i);
    if (!value)
        return WICK_OK;
    if (!value->constant)
        return wick_onnx_unsupported(im, NULL, "its input %d is not a constant", i);
    wick_onnx_const c;
    WICK_TRY(wick_onnx_const_read(im, value, 1, im->scratch, &c));
    if (c.dtype != WICK_F32 || c.count != 1)
        return wick_onnx_unsupported(im, NULL, "its input %d is not one float number", i);
    *out = *(const float *)c.data;
    return WICK_OK;
}
