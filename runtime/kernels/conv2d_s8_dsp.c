/* SPDX-License-Identifier: 0BSD */
/* Dense convolution with the ARM DSP extension, weights as 8 bits; wick/dsp_window.h says how the
   work is divided. Blocks of 4 channels x 2 pixels.

   Two channels share a word: each half of it is 256*b + a for one tap of a step, a and b being the
   weights of the even and the odd channel; so the high byte is b less the carry that a negative a
   borrows. SMLAD with the word as it is gives 256*B + A for the sums of products A and B, and with
   its low bytes, sign-extended by one SXTB16, A. So B is the difference of the two accumulators
   over 256, exactly, while |B| < 2^23: a part has 288 taps. That saves every second unpacking: 12
   instructions for 16 products. And a step's weights are two words, for which there are just
   registers enough.

   256*b + a does not fit 16 bits where b is -128 and a negative. Such weights come from other
   tools only. They are stored without the carry and worked off by single pixels, unpacked.

   Pixels go in pairs, also across the end of a row; a single one may remain, and channels within
   one pixel are single too. Where the window is one part, a pair's blocks of four channels go
   directly from biases to outputs. All else goes through sums in scratch: channels that a range
   cuts out of a block, and windows of several parts, for which WICK_WINDOW_CHANNELS channels at a
   time share a part.

   packed: one word, 1 if without the carry; then for each block and step two words, channels 0, 1
   and 2, 3 of the block. */
#include <wick/dsp_window.h>

enum {
    BLOCKS_HEAD = 1,       /* words before the first block's weights */
    BLOCKS_STEP_WORDS = 2, /* of weights, of a block */
    BLOCKS_STEP_BYTES = 48 /* of code, in the unrolled loop */
};

/* Adds the part at hand to the sums of blocks [block, block + n), of pixel p of `pixels`. */
static void blocks_one(const wick_window *w, uint32_t block, uint32_t n, uint32_t pixels,
                       uint32_t p);

static inline const uint32_t *blocks_weights(const wick_window *w, uint32_t block) {
    return w->layer->packed + BLOCKS_HEAD +
           (block * w->block_steps + w->first_step) * BLOCKS_STEP_WORDS;
}

#if WICK_HAVE_DSP_LOOPS
/* What the inner loop for two pixels needs beside its 14 registers, which are all taken. It lies
   behind the window, where the pointer to the window arrives: r1 is then at x. */
typedef struct blocks_loop {
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
    uint32_t direct, channels; /* LOOP_..., and how many channels that is for */
    int32_t *sums, *sums_end;
    uint32_t skip;        /* bytes of weights to the same part of the next block */
    uint32_t r7, r9, r11; /* may be the compiler's own, so they are saved by hand */
} blocks_loop;

/* Shifted left by one, the flags Z, N and C. */
#define LOOP_DIRECT 1u
#define LOOP_CLAMPS 0x40000000u
#define LOOP_SHIFTS 0x80000000u

typedef char blocks_loop_size[sizeof(blocks_loop) == 4 * WICK_WINDOW_LOOP ? 1 : -1];

/* Both pixels: from sums to sums, or from biases to outputs. */
static void blocks_two(const uint32_t *weights, blocks_loop *loop);

static inline blocks_loop *blocks_loop_of(const wick_window *w) {
    return (blocks_loop *)w->end;
}

/* What depends on the part; 8 steps are unrolled, and bit 0 of an address is the Thumb state. */
static inline void blocks_part(const wick_window *w) {
    blocks_loop *loop = blocks_loop_of(w);
    loop->x = w->end - 2 * w->steps;
    loop->ahead = (0u - w->steps) % 8 * BLOCKS_STEP_BYTES + 1;
    loop->skip = (w->block_steps - w->steps) * 4 * BLOCKS_STEP_WORDS;
}

/* n: how many blocks will be direct. */
WICK_APART void blocks_open(const wick_window *w, uint32_t n) {
    const wick_layer *layer = w->layer;
    blocks_loop *loop = blocks_loop_of(w);
    uint32_t shifts = 0;
    for (uint32_t i = 0; i < n; i++)
        shifts |= wick_load4((const int8_t *)layer->shift + 4 * i);
    loop->stop = 0x80000000u;
    loop->out_c = layer->out_c;
    loop->zero = layer->out_zp;
    loop->low = (uint32_t)(uint8_t)layer->clamp_min * 0x01010101u;
    loop->high = (uint32_t)(uint8_t)layer->clamp_max * 0x01010101u;
    loop->channels = 4 * n;
    loop->direct = LOOP_DIRECT | (shifts ? LOOP_SHIFTS : 0) |
                   (layer->clamp_min > -128 || layer->clamp_max < 127 ? LOOP_CLAMPS : 0);
    blocks_part(w);
}

