/* SPDX-License-Identifier: 0BSD */
/* What fc_s8_dsp and fc_s8_dsp16 share: outputs in blocks of four, each block as deep as the input;
   for these kernels only. */
#ifndef WICK_FC_DSP_H
#define WICK_FC_DSP_H

#include <wick/kernels.h>

static inline uint32_t wick_fc_dsp_inputs(const wick_layer *layer) {
    return (uint32_t)layer->in_h * layer->in_w * layer->in_c;
}

/* Four inputs at a time; the last group is filled up with weights of 0. */
static inline uint32_t wick_fc_dsp_groups(const wick_layer *layer) {
    return (wick_fc_dsp_inputs(layer) + 3) / 4;
}

/* The results of those of the block's four outputs that lie in [first, end); returns how many. */
static inline uint32_t wick_fc_dsp_finish(const wick_layer *layer, const int32_t sum[4],
                                          uint32_t first, uint32_t end, int8_t *dst) {
    uint32_t c = first, block_end = (first | 3u) + 1;
    for (end = end < block_end ? end : block_end; c < end; c++) {
        int32_t acc = sum[c % 4] + (layer->bias ? layer->bias[c] : 0);
        int32_t y = layer->out_zp + wick_requantize(acc, layer->mult[c], layer->shift[c]);
        *dst++ = wick_clamp_s8(y, layer->clamp_min, layer->clamp_max);
    }
    return c - first;
}

#endif
