/* SPDX-License-Identifier: 0BSD */
/* Two products by one multiplication, for cores without SIMD; for the kernels only.
   A pair is two int8 values a, b in one word: a + b * 2^16, where a negative a borrows from b. Then
       x * pair = x * a + (x * b) * 2^16      mod 2^32
   and the low half has room for the sum of two such products: |values| are at most 128 and 127, and
   2 * 128 * 127 < 2^15. With 2^15 added, an arithmetic shift by 16 then gives exactly the sum of
   the x * b. Two numbers are kept of such words, of two taps each: the sum of the words mod 2^32,
   and the sum of their high halves, which is one result. The other, the sum of the low halves, is
   the first minus the second times 2^16. */
#ifndef WICK_PAIR_H
#define WICK_PAIR_H

#include <stdint.h>

#include <wick/intrinsics.h>

/* Two sums of products: all words added, and the exact sum of their high halves. */
typedef struct wick_pair_sum {
    uint32_t words;
    int32_t high;
} wick_pair_sum;

#define WICK_PAIR_HALF UINT32_C(0x8000)

/* 2^15 in a register: a constant would be added last, in an instruction of its own, where a
   multiply-accumulate can start with it. */
static inline uint32_t wick_pair_half(void) {
    uint32_t half = WICK_PAIR_HALF;
    WICK_KEEP(half);
    return half;
}

static inline uint32_t wick_pair(int32_t low, int32_t high) {
    return (uint32_t)low + ((uint32_t)high << 16);
}

/* Starts from two values; `words` is how many words will be added, for each brings 2^15 along. */
static inline wick_pair_sum wick_pair_start(int32_t low, int32_t high, uint32_t words) {
    wick_pair_sum sum = {wick_pair(low, high) - words * WICK_PAIR_HALF, high};
    return sum;
}

static inline int32_t wick_pair_low(wick_pair_sum sum) {
    return (int32_t)(sum.words - ((uint32_t)sum.high << 16));
}

WICK_INLINE void wick_pair_add(wick_pair_sum *sum, uint32_t word) {
    sum->words += word;
    sum->high += (int32_t)word >> 16;
    WICK_KEEP(sum->words);
    WICK_KEEP(sum->high);
}

/* Adds the products of one tap; of two. half: wick_pair_half(). */
WICK_INLINE void wick_pair_add1(wick_pair_sum *sum, int32_t x, uint32_t pair, uint32_t half) {
    wick_pair_add(sum, (uint32_t)x * pair + half);
}

WICK_INLINE void wick_pair_add2(wick_pair_sum *sum, int32_t x0, uint32_t pair0, int32_t x1,
                                uint32_t pair1, uint32_t half) {
    uint32_t word = (uint32_t)x0 * pair0 + half;
    WICK_KEEP(word);
    wick_pair_add(sum, (uint32_t)x1 * pair1 + word);
}

/* Two taps of two pairs: sums a and b take pairs[0] and pairs[1] times values[0], then pairs[2] and
   pairs[3] times values[1]. Moves both pointers on. */
WICK_INLINE void wick_pair_step(const uint32_t **pairs, const int8_t **values, uint32_t half,
                                wick_pair_sum *a, wick_pair_sum *b) {
#if WICK_ASM_M3
    /* In C the compiler would neither load the four words by one instruction nor, with nearly all
       registers taken, keep its hands off the stack. */
    int32_t value;
    __asm__ volatile("ldmia %[pairs]!, {r4, r5, r6, r8}\n\t"
                     "ldrsb %[value], [%[values]], #1\n\t"
                     "mla r4, %[value], r4, %[half]\n\t"
                     "mla r5, %[value], r5, %[half]\n\t"
                     "ldrsb %[value], [%[values]], #1\n\t"
                     "mla r4, %[value], r6, r4\n\t"
                     "mla r5, %[value], r8, r5\n\t"
                     "add %[words_a], %[words_a], r4\n\t"
                     "add %[high_a], %[high_a], r4, asr #16\n\t"
                     "add %[words_b], %[words_b], r5\n\t"
                     "add %[high_b], %[high_b], r5, asr #16"
                     : [pairs] "+r"(*pairs), [values] "+r"(*values), [value] "=&r"(value),
                       [words_a] "+r"(a->words), [high_a] "+r"(a->high), [words_b] "+r"(b->words),
                       [high_b] "+r"(b->high)
                     : [half] "r"(half)
                     : "r4", "r5", "r6", "r8", "memory");
#else
    WICK_STEP();
    const uint32_t *p = *pairs;
    int32_t v0 = (*values)[0], v1 = (*values)[1];
    wick_pair_add2(a, v0, p[0], v1, p[2], half);
    wick_pair_add2(b, v0, p[1], v1, p[3], half);
    *pairs += 4;
    *values += 2;
#endif
}

/* n taps. */
WICK_INLINE void wick_pair_dot(const uint32_t *pairs, const int8_t *values, uint32_t n,
                               uint32_t half, wick_pair_sum *a, wick_pair_sum *b) {
    const uint32_t *end = pairs + 2 * (n & ~(uint32_t)3);
    while (pairs != end) {
        wick_pair_step(&pairs, &values, half, a, b);
        wick_pair_step(&pairs, &values, half, a, b);
    }
    if (n & 2)
        wick_pair_step(&pairs, &values, half, a, b);
    if (n & 1) {
        wick_pair_add1(a, *values, pairs[0], half);
        wick_pair_add1(b, *values, pairs[1], half);
    }
}

#endif
