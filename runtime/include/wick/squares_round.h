/* SPDX-License-Identifier: 0BSD */
/* The one rounding rule (docs/numbers.md) by division, for the kernels *_w16 and *_w8 only: a core
   without a wide multiplier has eight bits of a quotient in half the time of the product.

   With D = 2^32 / (m 2^k) the rule is y - clamp_min = floor((acc + B) / D), where
   B = (out_zp - clamp_min + 1/2) D. Packed with a channel's weights are c = ceil(2^8 B) and
   d = floor(2^15 D), and the quotient q of 2^7 (2^8 acc + c) by d is taken. It is never too small,
   and where the remainder is at least 512 it is exact: 2^7 c is too large by less than 2^7, and d
   lacks less than 1 of 2^15 D, which counts q < 2^8 times. The others, one in 64 D, go through the
   multiplication.
   Where 2^15 D is not in [2^16, 2^30), or where clamp_min is above out_zp and so c might be
   negative, all of a channel's outputs do: there c is m, and d is k, below 2^16.
   Results outside [0, 255] are clamped, so 24 bits of acc are enough: 2^23 / D > 2^8. */
#ifndef WICK_SQUARES_ROUND_H
#define WICK_SQUARES_ROUND_H

#include <wick/squares.h>

/* What an output needs beside its channel's words. */
typedef struct wick_squares_rounding {
    int low, span; /* clamp_min, clamp_max - clamp_min */
    const wick_layer *layer;
    unsigned record, both; /* words and channels of a record */
} wick_squares_rounding;

static inline wick_squares_rounding wick_squares_rounding_of(const wick_layer *layer,
                                                             unsigned record, unsigned both) {
    wick_squares_rounding rounding = {layer->clamp_min, layer->clamp_max - layer->clamp_min, layer,
                                      record, both};
    return rounding;
}

/* The output by the product. words: the bias of the channel and what follows. */
WICK_SQUARES_WEAK int wick_squares_multiply(int32_t acc, const uint32_t *words,
                                            const wick_squares_rounding *rounding);
WICK_SQUARES_WEAK int wick_squares_multiply(int32_t acc, const uint32_t *words,
                                            const wick_squares_rounding *rounding) {
    const wick_layer *layer = rounding->layer;
    int32_t mult = (int32_t)words[1];
    uint8_t shift = (uint8_t)words[2];
    if (words[2] >> 16) { /* they are c and d: search the channel */
        unsigned at = (unsigned)(words - layer->packed), channel = 0;
        for (; at >= rounding->record; at -= rounding->record)
            channel += rounding->both;
        if (at >= WICK_SQUARES_WORDS && channel + 1u < layer->out_c)
            channel++; /* the second of its record, but for dwconv2d_s8_w16's odd last one */
        mult = layer->mult[channel];
        shift = layer->shift[channel];
    }
    acc = layer->out_zp + wick_requantize(acc + (int32_t)words[0], mult, shift);
    return wick_clamp_s8(acc, layer->clamp_min, layer->clamp_max);
}

#if WICK_SQUARES_ASM
/* One bit of the quotient q, which begins with all of them set. r13:r12 is what is left of n, r14:
   r11 is d, r15 is q. */
#define WICK_SQUARES_BIT(bit)                                                                      \
    "add r12, r12\n"                                                                               \
    "addc r13, r13\n"                                                                              \
    "sub r11, r12\n"                                                                               \
    "subc r14, r13\n"                                                                              \
    "jc 1f\n"                                                                                      \
    "add r11, r12\n"                                                                               \
    "addc r14, r13\n"                                                                              \
    "sub #" bit ", r15\n"                                                                          \
    "1:\n"
#endif

/* Output of a channel from acc without its bias. words: the bias of the channel, c and d. */
WICK_SQUARES_WEAK int wick_squares_finish(int32_t acc, const uint32_t *words,
                                          const wick_squares_rounding *rounding);
