/* SPDX-License-Identifier: 0BSD */
/* What fc_s8_dsp and the packing of its weights share: outputs in blocks of four, each block as
   deep as the input. */
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

#endif
