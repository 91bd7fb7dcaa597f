/* SPDX-License-Identifier: 0BSD */
/* The body of conv2d_s8_w16 and conv2d_s8_w8. The window of an output pixel is gathered once for
   all output channels, as codes (squares.h) in the order [k_w][k_h][in_c], columns first. So the
   windows of an output row are ranges of one sequence of columns: neighbours overlap in place, and
   each input value is coded once for each output row. Taps outside the input are coded zero points,
   so the border costs what the interior costs. Packed weights are in the same order. */
#ifndef WICK_SQUARES_CONV_H
#define WICK_SQUARES_CONV_H

#include <wick/squares_round.h>

enum { WICK_COLUMN_CODES = 480 /* gathered columns take about so many codes */ };

/* Columns that scratch holds: a whole row's where that is little, one window's at least. */
static inline unsigned wick_columns_capacity(const wick_layer *layer) {
    unsigned column = (unsigned)layer->k_h * layer->in_c, some = WICK_COLUMN_CODES / column;
    uint32_t row = (layer->out_w - UINT32_C(1)) * layer->stride_w + layer->k_w;
    if (layer->stride_w >= layer->k_w || some < layer->k_w)
        return layer->k_w; /* nothing overlaps, or there is no room to spare */
    return row < some ? (unsigned)row : some;
}

/* Each column's codes, and the sum of its squares. */
static inline uint32_t wick_columns_bytes(const wick_layer *layer) {
    uint32_t capacity = wick_columns_capacity(layer);
    return capacity * 4 + ((capacity * layer->k_h * layer->in_c * 2 + 3u) & ~UINT32_C(3));
}

static inline int wick_columns_fit(const wick_layer *layer) {
    uint32_t taps = (uint32_t)layer->k_h * layer->k_w;
    return taps != 0 && layer->in_c != 0 && layer->out_c != 0 && layer->stride_h != 0 &&
           layer->stride_w != 0 && taps <= 4096 && taps * layer->in_c <= 4096;
}

/* The gathered columns of one output row. Offsets are from src, modulo the word: outside the input
   they mean nothing. */
typedef struct wick_columns {
    uint16_t *codes, *x, *fill, *end; /* all; of the window; of the next column; what follows */
    uint32_t *sums, *square, *next;   /* all; of the window; of the next column */
    unsigned have;                    /* columns from x on */
    unsigned iy, ix, offset;          /* of the next column's first value, in the input */
    unsigned column, window, step;    /* codes of a column, a window, to the next window */
    unsigned pitch;                   /* bytes of an input row */
    uint16_t zero, zero_square;       /* the zero point's code and square */
} wick_columns;

static inline wick_columns wick_columns_make(const wick_layer *layer, uint32_t *scratch, int wide) {
    wick_columns at = {0};
    unsigned capacity = wick_columns_capacity(layer);
    at.column = (unsigned)layer->k_h * layer->in_c;
    at.window = at.column * layer->k_w;
    at.step = at.column * layer->stride_w;
    at.pitch = (unsigned)layer->in_w * layer->in_c;
    int zero = layer->operands[0].zero_point;
    at.zero = wide ? wick_squares_code16((int8_t)zero) : wick_squares_code8((int8_t)zero);
    at.zero_square = (uint16_t)(zero * zero);
    at.sums = scratch;
    at.codes = (uint16_t *)(scratch + capacity);
    at.end = at.codes + capacity * at.column;
    return at;
}

/* Forgets all columns and begins with output pixel (oy, ox). */
WICK_SQUARES_CALL void wick_columns_begin(wick_columns *at, const wick_layer *layer, uint16_t row0,
                                          unsigned oy, unsigned ox) {
    at->iy = oy * layer->stride_h - layer->pad_top;
    at->ix = ox * layer->stride_w - layer->pad_left;
    at->offset = (at->iy - row0) * at->pitch + at->ix * layer->in_c;
    at->x = at->fill = at->codes;
    at->square = at->next = at->sums;
    at->have = 0;
}

