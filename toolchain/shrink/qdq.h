/* From a float graph to the same graph with QuantizeLinear/DequantizeLinear pairs.
   Internal to toolchain/shrink. */
#ifndef WICK_QDQ_H
#define WICK_QDQ_H

#include "shrink/calibrate.h"

/* A copy that is ready for insertion: batch norm folded, a batch norm that has no convolution
   before it turned into a 1x1 depthwise convolution, Identity and what wick_qdq_is_last
   left out; N = 1, inferred and segmented. */
wick_status wick_qdq_prepare(const wick_graph *graph, wick_graph **out, wick_diag *diag);

/* The tensors of a prepared graph that need a measured range, in node order; in `arena`. */
int wick_qdq_observed(const wick_graph *prepared, wick_arena *arena, int **tensors);

/* Which of those tensors, `n`, the options want at 16 bits and the device can have so: neither they
   nor what has their quantization (pools, moves) meets an operator that it computes by a table.
   wide: [n]. */
void wick_qdq_widths(const wick_graph *prepared, const wick_quantize_options *options,
                     const int *tensors, int n, bool *wide);

/* Range of the normalised pixels over all channels. Without a normalisation x = pixel / 255. */
wick_range wick_qdq_input_range(const wick_graph *graph);

/* Inserts the pairs. ranges is indexed by tensor of `prepared`; only the observed ones are read.
   stats (NULL: none) corrects the biases by the mean inputs of the layers. Where a multiplier would
   let an accumulator overflow, that output's scale is doubled until it cannot. */
wick_status wick_qdq_insert(const wick_graph *prepared, const wick_range *ranges,
                            const struct wick_channel_stats *stats, wick_graph **out,
                            wick_diag *diag);

/* A Softmax or LogSoftmax that only makes a head's probabilities, or an ArgMax that picks the
   largest: the answer is the same without it. */
bool wick_qdq_is_last(const wick_graph *graph, const wick_node *node);

#endif
