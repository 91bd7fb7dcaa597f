/* SPDX-License-Identifier: 0BSD */
/* The body of fc_s8_w16 and fc_s8_w8. The input is coded once for all outputs (squares.h), a chunk
   at a time where it is long; the sums of up to WICK_FC_OUTPUTS outputs wait in scratch meanwhile.
   Packed weights are in the order of the inputs. */
#ifndef WICK_SQUARES_FC_H
#define WICK_SQUARES_FC_H

#include <wick/squares_round.h>

/* Both a multiple of 4. */
enum { WICK_FC_CODES = 512, WICK_FC_OUTPUTS = 32 };

static inline int wick_fc_fits(const wick_layer *layer) {
    uint32_t pixels = (uint32_t)layer->in_h * layer->in_w;
    return pixels != 0 && pixels <= 65535 && layer->in_c != 0 && layer->out_c != 0 &&
           pixels * layer->in_c <= 65535;
}

static inline uint32_t wick_fc_bytes(const wick_layer *layer) {
    uint32_t inputs = (uint32_t)layer->in_h * layer->in_w * layer->in_c;
    uint32_t codes = inputs < WICK_FC_CODES ? (inputs + 3) & ~UINT32_C(3) : WICK_FC_CODES;
    return 4u * WICK_FC_OUTPUTS + 2 * codes;
}

/* Adds the products of inputs from t on to m sums; words: the first one's. If wide, two outputs
   share a record, unless the second does not exist. */
static inline void wick_fc_add(const wick_squares_window *at, unsigned t, const uint32_t *words,
                               unsigned record, unsigned m, int last_alone, int wide,
                               uint32_t *sums) {
    if (!wide) {
        for (; m; m--, words += record, sums++)
            *sums = wick_squares_dot8(at, words + WICK_SQUARES_WORDS + t / 4u, *sums);
        return;
    }
    for (; m > (unsigned)last_alone; m -= m < 2u ? m : 2u, words += record, sums += 2)
        wick_squares_dot16x2(at, words + 2u * WICK_SQUARES_WORDS + t, sums);
    if (m)
        *sums = wick_squares_dot16(at, words + WICK_SQUARES_WORDS + t / 2u, *sums);
}

static inline void wick_squares_fc(const wick_layer *layer, const int8_t *src, unsigned first,
                                   unsigned count, int8_t *dst, void *scratch, int wide) {
    uint32_t *sums = scratch;
    uint16_t *codes = (uint16_t *)(sums + WICK_FC_OUTPUTS);
    unsigned inputs = (unsigned)layer->in_h * layer->in_w * layer->in_c;
    unsigned record = wick_squares_record(inputs, wide), end = first + count, n = 0;
    unsigned c = wide ? first & ~1u : first;
    const uint32_t *words = layer->packed + (wide ? c / 2u : c) * record;
    const wick_squares_rounding rounding = wick_squares_rounding_of(layer, record, wide ? 2u : 1u);
    wick_squares_window at = {.x = codes};
    while (c < end) {
        unsigned m = end - c < WICK_FC_OUTPUTS ? end - c : WICK_FC_OUTPUTS;
        int alone = m % 2u && c + m == layer->out_c;
        for (unsigned i = 0; i < WICK_FC_OUTPUTS; i++)
            sums[i] = 0;
        if (n != inputs) /* else the codes of all inputs are still there */
            at.square = 0;
        for (unsigned t = 0; t < inputs; t += n) {
            if (n != inputs) {
                n = inputs - t < WICK_FC_CODES ? inputs - t : WICK_FC_CODES;
                at.square = wick_squares_expand(src + t, n, wide, codes, at.square);
                at.end = codes + n;
                at.skip = wick_squares_skip(n, wide);
            }
            wick_fc_add(&at, t, words, record, m, alone, wide, sums);
        }
        for (unsigned i = 0; i < m; i++, c++) {
            const uint32_t *own = wide ? words + c % 2u * WICK_SQUARES_WORDS : words;
            if (c >= first) {
                uint32_t a = wick_minus(wick_plus(sums[i], own[0]), at.square);
                *dst++ = (int8_t)wick_squares_finish(wick_half(a), own + 1, &rounding);
            }
            if (!wide || c % 2u)
                words += record;
        }
    }
}

#endif
