#include "sim/policy_worlds.h"

#include <assert.h>
#include <math.h>

enum {
    FINAL_RUNS = 4,      /* as many at last as in the search, at least */
    FINAL_PERIODS = 1500 /* that drawn traces have together: fewer, and luck decides */
};
static const double PIECE_PERIODS = 10;
static const double MOST_SAMPLES = 2e7; /* drawn, some 300 MB (curves: a gigabyte) */

static policy_worlds make(wick_arena *arena, const wick_judged *on, int drawn, int runs) {
    assert(on->phases >= 1);
    policy_worlds w = {.all = *on, .of_each = 1 + drawn};
    int n = on->n_traces * w.of_each;
    const wick_trace **traces = wick_new(arena, const wick_trace *, n);
    double piece_s = PIECE_PERIODS * on->workload.period_s;
    for (int t = 0; t < on->n_traces; t++) {
        traces[t * w.of_each] = on->traces[t];
        for (int i = 1; i <= drawn; i++)
            traces[t * w.of_each + i] =
                wick_trace_drawn(arena, on->traces[t], piece_s, (uint64_t)t, (uint64_t)i);
    }
    w.all.traces = traces;
    w.all.n_traces = n;
    w.all.phases = (runs + drawn) / w.of_each;
    return w;
}

/* Of each trace; long ones need fewer. */
static int most_drawn(const wick_judged *on) {
    double periods = 0, samples = 0;
    for (int t = 0; t < on->n_traces; t++) {
        periods += on->traces[t]->end_s / on->workload.period_s;
        samples += on->traces[t]->n;
    }
    return (int)fmin(ceil(FINAL_PERIODS / fmax(1, periods)), MOST_SAMPLES / samples);
}

policy_worlds policy_worlds_search(wick_arena *arena, const wick_judged *on) {
    int drawn = most_drawn(on);
    return make(arena, on, drawn < on->phases ? drawn : on->phases - 1, on->phases);
}

policy_worlds policy_worlds_final(wick_arena *arena, const wick_judged *on) {
    return make(arena, on, most_drawn(on), FINAL_RUNS * on->phases);
}

wick_judged policy_worlds_of(const policy_worlds *w, int trace) {
    wick_judged one = w->all;
    one.traces += trace * w->of_each;
    one.n_traces = w->of_each;
    one.first_run += trace * w->of_each * w->all.phases;
    return one;
}
