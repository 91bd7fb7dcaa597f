/* SPDX-License-Identifier: 0BSD */
/* Dot products without a multiplier, for the kernels *_w16 and *_w8 only.

       2 x w = (x + w)^2 - x^2 - w^2
   With a table of squares that is one look-up for each product: the sum of x^2 is shared by all
   output channels of a pixel, the sum of w^2 is a constant of the channel. On the MSP430 a product
   takes 6.5 cycles with 16-bit weights and 8 with bytes; two stores into the memory-mapped
   multiplier and its multiply-accumulate take 10. And it needs no multiplier: interrupt handlers
   may use the one that there is.

   Sums are modulo 2^32. The largest, 2 x w over n products, stays within int32 for n < 2^16.

   A value x or w is stored as a code, so that the sum of two codes finds the square of x + w:
     16 bits   x: table + 510 + 2 x      w: 2 w        sum: the entry's address
     8 bits    x: table / 2 + 128 + x    w: 127 + w    sum: half the address
   Compilers for other cores run the same sums with table = 0 and squares computed, not read.

   Packed weights are a record for each channel: four words, minus the sum of w^2, the bias, c and d
   of squares_round.h; then the codes.
     16 bits   two channels share a record: the words of one, of the other, codes of both in turn;
               an odd last channel has its own
     8 bits    one record a channel
   The last word of a record is filled up with zeros. */
#ifndef WICK_SQUARES_H
#define WICK_SQUARES_H

#include <wick/kernels.h>

#if defined(__MSP430__) && !defined(__MSP430X_LARGE__)
#define WICK_SQUARES_ASM 1
#define WICK_SQUARES_CALL static inline __attribute__((noinline)) /* once in a kernel */
#define WICK_SQUARES_WEAK __attribute__((weak, noinline))         /* once in the program */
#else
#define WICK_SQUARES_ASM 0
#define WICK_SQUARES_CALL static inline
#define WICK_SQUARES_WEAK static inline
#endif

enum { WICK_SQUARES_WORDS = 4 /* of a channel, before its codes */ };

/* Words from one record to the next. */
static inline unsigned wick_squares_record(unsigned codes, int wide) {
    return wide ? 2u * WICK_SQUARES_WORDS + codes : WICK_SQUARES_WORDS + (codes + 3u) / 4u;
}

#if WICK_SQUARES_ASM
#define WICK_SQUARE(n) (uint16_t)((uint32_t)((n)-255L) * (uint32_t)((n)-255L))
#define WICK_SQUARES_4(n)                                                                          \
    WICK_SQUARE(n), WICK_SQUARE((n) + 1), WICK_SQUARE((n) + 2), WICK_SQUARE((n) + 3)
#define WICK_SQUARES_16(n)                                                                         \
    WICK_SQUARES_4(n), WICK_SQUARES_4((n) + 4), WICK_SQUARES_4((n) + 8), WICK_SQUARES_4((n) + 12)
#define WICK_SQUARES_64(n)                                                                         \
    WICK_SQUARES_16(n), WICK_SQUARES_16((n) + 16), WICK_SQUARES_16((n) + 32),                      \
        WICK_SQUARES_16((n) + 48)
/* (n - 255)^2. Several kernels bring it, the linker keeps one. */
__attribute__((weak)) const uint16_t wick_squares[512] = {
    WICK_SQUARES_64(0),   WICK_SQUARES_64(64),  WICK_SQUARES_64(128), WICK_SQUARES_64(192),
    WICK_SQUARES_64(256), WICK_SQUARES_64(320), WICK_SQUARES_64(384), WICK_SQUARES_64(448)};
#endif

/* The table's address, 0 where there is none. */
static inline uint16_t wick_squares_base(void) {
#if WICK_SQUARES_ASM
    return (uint16_t)(uintptr_t)wick_squares;
#else
    return 0;
#endif
}

/* The codes of x. */
static inline uint16_t wick_squares_code16(int8_t x) {
    return (uint16_t)(wick_squares_base() + 510u + 2u * (unsigned)x);
}
static inline uint16_t wick_squares_code8(int8_t x) {
    return (uint16_t)(wick_squares_base() / 2u + 128u + (unsigned)x);
}

/* a + b and a - b. On the MSP430 because clang 14 does not know what to do with a carry. */
static inline uint32_t wick_plus(uint32_t a, uint32_t b) {
#if WICK_SQUARES_ASM
    uint16_t low = (uint16_t)a, high = (uint16_t)(a >> 16);
    __asm__("add %[bl], %[low]\n"
            "addc %[bh], %[high]"
            : [low] "+&r"(low), [high] "+&r"(high)
            : [bl] "r"((uint16_t)b), [bh] "r"((uint16_t)(b >> 16))
            : "cc");
    return (uint32_t)high << 16 | low;
#else
    return a + b;
#endif
}

