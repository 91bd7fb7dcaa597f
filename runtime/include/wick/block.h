/* SPDX-License-Identifier: 0BSD */
/* Weights that are few, at the same taps in every four output channels; for the kernels *_block
   only. The block of channels 4b to 4b + 3 has an entry for each tap at which any of them has a
   weight, in the order of the layer's own weights (model.h): its distance in taps from the one
   before it (of the first: from the beginning), 0 to 127, and four weights. Entries of weights 0
   stand on the way where it is further, and behind an odd last one. Two entries a and b are a pair
   of ten bytes:

     distance of a; distance of b, + 128 in the last pair of a block
     a0 a1 b0 b1 a2 a3 b2 b3     weights of channels 0 to 3 of the block

   so that SXTB16 makes of four bytes what SMLAD multiplies: with one input of each of two taps it
   makes eight products by four instructions. Before the pairs, one block's behind the other's,
   stand a word, the number of all pairs, and for each block that of its pairs, 16 bits each, filled
   up to a word. Offsets are sums of 32 bits. A convolution gathers the taps of two pixels, padding
   included, in scratch memory, [taps][2]; of a large window those of one pixel. */
#ifndef WICK_BLOCK_H
#define WICK_BLOCK_H

#include <wick/few.h>

enum {
    WICK_BLOCK_CHANNELS = 4,
    WICK_BLOCK_PAIR = 10, /* bytes */
    WICK_BLOCK_FURTHEST = 127,
    WICK_BLOCK_WHOLE = 2048 /* taps of which two pixels are gathered */
};

static inline uint32_t wick_block_pixels(const wick_layer *layer) {
    return wick_few_taps(layer) <= WICK_BLOCK_WHOLE ? 2 : 1;
}

/* What a convolution gathers; a multiple of 4. */
static inline uint32_t wick_block_scratch_bytes(const wick_layer *layer) {
    return (wick_block_pixels(layer) * wick_few_taps(layer) + 3u) & ~(uint32_t)3;
}

static inline uint32_t wick_blocks(const wick_layer *layer) {
    return (layer->out_c + WICK_BLOCK_CHANNELS - UINT32_C(1)) / WICK_BLOCK_CHANNELS;
}

/* Words before the pairs. */
static inline uint32_t wick_block_head_words(const wick_layer *layer) {
    return 1 + (wick_blocks(layer) + 1) / 2;
}

#if WICK_DSP_ASM
/* One block, at least one pair, of two pixels x [taps][2]: the products on top of
   acc [channel][pixel]. r4 to r11 are the sums; r7, r9 and r11 may be the compiler's own. The flag
   of the last pair stays in the carry. */
WICK_APART void wick_block_dot_2(const uint8_t *pairs, const int8_t *x, int32_t acc[8]) {
    uint32_t pushed[4]; /* by the assembly, where the compiler's count of the stack misses it */
    __asm__ volatile("" ::"r"(pushed) : "memory");
    register const int8_t *r0 __asm__("r0") = x;
    register const uint8_t *r1 __asm__("r1") = pairs;
    register int32_t *r2 __asm__("r2") = acc;
    /* clang-format off */
#define WICK_BLOCK_TWO(a, b, c, d)                                                                 \
    "ldr lr, [r1], #4\n\t"                                                                         \
    "sxtb16 r2, lr\n\t"                                                                            \
    "sxtb16 lr, lr, ror #8\n\t"                                                                    \
    "smlad " a ", r2, r3, " a "\n\t"                                                               \
    "smlad " b ", r2, r12, " b "\n\t"                                                              \
    "smlad " c ", lr, r3, " c "\n\t"                                                               \
    "smlad " d ", lr, r12, " d "\n\t"
    __asm__ volatile("push {r2, r7, r9, r11}\n\t"
                     "ldmia r2, {r4-r11}\n"
                     "1:\n\t"
                     "ldrh r3, [r1], #2\n\t"
                     "lsls r3, r3, #17\n\t"
                     "uxtab r0, r0, r3, ror #16\n\t"
                     "ldrh r12, [r0]\n\t"
                     "uxtab r0, r0, r3, ror #24\n\t"
                     "ldrh r3, [r0]\n\t"
                     "pkhbt r3, r12, r3, lsl #16\n\t"
                     "sxtb16 r12, r3, ror #8\n\t"
                     "sxtb16 r3, r3\n\t"
                     WICK_BLOCK_TWO("r4", "r5", "r6", "r7")
                     WICK_BLOCK_TWO("r8", "r9", "r10", "r11")
                     "bcc 1b\n\t"
                     "pop {r2}\n\t"
                     "stmia r2, {r4-r11}\n\t"
                     "pop {r7, r9, r11}"
                     : "+r"(r0), "+r"(r1), "+r"(r2)
                     :
                     : "r3", "r4", "r5", "r6", "r8", "r10", "r12", "lr", "cc", "memory");
#undef WICK_BLOCK_TWO
    /* clang-format on */
}
#else
WICK_INLINE void wick_block_tap_2(const int8_t *w, const int8_t *x, int32_t *s) {
    int p = x[0], q = x[1]; /* products of bytes fit 16 bits, where an int has no more */
    s[0] += w[0] * p;
    s[1] += w[0] * q;
    s[2] += w[1] * p;
    s[3] += w[1] * q;
    s[4] += w[4] * p;
    s[5] += w[4] * q;
    s[6] += w[5] * p;
    s[7] += w[5] * q;
}

