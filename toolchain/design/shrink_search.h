/* Which combinations of means hold the budgets of memory and energy, known from their plans. */
#ifndef WICK_SHRINK_SEARCH_H
#define WICK_SHRINK_SEARCH_H

#include "design/candidate.h"
#include "design/design.h"

typedef struct wick_search_space {
    const wick_graph *network; /* collapsed */
    const wick_device *device;
    const wick_goal_options *options;
    const wick_budgets *budgets; /* resolved */
} wick_search_space;

enum { WICK_MAX_CANDIDATES = 64 };

/* For every share of channels, with and without separation, of 8 and of 4 bits: the largest density
   that fits, where a milder combination
   does not. Sorted by loss, the least first. *nearest is the
   one with the least excess of all that were planned. INTERRUPTED on a stop request. */
wick_status wick_shrink_search(const wick_search_space *space, wick_candidate *fitting, int *n,
                               wick_candidate *nearest, wick_diag *diag);

/* NO_FIT, with a diagnostic for each, when a budget lies below the least that any combination takes
   of it alone. */
wick_status wick_shrink_possible(const wick_search_space *space, wick_diag *diag);

#endif
