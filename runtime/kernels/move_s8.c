/* SPDX-License-Identifier: 0BSD */
/* Elements put elsewhere: slices, transpositions, nearest resizing, padding, picked channels. Where
   an output comes from is the sum of an offset of its row, its column and its channel. */
#include <wick/kernels.h>

void wick_move_s8(const wick_layer *layer, const int8_t *const *src, uint16_t row0, uint32_t first,
                  uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    const int32_t *rows = layer->bias, *columns = rows + layer->out_h;
    int32_t skipped = (int32_t)row0 * layer->in_w * layer->in_c;
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c;
    uint32_t y = pixel / layer->out_w, x = pixel % layer->out_w;
    while (count) {
        const int32_t *channels = columns + layer->out_w + c;
        int32_t from = rows[y] + columns[x];
        uint32_t n = layer->out_c - c < count ? layer->out_c - c : count;
        count -= n;
        for (; n; n--) {
            int32_t at = from + *channels++;
            *dst++ = at < 0 ? layer->out_zp : src[0][at - skipped];
        }
        c = 0;
        if (++x == layer->out_w) {
            x = 0;
            y++;
        }
    }
}
