/* The reader's working state, shared by the files that convert ONNX nodes into nodes of the graph.
   Internal to toolchain/onnx.

   A value is one ONNX tensor name. It is a constant (initialiser, Constant node) that becomes a
   graph tensor when something needs it, or the result of a node, or the input. Identity and Dropout
   make aliases: another name of the same value. A node whose inputs are all constants is evaluated
   at once: its result is a constant, too. */
#ifndef WICK_ONNX_IMPORT_H
#define WICK_ONNX_IMPORT_H

#include "onnx_wire.h"

#include "graph/graph.h"
#include "onnx/onnx.h"

typedef struct wick_onnx_value {
    const char *name;
    const Onnx__TensorProto *constant; /* NULL for activations */
    int node;                          /* that computes it; -1 for input and initialisers */
    int same_as;                       /* the value that this is another name of, or -1 */
    int tensor;                        /* of the graph; -1 until there is one */
    int transposed, vector;            /* cached variants of a constant; -1 until wanted */
    int readers;                       /* live node inputs and results that use it */
    bool broken;                       /* its node was not converted: already reported */
} wick_onnx_value;

typedef struct wick_onnx_import {
    const char *file;
    const char *folder; /* of the file, for external data; NULL: there is none */
    wick_diag *diag;
    wick_arena *scratch; /* as long as the import */
    const Onnx__ModelProto *model;
    const Onnx__GraphProto *proto;
    int64_t opset;
    int64_t file_batch;    /* N of the file's input; 0 = symbolic */
    bool keep_batch;       /* N is the file's; else 1 */
    int64_t fold_budget;   /* work that constant folding may still do, in elements */
    int64_t memory_budget; /* bytes that constants made up here may still take */
    bool nhwc_input;       /* the file's input is [N,H,W,C], transposed before any use */
    wick_graph *graph;
    int n_values;
    wick_onnx_value *values;
    struct wick_onnx_names *names;
    bool *live;  /* [n_node] some result needs it */
    bool listed; /* the supported operators were listed in a hint */
    /* the node being converted */
    const Onnx__NodeProto *node;
    int node_index;
    const char *place; /* how messages call it */
    bool blind;        /* an input is broken: check the attributes, build nothing */
} wick_onnx_import;

/* --- names: a hash table from tensor name to index of the value --- */
struct wick_onnx_names *wick_onnx_names_new(wick_arena *arena, size_t max_names);
/* Index of `name`, or -1. */
int wick_onnx_names_find(const struct wick_onnx_names *names, const char *name);
/* False when it is there already. `name` must live as long as the table. */
bool wick_onnx_names_add(struct wick_onnx_names *names, const char *name, int index);
/* Copies the metadata's key `key`, or returns NULL. */
const char *wick_onnx_metadata(const Onnx__ModelProto *model, const char *key);

/* --- structure: names, order, input, what is needed (onnx_structure.c) --- */
/* Fills the values. Duplicate, missing, illegal and unsorted names are SYNTAX. */
wick_status wick_onnx_structure(wick_onnx_import *im);
/* Marks what the named tensors need and counts readers; all the names exist. */
void wick_onnx_mark_live(wick_onnx_import *im, const char *const *names, int n);
/* Makes the graph's input tensor. */
wick_status wick_onnx_input_tensor(wick_onnx_import *im);
/* 1 to 1024 bytes without control characters. */
bool wick_onnx_legal_name(const char *name);
/* What messages call a node: its name, else its operator and output; in scratch. */
const char *wick_onnx_node_place(wick_onnx_import *im, const Onnx__NodeProto *node);

/* --- the family: heads, features, metadata (onnx_family.c) --- */
/* Fills graph->family but for the tensor indices from outputs and metadata. Names of the tensors
   that it promises: heads[WICK_MAX_HEADS]; *features is NULL when there are none. */
wick_status wick_onnx_family_read(wick_onnx_import *im, const char **heads, const char **features);

/* --- constants (onnx_elements.c, onnx_const.c) --- */
typedef struct wick_onnx_const {
    wick_dtype dtype;
    wick_shape shape;
    int64_t count;
    void *data; /* row-major */
} wick_onnx_const;
/* An initialiser, or computed from such. */
bool wick_onnx_is_constant(const wick_onnx_import *im, const wick_onnx_value *value);
/* Checks and copies into `arena` a constant of at most `max_count` elements. Types of the graph are
   what they are; float16, bfloat16 and double become F32, smaller integers S8, U8 or S32, larger
   ones S64, bool U8. */
wick_status wick_onnx_const_read(wick_onnx_import *im, const wick_onnx_value *value,
                                 int64_t max_count, wick_arena *arena, wick_onnx_const *out);
