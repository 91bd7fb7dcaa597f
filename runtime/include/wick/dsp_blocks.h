/* SPDX-License-Identifier: 0BSD */
/* The walk over outputs of conv2d_s8_dsp, which includes it and defines what is declared here.
   wick/dsp_window.h says what steps, blocks and parts are. Pixels go in pairs, also
   across the end of a row; a single one may remain, and channels within one pixel are single too.
   Where the window is one part, a pair's blocks of four channels go directly from biases to
   outputs. All else goes through sums in scratch: channels that a range cuts out of a block, and
   windows of several parts, for which WICK_WINDOW_CHANNELS channels at a time share a part. */
#ifndef WICK_DSP_BLOCKS_H
#define WICK_DSP_BLOCKS_H

#include <wick/dsp_window.h>

enum {
    WICK_BLOCKS_HEAD = 1,       /* words before the first block's weights */
    WICK_BLOCKS_STEP_WORDS = 2, /* of weights, of a block */
    WICK_BLOCKS_STEP_BYTES = 48 /* of code, in the unrolled loop */
};

/* Adds the part at hand to the sums of blocks [block, block + n), of pixel p of `pixels`. */
static void wick_blocks_one(const wick_window *w, uint32_t block, uint32_t n, uint32_t pixels,
                            uint32_t p);

static inline const uint32_t *wick_blocks_weights(const wick_window *w, uint32_t block) {
    return w->layer->packed + WICK_BLOCKS_HEAD +
           (block * w->block_steps + w->first_step) * WICK_BLOCKS_STEP_WORDS;
}

#if WICK_HAVE_DSP_LOOPS
/* What the inner loop for two pixels needs beside its 14 registers, which are all taken. It lies
   behind the window, where the pointer to the window arrives: r1 is then at x. */
typedef struct wick_blocks_loop {
    uint32_t stop;  /* ends the loop, a value that no two taps have; read with the next word */
    uint32_t ahead; /* how far into the unrolled loop it is entered, */
    const uint32_t *x;
    uint32_t entry; /* and where that is; x, entry, bias: loaded together */
    const int32_t *bias, *mult;
    const uint8_t *shift;
    int8_t *dst;
    uint32_t out_c; /* from the first pixel's output to the second's */
    const int8_t *dst_end;
    int32_t zero;
    uint32_t low, high;        /* four bytes of each bound */
    uint32_t mode;             /* 0: from sums to sums, else `direct` */
    uint32_t direct, channels; /* WICK_LOOP_..., and how many channels that is for */
    int32_t *sums, *sums_end;
    uint32_t skip;        /* bytes of weights to the same part of the next block */
    uint32_t r7, r9, r11; /* may be the compiler's own, so they are saved by hand */
} wick_blocks_loop;

/* Shifted left by one, the flags Z, N and C. */
#define WICK_LOOP_DIRECT 1u
#define WICK_LOOP_CLAMPS 0x40000000u
#define WICK_LOOP_SHIFTS 0x80000000u

typedef char wick_blocks_loop_size[sizeof(wick_blocks_loop) == 4 * WICK_WINDOW_LOOP ? 1 : -1];

/* Both pixels: from sums to sums, or from biases to outputs. */
static void wick_blocks_two(const uint32_t *weights, wick_blocks_loop *loop);

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

/* n: how many blocks will be direct. */
WICK_APART void wick_blocks_open(const wick_window *w, uint32_t n) {
    const wick_layer *layer = w->layer;
    wick_blocks_loop *loop = wick_blocks_loop_of(w);
    uint32_t shifts = 0;
    for (uint32_t i = 0; i < n; i++)
        shifts |= wick_load4((const int8_t *)layer->shift + 4 * i);
    loop->stop = 0x80000000u;
    loop->out_c = layer->out_c;
    loop->zero = layer->out_zp;
    loop->low = (uint32_t)(uint8_t)layer->clamp_min * 0x01010101u;
    loop->high = (uint32_t)(uint8_t)layer->clamp_max * 0x01010101u;
    loop->channels = 4 * n;
    loop->direct = WICK_LOOP_DIRECT | (shifts ? WICK_LOOP_SHIFTS : 0) |
                   (layer->clamp_min > -128 || layer->clamp_max < 127 ? WICK_LOOP_CLAMPS : 0);
    wick_blocks_part(w);
}

/* The first blocks, as many as wick_blocks_open was told. */
static inline void wick_blocks_direct(const wick_window *w, int8_t *dst) {
    const wick_layer *layer = w->layer;
    wick_blocks_loop *loop = wick_blocks_loop_of(w);
    loop->bias = layer->bias;
    loop->mult = layer->mult;
    loop->shift = layer->shift;
    loop->dst = dst;
    loop->dst_end = dst + loop->channels;
    loop->mode = loop->direct;
    wick_blocks_two(wick_blocks_weights(w, 0), loop);
}

/* Assembly that the loops have in common. r0: weights; r1: wick_blocks_loop.x; r4 to r11:
   accumulators [channel][pixel], complete at WICK_LOOP_OUTPUTS. Labels: 1 a block from biases,
   2 the loop, 3 a block from sums. The flags of the mode stay until the outputs are stored. */
