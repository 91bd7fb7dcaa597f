#include "sim/policy_foresight.h"

#include "sim/policy_player.h"
#include "sim/policy_process.h"
#include "sim/supply.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OFF = MDP_OFF, ON = MDP_ON, QUARTERS = 4 };
/* As in policy_synth.c: by what it must be better to pause, or to give up what has no answer. */
static const double PATIENCE = 0.002, HOPE = 0.02;

typedef struct foresight {
    const wick_judged *on;
    wick_foresight say;
    double slot_s, memory_s, off_uj;
    harvest_chain chain, known; /* known: one bin, the slot at hand */
    policy_mdp far, near;       /* near: values up to the end of what is known */
    int n_slots;                /* of a run and all that is looked ahead */
    double *uj;                 /* [n_slots] usable */
    uint8_t *bin;               /* [n_slots] */
    int planned, end;           /* near is for this input, and up to this slot; -1: for none */
} foresight;

/* ---- the harvest of a run ---- */

static double arrives_uj(const supply *s, int *sample, double t, double until_s) {
    double uj = 0;
    while (t < until_s) {
        double end_s = fmin(until_s, supply_end_s(s, *sample));
        uj += s->arrives_uw[SUPPLY_WARM][*sample] * (end_s - t);
        t = end_s;
        if (t >= supply_end_s(s, *sample) && ++*sample == s->trace->n) {
            *sample = 0;
            break;
        }
    }
    return uj;
}

/* The trace goes around. */
static void see_slots(foresight *f, const supply *s, double start_s) {
    double end_s = s->trace->end_s, eff = f->on->plan->device->capacitor.efficiency;
    double before_uw = supply_recent_uw(s, s->trace->n - 1, end_s, 0), t = fmod(start_s, end_s);
    int sample = wick_trace_sample_at(s->trace, 0, t);
    for (int i = 0; i < f->n_slots; i++) {
        double recent_uw = eff * supply_recent_uw(s, sample, t, before_uw);
        f->bin[i] = (uint8_t)harvest_chain_bin(&f->chain, recent_uw);
        double rest_s = f->slot_s, uj = 0;
        while (rest_s > 1e-12 * f->slot_s) {
            double until_s = fmin(t + rest_s, end_s);
            uj += arrives_uj(s, &sample, t, until_s);
            rest_s -= until_s - t;
            t = until_s < end_s ? until_s : 0;
        }
        f->uj[i] = eff * uj;
    }
    if (f->say.bins)
        memcpy(f->bin, f->say.bins, (size_t)lround(end_s / f->slot_s));
}

static wick_status begin(void *ctx, const wick_trace *trace, double start_s, wick_diag *diag) {
    foresight *f = ctx;
    const wick_device *d = f->on->plan->device;
    const wick_workload *w = &f->on->workload;
    wick_harvester own = wick_device_harvester(d);
    store cap = store_make(d, f->on->plan->options.capacitor_uf, d->capacitor.off_v);
    wick_arena *arena = wick_arena_new();
    supply s;
    wick_status status = supply_make(arena, trace, f->on->harvester ? f->on->harvester : &own, &cap,
                                     d->capacitor.on_v, &s, diag);
    if (status == WICK_OK) {
        double ahead_s = (f->say.known_periods + 2) * w->period_s + 2 * w->deadline_s;
        f->n_slots = (int)ceil((trace->end_s + ahead_s) / f->slot_s);
        f->uj = wick_xrealloc(f->uj, (size_t)f->n_slots * sizeof *f->uj);
        f->bin = wick_xrealloc(f->bin, (size_t)f->n_slots);
        supply_remember(&s, f->memory_s);
        see_slots(f, &s, start_s);
        f->off_uj = cap.off_uj;
        f->planned = -1;
    }
    wick_arena_free(arena);
    return status;
}

/* ---- values with a known harvest ---- */

/* Behind the end of what is known: those of the chain. An input that arrives later has so much less
   to come. */
static void borrow(const foresight *f, int input, float *to, const float *from) {
    for (int c = 0; c < MDP_CHARGES; c++)
        to[c] = (float)(from[c] - input * f->far.gain);
}

