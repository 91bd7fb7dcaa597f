/* The registry of operators: one rule for each kind of node. An operator is a row of WICK_OP_TABLE
   (graph.h) and a rule in op_<family>.c, where its shapes and its reference evaluation stand side
   by side. Internal to toolchain/graph. */
#ifndef WICK_OPS_H
#define WICK_OPS_H

#include "graph/graph.h"

/* --- shape inference --- */

enum { WICK_MAX_EXTENT = 1 << 20 }; /* kernels, strides, dilations and paddings of sane models */

/* The node whose output is inferred. Attributes may come from an untrusted file: a rule checks all
   that it has, so that everything later can rely on them. */
typedef struct wick_infer {
    wick_graph *graph;
    const wick_node *node;
    wick_diag *diag;
    wick_arena *scratch; /* texts of messages */
} wick_infer;

#define WICK_REJECT(c, hint, ...)                                                                  \
    return wick_fail((c)->diag, WICK_SHAPE, NULL, (c)->node->name, hint, __VA_ARGS__)

/* Input i; NULL when it is left out. */
const wick_tensor *wick_infer_input(const wick_infer *c, int i);
/* "[1,3,32,32]" until the inference ends. */
const char *wick_infer_text(const wick_infer *c, wick_shape shape);
/* Gives the output its type and shape; SHAPE unless it has 1 to 2^31 - 1 elements. */
wick_status wick_infer_finish(wick_infer *c, wick_dtype dtype, wick_shape shape);
/* Checks kernel, stride, dilation and padding; of a pool also that no window is all padding. */
wick_status wick_infer_window(const wick_infer *c, bool pool);
/* Output height (i = 0) or width (i = 1); below 1 when the window does not fit. */
int64_t wick_window_count(const wick_attrs *a, int i, int64_t size);
/* Resolves an axis that may count from the end; -1 when there is no such axis. */
int wick_axis_of(int axis, int rank);

/* --- reference evaluation --- */

/* A node with its operands at hand. Shapes and types were checked by inference. */
typedef struct wick_operands {
    const wick_attrs *attrs;
    wick_op op;
    int n_inputs;
    const wick_tensor **inputs; /* NULL = left out */
    const void **src;           /* data of each input, row-major; NULL = left out */
    const wick_tensor *output;
    void *dst; /* zeroed, the output's size */
} wick_operands;

/* Product of the dimensions from `begin` up to but not including `end`. */
int64_t wick_extent(wick_shape shape, int begin, int end);
/* Elements to the next index of each dimension of a row-major tensor. */
void wick_strides(wick_shape shape, int64_t *strides);
/* Steps `index` to the next element of `shape`, row-major. */
void wick_next_index(wick_shape shape, int64_t *index);
/* The same elements in the same order. */
void wick_eval_copy(const wick_operands *o);

/* --- the rules --- */

typedef struct wick_op_rule {
    int min_inputs, max_inputs; /* the first min_inputs must be there */
    bool float_only;            /* every input is F32 */
    bool trains;                /* see wick_op_trains */
    wick_on_device device;      /* see wick_op_device */
    wick_status (*infer)(wick_infer *c);
    void (*eval)(const wick_operands *o);
} wick_op_rule;

#define X(upper, rule, onnx) extern const wick_op_rule wick_rule_##rule;
WICK_OP_TABLE(X)
#undef X

const wick_op_rule *wick_op_rule_of(wick_op op);

#endif
