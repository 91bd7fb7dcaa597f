#include "sim/sim.h"

#include <math.h>

enum { PARTS = 1000 }; /* accuracies are played by so many samples */

/* What all runs share. */
typedef struct judge {
    const wick_judged *on;
    uint8_t *correct; /* [modules][PARTS] */
    wick_sim_options options;
} judge;

static judge make_judge(const wick_judged *on, const wick_policy *policy, wick_arena *arena) {
    int modules = on->plan->model.n_modules;
    judge j = {.on = on, .options = wick_sim_defaults()};
    j.correct = wick_new(arena, uint8_t, modules * PARTS);
    for (int k = 0; k < modules; k++)
        for (int s = 0; s < PARTS; s++)
            j.correct[k * PARTS + s] = s < lround(on->accuracy[k] * PARTS);
    j.options.workload = on->workload;
    j.options.workload.arrivals = WICK_ARRIVALS_LISTED;
    j.options.harvester = on->harvester;
    j.options.policy = *policy;
    j.options.wait_s = on->wait_s > 0 ? on->wait_s : j.options.wait_s;
    return j;
}

static wick_status run(judge *j, const wick_trace *trace, double start_s, double *expected,
                       long *inputs, wick_diag *diag) {
    wick_sim_result r;
    j->options.trace_start_s = start_s;
    WICK_TRY(wick_sim_run(j->on->plan, trace, &j->options, j->correct, PARTS, &r, diag));
    *expected += r.expected_in_time;
    *inputs += r.inputs;
    wick_sim_free(&r);
    return WICK_OK;
}

wick_status wick_policy_judge(const wick_judged *on, const wick_policy *policy, double *score,
                              wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    judge j = make_judge(on, policy, arena);
    wick_status status = WICK_OK;
    double expected = 0;
    long inputs = 0;
    for (int t = 0; t < on->n_traces && status == WICK_OK; t++) {
        const wick_trace *trace = on->traces[t];
        wick_workload *w = &j.options.workload;
        int n = (int)ceil(trace->end_s / w->period_s);
        double *times_s = wick_new(arena, double, n);
        for (int i = 0; i < n; i++)
            times_s[i] = i * w->period_s;
        w->times_s = times_s;
        w->n_times = n;
        j.options.duration_s = (n - 1) * w->period_s + fmax(w->deadline_s, w->period_s);
        for (int p = 0; p < on->phases && status == WICK_OK; p++)
            status = run(&j, trace, trace->end_s * p / on->phases, &expected, &inputs, diag);
    }
    *score = inputs ? expected / (double)inputs : 0;
    wick_arena_free(arena);
    return status;
}

/* ---- parameters ---- */

typedef struct search {
    const wick_judged *on;
    wick_policy *best;
    double best_score;
    wick_status status;
    wick_diag *diag;
} search;

static void attempt(search *s, wick_policy policy) {
    double score;
    if (s->status != WICK_OK)
        return;
    s->status = wick_policy_judge(s->on, &policy, &score, s->diag);
    if (s->status == WICK_OK && score > s->best_score) {
        s->best_score = score;
        *s->best = policy;
    }
}

static uint32_t u32(double value) {
    return (uint32_t)fmin(fmax(0, round(value)), UINT32_MAX - 1.0);
}

/* Around what each module needs in a period, and charges of a full capacitor; then finer around the
   best. */
static void tune_threshold(search *s) {
    const wick_plan *plan = s->on->plan;
    int n = plan->model.n_modules;
    double full_uj = wick_device_usable_uj(plan->device, plan->device->capacitor.max_v,
                                           plan->device->capacitor.off_v);
    double base = plan->segments[0].cost.energy_uj;
    double least = (base + plan->segments[n].cost.energy_uj) / s->on->workload.period_s;
    double most = (base + plan->segments[1].cost.energy_uj) / s->on->workload.period_s;
    enum { LEVELS = 6, CHARGES = 5 };
    double levels[LEVELS + 2] = {0};
    for (int i = 0; i < LEVELS; i++)
        levels[i + 1] = 0.3 * least * pow(2 * most / (0.3 * least), i / (LEVELS - 1.0));
    levels[LEVELS + 1] = 4e9;
    for (int low = 0; low < LEVELS + 2; low++)
        for (int high = low; high < LEVELS + 2; high++)
            for (int c = 0; c <= CHARGES; c++)
                attempt(s, (wick_policy){.kind = WICK_POLICY_THRESHOLD,
                                         .harvest_low_uw = u32(levels[low]),
                                         .harvest_high_uw = u32(levels[high]),
                                         .charge_high_uj =
                                             c == CHARGES ? UINT32_MAX - 1
                                                          : u32(full_uj * (c + 0.5) / CHARGES)});
    for (double factor = 1.3; factor > 1.1; factor = 1 + (factor - 1) / 2)
        for (int i = 0; i < 27; i++) {
            const double by[3] = {1 / factor, 1, factor};
            wick_policy p = *s->best;
            p.harvest_low_uw = u32(p.harvest_low_uw * by[i % 3]);
            p.harvest_high_uw = u32(p.harvest_high_uw * by[i / 3 % 3]);
            p.charge_high_uj = u32(p.charge_high_uj * by[i / 9]);
            if (p.harvest_high_uw >= p.harvest_low_uw)
                attempt(s, p);
        }
}

