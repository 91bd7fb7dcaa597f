/* SPDX-License-Identifier: 0BSD */
/* Average over a window without padding: the sum is requantized, 1/area is part of mult[0]. */
#include <wick/kernels.h>

void wick_avgpool_s8(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                     uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c;
    uint32_t row = (uint32_t)layer->in_w * layer->in_c;
    int32_t start = -(int32_t)layer->operands[0].zero_point * layer->k_h * layer->k_w;
    while (count) {
        uint32_t oy = pixel / layer->out_w, ox = pixel % layer->out_w;
        uint32_t n = layer->out_c - c < count ? layer->out_c - c : count;
        const int8_t *corner =
            src[0] + (oy * layer->stride_h - row0) * row + ox * layer->stride_w * layer->in_c + c;
        for (uint32_t i = 0; i < n; i++) {
            int32_t acc = start;
            for (uint32_t y = 0; y < layer->k_h; y++) {
                const int8_t *p = corner + y * row + i;
                for (uint32_t x = 0; x < layer->k_w; x++, p += layer->in_c)
                    acc += *p;
            }
            int32_t y = layer->out_zp + wick_requantize(acc, layer->mult[0], layer->shift[0]);
            *dst++ = wick_clamp_s8(y, layer->clamp_min, layer->clamp_max);
        }
        count -= n;
        c = 0;
        pixel++;
    }
}
