/* SPDX-License-Identifier: 0BSD */
/* G g G^T of each pair of channels, int16, as [out_c / 4][16 points][in_c][4]; two in a word, the
   first in its low half. kernels/conv2d_s8_winograd.c has the matrices. */
#include "weights/weights.h"

enum { BLOCK = 4, POINTS = 16 };

uint32_t wick_conv2d_s8_winograd_weights_words(const wick_layer *layer) {
    return (layer->out_c + BLOCK - 1u) / BLOCK * POINTS * layer->in_c * BLOCK / 2;
}

/* Row `row` of G times g. */
static int32_t times_g(const int32_t g[3], uint32_t row) {
    switch (row) {
    case 0:
        return 2 * g[0];
    case 1:
        return g[0] + g[1] + g[2];
    case 2:
        return g[0] - g[1] + g[2];
    default:
        return 2 * g[2];
    }
}

static int32_t transformed(const wick_layer *layer, uint32_t c, uint32_t i, uint32_t point) {
    if (c >= layer->out_c)
        return 0;
    int32_t columns[3];
    for (uint32_t kx = 0; kx < 3; kx++) {
        int32_t g[3];
        for (uint32_t ky = 0; ky < 3; ky++)
            g[ky] = layer->weights[((c * 3 + ky) * 3 + kx) * layer->in_c + i];
        columns[kx] = times_g(g, point / 4);
    }
    return times_g(columns, point % 4);
}

void wick_conv2d_s8_winograd_weights_pack(const wick_layer *layer, uint32_t *dst) {
    for (uint32_t c = 0; c < layer->out_c; c += BLOCK)
        for (uint32_t point = 0; point < POINTS; point++)
            for (uint32_t i = 0; i < layer->in_c; i++)
                for (uint32_t k = 0; k < BLOCK; k += 2) {
                    uint32_t low = (uint16_t)transformed(layer, c + k, i, point);
                    uint32_t high = (uint16_t)transformed(layer, c + k + 1, i, point);
                    *dst++ = low | high << 16;
                }
}
