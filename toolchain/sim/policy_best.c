/* The choice among synthesised policies by their score on the traces to learn from. */
#include "sim/policy_asked.h"
#include "sim/policy_budget.h"
#include "sim/policy_finals.h"
#include "sim/policy_process.h"
#include "sim/policy_sure.h"
#include "sim/policy_worlds.h"
#include "sim/sim.h"

#include <math.h>
#include <string.h>

/* Of expected accuracy, divided by the number of traces: what a rule, or tuned thresholds, must be
   better by than always the same module. One trace says nothing of how traces differ, and they are
   the luckiest of hundreds, a process's table one of eight. */
static const double SEARCHED = 0.005;
/* To be off is tried where sleep takes this share of the mean harvest, or in a period so many
   boots: with less at stake, more candidates win by luck what the action does not. */
static const double ASLEEP = 0.2, BOOTS = 2;

typedef struct choice {
    wick_arena *arena;
    const wick_judged *on;       /* the traces to learn from */
    const policy_worlds *worlds; /* of them, to compare candidates in */
    double *base;                /* [n_traces] what the best fixed module scores in those of each */
    policy_finals finals;
    policy_budget_device device;
    bool may_switch_off;
    wick_policy looks; /* `sure` of the tables that are considered */
    wick_policy sure;  /* the best candidate so far that looks at margins */
    double sure_value; /* its value */
    wick_status status;
    wick_diag *diag;
} choice;

/* Its value: the mean over the traces of what it is better by than the best fixed module, less the
   standard error of that. Traces that are not here differ from each other as these do. */
static double value_of(choice *c, const wick_policy *policy) {
    double sum = 0, squares = 0;
    int n = c->on->n_traces;
    for (int i = 0; i < n && c->status == WICK_OK; i++) {
        const wick_judged one = policy_worlds_of(c->worlds, i);
        double score = 0;
        c->status = wick_policy_judge(&one, policy, &score, c->diag);
        sum += score - c->base[i];
        squares += (score - c->base[i]) * (score - c->base[i]);
    }
    if (c->status != WICK_OK)
        return -1;
    double mean = sum / n, spread = n > 1 ? fmax(0, squares - sum * mean) / (n - 1) : 0;
    return mean - sqrt(spread / n);
}

/* Whether the device can, and sleeps dearly enough. */
static wick_status look_at_sleep(choice *c, const wick_synth_options *options) {
    const wick_judged *on = c->on;
    double period_s = on->workload.period_s, step_s = period_s / options->slots;
    harvest_chain chain;
    if (!options->may_switch_off)
        return WICK_OK;
    WICK_TRY(harvest_chain_fit(on->plan, on->traces, on->n_traces, on->harvester, step_s, step_s, 1,
                               &chain, c->diag));
    double sleep_uw = c->device.sleep_uw;
    c->may_switch_off = sleep_uw * step_s >= ASLEEP * chain.uj[0][0] ||
                        sleep_uw * period_s >= BOOTS * c->device.boot_uj;
    return WICK_OK;
}

static double consider(choice *c, const wick_policy *policy, const wick_synthesised *made) {
    double value = value_of(c, policy);
    if (c->status == WICK_OK)
        policy_finals_add(&c->finals, policy, made, value);
    if (wick_policy_has_sure(policy) && value > c->sure_value) {
        c->sure = *policy;
        c->sure_value = value;
    }
    return value;
}

static wick_policy policy_of(wick_arena *arena, const wick_synthesised *made, double memory_s) {
    wick_policy_table *table = wick_new(arena, wick_policy_table, 1);
    *table = made->table;
    return (wick_policy){.kind = WICK_POLICY_TABLE,
                         .memory_ms = (uint32_t)fmax(1, round(memory_s * 1e3)),
                         .table = table};
}

static double consider_table(choice *c, const wick_synthesised *made, double memory_s,
                             double rest_uj) {
    wick_policy policy = policy_of(c->arena, made, memory_s);
    policy.rest_uj = (uint32_t)rest_uj;
    memcpy(policy.sure, c->looks.sure, sizeof policy.sure);
    return consider(c, &policy, made);
}

