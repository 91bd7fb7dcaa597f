/* SPDX-License-Identifier: 0BSD */
/* Depthwise convolution for the ARM DSP extension (Cortex-M4, M7, M33); plain C elsewhere.

   Channels last is the wrong order for SMLAD, which wants two taps of one channel in a word. So for
   four channels at a time the rows of the input that the window covers are kept in scratch, one
   plane a channel, each word two neighbouring columns as int16. Padding is written there as the
   zero point, so borders cost no more than the inside. Going down the output, a row is brought in
   once and serves all the output rows that need it: row y is in slot (y - origin) % slots.

   Then one channel's weights meet one row of outputs. The words are aligned to even columns, so an
   output at an even column has its taps in pairs (0, 1), (2, 3) ... and one at an odd column in
   pairs (-, 0), (1, 2) ... Weights are packed by channel, then kernel row, for SXTB16: bytes 0 and 2
   are the pair of even outputs, bytes 1 and 3 that of odd ones. For 3x3 with stride 1 or 2 one word
   is enough for a row, bytes w0, w1, w1, w2: an even output is (w0, w1) and a single w2, an odd one
   a single w0 and (w1, w2). Otherwise there are k_w / 2 + 1 words a row, word j with the taps
   (2j, 2j + 1) and (2j - 1, 2j), 0 where there is none.

   The sums go to scratch, [output][4 channels], and are requantized four to a word. */
#include <wick/dwconv_dsp.h>
#include <wick/kernels.h>

enum {
    FAST_OUTPUTS = 32, /* of a row at a time: 3x3 with stride 1 */
    FAST_PAIRS = FAST_OUTPUTS / 2 + 1,
    FAST_SLOTS = 3,
    FAST_HEAD = 6, /* before a plane: the words of kernel rows 0, 1, 2, 0, 1, and the bias */
    FAST_PLANE = FAST_HEAD + FAST_SLOTS * FAST_PAIRS,
    OUTPUTS = 16, /* other kernels */
    COLUMNS = 24,
    WORDS = 84 /* of a plane, if the kernel allows */
};

/* How scratch is divided: four planes of `slots` rows of `pairs` words, then the sums. */
typedef struct division {
    uint32_t outputs; /* of a row, computed together */
    uint32_t pairs, slots, plane;
} division;

/* What is the same for all rows of outputs of up to four channels. */
typedef struct block {
    const wick_layer *layer;
    const int8_t *src; /* its first channel in the row `row0` */
    int32_t row0;
    uint32_t width; /* channels, 1 to 4 */
    const uint32_t *weights;
    uint32_t *planes;
    int32_t *sums;
    division d;
    int32_t x; /* input column of the first word */
    uint32_t left, inner, right; /* words: those that reach over the left edge, whole ones, others */
    int32_t bias[4], mult[4];
    uint8_t shift[4];
} block;

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* n outputs of a row are computed 4 or 2 at a time: how many words of a row that reads. */
static uint32_t pairs_read(const wick_layer *layer, uint32_t n) {
    uint32_t stride = layer->stride_w;
    if (wick_dwconv_dsp_3x3(layer))
        return stride == 1 ? (n + 1) / 2 + 1 : (n + 1) / 2 * 2 + 1;
    if (stride == 1 && n > 1)
        n = (n + 3) & ~(uint32_t)3;
    return (n - 1) * stride / 2 + layer->k_w / 2u + 1;
}

static division divide(const wick_layer *layer) {
    division d;
    if (wick_dwconv_dsp_3x3(layer)) {
        d.outputs = layer->stride_w == 1 ? FAST_OUTPUTS : FAST_OUTPUTS / 2;
        d.pairs = FAST_PAIRS;
        d.slots = FAST_SLOTS;
        d.plane = FAST_PLANE;
    } else {
        d.outputs = layer->k_w < COLUMNS ? (COLUMNS - layer->k_w) / layer->stride_w + 1u : 1;
        d.outputs = smaller(smaller(d.outputs, OUTPUTS), layer->out_w);
        d.pairs = pairs_read(layer, d.outputs);
        d.slots = d.pairs > WORDS ? 1 : smaller(WORDS / d.pairs, layer->k_h);
        d.plane = d.pairs * d.slots;
    }
    d.outputs = smaller(d.outputs, layer->out_w);
    return d;
}

