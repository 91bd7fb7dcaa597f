/* SPDX-License-Identifier: 0BSD */
/* G g G^T of each pair of channels, int16, as [out_c / 4][16 points][in_c][4]; two in a word, the
   first in its low half. wick/winograd.h has the matrices. */
#include "weights/weights_winograd.h"

enum { BLOCK = 4, POINTS = 16 };

uint32_t wick_conv2d_s8_winograd_weights_words(const wick_layer *layer) {
    return (layer->out_c + BLOCK - 1u) / BLOCK * POINTS * layer->in_c * BLOCK / 2;
}

void wick_conv2d_s8_winograd_weights_pack(const wick_layer *layer, uint32_t *dst) {
    for (uint32_t c = 0; c < layer->out_c; c += BLOCK)
        for (uint32_t point = 0; point < POINTS; point++)
            for (uint32_t i = 0; i < layer->in_c; i++)
                for (uint32_t k = 0; k < BLOCK; k += 2) {
                    uint32_t low = (uint16_t)wick_weights_winograd(layer, c + k, i, point);
                    uint32_t high = (uint16_t)wick_weights_winograd(layer, c + k + 1, i, point);
                    *dst++ = low | high << 16;
                }
}
