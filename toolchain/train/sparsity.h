/* Imposed sparsity: hard thresholding after every step of the optimiser (papers/3-freeml,
   SparseComp; Blumensath and Davies 2009, iterative hard thresholding). Weights that were set to
   zero go on to receive gradients and may come back. */
#ifndef WICK_SPARSITY_H
#define WICK_SPARSITY_H

#include <stddef.h>

/* Sets all but the `keep` elements of largest magnitude to zero; of equal ones at the border the
   first in the array stay. keep >= count: nothing. The elements are finite. */
void wick_sparse_keep(float *w, size_t count, size_t keep);

/* How many of `count` weights a density in (0, 1] keeps: rounded up, so at least 1 of at least 1.
 */
size_t wick_sparse_count(size_t count, double density);

#endif