int wick_dwconv2d_s8_dsp_fits(const wick_layer *layer) {
    return layer->in_c == layer->out_c;
}

uint32_t wick_dwconv2d_s8_dsp_scratch_bytes(const wick_layer *layer) {
    division d = divide(layer);
    uint32_t sums = (d.outputs + 3) & ~(uint32_t)3;
    return (4 * d.plane + 4 * sums + 4) * 4; /* and the spare words behind the sums */
}

/* Two columns of four channels, a and b, to their planes, which are `plane` bytes apart; returns
   the place of the next two. plane3 = 3 * plane. */
#if WICK_DSP_ASM
/* In one piece, or else the compilers keep four pointers and spill them. */
#define PUT                                                                                        \
    "sxtb16 %[t], %[a]\n\t"                                                                        \
    "sxtb16 %[u], %[b]\n\t"                                                                        \
    "pkhtb %[v], %[u], %[t], asr #16\n\t"                                                          \
    "pkhbt %[t], %[t], %[u], lsl #16\n\t"                                                          \
    "str %[v], [%[dst], %[plane], lsl #1]\n\t"                                                     \
    "sxtb16 %[u], %[a], ror #8\n\t"                                                                \
    "sxtb16 %[v], %[b], ror #8\n\t"                                                                \
    "pkhbt %[a], %[u], %[v], lsl #16\n\t"                                                          \
    "pkhtb %[u], %[v], %[u], asr #16\n\t"                                                          \
    "str %[a], [%[dst], %[plane]]\n\t"                                                             \
    "str %[u], [%[dst], %[plane3]]\n\t"                                                            \
    "str %[t], [%[dst]], #4\n\t"

static inline uint32_t *put(uint32_t *dst, uint32_t plane, uint32_t plane3, uint32_t a,
                            uint32_t b) {
    uint32_t t, u, v;
    __asm__ volatile(PUT
                     : [dst] "+r"(dst), [a] "+r"(a), [t] "=&r"(t), [u] "=&r"(u), [v] "=&r"(v)
                     : [b] "r"(b), [plane] "r"(plane), [plane3] "r"(plane3)
                     : "memory");
    return dst;
}

/* All columns from src on, up to `end`. */
static inline uint32_t *put_all(uint32_t *dst, const uint32_t *end, uint32_t plane,
                                uint32_t plane3, const int8_t *src, uint32_t pitch) {
    uint32_t a, b, t, u, v;
    if (dst < end)
        __asm__ volatile("1:\n\t"
                         "ldr %[a], [%[src]]\n\t"
                         "ldr %[b], [%[src], %[pitch]]\n\t"
                         "add %[src], %[src], %[pitch], lsl #1\n\t" PUT "cmp %[dst], %[end]\n\t"
                         "blo 1b"
                         : [dst] "+r"(dst), [src] "+r"(src), [a] "=&r"(a), [b] "=&r"(b),
                           [t] "=&r"(t), [u] "=&r"(u), [v] "=&r"(v)
                         : [end] "r"(end), [pitch] "r"(pitch), [plane] "r"(plane),
                           [plane3] "r"(plane3)
                         : "cc", "memory");
    return dst;
}
#else
static inline uint32_t *put(uint32_t *dst, uint32_t plane, uint32_t plane3, uint32_t a,
                            uint32_t b) {
    uint32_t a02 = wick_sxtb16(a), a13 = wick_sxtb16_ror8(a);
    uint32_t b02 = wick_sxtb16(b), b13 = wick_sxtb16_ror8(b);
    dst[0] = wick_pkhbt(a02, b02);
    dst[plane / 4] = wick_pkhbt(a13, b13);
    dst[plane / 2] = wick_pkhtb(a02, b02);
    dst[plane3 / 4] = wick_pkhtb(a13, b13);
    return dst + 1;
}

static uint32_t *put_all(uint32_t *dst, const uint32_t *end, uint32_t plane, uint32_t plane3,
                         const int8_t *src, uint32_t pitch) {
    for (; dst < end; src += 2 * pitch)
        dst = put(dst, plane, plane3, wick_load4(src), wick_load4(src + pitch));
    return dst;
}
#endif

/* Four channels of column x of a row, or padding. */
static inline uint32_t column(const int8_t *row, uint32_t x, uint32_t in_w, uint32_t pitch,
                              uint32_t zero) {
    return x < in_w ? wick_load4(row + x * pitch) : zero;
}

