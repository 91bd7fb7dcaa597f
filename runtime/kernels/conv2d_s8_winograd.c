/* SPDX-License-Identifier: 0BSD */
/* wick/winograd.h for any core.
   Weights, int16: [out_c / 4][16 points][in_c][4], out_c rounded up with zeros. */
#if defined(__arm__) || defined(__MSP430__)
#define WICK_WINOGRAD_OUTS 4 /* what the registers hold */
#else
#define WICK_WINOGRAD_OUTS 8
#endif
#include <wick/winograd.h>

enum {
    POINTS = WICK_WINOGRAD_POINTS,
    BLOCK = 4, /* output channels that lie together */
    OUTS = WICK_WINOGRAD_OUTS,
    BLOCKS = OUTS / BLOCK
};

/* 16-bit values in memory that is declared as words. */
#if defined(__GNUC__)
typedef int16_t __attribute__((may_alias)) half;
#else
typedef int16_t half;
#endif

/* v[in_c][POINTS] behind the sums. What lies outside is read by a pointer that stays. */
WICK_APART void wick_winograd_transform(const wick_layer *layer, const int8_t *src, int32_t row0,
                                        int32_t bottom, int32_t y, int32_t x, void *scratch) {
    half *v = (half *)((int32_t *)scratch + POINTS * OUTS);
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

static inline uint32_t wick_winograd_pitch(const wick_layer *layer) {
    (void)layer;
    return OUTS;
}

static const int32_t *wick_winograd_sums(const wick_layer *layer, uint32_t c, uint32_t n,
                                         void *scratch) {
    uint32_t in_c = layer->in_c;
    int32_t *m = scratch;
    const half *v = (const half *)(m + POINTS * OUTS), *u = (const half *)layer->packed;
    u += c * POINTS * in_c;
    multiply(v, u, n > BLOCK ? u + POINTS * BLOCK * in_c : u, in_c, m);
    return m;
}

void wick_conv2d_s8_winograd(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                             uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    wick_winograd_conv2d(layer, src[0], row0, first, count, dst, scratch);
}

int wick_conv2d_s8_winograd_fits(const wick_layer *layer) {
    return wick_winograd_fits(layer);
}

uint32_t wick_conv2d_s8_winograd_scratch_bytes(const wick_layer *layer) {
    return POINTS * OUTS * 4 + POINTS * 2 * (uint32_t)layer->in_c;
}
