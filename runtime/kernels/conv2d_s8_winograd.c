/* SPDX-License-Identifier: 0BSD */
/* Dense 3x3 convolution with stride 1 after Winograd, F(2x2, 3x3), exact in integers: 16 products
   give 2x2 pixels that otherwise take 36. With
             | 1  0 -1  0 |        | 2  0  0 |        | 1  1  1  0 |
       B^T = | 0  1  1  0 |    G = | 1  1  1 |  A^T = | 0  1 -1 -1 |
             | 0 -1  1  0 |        | 1 -1  1 |
             | 0  1  0 -1 |        | 0  0  2 |
   a tile d of 4x4 inputs becomes B^T d B, at most 512, and a channel's weights g became G g G^T on
   the PC, at most 9 * 127: both fit 16 bits. Their products, point by point, are summed over the
   input channels, and A^T (sums) A is four times the 2x2 results: the usual G is half of this one,
   twice.
   Weights, int16: [out_c / 4][16 points][in_c][4], out_c rounded up with zeros. */
#include <wick/kernels.h>

enum {
    POINTS = 16,
    BLOCK = 4, /* output channels that lie together */
#if defined(__arm__) || defined(__MSP430__)
    BLOCKS = 1, /* that are computed together: what the registers hold */
#else
    BLOCKS = 2,
#endif
    OUTS = BLOCK * BLOCKS
};

/* 16-bit values in memory that is declared as words. */
#if defined(__GNUC__)
typedef int16_t __attribute__((may_alias)) half;
#else
typedef int16_t half;
#endif

/* The outputs that are wanted. */
typedef struct range {
    uint32_t first, end;
    int8_t *dst;    /* of the first */
    int32_t bottom; /* input rows that they need end here; there may be no more */
} range;

/* B^T d B of every input channel: v[in_c][POINTS]. The tile's corner is (y, x); what lies outside,
   or from row `bottom` on, is read from the zero point by a pointer that stays. */
WICK_APART void transform(const wick_layer *layer, const int8_t *src, int32_t row0, int32_t bottom,
                          int32_t y, int32_t x, half *v) {
    const int8_t *zero = &layer->operands[0].zero_point;
    int32_t in_c = layer->in_c, pitch = layer->in_w * in_c;
    for (int32_t i = 0; i < 4; i++, x++) {
        const int8_t *p[4];
        int32_t step[4];
        for (int32_t j = 0; j < 4; j++) {
            step[j] = x >= 0 && x < layer->in_w && y + j >= 0 && y + j < bottom;
            p[j] = step[j] ? src + ((y + j - row0) * pitch + x * in_c) : zero;
        }
        const int8_t *p0 = p[0], *p1 = p[1], *p2 = p[2], *p3 = p[3];
        int32_t s0 = step[0], s1 = step[1], s2 = step[2], s3 = step[3];
        half *column = v + i;
        for (int32_t c = in_c; c; c--, column += POINTS) {
            int32_t d0 = *p0, d1 = *p1, d2 = *p2, d3 = *p3;
            p0 += s0;
            p1 += s1;
            p2 += s2;
            p3 += s3;
            column[0] = (half)(d0 - d2);
            column[4] = (half)(d1 + d2);
            column[8] = (half)(d2 - d1);
            column[12] = (half)(d1 - d3);
        }
    }
    for (int32_t rows = 4 * in_c; rows; rows--, v += 4) {
        int32_t d0 = v[0], d1 = v[1], d2 = v[2], d3 = v[3];
        v[0] = (half)(d0 - d2);
        v[1] = (half)(d1 + d2);
        v[2] = (half)(d2 - d1);
        v[3] = (half)(d1 - d3);
    }
}

/* Sums of a block's channels. */
typedef struct lanes {
    int32_t a, b, c, d;
} lanes;

#if WICK_ASM_M3
/* One input channel of one point. In C the loads would be strewn, two cycles each instead of one,
   and sums would move between registers. */