#if WICK_SQUARES_ASM
/* clang-format off */
__attribute__((naked)) WICK_SQUARES_WEAK int wick_squares_finish(int32_t acc __attribute__((unused)),
                    const uint32_t *words __attribute__((unused)),
                    const wick_squares_rounding *rounding __attribute__((unused))) {
    /* r13:r12 acc, r14 words, r15 rounding; about 125 cycles, 80 where the output is clamp_min. */
    __asm__ volatile(
        "push r12\n"
        "push r13\n"
        "push r14\n"
        "push r15\n"
        "add @r14+, r12\n"
        "addc @r14+, r13\n"
        "mov r13, r15\n" /* the sign */
        "mov r13, r11\n"
        "sxt r11\n"
        "cmp r11, r13\n"
        "jne 3f\n" /* more than 24 bits */
        "swpb r12\n" /* n = acc << 8 */
        "mov.b r12, r11\n"
        "xor r11, r12\n"
        "swpb r13\n"
        "and #0xff00, r13\n"
        "bis r11, r13\n"
        "add @r14+, r12\n"
        "addc @r14+, r13\n"
        "mov @r14+, r11\n"
        "mov @r14, r14\n"
        "tst r14\n"
        "jeq 8f\n"
        "sub r11, r12\n"
        "subc r14, r13\n"
        "jc 2f\n"
        "add r11, r12\n"
        "addc r14, r13\n"
        "mov #127, r15\n"
        "jmp 6f\n"
        "2: cmp r14, r13\n" /* more than 255, or negative? */
        "jlo 5f\n"
        "jne 4f\n"
        "cmp r11, r12\n"
        "jlo 5f\n"
        "jmp 4f\n"
        "3: tst 6(r14)\n"
        "jeq 8f\n"
        "4: tst r15\n"
        "mov #255, r15\n"
        "jge 7f\n"
        "clr r15\n"
        "jmp 7f\n"
        "5: mov #255, r15\n"
        "6:\n"
        WICK_SQUARES_BIT("64") WICK_SQUARES_BIT("32") WICK_SQUARES_BIT("16")
        WICK_SQUARES_BIT("8") WICK_SQUARES_BIT("4") WICK_SQUARES_BIT("2") WICK_SQUARES_BIT("1")
        "tst r13\n"
        "jne 7f\n"
        "cmp #512, r12\n"
        "jlo 8f\n"
        "7: mov @r1, r14\n"
        "add #8, r1\n"
        "mov 2(r14), r12\n"
        "cmp r15, r12\n"
        "jl 1f\n" /* the span is less than q */
        "mov r15, r12\n"
        "1: add @r14, r12\n"
        "ret\n"
        "8: pop r15\n"
        "pop r14\n"
        "pop r13\n"
        "pop r12\n"
        "br %0"
        :
        : "i"(wick_squares_multiply)
        : "memory");
}
/* clang-format on */
#else
WICK_SQUARES_WEAK int wick_squares_finish(int32_t acc, const uint32_t *words,
                                          const wick_squares_rounding *rounding) {
    uint32_t c = words[1], d = words[2], n;
    int32_t sum = acc + (int32_t)words[0];
    int q = 0;
    if (d >> 16 == 0)
        return wick_squares_multiply(acc, words, rounding);
    n = ((uint32_t)sum << 8) + c;
    if (sum >= INT32_C(1) << 23 || sum < -(INT32_C(1) << 23) || n >= 2 * d) { /* or negative */
        q = sum < 0 ? 0 : 255;
    } else {
        for (int bit = 128; bit; bit >>= 1) {
            n <<= bit < 128;
            if (n >= d) {
                n -= d;
                q |= bit;
            }
        }
        if (n < 512)
            return wick_squares_multiply(acc, words, rounding);
    }
    return rounding->low + (q < rounding->span ? q : rounding->span);
}
#endif

#endif
