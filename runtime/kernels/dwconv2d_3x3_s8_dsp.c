/* SPDX-License-Identifier: 0BSD */
/* 3x3 depthwise convolution for the ARM DSP extension (Cortex-M4, M7, M33); plain C elsewhere.

   Channels last is the wrong order for SMLAD, which wants two taps of one channel in a word. So for
   four channels at a time the three rows of the input that the window covers are kept in scratch,
   one plane a channel, each word two neighbouring columns as int16. Padding is written there as the
   zero point, so borders cost little more than the inside. Going down the output, a row is brought
   in once and serves all rows of outputs that need it; row y is in slot (y - first) % 3.

   Then one channel's weights meet one row of outputs. Words begin at even columns of the window's
   range: an even output has its taps as a pair (0, 1) and the single 2, an odd one as the single 0
   and a pair (1, 2). Weights are packed by channel, then kernel row, one word each for SXTB16:
   bytes w0, w1, w1, w2, so bytes 0 and 2 are the pair of even outputs, 1 and 3 that of odd ones.

   The sums go to scratch, [output][4 channels], and are requantized four to a word. For strides
   across of 1 and 2 and rows that are not too short: each row of a block costs something
   beforehand, so steps of whole rows suit this kernel and steps of single pixels do not. */
#include <wick/kernels.h>

enum {
    NARROW_1 = 7,            /* outputs of a row, with stride 1: dwconv2d_s8_dsp is faster below */
    NARROW_2 = 12,           /* the same with stride 2 */
    OUTPUTS = 32,            /* of a row at a time with stride 1, half of it with stride 2 */
    PAIRS = OUTPUTS / 2 + 1, /* words of a row */
    SLOTS = 3,
    HEAD = 6, /* before a plane: the weights of kernel rows 0, 1, 2, 0, 1, and the bias */
    PLANE = HEAD + SLOTS * PAIRS
};

/* What is the same for all rows of outputs of up to four channels. */
typedef struct block {
    const wick_layer *layer;
    const int8_t *src; /* its first channel in the row `row0` */
    int32_t row0;
    uint32_t width;   /* channels, 1 to 4 */
    uint32_t *planes; /* behind the first plane's head */
    int32_t *sums;
    uint32_t n;                  /* outputs of a row */
    uint32_t x;                  /* input column of the first word, may be below 0 */
    uint32_t left, inner, right; /* words: that reach over the left edge, that are inside, others */
    int32_t mult[4];
    uint8_t shift[4];
} block;

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t outputs_together(const wick_layer *layer) {
    return smaller(layer->stride_w == 1 ? OUTPUTS : OUTPUTS / 2, layer->out_w);
}

int wick_dwconv2d_3x3_s8_dsp_fits(const wick_layer *layer) {
    return layer->k_h == 3 && layer->k_w == 3 && layer->in_c == layer->out_c &&
           ((layer->stride_w == 1 && layer->out_w >= NARROW_1) ||
            (layer->stride_w == 2 && layer->out_w >= NARROW_2));
}

uint32_t wick_dwconv2d_3x3_s8_dsp_scratch_bytes(const wick_layer *layer) {
    uint32_t even = (outputs_together(layer) + 1) & ~(uint32_t)1;
    return (4 * PLANE + 4 * even + 4) * 4; /* with one spare word behind each channel's sums */
}

/* Two columns of four channels, a and b, to their planes; returns the place of the next two. */
#if WICK_DSP_ASM
/* In one piece, or else the compilers keep four pointers and spill them. */
#define PUT                                                                                        \
    "sxtb16 %[t], %[a]\n\t"                                                                        \
    "sxtb16 %[u], %[b]\n\t"                                                                        \
    "pkhtb %[v], %[u], %[t], asr #16\n\t"                                                          \
    "pkhbt %[t], %[t], %[u], lsl #16\n\t"                                                          \
    "str %[v], [%[dst], %[plane2]]\n\t"                                                            \
    "sxtb16 %[u], %[a], ror #8\n\t"                                                                \
    "sxtb16 %[v], %[b], ror #8\n\t"                                                                \
    "pkhbt %[a], %[u], %[v], lsl #16\n\t"                                                          \
    "pkhtb %[u], %[v], %[u], asr #16\n\t"                                                          \
    "str %[a], [%[dst], %[plane1]]\n\t"                                                            \
    "str %[u], [%[dst], %[plane3]]\n\t"                                                            \
    "str %[t], [%[dst]], #4\n\t"
