/* SPDX-License-Identifier: 0BSD */
/* The two layouts of dwconv2d_s8_dsp's weights, for the kernel and for what packs them. */
#ifndef WICK_DWCONV_DSP_H
#define WICK_DWCONV_DSP_H

#include <wick/model.h>

/* Whether the layer has the short layout: one word a kernel row, bytes w0, w1, w1, w2. */
static inline int wick_dwconv_dsp_3x3(const wick_layer *layer) {
    return layer->k_h == 3 && layer->k_w == 3 && layer->stride_w <= 2;
}

/* Words that one row of one channel takes. Else each word serves one pair of columns: bytes
   even low, odd low, even high, odd high; see the kernel. */
static inline uint32_t wick_dwconv_dsp_row_words(const wick_layer *layer) {
    return wick_dwconv_dsp_3x3(layer) ? 1u : layer->k_w / 2u + 1u;
}

#endif
