/* Linear layers without an activation between them are one linear layer. */
#ifndef WICK_COLLAPSE_H
#define WICK_COLLAPSE_H

#include "graph/graph.h"

/* A float graph (inferred) -> the same function with every pair of fully connected layers, or of
   dense 1x1 convolutions of which the second has stride 1 and no padding, made one, where nothing
   else reads what lies between them and the one has no more parameters than the two: w = w2 w1, b =
   w2 b1 + b2, in double. Chains collapse pair by pair. The second's name, output and place stay.
   *pairs counts. Accuracies stay, since the function does; the recipe is "" when something changed.
   UNSUPPORTED: the graph is quantized. *out is the caller's, NULL on failure. */
wick_status wick_collapse(const wick_graph *graph, wick_graph **out, int *pairs, wick_diag *diag);

#endif
