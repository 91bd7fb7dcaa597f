/* The clairvoyant's plan in the exact simulator: replayed, then schedules that are searched for by
   its values; the best one counts. */
#include "base/base.h"
#include "sim/clairvoyant_control.h"
#include "sim/clairvoyant_grid.h"
#include "sim/clairvoyant_search.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

/* Values that a sweep looks at in the time of one turn of the simulator, about. */
static const double TURN_EFFORT = 1500;

/* What departs least from the plan comes first. */
static const manner manners[] = {
    {0, false, false}, {0.97, false, false}, {0, true, false}, {0, true, true}};

/* Each search is wider than the one before, whose score it has to beat. */
static const int widths[] = {30, 100, 300, 1000, INT_MAX};
enum { WIDEST = 1000 }; /* where the grid says nothing */

/* Values that a replay looks at, about; where they are not kept, it may compute them all anew. */
static double replay_effort(const bound *b, bool kept) {
    const double looks = 100; /* for each row, in an interval */
    double all = bound_effort(b);
    return kept ? fmin(all, looks * b->n * b->rows.n) : all;
}

/* All runs of a problem. */
typedef struct contest {
    const wick_trace *trace;
    const uint8_t *correct;
    int n_samples;
    const bound_problem *problem;
    bound_values *values;
    double spent, most; /* effort, as in wick_clairvoyant_options */
    wick_bound *out;
    double *reached;
    wick_progress progress; /* instants of sweep, replays and searches */
    double pace;            /* of a replay: its share of a sweep's effort */
} contest;

static bool good_enough(const contest *c) {
    return *c->reached >= 0.998 * c->out->expected;
}

/* One run; raises *c->reached. */
static wick_status play(contest *c, const wick_sim_control *control, wick_diag *diag) {
    const bound_problem *p = c->problem;
    wick_sim_options options = *p->options;
    wick_sim_result result;
    options.control = control;
    options.quiet = true;
    wick_status status =
        wick_sim_run(p->plan, c->trace, &options, c->correct, c->n_samples, &result, diag);
    double right = p->grid.known ? result.correct_in_time : result.expected_in_time;
    if (status == WICK_OK && result.inputs)
        *c->reached = fmax(*c->reached, right / result.inputs);
    c->out->replays++;
    wick_sim_free(&result);
    return status;
}

/* Whether so much effort is left; if so it is spent. */
static bool spend(contest *c, double effort) {
    bool left = c->spent + effort <= c->most;
    c->out->cut_short = !left;
    c->spent += left ? effort : 0;
    return left;
}

static wick_status replay_plan(contest *c, const manner *m, wick_diag *diag) {
    replay r = {.planner = {.problem = c->problem, .values = c->values},
                .manner = *m,
                .progress = &c->progress,
                .pace = c->pace,
                .before = c->progress.done};
    wick_status status = play(c, &(wick_sim_control){.act = replay_act, .ctx = &r}, diag);
    wick_progress_update(&c->progress, r.before + (uint64_t)(c->pace * c->problem->bound.n));
    free(r.planner.ways);
    return status;
}

/* *more: it had to leave something out. */
static wick_status search_for(contest *c, int widest, bool *more, wick_diag *diag) {
    const search_scene scene = {c->trace,   c->correct, c->n_samples,
                                c->problem, c->values,  &c->progress};
    wick_arena *arena = wick_arena_new();
    search_found found = {.score = *c->reached * c->problem->inputs};
    double most = fmin((c->most - c->spent) / TURN_EFFORT, 1e12);
    wick_status status = search_run(arena, &scene, widest, (long)most, &found, diag);
    c->out->turns += found.turns;
    c->spent += (double)found.turns * TURN_EFFORT;
    c->out->cut_short = found.cut && (double)found.turns >= most;
    *more = found.cut && !c->out->cut_short;
    if (status == WICK_OK && found.schedule.n)
        status = play(c, &(wick_sim_control){.act = search_retell, .ctx = &found.schedule}, diag);
    wick_arena_free(arena);
    return status;
}

static int most_widest(const contest *c) {
    int widest = c->problem->grid.widest;
    return widest > 0 ? widest : WIDEST;
}

/* Instants of all there may be, where replays take as long as the sweep: often an early one is good
   enough. */
static uint64_t all_instants(const contest *c) {
    double n = 2 + (double)WICK_LEN(manners);
    for (size_t i = 0; i + 1 < WICK_LEN(widths); i++)
        n += widths[i] < most_widest(c);
    return (uint64_t)(n * c->problem->bound.n);
}

