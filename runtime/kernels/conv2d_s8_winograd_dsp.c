/* SPDX-License-Identifier: 0BSD */
/* wick/winograd.h with the ARM DSP extension: two input channels a word, SMLAD for both.
   Four input channels, the last ones filled up with zeros, are the pairs (0, 2) and (1, 3), as
   SXTB16 takes them. Scratch: a row for each point: its pairs, then the sums of eight channels.
   Weights, words of two int16: for each eight output channels, of which the last ones may be four,
   [16 points][pairs][8 or 4]; zeros where there is no channel. */
#define WICK_WINOGRAD_OUTS 8
#include <wick/winograd.h>

enum { POINTS = WICK_WINOGRAD_POINTS, OUTS = WICK_WINOGRAD_OUTS };

static uint32_t pairs_of(const wick_layer *layer) {
    return (layer->in_c + 3u) / 4 * 2;
}

/* Four values of a row or column times B; they may come from where the results go. */
WICK_INLINE void times_b(uint32_t *dst, uint32_t pitch, uint32_t d0, uint32_t d1, uint32_t d2,
                         uint32_t d3) {
    dst[0] = wick_ssub16(d0, d2);
    dst[pitch] = wick_sadd16(d1, d2);
    dst[2 * pitch] = wick_ssub16(d2, d1);
    dst[3 * pitch] = wick_ssub16(d1, d3);
}

WICK_INLINE void column_times_b(uint32_t *column, uint32_t pitch) {
    times_b(column, pitch, column[0], column[pitch], column[2 * pitch], column[3 * pitch]);
}

/* n <= 4 channels of a pixel, or zero points. */
WICK_INLINE uint32_t load(const int8_t *src, int32_t at, uint32_t n, uint32_t inside,
                          uint32_t zero) {
    if (!(inside & 1))
        return zero;
    return n < 4 ? wick_load_bytes(src + at, n) : wick_load4(src + at);
}

WICK_APART void wick_winograd_transform(const wick_layer *layer, const int8_t *src, int32_t row0,
                                        int32_t bottom, int32_t y, int32_t x, void *scratch) {
    uint32_t pitch = pairs_of(layer) + OUTS, columns = 0, inside = 0; /* bit 4 * row + column */
    uint32_t zero = wick_splat4(layer->operands[0].zero_point), *v = scratch;
    int32_t in_c = layer->in_c, row = layer->in_w * in_c;
    for (int32_t i = 0; i < 4; i++)
        columns |= (uint32_t)(x + i >= 0 && x + i < layer->in_w) << i;
    for (int32_t j = 0; j < 4; j++)
        inside |= (y + j >= 0 && y + j < bottom ? columns : 0) << 4 * j;
    int32_t at = (y - row0) * row + x * in_c;
    for (int32_t n = in_c; n > 0; n -= 4, at += 4, v += 2) {
        uint32_t *to = v, left = inside;
        for (int32_t taps = at; to != v + 16 * pitch; to += 4 * pitch, taps += row, left >>= 4) {
            uint32_t d0, d1, d2, d3, take = n < 4 ? (uint32_t)n : 4;
            if ((left & 15) == 15 && take == 4) {
                const int8_t *p = src + taps;
                d0 = wick_load4(p);
                d1 = wick_load4(p + in_c);
                d2 = wick_load4(p + 2 * in_c);
                d3 = wick_load4(p + 3 * in_c);
            } else {
                d0 = load(src, taps, take, left, zero);
                d1 = load(src, taps + in_c, take, left >> 1, zero);
                d2 = load(src, taps + 2 * in_c, take, left >> 2, zero);
                d3 = load(src, taps + 3 * in_c, take, left >> 3, zero);
            }
            times_b(to, pitch, wick_sxtb16(d0), wick_sxtb16(d1), wick_sxtb16(d2), wick_sxtb16(d3));
            times_b(to + 1, pitch, wick_sxtb16_ror8(d0), wick_sxtb16_ror8(d1), wick_sxtb16_ror8(d2),
                    wick_sxtb16_ror8(d3));
        }
        for (to = v; to != v + 4 * pitch; to += pitch) {
            column_times_b(to, 4 * pitch);
            column_times_b(to + 1, 4 * pitch);
        }
    }
}

#if WICK_DSP_ASM
/* A pair of channels of one point; r0: two words before its weights. Three single loads in a row
   take four cycles, one less than with LDRD. */
#define STEP                                                                                       \
    "ldr r2, [r1], #4\n\t"                                                                         \
    "ldr r12, [r0, #8]\n\t"                                                                        \
    "ldr lr, [r0, #12]\n\t"                                                                        \
    "smlad r4, r12, r2, r4\n\t"                                                                    \
    "smlad r5, lr, r2, r5\n\t"                                                                     \
    "ldrd r12, lr, [r0, #16]\n\t"                                                                  \
    "smlad r6, r12, r2, r6\n\t"                                                                    \
    "smlad r7, lr, r2, r7\n\t"                                                                     \
    "ldrd r12, lr, [r0, #24]\n\t"                                                                  \
    "smlad r8, r12, r2, r8\n\t"                                                                    \
    "smlad r9, lr, r2, r9\n\t"                                                                     \
    "ldrd r12, lr, [r0, #32]!\n\t"                                                                 \
    "smlad r10, r12, r2, r10\n\t"                                                                  \
    "smlad r11, lr, r2, r11\n\t"

