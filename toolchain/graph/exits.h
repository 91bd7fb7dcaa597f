/* Early exits: answers after each block of a finished network, as the modules of a chain family. */
#ifndef WICK_EXITS_H
#define WICK_EXITS_H

#include "graph/graph.h"

/* X(enum, name). x_k [C,H,W]: what block k gives, k = 1..n; pool: maximum over windows that make it
   2x2 (where it is larger); L: classes.
   global   papers/3-freeml, gNet: one linear layer over the pooled x_1..x_n, zeros for the blocks
            that have not run. Its slices add up: y_k = y_(k-1) + W_k pool(x_k), y_0 = bias; dropout
            0.4 before W. As large as `linear` but for the biases.
   small    y_k = W_k avg(relu(A_k D_k x_k)) + b_k, D_k a 3x3 depthwise and A_k a 1x1 convolution to
            a few channels, avg the mean over windows, 4x4 of them where x_k is large, 3x3 else. A
            block that ends in 2x2 or less has y_k = W_k x_k + b_k, as the network itself might.
            The channels of A_k are a share of x_k's, the largest that keeps all
            exits within 1.2 times the parameters of `global`: convolutions before the pool see
            what a linear layer behind it cannot.
   heads    y_k = V_k relu(U_k pool(x_k) + c_k) + b_k, 128 hidden numbers, whatever that takes
   linear   y_k = W_k pool(x_k) + b_k */
#define WICK_EXITS_TABLE(X)                                                                        \
    X(GLOBAL, "global")                                                                            \
    X(SMALL, "small")                                                                              \
    X(HEADS, "heads")                                                                              \
    X(LINEAR, "linear")

typedef enum wick_exit_kind {
#define X(upper, name) WICK_EXITS_##upper,
    WICK_EXITS_TABLE(X)
#undef X
        WICK_EXIT_KINDS
} wick_exit_kind;
const char *wick_exits_name(wick_exit_kind kind);
/* By name; UNKNOWN lists the names. */
wick_status wick_exits_find(const char *name, wick_exit_kind *kind, wick_diag *diag);

/* Names of all that is added begin so. */
#define WICK_EXITS_PREFIX "exit"

typedef struct wick_exits_options {
    wick_exit_kind kind;
    const char *after; /* names of the nodes that end blocks, with commas between them, in order;
                          NULL: every pooling layer that all answers pass through */
    uint64_t seed;     /* of the weights, as recipes have them */
} wick_exits_options;

/* Adds exits to a network of one module: a copy in which that module, the first, is called "final"
   if it had no name, and exit n..1 follow, "exit3", "exit2" ...; inferred for N = 1, segmented, a
   chain family. Nothing of the network is changed; its measured accuracies stay. SHAPE: no block or
   more than WICK_MAX_HEADS - 1, a block whose result is no image, that does not follow the one
   before, or on which the network's answer does not depend; UNKNOWN: no node of that name.
   UNSUPPORTED: a quantized network, one of several modules, or one that uses the prefix.
   The caller frees *out. */
wick_status wick_exits_add(const wick_graph *graph, const wick_exits_options *options,
                           wick_graph **out, wick_diag *diag);

/* Parameters of all that only the smaller modules of a chain need: the memory that answering early
   costs, in numbers. */
int64_t wick_exits_parameters(const wick_graph *graph);

#endif