/* ---- value iteration ---- */

/* answers: NULL = of tables that look at no margins. */
static void tables_of(choice *c, const wick_synth_options *options, int fixed,
                      const policy_answers *answers) {
    static const double memories[] = {0.05, 0.2}, more[] = {0.003, 0.01, 0.03, 0.1, 0.3};
    const wick_judged *on = c->on;
    for (size_t i = 0; i < WICK_LEN(memories) && c->status == WICK_OK; i++) {
        wick_synth_options o = policy_process_options(on, options);
        o.memory_s = fmax(1e-3, memories[i] * on->workload.period_s);
        o.may_switch_off = c->may_switch_off;
        o.answers = answers;
        while (o.slots >= 40 && o.slots * o.workload.deadline_s > 60 * o.workload.period_s)
            o.slots /= 2; /* states grow with the deadline */
        wick_arena *work = wick_arena_new();
        policy_process *p;
        c->status = policy_process_make(work, on->plan, on->traces, on->n_traces, &o, &p, c->diag);
        for (size_t k = 0; k < WICK_LEN(more) && c->status == WICK_OK; k++) {
            wick_synthesised one;
            policy_process_table(p, fixed, more[k], c->arena, &one);
            consider_table(c, &one, o.memory_s, 0);
            if (c->may_switch_off)
                consider_table(c, &one, o.memory_s, c->device.wake_uj);
        }
        wick_arena_free(work);
    }
}

/* Also those whose inputs end at sure answers. */
static void tables(choice *c, const wick_synth_options *options, int fixed) {
    tables_of(c, options, fixed, NULL);
    for (int i = 0; i < POLICY_SHARES && policy_sure_pays(c->on); i++) {
        policy_sure_thresholds(c->on, policy_sure_shares[i], &c->looks);
        const policy_answers answers = policy_answers_sure(c->on, &c->looks);
        tables_of(c, options, fixed, &answers);
    }
    c->looks = (wick_policy){0};
}

/* ---- rules on energy ---- */

typedef struct climb {
    choice *c;
    policy_budget rule;
    double score;
} climb;

static void try_rule(climb *s, policy_budget rule) {
    choice *c = s->c;
    if (rule.otherwise < rule.largest)
        rule.otherwise = rule.largest;
    const wick_workload *w = &c->on->workload;
    wick_synthesised made = policy_budget_table(c->arena, &rule, c->on->plan->model.n_modules,
                                                &c->device, w->period_s, w->deadline_s);
    double score = consider_table(c, &made, rule.memory_s, rule.rest * c->device.full_uj);
    if (score > s->score + 1e-6) {
        s->score = score;
        s->rule = rule;
    }
}

/* When the device switches itself off; nothing else of the rule. */
static void try_off(climb *s) {
    static const double offs[] = {0, 0.3, 1, 3}, lows[] = {0, 0.1, 0.2, 0.35, 0.5, 0.7},
                        rests[] = {0, 0.1, 0.3, 0.5, 0.8};
    policy_budget r;
    for (size_t i = 0; i < WICK_LEN(offs); i++)
        r = s->rule, r.off = offs[i], try_rule(s, r);
    for (size_t i = 0; i < WICK_LEN(lows); i++)
        r = s->rule, r.low = lows[i], r.off = r.off > 0 ? r.off : 1, try_rule(s, r);
    for (size_t i = 0; i < WICK_LEN(rests); i++)
        r = s->rule, r.rest = rests[i], try_rule(s, r);
}