/* All points of eight channels. There are registers for eight sums, two weights, a pair of inputs,
   two pointers and where the row's pairs end. What else is needed waits where the row's sums will
   be: bytes of its pairs, whether another row follows, and in the last row r7, which may be the
   frame pointer. */
static WICK_NOINLINE void multiply_eight(const uint32_t *u, uint32_t *rows, uint32_t pairs) {
    register const uint32_t *r0 __asm__("r0") = u;
    register uint32_t *r1 __asm__("r1") = rows;
    register uint32_t *r2 __asm__("r2") = rows + (POINTS - 1) * (pairs + OUTS) + pairs + 2;
    register uint32_t *r3 __asm__("r3") = rows + pairs;
    for (uint32_t i = 0; i < POINTS; i++, rows += pairs + OUTS) {
        rows[pairs] = 4 * pairs;
        rows[pairs + 1] = i + 1 < POINTS;
    }
    __asm__ volatile("str r7, [r2]\n\t"
                     "sub r0, r0, #8\n"
                     "1:\n\t"
                     "movs r4, #0\n\t"
                     "movs r5, #0\n\t"
                     "movs r6, #0\n\t"
                     "movs r7, #0\n\t"
                     "mov r8, #0\n\t"
                     "mov r9, #0\n\t"
                     "mov r10, #0\n\t"
                     "mov r11, #0\n\t"
                     "sub r12, r3, r1\n\t"
                     "lsls r12, r12, #28\n\t" /* pairs come in twos: four at a time, or two first */
                     "bmi 3f\n"
                     "2:\n\t" STEP STEP "3:\n\t" STEP STEP "cmp r1, r3\n\t"
                     "bne 2b\n\t"
                     "ldrd r2, r3, [r1]\n\t"
                     "ldr r12, [r1, #8]\n\t"
                     "stm r1!, {r4-r11}\n\t"
                     "cmp r3, #0\n\t"
                     "add r3, r1, r2\n\t"
                     "bne 1b\n\t"
                     "mov r7, r12"
                     : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
                     :
                     : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}
#else
static void multiply_eight(const uint32_t *u, uint32_t *rows, uint32_t pairs) {
    for (uint32_t point = 0; point < POINTS; point++, rows += pairs + OUTS) {
        int32_t sum[OUTS] = {0};
        for (uint32_t i = 0; i < pairs; i++, u += OUTS)
            for (uint32_t k = 0; k < OUTS; k++)
                sum[k] = wick_smlad(u[k], rows[i], sum[k]);
        for (uint32_t k = 0; k < OUTS; k++)
            rows[pairs + k] = (uint32_t)sum[k];
    }
}
#endif

static WICK_NOINLINE void multiply_four(const uint32_t *u, uint32_t *rows, uint32_t pairs) {
    for (uint32_t point = 0; point < POINTS; point++, rows += pairs + OUTS) {
        int32_t a = 0, b = 0, c = 0, d = 0;
        for (uint32_t i = 0; i < pairs; i++, u += 4) {
            uint32_t x = rows[i];
            a = wick_smlad(u[0], x, a);
            b = wick_smlad(u[1], x, b);
            c = wick_smlad(u[2], x, c);
            d = wick_smlad(u[3], x, d);
        }
        rows[pairs] = (uint32_t)a;
        rows[pairs + 1] = (uint32_t)b;
        rows[pairs + 2] = (uint32_t)c;
        rows[pairs + 3] = (uint32_t)d;
    }
}

static inline uint32_t wick_winograd_pitch(const wick_layer *layer) {
    return pairs_of(layer) + OUTS;
}

static const int32_t *wick_winograd_sums(const wick_layer *layer, uint32_t c, uint32_t n,
                                         void *scratch) {
    uint32_t pairs = pairs_of(layer);
    const uint32_t *u = layer->packed + c * POINTS * pairs;
    if (n > 4)
        multiply_eight(u, scratch, pairs);
    else
        multiply_four(u, scratch, pairs);
    return (const int32_t *)scratch + pairs;
}

void wick_conv2d_s8_winograd_dsp(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                                 uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    wick_winograd_conv2d(layer, src[0], row0, first, count, dst, scratch);
}

int wick_conv2d_s8_winograd_dsp_fits(const wick_layer *layer) {
    return wick_winograd_fits(layer);
}

uint32_t wick_conv2d_s8_winograd_dsp_scratch_bytes(const wick_layer *layer) {
    return POINTS * (pairs_of(layer) + OUTS) * 4;
}