/* Row y of the input from four channels, into its slot at dst. */
static WICK_NOINLINE void gather(const block *b, int32_t y, uint32_t *dst) {
    uint32_t in_w = b->layer->in_w, pitch = b->layer->in_c;
    uint32_t plane = 4 * b->d.plane, plane3 = 3 * plane;
    uint32_t zero = wick_splat4(b->layer->operands[0].zero_point), x = (uint32_t)b->x;
    const int8_t *row = b->src + (uint32_t)(y - b->row0) * (in_w * pitch);
    const uint32_t *left = dst + b->left, *inner = left + b->inner, *end = inner + b->right;
    if (y < 0 || y >= b->layer->in_h) {
        in_w = 0;
        left = inner = end;
    }
    for (; dst < left; x += 2)
        dst = put(dst, plane, plane3, column(row, x, in_w, pitch, zero),
                  column(row, x + 1, in_w, pitch, zero));
    dst = put_all(dst, inner, plane, plane3, row + x * pitch, pitch);
    for (x += 2 * b->inner; dst < end; x += 2)
        dst = put(dst, plane, plane3, column(row, x, in_w, pitch, zero),
                  column(row, x + 1, in_w, pitch, zero));
}

/* The same from fewer channels. */
static WICK_NOINLINE void gather_few(const block *b, int32_t y, uint32_t *dst) {
    const wick_layer *layer = b->layer;
    uint32_t zero = wick_splat4(layer->operands[0].zero_point), x = (uint32_t)b->x;
    int inside = y >= 0 && y < layer->in_h;
    for (uint32_t n = b->left + b->inner + b->right; n; n--) {
        uint32_t word[2] = {zero, zero};
        for (uint32_t i = 0; i < 2; i++, x++)
            if (inside && x < layer->in_w)
                word[i] = wick_load_bytes(b->src + ((uint32_t)(y - b->row0) * layer->in_w + x) *
                                                       layer->in_c,
                                          b->width);
        dst = put(dst, 4 * b->d.plane, 12 * b->d.plane, word[0], word[1]);
    }
}

static inline void bring(const block *b, int32_t y, uint32_t slot) {
    uint32_t *dst = b->planes + slot * b->d.pairs;
    if (b->width == 4)
        gather(b, y, dst);
    else
        gather_few(b, y, dst);
}

/* 3x3: sums of one channel, two at a time, from `sum` to `end`, four words apart; end[0] is spare.
   x: the channel's plane, moved on with the sums. ky: the kernel row that meets slot 0. */
#if WICK_DSP_ASM
/* 12 multiplications for 18 products. The compilers spill half of the fourteen registers, so they
   are dealt out by hand: r7 may be the frame pointer and is kept in the spare word. */
#define ROW_REGISTERS                                                                              \
    register const uint32_t *x_ __asm__("r0") = x;                                                 \
    register int32_t *sum_ __asm__("r1") = sum;                                                    \
    register int32_t *end_ __asm__("r2") = end;                                                    \
    register uint32_t ky_ __asm__("r3") = ky
#define ROW_BEGIN                                                                                  \
    "str r7, [r2]\n\t"                                                                             \
    "add r3, r0, r3, lsl #2\n\t"                                                                   \
    "ldr r4, [r3, #-24]\n\t"                                                                       \
    "ldr r5, [r3, #-20]\n\t"                                                                       \
    "ldr r6, [r3, #-16]\n\t"                                                                       \
    "ldr r3, [r0, #-4]\n\t"                                                                        \
    "sxtb16 r8, r4, ror #8\n\t"                                                                    \
    "sxtb16 r4, r4\n\t"                                                                            \
    "sxtb16 r9, r5, ror #8\n\t"                                                                    \
    "sxtb16 r5, r5\n\t"                                                                            \
    "sxtb16 r10, r6, ror #8\n\t"                                                                   \
    "sxtb16 r6, r6\n"                                                                              \
    "1:\n\t"
#define ROW_END                                                                                    \
    "str r11, [r1], #16\n\t"                                                                       \
    "str r12, [r1], #16\n\t"                                                                       \
    "cmp r1, r2\n\t"                                                                               \
    "blo 1b\n\t"                                                                                   \
    "ldr r7, [r2]"                                                                                 \
    : "+r"(x_), "+r"(sum_), "+r"(ky_)                                                              \
    : "r"(end_)                                                                                    \
    : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"
