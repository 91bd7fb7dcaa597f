/* SPDX-License-Identifier: 0BSD */
/* What the kernels of layers with 16-bit tensors share; for the kernels only. Every operand and the
   output is int8 or int16, whatever the others are.

   No sum overflows, by construction. A product of an int8 and an int16 is at most 2^22 in size, so
   WICK_WIDE_CHUNK = 2^8 of them are at most 2^30 and are added in 32 bits, which is what small
   cores are fast at; chunks are added in 64. A layer has less than 2^40 products (16 bits of
   channels and 8 of height and width of the kernel each; a fully connected one 2^48), so that no
   sum exceeds 2^62 + 2^31. What comes behind the sum, wick_requantize_wide, is proven for each
   channel. */
#ifndef WICK_WIDE_H
#define WICK_WIDE_H

#include <wick/dot.h>
#include <wick/kernels.h>

enum { WICK_WIDE_CHUNK = 256 };

/* The rule of model.h for layers with wide tensors. */
static inline int32_t wick_requantize_wide(int64_t acc, int32_t mult, uint8_t shift) {
    if (shift > 31) {
        uint32_t j = shift - 31u;
        acc = (acc + ((int64_t)1 << (j - 1u))) >> j;
        shift = 0;
    }
    return wick_requantize((int32_t)acc, mult, shift);
}

static inline int32_t wick_wide_at(const wick_operand *operand, const int8_t *src, uint32_t i) {
    return operand->wide ? ((const int16_t *)(const void *)src)[i] : src[i];
}

/* Output element i of dst. */
static inline void wick_wide_put(const wick_layer *layer, int8_t *dst, uint32_t i, int32_t y) {
    y = y < layer->clamp_min ? layer->clamp_min : y;
    y = y > layer->clamp_max ? layer->clamp_max : y;
    if (layer->wide)
        ((int16_t *)(void *)dst)[i] = (int16_t)y;
    else
        dst[i] = (int8_t)y;
}

static inline void wick_wide_finish(const wick_layer *layer, int8_t *dst, uint32_t i, int64_t acc,
                                    uint32_t c) {
    wick_wide_put(layer, dst, i,
                  layer->out_zp + wick_requantize_wide(acc, layer->mult[c], layer->shift[c]));
}

/* Four rows of weights, `stride` apart, with one x. */
static inline void wick_dot_1x4_s16(const int16_t *x, const int8_t *w, uint32_t stride, uint32_t n,
                                    int64_t acc[4]) {
    while (n) {
        uint32_t chunk = n < WICK_WIDE_CHUNK ? n : WICK_WIDE_CHUNK;
        const int8_t *w1 = w + stride, *w2 = w1 + stride, *w3 = w2 + stride;
        int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        WICK_UNROLL
        for (uint32_t i = 0; i < chunk; i++) {
            int32_t v = x[i];
            s0 += v * w[i];
            s1 += v * w1[i];
            s2 += v * w2[i];
            s3 += v * w3[i];
        }
        acc[0] += s0;
        acc[1] += s1;
        acc[2] += s2;
        acc[3] += s3;
        x += chunk;
        w += chunk;
        n -= chunk;
    }
}

static inline int64_t wick_dot_s16(const int16_t *x, const int8_t *w, uint32_t n) {
    int64_t sum = 0;
    while (n) {
        uint32_t chunk = n < WICK_WIDE_CHUNK ? n : WICK_WIDE_CHUNK;
        int32_t part = 0;
        WICK_UNROLL
        for (uint32_t i = 0; i < chunk; i++)
            part += (int32_t)x[i] * w[i];
        sum += part;
        x += chunk;
        w += chunk;
        n -= chunk;
    }
    return sum;
}

/* The same from element `at` of an operand; rows == 4: four rows of weights, else one. An int8
   operand's sums fit 32 bits, which lowering proves. */
static inline void wick_wide_dot(const wick_operand *operand, const int8_t *src, uint32_t at,
                                 const int8_t *w, uint32_t stride, uint32_t n, uint32_t rows,
                                 int64_t acc[4]) {
    const int16_t *wide = (const int16_t *)(const void *)src;
    if (operand->wide) {
        if (rows == 4)
            wick_dot_1x4_s16(wide + at, w, stride, n, acc);
        else
            acc[0] += wick_dot_s16(wide + at, w, n);
        return;
    }
    int32_t narrow[4] = {0, 0, 0, 0};
    if (rows == 4)
        wick_dot_1x4_s8(src + at, w, stride, n, narrow);
    else
        narrow[0] = wick_dot_s8(src + at, w, n);
    for (uint32_t i = 0; i < rows; i++)
        acc[i] += narrow[i];
}

#endif
