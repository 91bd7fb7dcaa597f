#include "sim/policy_asked.h"
#include "sim/policy_finals.h"
#include "sim/policy_inputs.h"
#include "sim/policy_player.h"
#include "sim/policy_sure.h"
#include "sim/policy_worlds.h"
#include "sim/sim.h"

#include <math.h>

enum { PARTS = 1000 }; /* accuracies are played by so many samples, where there are no real ones */

/* What all runs share. */
typedef struct judge {
    const wick_judged *on;
    uint8_t *correct;  /* [modules][n_samples] */
    uint16_t *margins; /* likewise, or NULL */
    int n_samples;
    wick_sim_options options;
    const policy_player *player; /* NULL: the options' policy */
    bool replay;
    double replayed; /* expected right answers of the clairvoyant's plans */
} judge;

/* Right answers of made-up samples, as many as the accuracy says; none of a module with less than
   is asked for. */
static void make_answers(judge *j, wick_arena *arena) {
    const wick_judged *on = j->on;
    int modules = on->plan->model.n_modules;
    j->n_samples = PARTS;
    j->correct = wick_new(arena, uint8_t, modules * PARTS);
    for (int k = 0; k < modules; k++)
        for (int s = 0; s < PARTS; s++)
            j->correct[k * PARTS + s] = s < lround(policy_asked_worth(on, k + 1) * PARTS);
}

/* Of the samples that are judged by. */
static void take_answers(judge *j, wick_arena *arena) {
    const wick_judged *on = j->on;
    int modules = on->plan->model.n_modules, n = 0;
    size_t all = wick_size_mul((size_t)modules, (size_t)on->n_samples);
    for (int s = 0; s < on->n_samples; s++)
        j->n_samples += policy_sure_judges(on, s);
    j->correct = wick_new(arena, uint8_t, all);
    j->margins = wick_new(arena, uint16_t, all);
    for (int k = 0; k < modules; k++)
        for (int s = 0; s < on->n_samples; s++)
            if (policy_sure_judges(on, s)) {
                int at = k * on->n_samples + s;
                j->correct[n] = policy_asked_has(on, k + 1) && on->correct[at];
                j->margins[n++] = on->margins[at];
            }
}

static judge make_judge(const wick_judged *on, const wick_policy *policy, wick_arena *arena) {
    judge j = {.on = on, .options = wick_sim_defaults()};
    if (on->margins)
        take_answers(&j, arena);
    else
        make_answers(&j, arena);
    j.options.margins = j.margins;
    j.options.workload = on->workload;
    j.options.workload.arrivals = WICK_ARRIVALS_LISTED;
    j.options.harvester = on->harvester;
    j.options.policy = *policy;
    j.options.min_accuracy_permille = on->min_accuracy_permille;
    j.options.wait_s = on->wait_s > 0 ? on->wait_s : j.options.wait_s;
    return j;
}

static wick_status run(judge *j, const wick_trace *trace, const wick_clairvoyant_options *grid,
                       double *expected, long *inputs, wick_diag *diag) {
    if (grid) {
        wick_bound b;
        double reached = 0;
        if (j->replay)
            WICK_TRY(wick_clairvoyant_replay(j->on->plan, trace, &j->options, j->correct,
                                             j->n_samples, grid, &b, &reached, diag));
        else
            WICK_TRY(wick_clairvoyant(j->on->plan, trace, &j->options, j->correct, j->n_samples,
                                      grid, &b, diag));
        j->replayed += reached * b.inputs;
        *expected += b.expected * b.inputs;
        *inputs += b.inputs;
        return WICK_OK;
    }
    wick_sim_result r;
    if (j->player)
        WICK_TRY(j->player->begin(j->player->control.ctx, trace, j->options.trace_start_s, diag));
    WICK_TRY(wick_sim_run(j->on->plan, trace, &j->options, j->correct, j->n_samples, &r, diag));
    *expected += r.expected_in_time;
    *inputs += r.inputs;
    wick_sim_free(&r);
    return WICK_OK;
}

/* The `number`th run, from start_s of the trace once around. */
static wick_status play(judge *j, const wick_clairvoyant_options *grid, const wick_trace *trace,
                        double start_s, int number, double *expected, long *inputs,
                        wick_diag *diag) {
    wick_workload *w = &j->options.workload;
    wick_arena *arena = wick_arena_new();
    wick_status status = WICK_OK;
    w->times_s =
        policy_inputs_list(arena, &j->on->workload, trace->end_s, start_s, number, &w->n_times);
    w->urgent = policy_inputs_urgent(arena, &j->on->workload, trace->end_s, start_s);
    if (w->n_times) {
        j->options.duration_s = w->times_s[w->n_times - 1] + fmax(w->deadline_s, w->period_s);
        j->options.trace_start_s = start_s;
        if (j->on->margins) /* what is easy by luck is not so in all runs */
            j->options.seed = wick_sim_defaults().seed + (uint64_t)(j->on->first_run + number);
        status = run(j, trace, grid, expected, inputs, diag);
    }
    wick_arena_free(arena);
    return status;
}

/* All runs, by the policy or (with a grid) by the clairvoyant; *score: expected accuracy in time.
 */
static wick_status play_all(judge *j, const wick_clairvoyant_options *grid, double *score,
                            wick_diag *diag) {
    double expected = 0;
    long inputs = 0;
    int phases = j->on->phases;
    WICK_TRY(policy_asked_check(j->on, diag));
    for (int i = 0; i < j->on->n_traces * phases; i++) {
        const wick_trace *trace = j->on->traces[i / phases];
        double start_s = trace->end_s * (i % phases) / phases;
        WICK_TRY(play(j, grid, trace, start_s, i, &expected, &inputs, diag));
    }
    if (!inputs)
        return wick_fail(diag, WICK_RANGE, j->on->n_traces ? j->on->traces[0]->path : NULL,
                         "arrivals", "list times within the traces, or take a shorter period",
                         "no input comes while the traces last");
    *score = expected / (double)inputs;
    j->replayed = j->replayed / (double)inputs;
    return WICK_OK;
}