static inline uint32_t wick_minus(uint32_t a, uint32_t b) {
#if WICK_SQUARES_ASM
    uint16_t low = (uint16_t)a, high = (uint16_t)(a >> 16);
    __asm__("sub %[bl], %[low]\n"
            "subc %[bh], %[high]"
            : [low] "+&r"(low), [high] "+&r"(high)
            : [bl] "r"((uint16_t)b), [bh] "r"((uint16_t)(b >> 16))
            : "cc");
    return (uint32_t)high << 16 | low;
#else
    return a - b;
#endif
}

/* An even number's half. */
static inline int32_t wick_half(uint32_t a) {
#if WICK_SQUARES_ASM
    uint16_t low = (uint16_t)a, high = (uint16_t)(a >> 16);
    __asm__("rra %1\n"
            "rrc %0"
            : "+r"(low), "+r"(high)
            :
            : "cc");
    return (int32_t)((uint32_t)high << 16 | low);
#else
    return (int32_t)a / 2;
#endif
}

#if !WICK_SQUARES_ASM
/* The table's entry at an address. */
static inline uint16_t wick_square_at(uint16_t address) {
    int32_t n = (int32_t)(address / 2u) - 255;
    return (uint16_t)(n * n);
}
/* 16-bit and 8-bit code i. */
static inline uint16_t wick_squares_w16(const uint32_t *codes, unsigned i) {
    return (uint16_t)(codes[i / 2] >> 16 * (i % 2));
}
static inline uint16_t wick_squares_w8(const uint32_t *codes, unsigned i) {
    return (uint8_t)(codes[i / 4] >> 8 * (i % 4));
}
#endif

/* The codes of one pixel's window, or of a part of the input. Assembly knows the offsets. */
typedef struct wick_squares_window {
    const uint16_t *x, *end; /* not empty */
    unsigned skip;           /* wick_squares_skip of their number */
    uint32_t square;         /* the sum of x^2 */
    const struct wick_squares_rounding *rounding;
    unsigned rest; /* bytes of a record without its first word */
} wick_squares_window;

/* The loops below are unrolled eight times and entered so that n products remain: bytes of their
   code to skip the first time. */
static inline unsigned wick_squares_skip(unsigned n, int wide) {
    return (0u - n) % 8u * (wide ? 16u : 10u);
}

#if WICK_SQUARES_ASM
/* Not .rept: the compiler counts lines to know how far its jumps reach. */
#define WICK_EIGHT(code) code code code code code code code code
#endif

/* a + the sum of (x + w)^2. 16-bit codes of one channel. */
static inline uint32_t wick_squares_dot16(const wick_squares_window *at, const uint32_t *codes,
                                          uint32_t a) {
#if WICK_SQUARES_ASM
    const uint16_t *x = at->x;
    uint16_t low = (uint16_t)a, high = (uint16_t)(a >> 16), v = (uint16_t)(at->skip / 2u);
    __asm__ volatile(
        "add %[v], r0\n"
        "1:\n" WICK_EIGHT("mov @%[x]+, %[v]\n"
                          "add @%[w]+, %[v]\n"
                          "add @%[v], %[low]\n"
                          "adc %[high]\n") "cmp %[end], %[x]\n"
                                           "jne 1b"
        : [x] "+&r"(x), [w] "+&r"(codes), [low] "+&r"(low), [high] "+&r"(high), [v] "+&r"(v)
        : [end] "r"(at->end)
        : "memory", "cc");
    return (uint32_t)high << 16 | low;
#else
    for (unsigned i = 0; at->x + i < at->end; i++)
        a += wick_square_at((uint16_t)(at->x[i] + wick_squares_w16(codes, i)));
    return a;
#endif
}

