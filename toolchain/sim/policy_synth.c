/* From the values of the decision process to a table: bins, the best action of each cell over the
   states that fall into it, equal rows stored once, similar ones merged until the table fits. */
#include "sim/policy_asked.h"
#include "sim/policy_levels.h"
#include "sim/policy_process.h"
#include "sim/policy_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TIME_BINS = 10, MOST_CELLS = 2800 };

wick_synth_options wick_synth_defaults(void) {
    return (wick_synth_options){
        .workload = {.period_s = 60, .deadline_s = 60, .clock_survives = true},
        .slots = 40,
        .periods = 10,
        .wait_s = 1,
        .dearer = 1};
}

typedef struct builder {
    const policy_mdp *m;
    wick_policy_table *table;
    int first_left[TIME_BINS + 1]; /* slots left at which each time bin begins; the end */
    int n_cells;                   /* stages x time x harvest */
    int n_actions;
    float *values; /* [n_cells][CHARGE_BINS][n_actions]: policy_rows.h */
} builder;

/* ---- actions ---- */

/* `best` of the extractor's stages, where every module's number stands for going on. */
enum { EXTRACTING = -1 };
/* Of expected accuracy: by what it must be better to wait, or to give up what has no answer yet,
   because the process sees time in slots and those who wait where none may be; and what an action
   costs that the device would not follow. */
static const double PATIENCE = 0.002, HOPE = 0.02, USELESS = 0.05;

/* Adds the values of each action of a state: 0 finish, k go on with, or turn to, module k as
   wick_policy_choose follows it, the last two to wait and to go off. */
static void add_values(const policy_mdp *m, int age, int best, int working, int level, int bin,
                       double uj, float *sums) {
    int larger = best > 0 ? best - 1 : m->n_modules;
    int stage = best == EXTRACTING ? level : m->stage_of[best][working] + level;
    double finish = mdp_finish(m, age, bin, uj);
    double go_on = best == EXTRACTING ? mdp_extract(m, MDP_ON, age, level, bin, uj)
                   : working          ? mdp_go_on(m, MDP_ON, age, best, working, level, bin, uj)
                                      : 0;
    sums[0] += (float)(best > 0 ? finish : finish - HOPE);
    for (int w = 1; w <= m->n_modules; w++)
        sums[w] += (float)(best == EXTRACTING || w <= working ? go_on
                           : w > larger                       ? finish - USELESS
                                        : mdp_go_on(m, MDP_ON, age, best, w, 0, bin, uj));
    double wait = mdp_wait(m, MDP_ON, stage, age, bin, uj) - PATIENCE;
    double off = mdp_off(m, stage, age, bin, uj) - PATIENCE;
    sums[m->n_modules + 1] += (float)wait;
    sums[m->n_modules + 2] += (float)(mdp_may_go_off(m, uj) ? off : wait - USELESS);
}

/* Levels of the process that are this one of the table, [*first, *end): where none begins in it,
   the one that it lies in. */
static void levels_of(const policy_mdp *m, int segment, int quarter, int *first, int *end) {
    const uint8_t *of = m->quarter[segment];
    int before = 0;
    *end = 0;
    for (int l = 0; l < m->levels[segment]; l++) {
        if (of[l] < quarter)
            before = l;
        if (of[l] != quarter)
            continue;
        *first = *end ? *first : l;
        *end = l + 1;
    }
    if (*end == 0) {
        *first = before;
        *end = before + 1;
    }
}

/* Over the states of one cell and bin of the charge. */
static void sum_up(const builder *b, int best, int working, int quarter, int time, int bin,
                   int charge_bin, float *sums) {
    enum { PER_BIN = MDP_CHARGES / CHARGE_BINS };
    const policy_mdp *m = b->m;
    int first = 0, end = 1;
    if (working || best == EXTRACTING)
        levels_of(m, working, quarter, &first, &end);
    int states = (b->first_left[time + 1] - b->first_left[time]) * (end - first) * PER_BIN;
    for (int left = b->first_left[time]; left < b->first_left[time + 1]; left++)
        for (int level = first; level < end; level++)
            for (int c = 0; c < PER_BIN; c++)
                add_values(m, m->ages - left, best, working, level, bin,
                           (charge_bin * PER_BIN + c) * m->step_uj, sums);
    for (int a = 0; a < b->n_actions; a++)
        sums[a] /= (float)states;
}

static void fill_rows(builder *b, int best, int working, int level) {
    const wick_policy_table *t = b->table;
    int stage = level;
    if (best != EXTRACTING)
        stage = (int)wick_policy_stage(t->n_modules, (uint32_t)best, (uint32_t)working,
                                       (uint32_t)level);
    for (int time = 0; time < t->n_time; time++)
        for (int bin = 0; bin < t->n_harvest; bin++)
            for (int c = 0; c < CHARGE_BINS; c++) {
                int at = ((stage * t->n_time + time) * t->n_harvest + bin) * CHARGE_BINS + c;
                sum_up(b, best, working, level, time, bin, c,
                       b->values + (size_t)at * (size_t)b->n_actions);
            }
}

