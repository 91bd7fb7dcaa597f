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

   packed: one word, 1 if without the carry; then for each block and step two words, channels 0, 1
   and 2, 3 of the block. */
#include <wick/dsp_blocks.h>

#if WICK_HAVE_DSP_LOOPS
static void wick_blocks_two(const uint32_t *weights, wick_blocks_loop *loop) {
    register const uint32_t *r0 __asm__("r0") = weights;
    register const uint32_t **r1 __asm__("r1") = &loop->x;
    /* clang-format off */
    __asm__ volatile(
        WICK_LOOP_OPEN
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
        WICK_LOOP_ENTER
        "3:\n\t"
        "ldr lr, [r1, %[sums]]\n\t"
        "ldm r1, {r1, r12}\n\t"
        "ldrd r4, r5, [lr]\n\t"
        "ldrd r8, r9, [lr, #16]\n\t"
        "mov r6, r4\n\t"
        "mov r7, r5\n\t"
        "mov r10, r8\n\t"
        "mov r11, r9\n\t"
        WICK_LOOP_ENTER
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
        WICK_LOOP_AGAIN
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
        WICK_LOOP_OUTPUTS
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
        WICK_LOOP_CLOSE
        : "+r"(r0), "+r"(r1)
        : WICK_LOOP_FIELDS
        : WICK_LOOP_CLOBBERS);
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

static void wick_blocks_one(const wick_window *w, uint32_t block, uint32_t n, uint32_t pixels,
                            uint32_t p) {
    const uint32_t *word = wick_blocks_weights(w, block);
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
    wick_blocks_conv2d(layer, src[0], row0, first, count, dst, scratch, pixels);
}

int wick_conv2d_s8_dsp_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_conv2d_s8_dsp_scratch_bytes(const wick_layer *layer) {
    return wick_window_scratch_bytes(layer);
}
