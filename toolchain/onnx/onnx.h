/* ONNX in and out: the one model format between all stages. */
#ifndef WICK_ONNX_H
#define WICK_ONNX_H

#include "graph/graph.h"

/* Reads an untrusted ONNX file: nesting and sizes are checked before protobuf-c unpacks it, through
   a bounded allocator. The result is pruned, inferred (N = 1) and segmented; its weights are
   finite. Opsets 7 to 28. Without wick.* metadata each graph output is a head in the order of the
   file and there are no features. Taken apart from the operators of graph.h: Constant, Dropout and
   Identity vanish; Reshape and Squeeze that flatten, MatMul and Add as a fully connected layer or a
   bias, ReduceMean over height and width, auto_pad, Clip with constant inputs; a leading Transpose
   from [N,H,W,C] vanishes: the graph's input is [N,C,H,W]. TRUNCATED and SYNTAX name the byte or
   the node, UNSUPPORTED comes with one diagnostic for every node that a result needs and that
   cannot be converted; SHAPE, RANGE, NOT_FOUND, IO. *out is NULL unless OK; the caller frees it
   with wick_graph_free. */
wick_status wick_onnx_read(const char *path, wick_graph **out, wick_diag *diag);
/* The same from memory; `name` is what messages call the file. */
wick_status wick_onnx_read_bytes(const uint8_t *bytes, size_t len, const char *name,
                                 wick_graph **out, wick_diag *diag);

/* Serialises an inferred graph: opset 17, IR version 8, the same bytes for the same graph (whatever
   its N: input and outputs have a symbolic batch "N"). Outputs are the heads' logits in order.
   Metadata: wick.version, wick.recipe, wick.strategy, wick.data (texts), wick.features (tensor
   name, "" = none), wick.heads [{"name", "tensor", "accuracy", "validation"}], wick.mean, wick.std,
   wick.labels (JSON; numbers keep every bit, null = not measured).
   OUTPUT and IO from writing; RANGE beyond 2 GiB or when a text is not UTF-8. */
wick_status wick_onnx_write(const wick_graph *graph, const char *path, wick_diag *diag);
/* The same into memory, appended to `out`. `name` is what messages call it. */
wick_status wick_onnx_write_bytes(const wick_graph *graph, const char *name, wick_buf *out,
                                  wick_diag *diag);

#endif