/* One parameter at a time. */
static void one_round(climb *s) {
    static const double trusts[] = {0, 0.25, 0.5, 1, 2}, firsts[] = {0, 0.5, 0.75, 1, 1.3, 1.8, 3},
                        seconds[] = {INFINITY, 0.7, 1, 1.5, 2.5, 4},
                        give_ups[] = {INFINITY, 2.5, 1.4, 1, 0.7}, memories[] = {0.02, 0.1, 0.3, 1},
                        holds[] = {0, 0.3, 0.6, 0.8, 1, 1.3, 2},
                        shares[] = {0.5, 0.7, 0.85, 0.95, INFINITY},
                        hurries[] = {0, 0.1, 0.25, 0.5, 1};
    int n = s->c->on->plan->model.n_modules;
    double period_s = s->c->on->workload.period_s;
    policy_budget r;
    for (size_t i = 0; i < WICK_LEN(firsts); i++)
        r = s->rule, r.first = firsts[i], try_rule(s, r);
    for (size_t i = 0; i < WICK_LEN(trusts); i++)
        r = s->rule, r.trust = trusts[i], try_rule(s, r);
    for (int k = 1; k <= n; k++)
        r = s->rule, r.largest = k, try_rule(s, r);
    for (int k = s->rule.largest; k <= n; k++)
        r = s->rule, r.otherwise = k, try_rule(s, r);
    for (size_t i = 0; i < WICK_LEN(holds); i++)
        r = s->rule, r.hold = holds[i], try_rule(s, r);
    for (size_t i = 0; i < WICK_LEN(shares); i++)
        r = s->rule, r.full = shares[i], try_rule(s, r);
    for (size_t i = 0; i < WICK_LEN(hurries); i++)
        r = s->rule, r.hurry = hurries[i], try_rule(s, r);
    for (size_t i = 0; i < WICK_LEN(shares); i++)
        r = s->rule, r.extra = shares[i], try_rule(s, r);
    for (size_t i = 0; i < WICK_LEN(seconds); i++)
        r = s->rule, r.second = seconds[i], try_rule(s, r);
    for (size_t i = 0; i < WICK_LEN(give_ups); i++)
        r = s->rule, r.give_up = give_ups[i], try_rule(s, r);
    if (s->c->may_switch_off)
        try_off(s);
    for (size_t i = 0; i < WICK_LEN(memories); i++)
        r = s->rule, r.memory_s = memories[i] * period_s, try_rule(s, r);
}

static policy_budget_device device_of(const wick_judged *on) {
    const wick_plan *plan = on->plan;
    const wick_workload *w = &on->workload;
    const wick_device *d = plan->device;
    policy_budget_device out = {
        .full_uj = wick_device_usable_uj(d, d->capacitor.max_v, d->capacitor.off_v),
        .wake_uj = plan->charge_uj,
        .boot_uj = plan->boot.energy_uj,
        .sleep_uw = d->sleep_uw};
    for (int k = 0; k <= plan->model.n_modules; k++)
        out.energy_uj[k] = plan->segments[k].cost.energy_uj + (k ? plan->send.energy_uj : 0) +
                           2 * plan->commit.energy_uj + /* decision and delivery */
                           (k ? w->send_uj : w->sense_uj);
    return out;
}

static void rules(choice *c, int fixed) {
    int n = c->on->plan->model.n_modules;
    const policy_budget always = {.largest = fixed,
                                  .otherwise = fixed,
                                  .second = INFINITY,
                                  .give_up = INFINITY,
                                  .full = INFINITY,
                                  .extra = INFINITY,
                                  .memory_s = 0.1 * c->on->workload.period_s};
    policy_budget greedy = always;
    greedy.trust = greedy.first = greedy.largest = 1;
    greedy.otherwise = n;
    /* The smallest module first, a larger one where there is plenty; charge is kept for a burst. */
    policy_budget thrifty = greedy;
    thrifty.trust = 0.5;
    thrifty.hold = thrifty.second = 1;
    thrifty.first = INFINITY;
    thrifty.full = thrifty.extra = 0.85;
    thrifty.hurry = 0.25;
    const policy_budget starts[] = {always, greedy, thrifty};
    for (size_t i = 0; i < WICK_LEN(starts); i++) {
        climb s = {.c = c, .rule = starts[i], .score = -2};
        try_rule(&s, starts[i]);
        for (double before = -2; s.score > before + 1e-6 && c->status == WICK_OK;) {
            before = s.score;
            one_round(&s);
        }
    }
}

