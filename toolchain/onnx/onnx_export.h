/* The writer's working state. Internal to toolchain/onnx. */
#ifndef WICK_ONNX_EXPORT_H
#define WICK_ONNX_EXPORT_H

#include "graph/graph.h"

#include <onnx/onnx.pb-c.h>

enum {
    WICK_ONNX_EXPORT_MAX_ATTRIBUTES = 8,
    WICK_ONNX_EXPORT_METADATA = 12,
    WICK_ONNX_EXPORT_MAX_EXTRA = 4 /* attributes that ONNX has as inputs, of one node */
};

typedef struct wick_onnx_export {
    const wick_graph *graph;
    const char *file; /* for messages */
    wick_diag *diag;
    wick_arena *arena; /* as long as the export */
    Onnx__GraphProto proto;
    Onnx__TensorProto **initializers;
    bool *written;  /* [n_tensors] the constant is among the initialisers */
    bool any_batch; /* N is a symbol, not a number */
} wick_onnx_export;

/* A copy; NULL gives "". protobuf-c wants char *. */
char *wick_onnx_export_text(wick_onnx_export *ex, const char *text);

/* Adds a constant; data is copied. */
void wick_onnx_export_initializer(wick_onnx_export *ex, const char *name, wick_dtype dtype,
                                  wick_shape shape, const void *data);
/* A node with its attributes and constants. (onnx_write_node.c) */
Onnx__NodeProto *wick_onnx_export_node(wick_onnx_export *ex, const wick_node *node);

/* The metadata of graph->family: fills entries[0..*n_entries), at most
   WICK_ONNX_EXPORT_METADATA. (onnx_metadata.c) */
wick_status wick_onnx_export_family(wick_onnx_export *ex, Onnx__StringStringEntryProto **entries,
                                    size_t *n_entries);

#endif