/* Goes on to the next pixel of the row. */
WICK_SQUARES_CALL void wick_columns_step(wick_columns *at, const wick_layer *layer) {
    if (layer->stride_w >= at->have) { /* columns between two windows are not gathered */
        unsigned between = layer->stride_w - at->have;
        at->ix += between;
        at->offset += between * layer->in_c;
        at->x = at->fill = at->codes;
        at->square = at->next = at->sums;
        at->have = 0;
        return;
    }
    at->have -= layer->stride_w;
    at->x += at->step;
    at->square += layer->stride_w;
    if ((unsigned)(at->end - at->x) >= at->window)
        return;
    uint16_t *to = at->codes; /* no room behind: what is still needed goes to the front */
    uint32_t *sum = at->sums;
    while (at->x != at->fill)
        *to++ = *at->x++;
    while (at->square != at->next)
        *sum++ = *at->square++;
    at->x = at->codes;
    at->square = at->sums;
    at->fill = to;
    at->next = sum;
}

/* Gathers the columns that the window still lacks. */
static inline void wick_columns_fill(wick_columns *at, const wick_layer *layer, const int8_t *src,
                                     int wide) {
    unsigned n = layer->in_c;
    for (; at->have < layer->k_w; at->have++, at->ix++, at->offset += n) {
        uint16_t *dst = at->fill;
        uint32_t sum = 0;
        unsigned iy = at->iy, offset = at->offset;
        for (unsigned ky = layer->k_h; ky; ky--, iy++, offset += at->pitch, dst += n) {
            if (at->ix < layer->in_w && iy < layer->in_h) {
                sum = wick_squares_expand(src + offset, n, wide, dst, sum);
            } else {
                for (unsigned i = 0; i < n; i++) {
                    dst[i] = at->zero;
                    sum = wick_plus(sum, at->zero_square);
                }
            }
        }
        at->fill = dst;
        *at->next++ = sum;
    }
}

/* Outputs [dst, end) of one pixel from as many channels' records: an even number with 16-bit codes,
   any with 8-bit ones, at least one. Returns what follows the records. */
WICK_SQUARES_WEAK const uint32_t *wick_squares_outputs16(const wick_squares_window *at,
                                                         const uint32_t *words, int8_t *dst,
                                                         const int8_t *end);
WICK_SQUARES_WEAK const uint32_t *wick_squares_outputs8(const wick_squares_window *at,
                                                        const uint32_t *words, int8_t *dst,
                                                        const int8_t *end);
#if WICK_SQUARES_ASM
/* In assembly because clang 14 spends 80 cycles an output on the same in C. r4 is at, r5 dst, r10
   the place in the records, r7:r6 and r9:r8 the sums; end is on the stack. */
