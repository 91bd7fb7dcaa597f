/* Which share of the gap between the best fixed module and the clairvoyant's bound a policy can
   close, cell by cell of bench/policy.json: with the harvest's own model as the truth, where
   nothing is left to learn, and on the judged trace with the coming harvest known for a while. */
#include "policy_scene.h"

#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORESIGHTS = 4, MOST_SHARES = 512 };
static const double known_periods[FORESIGHTS] = {0, 1, 3, 10};

typedef struct arguments {
    const char *scenario, *traces, *cells, *plans[8];
    int n_plans, phases, tune_phases, every, first, periods, worlds;
    bool no_tables, ceilings;
} arguments;

enum {
    KEY_PHASES = 256,
    KEY_TUNE,
    KEY_EVERY,
    KEY_FIRST,
    KEY_PERIODS,
    KEY_WORLDS,
    KEY_CELLS,
    KEY_NO_TABLES,
    KEY_CEILINGS
};

static const struct argp_option option_table[] = {
    {"traces", 't', "FOLDER", 0, "the trace files that the scenario names", 0},
    {"phases", KEY_PHASES, "N", 0, "start phases that are judged (default 5)", 0},
    {"tune-phases", KEY_TUNE, "N", 0,
     "runs of each training trace and those drawn from it (default 2)", 0},
    {"every", KEY_EVERY, "N", 0, "every Nth cell only (default 97)", 0},
    {"first", KEY_FIRST, "N", 0, "from this cell on (default 0)", 0},
    {"cells", KEY_CELLS, "LIST", 0,
     "these instead: set,file,window,deadline,rho, counted from 0, with blanks between", 0},
    {"periods", KEY_PERIODS, "N", 0, "of a trace that is drawn from the chain (default 300)", 0},
    {"worlds", KEY_WORLDS, "N", 0, "so many of them, of seeds 1.. (default 3)", 0},
    {"ceilings", KEY_CEILINGS, 0, 0,
     "nothing is played: what not knowing the harvest costs any policy in the chain's world", 0},
    {"no-tables", KEY_NO_TABLES, 0, 0, "without the tuned tables, which take most of the time", 0},
    {0}};

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    switch (key) {
    case 't':
        a->traces = text;
        break;
    case KEY_PHASES:
        a->phases = atoi(text);
        break;
    case KEY_TUNE:
        a->tune_phases = atoi(text);
        break;
    case KEY_EVERY:
        a->every = atoi(text);
        break;
    case KEY_FIRST:
        a->first = atoi(text);
        break;
    case KEY_CELLS:
        a->cells = text;
        break;
    case KEY_PERIODS:
        a->periods = atoi(text);
        break;
    case KEY_WORLDS:
        a->worlds = atoi(text);
        break;
    case KEY_NO_TABLES:
        a->no_tables = true;
        break;
    case KEY_CEILINGS:
        a->ceilings = true;
        break;
    case ARGP_KEY_ARG:
        if (!a->scenario)
            a->scenario = text;
        else if (a->n_plans < 8)
            a->plans[a->n_plans++] = text;
        break;
    case ARGP_KEY_END:
        if (!a->scenario || !a->traces || !a->n_plans || a->phases < 1 || a->tune_phases < 1 ||
            a->every < 1 || a->periods < 10 || a->worlds < 1 ||
            a->worlds > (a->ceilings ? WICK_CEILING_WORLDS : SCENE_MOST))
            argp_error(state, "a scenario, --traces and plans are needed");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {option_table,
                                 parse,
                                 "policy.json PLAN.json...",
                                 "What information and actions are worth to a scheduling policy.",
                                 0,
                                 0,
                                 0};

/* ---- figures ---- */

/* Shares of the gap that one kind of policy closes. */
typedef struct column {
    const char *name;
    int n;
    double shares[MOST_SHARES];
} column;

typedef struct table {
    int n;
    column columns[32];
} table;

/* The points, and the share, which counts where the gap is 2 points. */
static void report(table *t, const char *name, double score, double fixed, double bound) {
    int i = 0;
    while (i < t->n && strcmp(t->columns[i].name, name) != 0)
        i++;
    if (i == t->n)
        t->columns[t->n++].name = name;
    double share = (score - fixed) / (bound - fixed);
    printf(" | %s %.1f", name, 100 * score);
    fflush(stdout);
    if (bound - fixed < 0.02)
        return;
    printf(" (%.0f %%)", 100 * share);
    column *c = &t->columns[i];
    if (c->n < MOST_SHARES)
        c->shares[c->n++] = share;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void summary(table *t) {
    printf("share of the gap, contested cells: median, quartiles\n");
    for (int i = 0; i < t->n; i++) {
        column *c = &t->columns[i];
        qsort(c->shares, (size_t)c->n, sizeof c->shares[0], ascending);
        if (c->n)
            printf("  %-34s %5.0f %%  %5.0f %% to %.0f %%  (%d cells)\n", c->name,
                   100 * (c->shares[(c->n - 1) / 2] + c->shares[c->n / 2]) / 2,
                   100 * c->shares[(c->n - 1) / 4], 100 * c->shares[(3 * c->n - 1) / 4], c->n);
    }
}

/* ---- one cell ---- */

static wick_status best_fixed(const wick_judged *on, double *score, wick_diag *diag) {
    *score = 0;
    for (int k = 1; k <= on->plan->model.n_modules; k++) {
        wick_policy fixed = {.kind = WICK_POLICY_FIXED, .module = (uint8_t)k};
        double one;
        WICK_TRY(wick_policy_judge(on, &fixed, &one, diag));
        *score = fmax(*score, one);
    }
    return WICK_OK;
}

static wick_status ends(const wick_judged *on, double *fixed, double *bound, double *replayed,
                        wick_diag *diag) {
    const wick_clairvoyant_options grid = {.slots = 10, .levels = 48, .widest = 100};
    WICK_TRY(best_fixed(on, fixed, diag));
    WICK_TRY(wick_policy_bound(on, &grid, bound, replayed, diag));
    printf("fixed %.1f, bound %.1f", 100 * *fixed, 100 * *bound);
    return WICK_OK;
}

static wick_synth_options process_options(const wick_judged *on) {
    wick_synth_options o = wick_synth_defaults();
    o.periods = 12;
    o.memory_s = 0.05 * on->workload.period_s;
    if (on->workload.deadline_s > 1.5 * on->workload.period_s)
        o.slots = 20;
    return o;
}

/* Energies as planned, or 15 % more for what the process leaves out: the better of both. */
static wick_status foresee(const wick_judged *on, const wick_judged *learnt,
                           const wick_foresight *say, double *score, wick_diag *diag) {
    *score = 0;
    for (int i = 0; i < 2; i++) {
        wick_synth_options o = process_options(on);
        double one;
        o.dearer = i ? 1.15 : 1;
        WICK_TRY(wick_policy_foresee(on, learnt, &o, say, &one, diag));
        *score = fmax(*score, one);
    }
    return WICK_OK;
}

/* Harvest drawn from the chain: all worlds together. */
static wick_status chain_world(const wick_judged *tuned, const arguments *a, table *t,
                               wick_arena *arena, wick_diag *diag) {
    const wick_synth_options o = process_options(tuned);
    double fixed = 0, bound = 0, replayed = 0, threshold, scores[2] = {0};
    wick_chain_world worlds[SCENE_MOST];
    const wick_trace *traces[SCENE_MOST];
    wick_judged on = *tuned;
    on.phases = 1;
    on.traces = traces;
    on.n_traces = a->worlds;
    for (int i = 0; i < a->worlds; i++) {
        WICK_TRY(wick_policy_chain_world(arena, tuned, &o, a->periods, (uint64_t)i + 1, &worlds[i],
                                         diag));
        traces[i] = worlds[i].trace;
    }
    printf("\n    chain: ");
    WICK_TRY(ends(&on, &fixed, &bound, &replayed, diag));
    wick_policy best;
    WICK_TRY(wick_policy_tune(&on, WICK_POLICY_THRESHOLD, &best, NULL, diag));
    WICK_TRY(wick_policy_judge(&on, &best, &threshold, diag));
    report(t, "chain: thresholds", threshold, fixed, bound);
    for (int off = 0; off < 2; off++)
        for (int i = 0; i < a->worlds; i++) {
            wick_judged one = on;
            double score;
            one.traces += i;
            one.n_traces = 1;
            const wick_foresight say = {.may_switch_off = off, .bins = worlds[i].bins};
            WICK_TRY(foresee(&one, tuned, &say, &score, diag));
            scores[off] += score / a->worlds;
        }
    report(t, "chain: process", scores[0], fixed, bound);
    report(t, "chain: process, may switch off", scores[1], fixed, bound);
    if (!a->no_tables) {
        wick_synth_options all = wick_synth_defaults();
        double score;
        all.periods = 12;
        all.may_switch_off = true;
        WICK_TRY(wick_policy_best(arena, &on, WICK_POLICY_TABLE, &all, &best, &score, NULL, diag));
        WICK_TRY(wick_policy_judge(&on, &best, &score, diag));
        report(t, "chain: table", score, fixed, bound);
    }
    report(t, "chain: clairvoyant replayed", replayed, fixed, bound);
    return WICK_OK;
}

static wick_status real_world(const wick_judged *judged, const wick_judged *tuned,
                              const arguments *a, table *t, wick_arena *arena, wick_diag *diag) {
    static const char *const names[2][FORESIGHTS] = {
        {"trace: process", "trace: 1 period known", "trace: 3 periods known",
         "trace: 10 periods known"},
        {"trace: process, may switch off", "trace: 1 known, off", "trace: 3 known, off",
         "trace: 10 known, off"}};
    double fixed, bound, replayed, score;
    printf("\n    trace: ");
    WICK_TRY(ends(judged, &fixed, &bound, &replayed, diag));
    wick_synth_options all = wick_synth_defaults();
    all.periods = 12;
    all.may_switch_off = true;
    for (int hindsight = 0; hindsight < 2 && !a->no_tables; hindsight++) {
        wick_policy best;
        WICK_TRY(wick_policy_best(arena, hindsight ? judged : tuned, WICK_POLICY_TABLE, &all, &best,
                                  &score, NULL, diag));
        WICK_TRY(wick_policy_judge(judged, &best, &score, diag));
        report(t, hindsight ? "trace: table in hindsight" : "trace: table", score, fixed, bound);
    }
    for (int off = 0; off < 2; off++)
        for (int i = 0; i < FORESIGHTS; i++) {
            const wick_foresight say = {.known_periods = known_periods[i], .may_switch_off = off};
            WICK_TRY(foresee(judged, tuned, &say, &score, diag));
            report(t, names[off][i], score, fixed, bound);
        }
    report(t, "trace: clairvoyant replayed", replayed, fixed, bound);
    return WICK_OK;
}

/* The chain's memory decides how far ahead it sees: several. The device may switch off, as the
   clairvoyant may. */
static wick_status ceilings(const wick_judged *judged, const wick_judged *tuned, const arguments *a,
                            table *t, wick_diag *diag) {
    static const struct {
        double periods;
        const char *steady, *online;
    } memories[] = {{0.05, "memory 0.05: endless run's optimum", "memory 0.05: optimum, end known"},
                    {0.2, "memory 0.2: endless run's optimum", "memory 0.2: optimum, end known"},
                    {1, "memory 1: endless run's optimum", "memory 1: optimum, end known"}};
    int inputs = (int)ceil(judged->traces[0]->end_s / judged->workload.period_s);
    for (size_t i = 0; i < WICK_LEN(memories); i++) {
        wick_synth_options o = process_options(judged);
        wick_ceiling c;
        o.memory_s = memories[i].periods * judged->workload.period_s;
        o.may_switch_off = true;
        WICK_TRY(wick_policy_ceiling(tuned, &o, inputs, a->worlds, &c, diag));
        printf("\n    best fixed %.1f, all known %.1f", 100 * c.fixed, 100 * c.known);
        report(t, memories[i].steady, c.steady, c.fixed, c.known);
        report(t, memories[i].online, c.online, c.fixed, c.known);
    }
    return WICK_OK;
}

static wick_status visit(const scene *s, const family *f, const cell *c, const arguments *a,
                         table *t, wick_diag *diag) {
    wick_judged judged, tuned;
    wick_arena *arena = wick_arena_new();
    wick_status status = scene_worlds(arena, s, f, c, a->traces, &judged, &tuned, diag);
    judged.phases = a->phases;
    tuned.phases = a->tune_phases;
    printf("%s %s %d window %g deadline %g rho %.3f", f->name, s->sets[c->set].name, c->file,
           s->windows[c->window], s->deadlines[c->deadline], scene_rho(s, f, c->rho));
    if (status == WICK_OK && a->ceilings)
        status = ceilings(&judged, &tuned, a, t, diag);
    if (status == WICK_OK && !a->ceilings)
        status = chain_world(&tuned, a, t, arena, diag);
    if (status == WICK_OK && !a->ceilings)
        status = real_world(&judged, &tuned, a, t, arena, diag);
    printf("\n");
    fflush(stdout);
    wick_arena_free(arena);
    return status;
}

static wick_status visit_listed(const scene *s, const family *f, const arguments *a, table *t,
                                wick_diag *diag) {
    const char *at = a->cells;
    int used;
    cell c = {0};
    while (sscanf(at, " %d,%d,%d,%d,%d%n", &c.set, &c.file, &c.window, &c.deadline, &c.rho,
                  &used) == 5) {
        at += used;
        if (c.set < 0 || c.set >= s->n_sets || c.file < 0 || c.file >= s->sets[c.set].n ||
            c.window < 0 || c.window >= s->n_windows || c.deadline < 0 ||
            c.deadline >= s->n_deadlines || c.rho < 0 || c.rho >= s->rho_steps)
            return wick_fail(diag, WICK_RANGE, NULL, "--cells", NULL, "no such cell");
        if (f->plans[c.window])
            WICK_TRY(visit(s, f, &c, a, t, diag));
    }
    return WICK_OK;
}

static wick_status visit_all(const scene *s, const family *f, const arguments *a, table *t,
                             wick_diag *diag) {
    cell c;
    for (int at = 0; scene_cell(s, at, &c); at++)
        if (at % a->every == a->first && f->plans[c.window])
            WICK_TRY(visit(s, f, &c, a, t, diag));
    return WICK_OK;
}

int main(int argc, char **argv) {
    arguments a = {.phases = 5, .tune_phases = 2, .every = 97, .periods = 300, .worlds = 3};
    argp_parse(&argp, argc, argv, 0, 0, &a);
    wick_diag diag = {0};
    wick_arena *arena = wick_arena_new();
    table *t = wick_new(arena, table, 1);
    scene s;
    wick_status status = scene_load(arena, a.scenario, &s, &diag);
    for (int i = 0; i < a.n_plans && status == WICK_OK; i++) {
        family f;
        status = family_load(arena, &s, a.plans[i], &f, &diag);
        if (status == WICK_OK)
            status = a.cells ? visit_listed(&s, &f, &a, t, &diag) : visit_all(&s, &f, &a, t, &diag);
        family_free(&f, &s);
    }
    summary(t);
    if (status != WICK_OK)
        wick_diag_print(&diag, stderr);
    wick_arena_free(arena);
    return status == WICK_OK ? 0 : 1;
}
