/* What finding and removing channels share. Internal to toolchain/shrink. */
#ifndef WICK_CHANNELS_PARTS_H
#define WICK_CHANNELS_PARTS_H

#include "shrink/channels.h"

/* How a node's channels follow from its inputs'. */
typedef enum channel_rule {
    CHANNELS_UNKNOWN, /* all that it touches is fixed */
    CHANNELS_SAME,    /* those of input 0, and constants along them: pools, activations, batch norm,
                         depthwise */
    CHANNELS_FRESH,   /* dense convolution, fully connected: weights [out,in,...] */
    CHANNELS_TIED,    /* element by element of two or more activations */
    CHANNELS_JOINED,  /* concatenation along the channels */
    CHANNELS_PADDED,  /* those of input 0, then zeros */
    CHANNELS_SPREAD   /* [N,C,H,W] -> [N,C*H*W]: each H*W times */
} channel_rule;
channel_rule channels_rule(const wick_graph *graph, const wick_node *node);

/* Is tensor t a constant with one value for each of `count` channels of `like` (an activation), in
   the place where numpy's broadcasting puts it? (count values, all other dimensions 1) */
bool channels_along(const wick_graph *graph, int t, wick_shape like, bool parameter);

#endif
