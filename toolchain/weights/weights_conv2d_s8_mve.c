/* The layout is described in runtime/kernels/conv2d_s8_mve.c and runtime/include/wick/mve.h. */
#include <string.h>

#include <wick/mve.h>

#include "weights/weights.h"

/* One chunk of a window, kernel rows [ky, ky + h), of each the bytes [from, from + w), for all
   outputs: returns its words, and writes them if dst is not NULL. */
static uint32_t pack_chunk(const wick_layer *layer, uint32_t ky, uint32_t h, uint32_t from,
                           uint32_t w, uint32_t *dst) {
    uint32_t row = (uint32_t)layer->k_w * layer->in_c;
    for (uint32_t c = 0; c < layer->out_c && dst; c++)
        for (uint32_t y = 0; y < h; y++)
            for (uint32_t x = 0; x < w; x++) {
                uint32_t byte = wick_mve_weight_byte(h * w, c, y * w + x);
                uint32_t weight =
                    (uint8_t)layer->weights[(c * layer->k_h + ky + y) * row + from + x];
                dst[byte / 4] |= weight << 8 * (byte % 4);
            }
    return (layer->out_c + 3u) / 4 * wick_mve_group_words(h * w);
}

static uint32_t pack(const wick_layer *layer, uint32_t *dst) {
    wick_mve_part chunk = wick_mve_chunk(layer);
    uint32_t row = (uint32_t)layer->k_w * layer->in_c, words = 0;
    for (uint32_t ky = 0; ky < layer->k_h; ky += chunk.rows)
        for (uint32_t from = 0; from < row; from += chunk.width) {
            uint32_t h = layer->k_h - ky < chunk.rows ? layer->k_h - ky : chunk.rows;
            uint32_t w = row - from < chunk.width ? row - from : chunk.width;
            words += pack_chunk(layer, ky, h, from, w, dst ? dst + words : NULL);
        }
    return words + 4; /* the kernel loads one vector ahead */
}

uint32_t wick_conv2d_s8_mve_weights_words(const wick_layer *layer) {
    return pack(layer, NULL);
}

void wick_conv2d_s8_mve_weights_pack(const wick_layer *layer, uint32_t *dst) {
    memset(dst, 0, 4 * (size_t)wick_conv2d_s8_mve_weights_words(layer));
    pack(layer, dst);
}
