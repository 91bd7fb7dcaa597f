/* SPDX-License-Identifier: 0BSD */
/* Dense convolution with the ARM DSP extension, weights as 16 bits in twice the flash;
   wick/dsp_window.h says how the work is divided. Blocks of 4 channels x 2 pixels: a step is two
   loads of two words each of weights, one of pixels, and 8 SMLAD, 11 instructions for 16 products.
   The loads of conv2d_s8_dsp are fewer, so there a core may take fewer cycles.

   packed: for each block and step four words, one a channel of the block. */
#define WICK_BLOCKS_HEAD 0
#define WICK_BLOCKS_STEP_WORDS 4
#define WICK_BLOCKS_STEP_BYTES 44
#include <wick/dsp_blocks.h>

#if WICK_HAVE_DSP_LOOPS
static void wick_blocks_two(const uint32_t *weights, wick_blocks_loop *loop) {
    register const uint32_t *r0 __asm__("r0") = weights;
    register const uint32_t **r1 __asm__("r1") = &loop->x;
    /* clang-format off */
    __asm__ volatile(
        WICK_LOOP_OPEN
        "1:\n\t"
        "ldr lr, [r1, %[bias]]\n\t"
        "ldm lr!, {r4, r6, r8, r10}\n\t"
        "str lr, [r1, %[bias]]\n\t"
        "ldm r1, {r1, r12}\n\t"
        "mov r5, r4\n\t"
        "mov r7, r6\n\t"
        "mov r9, r8\n\t"
        "mov r11, r10\n\t"
        WICK_LOOP_ENTER
        "3:\n\t"
        "ldr lr, [r1, %[sums]]\n\t"
        "ldm r1, {r1, r12}\n\t"
        "ldm lr, {r4-r11}\n\t"
        WICK_LOOP_ENTER
        ".p2align 2\n"
        "2:\n\t"
        ".rept 8\n\t"
        "ldrd r12, lr, [r0], #8\n\t"
        "smlad r4, r12, r2, r4\n\t"
        "smlad r5, r12, r3, r5\n\t"
        "smlad r6, lr, r2, r6\n\t"
        "smlad r7, lr, r3, r7\n\t"
        "ldrd r12, lr, [r0], #8\n\t"
        "smlad r8, r12, r2, r8\n\t"
        "smlad r9, r12, r3, r9\n\t"
        "smlad r10, lr, r2, r10\n\t"
        "smlad r11, lr, r3, r11\n\t"
        "ldrd r2, r3, [r1], #8\n\t"
        ".endr\n\t"
        WICK_LOOP_AGAIN
        WICK_LOOP_OUTPUTS
        "4:\n\t"
        "ldr lr, [r1, %[sums]]\n\t"
        "stm lr!, {r4-r11}\n\t"
        WICK_LOOP_CLOSE
        : "+r"(r0), "+r"(r1)
        : WICK_LOOP_FIELDS
        : WICK_LOOP_CLOBBERS);
    /* clang-format on */
}
#endif

/* A step of one pixel. */
WICK_INLINE void one_step(const uint32_t **weights, const uint32_t **x, int32_t sum[4]) {
#if WICK_HAVE_DSP_LOOPS
    uint32_t t, u, v;
    __asm__ volatile("ldr %[t], [%[x]], #8\n\t"
                     "ldrd %[u], %[v], [%[w]], #8\n\t"
                     "smlad %[a], %[u], %[t], %[a]\n\t"
                     "smlad %[b], %[v], %[t], %[b]\n\t"
                     "ldrd %[u], %[v], [%[w]], #8\n\t"
                     "smlad %[c], %[u], %[t], %[c]\n\t"
                     "smlad %[d], %[v], %[t], %[d]"
                     : [a] "+r"(sum[0]), [b] "+r"(sum[1]), [c] "+r"(sum[2]), [d] "+r"(sum[3]),
                       [w] "+r"(*weights), [x] "+r"(*x), [t] "=&r"(t), [u] "=&r"(u), [v] "=&r"(v)
                     :
                     : "memory");
#else
    for (uint32_t i = 0; i < 4; i++)
        sum[i] = wick_smlad((*weights)[i], **x, sum[i]);
    *weights += 4;
    *x += 2;
#endif
}

static void wick_blocks_one(const wick_window *w, uint32_t block, uint32_t n, uint32_t pixels,
                            uint32_t p) {
    const uint32_t *word = wick_blocks_weights(w, block);
    uint32_t steps = w->steps, skip = 4 * (w->block_steps - steps);
    int32_t *sum = w->sums + p;
    for (; n; n--, sum += pixels, word += skip) {
        const uint32_t *x = w->end - 2 * steps + p;
        int32_t *sum_b = sum + pixels, *sum_c = sum_b + pixels, *sum_d = sum_c + pixels;
        int32_t acc[4] = {*sum, *sum_b, *sum_c, *sum_d};
        for (uint32_t k = steps / 4; k; k--) {
            one_step(&word, &x, acc);
            one_step(&word, &x, acc);
            one_step(&word, &x, acc);
            one_step(&word, &x, acc);
        }
        for (uint32_t k = steps % 4; k; k--)
            one_step(&word, &x, acc);
        *sum = acc[0];
        *sum_b = acc[1];
        *sum_c = acc[2];
        *sum_d = acc[3];
        sum = sum_d;
    }
}

void wick_conv2d_s8_dsp16(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                          uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    wick_blocks_conv2d(layer, src[0], row0, first, count, dst, scratch, 2);
}

int wick_conv2d_s8_dsp16_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_conv2d_s8_dsp16_scratch_bytes(const wick_layer *layer) {
    return wick_window_scratch_bytes(layer);
}
