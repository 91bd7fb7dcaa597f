/* SPDX-License-Identifier: 0BSD */
/* Blocks of four outputs; in a block for each input two words, of outputs 0, 1 and 2, 3. */
#include "weights/weights.h"

enum { BLOCK = 4 };

static uint32_t inputs(const wick_layer *layer) {
    return (uint32_t)layer->in_h * layer->in_w * layer->in_c;
}

uint32_t wick_fc_s8_pair_weights_words(const wick_layer *layer) {
    return (layer->out_c + BLOCK - 1u) / BLOCK * 2 * inputs(layer);
}

void wick_fc_s8_pair_weights_pack(const wick_layer *layer, uint32_t *dst) {
    uint32_t n = inputs(layer);
    for (uint32_t c = 0; c < layer->out_c; c += BLOCK)
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t k = c; k < c + BLOCK; k += 2) {
                int32_t low = k < layer->out_c ? layer->weights[k * n + i] : 0;
                int32_t high = k + 1 < layer->out_c ? layer->weights[(k + 1) * n + i] : 0;
                *dst++ = (uint32_t)low + ((uint32_t)high << 16); /* wick_pair() */
            }
}
