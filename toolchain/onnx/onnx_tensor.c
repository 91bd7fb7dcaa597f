/* A tensor that is a file by itself. */
#include "onnx_import.h"

static double number(const wick_onnx_const *c, int64_t i) {
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
    case WICK_S64:
        break;
    }
    return (double)((const int64_t *)c->data)[i];
}

static wick_status take(const Onnx__TensorProto *proto, const char *file, wick_arena *arena,
                        wick_onnx_tensor *out, wick_diag *diag) {
    wick_arena *scratch = wick_arena_new();
    wick_onnx_import im = {.file = file, .diag = diag, .scratch = scratch};
    bool named = wick_onnx_legal_name(proto->name);
    wick_onnx_value value = {.name = named ? proto->name : "tensor", .constant = proto};
    wick_onnx_const c;
    wick_status status = wick_onnx_const_read(&im, &value, INT32_MAX, scratch, &c);
    if (status == WICK_OK) {
        out->name = wick_arena_strdup(arena, named ? proto->name : "");
        out->shape = c.shape;
        out->values = wick_new(arena, float, c.count);
        for (int64_t i = 0; i < c.count; i++)
            out->values[i] = (float)number(&c, i);
    }
    wick_arena_free(scratch);
    return status;
}

wick_status wick_onnx_tensor_read_bytes(const uint8_t *bytes, size_t len, const char *file,
                                        wick_arena *arena, wick_onnx_tensor *out, wick_diag *diag) {
    *out = (wick_onnx_tensor){0};
    wick_onnx_pool pool;
    wick_onnx_pool_init(&pool, 0);
    Onnx__TensorProto *proto;
    wick_status status = wick_onnx_unpack_tensor(bytes, len, file, &pool, &proto, diag);
    if (status == WICK_OK)
        status = take(proto, file, arena, out, diag);
    wick_onnx_pool_free(&pool);
    return status;
}

wick_status wick_onnx_tensor_read(const char *path, wick_arena *arena, wick_onnx_tensor *out,
                                  wick_diag *diag) {
    wick_arena *scratch = wick_arena_new();
    wick_bytes bytes;
    *out = (wick_onnx_tensor){0};
    wick_status status = wick_file_read(scratch, path, INT32_MAX, &bytes, diag);
    if (status == WICK_OK)
        status = wick_onnx_tensor_read_bytes(bytes.data, bytes.len, path, arena, out, diag);
    wick_arena_free(scratch);
    return status;
}
