/* SPDX-License-Identifier: 0BSD */
/* Depthwise convolution for cores without SIMD. 3x3 taps with a stride of 1 or 2 columns go by
   strips of four neighbouring pixels: for each channel every weight is loaded once for the four,
   and every input once for the up to three pixels that it belongs to. Where the strip's first or
   last column is outside the input, its place is taken by the zero point and a pointer that stays.
   The last strip of a row may repeat pixels of the one before. All else, and rows shorter than a
   strip, goes pixel by pixel, four channels together. Weights as they are. */
#include <wick/kernels.h>

enum { PIXELS = 4 };

/* Sums: of four pixels in one channel, or of four channels in one pixel. */
typedef struct lanes {
    int32_t a, b, c, d;
} lanes;

/* The inputs of four pixels, from their first row inside on. */
typedef struct strip {
    const int8_t *first, *inner, *last; /* the first column, the second, the last */
    uint8_t first_moves, last_moves;    /* 0 where that column is outside */
    int32_t pitch, step;                /* bytes to the next row, to the next column */
    uint32_t rows, above;               /* kernel rows inside; outside, before those */
    int32_t zero;
} strip;

WICK_INLINE int8_t output(const wick_layer *layer, int32_t acc, int32_t mult, uint8_t shift) {
    int32_t y = layer->out_zp + wick_requantize(acc, mult, shift);
    return wick_clamp_s8(y, layer->clamp_min, layer->clamp_max);
}

/* A kernel row with a stride of 1. x: the first column's input, q: from the second on. */
WICK_INLINE void row_of_1(int32_t x, const int8_t *q, const int8_t *last, int32_t step,
                          const int8_t *w, lanes *s) {
    int32_t w0 = w[0], w1 = w[step], w2 = w[2 * step];
    s->a += x * w0;
    x = q[0];
    s->a += x * w1;
    s->b += x * w0;
    x = q[step];
    s->a += x * w2;
    s->b += x * w1;
    s->c += x * w0;
    q += 2 * step;
    x = q[0];
    s->b += x * w2;
    s->c += x * w1;
    s->d += x * w0;
    x = q[step];
    s->c += x * w2;
    s->d += x * w1;
    s->d += *last * w2;
}

/* The same with a stride of 2. */
WICK_INLINE void row_of_2(int32_t x, const int8_t *q, const int8_t *last, int32_t step,
                          const int8_t *w, lanes *s) {
    int32_t w0 = w[0], w1 = w[step], w2 = w[2 * step];
    s->a += x * w0;
    s->a += q[0] * w1;
    x = q[step];
    s->a += x * w2;
    s->b += x * w0;
    q += 2 * step;
    s->b += q[0] * w1;
    x = q[step];
    s->b += x * w2;
    s->c += x * w0;
    q += 2 * step;
    s->c += q[0] * w1;
    x = q[step];
    s->c += x * w2;
    s->d += x * w0;
    s->d += q[2 * step] * w1;
    s->d += *last * w2;
}

/* What the taps of the kernel rows outside are worth. */
WICK_APART int32_t outside(const strip *p, const int8_t *w) {
    int32_t sum = 0;
    for (uint32_t ky = 0; ky < 3; ky++, w += 3 * p->step)
        if (ky < p->above || ky >= p->above + p->rows)
            sum += w[0] + w[p->step] + w[2 * p->step];
    return p->zero * sum;
}

/* All channels of four pixels. */
WICK_INLINE void four_pixels(const wick_layer *layer, const strip *p, int stride, int8_t *dst) {
    int32_t pitch = p->pitch, step = p->step;
    int32_t first_pitch = p->first_moves ? pitch : 0, last_pitch = p->last_moves ? pitch : 0;
    for (int32_t c = 0; c < step; c++) {
        const int8_t *w = layer->weights + c;
        lanes s;
        s.a = layer->bias ? layer->bias[c] : 0;
        if (p->rows < 3)
            s.a += outside(p, w);
        s.b = s.c = s.d = s.a;
        w += 3 * (int32_t)p->above * step;
        const int8_t *first = p->first + (p->first_moves ? c : 0), *inner = p->inner + c;
        const int8_t *last = p->last + (p->last_moves ? c : 0);
        for (uint32_t i = p->rows; i; i--) {
            if (stride == 1)
                row_of_1(*first, inner, last, step, w, &s);
            else
                row_of_2(*first, inner, last, step, w, &s);
            first += first_pitch;
            inner += pitch;
            last += last_pitch;
            w += 3 * step;
        }
        int32_t mult = layer->mult[c];
        uint8_t shift = layer->shift[c];
        int8_t y0 = output(layer, s.a, mult, shift), y1 = output(layer, s.b, mult, shift);
        int8_t y2 = output(layer, s.c, mult, shift), y3 = output(layer, s.d, mult, shift);
        int8_t *to = dst + c;
        WICK_KEEP(to); /* one pointer, not four */
        *to = y0;
        to += step;
        *to = y1;
        to += step;
        *to = y2;
        to[step] = y3;
    }
}

WICK_APART void four_pixels_of_1(const wick_layer *layer, const strip *p, int8_t *dst) {
    four_pixels(layer, p, 1, dst);
}

WICK_APART void four_pixels_of_2(const wick_layer *layer, const strip *p, int8_t *dst) {
    four_pixels(layer, p, 2, dst);
}

