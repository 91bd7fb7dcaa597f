/* What the tests of toolchain/onnx share: a graph with every operator, and ONNX files written field
   by field, without protobuf-c, so that anything can be wrong with them. */
#ifndef WICK_TEST_HELPER_ONNX_H
#define WICK_TEST_HELPER_ONNX_H

#include "onnx/onnx.h"

/* A family of two modules (features "z") with every operator that trains (but IDENTITY and
   DROPOUT): float, batch-normalised and quantized (int8 weights per channel, int32 bias) parts.
   Input [1,3,12,10], 5 classes. */
wick_graph *helper_all_operators(void);
/* One head with every operator that does not train. Input [1,4,6,6]. */
wick_graph *helper_other_operators(void);
/* The logits of every head one after the other for `input` [N,C,H,W] (the graph's N); malloc'ed. */
float *helper_logits(const wick_graph *graph, const float *input, size_t *count);
/* The graph as ONNX bytes; asserts success. */
wick_buf helper_bytes(const wick_graph *graph);
/* Reads bytes called "x.onnx". */
wick_status helper_read(const wick_buf *bytes, wick_graph **graph, wick_diag *diag);

/* --- the wire format --- */
void pb_varint(wick_buf *out, uint64_t value);
void pb_int(wick_buf *out, int field, uint64_t value);
void pb_bytes(wick_buf *out, int field, const void *data, size_t len);
void pb_text(wick_buf *out, int field, const char *text);
void pb_float(wick_buf *out, int field, float value);
/* Appends the message and frees it. */
void pb_message(wick_buf *out, int field, wick_buf *message);

/* --- ONNX messages; `graph` is the content of a GraphProto --- */
enum { GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
/* A float tensor; dimensions below 0 are symbolic. */
void onnx_value(wick_buf *graph, int field, const char *name, int rank, const int64_t *dims);
/* A float initialiser with raw data 0.25, 0.5, ... */
void onnx_weights(wick_buf *graph, const char *name, int rank, const int64_t *dims);
/* Content of a TensorProto of any type with the given raw data. */
wick_buf onnx_tensor(const char *name, int type, int rank, const int64_t *dims, const void *raw,
                     size_t len);
/* inputs and outputs are separated by commas; `attributes` (content: attribute fields of a
   NodeProto) is freed and may be NULL. */
void onnx_node(wick_buf *graph, const char *name, const char *op, const char *inputs,
               const char *outputs, wick_buf *attributes);
void onnx_attr_int(wick_buf *attributes, const char *name, int64_t value);
void onnx_attr_ints(wick_buf *attributes, const char *name, int count, const int64_t *values);
void onnx_attr_float(wick_buf *attributes, const char *name, float value);
void onnx_attr_text(wick_buf *attributes, const char *name, const char *text);
/* A file around the graph, which is freed. */
wick_buf onnx_model(wick_buf *graph, int opset);
/* Input "x" [N,2,4,4], output "y". */
wick_buf onnx_small_graph(void);

#endif