static void sweep_input(foresight *f, int input, int from_age) {
    policy_mdp *m = &f->near;
    int arrival = input * m->slots, age_end = f->end - arrival, bin = f->bin[f->end];
    mdp_pass_on(m);
    for (int left = 0; left <= m->slots; left++) {
        int slot = arrival + m->slots - left;
        if (slot == f->end)
            for (int on = OFF; on <= ON; on++)
                borrow(f, input, mdp_idle_cell(m, on, left, 0),
                       mdp_idle_cell(&f->far, on, left, bin));
        if (slot >= f->end)
            continue;
        f->known.uj[0][0] = f->uj[slot];
        mdp_sweep_idle(m, left);
    }
    if (age_end < m->ages)
        for (int power = 0; power < MDP_POWERS; power++)
            for (int stage = 0; stage < m->n_stages; stage++)
                borrow(f, input, mdp_cell(m, power, stage, age_end, 0),
                       mdp_cell(&f->far, power, stage, age_end, bin));
    for (int age = (age_end < m->ages ? age_end : m->ages) - 1; age >= from_age; age--) {
        f->known.uj[0][0] = f->uj[arrival + age];
        mdp_sweep_age(m, age);
    }
}

/* The values for an input in work, or the last one that has arrived, at this slot. */
static const policy_mdp *values_for(foresight *f, int input, int slot, int *bin) {
    int slots = f->far.slots, step = slots / QUARTERS;
    int ahead = (int)lround(f->say.known_periods * slots);
    *bin = f->bin[slot];
    if (!ahead)
        return &f->far;
    *bin = 0;
    int end = slot / step * step + ahead + step;
    if (f->planned != input || f->end != end) {
        f->planned = input;
        f->end = end;
        for (int i = end / slots; i >= input; i--)
            sweep_input(f, i, i == input ? slot / step * step - i * slots : 0);
    }
    f->known.uj[0][0] = f->uj[slot];
    return &f->near;
}

/* ---- the choice ---- */

typedef struct choice {
    double value;
    wick_sim_action action;
} choice;

static void consider(choice *best, double value, wick_sim_action action) {
    if (value > best->value)
        *best = (choice){value, action};
}

/* over_uj: what is done beyond that level, which the process leaves in the charge. Whether an input
   of which no span is done has been taken is not known. */
static int level_of(const foresight *f, const policy_mdp *m, const wick_sim_state *s, int k,
                    double *over_uj) {
    const wick_model *model = &f->on->plan->model;
    const wick_span *spans = model->spans + model->segments[k].first_span;
    int done = s->progress[k], level = m->levels[k] - 1;
    while (level > 0 && (m->first_span[k][level] > done || done == 0))
        level--;
    int end = level + 1 < m->levels[k] ? m->first_span[k][level + 1] : model->segments[k].n_spans;
    double over = 0, all = 0;
    for (int i = m->first_span[k][level]; i < end; i++) {
        over += i < done ? spans[i].energy_nj : 0;
        all += spans[i].energy_nj;
    }
    *over_uj = all > 0 ? m->level_uj[k][level] * over / all : 0;
    return level;
}

static wick_sim_action idle(foresight *f, const wick_sim_state *s, int slot, double uj) {
    int bin, slots = f->far.slots, input = slot / slots;
    const policy_mdp *m = values_for(f, input, slot, &bin);
    int left = (input + 1) * slots - slot;
    double until_s = (slot + 1) * f->slot_s;
    if (!m->may_switch_off)
        return (wick_sim_action){.kind = WICK_SIM_GO_ON};
    double on, off;
    mdp_idle_values(m, left, bin, uj, &on, &off);
    return (wick_sim_action){.kind = off > on + PATIENCE ? WICK_SIM_OFF : WICK_SIM_SLEEP,
                             .until_s = fmax(until_s, s->now_s + 1e-3 * f->slot_s)};
}