/* Reads the `bytes` bytes of a tensor from the file beside the model that it names; *out is in
   `arena`, allocated when the file has them. (onnx_external.c) */
wick_status wick_onnx_external_read(wick_onnx_import *im, const Onnx__TensorProto *proto,
                                    const char *name, size_t bytes, wick_arena *arena,
                                    const uint8_t **out);
/* The graph tensor of a value: made at first use when it is a constant (finite and not empty). */
wick_status wick_onnx_tensor_of(wick_onnx_import *im, wick_onnx_value *value, int *tensor);
/* A [K,M] constant as [M,K]. */
wick_status wick_onnx_transposed(wick_onnx_import *im, wick_onnx_value *value, int *tensor);
/* A constant of C elements, e.g. [1,C,1,1], as [C]. */
wick_status wick_onnx_vector(wick_onnx_import *im, wick_onnx_value *value, int *tensor);
/* Input i of the current node as at most 1024 integers (a constant). *values is in scratch. */
wick_status wick_onnx_const_ints(wick_onnx_import *im, int i, int64_t **values, int64_t *count);
/* The same as numbers; *count 0 when the input is left out. */
wick_status wick_onnx_const_floats(wick_onnx_import *im, int i, float **values, int64_t *count);
/* Input i of the current node as one number; *out is left alone when the input is left out. */
wick_status wick_onnx_const_scalar(wick_onnx_import *im, int i, float *out);
/* Takes the bytes of `count` elements of `size` bytes from the budget of memory, which grows with
   the file; false when that is used up. */
bool wick_onnx_spend(wick_onnx_import *im, int64_t count, size_t size);
/* The same as a status: UNSUPPORTED at the current node. */
wick_status wick_onnx_afford(wick_onnx_import *im, int64_t count, size_t size);
/* A new constant of the graph; data is copied. What is not small was afforded before. */
int wick_onnx_new_const(wick_onnx_import *im, const char *suffix, wick_dtype dtype,
                        wick_shape shape, const void *data);