static void fill(builder *b) {
    int n = b->m->n_modules;
    for (int level = 0; level < WICK_TABLE_LEVELS; level++)
        fill_rows(b, EXTRACTING, 0, level);
    for (int best = 0; best <= n; best++) {
        if (best == 1)
            continue;
        fill_rows(b, best, 0, 0);
        for (int w = 1; w < (best ? best : n); w++)
            for (int level = 0; level < WICK_TABLE_LEVELS; level++)
                fill_rows(b, best, w, level);
    }
}

/* ---- the whole ---- */

static uint32_t rounded(double value) {
    return (uint32_t)fmin(fmax(0, round(value)), UINT32_MAX - 1.0);
}

/* Time bins are finer towards the deadline: 1, 1, 1, 2, 2 ... slots, growing by a constant factor.
 */
static void make_bins(builder *b, double slot_s, double wait_s, double full_uj) {
    wick_policy_table *t = b->table;
    const policy_mdp *m = b->m;
    memset(t->charge_uj, 0xff, sizeof t->charge_uj);
    memset(t->harvest_uw, 0xff, sizeof t->harvest_uw);
    memset(t->time_ms, 0xff, sizeof t->time_ms);
    /* Grid points of a bin lie around its middle. */
    for (int c = 1; c < CHARGE_BINS; c++)
        t->charge_uj[c - 1] =
            rounded(full_uj * (c * (MDP_CHARGES / CHARGE_BINS) - 0.5) / (MDP_CHARGES - 1));
    for (int i = 1; i < t->n_harvest; i++)
        t->harvest_uw[i - 1] = rounded(m->chain->threshold_uw[i - 1]);
    t->n_time = 1;
    b->first_left[0] = 1;
    int stages = (int)wick_policy_stages(t->n_modules), most = MOST_CELLS / (stages * t->n_harvest);
    most = most < 1 ? 1 : most < TIME_BINS ? most : TIME_BINS;
    double growth = pow(m->ages, 1.0 / most);
    for (double at = growth; t->n_time < most; at *= growth) {
        int first = (int)at + 1;
        first = first <= b->first_left[t->n_time - 1] ? b->first_left[t->n_time - 1] + 1 : first;
        if (first > m->ages)
            break;
        t->time_ms[t->n_time - 1] = rounded(((first - 0.5) * slot_s + wait_s) * 1e3);
        b->first_left[t->n_time++] = first;
    }
    b->first_left[t->n_time] = m->ages + 1;
}

static policy_mdp make_process(const wick_plan *plan, const wick_synth_options *o,
                               const harvest_chain *chain) {
    const wick_device *d = plan->device;
    double eff = d->capacitor.efficiency, uf = d->capacitor.uf, slot_s = chain->step_s;
    double full_uj = wick_device_usable_uj(d, d->capacitor.max_v, d->capacitor.off_v);
    double lambda = 2 * d->capacitor.leakage_ua / (uf * d->capacitor.max_v); /* store.h */
    policy_mdp m = {.chain = chain,
                    .n_modules = plan->model.n_modules,
                    .slots = o->slots,
                    .ages =
                        (int)fmax(1, floor((o->workload.deadline_s - o->wait_s) / slot_s + 1e-6)),
                    .step_uj = full_uj / (MDP_CHARGES - 1),
                    .on_uj = plan->charge_uj,
                    .boot_uj = plan->boot.energy_uj,
                    .sleep_uj = d->sleep_uw * slot_s,
                    .leak = lambda * slot_s,
                    .answers = o->answers ? *o->answers
                                          : policy_answers_of(plan->model.n_modules, o->accuracy)};
    double off_uj = uf / 2 * d->capacitor.off_v * d->capacitor.off_v;
    m.leak_base_uj = lambda * slot_s * off_uj * eff;
    for (int k = 0; k <= m.n_modules; k++) {
        wick_cost before = {0}, behind = plan->commit; /* the decision, or the delivery */
        if (k == 0)
            before = plan->take;
        else
            behind = wick_cost_add(behind, plan->send);
        if (k == 0 && o->workload.sense_us > 0)
            before = wick_cost_add(before, (wick_cost){.time_us = o->workload.sense_us,
                                                       .energy_uj = o->workload.sense_uj});
        if (k && o->workload.send_us > 0)
            behind = wick_cost_add(behind, (wick_cost){.time_us = o->workload.send_us,
                                                       .energy_uj = o->workload.send_uj});
        wick_cost cost = wick_cost_add(plan->segments[k].cost, wick_cost_add(before, behind));
        m.energy_uj[k] = o->dearer * cost.energy_uj;
        m.time_slots[k] = cost.time_us * 1e-6 / slot_s;
        policy_levels_set(&m, plan, k, o->dearer * before.energy_uj, o->dearer * behind.energy_uj);
    }
    return m;
}