static wick_status play_all(contest *c, double turn, wick_diag *diag) {
    bool more = true, skipped = false;
    wick_status status = WICK_OK;
    for (size_t i = 0; i < WICK_LEN(manners) && !good_enough(c) && status == WICK_OK; i++)
        if (spend(c, turn))
            status = replay_plan(c, &manners[i], diag);
        else
            skipped = true;
    for (size_t i = 0; i < WICK_LEN(widths) && more && !good_enough(c) && status == WICK_OK; i++) {
        int widest = most_widest(c) < widths[i] ? most_widest(c) : widths[i];
        status = search_for(c, widest, &more, diag);
        more = more && widest < most_widest(c);
    }
    c->out->cut_short = c->out->cut_short || (skipped && !good_enough(c));
    return status;
}

/* The lowest bound counts. */
static void lower_bound(contest *c, wick_bound found) {
    if (c->out->inputs && c->out->expected <= found.expected)
        return;
    found.replays = c->out->replays;
    found.turns = c->out->turns;
    *c->out = found;
}

static wick_status bound_and_play(contest *c, wick_arena *arena, const bound_problem *p,
                                  wick_diag *diag) {
    const bound *b = &p->bound;
    double value;
    c->problem = p;
    wick_progress_begin(&c->progress, "bound and schedules", "instants", all_instants(c));
    c->progress.enabled = c->progress.enabled && !p->options->quiet;
    wick_status status =
        bound_sweep(b, arena, p->cap.energy_uj, &value, &c->values, &c->progress, diag);
    if (status == WICK_OK) {
        double turn = replay_effort(b, bound_keeps_all(c->values));
        c->pace = turn / bound_effort(b);
        lower_bound(c, bound_figures(p, value));
        status = play_all(c, turn, diag);
    }
    wick_progress_end(&c->progress);
    return status;
}

/* How fine a grid is. */
typedef struct fineness {
    int slots;
    double charges, effort;
} fineness;

/* Everything on one grid, which has to be finer than `least`. *used: how fine it is; else 0. */
static wick_status try_grid(contest *c, const wick_plan *plan, const wick_sim_options *options,
                            const wick_clairvoyant_options *grid, const fineness *least,
                            fineness *used, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    bound_problem p;
    *used = (fineness){0};
    wick_status status =
        bound_make(arena, plan, c->trace, options, c->correct, c->n_samples, grid, &p, diag);
    double charges = p.bound.cap_uj / p.bound.step_uj;
    if (status == WICK_OK && (p.bound.slots > least->slots || charges > 1.01 * least->charges)) {
        *used = (fineness){p.bound.slots, charges, bound_effort(&p.bound)};
        status = bound_and_play(c, arena, &p, diag);
    }
    wick_arena_free(arena);
    return status;
}

/* The i-th of the further grids, if there is effort enough for it. */
static bool finer_grid(contest *c, const fineness *first, int i, wick_clairvoyant_options *grid) {
    enum { TIMES = 4, MOST_SLOTS = 1000, MOST_CHARGES = 64000 };
    double left = c->most - c->spent, charges = ceil(first->charges - 1e-9);
    c->out->cut_short = c->out->cut_short || left < TIMES * first->effort;
    if (left < TIMES * first->effort)
        return false;
    grid->slots = (int)fmin(i ? TIMES * first->slots : first->slots, MOST_SLOTS);
    grid->charges = (int)fmin(i ? charges : TIMES * charges, MOST_CHARGES);
    grid->effort = left < INFINITY ? left : 0;
    return true;
}

/* Further grids while bound and schedule are far apart. */
static wick_status try_finer(contest *c, const wick_plan *plan, const wick_sim_options *options,
                             const wick_clairvoyant_options *grid, const fineness *first,
                             wick_diag *diag) {
    const double apart = 0.01;
    wick_status status = WICK_OK;
    for (int i = 0; i < grid->finer && status == WICK_OK; i++) {
        wick_clairvoyant_options finer = *grid;
        fineness used;
        if (*c->reached >= (1 - apart) * c->out->expected || !finer_grid(c, first, i, &finer))
            break;
        status = try_grid(c, plan, options, &finer, first, &used, diag);
        c->spent += used.effort;
    }
    return status;
}

wick_status wick_clairvoyant_replay(const wick_plan *plan, const wick_trace *trace,
                                    const wick_sim_options *options, const uint8_t *correct,
                                    int n_samples, const wick_clairvoyant_options *grid,
                                    wick_bound *out, double *reached, wick_diag *diag) {
    enum { RUNS = 7 }; /* times a sweep's effort */
    contest c = {.trace = trace,
                 .correct = correct,
                 .n_samples = n_samples,
                 .most = grid->effort > 0 ? RUNS * grid->effort : INFINITY,
                 .out = out,
                 .reached = reached};
    const fineness none = {0};
    fineness first;
    *out = (wick_bound){0};
    *reached = 0;
    wick_status status = try_grid(&c, plan, options, grid, &none, &first, diag);
    if (status == WICK_OK)
        status = try_finer(&c, plan, options, grid, &first, diag);
    return status;
}
