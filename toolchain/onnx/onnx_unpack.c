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

wick_status wick_onnx_unpack(const uint8_t *bytes, size_t len, const char *file,
                             wick_onnx_pool *pool, Onnx__ModelProto **model, wick_diag *diag) {
    *model = NULL;
    WICK_TRY(wick_onnx_check_wire(bytes, len, file, diag));
    pool->limit_bytes = WICK_ONNX_MEMORY + (size_t)WICK_ONNX_MEMORY_PER_BYTE * len;
    *model = onnx__model_proto__unpack(&pool->allocator, len, bytes);
    if (!*model && pool->refused)
        return wick_fail(diag, WICK_UNSUPPORTED, file, NULL, NULL,
                         "unpacking it takes more than %zu bytes of memory", pool->limit_bytes);
    if (!*model)
        return wick_fail(diag, WICK_SYNTAX, file, NULL, "is it an ONNX file?",
                         "its encoding is not one that protobuf-c accepts");
    return WICK_OK;
}
