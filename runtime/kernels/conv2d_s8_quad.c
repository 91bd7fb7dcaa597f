/* SPDX-License-Identifier: 0BSD */
/* Dense convolution for cores without SIMD: four pixels at once, two by each multiplication
   (wick/pair.h). A window's taps are gathered in scratch memory with the four pixels as two pairs
   for each tap, padding included; then every output channel takes its weights, as they are, along
   them once. A large window goes in pieces, and the sums of some channels wait in scratch memory
   from piece to piece. Single pixels go one by one, from a copy of their window. */
#include <string.h>

#include <wick/dot.h>
#include <wick/kernels.h>
#include <wick/pair.h>

enum {
    PIXELS = 4,
    WHOLE = 192,  /* taps of a window that is one piece, at most; of a piece if there are several */
    TAPS = 128,   /* (even, so that taps stay in pairs) */
    CHANNELS = 32 /* whose sums are kept from piece to piece */
};

/* Where a pixel's window lies in the input. */
typedef struct window {
    int32_t at;          /* of tap (0, 0) from the rows that are there; may be outside */
    int32_t y;           /* its row in the input */
    int32_t left, right; /* of a kernel row's k_w*in_c taps, [left, right) are inside */
} window;

/* Sums of one channel: pixels 0, 1 and 2, 3. */
typedef struct sums {
    wick_pair_sum a, b;
} sums;

/* Taps [first, first + n) of `taps`, gathered for four pixels as pairs[n][2] or for one. */
typedef struct piece {
    uint32_t taps, first, n;
    union {
        uint32_t *pairs;
        int8_t *single;
    } x;
    union {
        sums *four;
        int32_t *one;
    } kept; /* [CHANNELS] */
} piece;

static uint32_t taps_of(const wick_layer *layer) {
    return (uint32_t)layer->k_h * layer->k_w * layer->in_c;
}

/* Taps of the layer's pieces: all, or equal even shares of at most TAPS. */
static uint32_t piece_taps(uint32_t taps) {
    if (taps <= WHOLE)
        return taps;
    uint32_t pieces = (taps + TAPS - 1) / TAPS;
    return ((taps + pieces - 1) / pieces + 1) & ~(uint32_t)1;
}

/* n taps of two pixels; the steps are 1, or 0 for a pixel whose taps are outside. */
WICK_INLINE void gather(const int8_t *a, int32_t step_a, const int8_t *b, int32_t step_b, int32_t n,
                        uint32_t *x) {
    for (; n >= 2; n -= 2, x += 4) {
        uint32_t x0 = wick_pair(*a, *b), x1 = wick_pair(a[step_a], b[step_b]);
        a += 2 * step_a;
        b += 2 * step_b;
        x[0] = x0;
        x[2] = x1;
    }
    if (n)
        x[0] = wick_pair(*a, *b);
}

static int row_inside(const wick_layer *layer, const window *w, int32_t ky) {
    return w->y + ky >= 0 && w->y + ky < layer->in_h;
}

/* Where the run of taps from r on ends, if it ends before `end`: at the window's next edge. */
static int32_t run_end(const window *w, int32_t r, int32_t end) {
    end = w->left > r && w->left < end ? w->left : end;
    return w->right > r && w->right < end ? w->right : end;
}

/* The piece's taps of two pixels, to every other word of x, in runs that are inside or outside for
   each pixel. */
WICK_APART void fill_pair(const wick_layer *layer, const int8_t *src, const window *a,
                          const window *b, const piece *p, uint32_t *x) {
    const int8_t *zero = &layer->operands[0].zero_point;
    int32_t in_c = layer->in_c, row = layer->k_w * in_c, pitch = layer->in_w * in_c;
    int32_t ky = (int32_t)p->first / row, r = (int32_t)p->first % row, n = (int32_t)p->n;
    int32_t line = ky * pitch;
    for (; n; ky++, line += pitch, r = 0) {
        int row_a = row_inside(layer, a, ky), row_b = row_inside(layer, b, ky);
        while (n && r < row) {
            int32_t take = run_end(b, r, run_end(a, r, n < row - r ? r + n : row)) - r;
            int in_a = row_a && r >= a->left && r < a->right;
            int in_b = row_b && r >= b->left && r < b->right;
            if (in_a && in_b)
                gather(src + (a->at + line + r), 1, src + (b->at + line + r), 1, take, x);
            else
                gather(in_a ? src + (a->at + line + r) : zero, in_a,
                       in_b ? src + (b->at + line + r) : zero, in_b, take, x);
            x += 2 * take;
            r += take;
            n -= take;
        }
    }
}