/* One kernel row: load the words at `at`, continue from the sums s and t. */
#define ROW_1(at, even, odd, s, t)                                                                 \
    "ldrd r7, lr, " at "\n\t"                                                                      \
    "smlad r11, r7, " even ", " s "\n\t"                                                           \
    "smlatb r12, r7, " even ", " t "\n\t"                                                          \
    "smlabt r11, lr, " odd ", r11\n\t"                                                             \
    "smlad r12, lr, " odd ", r12\n\t"
#define ROW_2(at, third, even, odd, s, t)                                                          \
    "ldrd r7, lr, " at "\n\t"                                                                      \
    "smlad r11, r7, " even ", " s "\n\t"                                                           \
    "smlad r12, lr, " even ", " t "\n\t"                                                           \
    "ldr r7, " third "\n\t"                                                                        \
    "smlabt r11, lr, " odd ", r11\n\t"                                                             \
    "smlabt r12, r7, " odd ", r12\n\t"

static inline const uint32_t *row_stride_1(const uint32_t *x, uint32_t ky, int32_t *sum,
                                           int32_t *end) {
    ROW_REGISTERS;
    __asm__ volatile(ROW_BEGIN ROW_1("[r0], #4", "r4", "r8", "r3", "r3")
                         ROW_1("[r0, #64]", "r5", "r9", "r11", "r12")
                             ROW_1("[r0, #132]", "r6", "r10", "r11", "r12") ROW_END);
    return x_;
}

static inline const uint32_t *row_stride_2(const uint32_t *x, uint32_t ky, int32_t *sum,
                                           int32_t *end) {
    ROW_REGISTERS;
    __asm__ volatile(ROW_BEGIN ROW_2("[r0], #8", "[r0]", "r4", "r8", "r3", "r3")
                         ROW_2("[r0, #60]", "[r0, #68]", "r5", "r9", "r11", "r12")
                             ROW_2("[r0, #128]", "[r0, #136]", "r6", "r10", "r11", "r12") ROW_END);
    return x_;
}
#else
static int32_t low(uint32_t x) {
    return (int16_t)(uint16_t)x;
}

static int32_t high(uint32_t x) {
    return (int16_t)(uint16_t)(x >> 16);
}

static const uint32_t *row_stride_1(const uint32_t *x, uint32_t ky, int32_t *sum,
                                    const int32_t *end) {
    const uint32_t *head = x - FAST_HEAD;
    for (; sum < end; sum += 8, x++) {
        int32_t s = (int32_t)head[5], t = s;
        for (uint32_t i = 0; i < 3; i++) {
            uint32_t even = wick_sxtb16(head[ky + i]), odd = wick_sxtb16_ror8(head[ky + i]);
            uint32_t a = x[i * FAST_PAIRS], b = x[i * FAST_PAIRS + 1];
            s = wick_smlad(a, even, s) + low(b) * high(odd);
            t = wick_smlad(b, odd, t) + high(a) * low(even);
        }
        sum[0] = s;
        sum[4] = t;
    }
    return x;
}

static const uint32_t *row_stride_2(const uint32_t *x, uint32_t ky, int32_t *sum,
                                    const int32_t *end) {
    const uint32_t *head = x - FAST_HEAD;
    for (; sum < end; sum += 4, x++) {
        int32_t s = (int32_t)head[5];
        for (uint32_t i = 0; i < 3; i++) {
            uint32_t even = wick_sxtb16(head[ky + i]), odd = wick_sxtb16_ror8(head[ky + i]);
            uint32_t a = x[i * FAST_PAIRS], b = x[i * FAST_PAIRS + 1];
            s = wick_smlad(a, even, s) + low(b) * high(odd);
        }
        *sum = s;
    }
    return x;
}
#endif

/* n sums of each channel; the window's first row is in slot `slot`. */
static WICK_NOINLINE void rows_3x3(const block *b, uint32_t slot, uint32_t n) {
    uint32_t even = (n + 1) & ~(uint32_t)1, ky = slot ? FAST_SLOTS - slot : 0;
    const uint32_t *x = b->planes;
    int32_t *sum = b->sums, *last = sum + b->width, *end = sum + 4 * even;
    if (b->layer->stride_w == 1)
        for (; sum < last; sum++, end++)
            x = row_stride_1(x, ky, sum, end) + (FAST_PLANE - even / 2);
    else
        for (; sum < last; sum++, end++)
            x = row_stride_2(x, ky, sum, end) + (FAST_PLANE - even);
}