#define PLANES [plane1] "I"(4 * PLANE), [plane2] "I"(8 * PLANE), [plane3] "I"(12 * PLANE)

static inline uint32_t *put(uint32_t *dst, uint32_t a, uint32_t b) {
    uint32_t t, u, v;
    __asm__ volatile(PUT
                     : [dst] "+r"(dst), [a] "+r"(a), [t] "=&r"(t), [u] "=&r"(u), [v] "=&r"(v)
                     : [b] "r"(b), PLANES
                     : "memory");
    return dst;
}

/* Columns from src on, up to `end`, at least one. */
static inline uint32_t *put_all(uint32_t *dst, const uint32_t *end, const int8_t *src,
                                uint32_t pitch) {
    uint32_t a, b, t, u, v;
    __asm__ volatile("1:\n\t"
                     "ldr %[a], [%[src]]\n\t"
                     "ldr %[b], [%[src], %[pitch]]\n\t"
                     "add %[src], %[src], %[pitch], lsl #1\n\t" PUT "cmp %[dst], %[end]\n\t"
                     "blo 1b"
                     : [dst] "+r"(dst), [src] "+r"(src), [a] "=&r"(a), [b] "=&r"(b), [t] "=&r"(t),
                       [u] "=&r"(u), [v] "=&r"(v)
                     : [end] "r"(end), [pitch] "r"(pitch), PLANES
                     : "cc", "memory");
    return dst;
}
#else
static uint32_t *put(uint32_t *dst, uint32_t a, uint32_t b) {
    uint32_t a02 = wick_sxtb16(a), a13 = wick_sxtb16_ror8(a);
    uint32_t b02 = wick_sxtb16(b), b13 = wick_sxtb16_ror8(b);
    dst[0] = wick_pkhbt(a02, b02);
    dst[PLANE] = wick_pkhbt(a13, b13);
    dst[2 * PLANE] = wick_pkhtb(a02, b02);
    dst[3 * PLANE] = wick_pkhtb(a13, b13);
    return dst + 1;
}

static uint32_t *put_all(uint32_t *dst, const uint32_t *end, const int8_t *src, uint32_t pitch) {
    for (; dst < end; src += 2 * pitch)
        dst = put(dst, wick_load4(src), wick_load4(src + pitch));
    return dst;
}
#endif

/* Four channels of column x of a row, or padding. */
static inline uint32_t column(const int8_t *row, uint32_t x, uint32_t in_w, uint32_t pitch,
                              uint32_t zero) {
    return x < in_w ? wick_load4(row + x * pitch) : zero;
}

/* Row y of the input from four channels, into its slot at dst. */
static WICK_NOINLINE void bring(const block *b, int32_t y, uint32_t *dst) {
    uint32_t in_w = b->layer->in_w, pitch = b->layer->in_c, x = b->x;
    uint32_t zero = wick_splat4(b->layer->operands[0].zero_point);
    const int8_t *row = b->src;
    const uint32_t *left = dst + b->left, *inner = left + b->inner, *end = inner + b->right;
    if (y >= 0 && y < b->layer->in_h) {
        row += (uint32_t)(y - b->row0) * (in_w * pitch);
    } else {
        in_w = 0;
        left = inner = end;
    }
    for (; dst < left; x += 2)
        dst = put(dst, column(row, x, in_w, pitch, zero), column(row, x + 1, in_w, pitch, zero));
    if (dst < inner)
        dst = put_all(dst, inner, row + x * pitch, pitch);
    for (x += 2 * b->inner; dst < end; x += 2)
        dst = put(dst, column(row, x, in_w, pitch, zero), column(row, x + 1, in_w, pitch, zero));
}

