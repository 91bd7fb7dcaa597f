/* How many weights each array keeps where the whole network keeps a share: layer-adaptive magnitude
   pruning (Lee, Park, Mo, Ahn, Shin, ICLR 2021). A weight's score is its square over the sum of the
   squares in its array that are not smaller; the largest scores of all arrays stay. So every array
   keeps at least its largest weight, and small layers stay denser. */
#ifndef WICK_DENSITY_H
#define WICK_DENSITY_H

#include "train/train.h"

typedef struct wick_densities {
    int n; /* arrays, as wick_train_weights has them */
    const char **names;
    size_t *counts; /* [n] */
    float **scores; /* [n][counts] ascending */
    float *all;     /* [total] ascending */
    size_t total;
    wick_arena *arena;
} wick_densities;

/* Of a float graph with finite weights. Free with wick_densities_free. */
wick_densities *wick_densities_of(const wick_graph *graph);
void wick_densities_free(wick_densities *densities);

/* How many of array i stay at a density in (0, 1]: at least 1 where there is a weight. */
size_t wick_densities_keep(const wick_densities *densities, double density, int i);

/* A name as a pattern of rules that matches nothing else. */
const char *wick_pattern_of(const char *name, wick_arena *arena);
/* Makes that the rules for sparsity of `options`, one for each array; one for all of them where
   there are more than WICK_MAX_SPARSE. Patterns are in `arena`. No rules at density 1. */
void wick_densities_rules(const wick_densities *densities, double density, wick_arena *arena,
                          wick_train_options *options);

#endif
