/* SPDX-License-Identifier: 0BSD */
/* Maximum over the part of the window that lies inside the input: padding never wins. */
#include <string.h>

#include <wick/kernels.h>

/* dst = max(dst, src), element by element. */
static void larger(const int8_t *src, uint32_t n, int8_t *dst) {
    for (uint32_t i = 0; i < n; i++)
        dst[i] = src[i] > dst[i] ? src[i] : dst[i];
}

void wick_maxpool_s8(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                     uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c;
    int8_t low = (int8_t)layer->clamp_min, high = (int8_t)layer->clamp_max;
    while (count) {
        uint32_t oy = pixel / layer->out_w, ox = pixel % layer->out_w;
        uint32_t n = layer->out_c - c < count ? layer->out_c - c : count;
        int32_t y0 = (int32_t)(oy * layer->stride_h) - layer->pad_top, y1 = y0 + layer->k_h;
        int32_t x0 = (int32_t)(ox * layer->stride_w) - layer->pad_left, x1 = x0 + layer->k_w;
        y0 = y0 < 0 ? 0 : y0;
        x0 = x0 < 0 ? 0 : x0;
        y1 = y1 > layer->in_h ? layer->in_h : y1;
        x1 = x1 > layer->in_w ? layer->in_w : x1;
        int begun = 0;
        for (int32_t y = y0; y < y1; y++)
            for (int32_t x = x0; x < x1; x++, begun = 1) {
                const int8_t *tap = src[0] + ((y - row0) * layer->in_w + x) * layer->in_c + c;
                if (begun)
                    larger(tap, n, dst);
                else
                    memcpy(dst, tap, (size_t)n);
            }
        if (low > -128 || high < 127 || !begun)
            for (uint32_t i = 0; i < n; i++)
                dst[i] = begun ? wick_clamp_s8(dst[i], low, high) : low;
        dst += n;
        count -= n;
        c = 0;
        pixel++;
    }
}
