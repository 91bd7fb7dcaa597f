/* The inputs of a workload as they come, and those that wait. */
#ifndef WICK_ARRIVALS_H
#define WICK_ARRIVALS_H

#include "sim/sim.h"

typedef struct input {
    int id, sample; /* id -1: none */
    double arrival_s;
    bool urgent;
} input;

typedef struct arrivals {
    const wick_workload *workload;
    wick_rng times, samples; /* streams of their own: one does not shift the other */
    int n_samples, count;
    double next_s; /* INFINITY when no more come */
    input waiting[WICK_MAX_WAITING + 1];
    int n_waiting;
} arrivals;

arrivals arrivals_begin(const wick_workload *workload, int n_samples, uint64_t seed);
/* The input that arrives at next_s; moves on to the one after. */
input arrivals_next(arrivals *a);
/* Lets it wait by the rule. Returns how many inputs were pushed out into `out` (room for
   WICK_MAX_WAITING + 1), which may be the new one. Under REPLACE it waits alone. in_work: whether
   an input is in work. */
int arrivals_wait(arrivals *a, input in, bool in_work, input *out);
/* The oldest that waits, removed; id -1 when none does. */
input arrivals_take(arrivals *a);

#endif
