/* SPDX-License-Identifier: 0BSD */
/* Average over a window without padding, for the ARM DSP extension (Cortex-M4, M7, M33): SXTAB16
   sums two channels as int16, eight channels together. 256 values of an int8 fit an int16; larger
   windows are summed in groups of rows. The rest is as in the portable kernel. */
#include <wick/kernels.h>

enum { TERMS = 256, TOGETHER = 8 /* channels */ };

/* The window of an output pixel. */
typedef struct window {
    const wick_layer *layer;
    const int8_t *src; /* its first pixel */
    uint32_t row;      /* bytes of an input row */
    uint32_t rows;     /* that can be summed as int16 */
    int32_t start;     /* of each sum */
} window;

/* With fewer channels the portable kernel is as fast. */
int wick_avgpool_s8_dsp_fits(const wick_layer *layer) {
    return layer->in_c >= TOGETHER;
}

uint32_t wick_avgpool_s8_dsp_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}

/* Adds some rows of the window to the sums of eight channels. */
static WICK_NOINLINE void add_rows(const window *w, const int8_t *src, uint32_t rows,
                                   int32_t sum[TOGETHER]) {
    uint32_t a = 0, b = 0, c = 0, d = 0, pitch = w->layer->in_c, columns = w->layer->k_w;
    uint32_t skip = w->row - columns * pitch;
    for (; rows; rows--, src += skip)
        for (uint32_t x = columns; x; x--, src += pitch) {
            uint32_t p = wick_load4(src), q = wick_load4(src + 4);
            a = wick_sxtab16(a, p);
            b = wick_sxtab16_ror8(b, p);
            c = wick_sxtab16(c, q);
            d = wick_sxtab16_ror8(d, q);
        }
    sum[0] += (int16_t)(uint16_t)a;
    sum[1] += (int16_t)(uint16_t)b;
    sum[2] += (int16_t)(uint16_t)(a >> 16);
    sum[3] += (int16_t)(uint16_t)(b >> 16);
    sum[4] += (int16_t)(uint16_t)c;
    sum[5] += (int16_t)(uint16_t)d;
    sum[6] += (int16_t)(uint16_t)(c >> 16);
    sum[7] += (int16_t)(uint16_t)(d >> 16);
}

static void eight_channels(const window *w, uint32_t c, int8_t *dst) {
    const wick_layer *layer = w->layer;
    int32_t sum[TOGETHER];
    for (uint32_t i = 0; i < TOGETHER; i++)
        sum[i] = w->start;
    for (uint32_t y = 0; y < layer->k_h; y += w->rows)
        add_rows(w, w->src + y * w->row + c, layer->k_h - y < w->rows ? layer->k_h - y : w->rows,
                 sum);
    int32_t mult = layer->mult[0], out_zp = layer->out_zp;
    uint32_t least = wick_splat4((int8_t)layer->clamp_min),
             most = wick_splat4((int8_t)layer->clamp_max);
    uint8_t shift = layer->shift[0];
#define RESULT(i) wick_ssat8(wick_mulhr_add((int32_t)((uint32_t)sum[i] << shift), mult, out_zp))
    for (uint32_t i = 0; i < TOGETHER; i += 4) {
        int32_t y0 = RESULT(i), y1 = RESULT(i + 1), y2 = RESULT(i + 2), y3 = RESULT(i + 3);
        uint32_t word = wick_pack4(y0, y1, y2, y3);
        wick_store4(dst + i, wick_min4(wick_max4(word, least), most));
    }
}

static int8_t one_channel(const window *w, uint32_t c) {
    const wick_layer *layer = w->layer;
    const int8_t *src = w->src + c;
    int32_t sum = w->start;
    for (uint32_t y = 0; y < layer->k_h; y++, src += w->row)
        for (uint32_t x = 0; x < layer->k_w; x++)
            sum += src[x * layer->in_c];
    int32_t y = layer->out_zp + wick_requantize(sum, layer->mult[0], layer->shift[0]);
    return wick_clamp_s8(y, layer->clamp_min, layer->clamp_max);
}

void wick_avgpool_s8_dsp(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                         uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c;
    uint32_t oy = pixel / layer->out_w, ox = pixel % layer->out_w;
    window w;
    w.layer = layer;
    w.row = (uint32_t)layer->in_w * layer->in_c;
    w.rows = (uint32_t)TERMS / layer->k_w;
    w.start = -(int32_t)layer->operands[0].zero_point * layer->k_h * layer->k_w;
    for (; count; c = 0) {
        uint32_t n = layer->out_c - c < count ? layer->out_c - c : count, i = 0;
        w.src = src[0] + (oy * layer->stride_h - row0) * w.row + ox * layer->stride_w * layer->in_c;
        if (n >= TOGETHER) /* a last block that is not full begins earlier and overlaps */
            for (; i < n; i = wick_next_block(i, n, TOGETHER))
                eight_channels(&w, c + i, dst + i);
        for (; i < n; i++)
            dst[i] = one_channel(&w, c + i);
        dst += n;
        count -= n;
        if (++ox == layer->out_w) {
            ox = 0;
            oy++;
        }
    }
}
