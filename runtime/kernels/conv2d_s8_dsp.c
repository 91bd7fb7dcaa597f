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
#define WICK_BLOCKS blocks
#define WICK_BLOCKS_STEP_WORDS 2
#define WICK_BLOCKS_STEP_BYTES 48
#include <wick/dsp_blocks.h>

static const uint32_t *weights_at(const wick_window *w, uint32_t block) {
    return w->layer->packed + 1 + wick_blocks_weights(w, block);
}

#if WICK_HAVE_DSP_LOOPS
static void two_pixels(const wick_window *w, uint32_t block, uint32_t n, int8_t *dst) {
    const uint32_t *weights = weights_at(w, block);
    wick_blocks_loop *loop = wick_blocks_loop_at(w, block, n, dst);
    register const uint32_t *r0 __asm__("r0") = weights;
    register wick_blocks_loop *r1 __asm__("r1") = loop;
    __asm__ volatile(WICK_LOOP_OPEN "5:\n\t"
                                    "ldr lr, [r1, %[bias]]\n\t"
                                    "ldr r4, [lr]\n\t"
                                    "ldr r8, [lr, #8]\n\t"
                                    "mov r5, r4\n\t"
                                    "mov r9, r8\n\t"
                                    "mov r6, r4\n\t"
                                    "mov r7, r4\n\t"
                                    "mov r10, r8\n\t"
                                    "mov r11, r8\n\t" WICK_LOOP_ENTER "1:\n\t"
                                    "ldr lr, [r1, %[sums]]\n\t"
                                    "ldrd r4, r5, [lr]\n\t"
                                    "ldrd r8, r9, [lr, #16]\n\t"
                                    "mov r6, r4\n\t"
                                    "mov r7, r5\n\t"
                                    "mov r10, r8\n\t"
                                    "mov r11, r9\n\t" WICK_LOOP_ENTER ".p2align 2\n"
                                    "2:\n\t"
                                    ".rept 8\n\t"
                                    "ldrd r2, r3, [r1], #8\n\t"
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
                                    ".endr\n\t" WICK_LOOP_AGAIN "ldr lr, [r1, %[sums]]\n\t"
                                    "sub r6, r6, r4\n\t"
                                    "sub r7, r7, r5\n\t"
                                    "ldrd r2, r3, [lr, #8]\n\t"
                                    "add r6, r2, r6, asr #8\n\t"
                                    "add r7, r3, r7, asr #8\n\t"
                                    "sub r10, r10, r8\n\t"
                                    "sub r11, r11, r9\n\t"
                                    "ldrd r2, r3, [lr, #24]\n\t"
                                    "add r10, r2, r10, asr #8\n\t"
                                    "add r11, r3, r11, asr #8\n\t"
                                    "stm lr!, {r4-r11}\n\t" WICK_LOOP_NEXT_SUMS "6:\n\t"
                                    "ldr lr, [r1, %[bias]]\n\t"
                                    "sub r6, r6, r4\n\t"
                                    "sub r7, r7, r5\n\t"
                                    "sub r10, r10, r8\n\t"
                                    "sub r11, r11, r9\n\t"
                                    "ldr r2, [lr, #4]\n\t"
                                    "ldr r3, [lr, #12]\n\t"
                                    "add lr, lr, #16\n\t"
                                    "str lr, [r1, %[bias]]\n\t"
                                    "add r6, r2, r6, asr #8\n\t"
                                    "add r7, r2, r7, asr #8\n\t"
                                    "add r10, r3, r10, asr #8\n\t"
                                    "add r11, r3, r11, asr #8\n\t" WICK_LOOP_OUTPUTS
                     : "+r"(r0), "+r"(r1)
                     : WICK_LOOP_FIELDS
                     : WICK_LOOP_CLOBBERS);
}
#endif

/* Pixel p of `pixels`, from sums to sums. */
static void one_pixel(const wick_window *w, uint32_t block, uint32_t n, uint32_t pixels,
                      uint32_t p) {
    int32_t *sum = w->sums + p;
    int plain = w->layer->packed[0] != 0;
    for (; n; n--, block++, sum += 4 * pixels) {
        const uint32_t *word = weights_at(w, block), *x = w->end - 2 * w->steps + p;
        int32_t a = sum[0], b = a, c = sum[2 * pixels], d = c;
        if (plain) {
            b = d = 0;
            for (uint32_t k = w->steps; k; k--, word += 2, x += 2) {
                a = wick_smlad(wick_sxtb16(word[0]), *x, a);
                b = wick_smlad(wick_sxtb16_ror8(word[0]), *x, b);
                c = wick_smlad(wick_sxtb16(word[1]), *x, c);
                d = wick_smlad(wick_sxtb16_ror8(word[1]), *x, d);
            }
        } else {
            for (uint32_t k = w->steps; k; k--, word += 2, x += 2) {
                uint32_t ab = word[0], cd = word[1];
                b = wick_smlad(ab, *x, b);
                a = wick_smlad(wick_sxtb16(ab), *x, a);
                d = wick_smlad(cd, *x, d);
                c = wick_smlad(wick_sxtb16(cd), *x, c);
            }
            b = (int32_t)((uint32_t)b - (uint32_t)a) >> 8;
            d = (int32_t)((uint32_t)d - (uint32_t)c) >> 8;
        }
        sum[0] = a;
        sum[pixels] += b;
        sum[2 * pixels] = c;
        sum[3 * pixels] += d;
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