/* clang-format off */
__attribute__((naked)) WICK_SQUARES_WEAK const uint32_t *
wick_squares_outputs16(const wick_squares_window *at __attribute__((unused)),
                       const uint32_t *words __attribute__((unused)),
                       int8_t *dst __attribute__((unused)),
                       const int8_t *end __attribute__((unused))) {
    __asm__ volatile(
        "push r4\n push r5\n push r6\n push r7\n push r8\n push r9\n push r10\n"
        "push r15\n"
        "mov r12, r4\n"
        "mov r14, r5\n"
        "mov r13, r10\n"
        "1: mov @r10+, r6\n"
        "mov @r10+, r7\n"
        "sub 6(r4), r6\n" /* square */
        "subc 8(r4), r7\n"
        "push r10\n"
        "add #12, r10\n"
        "mov @r10+, r8\n"
        "mov @r10+, r9\n"
        "sub 6(r4), r8\n"
        "subc 8(r4), r9\n"
        "add #12, r10\n"
        "mov @r4, r12\n"   /* x */
        "mov 2(r4), r15\n" /* end */
        "add 4(r4), r0\n"  /* skip */
        "2:\n"
        WICK_EIGHT("mov @r12+, r13\n"
                   "mov r13, r14\n"
                   "add @r10+, r14\n"
                   "add @r14, r6\n"
                   "adc r7\n"
                   "add @r10+, r13\n"
                   "add @r13, r8\n"
                   "adc r9\n")
        "cmp r15, r12\n"
        "jne 2b\n"
        "mov r6, r12\n"
        "mov r7, r13\n"
        "rra r13\n"
        "rrc r12\n"
        "mov @r1, r14\n"
        "mov 10(r4), r15\n" /* rounding */
        "call %0\n"
        "mov.b r12, 0(r5)\n"
        "add #1, r5\n"
        "mov r8, r12\n"
        "mov r9, r13\n"
        "rra r13\n"
        "rrc r12\n"
        "pop r14\n"
        "add #16, r14\n"
        "mov 10(r4), r15\n"
        "call %0\n"
        "mov.b r12, 0(r5)\n"
        "add #1, r5\n"
        "cmp @r1, r5\n"
        "jne 1b\n"
        "mov r10, r12\n"
        "add #2, r1\n"
        "pop r10\n pop r9\n pop r8\n pop r7\n pop r6\n pop r5\n pop r4\n"
        "ret"
        :
        : "i"(wick_squares_finish)
        : "memory");
}

__attribute__((naked)) WICK_SQUARES_WEAK const uint32_t *
wick_squares_outputs8(const wick_squares_window *at __attribute__((unused)),
                      const uint32_t *words __attribute__((unused)),
                      int8_t *dst __attribute__((unused)),
                      const int8_t *end __attribute__((unused))) {
    __asm__ volatile(
        "push r4\n push r5\n push r6\n push r7\n push r10\n"
        "push r15\n"
        "mov r12, r4\n"
        "mov r14, r5\n"
        "mov r13, r10\n"
        "1: mov @r10+, r6\n"
        "mov @r10+, r7\n"
        "sub 6(r4), r6\n" /* square */
        "subc 8(r4), r7\n"
        "push r10\n"
        "add #12, r10\n"
        "mov @r4, r12\n"   /* x */
        "mov 2(r4), r15\n" /* end */
        "add 4(r4), r0\n"  /* skip */
        "2:\n"
        WICK_EIGHT("mov.b @r10+, r13\n"
                   "add @r12+, r13\n"
                   "add r13, r13\n"
                   "add @r13, r6\n"
                   "adc r7\n")
        "cmp r15, r12\n"
        "jne 2b\n"
        "rra r7\n"
        "rrc r6\n"
        "mov r6, r12\n"
        "mov r7, r13\n"
        "mov @r1, r14\n"
        "mov 10(r4), r15\n" /* rounding */
        "call %0\n"
        "mov.b r12, 0(r5)\n"
        "add #1, r5\n"
        "pop r10\n"
        "add 12(r4), r10\n" /* rest: the next record's begin from behind this one's first word */
        "cmp @r1, r5\n"
        "jne 1b\n"
        "mov r10, r12\n"
        "add #2, r1\n"
        "pop r10\n pop r7\n pop r6\n pop r5\n pop r4\n"
        "ret"
        :
        : "i"(wick_squares_finish)
        : "memory");
}
/* clang-format on */
#else
WICK_SQUARES_WEAK const uint32_t *wick_squares_outputs16(const wick_squares_window *at,
                                                         const uint32_t *words, int8_t *dst,
                                                         const int8_t *end) {
    while (dst != end) {
        const uint32_t *own = words + 1;
        uint32_t a[2] = {words[0] - at->square, words[WICK_SQUARES_WORDS] - at->square};
        words = wick_squares_dot16x2(at, words + 2u * WICK_SQUARES_WORDS, a);
        for (unsigned k = 0; k < 2; k++, own += WICK_SQUARES_WORDS)
            *dst++ = (int8_t)wick_squares_finish(wick_half(a[k]), own, at->rounding);
    }
    return words;
}

