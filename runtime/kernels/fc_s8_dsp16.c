/* SPDX-License-Identifier: 0BSD */
/* Fully connected for the ARM DSP extension (Cortex-M4, M7, M33), weights two bytes each: 13
   instructions for 16 products instead of the 16 of fc_s8_dsp. Plain C elsewhere.

   Weights: blocks of four outputs (a, b, c, d), 0 for outputs that are not there; in each, groups
   of four inputs (0 to 3), 0 beyond the last, as eight words of int16 pairs: a, b, c, d of inputs 0
   and 2, then of 1 and 3, as SXTB16 takes inputs apart. */
#include <wick/fc_dsp.h>

int wick_fc_s8_dsp16_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_fc_s8_dsp16_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}

/* One group of inputs. */
static inline void add_group(uint32_t x, const uint32_t *w, int32_t *a, int32_t *b, int32_t *c,
                             int32_t *d) {
    uint32_t x02 = wick_sxtb16(x), x13 = wick_sxtb16_ror8(x);
    *a = wick_smlad(x13, w[4], wick_smlad(x02, w[0], *a));
    *b = wick_smlad(x13, w[5], wick_smlad(x02, w[1], *b));
    *c = wick_smlad(x13, w[6], wick_smlad(x02, w[2], *c));
    *d = wick_smlad(x13, w[7], wick_smlad(x02, w[3], *d));
}

/* The sums of a block. */
static WICK_NOINLINE void block_sums(const int8_t *x, uint32_t n, const uint32_t *w,
                                     int32_t sum[4]) {
    int32_t a = 0, b = 0, c = 0, d = 0;
    uint32_t whole = n & ~(uint32_t)3;
#if WICK_DSP_ASM
    register const int8_t *x_ __asm__("r0") = x;
    register const uint32_t *w_ __asm__("r1") = w;
    register const int8_t *end_ __asm__("r2") = x + whole;
    register int32_t a_ __asm__("r3") = a;
    register int32_t b_ __asm__("r4") = b;
    register int32_t c_ __asm__("r5") = c;
    register int32_t d_ __asm__("r6") = d;
#define GROUP                                                                                      \
    "ldr r8, [r0], #4\n\t"                                                                         \
    "ldm r1!, {r10, r11, r12, lr}\n\t"                                                             \
    "sxtb16 r9, r8\n\t"                                                                            \
    "smlad r3, r9, r10, r3\n\t"                                                                    \
    "smlad r4, r9, r11, r4\n\t"                                                                    \
    "smlad r5, r9, r12, r5\n\t"                                                                    \
    "smlad r6, r9, lr, r6\n\t"                                                                     \
    "ldm r1!, {r10, r11, r12, lr}\n\t"                                                             \
    "sxtb16 r8, r8, ror #8\n\t"                                                                    \
    "smlad r3, r8, r10, r3\n\t"                                                                    \
    "smlad r4, r8, r11, r4\n\t"                                                                    \
    "smlad r5, r8, r12, r5\n\t"                                                                    \
    "smlad r6, r8, lr, r6\n"
    __asm__ volatile("b 2f\n"
                     "1:\n\t" GROUP "2:\n\t"
                     "sub r8, r2, r0\n\t"
                     "lsls r8, r8, #28\n\t"
                     "bne 1b\n\t" /* now a multiple of four groups is left */
                     "cmp r0, r2\n\t"
                     "bhs 4f\n"
                     "3:\n\t" GROUP GROUP GROUP GROUP "cmp r0, r2\n\t"
                     "blo 3b\n"
                     "4:"
                     : "+r"(x_), "+r"(w_), "+r"(a_), "+r"(b_), "+r"(c_), "+r"(d_)
                     : "r"(end_)
                     : "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
    x = x_;
    w = w_;
    a = a_;
    b = b_;
    c = c_;
    d = d_;
#else
    for (const int8_t *end = x + whole; x < end; x += 4, w += 8)
        add_group(wick_load4(x), w, &a, &b, &c, &d);
#endif
    if (n != whole)
        add_group(wick_load_bytes(x, n - whole), w, &a, &b, &c, &d);
    sum[0] = a;
    sum[1] = b;
    sum[2] = c;
    sum[3] = d;
}

void wick_fc_s8_dsp16(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                      uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    (void)row0; /* all rows are needed, so it is 0 */
    uint32_t n = wick_fc_dsp_inputs(layer), block_words = 8 * wick_fc_dsp_groups(layer);
    for (uint32_t end = first + count; first < end;) {
        int32_t sum[4];
        block_sums(src[0], n, layer->packed + first / 4 * block_words, sum);
        uint32_t done = wick_fc_dsp_finish(layer, sum, first, end, dst);
        first += done;
        dst += done;
    }
}
