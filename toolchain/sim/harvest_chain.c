#include "sim/harvest_chain.h"

#include "sim/supply.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One step of one trace. */
typedef struct observed {
    double recent_uw, uj;
    bool last; /* of its trace */
} observed;

typedef struct observations {
    observed *list;
    int n;
} observations;

/* What arrives from t to t + step, both inside the trace, in usable µJ; *sample moves along. */
static double step_uj(const supply *s, int *sample, double t, double step_s) {
    double uj = 0, end_s = t + step_s;
    while (t < end_s) {
        double until_s = fmin(end_s, supply_end_s(s, *sample));
        uj += s->arrives_uw[SUPPLY_WARM][*sample] * (until_s - t);
        t = until_s;
        if (t < end_s && ++*sample == s->trace->n)
            break;
    }
    return uj;
}

static wick_status observe(wick_arena *arena, const wick_plan *plan, const wick_trace *trace,
                           const wick_harvester *harvester, double step_s, double memory_s,
                           observations *out, wick_diag *diag) {
    const wick_device *d = plan->device;
    store cap = store_make(d, plan->options.capacitor_uf, d->capacitor.off_v);
    supply s;
    WICK_TRY(supply_make(arena, trace, harvester, &cap, d->capacitor.on_v, &s, diag));
    supply_remember(&s, memory_s);
    double eff = d->capacitor.efficiency;
    double before_uw = supply_recent_uw(&s, trace->n - 1, trace->end_s, 0);
    int steps = (int)(trace->end_s / step_s), sample = 0;
    for (int i = 0; i < steps; i++) {
        double t = i * step_s;
        while (sample < trace->n - 1 && supply_end_s(&s, sample) <= t)
            sample++;
        out->list[out->n++] =
            (observed){.recent_uw = eff * supply_recent_uw(&s, sample, t, before_uw),
                       .uj = eff * step_uj(&s, &sample, t, step_s),
                       .last = i == steps - 1};
    }
    return WICK_OK;
}

static int ascending(const void *a, const void *b) {
    double x = ((const observed *)a)->recent_uw, y = ((const observed *)b)->recent_uw;
    return (x > y) - (x < y);
}

int harvest_chain_bin(const harvest_chain *chain, double recent_uw) {
    int i = 0;
    while (i < chain->n - 1 && recent_uw >= chain->threshold_uw[i])
        i++;
    return i;
}

/* Quantiles that differ. */
static void set_bins(harvest_chain *chain, const observations *seen, int bins, wick_arena *arena) {
    observed *sorted = wick_new(arena, observed, seen->n);
    memcpy(sorted, seen->list, (size_t)seen->n * sizeof *sorted);
    qsort(sorted, (size_t)seen->n, sizeof *sorted, ascending);
    double whole_uj = 0, weight = 0;
    for (int i = 0; i < seen->n; i++)
        whole_uj += sorted[i].uj;
    chain->n = 1;
    for (int i = 0, b = 1; i < seen->n && b < bins; i++) {
        weight += 0.5 / seen->n + (whole_uj > 0 ? 0.5 * sorted[i].uj / whole_uj : 0);
        double before = chain->n > 1 ? chain->threshold_uw[chain->n - 2] : sorted[0].recent_uw;
        if (weight < (double)b / bins || sorted[i].recent_uw <= before + 1)
            continue;
        chain->threshold_uw[chain->n++ - 1] = sorted[i].recent_uw;
        b = (int)(weight * bins) + 1;
    }
}

static void count(harvest_chain *chain, const observations *seen) {
    double times[CHAIN_BINS][CHAIN_BINS] = {{0}}, uj[CHAIN_BINS][CHAIN_BINS] = {{0}};
    double whole[CHAIN_BINS] = {0}, row_uj[CHAIN_BINS] = {0}, row[CHAIN_BINS] = {0};
    for (int i = 0; i < seen->n; i++) {
        int from = harvest_chain_bin(chain, seen->list[i].recent_uw);
        whole[from] += 1.0 / seen->n;
        row[from]++;
        row_uj[from] += seen->list[i].uj;
        if (seen->list[i].last)
            continue;
        int to = harvest_chain_bin(chain, seen->list[i + 1].recent_uw);
        times[from][to]++;
        uj[from][to] += seen->list[i].uj;
    }
    for (int i = 0; i < chain->n; i++) {
        double total = 1;
        for (int k = 0; k < chain->n; k++)
            total += times[i][k];
        for (int k = 0; k < chain->n; k++) {
            chain->p[i][k] = (times[i][k] + whole[k]) / total;
            double mean = row[i] > 0 ? row_uj[i] / row[i] : 0;
            chain->uj[i][k] = (uj[i][k] + mean) / (times[i][k] + 1);
        }
    }
}

wick_status harvest_chain_fit(const wick_plan *plan, const wick_trace *const *traces, int n_traces,
                              const wick_harvester *harvester, double step_s, double memory_s,
                              int bins, harvest_chain *out, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_harvester own = wick_device_harvester(plan->device);
    observations seen = {0};
    size_t most = 0;
    for (int i = 0; i < n_traces; i++)
        most += (size_t)(traces[i]->end_s / step_s) + 1;
    wick_status status = WICK_OK;
    if (most > 50000000)
        status = wick_fail(diag, WICK_RANGE, NULL, "trace", "take a longer period, or less of it",
                           "%zu steps of %g s are too many", most, step_s);
    seen.list = wick_new(arena, observed, status == WICK_OK ? most : 1);
    for (int i = 0; i < n_traces && status == WICK_OK; i++)
        status = observe(arena, plan, traces[i], harvester ? harvester : &own, step_s, memory_s,
                         &seen, diag);
    if (status == WICK_OK && seen.n < 3 * bins)
        status = wick_fail(diag, WICK_RANGE, n_traces ? traces[0]->path : NULL, "trace",
                           "give longer traces, or more of them",
                           "%d steps of %g s say too little of the harvest", seen.n, step_s);
    if (status == WICK_OK) {
        *out = (harvest_chain){.step_s = step_s};
        set_bins(out, &seen, bins, arena);
        count(out, &seen);
    }
    wick_arena_free(arena);
    return status;
}

int harvest_chain_next(const harvest_chain *chain, int bin, wick_rng *rng) {
    double draw = wick_rng_uniform_double(rng);
    int to = 0;
    while (to < chain->n - 1 && draw >= chain->p[bin][to])
        draw -= chain->p[bin][to++];
    return to;
}

wick_trace *harvest_chain_sample(wick_arena *arena, const harvest_chain *chain,
                                 const wick_device *device, int steps, uint64_t seed,
                                 uint8_t **bins) {
    wick_trace *out = wick_new(arena, wick_trace, 1);
    double factor = device->capacitor.efficiency * device->capacitor.input_efficiency;
    wick_rng rng = wick_rng_seed(seed, 0);
    *out = (wick_trace){.n = steps,
                        .time_s = wick_new(arena, double, steps),
                        .power_uw = wick_new(arena, double, steps),
                        .end_s = steps * chain->step_s,
                        .path = "chain",
                        .quantity = "power"};
    *bins = wick_new(arena, uint8_t, steps);
    for (int i = 0, bin = 0; i < steps; i++) {
        int to = harvest_chain_next(chain, bin, &rng);
        (*bins)[i] = (uint8_t)bin;
        out->time_s[i] = i * chain->step_s;
        out->power_uw[i] = chain->uj[bin][to] / chain->step_s / factor;
        bin = to;
    }
    return out;
}
