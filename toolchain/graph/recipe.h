/* Building a family step by step from a recipe. Internal to toolchain/graph. */
#ifndef WICK_RECIPE_H
#define WICK_RECIPE_H

#include "graph/graph.h"

/* What the layers of a recipe are added to. */
typedef struct wick_builder {
    wick_graph *graph;
    const wick_recipe_options *options;
    bool batch_norm;    /* convolutions are followed by batch norm unless they say otherwise */
    const char *prefix; /* of node names: "fe.", "TM1." */
    int x;              /* tensor the next layer reads */
    int depth;          /* nesting of composite layers */
    int64_t parameters; /* so far */
    struct {
        const char *kind;
        int used;
    } counters[16]; /* "conv" -> 3: the next is conv4; reset for every prefix */
} wick_builder;

/* Starts a new part of the network: node names begin with `prefix` and count from 1. */
void wick_builder_part(wick_builder *builder, const char *prefix, int x);

/* Adds a list of layers (member `key` of `at`; at least min_count) and moves builder->x. */
wick_status wick_recipe_layers(wick_builder *builder, wick_json_at at, const char *key,
                               size_t min_count);

/* "prefix" + kind + running number, in the graph's arena; `kind` has static storage. */
char *wick_builder_name(wick_builder *builder, const char *kind);
/* Adds a node over `inputs`, infers its shape, moves builder->x to its output. Complaints are about
   the layer `at`. */
wick_status wick_builder_node(wick_builder *builder, wick_json_at at, const char *name, wick_op op,
                              const int *inputs, int n_inputs, const wick_attrs *attrs);
/* Constant "<node>.<field>", without values as yet; RANGE when the family becomes too large. */
wick_status wick_builder_constant(wick_builder *builder, wick_json_at at, const char *node,
                                  const char *field, wick_shape shape, int *tensor);
/* Gives every constant of a finished network its first values, by its field: weight normal, scale
   and var 1, bias and mean 0. */
void wick_recipe_initialise(wick_graph *graph, uint64_t seed);

/* Fields of a layer. A value may be an object that picks by input size: {"default": 1, "64": 2}.
   Pairs are [height, width] or one number for both; the fallback is left in `out` when the field is
   absent. */
wick_status wick_recipe_pair(const wick_builder *builder, wick_json_at layer, const char *key,
                             int64_t min, int64_t max, int out[2]);
/* Output channels: a number (scaled by the width), "classes", "same" or {"times": factor}. */
wick_status wick_recipe_out(const wick_builder *builder, wick_json_at layer, int64_t *out);
/* Optional boolean. */
wick_status wick_recipe_flag(wick_json_at layer, const char *key, bool fallback, bool *out);

#endif
