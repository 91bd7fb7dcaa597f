/* What the channels of activations hold over the calibration images. Internal to toolchain/shrink.
 */
#ifndef WICK_CHANNEL_STATS_H
#define WICK_CHANNEL_STATS_H

#include "shrink/shrink.h"

typedef struct wick_channel_stats {
    int64_t channels; /* dimension 1 of the tensor */
    double *mean;     /* [channels]; NULL: not measured */
    double *largest;  /* [channels] largest magnitude */
} wick_channel_stats;

/* Of what convolutions and fully connected layers of a float graph read and write, and of what the
   activations behind them write; *out [tensors] in `arena`. Errors as wick_eval_tensors. */
wick_status wick_channel_stats_measure(const wick_graph *graph, const wick_data *data,
                                       const wick_quantize_options *options, wick_arena *arena,
                                       wick_channel_stats **out, wick_diag *diag);

/* A convolution or fully connected layer with constant weights, and a constant bias if any. */
bool wick_is_linear(const wick_graph *graph, const wick_node *node);

#endif
