/* SPDX-License-Identifier: 0BSD */
/* The walk over outputs that the dense convolutions with the ARM DSP extension share; for the
   kernels only. wick/dsp_window.h says what steps, blocks and parts are. Pixels go in pairs, also
   across the end of a row; a single one may remain, and channels within one pixel are single too.
   Where the window is one part, blocks of four channels go from their biases straight to outputs.
   All others go through sums in scratch: channels that a range cuts out of a block, and windows of
   several parts, for which WICK_WINDOW_CHANNELS channels at a time share the expanded parts.

   A kernel defines, before it includes this,
     WICK_BLOCKS             its function, see below
     WICK_BLOCKS_STEP_WORDS  words of weights in a step of a block
     WICK_BLOCKS_STEP_BYTES  bytes of code in a step of its unrolled loop */
#ifndef WICK_DSP_BLOCKS_H
#define WICK_DSP_BLOCKS_H

#include <wick/dot.h>
#include <wick/dsp_window.h>

#ifdef WICK_BLOCKS
/* Blocks [block, block + n) of `pixels` pixels. dst: where the first pixel's outputs of these
   channels go, all of them; or NULL: adds the part at hand to the sums. */
static void WICK_BLOCKS(const wick_window *w, uint32_t block, uint32_t n, uint32_t pixels,
                        int8_t *dst);

static inline uint32_t wick_blocks_weights(const wick_window *w, uint32_t block) {
    return (block * w->block_steps + w->first_step) * WICK_BLOCKS_STEP_WORDS;
}

#if WICK_HAVE_DSP_LOOPS
/* What an inner loop for two pixels needs beside its 14 registers, which are all taken. It lies
   behind the window, where the pointer to the window arrives. */
typedef struct wick_blocks_loop {
    uint32_t stop; /* ends the loop: a value that no two taps have */
    const uint32_t *x;
    uint32_t ahead, entry; /* how far into the unrolled loop it is entered, and its address */
    uint32_t direct;       /* from biases to outputs, else from sums to sums */
    int32_t *sums, *sums_end;
    uint32_t skip; /* bytes of weights to the same part of the next block */
    const int32_t *bias, *mult;
    const uint8_t *shift;
    int8_t *dst;
    uint32_t out_c; /* from the first pixel's output to the second's */
    const int8_t *dst_end;
    int32_t zero;
    uint32_t clamps, low, high; /* whether there are narrower bounds than int8's; four of each */
    uint32_t r7, r9, r11;       /* may be the compiler's own, so they are saved by hand */
} wick_blocks_loop;

typedef char wick_blocks_loop_size[sizeof(wick_blocks_loop) == 4 * WICK_WINDOW_LOOP ? 1 : -1];

static inline wick_blocks_loop *wick_blocks_loop_of(const wick_window *w) {
    return (wick_blocks_loop *)w->end;
}

/* What depends on the part; 8 steps are unrolled, and bit 0 of an address is the Thumb state. */
static inline void wick_blocks_part(const wick_window *w) {
    wick_blocks_loop *loop = wick_blocks_loop_of(w);
    loop->x = w->end - 2 * w->steps;
    loop->ahead = (0u - w->steps) % 8 * WICK_BLOCKS_STEP_BYTES + 1;
    loop->skip = (w->block_steps - w->steps) * 4 * WICK_BLOCKS_STEP_WORDS;
}

static inline void wick_blocks_open(const wick_window *w) {
    const wick_layer *layer = w->layer;
    wick_blocks_loop *loop = wick_blocks_loop_of(w);
    loop->stop = 0x80000000u;
    loop->out_c = layer->out_c;
    loop->zero = layer->out_zp;
    loop->clamps = layer->clamp_min > -128 || layer->clamp_max < 127;
    loop->low = (uint32_t)(uint8_t)layer->clamp_min * 0x01010101u;
    loop->high = (uint32_t)(uint8_t)layer->clamp_max * 0x01010101u;
    wick_blocks_part(w);
}

