/* From untrusted bytes to protobuf-c's structures: a walk over the wire format, then an unpack with
   bounded memory. Internal to toolchain/onnx. */
#ifndef WICK_ONNX_WIRE_H
#define WICK_ONNX_WIRE_H

#include "base/base.h"

#include <onnx/onnx.pb-c.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    WICK_ONNX_MAX_DEPTH = 16,         /* nested messages; a tensor of a node's attribute is at 4 */
    WICK_ONNX_MAX_FIELDS = 1 << 22,   /* fields of all messages together */
    WICK_ONNX_MAX_MESSAGES = 1 << 20, /* messages of all kinds together */
    WICK_ONNX_MAX_NODES = 1 << 14,
    WICK_ONNX_MAX_INITIALIZERS = 1 << 14,
    WICK_ONNX_MAX_VALUES = 1 << 16, /* names of tensors */
    WICK_ONNX_MEMORY = 64 << 20,    /* bytes that a model of any size may take ... */
    WICK_ONNX_MEMORY_PER_BYTE = 8   /* ... and for each byte of its file */
};

/* Checks that the bytes are one well-formed message of the type, a ModelProto or a TensorProto, by
   protobuf-c's own descriptors: wire types, lengths within the enclosing message, nesting, counts,
   strings in UTF-8 without NUL, no field twice that may occur once. What passes is also what
   protobuf-c accepts, without its having to merge messages. TRUNCATED when the last field reaches
   beyond the end, else SYNTAX; both name the byte. UNSUPPORTED beyond the limits above. */
wick_status wick_onnx_check_wire(const uint8_t *bytes, size_t len,
                                 const ProtobufCMessageDescriptor *type, const char *file,
                                 wick_diag *diag);

/* Memory of one unpacked model: everything is released at once, whatever protobuf-c does. */
typedef struct wick_onnx_pool {
    ProtobufCAllocator allocator;
    struct wick_onnx_chunk *chunks;
    size_t used_bytes, limit_bytes;
    bool refused; /* something was refused for the limit or lack of memory */
} wick_onnx_pool;

/* Starts an empty pool of at most limit_bytes. It may not be moved. */
void wick_onnx_pool_init(wick_onnx_pool *pool, size_t limit_bytes);
void wick_onnx_pool_free(wick_onnx_pool *pool);

/* wick_onnx_check_wire, then protobuf-c's unpack into `pool`, whose limit is set from the length.
 *model lives as long as the pool. */
wick_status wick_onnx_unpack(const uint8_t *bytes, size_t len, const char *file,
                             wick_onnx_pool *pool, Onnx__ModelProto **model, wick_diag *diag);
/* The same of one tensor that is a file by itself. */
wick_status wick_onnx_unpack_tensor(const uint8_t *bytes, size_t len, const char *file,
                                    wick_onnx_pool *pool, Onnx__TensorProto **tensor,
                                    wick_diag *diag);

#endif
