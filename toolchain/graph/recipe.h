/* Building a family step by step from a recipe. Internal to toolchain/graph. */
#ifndef WICK_RECIPE_H
#define WICK_RECIPE_H

#include "graph/graph.h"

enum { WICK_RECIPE_NAMES = 16 };

/* A parameter, or a number of "let". */
typedef struct wick_recipe_name {
    const char *name, *text; /* text: the value as it is written */
    int64_t number;          /* unless it has `values` */
    const json_t *values;    /* texts that it may have; NULL for numbers */
    bool parameter;          /* and not of "let" */
} wick_recipe_name;

/* What the layers of a recipe are added to. */
typedef struct wick_builder {
    wick_graph *graph;
    const wick_recipe_options *options;
    wick_json_at root; /* the recipe */
    wick_recipe_name names[WICK_RECIPE_NAMES];
    int n_names;
    bool batch_norm;    /* convolutions are followed by batch norm unless they say otherwise */
    const char *prefix; /* of node names: "fe.", "TM1." */
    int x;              /* tensor the next layer reads */
    int depth;          /* nesting of composite layers */
    int layers;         /* read so far, those that build nothing included */
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
/* One weight, outputs first: normal with standard deviation sqrt(2 / fan_in), by seed and name. */
void wick_recipe_fill_normal(const wick_tensor *weight, uint64_t seed);

/* recipe_names.c */
/* Reads "parameters", with the values of the options, and "let". */
wick_status wick_recipe_names(wick_builder *builder, wick_json_at root);
/* NULL when there is none. */
const wick_recipe_name *wick_recipe_find(const wick_builder *builder, const char *name);
/* UNKNOWN, with the names that there are. */
wick_status wick_recipe_unknown_name(const wick_builder *builder, wick_json_at at,
                                     const char *name);
/* Whether `value` can be the text of its value. */
bool wick_recipe_may_be(const wick_recipe_name *name, const char *value);
/* + - * / // and parentheses over whole numbers and names; `/` must leave nothing, `//` rounds
   down. Values stay within +-10^9. */
wick_status wick_recipe_expression(const wick_builder *builder, wick_json_at at, const char *text,
                                   int64_t *out);
/* "resnet depth=20 shortcut=A", in the graph's arena; what is 0 is off and not mentioned. */
char *wick_recipe_text(const wick_builder *builder, const char *recipe);

/* recipe_fields.c */
/* Member `key` of a layer, picked where it depends on the input's size, {"default": 1, "64": 2}, or
   on a parameter, {"by": "shortcut", "A": 1, "projection": 2}. MISSING when absent. */
wick_status wick_recipe_field(const wick_builder *builder, wick_json_at layer, const char *key,
                              wick_json_at *at);
/* Numbers may be expressions. The fallback is left in `out` when the field is absent. */
wick_status wick_recipe_int(const wick_builder *builder, wick_json_at layer, const char *key,
                            int min, int max, int *out);
/* [height, width] or one number for both. */
wick_status wick_recipe_pair(const wick_builder *builder, wick_json_at layer, const char *key,
                             int64_t min, int64_t max, int out[2]);
/* Output channels: a number (scaled by the width), "classes", "same" or {"times": factor}. */
wick_status wick_recipe_out(const wick_builder *builder, wick_json_at layer, int64_t *out);
/* Optional boolean. */
wick_status wick_recipe_flag(const wick_builder *builder, wick_json_at layer, const char *key,
                             bool fallback, bool *out);

#endif