static inline wick_blocks_loop *wick_blocks_loop_at(const wick_window *w, uint32_t block,
                                                    uint32_t n, int8_t *dst) {
    const wick_layer *layer = w->layer;
    wick_blocks_loop *loop = wick_blocks_loop_of(w);
    loop->direct = dst != NULL;
    if (dst) {
        loop->bias = layer->bias + 4 * block;
        loop->mult = layer->mult + 4 * block;
        loop->shift = layer->shift + 4 * block;
        loop->dst = dst;
        loop->dst_end = dst + 4 * n;
    } else {
        loop->sums = w->sums;
        loop->sums_end = w->sums + 8 * n;
    }
    return loop;
}

/* Assembly that the inner loops have in common. r0: weights, r1: wick_window_loop, r4 to r11:
   accumulators [channel][pixel]. Labels: 1 a block from sums, 2 the loop, 5 a block from biases,
   6 outputs, 9 the end. */
#define WICK_LOOP_OPEN                                                                             \
    "str r7, [r1, %[r7]]\n\t"                                                                      \
    "str r9, [r1, %[r9]]\n\t"                                                                      \
    "str r11, [r1, %[r11]]\n\t"                                                                    \
    "ldr r3, [r1, %[ahead]]\n\t"                                                                   \
    "adr r12, 2f\n\t"                                                                              \
    "add r3, r3, r12\n\t"                                                                          \
    "str r3, [r1, %[entry]]\n\t"                                                                   \
    "ldr r2, [r1, %[direct]]\n\t"                                                                  \
    "cbz r2, 1f\n"
#define WICK_LOOP_ENTER                                                                            \
    "ldr r12, [r1, %[entry]]\n\t"                                                                  \
    "ldr r1, [r1, %[x]]\n\t"                                                                       \
    "bx r12\n"
#define WICK_LOOP_AGAIN                                                                            \
    "ldr r2, [r1]\n\t"                                                                             \
    "cmp r2, #0x80000000\n\t"                                                                      \
    "bne 2b\n\t"                                                                                   \
    "ldr r2, [r1, %[direct]]\n\t"                                                                  \
    "cbnz r2, 6f\n\t"
#define WICK_LOOP_NEXT_SUMS                                                                        \
    "ldr r2, [r1, %[sums_end]]\n\t"                                                                \
    "ldr r3, [r1, %[skip]]\n\t"                                                                    \
    "str lr, [r1, %[sums]]\n\t"                                                                    \
    "add r0, r0, r3\n\t"                                                                           \
    "cmp lr, r2\n\t"                                                                               \
    "bne 1b\n\t"                                                                                   \
    "b 9f\n"
