#include "sim/policy_budget.h"
#include "sim/policy_rows.h"

#include <math.h>
#include <string.h>

/* EXTRACTING: `best` of the extractor's stages. */
enum { HARVESTS = 8, TIMES = 6, EXTRACTING = -1 };

typedef struct drawing {
    const policy_budget *rule;
    const policy_budget_device *device;
    const double *energy_uj;
    double full_uj, period_s, deadline_s;
    int n;
    double charge_uj[CHARGE_BINS], harvest_uw[HARVESTS], time_s[TIMES]; /* that stand for a bin */
    uint8_t (*rows)[ROW_BYTES];
} drawing;

/* The largest module from `from` to `to` whose energy x factor is there; 0. */
static int fits(const drawing *d, int from, int to, double factor, double uj) {
    for (int k = from; k <= to; k++)
        if (d->energy_uj[k] * factor <= uj)
            return k;
    return 0;
}

/* The last module is the smallest. */
static int extract(const drawing *d, int level, double charge_uj, double uj, double left_s) {
    const policy_budget *r = d->rule;
    double need_uj = d->energy_uj[0] * (1 - (double)level / WICK_TABLE_LEVELS) + d->energy_uj[d->n];
    if (need_uj * r->hold <= uj || charge_uj >= r->full * d->full_uj)
        return 1;
    return left_s < r->hurry * d->deadline_s ? 0 : WICK_POLICY_WAIT;
}

/* After an answer. */
static int more(const drawing *d, int best, double charge_uj, double uj, double left_s) {
    const policy_budget *r = d->rule;
    int k = isinf(r->second) ? 0 : fits(d, r->largest, best - 1, r->second, uj);
    if (k || isinf(r->extra) || r->largest >= best)
        return k;
    if (charge_uj >= r->extra * d->full_uj) {
        k = fits(d, r->largest, best - 1, 1, uj);
        return k ? k : best - 1;
    }
    return left_s > d->deadline_s - d->period_s ? WICK_POLICY_WAIT : 0;
}

static int decide(const drawing *d, int best, int working, int level, double charge_uj, double uj,
                  double left_s) {
    const policy_budget *r = d->rule;
    if (best == EXTRACTING)
        return extract(d, level, charge_uj, uj, left_s);
    if (working) {
        double left = 1 - (level + 0.5) / WICK_TABLE_LEVELS;
        if (!(d->energy_uj[working] * left > r->give_up * uj))
            return working;
        int last = best ? best - 1 : d->n;
        int less = fits(d, working + 1, last, 1, uj);
        return less ? less : !best && working < d->n ? d->n : working;
    }
    if (best)
        return more(d, best, charge_uj, uj, left_s);
    int k = fits(d, r->largest, d->n, r->first, uj);
    return k ? k : r->otherwise;
}

/* Off instead of that, where sleeping to the wake voltage would cost more. To work with little
   charge is to sleep too: the engine waits for what the next span needs. */
static bool goes_off(const drawing *d, int action, double charge_uj, double harvest_uw) {
    const policy_budget *r = d->rule;
    const policy_budget_device *device = d->device;
    bool waits = action == WICK_POLICY_WAIT || (action && charge_uj < r->low * d->full_uj);
    return waits &&
           harvest_uw * device->boot_uj < r->off * device->sleep_uw * (device->wake_uj - charge_uj);
}

static void fill(drawing *d, int best, int working, int level) {
    int stage = level;
    if (best != EXTRACTING)
        stage = (int)wick_policy_stage((uint32_t)d->n, (uint32_t)best, (uint32_t)working,
                                       (uint32_t)level);
    for (int t = 0; t < TIMES; t++)
        for (int h = 0; h < HARVESTS; h++) {
            uint8_t *row = d->rows[(stage * TIMES + t) * HARVESTS + h];
            for (int c = 0; c < CHARGE_BINS; c++) {
                double uj = d->charge_uj[c] + d->rule->trust * d->harvest_uw[h] * d->time_s[t];
                int action = decide(d, best, working, level, d->charge_uj[c], uj, d->time_s[t]);
                if (goes_off(d, action, d->charge_uj[c], d->harvest_uw[h]))
                    action = WICK_POLICY_OFF;
                row[c / 2] |= (uint8_t)(action << (c & 1 ? 4 : 0));
            }
        }
}