#define WICK_LOOP_OPEN                                                                             \
    "str r7, [r1, %[r7]]\n\t"                                                                      \
    "str r9, [r1, %[r9]]\n\t"                                                                      \
    "str r11, [r1, %[r11]]\n\t"                                                                    \
    "ldr r2, [r1, %[ahead]]\n\t"                                                                   \
    "adr r3, 2f\n\t"                                                                               \
    "add r2, r2, r3\n\t"                                                                           \
    "str r2, [r1, %[entry]]\n\t"                                                                   \
    "ldr r2, [r1, %[mode]]\n\t"                                                                    \
    "cmp r2, #0\n\t"                                                                               \
    "beq 3f\n"
#define WICK_LOOP_ENTER                                                                            \
    "ldrd r2, r3, [r1], #8\n\t"                                                                    \
    "bx r12\n"
#define WICK_LOOP_AGAIN                                                                            \
    "cmp r2, #0x80000000\n\t"                                                                      \
    "bne 2b\n\t"                                                                                   \
    "ldr r2, [r1, %[mode]]\n\t"                                                                    \
    "lsls r2, r2, #1\n\t"                                                                          \
    "beq 4f\n\t"
/* Multiplier, zero point, saturation; four bytes a word. The channel's shifts and bounds aside. */
#define WICK_LOOP_OUTPUTS                                                                          \
    "bcs 5f\n"                                                                                     \
    "6:\n\t"                                                                                       \
    "ldr lr, [r1, %[mult]]\n\t"                                                                    \
    "ldr r12, [r1, %[zero]]\n\t"                                                                   \
    "ldrd r2, r3, [lr], #8\n\t"                                                                    \
    "smmlar r4, r4, r2, r12\n\t"                                                                   \
    "smmlar r5, r5, r2, r12\n\t"                                                                   \
    "smmlar r6, r6, r3, r12\n\t"                                                                   \
    "smmlar r7, r7, r3, r12\n\t"                                                                   \
    "ldrd r2, r3, [lr], #8\n\t"                                                                    \
    "str lr, [r1, %[mult]]\n\t"                                                                    \
    "smmlar r8, r8, r2, r12\n\t"                                                                   \
    "smmlar r9, r9, r2, r12\n\t"                                                                   \
    "smmlar r10, r10, r3, r12\n\t"                                                                 \
    "smmlar r11, r11, r3, r12\n\t"                                                                 \
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
    "bmi 7f\n"                                                                                     \
    "8:\n\t"                                                                                       \
    "ldrd r2, r3, [r1, %[dst]]\n\t"                                                                \
    "str r5, [r2, r3]\n\t"                                                                         \
    "str r4, [r2], #4\n\t"                                                                         \
    "ldr r3, [r1, %[dst_end]]\n\t"                                                                 \
    "str r2, [r1, %[dst]]\n\t"                                                                     \
    "cmp r2, r3\n\t"                                                                               \
    "bne 1b\n\t"                                                                                   \
    "b 9f\n"                                                                                       \
    "5:\n\t" /* LSL takes the low byte of a register */                                            \
    "ldr r2, [r1, %[shift]]\n\t"                                                                   \
    "ldr r3, [r2], #4\n\t"                                                                         \
    "str r2, [r1, %[shift]]\n\t"                                                                   \
    "cbz r3, 10f\n\t"                                                                              \
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
    "10:\n\t"                                                                                      \
    "b 6b\n"                                                                                       \
    "7:\n\t"                                                                                       \
    "ldrd r2, r3, [r1, %[low]]\n\t"                                                                \
    "ssub8 r12, r4, r2\n\t"                                                                        \
    "sel r4, r4, r2\n\t"                                                                           \
    "ssub8 r12, r3, r4\n\t"                                                                        \
    "sel r4, r4, r3\n\t"                                                                           \
    "ssub8 r12, r5, r2\n\t"                                                                        \
    "sel r5, r5, r2\n\t"                                                                           \
    "ssub8 r12, r3, r5\n\t"                                                                        \
    "sel r5, r5, r3\n\t"                                                                           \
    "b 8b\n"
/* Behind the sums of a block: lr is where the next ones are. */
#define WICK_LOOP_CLOSE                                                                            \
    "str lr, [r1, %[sums]]\n\t"                                                                    \
    "ldr r2, [r1, %[sums_end]]\n\t"                                                                \
    "ldr r3, [r1, %[skip]]\n\t"                                                                    \
    "add r0, r0, r3\n\t"                                                                           \
    "cmp lr, r2\n\t"                                                                               \
    "bne 3b\n"                                                                                     \
    "9:\n\t"                                                                                       \
    "ldr r7, [r1, %[r7]]\n\t"                                                                      \
    "ldr r9, [r1, %[r9]]\n\t"                                                                      \
    "ldr r11, [r1, %[r11]]"
#define WICK_LOOP_FIELD(name)                                                                      \
    [name] "i"((int)offsetof(wick_blocks_loop, name) - (int)offsetof(wick_blocks_loop, x))
