/* SPDX-License-Identifier: 0BSD */
/* Elements of a 16-bit tensor put elsewhere, as move_s8.c does it; what comes from nowhere is 0. */
#include <wick/wide.h>

void wick_move_s16(const wick_layer *layer, const int8_t *const *src, uint16_t row0, uint32_t first,
                   uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    const int32_t *rows = layer->bias, *columns = rows + layer->out_h;
    const int32_t *channels = columns + layer->out_w;
    const int16_t *from = (const int16_t *)(const void *)src[0];
    int16_t *to = (int16_t *)(void *)dst;
    int32_t skipped = (int32_t)row0 * layer->in_w * layer->in_c;
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c;
    for (; count; count--) {
        int32_t at = rows[pixel / layer->out_w] + columns[pixel % layer->out_w] + channels[c];
        *to++ = at < 0 ? 0 : from[at - skipped];
        if (++c == layer->out_c) {
            c = 0;
            pixel++;
        }
    }
}

int wick_move_s16_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_move_s16_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}
