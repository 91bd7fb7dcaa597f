/* Imposed sparsity: hard thresholding after every step of the optimiser (papers/3-freeml,
   SparseComp; Blumensath and Davies 2009, iterative hard thresholding), of single weights, or of
   groups of them that the kernels like. Weights that were set to zero go on to receive gradients
   and may come back. */
#ifndef WICK_SPARSITY_H
#define WICK_SPARSITY_H

#include "train/train.h"

#include <stddef.h>
#include <stdint.h>

/* Sets all but the `keep` elements of largest magnitude to zero; of equal ones at the border the
   first in the array stay. keep >= count: nothing. The elements are finite. */
void wick_sparse_keep(float *w, size_t count, size_t keep);

/* How many of `count` weights a density in (0, 1] keeps: rounded up, so at least 1 of at least 1.
 */
size_t wick_sparse_count(size_t count, double density);

/* The weights of one array: those of `rows` output channels, each [inputs][taps]. */
typedef struct wick_sparse_array {
    size_t rows, inputs, taps;
    size_t stored;         /* floats of the array in its layout, padding (zeros) included */
    const uint32_t *place; /* [rows * inputs * taps]: where in the array each weight stands; NULL:
                              in this order, without padding. Unstructured rules do without */
} wick_sparse_array;

/* Sets to zero what the rule leaves out. What is kept or goes together is a group: the weights of
   `block` neighbouring rows (the last block may have fewer) for the same input and tap, as large as
   their L2 norm. Of all groups, or of every m inputs in a row of a block at one tap, the largest
   stay; of equal ones the first. With D the rule's density (n / m), they are
       wick_sparse_count(groups, D + (1 - D) * excess), excess in [0, 1]. */
void wick_sparse_impose(float *w, const wick_sparse_array *array, const wick_sparse_rule *rule,
                        double excess);

#endif