/* Inputs end at sure answers as in the best candidate so far that looks at margins: rules of all
   shares would take four times as long as without. */
static void rules_sure(choice *c, int fixed) {
    if (wick_policy_has_sure(&c->sure)) {
        c->looks = c->sure;
        rules(c, fixed);
    }
}

/* What candidates are compared in from here on, and what the fixed module scores there. */
static void enter(choice *c, const policy_worlds *worlds, const wick_policy *fixed) {
    c->worlds = worlds;
    for (int i = 0; i < c->on->n_traces && c->status == WICK_OK; i++) {
        const wick_judged one = policy_worlds_of(worlds, i);
        c->status = wick_policy_judge(&one, fixed, &c->base[i], c->diag);
    }
}

wick_status wick_policy_synthesise(wick_arena *arena, const wick_judged *on,
                                   const wick_synth_options *options, const wick_policy *also,
                                   int n_also, wick_policy *best, double *score,
                                   wick_synthesised *made, wick_diag *diag) {
    choice c = {.arena = arena, .on = on, .device = device_of(on), .sure_value = -1, .diag = diag};
    wick_policy fixed = {0};
    WICK_TRY(look_at_sleep(&c, options));
    WICK_TRY(wick_policy_tune(on, WICK_POLICY_FIXED, &fixed, NULL, diag));
    if (on->min_accuracy_permille)
        fixed.module = (uint8_t)policy_asked_module(on);
    wick_synthesised constant =
        wick_policy_constant(arena, on->plan->model.n_modules, fixed.module);
    c.base = wick_new(arena, double, on->n_traces);
    wick_arena *drawn = wick_arena_new();
    const policy_worlds searched = policy_worlds_search(drawn, on);
    const policy_worlds finals = policy_worlds_final(drawn, on);
    enter(&c, &searched, &fixed);
    for (int i = 0; i < n_also; i++)
        consider(&c, &also[i], NULL);
    tables(&c, options, fixed.module);
    rules(&c, fixed.module);
    rules_sure(&c, fixed.module);
    enter(&c, &finals, &fixed);
    double best_value = 0;
    wick_synthesised chosen = constant;
    *best = policy_of(arena, &constant, 0);
    for (int i = 0; i < c.finals.n && c.status == WICK_OK; i++) {
        double value = value_of(&c, &c.finals.at[i].policy);
        if (!c.finals.at[i].made.n_states)
            value -= SEARCHED / on->n_traces;
        value -= policy_sure_luck(on, &c.finals.at[i].policy);
        if (c.status == WICK_OK && value > best_value) {
            best_value = value;
            *best = c.finals.at[i].policy;
            chosen = c.finals.at[i].made;
        }
    }
    wick_arena_free(drawn);
    if (made)
        *made = chosen;
    WICK_TRY(c.status);
    return wick_policy_judge(on, best, score, diag);
}

wick_status wick_policy_best(wick_arena *arena, const wick_judged *on, wick_policy_kind kind,
                             const wick_synth_options *options, wick_policy *best, double *score,
                             wick_synthesised *made, wick_diag *diag) {
    if (kind != WICK_POLICY_TABLE && kind != WICK_POLICY_GREEDY)
        return wick_policy_tune(on, kind, best, score, diag);
    wick_policy also[3] = {{.kind = WICK_POLICY_GREEDY}};
    if (kind == WICK_POLICY_GREEDY) {
        *best = also[0];
        return wick_policy_judge(on, best, score, diag);
    }
    WICK_TRY(wick_policy_tune(on, WICK_POLICY_THRESHOLD, &also[1], NULL, diag));
    WICK_TRY(wick_policy_tune(on, WICK_POLICY_EDF, &also[2], NULL, diag));
    return wick_policy_synthesise(arena, on, options, also, 3, best, score, made, diag);
}
