/* SPDX-License-Identifier: 0BSD */
/* Softmax over the channels of each pixel: exponentials by a table of the distance to the largest,
   shares in units of 2^-16 by one division, requantized. */
#include <wick/kernels.h>

/* Sum of the exponentials of n values below `largest`. */
static uint32_t sum_of(const int32_t *table, const int8_t *x, uint32_t n, int32_t largest) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += (uint32_t)table[largest - x[i]];
    return sum;
}

void wick_softmax_s8(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                     uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t n = layer->out_c, c = first % n;
    const int8_t *x = src[0] + (first - c - (uint32_t)row0 * layer->in_w * layer->in_c);
    for (; count; x += n, c = 0) {
        int32_t largest = x[0];
        for (uint32_t i = 1; i < n; i++)
            largest = x[i] > largest ? x[i] : largest;
        /* At least 2^15, as the largest counts; below 2^31, as there are less than 2^16. */
        uint32_t sum = sum_of(layer->bias, x, n, largest);
        for (; c < n && count; c++, count--) {
            uint32_t share = (uint32_t)layer->bias[largest - x[c]] << 16;
            int32_t acc = (int32_t)((share + sum / 2) / sum);
            int32_t y = layer->out_zp + wick_requantize(acc, layer->mult[0], layer->shift[0]);
            *dst++ = wick_clamp_s8(y, layer->clamp_min, layer->clamp_max);
        }
    }
}
