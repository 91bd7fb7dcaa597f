/* Layer separation: large layers as two or three small ones (papers/3-freeml, SparseComp's first
 * phase). */
#ifndef WICK_SEPARATE_H
#define WICK_SEPARATE_H

#include "graph/graph.h"

typedef enum wick_separate_kernel {
    WICK_SEPARATE_TUCKER, /* 1x1, KxK, 1x1; ranks by EVBMF (low_rank.h) */
    WICK_SEPARATE_SPATIAL /* Kx1, 1xK; rank by EVBMF */
} wick_separate_kernel;

typedef enum wick_separate_by {
    WICK_SEPARATE_BY_PARAMETERS, /* a layer's weights and biases, 4 bytes each */
    WICK_SEPARATE_BY_BUFFERS     /* its input and output for one image, 4 bytes a value */
} wick_separate_by;

typedef struct wick_separate_options {
    wick_separate_kernel
        kernel; /* default TUCKER; a 1x1 convolution is a matrix and split in two either way */
    wick_separate_by by; /* default PARAMETERS */
    int64_t limit_bytes; /* layers smaller than this stay whole, > 0; default 80,000 */
    double fc_rank; /* of a fully connected layer, as a share of its outputs, (0, 1]; default 0.1 */
} wick_separate_options;
wick_separate_options wick_separate_defaults(void);

/* What became of one layer. Bytes as the criterion counts them: the sum of the parts' parameters,
   or the largest part's buffers. */
typedef struct wick_separated {
    const char *name;  /* of the node, in the result's arena */
    int parts;         /* 2 or 3; 1: stayed whole, since the parts would be no smaller */
    int rank_in, rank; /* channels between the parts: behind the first (3 parts only, else 0),
                          before the last */
    int64_t before, after;
    double error; /* |w - parts|_F / |w|_F */
} wick_separated;
typedef struct wick_separation {
    int n;
    wick_separated *layers; /* in the result's arena, in the graph's order */
} wick_separation;

/* A float graph (inferred) -> the same with every dense convolution and fully connected layer of at
   least limit_bytes replaced by its parts, where that makes it smaller; none twice, and none whose
   weights another node reads too. The last part keeps the node's name, its output and its bias; the
   others are called <name>.first and <name>.core. Inferred and segmented. Accuracies are NAN, the
   recipe is "". UNSUPPORTED: the graph is quantized. RANGE names weights that are not finite. *out
   is the caller's, NULL on failure. */
wick_status wick_separate(const wick_graph *graph, const wick_separate_options *options,
                          wick_graph **out, wick_separation *separation, wick_diag *diag);

#endif
