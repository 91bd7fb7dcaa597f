/* Whole channels: which of them hang together, and the graph without some of them. */
#ifndef WICK_CHANNELS_H
#define WICK_CHANNELS_H

#include "data/data.h"
#include "graph/graph.h"

/* Channels that can only go together: sums tie the channels of their operands, one by one. */
typedef struct wick_channel_group {
    int layer; /* groups with the same number are the channels of one layer, or of layers that sums
                  tie together */
    int filters; /* rows of dense convolutions and fully connected layers that compute them; 0:
                    none, zeros alone */
    bool fixed;  /* cannot go: an answer, the input, or read in a way that the rewriting does not
                    know */
    double magnitude; /* mean over its filters of |filter| / root of the mean square of |filter| in
                         that layer (L2 norms), with the batch norm behind it folded in; 0 without
                         filters */
    double
        score; /* >= 0; of a layer's groups the smallest go first. After finding: the magnitude */
} wick_channel_group;

typedef struct wick_channels {
    int n_groups, n_layers;
    wick_channel_group *groups;
    int **group_of; /* [n_tensors]: the group of each element along dimension 1, or NULL: no
                       activation, or of rank 1 */
} wick_channels;

/* Finds the groups of a float graph (inferred); the result lives in `arena`. UNSUPPORTED: the graph
   is quantized. RANGE names weights that are not finite. */
wick_status wick_channels_find(const wick_graph *graph, wick_arena *arena, wick_channels *channels,
                               wick_diag *diag);

/* Makes the scores those of Taylor's first order (Molchanov et al., Pruning convolutional neural
   networks for resource efficient inference, ICLR 2017, eq. 8, summed over all places that read
   the channel): the mean over batches of 16 of `images` training images of
   |sum of dL/dx x over the images and places of channel x|, L the sum of the heads' mean
   cross-entropies. About the change of the loss when the group goes, so comparable between layers.
   `channels` are those of `graph`. Errors as wick_eval_gradients. */
wick_status wick_channels_taylor(const wick_graph *graph, const wick_data *data, int images,
                                 uint64_t seed, wick_channels *channels, wick_diag *diag);

/* The graph without the groups that `remove` [n_groups] marks (none of them fixed: asserted):
   filters, the weights that read them, biases, batch norm, zeros. Inferred and segmented;
   accuracies are NAN, the recipe is "". NO_FIT names a node that would be left without channels.
   *out is the caller's, NULL on failure. */
wick_status wick_channels_remove(const wick_graph *graph, const wick_channels *channels,
                                 const bool *remove, wick_graph **out, wick_diag *diag);

/* Marks for removal, in every layer, all but the ceil(keep * n) of its n groups with the largest
   scores; fixed ones stay, and count. 0 < keep <= 1. */
void wick_channels_choose(const wick_channels *channels, double keep, bool *remove);

#endif