/* LSL takes the low byte of a register. Multiplier, zero point, saturation; four bytes a word. */
#define WICK_LOOP_OUTPUTS                                                                          \
    "ldr r2, [r1, %[shift]]\n\t"                                                                   \
    "ldr r3, [r2], #4\n\t"                                                                         \
    "str r2, [r1, %[shift]]\n\t"                                                                   \
    "cbz r3, 7f\n\t"                                                                               \
    "lsl r4, r4, r3\n\t"                                                                           \
    "lsl r5, r5, r3\n\t"                                                                           \
    "lsr r3, r3, #8\n\t"                                                                           \
    "lsl r6, r6, r3\n\t"                                                                           \
    "lsl r7, r7, r3\n\t"                                                                           \
    "lsr r3, r3, #8\n\t"                                                                           \
    "lsl r8, r8, r3\n\t"                                                                           \
    "lsl r9, r9, r3\n\t"                                                                           \
    "lsr r3, r3, #8\n\t"                                                                           \
    "lsl r10, r10, r3\n\t"                                                                         \
    "lsl r11, r11, r3\n"                                                                           \
    "7:\n\t"                                                                                       \
    "ldr lr, [r1, %[mult]]\n\t"                                                                    \
    "ldr r12, [r1, %[zero]]\n\t"                                                                   \
    "ldrd r2, r3, [lr], #8\n\t"                                                                    \
    "smmlar r4, r4, r2, r12\n\t"                                                                   \
    "smmlar r5, r5, r2, r12\n\t"                                                                   \
    "smmlar r6, r6, r3, r12\n\t"                                                                   \
    "smmlar r7, r7, r3, r12\n\t"                                                                   \
    "ldrd r2, r3, [lr], #8\n\t"                                                                    \
    "smmlar r8, r8, r2, r12\n\t"                                                                   \
    "smmlar r9, r9, r2, r12\n\t"                                                                   \
    "smmlar r10, r10, r3, r12\n\t"                                                                 \
    "smmlar r11, r11, r3, r12\n\t"                                                                 \
    "str lr, [r1, %[mult]]\n\t"                                                                    \
    "ssat r4, #8, r4\n\t"                                                                          \
    "ssat r5, #8, r5\n\t"                                                                          \
    "ssat r6, #8, r6\n\t"                                                                          \
    "ssat r7, #8, r7\n\t"                                                                          \
    "ssat r8, #8, r8\n\t"                                                                          \
    "ssat r9, #8, r9\n\t"                                                                          \
    "ssat r10, #8, r10\n\t"                                                                        \
    "ssat r11, #8, r11\n\t"                                                                        \
    "bfi r4, r6, #8, #8\n\t"                                                                       \
    "bfi r5, r7, #8, #8\n\t"                                                                       \
    "bfi r4, r8, #16, #8\n\t"                                                                      \
    "bfi r5, r9, #16, #8\n\t"                                                                      \
    "bfi r4, r10, #24, #8\n\t"                                                                     \
    "bfi r5, r11, #24, #8\n\t"                                                                     \
    "ldr r2, [r1, %[clamps]]\n\t"                                                                  \
    "cbz r2, 8f\n\t"                                                                               \
    "ldrd r2, r3, [r1, %[low]]\n\t"                                                                \
    "ssub8 r12, r4, r2\n\t"                                                                        \
    "sel r4, r4, r2\n\t"                                                                           \
    "ssub8 r12, r3, r4\n\t"                                                                        \
    "sel r4, r4, r3\n\t"                                                                           \
    "ssub8 r12, r5, r2\n\t"                                                                        \
    "sel r5, r5, r2\n\t"                                                                           \
    "ssub8 r12, r3, r5\n\t"                                                                        \
    "sel r5, r5, r3\n"                                                                             \
    "8:\n\t"                                                                                       \
    "ldrd r2, r3, [r1, %[dst]]\n\t"                                                                \
    "str r5, [r2, r3]\n\t"                                                                         \
    "str r4, [r2], #4\n\t"                                                                         \
    "str r2, [r1, %[dst]]\n\t"                                                                     \
    "ldr r3, [r1, %[dst_end]]\n\t"                                                                 \
    "cmp r2, r3\n\t"                                                                               \
    "bne 5b\n"                                                                                     \
    "9:\n\t"                                                                                       \
    "ldr r7, [r1, %[r7]]\n\t"                                                                      \
    "ldr r9, [r1, %[r9]]\n\t"                                                                      \
    "ldr r11, [r1, %[r11]]"
#define WICK_LOOP_FIELD(name) [name] "i"(offsetof(wick_blocks_loop, name))
#define WICK_LOOP_FIELDS                                                                           \
    WICK_LOOP_FIELD(x), WICK_LOOP_FIELD(ahead), WICK_LOOP_FIELD(entry), WICK_LOOP_FIELD(direct),   \
        WICK_LOOP_FIELD(sums), WICK_LOOP_FIELD(sums_end), WICK_LOOP_FIELD(skip),                   \
        WICK_LOOP_FIELD(bias), WICK_LOOP_FIELD(mult), WICK_LOOP_FIELD(shift),                      \
        WICK_LOOP_FIELD(dst), WICK_LOOP_FIELD(dst_end), WICK_LOOP_FIELD(zero),                     \
        WICK_LOOP_FIELD(clamps), WICK_LOOP_FIELD(low), WICK_LOOP_FIELD(r7), WICK_LOOP_FIELD(r9),   \
        WICK_LOOP_FIELD(r11)
