/* Fragile layers (papers/3-freeml, SparseComp: one whose lowered density costs 5 points): found
   before any training, by what each array's zeros alone do to the validation accuracy. */
#ifndef WICK_FRAGILE_H
#define WICK_FRAGILE_H

#include "design/density.h"

/* What judges a change of a float network: at most so many validation images, evenly spaced, since
   some data sets come sorted by class. */
enum { WICK_FRAGILE_IMAGES = 1000 };

typedef struct wick_fragile {
    int array;        /* in wick_densities */
    const char *name; /* of the weights */
    double density;   /* what the rules would leave of it */
    double drop;      /* points that it costs, of the module that loses most */
    double keeps;     /* the least density, in steps of a tenth, that costs less than the limit: 1
                         where there is none below */
} wick_fragile;

/* min(n, most) numbers of a split's images, in `arena`; *n is how many. */
uint32_t *wick_images_spread(wick_arena *arena, const wick_data *data, wick_split split, int most,
                             int *n);

/* Of the arrays that `rules` thin (those of wick_densities_rules, with patterns), the ones that at
   least `points` of validation accuracy are lost by, each alone in a network that is dense
   otherwise; in `arena`. None where one rule is for all arrays. Errors as wick_eval_tensors. */
wick_status wick_fragile_find(const wick_graph *graph, const wick_data *data,
                              const wick_densities *densities, const wick_train_options *rules,
                              double points, wick_arena *arena, wick_fragile **fragile, int *n,
                              wick_diag *diag);

#endif