/* The same from fewer channels. */
static WICK_NOINLINE void bring_few(const block *b, int32_t y, uint32_t *dst) {
    const wick_layer *layer = b->layer;
    uint32_t zero = wick_splat4(layer->operands[0].zero_point), x = b->x;
    int inside = y >= 0 && y < layer->in_h;
    for (uint32_t n = b->left + b->inner + b->right; n; n--) {
        uint32_t word[2] = {zero, zero};
        for (uint32_t i = 0; i < 2; i++, x++)
            if (inside && x < layer->in_w)
                word[i] = wick_load_bytes(
                    b->src + ((uint32_t)(y - b->row0) * layer->in_w + x) * layer->in_c, b->width);
        dst = put(dst, word[0], word[1]);
    }
}

/* The sums of one channel, two at a time, from `sum` to `end`, four words apart; end[0] is spare.
   x: the channel's plane; returns how far it was read. ky: the kernel row that meets slot 0. */
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
    "sxtb16 r6, r6\n\t"                                                                            \
    "sub lr, r2, r1\n\t"                                                                           \
    "lsls lr, lr, #26\n\t" /* an odd number of rounds begins with the second of the pair */        \
    "bmi 2f\n"                                                                                     \
    "1:\n\t"
#define ROW_STORE                                                                                  \
    "str r11, [r1], #16\n\t"                                                                       \
    "str r12, [r1], #16\n"
#define ROW_END                                                                                    \
    "cmp r1, r2\n\t"                                                                               \
    "blo 1b\n\t"                                                                                   \
    "ldr r7, [r2]" : "+r"(x_),                                                                     \
                     "+r"(sum_),                                                                   \
                     "+r"(ky_)                                                                     \
        : "r"(end_) : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"
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

#define ROUND_1                                                                                    \
    ROW_1("[r0], #4", "r4", "r8", "r3", "r3")                                                      \
    ROW_1("[r0, #64]", "r5", "r9", "r11", "r12")                                                   \
    ROW_1("[r0, #132]", "r6", "r10", "r11", "r12") ROW_STORE
#define ROUND_2                                                                                    \
    ROW_2("[r0], #8", "[r0]", "r4", "r8", "r3", "r3")                                              \
    ROW_2("[r0, #60]", "[r0, #68]", "r5", "r9", "r11", "r12")                                      \
    ROW_2("[r0, #128]", "[r0, #136]", "r6", "r10", "r11", "r12") ROW_STORE

static inline const uint32_t *row_stride_1(const uint32_t *x, uint32_t ky, int32_t *sum,
                                           int32_t *end) {
    ROW_REGISTERS;
    __asm__ volatile(ROW_BEGIN ROUND_1 "2:\n\t" ROUND_1 ROW_END);
    return x_;
}