/* The first blocks, as many as blocks_open was told. */
static inline void blocks_direct(const wick_window *w, int8_t *dst) {
    const wick_layer *layer = w->layer;
    blocks_loop *loop = blocks_loop_of(w);
    loop->bias = layer->bias;
    loop->mult = layer->mult;
    loop->shift = layer->shift;
    loop->dst = dst;
    loop->dst_end = dst + loop->channels;
    loop->mode = loop->direct;
    blocks_two(blocks_weights(w, 0), loop);
}

/* The loop in parts. r0: weights; r1: blocks_loop.x; r4 to r11:
   accumulators [channel][pixel], complete at LOOP_OUTPUTS. Labels: 1 a block from biases,
   2 the loop, 3 a block from sums. The flags of the mode stay until the outputs are stored. */
#define LOOP_OPEN                                                                                  \
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
#define LOOP_ENTER                                                                                 \
    "ldrd r2, r3, [r1], #8\n\t"                                                                    \
    "bx r12\n"
#define LOOP_AGAIN                                                                                 \
    "cmp r2, #0x80000000\n\t"                                                                      \
    "bne 2b\n\t"                                                                                   \
    "ldr r2, [r1, %[mode]]\n\t"                                                                    \
    "lsls r2, r2, #1\n\t"                                                                          \
    "beq 4f\n\t"
/* Multiplier, zero point, saturation; four bytes a word. The channel's shifts and bounds aside. */
#define LOOP_OUTPUTS                                                                               \
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
#define LOOP_CLOSE                                                                                 \
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
#define LOOP_FIELD(name)                                                                           \
    [name] "i"((int)offsetof(blocks_loop, name) - (int)offsetof(blocks_loop, x))
#define LOOP_FIELDS                                                                                \
    LOOP_FIELD(ahead), LOOP_FIELD(entry), LOOP_FIELD(bias), LOOP_FIELD(mult), LOOP_FIELD(shift),   \
        LOOP_FIELD(dst), LOOP_FIELD(dst_end), LOOP_FIELD(zero), LOOP_FIELD(low), LOOP_FIELD(mode), \
        LOOP_FIELD(sums), LOOP_FIELD(sums_end), LOOP_FIELD(skip), LOOP_FIELD(r7), LOOP_FIELD(r9),  \
        LOOP_FIELD(r11)
#define LOOP_CLOBBERS "r2", "r3", "r4", "r5", "r6", "r8", "r10", "r12", "lr", "cc", "memory"
#endif

/* Adds the part at hand to the sums of blocks [block, block + n). */
WICK_APART void blocks_add(const wick_window *w, uint32_t block, uint32_t n, uint32_t pixels) {
#if WICK_HAVE_DSP_LOOPS
    if (pixels == 2) {
        blocks_loop *loop = blocks_loop_of(w);
        blocks_part(w);
        loop->mode = 0;
        loop->sums = w->sums;
        loop->sums_end = w->sums + 8 * n;
        blocks_two(blocks_weights(w, block), loop);
        return;
    }
#endif
    for (uint32_t p = 0; p < pixels; p++)
        blocks_one(w, block, n, pixels, p);
}

/* Channels [c, end): their sums begin at the biases, */
WICK_APART void blocks_begin(const wick_window *w, uint32_t c, uint32_t end, uint32_t pixels) {
    const int32_t *bias = w->layer->bias;
    int32_t *sum = w->sums + c % 4 * pixels;
    for (; c < end; c++, sum += pixels)
        sum[0] = sum[pixels - 1] = bias ? bias[c] : 0;
}

