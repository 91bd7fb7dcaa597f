/* How fine the clairvoyant's grid can be for what may be spent on it (clairvoyant.h, effort). */
#ifndef WICK_CLAIRVOYANT_GRID_H
#define WICK_CLAIRVOYANT_GRID_H

#include "sim/clairvoyant_sweep.h"

/* Of the coarsest grid, more than this is refused. */
enum { BOUND_LONGEST = 16 };

/* About how many values a sweep over the grid looks at; rows, points and n of `b` are set. */
double bound_effort(const bound *b);
/* What is allowed goes into the larger of effort and memory so many times; 0: no limit. */
double bound_excess(const bound *b, double effort);
/* Bytes that such an effort allows; INFINITY without a limit. */
double bound_bytes(double effort);
/* Makes a grid coarser that b was made for; it bounds as well, only less tightly. False: it is as
   coarse as it can be. */
bool bound_coarsen(const bound *b, wick_clairvoyant_options *grid);

#endif
