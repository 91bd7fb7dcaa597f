/* What the weights of the kernels *_w16 and *_w8 have in common: records of four words a channel
   and codes, see runtime/include/wick/squares.h. */
#ifndef WICK_WEIGHTS_SQUARES_H
#define WICK_WEIGHTS_SQUARES_H

#include "weights/weights.h"

/* Words of n channels of `taps` weights each, bits (8 or 16) a weight. */
uint32_t wick_squares_words(uint32_t n, uint32_t taps, uint32_t bits);

/* Weight t of channel c in the kernel's order of taps. */
typedef int8_t wick_squares_weight(const wick_layer *layer, uint32_t c, uint32_t t);

/* The record of channel c alone, or with the next one. */
void wick_squares_pack_record(const wick_layer *layer, uint32_t taps, uint32_t bits,
                              wick_squares_weight *weight, uint32_t c, uint32_t both,
                              uint32_t *dst);
/* All records. */
void wick_squares_pack(const wick_layer *layer, uint32_t taps, uint32_t bits,
                       wick_squares_weight *weight, uint32_t *dst);

#endif
