/* SPDX-License-Identifier: 0BSD */
/* Fully connected, for cores without SIMD: the weights of two outputs lie in one word, and one
   multiplication makes both products (wick/pair.h).
   Weights: blocks of four outputs, rounded up with zeros; in a block for each input two words, of
   outputs 0, 1 and 2, 3. */
#include <wick/kernels.h>
#include <wick/pair.h>

enum { BLOCK = 4 };

static uint32_t inputs(const wick_layer *layer) {
    return (uint32_t)layer->in_h * layer->in_w * layer->in_c;
}

WICK_INLINE int32_t bias_at(const wick_layer *layer, uint32_t c) {
    return layer->bias && c < layer->out_c ? layer->bias[c] : 0;
}

void wick_fc_s8_pair(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                     uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    (void)row0; /* all rows are needed, so it is 0 */
    uint32_t n = inputs(layer), words = (n + 1) / 2, half = wick_pair_half(), end = first + count;
    for (uint32_t c = first & ~(uint32_t)(BLOCK - 1); c < end; c += BLOCK) {
        wick_pair_sum a = wick_pair_start(bias_at(layer, c), bias_at(layer, c + 1), words);
        wick_pair_sum b = wick_pair_start(bias_at(layer, c + 2), bias_at(layer, c + 3), words);
        wick_pair_dot(layer->packed + 2 * n * (c / BLOCK), src[0], n, half, &a, &b);
        const int32_t acc[BLOCK] = {wick_pair_low(a), a.high, wick_pair_low(b), b.high};
        for (uint32_t i = c < first ? first - c : 0; i < BLOCK && c + i < end; i++) {
            int32_t y = wick_requantize(acc[i], layer->mult[c + i], layer->shift[c + i]);
            *dst++ = wick_clamp_s8(layer->out_zp + y, layer->clamp_min, layer->clamp_max);
        }
    }
}

int wick_fc_s8_pair_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_fc_s8_pair_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}
