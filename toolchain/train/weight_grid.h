/* Weights on the grid that quantization will put them on: training for it (straight-through
   estimator: Bengio, Leonard and Courville 2013; the grid recomputed at every step, as in Jacob et
   al., CVPR 2018) and the scales that the quantizer itself chooses. */
#ifndef WICK_WEIGHT_GRID_H
#define WICK_WEIGHT_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Scale of one output channel's weights w[0, count) for symmetric integers of `bits` (2..8) bits,
   +-(2^(bits-1) - 1): of 8 bits the largest magnitude over 127, of fewer the one with the least
   squared error of clipping at 0.5, 0.55 ... 1 times the largest magnitude; ties go to the
   largest. Weights that are on such a grid already, and reach its end, keep it. 0 when all
   weights are 0. The weights are finite. */
double wick_weight_scale(const float *w, size_t count, int bits);

/* Rounds one channel's weights to its grid, in place. */
void wick_weight_to_grid(float *w, size_t count, int bits);

/* Which elements of an array in some layout belong to which channel: a permutation. */
typedef struct wick_weight_rows {
    size_t rows, count; /* channels; elements of one */
    uint32_t *place;    /* [rows * count]: of element i of channel r at r * count + i */
} wick_weight_rows;

/* The same for all channels of an array, through `scratch` [count of a channel]. */
void wick_weights_to_grid(float *w, const wick_weight_rows *rows, int bits, float *scratch);

#endif