WICK_INLINE void step(const half **x, const half **u, const half **t, lanes *s, lanes *r) {
    int32_t u0, u1, u2, u3, value;
    (void)t;
    (void)r;
    __asm__ volatile("ldrsh %[u0], [%[u]], #8\n\t"
                     "ldrsh %[u1], [%[u], #-6]\n\t"
                     "ldrsh %[u2], [%[u], #-4]\n\t"
                     "ldrsh %[u3], [%[u], #-2]\n\t"
                     "ldrsh %[value], [%[x]], #32\n\t"
                     "mla %[a], %[value], %[u0], %[a]\n\t"
                     "mla %[b], %[value], %[u1], %[b]\n\t"
                     "mla %[c], %[value], %[u2], %[c]\n\t"
                     "mla %[d], %[value], %[u3], %[d]"
                     : [x] "+r"(*x), [u] "+r"(*u), [u0] "=&r"(u0), [u1] "=&r"(u1), [u2] "=&r"(u2),
                       [u3] "=&r"(u3), [value] "=&r"(value), [a] "+r"(s->a), [b] "+r"(s->b),
                       [c] "+r"(s->c), [d] "+r"(s->d)
                     :
                     : "memory");
}
#else
WICK_INLINE void products(int32_t value, const half *u, lanes *s) {
    s->a += value * u[0];
    s->b += value * u[1];
    s->c += value * u[2];
    s->d += value * u[3];
}

/* One input channel of one point, for the blocks at u and t. */
WICK_INLINE void step(const half **x, const half **u, const half **t, lanes *s, lanes *r) {
    WICK_STEP();
    products(**x, *u, s);
    if (BLOCKS == 2)
        products(**x, *t, r);
    *x += POINTS;
    *u += BLOCK;
    *t += BLOCK;
}
#endif

WICK_INLINE void keep(const lanes *s, int32_t *m) {
    m[0] = s->a;
    m[1] = s->b;
    m[2] = s->c;
    m[3] = s->d;
}

/* m[POINTS][OUTS]: sums over the input channels. */
WICK_APART void multiply(const half *v, const half *u, const half *t, uint32_t in_c, int32_t *m) {
    for (uint32_t point = 0; point < POINTS; point++, m += OUTS) {
        lanes s = {0, 0, 0, 0}, r = {0, 0, 0, 0};
        const half *x = v + point, *end = x + (in_c & ~(uint32_t)3) * POINTS;
        while (x != end) {
            step(&x, &u, &t, &s, &r);
            step(&x, &u, &t, &s, &r);
            step(&x, &u, &t, &s, &r);
            step(&x, &u, &t, &s, &r);
        }
        for (uint32_t c = in_c & 3; c; c--)
            step(&x, &u, &t, &s, &r);
        keep(&s, m);
        if (BLOCKS == 2)
            keep(&r, m + OUTS - BLOCK);
    }
}

/* Row `sign` 1 or -1 of A^T times a column of points. */
WICK_INLINE int32_t column(const int32_t *m, int32_t sign) {
    return m[0] + sign * m[4 * OUTS] + sign * m[8 * OUTS];
}

/* A^T m A, and the outputs: channels [c, c + n) of the tile's pixels, to those out that are there.
 */
WICK_APART void finish(const wick_layer *layer, const int32_t *m, uint32_t c, uint32_t n,
                       int8_t *const out[4]) {
    int32_t zero = layer->out_zp, low = layer->clamp_min, high = layer->clamp_max;
    for (uint32_t i = 0; i < n; i++, c++, m++) {
        int32_t bias = layer->bias ? layer->bias[c] : 0, mult = layer->mult[c];
        uint8_t shift = layer->shift[c];
        int32_t s0 = column(m, 1), s1 = column(m + OUTS, 1), s2 = column(m + 2 * OUTS, 1);
        int32_t s3 = column(m + 3 * OUTS, 1), left = s0 + s1 + s2, right = s1 - s2 - s3;
        int32_t y = wick_requantize((left >> 2) + bias, mult, shift);
        if (out[0])
            out[0][i] = wick_clamp_s8(zero + y, low, high);
        y = wick_requantize((right >> 2) + bias, mult, shift);
        if (out[1])
            out[1][i] = wick_clamp_s8(zero + y, low, high);
        WICK_STEP();
        const int32_t *below = m + 4 * OUTS;
        s0 = column(below, -1), s1 = column(below + OUTS, -1), s2 = column(below + 2 * OUTS, -1);
        s3 = column(below + 3 * OUTS, -1), left = s0 + s1 + s2, right = s1 - s2 - s3;
        y = wick_requantize((left >> 2) + bias, mult, shift);
        if (out[2])
            out[2][i] = wick_clamp_s8(zero + y, low, high);
        y = wick_requantize((right >> 2) + bias, mult, shift);
        if (out[3])
            out[3][i] = wick_clamp_s8(zero + y, low, high);
    }
}

