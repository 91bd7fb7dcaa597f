/* What the packings of blocks of output channels share; the format: wick/block.h. */
#ifndef WICK_WEIGHTS_BLOCK_H
#define WICK_WEIGHTS_BLOCK_H

#include "weights/weights.h"

#include <wick/block.h>

uint32_t wick_block_words(const wick_layer *layer);
void wick_block_pack(const wick_layer *layer, uint32_t *dst);

/* Pairs of entries of all blocks: each is eight products for one output pixel. */
uint32_t wick_block_pairs(const wick_layer *layer);

#endif
