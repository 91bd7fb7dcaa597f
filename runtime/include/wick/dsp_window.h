/* SPDX-License-Identifier: 0BSD */
/* The input windows of the dense convolutions for cores with the ARM DSP extension; for the kernels
   and the packing of their weights. The window of two neighbouring output pixels is expanded once
   into scratch, as 16-bit values in the order of the packed weights, and serves all output
   channels.

   Steps. SMLAD multiplies two taps at once: a step. A kernel row of the window is contiguous in
   [H,W,C], a run of k_w*in_c taps. SXTB16 takes bytes 0 and 2, then 1 and 3 of four, so a run is
   the steps (0,2) (1,3) (4,6) (5,7) and so on; two that remain are one more. The last taps of odd
   runs pair up with those of the next row, behind all other steps; there may be one without a
   partner, which has a weight of 0 beside its own. In scratch the two pixels' words of a step are
   neighbours.
   Blocks. Four output channels; those that the last block lacks have weights 0. The packed weights
   hold for each block all its steps, one after the other.
   Parts. Scratch is bounded: a window of more than WICK_WINDOW_STEPS steps is worked off in parts,
   each some whole rows or a slice of one, and each with its steps in the above order. */
#ifndef WICK_DSP_WINDOW_H
#define WICK_DSP_WINDOW_H

#include <stddef.h>

#include <wick/kernels.h>

/* The inner loops need the wide Thumb-2 encodings; in ARM state the C branch serves. */
#if WICK_HAVE_DSP && defined(__thumb2__)
#define WICK_HAVE_DSP_LOOPS 1
#else
#define WICK_HAVE_DSP_LOOPS 0
#endif

enum {
    WICK_WINDOW_STEPS = 144,   /* of a part: 288 taps */
    WICK_WINDOW_CHANNELS = 32, /* a multiple of 4: so many have sums in scratch at a time */
    WICK_WINDOW_LOOP = 22      /* words behind the window, for the inner loop */
};

typedef struct wick_window {
    const wick_layer *layer;
    const int8_t *src; /* row row0 of the input */
    int32_t row0, row; /* bytes of an input row */
    int32_t next;      /* from a pixel's taps to those of the next one in its row */
    /* The first pixel of a row, and how many, that lie, with the one behind it, between the left
       and the right edge. */
    uint16_t inner, inners;
    uint16_t part_rows, part_taps; /* a part is so many rows of so many taps, the last ones less */
    /* The part at hand: taps [tap, tap + taps) of rows [ky, ky + rows). */
    uint16_t ky, rows, taps, steps;
    uint32_t tap, first_step;  /* first_step: steps of the block before the part */
    uint32_t run, block_steps; /* taps of a kernel row, steps of the whole window */
    int32_t *sums;             /* [channel][1 or 2 pixels], from the first channel of a block */
    uint32_t *end;             /* of the part in scratch, the same for all parts */
} wick_window;

static inline uint32_t wick_window_least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static inline uint32_t wick_window_steps(uint32_t rows, uint32_t taps) {
    return (rows * taps + 1) / 2;
}

/* Goes to the part that begins at tap `tap` of row `ky`. */
static inline void wick_window_part_at(wick_window *w, uint32_t ky, uint32_t tap, uint32_t step) {
    w->ky = (uint16_t)ky;
    w->tap = tap;
    w->rows = (uint16_t)wick_window_least(w->layer->k_h - ky, w->part_rows);
    w->taps = (uint16_t)wick_window_least(w->run - tap, w->part_taps);
    w->steps = (uint16_t)wick_window_steps(w->rows, w->taps);
    w->first_step = step;
}

/* 0: that was the last one. */
static inline int wick_window_next_part(wick_window *w) {
    uint32_t ky = w->ky, tap = w->tap + w->taps;
    if (tap == w->run) {
        tap = 0;
        ky += w->rows;
    }
    if (ky == w->layer->k_h)
        return 0;
    wick_window_part_at(w, ky, tap, w->first_step + w->steps);
    return 1;
}

/* Words of the sums in scratch. */
static inline uint32_t wick_window_sums(const wick_layer *layer) {
    return 2 * wick_window_least((layer->out_c + 3u) & ~(uint32_t)3, WICK_WINDOW_CHANNELS);
}

/* Divides the window of a layer and goes to its first part, which is the largest: whole rows if one
   fits, else slices of a multiple of 4 taps. */
WICK_APART void wick_window_divide(wick_window *w, const wick_layer *layer) {
    uint32_t most = 2 * WICK_WINDOW_STEPS, rows, run = (uint32_t)layer->k_w * layer->in_c;
    uint32_t slices = (run + most - 1) / most; /* of a row */
    w->layer = layer;
    w->run = run;
    rows = slices > 1 ? 1 : wick_window_least(most / run, layer->k_h);
    w->part_rows = (uint16_t)rows;
    w->part_taps = (uint16_t)(slices > 1 ? ((run + slices - 1) / slices + 3) & ~(uint32_t)3 : run);
    w->block_steps = layer->k_h / rows * wick_window_steps(rows, run) +
                     wick_window_steps(layer->k_h % rows, run);
    wick_window_part_at(w, 0, 0, 0);
}