static wick_status check(const wick_plan *plan, const wick_synth_options *o, wick_diag *diag) {
    const wick_workload *w = &o->workload;
    if (plan->model.chain)
        return wick_fail(
            diag, WICK_UNSUPPORTED, plan->model_path, NULL,
            "wick policy synth --kind edf or threshold: these weigh all that is left on "
            "the way to an exit",
            "a table's stages say which one module is in work and how far it is, and "
            "these modules are exits of one network: each goes on from all before it");
    if (!(w->period_s > 0) || !(w->deadline_s > 0) || w->deadline_s > 100 * w->period_s ||
        w->deadline_s * o->slots < w->period_s)
        return wick_fail(diag, WICK_RANGE, NULL, "deadline",
                         "a period divided by --slots up to 100 periods",
                         "a deadline of %g s for an input every %g s", w->deadline_s, w->period_s);
    if (w->arrivals != WICK_ARRIVALS_PERIODIC)
        return wick_fail(diag, WICK_UNSUPPORTED, NULL, "arrivals",
                         "give the mean distance as the period", "policies are made for periods");
    for (int k = 0; k < plan->model.n_modules; k++)
        if (!(o->accuracy[k] >= 0 && o->accuracy[k] <= 1))
            return wick_fail(
                diag, WICK_RANGE, plan->model_path, plan->segments[1 + k].name,
                "measure it: wick shrink --int8 --test writes accuracies into the model",
                "the accuracy of this module is not known");
    return WICK_OK;
}

wick_synth_options policy_process_options(const wick_judged *on,
                                          const wick_synth_options *options) {
    wick_synth_options o = *options;
    o.workload = on->workload;
    o.workload.arrivals = WICK_ARRIVALS_PERIODIC;
    o.harvester = on->harvester;
    o.wait_s = on->wait_s;
    /* No module larger than the one that is asked for is ever run: it brings nothing more. */
    int most = policy_asked_module(on);
    for (int m = 0; m < on->plan->model.n_modules; m++)
        o.accuracy[m] = policy_asked_worth(on, m + 1 < most ? most : m + 1);
    return o;
}

wick_status policy_process_fit(const wick_plan *plan, const wick_trace *const *traces, int n_traces,
                               const wick_synth_options *options, harvest_chain *chain,
                               policy_mdp *out, wick_diag *diag) {
    WICK_TRY(check(plan, options, diag));
    double slot_s = options->workload.period_s / options->slots;
    double memory_s = options->memory_s > 0 ? options->memory_s : slot_s;
    WICK_TRY(harvest_chain_fit(plan, traces, n_traces, options->harvester, slot_s, memory_s,
                               CHAIN_BINS, chain, diag));
    *out = make_process(plan, options, chain);
    return WICK_OK;
}

wick_status policy_process_solve(wick_arena *arena, const wick_plan *plan,
                                 const wick_trace *const *traces, int n_traces,
                                 const wick_synth_options *options, bool may_switch_off,
                                 harvest_chain *chain, policy_mdp *out, wick_diag *diag) {
    WICK_TRY(policy_process_fit(plan, traces, n_traces, options, chain, out, diag));
    out->may_switch_off = may_switch_off;
    mdp_solve(out, arena, options->periods);
    return WICK_OK;
}

struct policy_process {
    policy_mdp m;
    harvest_chain chain;
    builder b;
    wick_synthesised made; /* without rows */
};

wick_status policy_process_make(wick_arena *arena, const wick_plan *plan,
                                const wick_trace *const *traces, int n_traces,
                                const wick_synth_options *options, policy_process **out,
                                wick_diag *diag) {
    policy_process *p = wick_new(arena, policy_process, 1);
    double slot_s = options->workload.period_s / options->slots;
    WICK_TRY(policy_process_solve(arena, plan, traces, n_traces, options, options->may_switch_off,
                                  &p->chain, &p->m, diag));
    p->made.n_states = MDP_POWERS * p->m.n_stages * (p->m.ages + 1) * p->chain.n * MDP_CHARGES;
    p->made.expected = mdp_expected(&p->m);
    wick_policy_table *t = &p->made.table;
    t->n_modules = (uint8_t)p->m.n_modules;
    t->n_charge = CHARGE_BINS;
    t->n_harvest = (uint8_t)p->chain.n;
    p->b = (builder){.m = &p->m, .table = t};
    make_bins(&p->b, slot_s, options->wait_s, p->m.step_uj * (MDP_CHARGES - 1));
    p->b.n_cells = (int)wick_policy_stages(t->n_modules) * t->n_time * t->n_harvest;
    p->b.n_actions = p->m.n_modules + 3;
    p->b.values = wick_new(
        arena, float, wick_size_mul((size_t)p->b.n_cells * CHARGE_BINS, (size_t)p->b.n_actions));
    fill(&p->b);
    *out = p;
    return WICK_OK;
}