/* Where channels [c, c + n) of the pixel whose first output is `base` go; NULL if not all of them
   are wanted. */
static int8_t *place(const range *r, uint32_t base, uint32_t c, uint32_t n) {
    return base + c >= r->first && base + c + n <= r->end ? r->dst + (base + c - r->first) : NULL;
}

/* The tile's pixels start with outputs base[0 .. 4); r->end for one outside the image. */
static void tile(const wick_layer *layer, const uint32_t base[4], const range *r, const half *v,
                 int32_t *m) {
    uint32_t in_c = layer->in_c, out_c = layer->out_c, block = POINTS * BLOCK * in_c;
    const half *u = (const half *)layer->packed;
    for (uint32_t c = 0; c < out_c; c += OUTS, u += BLOCKS * block) {
        uint32_t n = out_c - c < OUTS ? out_c - c : OUTS, touched = 0, cut = 0;
        int8_t *out[4];
        for (uint32_t k = 0; k < 4; k++) {
            out[k] = place(r, base[k], c, n);
            int some = base[k] + c < r->end && base[k] + c + n > r->first;
            touched |= (uint32_t)some;
            cut |= (uint32_t)(some && !out[k]);
        }
        if (!touched)
            continue;
        multiply(v, u, n > BLOCK ? u + block : u, in_c, m);
        if (!cut) {
            finish(layer, m, c, n, out);
            continue;
        }
        for (uint32_t i = 0; i < n; i++) { /* the range begins or ends among these channels */
            for (uint32_t k = 0; k < 4; k++)
                out[k] = place(r, base[k], c + i, 1);
            finish(layer, m + i, c + i, 1, out);
        }
    }
}

void wick_conv2d_s8_winograd(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                             uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    uint32_t out_w = layer->out_w, out_c = layer->out_c, row = out_w * out_c;
    range r = {first, first + count, dst, 0};
    int32_t *m = scratch;
    half *v = (half *)(m + POINTS * OUTS);
    if (count == 0)
        return;
    r.bottom = (int32_t)((r.end - 1) / row) - layer->pad_top + 3;
    r.bottom = r.bottom < layer->in_h ? r.bottom : layer->in_h;
    for (uint32_t oy = first / row; oy * row < r.end; oy += 2)
        for (uint32_t ox = 0; ox < out_w; ox += 2) {
            uint32_t base[4], wanted = 0;
            for (uint32_t k = 0; k < 4; k++) {
                uint32_t y = oy + k / 2, x = ox + k % 2;
                base[k] = y < layer->out_h && x < out_w ? y * row + x * out_c : r.end;
                wanted |= base[k] < r.end && base[k] + out_c > first;
            }
            if (!wanted)
                continue;
            transform(layer, src[0], row0, r.bottom, (int32_t)oy - layer->pad_top,
                      (int32_t)ox - layer->pad_left, v);
            tile(layer, base, &r, v, m);
        }
}

/* Four times the sum of the products must fit 32 bits: 4 * 9 * in_c * 127 * 128 < 2^31. */
int wick_conv2d_s8_winograd_fits(const wick_layer *layer) {
    return layer->k_h == 3 && layer->k_w == 3 && layer->stride_h == 1 && layer->stride_w == 1 &&
           layer->in_c <= 3600;
}

uint32_t wick_conv2d_s8_winograd_scratch_bytes(const wick_layer *layer) {
    return POINTS * OUTS * 4 + POINTS * 2 * (uint32_t)layer->in_c;
}
