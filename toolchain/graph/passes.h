/* What the passes over the graph share. Internal to toolchain/graph. */
#ifndef WICK_PASSES_H
#define WICK_PASSES_H

#include "graph/graph.h"

/* --- a map for each channel, taken over by the layer before it (fold.c) --- */

/* Is the node a convolution or fully connected layer whose weights and bias are float constants? */
bool wick_fold_linear(const wick_graph *graph, const wick_node *node);
/* y = layer(x) * gain[o] + shift[o]: into the weights and the bias of `layer`, of which `node` is
   the only reader; the layer writes what `node` wrote, under that name, and `node` is left without
   a reader. False (and nothing changed) when the weights would not stay finite. */
bool wick_fold_affine(wick_graph *graph, wick_node *layer, wick_node *node, const double *gain,
                      const double *shift);

#endif
