/* ONNX in and out: the one model format between all stages. */
#ifndef WICK_ONNX_H
#define WICK_ONNX_H

#include "graph/graph.h"

/* Reads an untrusted ONNX file: nesting and sizes are checked before protobuf-c unpacks it, through
   a bounded allocator; external data only from regular files within the model's folder. Opsets 6 to
   28, the operators of docs/operators.md. The result is pruned, inferred (N = 1), normalised and
   segmented; its weights are finite float32 whatever float type the file has, and its input is
   float32. Without wick.* metadata each graph output is a head in the order of the file and there
   are no features; a head has any shape and type. Gone are nodes that compute constants (they are
   evaluated), Identity, Dropout, shape arithmetic, and what wick_graph_normalise takes out; an
   input [N,H,W,C] that is transposed first of all is [N,C,H,W] here, windows of one dimension are
   ones of two, one pixel high. TRUNCATED and SYNTAX name the byte or the node, UNSUPPORTED comes
   with one diagnostic for every node that a result needs and that cannot be converted; SHAPE,
   RANGE, NOT_FOUND, IO. *out is NULL unless OK; the caller frees it with wick_graph_free. */
wick_status wick_onnx_read(const char *path, wick_graph **out, wick_diag *diag);

typedef struct wick_onnx_options {
    bool keep_batch; /* N is the file's own, default false: 1 */
} wick_onnx_options;
/* The same from memory, without external data; `name` is what messages call the file; options may
   be NULL. */
wick_status wick_onnx_read_bytes(const uint8_t *bytes, size_t len, const char *name,
                                 const wick_onnx_options *options, wick_graph **out,
                                 wick_diag *diag);

/* One tensor as a file, as the inputs and outputs of ONNX's own tests lie beside a model
   (TensorProto). */
typedef struct wick_onnx_tensor {
    const char *name; /* "" when it has none */
    wick_shape shape;
    float *values; /* row-major; whatever type the file has, numbers of 64 bits rounded */
} wick_onnx_tensor;
/* Reads an untrusted one; name and values are in `arena`. TRUNCATED, SYNTAX, UNSUPPORTED (its type,
   data outside the file), SHAPE, NOT_FOUND, IO. */
wick_status wick_onnx_tensor_read(const char *path, wick_arena *arena, wick_onnx_tensor *out,
                                  wick_diag *diag);
wick_status wick_onnx_tensor_read_bytes(const uint8_t *bytes, size_t len, const char *file,
                                        wick_arena *arena, wick_onnx_tensor *out, wick_diag *diag);

/* Appends docs/operators.md: every ONNX operator that is read, and what can be done with it. */
void wick_onnx_operators(wick_buf *out);

/* Serialises an inferred graph: opset 17, IR version 8 (21 and 10 with tensors of int16), the same
   bytes for the same graph (whatever its N: input and outputs have a symbolic batch "N", unless an
   operator fixes it). Outputs are the heads' logits in order. Metadata: wick.version, wick.recipe,
   wick.strategy, wick.data (texts), wick.features (tensor name, "" = none), wick.heads [{"name",
   "tensor", "accuracy", "validation"}], wick.mean, wick.std, wick.labels (JSON; numbers keep every
   bit, null = not measured); of exits (graph/exits.h) wick.chain "1", of sensors wick.low,
   wick.high as well, what the input's bytes 0 and 255 stand for. OUTPUT and IO from writing; RANGE
   beyond 2 GiB or when a text is not UTF-8. */
wick_status wick_onnx_write(const wick_graph *graph, const char *path, wick_diag *diag);
/* The same into memory, appended to `out`. `name` is what messages call it. */
wick_status wick_onnx_write_bytes(const wick_graph *graph, const char *name, wick_buf *out,
                                  wick_diag *diag);

#endif