WICK_SQUARES_WEAK const uint32_t *wick_squares_outputs8(const wick_squares_window *at,
                                                        const uint32_t *words, int8_t *dst,
                                                        const int8_t *end) {
    while (dst != end) {
        uint32_t a = wick_squares_dot8(at, words + WICK_SQUARES_WORDS, words[0] - at->square);
        *dst++ = (int8_t)wick_squares_finish(wick_half(a), words + 1, at->rounding);
        words += 1u + at->rest / 4u;
    }
    return words;
}
#endif

/* Output channels [c, c + n) of one pixel. Steps are whole pixels nearly always: then c is 0. */
static inline void wick_squares_pixel16(const wick_layer *layer, const wick_squares_window *at,
                                        unsigned c, unsigned n, int8_t *dst) {
    const uint32_t *words = layer->packed;
    int alone = c + n == layer->out_c && layer->out_c % 2u != 0; /* the last one has no partner */
    int8_t both[2];
    for (; c > 1u; c -= 2u)
        words += at->rounding->record;
    if (c && n && !(alone && n == 1u)) {
        words = wick_squares_outputs16(at, words, both, both + 2);
        *dst++ = both[1];
        n--;
    }
    if (n > 1u)
        words = wick_squares_outputs16(at, words, dst, dst + (n & ~1u));
    if (n % 2u == 0)
        return;
    if (alone) {
        uint32_t a =
            wick_squares_dot16(at, words + WICK_SQUARES_WORDS, wick_minus(words[0], at->square));
        both[0] = (int8_t)wick_squares_finish(wick_half(a), words + 1, at->rounding);
    } else {
        wick_squares_outputs16(at, words, both, both + 2);
    }
    dst[n - 1u] = both[0];
}

static inline void wick_squares_pixel8(const wick_layer *layer, const wick_squares_window *at,
                                       unsigned c, unsigned n, int8_t *dst) {
    const uint32_t *words = layer->packed;
    for (; c; c--)
        words += at->rounding->record;
    wick_squares_outputs8(at, words, dst, dst + n);
}

static inline void wick_squares_conv(const wick_layer *layer, const int8_t *src, uint16_t row0,
                                     unsigned first, unsigned count, int8_t *dst, void *scratch,
                                     int wide) {
    unsigned out_c = layer->out_c, pixel = first / out_c, c = first - pixel * out_c;
    unsigned oy = pixel / layer->out_w, ox = pixel - oy * layer->out_w;
    wick_columns at = wick_columns_make(layer, scratch, wide);
    const wick_squares_rounding rounding =
        wick_squares_rounding_of(layer, wick_squares_record(at.window, wide), wide ? 2u : 1u);
    wick_squares_window window = {.rounding = &rounding};
    window.skip = wick_squares_skip(at.window, wide);
    window.rest = 4u * rounding.record - 4u;
    wick_columns_begin(&at, layer, row0, oy, ox);
    while (count) {
        unsigned n = out_c - c < count ? out_c - c : count;
        wick_columns_fill(&at, layer, src, wide);
        window.x = at.x;
        window.end = at.x + at.window;
        window.square = at.square[0];
        for (unsigned i = 1; i < layer->k_w; i++)
            window.square = wick_plus(window.square, at.square[i]);
        if (wide)
            wick_squares_pixel16(layer, &window, c, n, dst);
        else
            wick_squares_pixel8(layer, &window, c, n, dst);
        dst += n;
        count -= n;
        c = 0;
        if (++ox < layer->out_w) {
            wick_columns_step(&at, layer);
        } else {
            ox = 0;
            wick_columns_begin(&at, layer, row0, ++oy, 0);
        }
    }
}

#endif
