/* SPDX-License-Identifier: 0BSD */
/* Average over a window without padding: the sum is requantized, 1/area is part of mult[0]. Four
   channels together. */
#include <wick/kernels.h>

/* Channel 0 at src, or four from there on. */
WICK_INLINE void some_channels(const wick_layer *layer, const int8_t *src, int four, int8_t *dst) {
    int32_t area = (int32_t)layer->k_h * layer->k_w, zero = layer->operands[0].zero_point;
    uint32_t step = layer->in_c, skip = (uint32_t)(layer->in_w - layer->k_w) * step;
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (uint32_t y = layer->k_h; y; y--, src += skip)
        for (uint32_t x = layer->k_w; x; x--, src += step) {
            a += src[0];
            if (four) {
                b += src[1];
                c += src[2];
                d += src[3];
            }
        }
    const int32_t acc[4] = {a, b, c, d};
    int32_t mult = layer->mult[0], out_zp = layer->out_zp;
    int32_t low = layer->clamp_min, high = layer->clamp_max;
    uint8_t shift = layer->shift[0];
    for (uint32_t i = 0; i < (four ? 4 : 1); i++) {
        int32_t y = out_zp + wick_requantize(acc[i] - zero * area, mult, shift);
        dst[i] = wick_clamp_s8(y, low, high);
    }
}

void wick_avgpool_s8(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                     uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c;
    uint32_t row = (uint32_t)layer->in_w * layer->in_c;
    while (count) {
        uint32_t oy = pixel / layer->out_w, ox = pixel % layer->out_w;
        uint32_t n = layer->out_c - c < count ? layer->out_c - c : count;
        const int8_t *corner =
            src[0] + (oy * layer->stride_h - row0) * row + ox * layer->stride_w * layer->in_c + c;
        count -= n;
        for (; n >= 4; n -= 4, corner += 4, dst += 4)
            some_channels(layer, corner, 1, dst);
        for (; n; n--, corner++, dst++)
            some_channels(layer, corner, 0, dst);
        c = 0;
        pixel++;
    }
}