static inline const uint32_t *row_stride_2(const uint32_t *x, uint32_t ky, int32_t *sum,
                                           int32_t *end) {
    ROW_REGISTERS;
    __asm__ volatile(ROW_BEGIN ROUND_2 "2:\n\t" ROUND_2 ROW_END);
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
    const uint32_t *head = x - HEAD;
    for (; sum < end; sum += 8, x++) {
        int32_t s = (int32_t)head[5], t = s;
        for (uint32_t i = 0; i < 3; i++) {
            uint32_t even = wick_sxtb16(head[ky + i]), odd = wick_sxtb16_ror8(head[ky + i]);
            uint32_t a = x[i * PAIRS], b = x[i * PAIRS + 1];
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
    const uint32_t *head = x - HEAD;
    for (; sum < end; sum += 4, x++) {
        int32_t s = (int32_t)head[5];
        for (uint32_t i = 0; i < 3; i++) {
            uint32_t even = wick_sxtb16(head[ky + i]), odd = wick_sxtb16_ror8(head[ky + i]);
            uint32_t a = x[i * PAIRS], b = x[i * PAIRS + 1];
            s = wick_smlad(a, even, s) + low(b) * high(odd);
        }
        *sum = s;
    }
    return x;
}
#endif

/* Sums to results, four channels each, `step` bytes apart. */
#if WICK_DSP_ASM
#define QUAD                                                                                       \
    "ldm r0!, {r10, r11, r12, lr}\n\t"                                                             \
    "smmlar r10, r10, r5, r4\n\t"                                                                  \
    "smmlar r11, r11, r6, r4\n\t"                                                                  \
    "smmlar r12, r12, r8, r4\n\t"                                                                  \
    "smmlar lr, lr, r9, r4\n\t"                                                                    \
    "ssat r10, #8, r10\n\t"                                                                        \
    "ssat r11, #8, r11\n\t"                                                                        \
    "ssat r12, #8, r12\n\t"                                                                        \
    "ssat lr, #8, lr\n\t"                                                                          \
    "bfi r10, r11, #8, #8\n\t"                                                                     \
    "bfi r12, lr, #8, #8\n\t"                                                                      \
    "pkhbt r10, r10, r12, lsl #16\n\t"                                                             \
    "str r10, [r2]\n\t"                                                                            \
    "add r2, r3\n"

static inline void requantize(const block *b, uint32_t step, int8_t *dst) {
    register const int32_t *sum_ __asm__("r0") = b->sums;
    register const int32_t *end_ __asm__("r1") = b->sums + 4 * b->n;
    register int8_t *dst_ __asm__("r2") = dst;
    register uint32_t step_ __asm__("r3") = step;
    register int32_t zp_ __asm__("r4") = b->layer->out_zp;
    register const int32_t *mult_ __asm__("r5") = b->mult;
    __asm__ volatile("ldm r5, {r5, r6, r8, r9}\n\t"
                     "sub lr, r1, r0\n\t"
                     "lsls lr, lr, #27\n\t" /* an odd number begins with the second of the pair */
                     "bmi 2f\n"
                     "1:\n\t" QUAD "2:\n\t" QUAD "cmp r0, r1\n\t"
                     "blo 1b"
                     : "+r"(sum_), "+r"(dst_), "+r"(mult_)
                     : "r"(end_), "r"(step_), "r"(zp_)
                     : "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}
#else
static inline void requantize(const block *b, uint32_t step, int8_t *dst) {
    const int32_t *sum = b->sums, *mult = b->mult;
    int32_t out_zp = b->layer->out_zp;
    for (uint32_t n = b->n; n; n--, sum += 4, dst += step) {
        int32_t y[4];
        for (uint32_t c = 0; c < 4; c++)
            y[c] = wick_ssat8(wick_mulhr_add(sum[c], mult[c], out_zp));
        wick_store4(dst, wick_pack4(y[0], y[1], y[2], y[3]));
    }
}
#endif

/* A row of outputs: sums of each channel, then results. The window's first row is in slot `slot`.
 */
static WICK_NOINLINE void row_of_outputs(const block *b, uint32_t slot, int8_t *dst) {
    const wick_layer *layer = b->layer;
    uint32_t even = (b->n + 1) & ~(uint32_t)1, ky = slot ? SLOTS - slot : 0;
    const uint32_t *x = b->planes;
    int32_t *sum = b->sums, *last = sum + b->width, *end = sum + 4 * even;
    if (layer->stride_w == 1)
        for (; sum < last; sum++, end++)
            x = row_stride_1(x, ky, sum, end) + (PLANE - even / 2);
    else
        for (; sum < last; sum++, end++)
            x = row_stride_2(x, ky, sum, end) + (PLANE - even);
    for (uint32_t c = 0; c < 4; c++) /* hardly ever any */
        if (b->shift[c])
            for (sum = b->sums + c, end = sum + 4 * b->n; sum < end; sum += 4)
                *sum = (int32_t)((uint32_t)*sum << b->shift[c]);
    int8_t *words = dst;
    uint32_t step = layer->out_c;
    if (b->width < 4) {
        words = (int8_t *)b->sums; /* stays behind where the sums are read */
        step = 4;
    }
    requantize(b, step, words);
    if (layer->clamp_min > -128 || layer->clamp_max < 127) {
        uint32_t least = wick_splat4((int8_t)layer->clamp_min),
                 most = wick_splat4((int8_t)layer->clamp_max);
        int8_t *at = words;
        for (uint32_t i = b->n; i; i--, at += step)
            wick_store4(at, wick_min4(wick_max4(wick_load4(at), least), most));
    }
    if (b->width < 4)
        for (uint32_t i = 0; i < b->n; i++)
            memcpy(dst + i * layer->out_c, words + i * 4, (size_t)b->width);
}

/* Rows [oy0, oy1) of b->n columns of outputs. */
static void strip(const block *b, uint32_t oy0, uint32_t oy1, int8_t *dst) {
    const wick_layer *layer = b->layer;
    uint32_t slot = 0, next = 0; /* of the rows `top` and `have` */
    int32_t stride = layer->stride_h, top = (int32_t)oy0 * stride - layer->pad_top;
    int32_t have = top; /* rows from `top` to before it are in their slots */
    uint32_t turn = layer->stride_h % 3u, dst_row = (uint32_t)layer->out_w * layer->out_c;
    for (; oy0 < oy1; oy0++, dst += dst_row) {
        for (; have < top + 3; have++) {
            uint32_t *to = b->planes + next * PAIRS;
            if (b->width == 4)
                bring(b, have, to);
            else
                bring_few(b, have, to);
            next = next == 2 ? 0 : next + 1;
        }
        row_of_outputs(b, slot, dst);
        top += stride;
        slot += turn;
        slot -= slot >= 3 ? 3 : 0;
        if (have < top) {
            have = top;
            next = slot;
        }
    }
}

/* Channels [c, c + width). */
static void set_channels(block *b, uint32_t c, uint32_t width) {
    const wick_layer *layer = b->layer;
    uint32_t *head = b->planes - HEAD;
    memset(b->shift, 0, sizeof b->shift);
    b->width = width;
    for (uint32_t i = 0; i < width; i++, c++, head += PLANE) {
        const uint32_t *w = layer->packed + 3 * c;
        head[0] = head[3] = w[0];
        head[1] = head[4] = w[1];
        head[2] = w[2];
        head[5] = layer->bias ? (uint32_t)layer->bias[c] : 0;
        b->mult[i] = layer->mult[c];
        b->shift[i] = layer->shift[c];
    }
}

/* n outputs of a row from column ox on: the columns of the input that their words hold. */
static void set_columns(block *b, uint32_t ox, uint32_t n) {
    const wick_layer *layer = b->layer;
    int32_t in_w = layer->in_w, x = (int32_t)(ox * layer->stride_w) - layer->pad_left;
    uint32_t even = (n + 1) & ~(uint32_t)1, pairs = layer->stride_w * even / 2 + 1;
    b->n = n;
    b->x = (uint32_t)x;
    b->left = x < 0 ? smaller((uint32_t)(1 - x) / 2, pairs) : 0;
    x += 2 * (int32_t)b->left;
    b->inner = x < in_w ? smaller((uint32_t)(in_w - x) / 2, pairs - b->left) : 0;
    b->right = pairs - b->left - b->inner;
}

/* Channels [c0, c1) of a rectangle of outputs; dst: the first of them. */
static void rectangle(block *b, const int8_t *src, const uint32_t oy[2], const uint32_t ox[2],
                      uint32_t c0, uint32_t c1, int8_t *dst) {
    uint32_t channels = c1 - c0, out_c = b->layer->out_c, most = outputs_together(b->layer);
    for (uint32_t i = 0; i < channels; i += 4) {
        uint32_t width = smaller(channels - i, 4);
        if (width < 4 && channels >= 4) {
            i = channels - 4; /* the last block overlaps the one before it */
            width = 4;
        }
        b->src = src + c0 + i;
        set_channels(b, c0 + i, width);
        for (uint32_t x = ox[0]; x < ox[1]; x += most) {
            set_columns(b, x, smaller(ox[1] - x, most));
            strip(b, oy[0], oy[1], dst + (x - ox[0]) * out_c + i);
        }
    }
}

void wick_dwconv2d_3x3_s8_dsp(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                              uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    block b;
    memset(&b, 0, sizeof b);
    b.layer = layer;
    b.row0 = row0;
    b.planes = (uint32_t *)scratch + HEAD;
    b.sums = (int32_t *)scratch + 4 * PLANE;
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