wick_status wick_policy_judge(const wick_judged *on, const wick_policy *policy, double *score,
                              wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    judge j = make_judge(on, policy, arena);
    wick_status status = play_all(&j, NULL, score, diag);
    wick_arena_free(arena);
    return status;
}

wick_status policy_judge_player(const wick_judged *on, const policy_player *player, double *score,
                                wick_diag *diag) {
    const wick_policy any = {.kind = WICK_POLICY_GREEDY};
    wick_arena *arena = wick_arena_new();
    judge j = make_judge(on, &any, arena);
    j.player = player;
    j.options.control = &player->control;
    wick_status status = play_all(&j, NULL, score, diag);
    wick_arena_free(arena);
    return status;
}

wick_status wick_policy_bound(const wick_judged *on, const wick_clairvoyant_options *grid,
                              double *bound, double *reached, wick_diag *diag) {
    const wick_policy any = {.kind = WICK_POLICY_GREEDY};
    wick_arena *arena = wick_arena_new();
    judge j = make_judge(on, &any, arena);
    j.replay = reached != NULL;
    wick_status status = play_all(&j, grid, bound, diag);
    if (reached)
        *reached = j.replayed;
    wick_arena_free(arena);
    return status;
}

/* ---- parameters ---- */

typedef struct search {
    const wick_judged *on; /* worlds to search in */
    policy_finals finals;
    wick_status status;
    wick_diag *diag;
} search;

static void attempt(search *s, wick_policy policy) {
    double score;
    if (s->status != WICK_OK)
        return;
    s->status = wick_policy_judge(s->on, &policy, &score, s->diag);
    if (s->status == WICK_OK)
        policy_finals_add(&s->finals, &policy, NULL, score);
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
    const wick_workload *w = &s->on->workload;
    double beside_uj = w->sense_uj + w->send_uj;
    double least = (wick_plan_answer_uj(plan, n) + beside_uj) / w->period_s;
    double most = (wick_plan_answer_uj(plan, 1) + beside_uj) / w->period_s;
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
    for (double factor = 1.3; factor > 1.1 && s->status == WICK_OK; factor = 1 + (factor - 1) / 2) {
        const wick_policy best = s->finals.at[0].policy;
        for (int i = 0; i < 27; i++) {
            const double by[3] = {1 / factor, 1, factor};
            wick_policy p = best;
            p.harvest_low_uw = u32(p.harvest_low_uw * by[i % 3]);
            p.harvest_high_uw = u32(p.harvest_high_uw * by[i / 3 % 3]);
            p.charge_high_uj = u32(p.charge_high_uj * by[i / 9]);
            if (p.harvest_high_uw >= p.harvest_low_uw)
                attempt(s, p);
        }
    }
}

static void tune_reserve(search *s, wick_policy edf) {
    for (int i = 0; i <= 20; i++) {
        edf.reserve_uj = u32(s->on->plan->charge_uj * 1.35 * i / 20);
        attempt(s, edf);
    }
}

/* And how sure an answer must be that is enough. */
static void tune_edf(search *s) {
    wick_policy edf = {.kind = WICK_POLICY_EDF};
    tune_reserve(s, edf);
    for (int i = 0; i < POLICY_SHARES && policy_sure_pays(s->on); i++) {
        policy_sure_thresholds(s->on, policy_sure_shares[i], &edf);
        tune_reserve(s, edf);
    }
}

static void decide(search *s, const policy_worlds *finals, wick_policy *best) {
    double most = -1;
    for (int i = 0; i < s->finals.n && s->status == WICK_OK; i++) {
        double one = 0;
        s->status = wick_policy_judge(&finals->all, &s->finals.at[i].policy, &one, s->diag);
        one -= policy_sure_luck(s->on, &s->finals.at[i].policy);
        if (s->status == WICK_OK && one > most) {
            most = one;
            *best = s->finals.at[i].policy;
        }
    }
}

static void attempt_all(search *s, wick_policy_kind kind) {
    const wick_plan *plan = s->on->plan;
    switch (kind) {
    case WICK_POLICY_FIXED:
        for (int k = plan->model.n_modules; k >= 1; k--)
            attempt(s, (wick_policy){.kind = (uint8_t)kind, .module = (uint8_t)k});
        break;
    case WICK_POLICY_THRESHOLD:
        tune_threshold(s);
        break;
    case WICK_POLICY_EDF:
        tune_edf(s);
        break;
    case WICK_POLICY_GREEDY:
    case WICK_POLICY_TABLE:
        s->status = wick_fail(s->diag, WICK_UNSUPPORTED, NULL, wick_policy_name(kind), NULL,
                              "it has no parameters to tune");
    }
}

wick_status wick_policy_tune(const wick_judged *on, wick_policy_kind kind, wick_policy *best,
                             double *score, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    const policy_worlds worlds = policy_worlds_search(arena, on);
    const policy_worlds finals = policy_worlds_final(arena, on);
    search s = {.on = &worlds.all, .diag = diag};
    attempt_all(&s, kind);
    decide(&s, &finals, best);
    if (s.status == WICK_OK && score)
        s.status = wick_policy_judge(on, best, score, diag);
    wick_arena_free(arena);
    return s.status;
}