/* The piece's taps of one pixel. */
WICK_APART void fill_one(const wick_layer *layer, const int8_t *src, const window *w,
                         const piece *p) {
    int32_t in_c = layer->in_c, row = layer->k_w * in_c, pitch = layer->in_w * in_c;
    int32_t ky = (int32_t)p->first / row, r = (int32_t)p->first % row, n = (int32_t)p->n;
    int8_t *x = p->x.single;
    memset(x, layer->operands[0].zero_point, (size_t)n);
    for (; n; ky++, r = 0) {
        int32_t take = row - r < n ? row - r : n;
        int32_t begin = r > w->left ? r : w->left, end = r + take < w->right ? r + take : w->right;
        if (begin < end && row_inside(layer, w, ky))
            memcpy(x + (begin - r), src + (w->at + ky * pitch + begin), (size_t)(end - begin));
        x += take;
        n -= take;
    }
}

#if defined(__arm__) || defined(__MSP430__)
enum { OUTS = 1 };

WICK_INLINE void multiply(const uint32_t *x, uint32_t n, const int8_t *w, const int8_t *v,
                          uint32_t half, sums *s, sums *t) {
    (void)v;
    (void)t;
    wick_pair_dot(x, w, n, half, &s->a, &s->b);
}
#else
/* Two channels share the loads of pairs: the registers suffice. */
enum { OUTS = 2 };

/* Two taps: with weights *w to s, with *v to t. */
WICK_INLINE void step(const uint32_t **x, const int8_t **w, const int8_t **v, uint32_t half,
                      sums *s, sums *t) {
    WICK_STEP();
    uint32_t a0 = (*x)[0], b0 = (*x)[1], a1 = (*x)[2], b1 = (*x)[3];
    int32_t w0 = (*w)[0], w1 = (*w)[1];
    wick_pair_add2(&s->a, w0, a0, w1, a1, half);
    wick_pair_add2(&s->b, w0, b0, w1, b1, half);
    w0 = (*v)[0];
    w1 = (*v)[1];
    wick_pair_add2(&t->a, w0, a0, w1, a1, half);
    wick_pair_add2(&t->b, w0, b0, w1, b1, half);
    *x += 4;
    *w += 2;
    *v += 2;
}

WICK_INLINE void multiply(const uint32_t *x, uint32_t n, const int8_t *w, const int8_t *v,
                          uint32_t half, sums *s, sums *t) {
    const uint32_t *end = x + 2 * (n & ~(uint32_t)3);
    while (x != end) {
        step(&x, &w, &v, half, s, t);
        step(&x, &w, &v, half, s, t);
    }
    if (n & 2)
        step(&x, &w, &v, half, s, t);
    if (n & 1) {
        wick_pair_add1(&s->a, *w, x[0], half);
        wick_pair_add1(&s->b, *w, x[1], half);
        wick_pair_add1(&t->a, *v, x[0], half);
        wick_pair_add1(&t->b, *v, x[1], half);
    }
}
#endif

WICK_INLINE void start(const wick_layer *layer, uint32_t c, uint32_t words, sums *s) {
    int32_t bias = layer->bias ? layer->bias[c] : 0;
    s->a = s->b = wick_pair_start(bias, bias, words);
}

static void finish(const wick_layer *layer, const sums *s, uint32_t c, uint32_t n, uint32_t pixels,
                   int8_t *dst) {
    int32_t zero = layer->out_zp, low = layer->clamp_min, high = layer->clamp_max;
    uint32_t pitch = layer->out_c;
    for (; n; n--, c++, s++, dst++) {
        int32_t mult = layer->mult[c];
        uint8_t shift = layer->shift[c];
        int8_t *at = dst;
        *at = wick_clamp_s8(zero + wick_requantize(wick_pair_low(s->a), mult, shift), low, high);
        at += pitch;
        *at = wick_clamp_s8(zero + wick_requantize(s->a.high, mult, shift), low, high);
        at += pitch;
        *at = wick_clamp_s8(zero + wick_requantize(wick_pair_low(s->b), mult, shift), low, high);
        if (pixels == PIXELS)
            at[pitch] = wick_clamp_s8(zero + wick_requantize(s->b.high, mult, shift), low, high);
    }
}

WICK_INLINE void dot_1x2(const int8_t *x, const int8_t *w, const int8_t *v, uint32_t n,
                         int32_t acc[2]) {
    int32_t s = acc[0], t = acc[1];
    for (; n >= 4; n -= 4, x += 4, w += 4, v += 4) {
        WICK_UNROLL
        for (uint32_t i = 0; i < 4; i++) {
            s += x[i] * w[i];
            t += x[i] * v[i];
        }
    }
    for (; n; n--, x++) {
        s += *x * *w++;
        t += *x * *v++;
    }
    acc[0] = s;
    acc[1] = t;
}

/* Channels [c, c + n) of four pixels with a piece; of three: the fourth is not stored. */
WICK_APART void channels_of_four(const wick_layer *layer, const piece *p, uint32_t pixels,
                                 uint32_t c, uint32_t n, int8_t *dst) {
    uint32_t half = wick_pair_half(), taps = p->taps, words = (taps + 1) / 2;
    const int8_t *w = layer->weights + (c * taps + p->first);
    int begins = p->first == 0, ends = p->first + p->n == taps;
    sums *kept = p->kept.four;
    for (uint32_t i = 0; i < n; i += OUTS, w += OUTS * taps, kept += OUTS) {
        int two = OUTS == 2 && i + 1 < n; /* of an odd number, the last one takes both places */
        sums s, t;
        if (begins) {
            start(layer, c + i, words, &s);
            start(layer, c + i + (uint32_t)two, words, &t);
        } else {
            s = kept[0];
            t = kept[two];
        }
        multiply(p->x.pairs, p->n, w, two ? w + taps : w, half, &s, &t);
        if (ends) {
            const sums done[2] = {s, t};
            finish(layer, done, c + i, two ? 2 : 1, pixels, dst + i);
        } else {
            kept[0] = s;
            if (two)
                kept[1] = t;
        }
    }
}