#define WICK_LOOP_FIELDS                                                                           \
    WICK_LOOP_FIELD(ahead), WICK_LOOP_FIELD(entry), WICK_LOOP_FIELD(bias), WICK_LOOP_FIELD(mult),  \
        WICK_LOOP_FIELD(shift), WICK_LOOP_FIELD(dst), WICK_LOOP_FIELD(dst_end),                    \
        WICK_LOOP_FIELD(zero), WICK_LOOP_FIELD(low), WICK_LOOP_FIELD(mode), WICK_LOOP_FIELD(sums), \
        WICK_LOOP_FIELD(sums_end), WICK_LOOP_FIELD(skip), WICK_LOOP_FIELD(r7),                     \
        WICK_LOOP_FIELD(r9), WICK_LOOP_FIELD(r11)
#define WICK_LOOP_CLOBBERS "r2", "r3", "r4", "r5", "r6", "r8", "r10", "r12", "lr", "cc", "memory"
#endif

/* Adds the part at hand to the sums of blocks [block, block + n). */
WICK_APART void wick_blocks_add(const wick_window *w, uint32_t block, uint32_t n, uint32_t pixels) {
#if WICK_HAVE_DSP_LOOPS
    if (pixels == 2) {
        wick_blocks_loop *loop = wick_blocks_loop_of(w);
        wick_blocks_part(w);
        loop->mode = 0;
        loop->sums = w->sums;
        loop->sums_end = w->sums + 8 * n;
        wick_blocks_two(wick_blocks_weights(w, block), loop);
        return;
    }
#endif
    for (uint32_t p = 0; p < pixels; p++)
        wick_blocks_one(w, block, n, pixels, p);
}

/* Channels [c, end): their sums begin at the biases, */
WICK_APART void wick_blocks_begin(const wick_window *w, uint32_t c, uint32_t end, uint32_t pixels) {
    const int32_t *bias = w->layer->bias;
    int32_t *sum = w->sums + c % 4 * pixels;
    for (; c < end; c++, sum += pixels)
        sum[0] = sum[pixels - 1] = bias ? bias[c] : 0;
}

/* and end as outputs. */
WICK_APART void wick_blocks_end(const wick_window *w, uint32_t c, uint32_t end, uint32_t pixels,
                                int8_t *dst) {
    const wick_layer *layer = w->layer;
    const int32_t *sum = w->sums + c % 4 * pixels, *mult = layer->mult + c;
    const uint8_t *shift = layer->shift + c;
    int32_t zero = layer->out_zp, low = layer->clamp_min, high = layer->clamp_max;
    uint32_t next = layer->out_c;
    for (const int8_t *stop = dst + (end - c); dst != stop; dst++) {
        int32_t m = *mult++, y;
        uint8_t k = *shift++;
        if (pixels == 2) {
            y = zero + wick_requantize(sum[1], m, k);
            dst[next] = wick_clamp_s8(y, low, high);
        }
        y = zero + wick_requantize(sum[0], m, k);
        sum += pixels;
        *dst = wick_clamp_s8(y, low, high);
    }
}

/* The kernel. most: pixels at a time, 1 or 2. */
static inline void wick_blocks_conv2d(const wick_layer *layer, const int8_t *src, uint16_t row0,
                                      uint32_t first, uint32_t count, int8_t *dst, void *scratch,
                                      uint32_t most) {
    wick_window w;
    uint32_t out_c = layer->out_c, pixel = first / out_c, c = first % out_c;
    uint32_t oy = pixel / layer->out_w, ox = pixel % layer->out_w;
    wick_window_divide(&w, layer);
    wick_window_open(&w, src, row0, scratch);
    int one_part = w.steps == w.block_steps;
#if WICK_HAVE_DSP_LOOPS
    uint32_t direct = one_part && layer->bias && count >= 2 * out_c && most == 2 ? out_c / 4 : 0;
    wick_blocks_open(&w, direct);
#endif
    while (count) {
        uint32_t pixels = c == 0 && count >= most * out_c ? most : 1;
        uint32_t end = wick_window_least(out_c, c + count);
        count -= (end - c) * pixels;
        if (one_part)
            wick_window_expand(&w, oy, ox, pixels);
#if WICK_HAVE_DSP_LOOPS
        if (pixels == 2 && direct) {
            wick_blocks_direct(&w, dst);
            c = 4 * direct;
            dst += c;
        }
#endif
        while (c < end) {
            uint32_t block = c / 4;
            uint32_t to = wick_window_least(4 * block + WICK_WINDOW_CHANNELS, end);
            wick_blocks_begin(&w, c, to, pixels);
            if (!one_part)
                wick_window_part_at(&w, 0, 0, 0);
            do {
                if (!one_part)
                    wick_window_expand(&w, oy, ox, pixels);
                wick_blocks_add(&w, block, (to + 3) / 4 - block, pixels);
            } while (!one_part && wick_window_next_part(&w));
            wick_blocks_end(&w, c, to, pixels, dst);
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
