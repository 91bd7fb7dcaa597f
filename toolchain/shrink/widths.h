/* Which activations get 16 bits: by what 8 bits in each do to the answers. */
#ifndef WICK_WIDTHS_H
#define WICK_WIDTHS_H

#include "shrink/shrink.h"

/* Losses: by how much the cross-entropy with the float network's own answers exceeds their entropy
   (the Kullback-Leibler divergence of the softmaxes), in nats, mean over images, summed over the
   heads. It is never below 0 and 0 only where the answers are the float ones, so it shows the
   effect of a single tensor in a few hundred images, where the labels' loss mostly shows chance. */
typedef struct wick_width {
    const char *name; /* of the activation in the float graph */
    int64_t bytes;    /* that 8 bits save: of its values and of those that share its quantization */
    double loss;      /* what 8 bits here alone add while all others have 16; may be below 0 by
                         chance */
    bool wide;        /* the choice: 16 bits */
} wick_width;

enum { WICK_WIDTHS_NARROW, WICK_WIDTHS_CHOSEN, WICK_WIDTHS_WIDE, WICK_WIDTHS_ALL };
typedef struct wick_widths {
    wick_width *tensors; /* [n], in node order: what wick_quantize_activations lists */
    int n;
    double sum; /* of the losses of those that have 8 bits: what the choice was made by */
    /* All in 8 bits, the choice, all in 16: all activations' bytes, each tensor for itself; the
       loss on the images that were measured on; and on as many validation images, which had no part
       in the choice (NAN: there are none). */
    int64_t bytes[WICK_WIDTHS_ALL];
    double loss[WICK_WIDTHS_ALL], validation[WICK_WIDTHS_ALL];
} wick_widths;

/* What a choice without a budget may lose against 16 bits everywhere: this share of what 8 bits
   everywhere do, or, where that is more, so many nats (probabilities that move by a thousandth). */
#define WICK_WIDTHS_SHARE 0.1
#define WICK_WIDTHS_LEAST 0.001

/* Measures every activation in the integer network on the calibration images of `options` (AUTO as
   MSE, without equalisation and bias correction), chooses, and measures the choice. With a budget:
   the least sum of losses within `budget` bytes of activations, exactly (bits.h). budget < 0: as
   many of the cheapest 8 bits, by loss for the bytes they save, as keep the loss, measured
   together, within what WICK_WIDTHS_SHARE and WICK_WIDTHS_LEAST allow. Names are in `arena`, ready
   for wick_quantize_options.wide. NO_FIT: a budget below 8 bits everywhere; else errors as
   wick_quantize. */
wick_status wick_widths_choose(const wick_graph *graph, const wick_data *data,
                               const wick_quantize_options *options, int64_t budget,
                               wick_arena *arena, wick_widths *out, wick_diag *diag);

#endif