static uint32_t rounded(double value) {
    return (uint32_t)fmin(fmax(0, round(value)), UINT32_MAX - 1.0);
}

/* Thresholds first x ratio^i, unit of the table / unit of `middle`; bins stand for their geometric
   middles. */
static void geometric(uint32_t *thresholds, double *middle, int bins, double first, double ratio,
                      double unit) {
    memset(thresholds, 0xff, (WICK_TABLE_BINS - 1) * sizeof *thresholds);
    for (int i = 0; i < bins; i++) {
        if (i < bins - 1) {
            uint32_t least = i ? thresholds[i - 1] + 1 : 1, at = rounded(first * unit);
            thresholds[i] = at > least ? at : least;
        }
        middle[i] = first / sqrt(ratio);
        first *= ratio;
    }
}

wick_synthesised policy_budget_table(wick_arena *arena, const policy_budget *rule, int n_modules,
                                     const policy_budget_device *device, double period_s,
                                     double deadline_s) {
    const double *energy_uj = device->energy_uj, full_uj = device->full_uj;
    wick_synthesised out = {0};
    wick_policy_table *t = &out.table;
    t->n_modules = (uint8_t)n_modules;
    t->n_charge = CHARGE_BINS;
    t->n_harvest = HARVESTS;
    t->n_time = TIMES;
    drawing d = {.rule = rule,
                 .device = device,
                 .energy_uj = energy_uj,
                 .full_uj = full_uj,
                 .period_s = period_s,
                 .deadline_s = deadline_s,
                 .n = n_modules};
    memset(t->charge_uj, 0xff, sizeof t->charge_uj);
    for (int c = 0; c < CHARGE_BINS; c++) {
        d.charge_uj[c] = full_uj * (c + 0.5) / CHARGE_BINS;
        if (c)
            t->charge_uj[c - 1] = rounded(full_uj * c / CHARGE_BINS) + (uint32_t)c;
    }
    double least_uj = INFINITY, most_uj = 0;
    for (int k = 1; k <= n_modules; k++) {
        least_uj = fmin(least_uj, energy_uj[k]);
        most_uj = fmax(most_uj, energy_uj[k]);
    }
    double low_uw = fmax(0.3 * least_uj, 0.03 * most_uj) / period_s,
           high_uw = 4 * most_uj / period_s;
    geometric(t->harvest_uw, d.harvest_uw, HARVESTS, low_uw,
              pow(high_uw / low_uw, 1.0 / (HARVESTS - 2)), 1);
    geometric(t->time_ms, d.time_s, TIMES, deadline_s / 16, 1.75, 1e3);
    int cells = (int)wick_policy_stages((uint32_t)n_modules) * TIMES * HARVESTS;
    d.rows =
        (uint8_t(*)[ROW_BYTES])wick_arena_alloc(arena, wick_size_mul((size_t)cells, ROW_BYTES));
    memset(d.rows, 0, (size_t)cells * ROW_BYTES);
    for (int level = 0; level < WICK_TABLE_LEVELS; level++)
        fill(&d, EXTRACTING, 0, level);
    for (int best = 0; best <= n_modules; best++) {
        if (best == 1)
            continue;
        fill(&d, best, 0, 0);
        for (int w = 1; w < (best ? best : n_modules); w++)
            for (int level = 0; level < WICK_TABLE_LEVELS; level++)
                fill(&d, best, w, level);
    }
    policy_compress(d.rows, cells, arena, &out);
    return out;
}