#define WICK_LOOP_CLOBBERS "r2", "r3", "r4", "r5", "r6", "r8", "r10", "r12", "lr", "cc", "memory"
#else
static inline void wick_blocks_part(const wick_window *w) {
    (void)w;
}

static inline void wick_blocks_open(const wick_window *w) {
    (void)w;
}
#endif

/* Channels [c, end) through sums; `base` is the first channel of c's block. expanded: the whole
   window is. */
WICK_APART void wick_blocks_through_sums(wick_window *w, uint32_t oy, uint32_t ox, uint32_t pixels,
                                         uint32_t c, uint32_t end, int8_t *dst, int expanded) {
    const wick_layer *layer = w->layer;
    uint32_t base = c & ~(uint32_t)3, n = (end - base + 3) / 4;
    int32_t *sum = w->sums;
    for (uint32_t i = base; i < base + 4 * n; i++)
        for (uint32_t p = pixels; p; p--)
            *sum++ = layer->bias && i >= c && i < end ? layer->bias[i] : 0;
    if (expanded) {
        WICK_BLOCKS(w, base / 4, n, pixels, NULL);
    } else {
        wick_window_part_at(w, 0, 0, 0);
        do {
            wick_blocks_part(w);
            wick_window_expand(w, oy, ox, pixels);
            WICK_BLOCKS(w, base / 4, n, pixels, NULL);
        } while (wick_window_next_part(w));
    }
    sum = w->sums + (c - base) * pixels;
    for (; c < end; c++, dst++)
        for (uint32_t p = 0; p < pixels; p++)
            dst[p * layer->out_c] = wick_clamp_s8(
                layer->out_zp + wick_requantize(*sum++, layer->mult[c], layer->shift[c]),
                layer->clamp_min, layer->clamp_max);
}

/* The kernel. most: pixels at a time, 1 or 2. */
static inline void wick_blocks_conv2d(const wick_layer *layer, const int8_t *src, uint16_t row0,
                                      uint32_t first, uint32_t count, int8_t *dst, void *scratch,
                                      uint32_t most) {
    wick_window w;
    uint32_t out_c = layer->out_c, pixel = first / out_c, c = first % out_c;
    uint32_t oy = pixel / layer->out_w, ox = pixel % layer->out_w;
    wick_window_divide(&w, layer);
    wick_window_open(&w, src, row0);
    w.sums = scratch;
    w.end = (uint32_t *)scratch + wick_window_sums(layer) + 2 * w.steps;
    wick_blocks_open(&w);
    int expanded = w.steps == w.block_steps;
    uint32_t direct = WICK_HAVE_DSP_LOOPS && expanded && layer->bias ? out_c / 4 : 0;
    while (count) {
        uint32_t pixels = c == 0 && count >= most * out_c ? most : 1;
        uint32_t end = wick_window_least(out_c, c + count);
        count -= (end - c) * pixels;
        if (expanded)
            wick_window_expand(&w, oy, ox, pixels);
        if (pixels == 2 && direct) {
            WICK_BLOCKS(&w, 0, direct, 2, dst);
            c = 4 * direct;
            dst += c;
        }
        while (c < end) {
            uint32_t to = wick_window_least((c & ~(uint32_t)3) + WICK_WINDOW_CHANNELS, end);
            wick_blocks_through_sums(&w, oy, ox, pixels, c, to, dst, expanded);
            dst += to - c;
            c = to;
        }
        c = 0;
        dst += (pixels - 1) * out_c;
        ox += pixels;
        while (ox >= layer->out_w) {
            ox -= layer->out_w;
            oy++;
        }
    }
}
#endif
#endif