/* Kernel rows [ky0, ky1) of any kernel, stride 1: adds to four sums of one channel. */
static void four_outputs(const block *b, uint32_t slot, uint32_t ky0, uint32_t ky1,
                         const uint32_t *plane, const uint32_t *w, int32_t *sum) {
    uint32_t pairs = b->layer->k_w / 2u + 1;
    int32_t s0 = sum[0], s1 = sum[4], s2 = sum[8], s3 = sum[12];
    for (uint32_t ky = ky0; ky < ky1; ky++) {
        const uint32_t *x = plane + slot * b->d.pairs, *end = w + pairs;
        uint32_t a = *x++;
        for (; w < end; w++) {
            uint32_t even = wick_sxtb16(*w), odd = wick_sxtb16_ror8(*w), next = *x++;
            s0 = wick_smlad(a, even, s0);
            s1 = wick_smlad(a, odd, s1);
            s2 = wick_smlad(next, even, s2);
            s3 = wick_smlad(next, odd, s3);
            a = next;
        }
        slot = slot + 1 == b->d.slots ? 0 : slot + 1;
    }
    sum[0] = s0;
    sum[4] = s1;
    sum[8] = s2;
    sum[12] = s3;
}

/* Any stride; plane: at the output's word; shift: 8 when its column is odd. */
static void one_output(const block *b, uint32_t slot, uint32_t ky0, uint32_t ky1,
                       const uint32_t *plane, uint32_t shift, const uint32_t *w, int32_t *sum) {
    uint32_t pairs = b->layer->k_w / 2u + 1;
    int32_t s = *sum;
    for (uint32_t ky = ky0; ky < ky1; ky++) {
        const uint32_t *x = plane + slot * b->d.pairs;
        for (const uint32_t *end = w + pairs; w < end; w++)
            s = wick_smlad(*x++, wick_sxtb16(*w >> shift), s);
        slot = slot + 1 == b->d.slots ? 0 : slot + 1;
    }
    *sum = s;
}

static WICK_NOINLINE void rows_any(const block *b, uint32_t slot, uint32_t ky0, uint32_t ky1, uint32_t n) {
    uint32_t stride = b->layer->stride_w, words = b->layer->k_w / 2u + 1;
    const uint32_t *w = b->weights + ky0 * words, *plane = b->planes;
    for (uint32_t c = 0; c < b->width; c++, w += b->layer->k_h * words, plane += b->d.plane) {
        int32_t *sum = b->sums + c;
        if (!ky0)
            for (uint32_t i = 0; i < n; i++)
                sum[4 * i] = b->bias[c];
        for (uint32_t i = 0; i < n;) {
            if (stride == 1 && i + 1 < n) {
                four_outputs(b, slot, ky0, ky1, plane + i / 2, w, sum + 4 * i);
                i += 4;
            } else {
                uint32_t x = i * stride;
                one_output(b, slot, ky0, ky1, plane + x / 2, x % 2 * 8, w, sum + 4 * i);
                i++;
            }
        }
    }
}

