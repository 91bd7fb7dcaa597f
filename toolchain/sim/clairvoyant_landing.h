/* Where charges get to in an interval whose harvest depends on them (clairvoyant_gain.h): no shift
   of a lattice, but a place for each of its points. */
#ifndef WICK_CLAIRVOYANT_LANDING_H
#define WICK_CLAIRVOYANT_LANDING_H

#include "sim/clairvoyant_sweep.h"

/* [points] Index i ends at[i] - slack[i] steps from the end lattice's phase, 0 <= slack < 1; at
   never falls. */
typedef struct landing {
    int *at, points;
    float *slack;
    const float *below; /* of the end lattice, where it ends */
} landing;

/* Ways with an idle device (or one that is off) and with one that works; ends of what goes on
   behind an answer. */
typedef struct landings {
    landing still;        /* off all the time */
    landing idle[3];      /* on, at the end off; on; on, and maybe off for a while */
    landing work[2][3];   /* off, on at first; to the same ends */
    landing behind[3];    /* on: off; on; on, and not asleep for all of it. From any index's phase
                             without its `below`, with the most that any charge gets */
    int boots[2];         /* the first index that can come to a boot's charge; off, on at first */
    double *charges_uj;   /* scratch */
    bound_gain *gains[2]; /* off, on at first */
} landings;

landings landings_make(const bound *b, wick_arena *arena);
/* Of an interval. */
void landings_find(const bound *b, const interval *v, landings *l);
/* interval.end.below: so that a device which is off, or asleep all the time, comes from point to
   point. In `arena`; start.below as it is. */
void landing_carry(const bound *b, wick_arena *arena, interval *v, const landings *scratch);
/* The first index that comes to index `least` or higher with `paid` steps less. */
int landing_first(const bound *b, const landing *l, int least, double paid);
/* Where index i comes to with whole + part steps less: the first point that is no lower; behind the
   lattice `points`. */
static inline int landing_place(const landing *l, int i, int whole, float part) {
    float slack = l->slack[i] + part;
    int over = slack >= 1, at = l->at[i] - whole - over;
    at = at < 0 ? 0 : at < l->points ? at : l->points;
    return at + (l->below[at] > slack - (float)over);
}
/* The part beside the whole steps; a little less, so that a sum of floats is not more. */
static inline float landing_part(double steps, int whole) {
    double part = steps - whole - 1e-6;
    return part > 0 ? (float)part : 0;
}

#endif
