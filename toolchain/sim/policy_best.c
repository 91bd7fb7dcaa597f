/* The choice among synthesised policies by their score on the traces to learn from. */
#include "sim/policy_budget.h"
#include "sim/sim.h"

#include <math.h>

/* Of expected accuracy: what a policy must be better by than always the same module. */
static const double MARGIN = 0.003;

typedef struct choice {
    wick_arena *arena;
    const wick_judged *on;
    wick_policy best;
    double best_score;
    wick_synthesised made; /* of the best */
    double energy_uj[1 + WICK_MAX_HEADS], full_uj;
    wick_status status;
    wick_diag *diag;
} choice;

/* Its score; it becomes the best one where it is better than that. */
static double consider(choice *c, const wick_policy *policy, const wick_synthesised *made) {
    double score = -1;
    if (c->status == WICK_OK)
        c->status = wick_policy_judge(c->on, policy, &score, c->diag);
    if (c->status != WICK_OK)
        return -1;
    if (score > c->best_score) {
        c->best_score = score;
        c->best = *policy;
        c->made = made ? *made : (wick_synthesised){0};
    }
    return score;
}

static double consider_table(choice *c, const wick_synthesised *made, double memory_s) {
    wick_policy_table *table = wick_new(c->arena, wick_policy_table, 1);
    *table = made->table;
    const wick_policy policy = {.kind = WICK_POLICY_TABLE,
                                .memory_ms = (uint32_t)fmax(1, round(memory_s * 1e3)),
                                .table = table};
    return consider(c, &policy, made);
}

/* ---- value iteration ---- */

static void tables(choice *c, const wick_synth_options *options) {
    static const double memories[] = {1, 5}, dearer[] = {1.15};
    for (size_t i = 0; i < WICK_LEN(memories); i++)
        for (size_t k = 0; k < WICK_LEN(dearer); k++) {
            wick_synth_options o = *options;
            wick_synthesised one;
            o.workload = c->on->workload;
            o.workload.arrivals = WICK_ARRIVALS_PERIODIC;
            o.harvester = c->on->harvester;
            o.memory_s = fmax(1e-3, memories[i] * c->on->workload.period_s / o.slots);
            o.dearer = dearer[k];
            for (int m = 0; m < c->on->plan->model.n_modules; m++)
                o.accuracy[m] = c->on->accuracy[m];
            if (c->status == WICK_OK)
                c->status = wick_policy_synth(c->arena, c->on->plan, c->on->traces, c->on->n_traces,
                                              &o, &one, c->diag);
            if (c->status == WICK_OK)
                consider_table(c, &one, o.memory_s);
        }
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
    wick_synthesised made =
        policy_budget_table(c->arena, &rule, c->on->plan->model.n_modules, c->energy_uj, c->full_uj,
                            w->period_s, w->deadline_s);
    double score = consider_table(c, &made, rule.memory_s);
    if (score > s->score + 1e-6) {
        s->score = score;
        s->rule = rule;
    }
}

/* One parameter at a time. */
static void one_round(climb *s) {
    static const double trusts[] = {0, 0.25, 0.5, 1, 2}, firsts[] = {0, 0.5, 0.75, 1, 1.3, 1.8, 3},
                        seconds[] = {INFINITY, 1, 1.5, 2.5, 4},
                        give_ups[] = {INFINITY, 2.5, 1.4, 1, 0.7}, memories[] = {0.02, 0.1, 0.3, 1};
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
    for (size_t i = 0; i < WICK_LEN(seconds); i++)
        r = s->rule, r.second = seconds[i], try_rule(s, r);
    for (size_t i = 0; i < WICK_LEN(give_ups); i++)
        r = s->rule, r.give_up = give_ups[i], try_rule(s, r);
    for (size_t i = 0; i < WICK_LEN(memories); i++)
        r = s->rule, r.memory_s = memories[i] * period_s, try_rule(s, r);
}

static void rules(choice *c, int fixed) {
    const wick_plan *plan = c->on->plan;
    const wick_device *d = plan->device;
    int n = plan->model.n_modules;
    c->full_uj = wick_device_usable_uj(d, d->capacitor.max_v, d->capacitor.off_v);
    for (int k = 1; k <= n; k++)
        c->energy_uj[k] = plan->segments[k].cost.energy_uj + plan->send.energy_uj +
                          2 * plan->commit.energy_uj; /* decision and delivery */
    const policy_budget always = {.largest = fixed,
                                  .otherwise = fixed,
                                  .second = INFINITY,
                                  .give_up = INFINITY,
                                  .memory_s = 0.1 * c->on->workload.period_s};
    policy_budget greedy = always;
    greedy.trust = greedy.first = greedy.largest = 1;
    greedy.otherwise = n;
    climb s = {.c = c, .rule = always, .score = -1};
    try_rule(&s, always);
    try_rule(&s, greedy);
    for (double before = -1; s.score > before + 1e-6 && c->status == WICK_OK;) {
        before = s.score;
        one_round(&s);
    }
}

wick_status wick_policy_synthesise(wick_arena *arena, const wick_judged *on,
                                   const wick_synth_options *options, const wick_policy *also,
                                   int n_also, wick_policy *best, double *score,
                                   wick_synthesised *made, wick_diag *diag) {
    choice c = {.arena = arena, .on = on, .best_score = -1, .diag = diag};
    wick_policy fixed = {0};
    WICK_TRY(wick_policy_tune(on, WICK_POLICY_FIXED, &fixed, NULL, diag));
    wick_synthesised constant =
        wick_policy_constant(arena, on->plan->model.n_modules, fixed.module);
    double base = consider_table(&c, &constant, 0);
    choice others = c; /* the best of these must be better by the margin */
    for (int i = 0; i < n_also; i++)
        consider(&others, &also[i], NULL);
    tables(&others, options);
    rules(&others, fixed.module);
    if (others.best_score > base + MARGIN)
        c = others;
    *best = c.best;
    *score = c.best_score;
    if (made)
        *made = c.made;
    return others.status;
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