WICK_APART void wick_block_dot_2(const uint8_t *pairs, const int8_t *x, int32_t acc[8]) {
    int32_t s[8];
    unsigned more;
    WICK_COPY(s, acc, sizeof s);
    do {
        const int8_t *w = (const int8_t *)pairs + 2;
        x += 2 * pairs[0];
        wick_block_tap_2(w, x, s);
        x += 2 * (pairs[1] & 127u);
        wick_block_tap_2(w + 2, x, s);
        more = pairs[1] < 128;
        pairs += WICK_BLOCK_PAIR;
    } while (more);
    WICK_COPY(acc, s, sizeof s);
}
#endif

/* The same of one pixel; acc [channel]. */
WICK_APART void wick_block_dot_1(const uint8_t *pairs, const int8_t *x, int32_t acc[4]) {
    int32_t s0 = acc[0], s1 = acc[1], s2 = acc[2], s3 = acc[3];
    unsigned more;
    do {
        const int8_t *w = (const int8_t *)pairs + 2;
        x += pairs[0];
        int a = *x;
        x += pairs[1] & 127u;
        int b = *x;
#if WICK_HAVE_DSP
        uint32_t both = wick_pkhbt((uint32_t)a, (uint32_t)b);
        uint32_t v = wick_load4(w);
        s0 = wick_smlad(wick_sxtb16(v), both, s0);
        s1 = wick_smlad(wick_sxtb16_ror8(v), both, s1);
        v = wick_load4(w + 4);
        s2 = wick_smlad(wick_sxtb16(v), both, s2);
        s3 = wick_smlad(wick_sxtb16_ror8(v), both, s3);
#else
        s0 += w[0] * a;
        s1 += w[1] * a;
        s2 += w[4] * a;
        s3 += w[5] * a;
        s0 += w[2] * b;
        s1 += w[3] * b;
        s2 += w[6] * b;
        s3 += w[7] * b;
#endif
        more = pairs[1] < 128;
        pairs += WICK_BLOCK_PAIR;
    } while (more);
    acc[0] = s0;
    acc[1] = s1;
    acc[2] = s2;
    acc[3] = s3;
}

/* Channels [c, c + n) of one or two gathered pixels. */
WICK_INLINE void wick_block_channels(const wick_layer *layer, const int8_t *x, uint32_t pixels,
                                     uint32_t c, uint32_t n, int8_t *dst) {
    const uint16_t *counts = (const uint16_t *)(const void *)(layer->packed + 1);
    const uint8_t *at = (const uint8_t *)(layer->packed + wick_block_head_words(layer));
    uint32_t b = c / WICK_BLOCK_CHANNELS, end = c + n;
    for (uint32_t i = 0; i < b; i++)
        at += WICK_BLOCK_PAIR * (uint32_t)counts[i];
    for (; c < end; b++) {
        uint32_t first = b * WICK_BLOCK_CHANNELS;
        int32_t acc[2 * WICK_BLOCK_CHANNELS];
        for (uint32_t i = 0; i < WICK_BLOCK_CHANNELS; i++) {
            int32_t bias = layer->bias && first + i < layer->out_c ? layer->bias[first + i] : 0;
            acc[pixels * i] = acc[pixels * i + pixels - 1] = bias;
        }
        if (counts[b] && pixels == 2)
            wick_block_dot_2(at, x, acc);
        else if (counts[b])
            wick_block_dot_1(at, x, acc);
        at += WICK_BLOCK_PAIR * (uint32_t)counts[b];
        for (; c < end && c < first + WICK_BLOCK_CHANNELS; c++, dst++) {
            const int32_t *sum = acc + pixels * (c - first);
            int32_t mult = layer->mult[c];
            uint8_t shift = layer->shift[c];
            for (uint32_t i = 0; i < pixels; i++)
                dst[i * layer->out_c] =
                    wick_clamp_s8(layer->out_zp + wick_requantize(sum[i], mult, shift),
                                  layer->clamp_min, layer->clamp_max);
        }
    }
}

WICK_INLINE void wick_block_conv(const wick_layer *layer, const int8_t *src, uint16_t row0,
                                 uint32_t first, uint32_t count, int8_t *dst, int8_t *x) {
    uint32_t out_c = layer->out_c, pixel = first / out_c, c = first % out_c;
    while (count) {
        uint32_t n = out_c - c < count ? out_c - c : count;
        uint32_t pixels = c == 0 && count >= 2 * out_c ? wick_block_pixels(layer) : 1;
        for (uint32_t i = 0; i < pixels; i++)
            wick_few_gather(layer, src, row0, pixel + i, x + i, pixels);
        if (pixels == 2)
            wick_block_channels(layer, x, 2, 0, out_c, dst);
        else
            wick_block_channels(layer, x, 1, c, n, dst);
        pixel += pixels;
        dst += pixels * n;
        count -= pixels * n;
        c = 0;
    }
}

#endif
