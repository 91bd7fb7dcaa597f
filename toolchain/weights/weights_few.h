/* What the packings of few weights and of weights of four bits share; formats: wick/few.h. */
#ifndef WICK_WEIGHTS_FEW_H
#define WICK_WEIGHTS_FEW_H

#include "weights/weights.h"

#include <wick/few.h>

uint32_t wick_few_words(const wick_layer *layer, wick_few format);
void wick_few_pack(const wick_layer *layer, wick_few format, uint32_t *dst);

/* Products that the format makes for one output pixel, all channels: its entries. */
uint32_t wick_few_entries(const wick_layer *layer, wick_few format);

/* All weights are in -8..7. */
int wick_few_is_nibbles(const wick_layer *layer);

#endif
