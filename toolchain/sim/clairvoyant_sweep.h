/* Backward induction of the clairvoyant (clairvoyant.h). */
#ifndef WICK_CLAIRVOYANT_SWEEP_H
#define WICK_CLAIRVOYANT_SWEEP_H

#include "sim/arrivals.h"
#include "sim/supply.h"
#include "sim/work_items.h"

/* Charges at an instant: phase + i * step, i = 0 .. points - 1, absolute energies of the capacitor;
   [0] off, [1] on. */
typedef struct lattice {
    double step_uj, phase_uj[2];
} lattice;

typedef struct interval {
    double decay;             /* what leakage leaves of a charge */
    double gain_uj, gross_uj; /* harvest: what is left of it at the end; without leakage */
    double sleep_uj;          /* of a device that stays on, as it counts at the end */
    int most_work;            /* levels that its power allows */
    lattice start, end;       /* end: start moved along; the next start, or replaced by it */
} interval;

typedef struct bound {
    int n_modules, n, slots; /* intervals; of a period */
    int deadline, most_open; /* slots; inputs outstanding at most */
    bool drops_new; /* a device that is off keeps most_open inputs, the oldest, and no new one */
    int points, most_levels;
    double end_s, dt_s, lambda, cap_uj, on_uj, off_uj, boot_uj, sleep_uw;
    double most_uw, least_uw;           /* that work draws */
    double step_uj, work_uj;            /* of charge; of work: a level */
    int need[1 + WICK_MAX_HEADS];       /* whole levels of W_k */
    double rest_uj[1 + WICK_MAX_HEADS]; /* and what it takes beside them */
    interval *intervals;                /* [n] */
    float *reward;                      /* [inputs][modules] */
} bound;

/* The value of a device that is off with start_uj before the first input arrives. */
double bound_sweep(const bound *b, wick_arena *arena, double start_uj);

#endif
