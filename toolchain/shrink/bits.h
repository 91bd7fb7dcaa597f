/* Which layers' weights get 4 bits: by what each does to the loss, within bytes. */
#ifndef WICK_BITS_H
#define WICK_BITS_H

#include "shrink/shrink.h"

typedef struct wick_bits_layer {
    const char *name; /* of the weights */
    int tensor;       /* in the float graph */
    int64_t bytes[2]; /* weights of 8 and of 4 bits as the device stores them when dense */
    double loss;      /* what 4 bits here alone add to the mean cross-entropy, summed over the
                         heads; may be below 0 */
    bool narrow;      /* 4 bits */
} wick_bits_layer;

/* The layers of a float graph in the order of its nodes, all of them wide, with what 4 bits in each
   alone do to the loss on `images` training images (`seed`: which). For 4 bits every output channel
   lies on the grid with the least squared error, of +-7 steps; quantization to int8 finds it again.
   *layers is in `arena`. Errors as wick_eval_tensors; RANGE: the loss is not finite. */
wick_status wick_bits_measure(const wick_graph *graph, const wick_data *data, int images,
                              uint64_t seed, wick_arena *arena, wick_bits_layer **layers, int *n,
                              wick_diag *diag);

/* Marks as narrow what makes the sum of bytes at most `budget` with the least sum of losses; exact,
   by dynamic programming over the bytes saved; of equal sums the fewest bytes. With all losses
   above 0 and a budget for 8 bits everywhere none is marked. NO_FIT: not even 4 bits everywhere
   fit, in which case nothing is changed. */
wick_status wick_bits_choose(wick_bits_layer *layers, int n, int64_t budget, wick_diag *diag);

/* What all narrow layers together add to the loss, beside the sum that the choice assumes. */
typedef struct wick_bits_effect {
    double sum;        /* of the narrow layers' losses */
    double together;   /* on the images that those were measured on */
    double validation; /* on all validation images, which had no part in the choice; NAN: none */
} wick_bits_effect;
/* `images` and `seed` as for measuring; the graph is the one that was measured, and stays as it is.
   Errors as wick_bits_measure. */
wick_status wick_bits_check(const wick_graph *graph, const wick_data *data, int images,
                            uint64_t seed, const wick_bits_layer *layers, int n,
                            wick_bits_effect *effect, wick_diag *diag);

/* Puts the weights of narrow layers on their grids, in place. */
void wick_bits_impose(wick_graph *graph, const wick_bits_layer *layers, int n);

#endif
