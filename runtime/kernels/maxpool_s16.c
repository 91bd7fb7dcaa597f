/* SPDX-License-Identifier: 0BSD */
/* Maximum over the part of the window that lies inside the input: padding never wins. Input and
   output are both int16, of one scale. An empty window gives clamp_min. */
#include <wick/wide.h>

void wick_maxpool_s16(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                      uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    const int16_t *from = (const int16_t *)(const void *)src[0];
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c, to = 0;
    while (to < count) {
        int32_t y0 = (int32_t)(pixel / layer->out_w * layer->stride_h) - layer->pad_top;
        int32_t x0 = (int32_t)(pixel % layer->out_w * layer->stride_w) - layer->pad_left;
        int32_t y1 = y0 + layer->k_h, x1 = x0 + layer->k_w;
        y0 = y0 < 0 ? 0 : y0;
        x0 = x0 < 0 ? 0 : x0;
        y1 = y1 > layer->in_h ? layer->in_h : y1;
        x1 = x1 > layer->in_w ? layer->in_w : x1;
        for (; c < layer->out_c && to < count; c++, to++) {
            int32_t most = INT16_MIN;
            for (int32_t y = y0; y < y1; y++)
                for (int32_t x = x0; x < x1; x++) {
                    int32_t pixels = (y - row0) * layer->in_w + x;
                    int32_t tap = from[(uint32_t)pixels * layer->in_c + c];
                    most = tap > most ? tap : most;
                }
            wick_wide_put(layer, dst, to, most);
        }
        c = 0;
        pixel++;
    }
}

int wick_maxpool_s16_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_maxpool_s16_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}