/* What module `usual` alone would do in a stage: going on with the extractor, beginning and going
   on with that module, and nothing more behind an answer. */
static int usual_action(int usual, int best, int working) {
    if (best == EXTRACTING)
        return usual;
    return working ? working : best ? 0 : usual;
}

/* With any charge of the bin. */
static bool may_be_off(const policy_mdp *m, int charge_bin) {
    enum { PER_BIN = MDP_CHARGES / CHARGE_BINS };
    return mdp_may_go_off(m, ((charge_bin + 1) * PER_BIN - 1) * m->step_uj);
}

static void add_to_usual(const builder *b, int usual, float more, int best, int working, int level,
                         float *values) {
    const wick_policy_table *t = b->table;
    int stage = level;
    if (best != EXTRACTING)
        stage = (int)wick_policy_stage(t->n_modules, (uint32_t)best, (uint32_t)working,
                                       (uint32_t)level);
    int charges = t->n_time * t->n_harvest * CHARGE_BINS, a = usual_action(usual, best, working);
    for (int i = stage * charges; i < (stage + 1) * charges; i++) {
        values[i * b->n_actions + a] += more;
        if (may_be_off(b->m, i % CHARGE_BINS))
            values[(i + 1) * b->n_actions - 1] += more;
    }
}

void policy_process_table(const policy_process *p, int usual, double more, wick_arena *arena,
                          wick_synthesised *out) {
    const builder *b = &p->b;
    int n = p->m.n_modules;
    *out = p->made;
    wick_arena *work = wick_arena_new();
    size_t count = (size_t)b->n_cells * CHARGE_BINS * (size_t)b->n_actions;
    float *values = wick_new(work, float, count);
    memcpy(values, b->values, count * sizeof *values);
    for (int best = EXTRACTING; best <= n && more > 0; best++)
        for (int w = 0; best != 1 && w < (best > 0 ? best : best == 0 ? n : 1); w++)
            for (int l = 0; l < (w || best == EXTRACTING ? WICK_TABLE_LEVELS : 1); l++)
                add_to_usual(b, usual, (float)more, best, w, l, values);
    policy_cluster(values, b->n_cells, b->n_actions, arena, out);
    wick_arena_free(work);
}

wick_status wick_policy_synth(wick_arena *arena, const wick_plan *plan,
                              const wick_trace *const *traces, int n_traces,
                              const wick_synth_options *options, wick_synthesised *out,
                              wick_diag *diag) {
    *out = (wick_synthesised){0};
    wick_arena *work = wick_arena_new();
    policy_process *p;
    wick_status status = policy_process_make(work, plan, traces, n_traces, options, &p, diag);
    if (status == WICK_OK)
        policy_process_table(p, 0, 0, arena, out);
    wick_arena_free(work);
    return status;
}

wick_synthesised wick_policy_constant(wick_arena *arena, int n_modules, int module) {
    int stages = (int)wick_policy_stages((uint32_t)n_modules);
    uint8_t *row_of = wick_new(arena, uint8_t, stages);
    uint8_t *rows = wick_new(arena, uint8_t, n_modules + 1); /* row k: module k */
    for (int k = 0; k <= n_modules; k++)
        rows[k] = (uint8_t)k;
    for (int best = 0; best <= n_modules; best++)
        for (int w = 1; best != 1 && w < (best ? best : n_modules); w++)
            for (uint32_t level = 0; level < WICK_TABLE_LEVELS; level++)
                row_of[wick_policy_stage((uint32_t)n_modules, (uint32_t)best, (uint32_t)w, level)] =
                    (uint8_t)w;
    memset(row_of, module, WICK_TABLE_LEVELS + 1); /* the extractor goes on; the first decision */
    wick_synthesised out = {.table = {.n_modules = (uint8_t)n_modules,
                                      .n_charge = 1,
                                      .n_harvest = 1,
                                      .n_time = 1,
                                      .n_rows = (uint16_t)(n_modules + 1),
                                      .row_of = row_of,
                                      .rows = rows}};
    memset(out.table.charge_uj, 0xff, sizeof out.table.charge_uj);
    memset(out.table.harvest_uw, 0xff, sizeof out.table.harvest_uw);
    memset(out.table.time_ms, 0xff, sizeof out.table.time_ms);
    out.bytes = (int)sizeof(wick_policy_table) + stages + n_modules + 1;
    return out;
}
