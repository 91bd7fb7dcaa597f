/* Which combinations of means hold the budgets of memory and energy, known from their plans. */
#ifndef WICK_SHRINK_SEARCH_H
#define WICK_SHRINK_SEARCH_H

#include "design/candidate.h"
#include "design/design.h"

typedef struct wick_search_space {
    wick_material *material; /* scored by the search where channels go, weighed where energy is
                                short */
    const wick_goal_options *options;
    const wick_budgets *budgets; /* resolved */
} wick_search_space;

enum { WICK_MAX_CANDIDATES = 160 };

/* For every share of channels, of each layer by magnitude or Taylor score (wick_material_thin) and
   (where the budget of energy does not hold) by energy, whole and with either separation: with 8
   bits the largest density that fits, of single
   weights and in blocks; with 8 and 4 bits the most bytes of weights; with 4 bits the largest
   density; where a milder combination does not fit. Sorted by loss, the least first. *nearest is
   the one with the least excess of all that were planned. INTERRUPTED on a stop request. */
wick_status wick_shrink_search(const wick_search_space *space, wick_candidate *fitting, int *n,
                               wick_candidate *nearest, wick_diag *diag);

/* Makes what is fragile under a fitting candidate's zeros (fragile.h) as dense as it has to be, and
   the rest so much sparser that the budgets hold again; this may make others fragile, and so on.
   Where the rest cannot pay for that, the candidate stays as it was. Does nothing without zeros. */
wick_status wick_shrink_protect(const wick_search_space *space, wick_candidate *candidate,
                                wick_diag *diag);

/* NO_FIT, with a diagnostic for each, when a budget lies below the least that any combination takes
   of it alone. */
wick_status wick_shrink_possible(const wick_search_space *space, wick_diag *diag);

#endif