/* The same for sum[0] and sum[1] of two channels; returns what follows the codes. */
static inline const uint32_t *wick_squares_dot16x2(const wick_squares_window *at,
                                                   const uint32_t *codes, uint32_t sum[2]) {
#if WICK_SQUARES_ASM
    const uint16_t *x = at->x, *end = at->end;
    uint16_t low0 = (uint16_t)sum[0], high0 = (uint16_t)(sum[0] >> 16);
    uint16_t low1 = (uint16_t)sum[1], high1 = (uint16_t)(sum[1] >> 16);
    uint16_t v = (uint16_t)at->skip, t;
    __asm__ volatile("add %[v], r0\n"
                     "1:\n" WICK_EIGHT("mov @%[x]+, %[v]\n"
                                       "mov %[v], %[t]\n"
                                       "add @%[w]+, %[t]\n"
                                       "add @%[t], %[low0]\n"
                                       "adc %[high0]\n"
                                       "add @%[w]+, %[v]\n"
                                       "add @%[v], %[low1]\n"
                                       "adc %[high1]\n") "cmp %[end], %[x]\n"
                                                         "jne 1b"
                     : [x] "+&r"(x), [w] "+&r"(codes), [low0] "+&r"(low0), [high0] "+&r"(high0),
                       [low1] "+&r"(low1), [high1] "+&r"(high1), [v] "+&r"(v), [t] "=&r"(t)
                     : [end] "r"(end)
                     : "memory", "cc");
    sum[0] = (uint32_t)high0 << 16 | low0;
    sum[1] = (uint32_t)high1 << 16 | low1;
    return codes;
#else
    for (unsigned i = 0; at->x + i < at->end; i++)
        for (unsigned k = 0; k < 2; k++)
            sum[k] += wick_square_at((uint16_t)(at->x[i] + wick_squares_w16(codes, 2 * i + k)));
    return codes + (at->end - at->x);
#endif
}

/* 8-bit codes of one channel. */
static inline uint32_t wick_squares_dot8(const wick_squares_window *at, const uint32_t *codes,
                                         uint32_t a) {
#if WICK_SQUARES_ASM
    const uint16_t *x = at->x, *end = at->end;
    uint16_t low = (uint16_t)a, high = (uint16_t)(a >> 16), v = (uint16_t)at->skip;
    __asm__ volatile(
        "add %[v], r0\n"
        "1:\n" WICK_EIGHT("mov.b @%[w]+, %[v]\n"
                          "add @%[x]+, %[v]\n"
                          "add %[v], %[v]\n"
                          "add @%[v], %[low]\n"
                          "adc %[high]\n") "cmp %[end], %[x]\n"
                                           "jne 1b"
        : [x] "+&r"(x), [w] "+&r"(codes), [low] "+&r"(low), [high] "+&r"(high), [v] "+&r"(v)
        : [end] "r"(end)
        : "memory", "cc");
    return (uint32_t)high << 16 | low;
#else
    for (unsigned i = 0; at->x + i < at->end; i++)
        a += wick_square_at((uint16_t)(2u * (at->x[i] + wick_squares_w8(codes, i))));
    return a;
#endif
}

/* Codes of n >= 1 bytes, 16-bit ones if wide; returns a + the sum of their squares. */
static inline uint32_t wick_squares_expand(const int8_t *src, unsigned n, int wide, uint16_t *dst,
                                           uint32_t a) {
#if WICK_SQUARES_ASM
    const uint16_t *end = dst + n;
    uint16_t base = wick_squares_code16(0), v;
    uint16_t low = (uint16_t)a, high = (uint16_t)(a >> 16);
#define WICK_SQUARES_EXPAND(narrow)                                                                \
    __asm__ volatile(                                                                              \
        "1:\n"                                                                                     \
        "mov.b @%[src]+, %[v]\n"                                                                   \
        "sxt %[v]\n"                                                                               \
        "add %[v], %[v]\n"                                                                         \
        "add %[base], %[v]\n"                                                                      \
        "add @%[v], %[low]\n"                                                                      \
        "adc %[high]\n" narrow "mov %[v], 0(%[dst])\n"                                             \
        "incd %[dst]\n"                                                                            \
        "cmp %[end], %[dst]\n"                                                                     \
        "jne 1b"                                                                                   \
        : [src] "+&r"(src), [dst] "+&r"(dst), [low] "+&r"(low), [high] "+&r"(high), [v] "=&r"(v)   \
        : [end] "r"(end), [base] "r"(base)                                                         \
        : "memory", "cc")
    if (wide)
        WICK_SQUARES_EXPAND("");
    else
        WICK_SQUARES_EXPAND("clrc\nrrc %[v]\nsub #127, %[v]\n");
#undef WICK_SQUARES_EXPAND
    return (uint32_t)high << 16 | low;
#else
    for (unsigned i = 0; i < n; i++) {
        dst[i] = wide ? wick_squares_code16(src[i]) : wick_squares_code8(src[i]);
        a += (uint32_t)((int32_t)src[i] * src[i]);
    }
    return a;
#endif
}

#endif
