/* Replays of the clairvoyant's plans in the exact simulator; the best one counts. */
#include "base/base.h"
#include "sim/clairvoyant_control.h"
#include "sim/clairvoyant_grid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Values that a replay looks at, about; where they are not kept, it may compute them all anew. */
static double replay_effort(const bound *b, bool kept) {
    const double looks = 100; /* for each row, in an interval */
    double all = bound_effort(b);
    return kept ? fmin(all, looks * b->n * b->rows.n) : all;
}

/* All replays of a problem. */
typedef struct contest {
    const wick_plan *plan;
    const wick_trace *trace;
    const wick_sim_options *options;
    const uint8_t *correct;
    int n_samples;
    const wick_clairvoyant_options *grid;
    double spent, most; /* effort, as in wick_clairvoyant_options */
    wick_bound *out;
    double *reached;
    wick_progress progress; /* instants of all sweeps and replays there can be */
    double pace;            /* of a replay: its share of a sweep's effort */
} contest;

/* The score of one. */
static wick_status play(contest *c, const bound_problem *p, bound_values *values, const manner *m,
                        int n, double *score, wick_diag *diag) {
    replay r = {.planner = {.problem = p, .values = values},
                .manners = m,
                .n_manners = n,
                .progress = &c->progress,
                .pace = c->pace,
                .before = c->progress.done};
    const wick_sim_control control = {.act = replay_act, .ctx = &r};
    wick_sim_options options = *p->options;
    wick_sim_result result;
    options.control = &control;
    options.quiet = true;
    wick_status status =
        wick_sim_run(c->plan, c->trace, &options, c->correct, c->n_samples, &result, diag);
    *score = 0;
    if (status == WICK_OK && result.inputs)
        *score =
            (c->grid->known ? result.correct_in_time : result.expected_in_time) / result.inputs;
    wick_progress_update(&c->progress, r.before + (uint64_t)(c->pace * p->bound.n));
    wick_sim_free(&result);
    free(r.planner.ways);
    return status;
}

/* Whether so much effort is left as is needed; if so it is spent. */
static bool spend(contest *c, double effort, double needed) {
    bool left = c->spent + needed <= c->most;
    c->out->cut_short = !left;
    c->spent += left ? effort : 0;
    return left;
}

/* A plan, and how it is replayed. */
typedef struct attempt {
    bound_terms terms;
    const manner *manners;
    int n;
    bool draws; /* then some replays with drawn manners, where all values are kept */
} attempt;

/* Of the bound's own plan first the manners that most often come near. */
static const manner first_manners[] = {
    {0, 0, false, false}, {0, 0.97, false, false}, {0, 0, true, false}, {0, 0, true, true}};
/* Careful plans are there to be followed. */
static const manner followed[] = {
    {0.003, 0, true, false}, {0, 0, true, false}, {0, 0, true, true}, {0.01, 0, true, false}};
static const manner manners[] = {
    {0, 0, false, false},     {0, 0.97, false, false},     {0, 0.4, false, false},
    {0.01, 0, false, false},  {0.01, 0.97, false, false},  {0.01, 0.4, false, false},
    {0.003, 0, false, false}, {0.003, 0.97, false, false}, {0.003, 0.4, false, false}};
/* The first is the bound; a limit on the effort leaves the first ones. Plans in which all work
   costs more count on no engine that is tired of waiting. Who waits longer commits less often, and
   leaks more. */
static const attempt attempts[] = {{{1, false}, first_manners, WICK_LEN(first_manners), false},
                                   {{1, true}, followed, WICK_LEN(followed), false},
                                   {{1.01, true}, followed, WICK_LEN(followed), false},
                                   {{1.02, true}, followed, WICK_LEN(followed), false},
                                   {{1, false}, manners + 2, WICK_LEN(manners) - 2, true},
                                   {{1.001, false}, manners, WICK_LEN(manners), true},
                                   {{1.02, false}, manners, WICK_LEN(manners), false},
                                   {{1.04, false}, manners, WICK_LEN(manners), false},
                                   {{1.08, false}, manners, WICK_LEN(manners), false}};

/* The time left is what it takes at most: often an early replay is good enough. */
static void begin_progress(contest *c, const bound *b, double effort) {
    double all = 0, drawn = c->grid->drawn * replay_effort(b, true) / effort;
    for (size_t i = 0; i < WICK_LEN(attempts); i++)
        all += 1 + attempts[i].n + (attempts[i].draws ? drawn : 0);
    double sweeps = fmin(all, 1 + floor(c->most / effort));
    wick_progress_begin(&c->progress, "bound and replays", "instants", (uint64_t)(sweeps * b->n));
    c->progress.enabled = c->progress.enabled && !c->options->quiet;
}

