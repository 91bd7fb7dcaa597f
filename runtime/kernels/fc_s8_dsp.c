/* SPDX-License-Identifier: 0BSD */
/* Fully connected for the ARM DSP extension (Cortex-M4, M7, M33), weights one byte each; plain C
   elsewhere.

   SMLAD multiplies two pairs of int16, and making int16 of int8 weights costs as much as the
   multiplications. So two outputs' weights a, b for one input share a half as 256 a + b:
   one SMLAD with the half as it is gives 256 A + B, one with its low byte (SXTB16) gives B. That is
   one extension for four products instead of two. A = ((256 A + B) - B) / 256 is exact while 256 A
   fits 32 bits, which 512 products of at most 128 * 127 do, and then the sums are put aside.

   Weights: blocks of four outputs (a, b, c, d), 0 for outputs that are not there; in each, groups
   of four inputs (0 to 3), 0 beyond the last, as four words: (a, b) of inputs 0 and 2, (a, b) of 1
   and 3, (c, d) of 0 and 2, (c, d) of 1 and 3. */
#include <wick/fc_dsp.h>

enum { CHUNK = 512 /* inputs */ };

int wick_fc_s8_dsp_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_fc_s8_dsp_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}

/* One group of inputs. ab: 256 A + B. */
static inline void add_group(uint32_t x, const uint32_t *w, int32_t *ab, int32_t *b, int32_t *cd,
                             int32_t *d) {
    uint32_t x02 = wick_sxtb16(x), x13 = wick_sxtb16_ror8(x);
    *ab = wick_smlad(x13, w[1], wick_smlad(x02, w[0], *ab));
    *b = wick_smlad(x13, wick_sxtb16(w[1]), wick_smlad(x02, wick_sxtb16(w[0]), *b));
    *cd = wick_smlad(x13, w[3], wick_smlad(x02, w[2], *cd));
    *d = wick_smlad(x13, wick_sxtb16(w[3]), wick_smlad(x02, wick_sxtb16(w[2]), *d));
}

/* Adds up to CHUNK inputs to the block's sums. */
static WICK_NOINLINE void add_chunk(const int8_t *x, uint32_t n, const uint32_t *w,
                                    int32_t sum[4]) {
    int32_t ab = 0, b = 0, cd = 0, d = 0;
    uint32_t whole = n & ~(uint32_t)3;
#if WICK_DSP_ASM
    register const int8_t *x_ __asm__("r0") = x;
    register const uint32_t *w_ __asm__("r1") = w;
    register const int8_t *end_ __asm__("r2") = x + whole;
    register int32_t ab_ __asm__("r3") = ab;
    register int32_t b_ __asm__("r4") = b;
    register int32_t cd_ __asm__("r5") = cd;
    register int32_t d_ __asm__("r6") = d;
#define GROUP                                                                                      \
    "ldr r8, [r0], #4\n\t"                                                                         \
    "ldm r1!, {r10, r11, r12, lr}\n\t"                                                             \
    "sxtb16 r9, r8, ror #8\n\t"                                                                    \
    "sxtb16 r8, r8\n\t"                                                                            \
    "smlad r3, r8, r10, r3\n\t"                                                                    \
    "sxtb16 r10, r10\n\t"                                                                          \
    "smlad r4, r8, r10, r4\n\t"                                                                    \
    "smlad r3, r9, r11, r3\n\t"                                                                    \
    "sxtb16 r11, r11\n\t"                                                                          \
    "smlad r4, r9, r11, r4\n\t"                                                                    \
    "smlad r5, r8, r12, r5\n\t"                                                                    \
    "sxtb16 r12, r12\n\t"                                                                          \
    "smlad r6, r8, r12, r6\n\t"                                                                    \
    "smlad r5, r9, lr, r5\n\t"                                                                     \
    "sxtb16 lr, lr\n\t"                                                                            \
    "smlad r6, r9, lr, r6\n"
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
                     : "+r"(x_), "+r"(w_), "+r"(ab_), "+r"(b_), "+r"(cd_), "+r"(d_)
                     : "r"(end_)
                     : "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
    x = x_;
    w = w_;
    ab = ab_;
    b = b_;
    cd = cd_;
    d = d_;
#else
    for (const int8_t *end = x + whole; x < end; x += 4, w += 4)
        add_group(wick_load4(x), w, &ab, &b, &cd, &d);
#endif
    if (n != whole)
        add_group(wick_load_bytes(x, n - whole), w, &ab, &b, &cd, &d);
    sum[0] += (int32_t)((uint32_t)ab - (uint32_t)b) >> 8;
    sum[1] += b;
    sum[2] += (int32_t)((uint32_t)cd - (uint32_t)d) >> 8;
    sum[3] += d;
}

/* The results of those of the block's four outputs that lie in [first, end); returns how many. */
static uint32_t finish(const wick_layer *layer, const int32_t sum[4], uint32_t first, uint32_t end,
                       int8_t *dst) {
    uint32_t c = first, block_end = (first | 3u) + 1;
    for (end = end < block_end ? end : block_end; c < end; c++) {
        int32_t acc = sum[c % 4] + (layer->bias ? layer->bias[c] : 0);
        int32_t y = layer->out_zp + wick_requantize(acc, layer->mult[c], layer->shift[c]);
        *dst++ = wick_clamp_s8(y, layer->clamp_min, layer->clamp_max);
    }
    return c - first;
}

void wick_fc_s8_dsp(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                    uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    (void)row0; /* all rows are needed, so it is 0 */
    uint32_t n = wick_fc_dsp_inputs(layer), block_words = 4 * wick_fc_dsp_groups(layer);
    for (uint32_t end = first + count; first < end;) {
        const uint32_t *w = layer->packed + first / 4 * block_words;
        int32_t sum[4] = {0, 0, 0, 0};
        for (uint32_t i = 0; i < n; i += CHUNK)
            add_chunk(src[0] + i, n - i < CHUNK ? n - i : CHUNK, w + i, sum);
        uint32_t done = finish(layer, sum, first, end, dst);
        first += done;
        dst += done;
    }
}