/* and end as outputs. */
WICK_APART void blocks_end(const wick_window *w, uint32_t c, uint32_t end, uint32_t pixels,
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
static inline void blocks_conv2d(const wick_layer *layer, const int8_t *src, uint16_t row0,
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
    blocks_open(&w, direct);
#endif
    while (count) {
        uint32_t pixels = c == 0 && count >= most * out_c ? most : 1;
        uint32_t end = wick_window_least(out_c, c + count);
        count -= (end - c) * pixels;
        if (one_part)
            wick_window_expand(&w, oy, ox, pixels);
#if WICK_HAVE_DSP_LOOPS
        if (pixels == 2 && direct) {
            blocks_direct(&w, dst);
            c = 4 * direct;
            dst += c;
        }
#endif
        while (c < end) {
            uint32_t block = c / 4;
            uint32_t to = wick_window_least(4 * block + WICK_WINDOW_CHANNELS, end);
            blocks_begin(&w, c, to, pixels);
            if (!one_part)
                wick_window_part_at(&w, 0, 0, 0);
            do {
                if (!one_part)
                    wick_window_expand(&w, oy, ox, pixels);
                blocks_add(&w, block, (to + 3) / 4 - block, pixels);
            } while (!one_part && wick_window_next_part(&w));
            blocks_end(&w, c, to, pixels, dst);
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

#if WICK_HAVE_DSP_LOOPS
static void blocks_two(const uint32_t *weights, blocks_loop *loop) {
    register const uint32_t *r0 __asm__("r0") = weights;
    register const uint32_t **r1 __asm__("r1") = &loop->x;
    /* clang-format off */
    __asm__ volatile(
        LOOP_OPEN
        "1:\n\t"
        "ldm r1, {r1, r12, lr}\n\t"
        "ldr r4, [lr]\n\t"
        "ldr r8, [lr, #8]\n\t"
        "mov r5, r4\n\t"
        "mov r9, r8\n\t"
        "mov r6, r4\n\t"
        "mov r7, r4\n\t"
        "mov r10, r8\n\t"
        "mov r11, r8\n\t"
        LOOP_ENTER
        "3:\n\t"
        "ldr lr, [r1, %[sums]]\n\t"
        "ldm r1, {r1, r12}\n\t"
        "ldrd r4, r5, [lr]\n\t"
        "ldrd r8, r9, [lr, #16]\n\t"
        "mov r6, r4\n\t"
        "mov r7, r5\n\t"
        "mov r10, r8\n\t"
        "mov r11, r9\n\t"
        LOOP_ENTER
        ".p2align 2\n"
        "2:\n\t"
        ".rept 8\n\t"
        "ldrd r12, lr, [r0], #8\n\t"
        "smlad r6, r12, r2, r6\n\t"
        "smlad r7, r12, r3, r7\n\t"
        "sxtb16 r12, r12\n\t"
        "smlad r10, lr, r2, r10\n\t"
        "smlad r11, lr, r3, r11\n\t"
        "sxtb16 lr, lr\n\t"
        "smlad r4, r12, r2, r4\n\t"
        "smlad r5, r12, r3, r5\n\t"
        "smlad r8, lr, r2, r8\n\t"
        "smlad r9, lr, r3, r9\n\t"
        "ldrd r2, r3, [r1], #8\n\t"
        ".endr\n\t"
        LOOP_AGAIN
        "ldr lr, [r1, %[bias]]\n\t"
        "ldr r2, [lr, #4]\n\t"
        "ldr r3, [lr, #12]\n\t"
        "add lr, lr, #16\n\t"
        "str lr, [r1, %[bias]]\n\t"
        "sub r6, r6, r4\n\t"
        "sub r7, r7, r5\n\t"
        "sub r10, r10, r8\n\t"
        "sub r11, r11, r9\n\t"
        "add r6, r2, r6, asr #8\n\t"
        "add r7, r2, r7, asr #8\n\t"
        "add r10, r3, r10, asr #8\n\t"
        "add r11, r3, r11, asr #8\n\t"
        LOOP_OUTPUTS
        "4:\n\t"
        "ldr lr, [r1, %[sums]]\n\t"
        "ldrd r2, r3, [lr, #8]\n\t"
        "sub r6, r6, r4\n\t"
        "sub r7, r7, r5\n\t"
        "add r6, r2, r6, asr #8\n\t"
        "add r7, r3, r7, asr #8\n\t"
        "ldrd r2, r3, [lr, #24]\n\t"
        "sub r10, r10, r8\n\t"
        "sub r11, r11, r9\n\t"
        "add r10, r2, r10, asr #8\n\t"
        "add r11, r3, r11, asr #8\n\t"
        "stm lr!, {r4-r11}\n\t"
        LOOP_CLOSE
        : "+r"(r0), "+r"(r1)
        : LOOP_FIELDS
        : LOOP_CLOBBERS);
    /* clang-format on */
}
#endif

/* A step of one pixel. sum: A, 256*B + A, C, 256*D + C of the channels' sums. */
WICK_INLINE void one_step(const uint32_t **weights, const uint32_t **x, int32_t sum[4]) {
#if WICK_HAVE_DSP_LOOPS
    uint32_t t, u, v;
    __asm__ volatile("ldr %[t], [%[x]], #8\n\t"
                     "ldrd %[u], %[v], [%[w]], #8\n\t"
                     "smlad %[b], %[u], %[t], %[b]\n\t"
                     "sxtb16 %[u], %[u]\n\t"
                     "smlad %[d], %[v], %[t], %[d]\n\t"
                     "sxtb16 %[v], %[v]\n\t"
                     "smlad %[a], %[u], %[t], %[a]\n\t"
                     "smlad %[c], %[v], %[t], %[c]"
                     : [a] "+r"(sum[0]), [b] "+r"(sum[1]), [c] "+r"(sum[2]), [d] "+r"(sum[3]),
                       [w] "+r"(*weights), [x] "+r"(*x), [t] "=&r"(t), [u] "=&r"(u), [v] "=&r"(v)
                     :
                     : "memory");
#else
    const uint32_t *w = *weights;
    sum[0] = wick_smlad(wick_sxtb16(w[0]), **x, sum[0]);
    sum[1] = wick_smlad(w[0], **x, sum[1]);
    sum[2] = wick_smlad(wick_sxtb16(w[1]), **x, sum[2]);
    sum[3] = wick_smlad(w[1], **x, sum[3]);
    *weights += 2;
    *x += 2;
#endif
}

static inline int32_t add(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

/* Difference of 256*B + A and A, over 256. */
static inline int32_t odd(int32_t both, int32_t even) {
    return (int32_t)((uint32_t)both - (uint32_t)even) >> 8;
}

static void blocks_one(const wick_window *w, uint32_t block, uint32_t n, uint32_t pixels,
                       uint32_t p) {
    const uint32_t *word = blocks_weights(w, block);
    uint32_t plain = w->layer->packed[0], steps = w->steps, skip = 2 * (w->block_steps - steps);
    int32_t *sum = w->sums + p;
    for (; n; n--, sum += pixels, word += skip) {
        const uint32_t *x = w->end - 2 * steps + p;
        int32_t *sum_b = sum + pixels, *sum_c = sum_b + pixels;
        int32_t acc[4] = {*sum, *sum, *sum_c, *sum_c};
        if (plain) {
            acc[1] = acc[3] = 0;
            for (uint32_t k = steps; k; k--, word += 2, x += 2) {
                acc[0] = wick_smlad(wick_sxtb16(word[0]), *x, acc[0]);
                acc[1] = wick_smlad(wick_sxtb16_ror8(word[0]), *x, acc[1]);
                acc[2] = wick_smlad(wick_sxtb16(word[1]), *x, acc[2]);
                acc[3] = wick_smlad(wick_sxtb16_ror8(word[1]), *x, acc[3]);
            }
        } else {
            for (uint32_t k = steps / 4; k; k--) {
                one_step(&word, &x, acc);
                one_step(&word, &x, acc);
                one_step(&word, &x, acc);
                one_step(&word, &x, acc);
            }
            for (uint32_t k = steps % 4; k; k--)
                one_step(&word, &x, acc);
            acc[1] = odd(acc[1], acc[0]);
            acc[3] = odd(acc[3], acc[2]);
        }
        *sum = acc[0];
        *sum_b = add(*sum_b, acc[1]);
        *sum_c = acc[2];
        sum = sum_c + pixels;
        *sum = add(*sum, acc[3]);
    }
}

void wick_conv2d_s8_dsp(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                        uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    uint32_t pixels = layer->packed[0] ? 1 : 2;
    blocks_conv2d(layer, src[0], row0, first, count, dst, scratch, pixels);
}

int wick_conv2d_s8_dsp_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_conv2d_s8_dsp_scratch_bytes(const wick_layer *layer) {
    return wick_window_scratch_bytes(layer);
}