static wick_sim_action choose(foresight *f, const wick_sim_state *s, int slot, double uj) {
    int bin, input = (int)lround(s->arrival_s / f->on->workload.period_s);
    const policy_mdp *m = values_for(f, input, slot, &bin);
    int age = (int)lround((s->now_s - s->arrival_s) / f->slot_s), n = m->n_modules;
    age = age < m->ages ? age : m->ages - 1;
    int answered = 0;
    for (int k = n; k >= 1; k--)
        answered = s->answered >> (k - 1) & 1 ? k : answered;
    int working =
        s->features && s->segment && !(s->answered >> (s->segment - 1) & 1) ? s->segment : 0;
    if (working && s->progress[working] == f->on->plan->model.segments[working].n_spans)
        return (wick_sim_action){.kind = WICK_SIM_GO_ON}; /* delivers */
    if (answered == 1 || (answered && working >= answered))
        return (wick_sim_action){.kind = WICK_SIM_DROP};
    double over_uj = 0;
    int level = !s->features || working ? level_of(f, m, s, working, &over_uj) : 0;
    uj += over_uj;
    bool tired = s->waits || uj < m->need_uj[working][level];
    int power = (!s->features || working) && tired ? MDP_TIRED : MDP_ON;
    int stage = s->features ? m->stage_of[answered][working] + level : level;
    choice best = {.value = -INFINITY};
    if (!s->features)
        consider(&best, mdp_extract(m, power, age, level, bin, uj),
                 (wick_sim_action){.kind = WICK_SIM_MODULE, .module = n});
    int larger = answered ? answered - 1 : n;
    for (int k = working ? working : 1; k <= larger && s->features; k++)
        consider(&best, mdp_go_on(m, power, age, answered, k, k == working ? level : 0, bin, uj),
                 (wick_sim_action){.kind = WICK_SIM_MODULE, .module = k});
    consider(&best, mdp_finish(m, age, bin, uj) - (answered ? 0 : HOPE),
             (wick_sim_action){.kind = WICK_SIM_DROP});
    consider(&best, mdp_wait(m, power, stage, age, bin, uj) - PATIENCE,
             (wick_sim_action){.kind = WICK_SIM_SLEEP, .until_s = s->now_s + f->on->wait_s});
    if (m->may_switch_off)
        consider(&best, mdp_off(m, stage, age, bin, uj) - PATIENCE,
                 (wick_sim_action){.kind = WICK_SIM_OFF, .until_s = s->now_s + f->slot_s});
    return best.action;
}

static wick_sim_action act(void *ctx, const wick_sim_state *s) {
    foresight *f = ctx;
    double uj = f->on->plan->device->capacitor.efficiency * (s->energy_uj - f->off_uj);
    int slot = (int)floor(s->now_s / f->slot_s + 1e-9);
    if (s->input < 0)
        return idle(f, s, slot, uj);
    if (s->now_s >= s->deadline_s)
        return (wick_sim_action){.kind = WICK_SIM_DROP};
    return choose(f, s, slot, uj);
}

/* ---- the whole ---- */

wick_status wick_policy_chain_world(wick_arena *arena, const wick_judged *learnt,
                                    const wick_synth_options *options, int periods, uint64_t seed,
                                    wick_chain_world *out, wick_diag *diag) {
    harvest_chain chain;
    uint8_t *bins;
    double slot_s = learnt->workload.period_s / options->slots;
    WICK_TRY(harvest_chain_fit(learnt->plan, learnt->traces, learnt->n_traces, learnt->harvester,
                               slot_s, options->memory_s > 0 ? options->memory_s : slot_s,
                               CHAIN_BINS, &chain, diag));
    out->trace = harvest_chain_sample(arena, &chain, learnt->plan->device, periods * options->slots,
                                      seed, &bins);
    out->bins = bins;
    return WICK_OK;
}

wick_status wick_policy_foresee(const wick_judged *on, const wick_judged *learnt,
                                const wick_synth_options *options, const wick_foresight *say,
                                double *score, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    const wick_synth_options o = policy_process_options(learnt, options);
    foresight f = {.on = on, .say = *say, .slot_s = o.workload.period_s / o.slots};
    f.memory_s = o.memory_s > 0 ? o.memory_s : f.slot_s;
    const policy_player player = {.begin = begin, .control = {.act = act, .ctx = &f}};
    wick_status status = policy_process_solve(arena, learnt->plan, learnt->traces, learnt->n_traces,
                                              &o, say->may_switch_off, &f.chain, &f.far, diag);
    if (status == WICK_OK) {
        f.known = (harvest_chain){.n = 1, .step_s = f.slot_s, .p = {{1}}};
        f.near = f.far;
        f.near.chain = &f.known;
        mdp_prepare(&f.near, arena);
        status = policy_judge_player(on, &player, score, diag);
    }
    free(f.uj);
    free(f.bin);
    wick_arena_free(arena);
    return status;
}