/* Four pixels whose window's corner is (y, x). 0: they are no strip. */
static int strip_at(const wick_layer *layer, const int8_t *src, int32_t row0, int32_t y, int32_t x,
                    int8_t *dst) {
    int32_t in_c = layer->in_c, pitch = layer->in_w * in_c;
    int32_t end = x + 3 * layer->stride_w + 2; /* the last column */
    int32_t top = y < 0 ? 0 : y, bottom = y + 3 < layer->in_h ? y + 3 : layer->in_h;
    if (x < -1 || end > layer->in_w || bottom <= top)
        return 0;
    const int8_t *zero = &layer->operands[0].zero_point;
    strip p;
    p.inner = src + ((top - row0) * pitch + (x + 1) * in_c);
    p.first_moves = x >= 0;
    p.last_moves = end < layer->in_w;
    p.first = x >= 0 ? p.inner - in_c : zero;
    p.last = end < layer->in_w ? p.inner + (end - x - 1) * in_c : zero;
    p.pitch = pitch;
    p.step = in_c;
    p.rows = (uint32_t)(bottom - top);
    p.above = (uint32_t)(top - y);
    p.zero = *zero;
    if (layer->stride_w == 1)
        four_pixels_of_1(layer, &p, dst);
    else
        four_pixels_of_2(layer, &p, dst);
    return 1;
}

/* An output pixel's window. */
typedef struct window {
    const int8_t *src;
    int32_t at;   /* of tap (0, 0) from src; may be outside */
    int32_t y, x; /* its place in the input */
} window;

/* Channel c, or the four from c on. */
WICK_INLINE void some_channels(const wick_layer *layer, const window *p, uint32_t c, int four,
                               int8_t *dst) {
    int8_t zero = layer->operands[0].zero_point;
    const int8_t zeros[4] = {zero, zero, zero, zero}, *w = layer->weights + c;
    int32_t step = layer->in_c, at = p->at + (int32_t)c;
    int32_t skip = (layer->in_w - layer->k_w) * step; /* to the next row's first tap */
    lanes s = {0, 0, 0, 0};
    for (int32_t y = p->y; y < p->y + layer->k_h; y++, at += skip) {
        uint32_t width = y >= 0 && y < layer->in_h ? layer->in_w : 0;
        for (int32_t x = p->x; x < p->x + layer->k_w; x++, at += step, w += step) {
            const int8_t *v = (uint32_t)x < width ? p->src + at : zeros;
            s.a += v[0] * w[0];
            if (four) {
                s.b += v[1] * w[1];
                s.c += v[2] * w[2];
                s.d += v[3] * w[3];
            }
        }
    }
    const int32_t acc[4] = {s.a, s.b, s.c, s.d};
    for (uint32_t i = 0; i < (four ? 4 : 1); i++) {
        int32_t bias = layer->bias ? layer->bias[c + i] : 0;
        dst[i] = output(layer, acc[i] + bias, layer->mult[c + i], layer->shift[c + i]);
    }
}

/* Channels [c, c + n) of one pixel. */
WICK_APART void one_pixel(const wick_layer *layer, const window *p, uint32_t c, uint32_t n,
                          int8_t *dst) {
    for (; n >= 4; n -= 4, c += 4, dst += 4)
        some_channels(layer, p, c, 1, dst);
    for (; n; n--, c++, dst++)
        some_channels(layer, p, c, 0, dst);
}

static window window_at(const wick_layer *layer, const int8_t *src, int32_t row0, uint32_t oy,
                        uint32_t ox) {
    window p;
    p.y = (int32_t)(oy * layer->stride_h) - layer->pad_top;
    p.x = (int32_t)(ox * layer->stride_w) - layer->pad_left;
    p.src = src;
    p.at = ((p.y - row0) * layer->in_w + p.x) * layer->in_c;
    return p;
}

/* n neighbouring pixels of a row. */
static void pixels(const wick_layer *layer, const int8_t *src, int32_t row0, uint32_t oy,
                   uint32_t ox, uint32_t n, int8_t *dst) {
    uint32_t out_c = layer->out_c;
    int strips = layer->k_h == 3 && layer->k_w == 3 && layer->stride_w <= 2 && n >= PIXELS;
    for (uint32_t i = 0; i < n;) {
        uint32_t from = i + PIXELS <= n ? i : n - PIXELS; /* of a strip; maybe with some again */
        window p = window_at(layer, src, row0, oy, ox + (strips ? from : i));
        if (strips && strip_at(layer, src, row0, p.y, p.x, dst + from * out_c)) {
            i = from + PIXELS;
            continue;
        }
        if (strips)
            p = window_at(layer, src, row0, oy, ox + i);
        one_pixel(layer, &p, 0, out_c, dst + i * out_c);
        i++;
    }
}

void wick_dwconv2d_s8_strip(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                            uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t out_c = layer->out_c, out_w = layer->out_w, c = first % out_c, pixel = first / out_c;
    while (count) {
        uint32_t oy = pixel / out_w, ox = pixel % out_w, n = out_w - ox, done;
        if (c || count < out_c) { /* some channels of a pixel */
            window p = window_at(layer, src[0], row0, oy, ox);
            done = out_c - c < count ? out_c - c : count;
            one_pixel(layer, &p, c, done, dst);
            pixel++;
            c = 0;
        } else {
            n = n < count / out_c ? n : count / out_c;
            pixels(layer, src[0], row0, oy, ox, n, dst);
            done = n * out_c;
            pixel += n;
        }
        dst += done;
        count -= done;
    }
}

int wick_dwconv2d_s8_strip_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_dwconv2d_s8_strip_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}
