/* Squares, rounding constants and codes for the kernels *_w16 and *_w8. */
#include "weights/weights_squares.h"

#include <string.h>

#include <wick/squares.h>

uint32_t wick_squares_words(uint32_t n, uint32_t taps, uint32_t bits) {
    if (bits == 8)
        return n * (WICK_SQUARES_WORDS + (taps + 3) / 4);
    return n / 2 * (2 * WICK_SQUARES_WORDS + taps) + n % 2 * (WICK_SQUARES_WORDS + (taps + 1) / 2);
}

/* A channel's words: minus the sum of its squares, the bias, c and d of squares_round.h. */
static void channel_words(const wick_layer *layer, uint32_t c, uint32_t squares, uint32_t *dst) {
    uint64_t factor = (uint64_t)(uint32_t)layer->mult[c] << layer->shift[c]; /* 2^32 / D */
    uint64_t d = (UINT64_C(1) << 47) / factor;
    int twice = 2 * (layer->out_zp - layer->clamp_min) + 1; /* 2 (out_zp - clamp_min + 1/2) */
    dst[0] = 0u - squares;
    dst[1] = layer->bias ? (uint32_t)layer->bias[c] : 0;
    if (twice < 0 || d < UINT64_C(1) << 16 || d >= UINT64_C(1) << 30) {
        dst[2] = (uint32_t)layer->mult[c];
        dst[3] = layer->shift[c];
        return;
    }
    dst[2] = (uint32_t)((((uint64_t)twice << 39) + factor - 1) / factor);
    dst[3] = (uint32_t)d;
}

/* Code i of an array that begins zeroed. */
static void put16(uint32_t *codes, uint32_t i, int8_t w) {
    codes[i / 2] |= (uint32_t)(uint16_t)(2 * w) << 16 * (i % 2);
}

static void put8(uint32_t *codes, uint32_t i, int8_t w) {
    codes[i / 4] |= (uint32_t)(uint8_t)(w + 127) << 8 * (i % 4);
}

void wick_squares_pack_record(const wick_layer *layer, uint32_t taps, uint32_t bits,
                              wick_squares_weight *weight, uint32_t c, uint32_t both,
                              uint32_t *dst) {
    uint32_t *codes = dst + both * WICK_SQUARES_WORDS;
    memset(dst, 0, (both * WICK_SQUARES_WORDS + (taps * both * (bits / 8) + 3) / 4) * sizeof *dst);
    for (uint32_t k = 0; k < both; k++, c++) {
        uint32_t squares = 0;
        for (uint32_t t = 0; t < taps; t++) {
            int8_t w = weight(layer, c, t);
            squares += (uint32_t)(w * w);
            if (bits == 8)
                put8(codes, t, w);
            else
                put16(codes, t * both + k, w);
        }
        channel_words(layer, c, squares, dst + k * WICK_SQUARES_WORDS);
    }
}

void wick_squares_pack(const wick_layer *layer, uint32_t taps, uint32_t bits,
                       wick_squares_weight *weight, uint32_t *dst) {
    for (uint32_t c = 0; c < layer->out_c;) {
        uint32_t both = bits == 16 && c + 1 < layer->out_c ? 2 : 1;
        wick_squares_pack_record(layer, taps, bits, weight, c, both,
                                 dst + wick_squares_words(c, taps, bits));
        c += both;
    }
}
