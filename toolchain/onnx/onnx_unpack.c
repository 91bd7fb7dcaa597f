/* Bounded unpacking. protobuf-c frees on its error paths what it may also have linked elsewhere; a
   pool that ignores `free` and releases everything at the end cannot be freed twice or leak. */
#include "onnx_wire.h"

#include <stdlib.h>

typedef struct wick_onnx_chunk {
    _Alignas(max_align_t) struct wick_onnx_chunk *next;
} chunk;

static void *pool_alloc(void *data, size_t bytes) {
    wick_onnx_pool *pool = data;
    bool fits = bytes <= pool->limit_bytes - pool->used_bytes;
    chunk *fresh = fits ? malloc(sizeof *fresh + bytes) : NULL;
    if (!fresh) {
        pool->refused = true;
        return NULL;
    }
    fresh->next = pool->chunks;
    pool->chunks = fresh;
    pool->used_bytes += bytes;
    return fresh + 1;
}

static void pool_ignore(void *data, void *memory) {
    (void)data;
    (void)memory;
}

void wick_onnx_pool_init(wick_onnx_pool *pool, size_t limit_bytes) {
    *pool = (wick_onnx_pool){
        .allocator = {.alloc = pool_alloc, .free = pool_ignore, .allocator_data = pool},
        .limit_bytes = limit_bytes};
}

void wick_onnx_pool_free(wick_onnx_pool *pool) {
    for (chunk *c = pool->chunks; c;) {
        chunk *next = c->next;
        free(c);
        c = next;
    }
    pool->chunks = NULL;
}

/* NULL when something is wrong: reported. */
static ProtobufCMessage *unpack(const uint8_t *bytes, size_t len,
                                const ProtobufCMessageDescriptor *type, const char *file,
                                wick_onnx_pool *pool, wick_status *status, wick_diag *diag) {
    *status = wick_onnx_check_wire(bytes, len, type, file, diag);
    if (*status != WICK_OK)
        return NULL;
    pool->limit_bytes = WICK_ONNX_MEMORY + (size_t)WICK_ONNX_MEMORY_PER_BYTE * len;
    ProtobufCMessage *message = protobuf_c_message_unpack(type, &pool->allocator, len, bytes);
    if (!message && pool->refused)
        *status = wick_fail(diag, WICK_UNSUPPORTED, file, NULL, NULL,
                            "unpacking it takes more than %zu bytes of memory", pool->limit_bytes);
    else if (!message)
        *status = wick_fail(diag, WICK_SYNTAX, file, NULL, "is it an ONNX file?",
                            "its encoding is not one that protobuf-c accepts");
    return message;
}

wick_status wick_onnx_unpack(const uint8_t *bytes, size_t len, const char *file,
                             wick_onnx_pool *pool, Onnx__ModelProto **model, wick_diag *diag) {
    wick_status status;
    *model = (Onnx__ModelProto *)unpack(bytes, len, &onnx__model_proto__descriptor, file, pool,
                                        &status, diag);
    return status;
}

wick_status wick_onnx_unpack_tensor(const uint8_t *bytes, size_t len, const char *file,
                                    wick_onnx_pool *pool, Onnx__TensorProto **tensor,
                                    wick_diag *diag) {
    wick_status status;
    *tensor = (Onnx__TensorProto *)unpack(bytes, len, &onnx__tensor_proto__descriptor, file, pool,
                                          &status, diag);
    return status;
}
