/* ONNX in and out: the one model format between all stages. */
#ifndef WICK_ONNX_H
#define WICK_ONNX_H

#include "graph/graph.h"

/* Reads an untrusted ONNX file: nesting and sizes are checked before protobuf-c unpacks it, through
   a bounded allocator. The result is pruned, inferred (N = 1) and segmented. Without wick.*
   metadata each graph output is a head in the order of the file and there are no features.
   TRUNCATED, SYNTAX, UNSUPPORTED (every such node is listed), SHAPE. */
wick_status wick_onnx_read(const char *path, wick_graph **out, wick_diag *diag);

/* Serialises the graph: opset 17 (21 where int16/int4 appear), IR version 8, deterministic bytes,
 * wick.* metadata. */
wick_status wick_onnx_write(const wick_graph *graph, const char *path, wick_diag *diag);

#endif