wick_status wick_policy_tune(const wick_judged *on, wick_policy_kind kind, wick_policy *best,
                             double *score, wick_diag *diag) {
    search s = {.on = on, .best = best, .best_score = -1, .diag = diag};
    const wick_plan *plan = on->plan;
    switch (kind) {
    case WICK_POLICY_FIXED:
        for (int k = plan->model.n_modules; k >= 1; k--)
            attempt(&s, (wick_policy){.kind = (uint8_t)kind, .module = (uint8_t)k});
        break;
    case WICK_POLICY_THRESHOLD:
        tune_threshold(&s);
        break;
    case WICK_POLICY_EDF:
        for (int i = 0; i <= 20; i++)
            attempt(&s, (wick_policy){.kind = (uint8_t)kind,
                                      .reserve_uj = u32(plan->charge_uj * 1.35 * i / 20)});
        break;
    case WICK_POLICY_GREEDY:
    case WICK_POLICY_TABLE:
        return wick_fail(diag, WICK_UNSUPPORTED, NULL, wick_policy_name(kind), NULL,
                         "it has no parameters to tune");
    }
    if (score)
        *score = s.best_score;
    return s.status;
}

/* ---- tables ---- */

static void attempt_table(search *s, wick_arena *arena, const wick_synth_options *options,
                          wick_synthesised *made) {
    wick_synthesised one;
    double before = s->best_score;
    if (s->status == WICK_OK)
        s->status = wick_policy_synth(arena, s->on->plan, s->on->traces, s->on->n_traces, options,
                                      &one, s->diag);
    if (s->status != WICK_OK)
        return;
    wick_policy_table *table = wick_new(arena, wick_policy_table, 1);
    *table = one.table;
    attempt(s, (wick_policy){.kind = WICK_POLICY_TABLE,
                             .memory_ms = u32(options->memory_s * 1e3),
                             .table = table});
    if (s->best_score > before)
        *made = one;
}

static wick_status best_table(wick_arena *arena, const wick_judged *on,
                              const wick_synth_options *options, wick_policy *best, double *score,
                              wick_synthesised *made, wick_diag *diag) {
    static const double memories[] = {1, 5}, dearer[] = {1, 1.15, 1.4};
    search s = {.on = on, .best = best, .best_score = -1, .diag = diag};
    wick_policy fixed = {0};
    WICK_TRY(wick_policy_tune(on, WICK_POLICY_FIXED, &fixed, NULL, diag));
    wick_synthesised constant =
        wick_policy_constant(arena, on->plan->model.n_modules, fixed.module);
    wick_policy_table *table = wick_new(arena, wick_policy_table, 1);
    *table = constant.table;
    *made = constant;
    attempt(&s, (wick_policy){.kind = WICK_POLICY_TABLE, .table = table});
    for (size_t i = 0; i < WICK_LEN(memories); i++)
        for (size_t k = 0; k < WICK_LEN(dearer); k++) {
            wick_synth_options o = *options;
            o.workload = on->workload;
            o.harvester = on->harvester;
            o.memory_s = fmax(1e-3, memories[i] * on->workload.period_s / o.slots);
            o.dearer = dearer[k];
            for (int m = 0; m < on->plan->model.n_modules; m++)
                o.accuracy[m] = on->accuracy[m];
            attempt_table(&s, arena, &o, made);
        }
    *score = s.best_score;
    return s.status;
}

wick_status wick_policy_best(wick_arena *arena, const wick_judged *on, wick_policy_kind kind,
                             const wick_synth_options *options, wick_policy *best, double *score,
                             wick_synthesised *made, wick_diag *diag) {
    wick_synthesised unused;
    if (kind == WICK_POLICY_TABLE)
        return best_table(arena, on, options, best, score, made ? made : &unused, diag);
    if (kind != WICK_POLICY_GREEDY)
        return wick_policy_tune(on, kind, best, score, diag);
    *best = (wick_policy){.kind = WICK_POLICY_GREEDY};
    return wick_policy_judge(on, best, score, diag);
}
