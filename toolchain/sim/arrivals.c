#include "sim/arrivals.h"

#include <math.h>
#include <string.h>

static double time_of_next(arrivals *a) {
    const wick_workload *w = a->workload;
    switch (w->arrivals) {
    case WICK_ARRIVALS_PERIODIC:
        return w->phase_s + a->count * w->period_s;
    case WICK_ARRIVALS_POISSON:
        /* 1 - u is never 0 */
        return a->next_s - w->period_s * log(1 - wick_rng_uniform_double(&a->times));
    case WICK_ARRIVALS_LISTED:
        break;
    }
    return a->count < w->n_times ? w->times_s[a->count] : INFINITY;
}

/* The i-th of a periodic or listed workload. */
static double time_of(const wick_workload *w, int i) {
    return time_of_next(&(arrivals){.workload = w, .count = i});
}

int wick_workload_inputs(const wick_workload *w, uint64_t seed, double duration_s) {
    if (w->arrivals == WICK_ARRIVALS_POISSON) {
        arrivals a = arrivals_begin(w, 1, seed);
        while (a.next_s < duration_s)
            arrivals_next(&a);
        return a.count;
    }
    /* Times increase: `early` inputs surely come, the one at `late` surely does not. */
    int early = 0, late = w->n_times;
    if (w->arrivals == WICK_ARRIVALS_PERIODIC)
        late = (int)fmin(fmax(0, (duration_s - w->phase_s) / w->period_s) + 2, INT32_MAX / 2);
    while (early < late) {
        int middle = early + (late - early) / 2;
        if (time_of(w, middle) < duration_s)
            early = middle + 1;
        else
            late = middle;
    }
    return early;
}

arrivals arrivals_begin(const wick_workload *workload, int n_samples, uint64_t seed) {
    arrivals a = {.workload = workload,
                  .times = wick_rng_seed(seed, 0x74696d65),
                  .samples = wick_rng_seed(seed, 0x73696d),
                  .n_samples = n_samples,
                  .next_s = workload->phase_s};
    a.next_s = time_of_next(&a);
    return a;
}

static bool is_urgent(const wick_workload *w, int id) {
    if (w->arrivals == WICK_ARRIVALS_LISTED && w->urgent)
        return w->urgent[id];
    return w->urgent_every > 0 && id % w->urgent_every == 0;
}

input arrivals_next(arrivals *a) {
    input in = {.id = a->count++,
                .sample = (int)wick_rng_below(&a->samples, (uint32_t)a->n_samples),
                .arrival_s = a->next_s};
    in.urgent = is_urgent(a->workload, in.id);
    a->next_s = time_of_next(a);
    return in;
}

static void remove_oldest(arrivals *a, int n, input *out) {
    memcpy(out, a->waiting, (size_t)n * sizeof *out);
    a->n_waiting -= n;
    memmove(a->waiting, a->waiting + n, (size_t)a->n_waiting * sizeof *a->waiting);
}

int arrivals_wait(arrivals *a, input in, bool in_work, input *out) {
    const wick_workload *w = a->workload;
    int pushed = 0,
        room = w->max_waiting + (in_work ? 0 : 1); /* the next one is as good as begun */
    if (w->rule == WICK_INPUT_REPLACE) {
        pushed = a->n_waiting;
        remove_oldest(a, pushed, out);
    } else if (a->n_waiting >= room && w->rule == WICK_INPUT_DROP_OLD && room > 0) {
        pushed = a->n_waiting - room + 1;
        remove_oldest(a, pushed, out);
    } else if (a->n_waiting >= room) {
        out[0] = in;
        return 1;
    }
    a->waiting[a->n_waiting++] = in;
    return pushed;
}

input arrivals_take(arrivals *a) {
    input first = {.id = -1};
    if (a->n_waiting)
        remove_oldest(a, 1, &first);
    return first;
}