/* Sums to results: n pixels, `step` bytes apart. */
#if WICK_DSP_ASM
static inline void requantize(const block *b, uint32_t n, uint32_t step, int8_t *dst) {
    register const int32_t *sum_ __asm__("r0") = b->sums;
    register const int32_t *end_ __asm__("r1") = b->sums + 4 * n;
    register int8_t *dst_ __asm__("r2") = dst;
    register uint32_t step_ __asm__("r3") = step;
    register int32_t zp_ __asm__("r4") = b->layer->out_zp;
    register const int32_t *mult_ __asm__("r5") = b->mult;
    __asm__ volatile("ldm r5, {r5, r6, r8, r9}\n"
                     "1:\n\t"
                     "ldm r0!, {r10, r11, r12, lr}\n\t"
                     "smmlar r10, r10, r5, r4\n\t"
                     "smmlar r11, r11, r6, r4\n\t"
                     "smmlar r12, r12, r8, r4\n\t"
                     "smmlar lr, lr, r9, r4\n\t"
                     "ssat r10, #8, r10\n\t"
                     "ssat r11, #8, r11\n\t"
                     "ssat r12, #8, r12\n\t"
                     "ssat lr, #8, lr\n\t"
                     "bfi r10, r11, #8, #8\n\t"
                     "bfi r12, lr, #8, #8\n\t"
                     "pkhbt r10, r10, r12, lsl #16\n\t"
                     "cmp r0, r1\n\t"
                     "str r10, [r2]\n\t"
                     "add r2, r3\n\t"
                     "blo 1b"
                     : "+r"(sum_), "+r"(dst_), "+r"(mult_)
                     : "r"(end_), "r"(step_), "r"(zp_)
                     : "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}
#else
static inline void requantize(const block *b, uint32_t n, uint32_t step, int8_t *dst) {
    const int32_t *sum = b->sums, *mult = b->mult;
    int32_t out_zp = b->layer->out_zp;
    for (; n; n--, sum += 4, dst += step) {
        int32_t y[4];
        for (uint32_t c = 0; c < 4; c++)
            y[c] = wick_ssat8(wick_mulhr_add(sum[c], mult[c], out_zp));
        wick_store4(dst, wick_pack4(y[0], y[1], y[2], y[3]));
    }
}
#endif

/* Everything after the sums of n outputs of a row. */
static WICK_NOINLINE void finish(const block *b, uint32_t n, int8_t *dst) {
    const wick_layer *layer = b->layer;
    uint32_t step = layer->out_c, all_shifts;
    memcpy(&all_shifts, b->shift, 4);
    if (all_shifts)
        for (uint32_t c = 0; c < 4; c++)
            for (int32_t *sum = b->sums + c, *end = b->shift[c] ? sum + 4 * n : sum; sum < end;
                 sum += 4)
                *sum = (int32_t)((uint32_t)*sum << b->shift[c]);
    int8_t *words = dst;
    if (b->width < 4) {
        words = (int8_t *)b->sums; /* stays behind where the sums are read */
        step = 4;
    }
    requantize(b, n, step, words);
    if (layer->clamp_min > -128 || layer->clamp_max < 127) {
        uint32_t least = wick_splat4(layer->clamp_min), most = wick_splat4(layer->clamp_max);
        int8_t *at = words;
        for (uint32_t i = n; i; i--, at += step)
            wick_store4(at, wick_min4(wick_max4(wick_load4(at), least), most));
    }
    if (b->width < 4)
        for (uint32_t i = 0; i < n; i++)
            memcpy(dst + i * layer->out_c, words + i * 4, (size_t)b->width);
}

/* Which columns the words of n outputs from column ox on hold. */
static void set_columns(block *b, uint32_t ox, uint32_t n) {
    const wick_layer *layer = b->layer;
    uint32_t pairs = pairs_read(layer, n);
    int32_t in_w = layer->in_w, x = (int32_t)(ox * layer->stride_w) - layer->pad_left;
    b->x = x;
    b->left = x < 0 ? smaller((uint32_t)(1 - x) / 2, pairs) : 0;
    x += 2 * (int32_t)b->left;
    b->inner = x < in_w ? smaller((uint32_t)(in_w - x) / 2, pairs - b->left) : 0;
    b->right = pairs - b->left - b->inner;
}

/* n columns of outputs, rows [oy0, oy1). */
static void strip(const block *b, uint32_t oy0, uint32_t oy1, uint32_t n, int8_t *dst) {
    const wick_layer *layer = b->layer;
    uint32_t slots = b->d.slots, slot = 0, next = 0; /* slots of the rows `top` and `have` */
    int32_t stride = layer->stride_h, top = (int32_t)oy0 * stride - layer->pad_top;
    int32_t have = top; /* rows from `top` to before it are in their slots */
    uint32_t turn = (uint32_t)stride % slots, dst_row = (uint32_t)layer->out_w * layer->out_c;
    int is_3x3 = wick_dwconv_dsp_3x3(layer);
    for (; oy0 < oy1; oy0++, dst += dst_row) {
        for (; have < top + (int32_t)slots; have++) {
            bring(b, have, next);
            next = next + 1 == slots ? 0 : next + 1;
        }
        if (is_3x3)
            rows_3x3(b, slot, n);
        else
            rows_any(b, slot, 0, slots, n);
        finish(b, n, dst);
        top += stride;
        slot += turn;
        slot -= slot >= slots ? slots : 0;
        if (have < top) {
            have = top;
            next = slot;
        }
    }
}

/* The same for kernels with more rows than slots: they come by in groups. */
static void strip_in_groups(const block *b, uint32_t oy0, uint32_t oy1, uint32_t n, int8_t *dst) {
    const wick_layer *layer = b->layer;
    for (; oy0 < oy1; oy0++, dst += (uint32_t)layer->out_w * layer->out_c) {
        int32_t top = (int32_t)(oy0 * layer->stride_h) - layer->pad_top;
        for (uint32_t ky = 0; ky < layer->k_h; ky += b->d.slots) {
            uint32_t rows = smaller(layer->k_h - ky, b->d.slots);
            for (uint32_t i = 0; i < rows; i++)
                bring(b, top + (int32_t)(ky + i), i);
            rows_any(b, 0, ky, ky + rows, n);
        }
        finish(b, n, dst);
    }
}

/* Channels [c, c + width). */
static void block_begin(block *b, uint32_t c, uint32_t width) {
    const wick_layer *layer = b->layer;
    uint32_t words = layer->k_h * wick_dwconv_dsp_row_words(layer);
    int is_3x3 = wick_dwconv_dsp_3x3(layer);
    memset(b->shift, 0, sizeof b->shift);
    b->width = width;
    b->weights = layer->packed + c * words;
    for (uint32_t i = 0; i < width; i++, c++) {
        b->bias[i] = layer->bias ? layer->bias[c] : 0;
        b->mult[i] = layer->mult[c];
        b->shift[i] = layer->shift[c];
        if (is_3x3) {
            const uint32_t *w = b->weights + i * words;
            uint32_t *head = b->planes + i * FAST_PLANE - FAST_HEAD;
            head[0] = head[3] = w[0];
            head[1] = head[4] = w[1];
            head[2] = w[2];
            head[5] = (uint32_t)b->bias[i];
        }
    }
}

/* Channels [c0, c1) of a rectangle of outputs; dst: the first of them. */
static void rectangle(block *b, const int8_t *src, const uint32_t oy[2], const uint32_t ox[2],
                      uint32_t c0, uint32_t c1, int8_t *dst) {
    uint32_t channels = c1 - c0, out_c = b->layer->out_c;
    for (uint32_t i = 0; i < channels; i += 4) {
        uint32_t width = smaller(channels - i, 4);
        if (width < 4 && channels >= 4) {
            i = channels - 4; /* the last block overlaps the one before it */
            width = 4;
        }
        b->src = src + c0 + i;
        block_begin(b, c0 + i, width);
        for (uint32_t x = ox[0]; x < ox[1]; x += b->d.outputs) {
            uint32_t n = smaller(ox[1] - x, b->d.outputs);
            int8_t *at = dst + (x - ox[0]) * out_c + i;
            set_columns(b, x, n);
            if (b->layer->k_h > b->d.slots)
                strip_in_groups(b, oy[0], oy[1], n, at);
            else
                strip(b, oy[0], oy[1], n, at);
        }
    }
}

void wick_dwconv2d_s8_dsp(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                          uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    block b;
    memset(&b, 0, sizeof b);
    b.layer = layer;
    b.row0 = row0;
    b.d = divide(layer);
    b.planes = (uint32_t *)scratch + (wick_dwconv_dsp_3x3(layer) ? FAST_HEAD : 0);
    b.sums = (int32_t *)scratch + 4 * b.d.plane;
    uint32_t channels = layer->out_c, width = layer->out_w;
    while (count) {
        uint32_t c = first % channels, pixel = first / channels, x = pixel % width;
        uint32_t c1 = channels, n = 1, pixels = count / channels;
        uint32_t oy[2] = {pixel / width, pixel / width + 1}, ox[2] = {x, x + 1};
        if (c || !pixels) { /* part of a pixel */
            c1 = smaller(c + count, channels);
            n = c1 - c;
        } else if (x || pixels < width) { /* part of a row */
            ox[1] = smaller(x + pixels, width);
            n = (ox[1] - x) * channels;
        } else {
            ox[1] = width;
            oy[1] = oy[0] + pixels / width;
            n = (oy[1] - oy[0]) * width * channels;
        }
        rectangle(&b, src[0], oy, ox, c, c1, dst);
        dst += n;
        first += n;
        count -= n;
    }
}