/* --- the current node (onnx_attrs.c) --- */
/* UNSUPPORTED at the current node. The reason is printf's. */
wick_status wick_onnx_unsupported(wick_onnx_import *im, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Value of input i, aliases resolved; NULL when it is left out. */
wick_onnx_value *wick_onnx_input(wick_onnx_import *im, int i);
/* Every attribute is in the space-separated list `known` and occurs once. */
wick_status wick_onnx_attrs_known(wick_onnx_import *im, const char *known);
bool wick_onnx_attr_has(const wick_onnx_import *im, const char *name);
/* *out is the default and stays when there is no such attribute. */
wick_status wick_onnx_attr_int(wick_onnx_import *im, const char *name, int64_t *out);
wick_status wick_onnx_attr_float(wick_onnx_import *im, const char *name, float *out);
/* Exactly `count` integers within 0 to 2^31 - 1. */
wick_status wick_onnx_attr_extents(wick_onnx_import *im, const char *name, int count, int *out);
/* Any integers; *count 0 when there is no such attribute. */
wick_status wick_onnx_attr_ints(wick_onnx_import *im, const char *name, const int64_t **values,
                                int64_t *count);
/* A text, NULL when there is no such attribute; in scratch. */
wick_status wick_onnx_attr_text(wick_onnx_import *im, const char *name, const char **out);
/* The tensor that a Constant node holds; in scratch. */
wick_status wick_onnx_attr_constant(wick_onnx_import *im, const Onnx__TensorProto **out);

/* --- building (onnx_build.c) --- */
/* Input i as a graph tensor, constant or not. */
wick_status wick_onnx_operand(wick_onnx_import *im, int i, int *tensor);
/* Input i as a weight: a constant, or a constant behind DequantizeLinear. -1 when left out. */
wick_status wick_onnx_weight(wick_onnx_import *im, int i, int *tensor);
/* Input i as a graph tensor, and its shape. */
wick_status wick_onnx_shaped(wick_onnx_import *im, int i, int *tensor, wick_shape *shape);
/* Resolves an axis that may count from the end; SHAPE when there is none. */
wick_status wick_onnx_axis(wick_onnx_import *im, int64_t axis, int rank, int *out);
/* A tensor name that nobody uses: base + suffix, + "_" as often as it takes; in scratch. */
char *wick_onnx_fresh(wick_onnx_import *im, const char *base, const char *suffix);
/* Adds a node for the current ONNX node; its first output becomes the node's result. */
wick_status wick_onnx_emit(wick_onnx_import *im, wick_op op, const int *inputs, int n_inputs,
                           const wick_attrs *attrs);
/* The same for output k. */
wick_status wick_onnx_emit_output(wick_onnx_import *im, int k, wick_op op, const int *inputs,
                                  int n_inputs, const wick_attrs *attrs);
/* Adds a node in between; *tensor is its result. */
wick_status wick_onnx_step(wick_onnx_import *im, const char *suffix, wick_op op, const int *inputs,
                           int n_inputs, const wick_attrs *attrs, int *tensor);
/* Reshapes `tensor`: the result (last) or a step. A dimension 0 of x that stays is N. */
wick_status wick_onnx_reshape(wick_onnx_import *im, int tensor, wick_shape to);
wick_status wick_onnx_reshape_step(wick_onnx_import *im, const char *suffix, int tensor,
                                   wick_shape to, int *out);
/* Output k is graph tensor `tensor`. */
void wick_onnx_result(wick_onnx_import *im, int k, int tensor);
/* The current node's first output is just another name of its input i. */
wick_status wick_onnx_alias(wick_onnx_import *im, int i);

/* --- operators --- */
typedef struct wick_onnx_rule {
    const char *op;
    int min_inputs, max_inputs; /* -1 = any number */
    const char *attributes;     /* space-separated */
    wick_status (*convert)(wick_onnx_import *im);
    wick_op
        as; /* what can be done with it is what can be done with this; WICK_OP_COUNT: it vanishes */
    const char *limits; /* for docs/operators.md */
} wick_onnx_rule;

/* The rule of an ONNX operator, or NULL. (onnx_table.c) */
const wick_onnx_rule *wick_onnx_rule_of(const char *op);
/* "supported: Add ...": all operators that have one; in scratch. */
const char *wick_onnx_rule_names(wick_onnx_import *im);

/* onnx_window.c */
wick_status wick_onnx_convert_conv(wick_onnx_import *im);
wick_status wick_onnx_convert_conv_transpose(wick_onnx_import *im);
wick_status wick_onnx_convert_pool(wick_onnx_import *im);
/* onnx_linear.c */
wick_status wick_onnx_convert_gemm(wick_onnx_import *im);
wick_status wick_onnx_convert_matmul(wick_onnx_import *im);
wick_status wick_onnx_convert_add(wick_onnx_import *im);
/* onnx_point.c */
wick_status wick_onnx_convert_unary(wick_onnx_import *im);
wick_status wick_onnx_convert_global(wick_onnx_import *im);
wick_status wick_onnx_convert_binary(wick_onnx_import *im);
wick_status wick_onnx_convert_variadic(wick_onnx_import *im);
wick_status wick_onnx_convert_clip(wick_onnx_import *im);
wick_status wick_onnx_convert_batch_norm(wick_onnx_import *im);
wick_status wick_onnx_convert_smooth(wick_onnx_import *im);
/* onnx_shape.c */
wick_status wick_onnx_convert_reshape(wick_onnx_import *im);
wick_status wick_onnx_convert_flatten(wick_onnx_import *im);
wick_status wick_onnx_convert_squeeze(wick_onnx_import *im);
wick_status wick_onnx_convert_unsqueeze(wick_onnx_import *im);
wick_status wick_onnx_convert_transpose(wick_onnx_import *im);
wick_status wick_onnx_convert_depth(wick_onnx_import *im);
/* The axes from the attribute (early opsets) or input 1, as bits; *count 0 when there are none. */
wick_status wick_onnx_axes(wick_onnx_import *im, int rank, unsigned *axes, int64_t *count);
/* onnx_move.c */
wick_status wick_onnx_convert_concat(wick_onnx_import *im);
wick_status wick_onnx_convert_slice(wick_onnx_import *im);
wick_status wick_onnx_convert_split(wick_onnx_import *im);
wick_status wick_onnx_convert_gather(wick_onnx_import *im);
wick_status wick_onnx_convert_pad(wick_onnx_import *im);
wick_status wick_onnx_convert_expand(wick_onnx_import *im);
/* onnx_resize.c */
wick_status wick_onnx_convert_resize(wick_onnx_import *im);
/* onnx_reduce.c */
wick_status wick_onnx_convert_softmax(wick_onnx_import *im);
wick_status wick_onnx_convert_arg(wick_onnx_import *im);
wick_status wick_onnx_convert_reduce(wick_onnx_import *im);
/* onnx_scale.c */
wick_status wick_onnx_convert_scaled(wick_onnx_import *im);
/* onnx_vanish.c */
wick_status wick_onnx_convert_constant(wick_onnx_import *im);
wick_status wick_onnx_convert_constant_of_shape(wick_onnx_import *im);
wick_status wick_onnx_convert_shape(wick_onnx_import *im);
wick_status wick_onnx_convert_cast(wick_onnx_import *im);
wick_status wick_onnx_convert_identity(wick_onnx_import *im);
wick_status wick_onnx_convert_dropout(wick_onnx_import *im);

#endif