WICK_APART void channels_of_one(const wick_layer *layer, const piece *p, uint32_t c, uint32_t n,
                                int8_t *dst) {
    uint32_t taps = p->taps;
    const int8_t *w = layer->weights + (c * taps + p->first);
    int begins = p->first == 0, ends = p->first + p->n == taps;
    int32_t *kept = p->kept.one;
    for (uint32_t end = c + n, take; c < end; c += take, kept += take, w += take * taps) {
        int32_t acc[2] = {0, 0};
        take = end - c < 2 ? 1 : 2;
        for (uint32_t i = 0; i < take; i++)
            acc[i] = !begins ? kept[i] : layer->bias ? layer->bias[c + i] : 0;
        dot_1x2(p->x.single, w, take == 2 ? w + taps : w, p->n, acc);
        for (uint32_t i = 0; i < take; i++) {
            int32_t y = wick_requantize(acc[i], layer->mult[c + i], layer->shift[c + i]);
            if (ends)
                *dst++ = wick_clamp_s8(layer->out_zp + y, layer->clamp_min, layer->clamp_max);
            else
                kept[i] = acc[i];
        }
    }
}

/* Channels [c, c + n) of one, three or four pixels. */
static void pixels(const wick_layer *layer, const int8_t *src, const window *w, uint32_t count,
                   uint32_t c, uint32_t n, int8_t *dst, uint32_t *scratch) {
    uint32_t taps = taps_of(layer), most = piece_taps(taps), take;
    piece p;
    p.taps = taps;
    p.x.pairs = scratch;
    p.kept.four = (sums *)(scratch + 2 * most);
    if (count == 1) {
        p.x.single = (int8_t *)scratch;
        p.kept.one = (int32_t *)(scratch + 2 * most);
    }
    for (; n; c += take, dst += take, n -= take) {
        take = most == taps || n < CHANNELS ? n : CHANNELS;
        for (p.first = 0; p.first < taps; p.first += p.n) {
            p.n = taps - p.first < most ? taps - p.first : most;
            if (count == 1) {
                fill_one(layer, src, w, &p);
                channels_of_one(layer, &p, c, take, dst);
            } else {
                fill_pair(layer, src, &w[0], &w[1], &p, p.x.pairs);
                fill_pair(layer, src, &w[2], &w[3], &p, p.x.pairs + 1);
                channels_of_four(layer, &p, count, c, take, dst);
            }
        }
    }
}

static int32_t clip(int32_t value, int32_t high) {
    return value < 0 ? 0 : value > high ? high : value;
}

WICK_APART window window_at(const wick_layer *layer, uint16_t row0, uint32_t oy, uint32_t ox) {
    window w;
    int32_t x = (int32_t)(ox * layer->stride_w) - layer->pad_left, in_c = layer->in_c;
    w.y = (int32_t)(oy * layer->stride_h) - layer->pad_top;
    w.left = clip(-x, layer->k_w) * in_c;
    w.right = clip(layer->in_w - x, layer->k_w) * in_c;
    w.at = ((w.y - row0) * layer->in_w + x) * in_c;
    return w;
}

void wick_conv2d_s8_quad(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                         uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    uint32_t out_c = layer->out_c, pixel = first / out_c, c = first % out_c;
    uint32_t oy = pixel / layer->out_w, ox = pixel % layer->out_w;
    while (count) {
        window w[PIXELS];
        uint32_t n = out_c - c < count ? out_c - c : count, whole = 1;
        if (count >= 3 * out_c && c == 0)
            whole = count < 4 * out_c ? 3 : 4;
        for (uint32_t i = 0; i < whole; i++) {
            w[i] = window_at(layer, row0, oy, ox);
            if (++ox == layer->out_w) {
                ox = 0;
                oy++;
            }
        }
        if (whole == 3)
            w[3] = w[2];
        pixels(layer, src[0], w, whole, c, n, dst, scratch);
        dst += whole * n;
        count -= whole * n;
        c = 0;
    }
}

int wick_conv2d_s8_quad_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_conv2d_s8_quad_scratch_bytes(const wick_layer *layer) {
    uint32_t taps = taps_of(layer), most = piece_taps(taps);
    uint32_t kept = layer->out_c < CHANNELS ? layer->out_c : CHANNELS;
    return 2 * most * (uint32_t)sizeof(uint32_t) +
           (most == taps ? 0 : kept * (uint32_t)sizeof(sums));
}
