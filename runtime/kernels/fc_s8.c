/* SPDX-License-Identifier: 0BSD */
/* Fully connected: each output is one dot product with the whole input. */
#include <wick/dot.h>
#include <wick/kernels.h>

static int8_t finish(const wick_layer *layer, int32_t acc, uint32_t c) {
    acc += layer->bias ? layer->bias[c] : 0;
    int32_t y = layer->out_zp + wick_requantize(acc, layer->mult[c], layer->shift[c]);
    return wick_clamp_s8(y, layer->clamp_min, layer->clamp_max);
}

void wick_fc_s8(const wick_layer *layer, const int8_t *const *src, uint16_t row0, uint32_t first,
                uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    (void)row0; /* all rows are needed, so it is 0 */
    uint32_t n = (uint32_t)layer->in_h * layer->in_w * layer->in_c;
    const int8_t *weights = layer->weights + first * n;
    for (; count >= 4; count -= 4, first += 4, weights += 4 * n) {
        int32_t acc[4] = {0, 0, 0, 0};
        wick_dot_1x4_s8(src[0], weights, n, n, acc);
        for (uint32_t i = 0; i < 4; i++)
            *dst++ = finish(layer, acc[i], first + i);
    }
    for (; count; count--, first++, weights += n)
        *dst++ = finish(layer, wick_dot_s8(src[0], weights, n), first);
}
