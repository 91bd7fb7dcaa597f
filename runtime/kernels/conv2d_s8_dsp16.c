/* SPDX-License-Identifier: 0BSD */
/* Dense convolution with the ARM DSP extension, weights as 16 bits in twice the flash;
   wick/dsp_window.h says how the work is divided. Blocks of 4 channels x 2 pixels: a step is two
   loads of two words each of weights, one of pixels, and 8 SMLAD, 11 instructions for 16 products.
   The loads of conv2d_s8_dsp are fewer, so there a core may take fewer cycles.

   packed: for each block and step four words, one a channel of the block. */
#define WICK_BLOCKS blocks
#define WICK_BLOCKS_STEP_WORDS 4
#define WICK_BLOCKS_STEP_BYTES 44
#include <wick/dsp_blocks.h>

static const uint32_t *weights_at(const wick_window *w, uint32_t block) {
    return w->layer->packed + wick_blocks_weights(w, block);
}

#if WICK_HAVE_DSP_LOOPS
/* See wick/dsp_blocks.h for registers and labels. */
static void two_pixels(const wick_window *w, uint32_t block, uint32_t n, int8_t *dst) {
    const uint32_t *weights = weights_at(w, block);
    wick_blocks_loop *loop = wick_blocks_loop_at(w, block, n, dst);
    register const uint32_t *r0 __asm__("r0") = weights;
    register wick_blocks_loop *r1 __asm__("r1") = loop;
    __asm__ volatile(WICK_LOOP_OPEN "5:\n\t"
                                    "ldr lr, [r1, %[bias]]\n\t"
                                    "ldm lr!, {r4, r6, r8, r10}\n\t"
                                    "str lr, [r1, %[bias]]\n\t"
                                    "mov r5, r4\n\t"
                                    "mov r7, r6\n\t"
                                    "mov r9, r8\n\t"
                                    "mov r11, r10\n\t" WICK_LOOP_ENTER "1:\n\t"
                                    "ldr lr, [r1, %[sums]]\n\t"
                                    "ldm lr, {r4-r11}\n\t" WICK_LOOP_ENTER ".p2align 2\n"
                                    "2:\n\t"
                                    ".rept 8\n\t"
                                    "ldrd r2, r3, [r1], #8\n\t"
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
                                    ".endr\n\t" WICK_LOOP_AGAIN "ldr lr, [r1, %[sums]]\n\t"
                                    "stm lr!, {r4-r11}\n\t" WICK_LOOP_NEXT_SUMS
                                    "6:\n\t" WICK_LOOP_OUTPUTS
                     : "+r"(r0), "+r"(r1)
                     : WICK_LOOP_FIELDS
                     : WICK_LOOP_CLOBBERS);
}
#endif

/* Pixel p of `pixels`, from sums to sums. */
static void one_pixel(const wick_window *w, uint32_t block, uint32_t n, uint32_t pixels,
                      uint32_t p) {
    int32_t *sum = w->sums + p;
    for (; n; n--, block++, sum += 4 * pixels) {
        const uint32_t *word = weights_at(w, block), *x = w->end - 2 * w->steps + p;
        int32_t a = sum[0], b = sum[pixels], c = sum[2 * pixels], d = sum[3 * pixels];
        for (uint32_t k = w->steps; k; k--, word += 4, x += 2) {
            a = wick_smlad(word[0], *x, a);
            b = wick_smlad(word[1], *x, b);
            c = wick_smlad(word[2], *x, c);
            d = wick_smlad(word[3], *x, d);
        }
        sum[0] = a;
        sum[pixels] = b;
        sum[2 * pixels] = c;
        sum[3 * pixels] = d;
    }
}

static void blocks(const wick_window *w, uint32_t block, uint32_t n, uint32_t pixels, int8_t *dst) {
#if WICK_HAVE_DSP_LOOPS
    if (pixels == 2) {
        two_pixels(w, block, n, dst);
        return;
    }
#endif
    (void)dst;
    for (uint32_t p = 0; p < pixels; p++)
        one_pixel(w, block, n, pixels, p);
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