static inline uint32_t wick_window_scratch_bytes(const wick_layer *layer) {
    wick_window w;
    wick_window_divide(&w, layer);
    return 4 * (wick_window_sums(layer) + 2 * w.steps + WICK_WINDOW_LOOP);
}

/* For packing: channel c's weight in one half of a step of the part at hand; 0 if it has none. */
static inline int32_t wick_window_weight(const wick_window *w, uint32_t c, uint32_t step,
                                         uint32_t half) {
    uint32_t row_steps = w->taps / 2, row, tap;
    if (step < w->rows * row_steps) {
        row = step / row_steps;
        step %= row_steps;
        tap = step / 2 * 4;
        tap += w->taps - tap < 4 ? half : step % 2 + 2 * half;
    } else {
        row = 2 * (step - w->rows * row_steps) + half;
        tap = w->taps - 1;
    }
    if (row >= w->rows || c >= w->layer->out_c)
        return 0;
    return w->layer->weights[(c * w->layer->k_h + w->ky + row) * w->run + w->tap + tap];
}

static inline uint32_t wick_window_pair(int32_t low, int32_t high) {
    return ((uint32_t)low & 0xFFFFu) | (uint32_t)high << 16;
}

/* One half of a word. */
static inline void wick_window_half(uint32_t *word, uint32_t half, int32_t value) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    int16_t v = (int16_t)value;
    WICK_COPY((char *)word + 2 * half, &v, 2);
#else
    *word = half ? wick_window_pair((int32_t)*word, value)
                 : (*word & 0xFFFF0000u) | ((uint32_t)value & 0xFFFFu);
#endif
}

/* Row i of the part at hand of output pixel (oy, ox), which may be the one behind a row's end, to
   every second word of dst; last: the steps of odd runs' last taps. Whatever of it is inside the
   image. */
WICK_APART void wick_window_row(const wick_window *w, uint32_t i, uint32_t oy, uint32_t ox,
                                uint32_t *dst, uint32_t *last) {
    const wick_layer *layer = w->layer;
    if (ox == layer->out_w) {
        ox = 0;
        oy++;
    }
    int32_t y = (int32_t)(oy * layer->stride_h + w->ky + i) - layer->pad_top;
    int32_t x = (int32_t)(ox * layer->stride_w) - layer->pad_left;
    /* Taps [from, to) are inside; `first` is where tap 0 would be in the input row. */
    int32_t first = x * layer->in_c + (int32_t)w->tap, past = w->row - first;
    uint32_t taps = w->taps, even = taps & ~(uint32_t)1;
    uint32_t from = first < 0 ? wick_window_least((uint32_t)-first, taps) : 0;
    uint32_t to = past > 0 ? wick_window_least((uint32_t)past, taps) : 0;
    if (y < 0 || y >= layer->in_h || from >= to)
        from = to = 0;
    last += i / 2 * 2;
    if (to - from < taps) {
        uint32_t outside = (uint32_t)layer->operands[0].zero_point & 0xFFFFu;
        outside |= outside << 16;
        for (uint32_t k = 0; k < from + 3 && k < even; k += 2)
            dst[k] = outside;
        for (uint32_t k = to & ~(uint32_t)3; k < even; k += 2)
            dst[k] = outside;
        if (taps > even)
            wick_window_half(last, i % 2, (int32_t)outside);
        if (to == 0)
            return;
    }
    const int8_t *src = w->src + ((y - w->row0) * w->row + first + (int32_t)from);
    for (uint32_t n = from % 4 ? 0 : (to - from) / 4; n; n--, from += 4, src += 4) {
        uint32_t four = wick_load4(src);
        dst[from] = wick_sxtb16(four);
        dst[from + 2] = wick_sxtb16_ror8(four);
    }
    for (; from < to; from++, src++) {
        uint32_t *word = dst + (from & ~(uint32_t)3);
        if (from == even)
            wick_window_half(last, i % 2, *src);
        else if ((from | 3) < taps)
            wick_window_half(word + from % 2 * 2, from / 2 % 2, *src);
        else
            wick_window_half(word, from % 2, *src);
    }
}