/* Plays one of an attempt. *more: it was not good enough. */
static wick_status play_one(contest *c, const bound_problem *p, bound_values *values,
                            const manner *m, int n, double *score, bool *more, wick_diag *diag) {
    const double enough = 0.998; /* of the bound */
    WICK_TRY(play(c, p, values, m, n, score, diag));
    c->out->replays++;
    *c->reached = fmax(*c->reached, *score);
    *more = *c->reached < enough * c->out->expected;
    return WICK_OK;
}

static manner draw_manner(wick_rng *rng) {
    static const double margins[] = {0, 0.001, 0.003, 0.01, 0.02, 0.03, 0.06, 0.1};
    static const double late[] = {0, 0, 0.4, 0.97};
    manner m = {.margin = margins[wick_rng_below(rng, WICK_LEN(margins))]};
    m.late = late[wick_rng_below(rng, WICK_LEN(late))];
    m.follows = wick_rng_below(rng, 2);
    m.boots_late = wick_rng_below(rng, 2);
    return m;
}

/* Manners of each period: some drawn ones first, then the best so far with one to four periods
   changed. What two periods lose or save moves all behind them, so equal ones are taken as well. */
static wick_status draw_all(contest *c, const bound_problem *p, bound_values *values, double effort,
                            bool *more, wick_diag *diag) {
    enum { FIRST = 10, CHANGES = 4 };
    wick_arena *arena = wick_arena_new();
    wick_rng rng = wick_rng_seed(1, 1);
    int n = p->inputs + 1;
    manner *best = wick_new(arena, manner, n), *m = wick_new(arena, manner, n);
    double most = -1, score;
    wick_status status = WICK_OK;
    for (int i = 0; i < c->grid->drawn && *more && status == WICK_OK; i++) {
        *more = spend(c, effort, effort);
        if (!*more)
            break;
        int changes = i < FIRST ? n : 1 + (int)wick_rng_below(&rng, CHANGES);
        memcpy(m, best, (size_t)n * sizeof *m);
        for (int k = 0; k < changes; k++)
            m[i < FIRST ? k : (int)wick_rng_below(&rng, (uint32_t)n)] = draw_manner(&rng);
        status = play_one(c, p, values, m, n, &score, more, diag);
        if (status == WICK_OK && score >= most) {
            most = score;
            memcpy(best, m, (size_t)n * sizeof *m);
        }
    }
    wick_arena_free(arena);
    return status;
}

/* *more: none was good enough, and effort is left. */
static wick_status play_all(contest *c, const attempt *a, bool *more, wick_diag *diag) {
    bool bounds = a == attempts;
    wick_arena *arena = wick_arena_new();
    bound_problem p;
    bound_values *values;
    double value = 0, score;
    wick_status status = bound_make(arena, c->plan, c->trace, c->options, c->correct, c->n_samples,
                                    c->grid, a->terms, &p, diag);
    double effort = status == WICK_OK ? bound_effort(&p.bound) : 0;
    /* A plan is worth making when it can be replayed, which may compute all values anew. */
    *more = status == WICK_OK && (bounds || spend(c, effort, 2 * effort));
    if (*more && bounds)
        begin_progress(c, &p.bound, effort);
    if (*more)
        status = bound_sweep(&p.bound, arena, p.cap.energy_uj, &value, &values, &c->progress, diag);
    if (*more && status == WICK_OK && bounds)
        *c->out = bound_figures(&p, value);
    bool kept = *more && status == WICK_OK && bound_keeps_all(values);
    double turn = *more ? replay_effort(&p.bound, kept) : 0;
    c->pace = *more ? turn / effort : 1;
    for (int k = 0; k < a->n && *more && status == WICK_OK; k++) {
        *more = spend(c, turn, turn);
        if (*more)
            status = play_one(c, &p, values, &a->manners[k], 1, &score, more, diag);
    }
    if (kept && a->draws && *more && status == WICK_OK)
        status = draw_all(c, &p, values, turn, more, diag);
    wick_arena_free(arena);
    return status;
}

wick_status wick_clairvoyant_replay(const wick_plan *plan, const wick_trace *trace,
                                    const wick_sim_options *options, const uint8_t *correct,
                                    int n_samples, const wick_clairvoyant_options *grid,
                                    wick_bound *out, double *reached, wick_diag *diag) {
    enum { REPLAYS = 7 }; /* times a sweep's effort */
    contest c = {.plan = plan,
                 .trace = trace,
                 .options = options,
                 .correct = correct,
                 .n_samples = n_samples,
                 .grid = grid,
                 .most = grid->effort > 0 ? REPLAYS * grid->effort : INFINITY,
                 .out = out,
                 .reached = reached};
    wick_status status = WICK_OK;
    bool more = true;
    *out = (wick_bound){0};
    *reached = 0;
    for (size_t i = 0; i < WICK_LEN(attempts) && more && status == WICK_OK; i++)
        status = play_all(&c, &attempts[i], &more, diag);
    wick_progress_end(&c.progress);
    return status;
}
