#include "sim/policy_inputs.h"
#include "sim/arrivals.h"

#include <math.h>

static const double *periodic(wick_arena *arena, const wick_workload *w, double end_s, int *n) {
    *n = (int)ceil(end_s / w->period_s);
    double *times_s = wick_new(arena, double, *n);
    for (int i = 0; i < *n; i++)
        times_s[i] = i * w->period_s;
    return times_s;
}

static const double *poisson(wick_arena *arena, const wick_workload *w, double end_s, int run,
                             int *n) {
    wick_workload drawn = *w;
    drawn.phase_s = 0;
    uint64_t seed = wick_sim_defaults().seed + (uint64_t)run;
    arrivals a = arrivals_begin(&drawn, 1, seed);
    for (*n = 0; a.next_s < end_s; ++*n)
        arrivals_next(&a);
    double *times_s = wick_new(arena, double, *n + 1);
    a = arrivals_begin(&drawn, 1, seed);
    for (int i = 0; i < *n; i++)
        times_s[i] = arrivals_next(&a).arrival_s;
    return times_s;
}

const uint8_t *policy_inputs_urgent(wick_arena *arena, const wick_workload *w, double end_s,
                                    double start_s) {
    if (w->arrivals != WICK_ARRIVALS_LISTED || !w->urgent)
        return NULL;
    uint8_t *urgent = wick_new(arena, uint8_t, w->n_times + 1);
    int n = 0;
    for (int around = 0; around < 2; around++)
        for (int i = 0; i < w->n_times; i++)
            if (w->times_s[i] < end_s && (w->times_s[i] < start_s) == around)
                urgent[n++] = w->urgent[i];
    return urgent;
}

static const double *listed(wick_arena *arena, const wick_workload *w, double end_s, double start_s,
                            int *n) {
    double *times_s = wick_new(arena, double, w->n_times + 1);
    *n = 0;
    for (int i = 0; i < w->n_times; i++)
        if (w->times_s[i] >= start_s && w->times_s[i] < end_s)
            times_s[(*n)++] = w->times_s[i] - start_s;
    for (int i = 0; i < w->n_times && w->times_s[i] < start_s; i++)
        times_s[(*n)++] = w->times_s[i] + (end_s - start_s);
    return times_s;
}

const double *policy_inputs_list(wick_arena *arena, const wick_workload *workload, double end_s,
                                 double start_s, int run, int *n) {
    switch (workload->arrivals) {
    case WICK_ARRIVALS_POISSON:
        return poisson(arena, workload, end_s, run, n);
    case WICK_ARRIVALS_LISTED:
        return listed(arena, workload, end_s, start_s, n);
    case WICK_ARRIVALS_PERIODIC:
        break;
    }
    return periodic(arena, workload, end_s, n);
}