/* Four taps of two pixels. */
WICK_INLINE void wick_window_fours(uint32_t **dst, const int8_t **a, const int8_t **b) {
#if WICK_HAVE_DSP_LOOPS
    uint32_t t, u, v, w;
    __asm__ volatile("ldr %[t], [%[a]], #4\n\t"
                     "ldr %[u], [%[b]], #4\n\t"
                     "sxtb16 %[v], %[t]\n\t"
                     "sxtb16 %[w], %[u]\n\t"
                     "sxtb16 %[t], %[t], ror #8\n\t"
                     "sxtb16 %[u], %[u], ror #8\n\t"
                     "strd %[v], %[w], [%[dst]], #8\n\t"
                     "strd %[t], %[u], [%[dst]], #8"
                     : [dst] "+r"(*dst), [a] "+r"(*a), [b] "+r"(*b), [t] "=&r"(t), [u] "=&r"(u),
                       [v] "=&r"(v), [w] "=&r"(w)
                     :
                     : "memory");
#else
    uint32_t t = wick_load4(*a), u = wick_load4(*b);
    (*dst)[0] = wick_sxtb16(t);
    (*dst)[1] = wick_sxtb16(u);
    (*dst)[2] = wick_sxtb16_ror8(t);
    (*dst)[3] = wick_sxtb16_ror8(u);
    *a += 4;
    *b += 4;
    *dst += 4;
#endif
}

/* Rows [top, bottom) of the part at hand of two pixels, inside the image; a: row `top`. */
WICK_APART void wick_window_two(const wick_window *w, uint32_t top, uint32_t bottom,
                                const int8_t *a) {
    uint32_t n = w->taps, skip = (uint32_t)w->row - n, even = n & ~(uint32_t)1;
    const int8_t *b = a + w->next;
    uint32_t *dst = w->end - 2 * w->steps, *last = dst + w->rows * even + top / 2 * 2;
    uint32_t half = top % 2;
    dst += top * even;
    for (uint32_t rows = bottom - top; rows; rows--, a += skip, b += skip) {
        for (uint32_t k = n / 8; k; k--) {
            wick_window_fours(&dst, &a, &b);
            wick_window_fours(&dst, &a, &b);
        }
        if (n % 8 == 0)
            continue;
        if (n & 4)
            wick_window_fours(&dst, &a, &b);
        if (n & 2) {
            dst[0] = wick_window_pair(a[0], a[1]);
            dst[1] = wick_window_pair(b[0], b[1]);
            a += 2;
            b += 2;
            dst += 2;
        }
        if (n & 1) {
            wick_window_half(last, half, *a++);
            wick_window_half(last + 1, half, *b++);
            last += 2 * half;
            half ^= 1;
        }
    }
}

/* For the walk: where the input and scratch are. */
static inline void wick_window_open(wick_window *w, const int8_t *src, uint16_t row0,
                                    void *scratch) {
    const wick_layer *layer = w->layer;
    uint32_t stride = layer->stride_w, two = stride + layer->k_w;
    uint32_t padded = (uint32_t)layer->in_w + layer->pad_left;
    w->src = src;
    w->row0 = row0;
    w->row = layer->in_w * layer->in_c;
    w->next = (int32_t)stride * layer->in_c;
    uint32_t inner = (layer->pad_left + stride - 1) / stride;
    uint32_t end = padded < two ? 0 : (padded - two) / stride + 1;
    end = wick_window_least(end, layer->out_w - 1u);
    w->inner = (uint16_t)inner;
    w->inners = (uint16_t)(end > inner ? end - inner : 0);
    w->sums = scratch;
    w->end = (uint32_t *)scratch + wick_window_sums(layer) + 2 * w->steps;
}

/* The part at hand of one or two pixels from (oy, ox), the second perhaps in the next row. */
WICK_APART void wick_window_expand(const wick_window *w, uint32_t oy, uint32_t ox,
                                   uint32_t pixels) {
    const wick_layer *layer = w->layer;
    uint32_t rows = w->rows, top = rows, bottom = rows;
    if (w->taps & w->rows & 1) /* the tap without a partner */
        w->end[-2] = w->end[-1] = 0;
    if (pixels == 2 && ox - w->inner < w->inners) { /* the common case goes fast */
        int32_t x = (int32_t)(ox * layer->stride_w) - layer->pad_left;
        int32_t y = (int32_t)(oy * layer->stride_h + w->ky) - layer->pad_top;
        int32_t below = layer->in_h - y;
        top = y < 0 ? wick_window_least((uint32_t)-y, rows) : 0;
        bottom = below < 0 ? 0 : wick_window_least((uint32_t)below, rows);
        if (top < bottom)
            wick_window_two(w, top, bottom,
                            w->src + ((y + (int32_t)top - w->row0) * w->row + x * layer->in_c +
                                      (int32_t)w->tap));
        if (bottom - top == rows)
            return;
    }
    uint32_t even = w->taps & ~(uint32_t)1;
    uint32_t *dst = w->end - 2 * w->steps, *last = dst + rows * even;
    for (uint32_t i = 0; i < rows; i++, dst += even)
        for (uint32_t p = 0; p < pixels && (i < top || i >= bottom); p++)
            wick_window_row(w, i, oy, ox + p, dst + p, last + p);
}
#endif
