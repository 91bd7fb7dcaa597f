/* SPDX-License-Identifier: 0BSD */
/* Maximum over the part of the window that lies inside the input, for the ARM DSP extension
   (Cortex-M4, M7, M33): four channels a word with SSUB8 and SEL, sixteen channels together while
   there are so many. The maximum begins at clamp_min, which is also the answer of an empty window.
 */
#include <wick/kernels.h>

/* The window of an output pixel, cut to the input. */
typedef struct window {
    const int8_t *src; /* its first pixel */
    uint32_t rows, columns;
    uint32_t pitch, skip; /* bytes from pixel to pixel, and from a row's end to the next row */
    uint32_t least, most; /* clamps four times */
} window;

/* With fewer channels the portable kernel is as fast. */
int wick_maxpool_s8_dsp_fits(const wick_layer *layer) {
    return layer->in_c >= 4;
}

uint32_t wick_maxpool_s8_dsp_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}

static inline void sixteen_channels(const window *w, uint32_t c, int8_t *dst) {
    const int8_t *src = w->src + c;
    uint32_t a = w->least, b = a, d = a, e = a, pitch = w->pitch, skip = w->skip;
    for (uint32_t y = w->rows; y; y--, src += skip)
        for (uint32_t x = w->columns; x; x--, src += pitch) {
            a = wick_max4(a, wick_load4(src));
            b = wick_max4(b, wick_load4(src + 4));
            d = wick_max4(d, wick_load4(src + 8));
            e = wick_max4(e, wick_load4(src + 12));
        }
    uint32_t most = w->most;
    wick_store4(dst, wick_min4(a, most));
    wick_store4(dst + 4, wick_min4(b, most));
    wick_store4(dst + 8, wick_min4(d, most));
    wick_store4(dst + 12, wick_min4(e, most));
}

static inline void four_channels(const window *w, uint32_t c, int8_t *dst) {
    const int8_t *src = w->src + c;
    uint32_t a = w->least, pitch = w->pitch, skip = w->skip;
    for (uint32_t y = w->rows; y; y--, src += skip)
        for (uint32_t x = w->columns; x; x--, src += pitch)
            a = wick_max4(a, wick_load4(src));
    wick_store4(dst, wick_min4(a, w->most));
}

static void one_channel(const window *w, uint32_t c, int8_t *dst) {
    const int8_t *src = w->src + c;
    int8_t a = (int8_t)(uint8_t)w->least, most = (int8_t)(uint8_t)w->most;
    for (uint32_t y = w->rows; y; y--, src += w->skip)
        for (uint32_t x = w->columns; x; x--, src += w->pitch)
            a = *src > a ? *src : a;
    *dst = a < most ? a : most;
}

/* n channels from c on; a last block that is not full begins earlier and overlaps. */
static WICK_NOINLINE void channels(const window *w, uint32_t c, uint32_t n, int8_t *dst) {
    if (n >= 16)
        for (uint32_t i = 0; i < n; i = wick_next_block(i, n, 16))
            sixteen_channels(w, c + i, dst + i);
    else if (n >= 4)
        for (uint32_t i = 0; i < n; i = wick_next_block(i, n, 4))
            four_channels(w, c + i, dst + i);
    else
        for (uint32_t i = 0; i < n; i++)
            one_channel(w, c + i, dst + i);
}

static uint32_t clip(int32_t value, uint32_t high) {
    return value < 0 ? 0 : (uint32_t)value > high ? high : (uint32_t)value;
}

void wick_maxpool_s8_dsp(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                         uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c;
    uint32_t oy = pixel / layer->out_w, ox = pixel % layer->out_w, row;
    window w;
    w.pitch = layer->in_c;
    row = layer->in_w * w.pitch;
    w.least = wick_splat4((int8_t)layer->clamp_min);
    w.most = wick_splat4((int8_t)layer->clamp_max);
    while (count) {
        int32_t y = (int32_t)(oy * layer->stride_h) - layer->pad_top;
        int32_t x = (int32_t)(ox * layer->stride_w) - layer->pad_left;
        uint32_t y0 = clip(y, layer->in_h), x0 = clip(x, layer->in_w);
        uint32_t end = layer->out_c - c < count ? layer->out_c : c + count;
        w.rows = clip(y + layer->k_h, layer->in_h) - y0;
        w.columns = clip(x + layer->k_w, layer->in_w) - x0;
        w.skip = row - w.columns * w.pitch;
        w.src = w.rows && w.columns ? src[0] + (y0 - row0) * row + x0 * w.pitch : src[0];
        channels(&w, c, end - c, dst);
        dst += end - c;
        count -= end - c;
        c = 0;
        if (++ox == layer->out_w) {
            ox = 0;
            oy++;
        }
    }
}
