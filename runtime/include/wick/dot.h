/* SPDX-License-Identifier: 0BSD */
/* Dot products over contiguous int8, shared by conv2d and fc; for the kernels only. Plain loops
   with independent sums: x86 compilers vectorise them, and a Cortex-M loads each value once for two
   or four products. The products of n <= 2^17 terms fit an int32. */
#ifndef WICK_DOT_H
#define WICK_DOT_H

#include <stdint.h>

#include <wick/intrinsics.h>

/* Unrolled where the compiler knows how: on small cores the loop's own work costs a third. RISC-V
   has no index registers, and gcc then computes every address: there, blocks of four with constant
   offsets come first, and WICK_UNROLL is for these. */
#if defined(__GNUC__) && !defined(__clang__)
#define WICK_UNROLL _Pragma("GCC unroll 4")
#else
#define WICK_UNROLL
#endif
#if defined(__riscv)
#define WICK_DOT_BLOCK 4
#define WICK_UNROLL_REST
#else
#define WICK_DOT_BLOCK 1
#define WICK_UNROLL_REST WICK_UNROLL
#endif

/* sum of w[0 .. n) */
static inline int32_t wick_sum_s8(const int8_t *w, uint32_t n) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += w[i];
    return sum;
}

static inline int32_t wick_dot_s8(const int8_t *x, const int8_t *w, uint32_t n) {
    int32_t sum = 0;
#if WICK_DOT_BLOCK > 1
    for (; n >= WICK_DOT_BLOCK; n -= WICK_DOT_BLOCK, x += WICK_DOT_BLOCK, w += WICK_DOT_BLOCK) {
        WICK_UNROLL
        for (uint32_t i = 0; i < WICK_DOT_BLOCK; i++)
            sum += x[i] * w[i];
    }
#endif
    WICK_UNROLL_REST
    for (uint32_t i = 0; i < n; i++)
        sum += x[i] * w[i];
    return sum;
}

/* Four rows of weights, `stride` apart, with one x. */
static inline void wick_dot_1x4_s8(const int8_t *x, const int8_t *w, uint32_t stride, uint32_t n,
                                   int32_t acc[4]) {
    const int8_t *w1 = w + stride, *w2 = w1 + stride, *w3 = w2 + stride;
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#if WICK_DOT_BLOCK > 1
    for (; n >= WICK_DOT_BLOCK; n -= WICK_DOT_BLOCK) {
        WICK_UNROLL
        for (uint32_t i = 0; i < WICK_DOT_BLOCK; i++) {
            WICK_STEP();
            int32_t v = x[i];
            s0 += v * w[i];
            s1 += v * w1[i];
            s2 += v * w2[i];
            s3 += v * w3[i];
        }
        x += WICK_DOT_BLOCK;
        w += WICK_DOT_BLOCK;
        w1 += WICK_DOT_BLOCK;
        w2 += WICK_DOT_BLOCK;
        w3 += WICK_DOT_BLOCK;
    }
#endif
    WICK_UNROLL_REST
    for (uint32_t i = 0; i < n; i++) {
        int v = x[i]; /* products of bytes fit 16 bits, where an int has no more */
        s0 += v * w[i];
        s1 += v * w1[i];
        s2 += v * w2[i];
        s3 += v * w3[i];
    }
    acc[0] += s0;
    acc[1] += s1;
    acc[2] += s2;
    acc[3] += s3;
}

/* Two rows of weights, `stride` apart, with two x: acc[0], acc[1] belong to x0, acc[2], acc[3] to
   x1. */
static inline void wick_dot_2x2_s8(const int8_t *x0, const int8_t *x1, const int8_t *w,
                                   uint32_t stride, uint32_t n, int32_t acc[4]) {
    const int8_t *w1 = w + stride;
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#if WICK_DOT_BLOCK > 1
    for (; n >= WICK_DOT_BLOCK; n -= WICK_DOT_BLOCK) {
        WICK_UNROLL
        for (uint32_t i = 0; i < WICK_DOT_BLOCK; i++) {
            WICK_STEP();
            int32_t a = w[i], b = w1[i], v0 = x0[i], v1 = x1[i];
            s0 += v0 * a;
            s1 += v0 * b;
            s2 += v1 * a;
            s3 += v1 * b;
        }
        x0 += WICK_DOT_BLOCK;
        x1 += WICK_DOT_BLOCK;
        w += WICK_DOT_BLOCK;
        w1 += WICK_DOT_BLOCK;
    }
#endif
    WICK_UNROLL_REST
    for (uint32_t i = 0; i < n; i++) {
        int a = w[i], b = w1[i], v0 = x0[i], v1 = x1[i];
        s0 += v0 * a;
        s1 += v0 * b;
        s2 += v1 * a;
        s3 += v1 * b;
    }
    acc[0] += s0;
    acc[1] += s1;
    acc[2] += s2;
    acc[3] += s3;
}

#endif
