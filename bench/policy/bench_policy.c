/* Plays the scenario of bench/policy.json: every cell's policies, tuned on the training part and
   judged on the other, beside the best fixed module in hindsight and the clairvoyant. */
#include "policy_results.h"

#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct arguments {
    const char *scenario, *traces, *output, *plans[8];
    int n_plans, phases, tune_phases, shard, shards, every, cells, charges;
    double deadline; /* periods; 0: all */
    bool report, each, hindsight, bounds;
} arguments;

enum {
    KEY_PHASES = 256,
    KEY_TUNE,
    KEY_SHARD,
    KEY_EVERY,
    KEY_CELLS,
    KEY_CHARGES,
    KEY_REPORT,
    KEY_EACH,
    KEY_DEADLINE,
    KEY_HINDSIGHT,
    KEY_BOUNDS
};

static const struct argp_option option_table[] = {
    {"traces", 't', "FOLDER", 0, "the trace files that the scenario names", 0},
    {"output", 'o', "FOLDER", 0, "results.jsonl and heat maps", 0},
    {"phases", KEY_PHASES, "N", 0, "start phases that are judged (default: the scenario's)", 0},
    {"tune-phases", KEY_TUNE, "N", 0,
     "runs of each training trace and those drawn from it (default 5)", 0},
    {"shard", KEY_SHARD, "I/N", 0,
     "every Nth judged file from the Ith (0 to N - 1) on: for several processes", 0},
    {"every", KEY_EVERY, "N", 0,
     "every Nth judged file only: for a first look, reported with --each", 0},
    {"cells", KEY_CELLS, "N", 0,
     "every Nth cell only, with all of its files: for more phases than a whole grid has time for",
     0},
    {"charges", KEY_CHARGES, "N", 0,
     "of the bound of cells that seem contested, 16 to 4000 (default: as of the others). Costs round "
     "less, and whether the engine is tired of waiting is a state of its own; another output folder for another N",
     0},
    {"bounds", KEY_BOUNDS, 0, 0, "the bounds alone: other runs find them in bounds.jsonl", 0},
    {"report", KEY_REPORT, 0, 0, "no runs: table, bars and heat maps of what is there", 0},
    {"deadline", KEY_DEADLINE, "D", 0, "run cells with this deadline, in periods, only", 0},
    {"each", KEY_EACH, 0, 0, "report each judged file by itself", 0},
    {"hindsight", KEY_HINDSIGHT, 0, 0,
     "tune on what is judged, and on traces drawn from it: what the policies' form can reach, as if it generalised",
     0},
    {0}};

static void name(arguments *a, char *text) {
    if (!a->scenario)
        a->scenario = text;
    else if (a->n_plans < (int)WICK_LEN(a->plans))
        a->plans[a->n_plans++] = text;
}

static void check_complete(struct argp_state *state, const arguments *a) {
    if (!a->scenario || !a->output || (!a->report && (!a->traces || !a->n_plans)) ||
        a->tune_phases < 1 || a->every < 1 || a->cells < 1)
        argp_error(state, "a scenario, --output, --traces and plans are needed");
    if (a->charges && (a->charges < 16 || a->charges > 4000))
        argp_error(state, "--charges: 16 to 4000");
}

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    switch (key) {
    case 't':
        a->traces = text;
        break;
    case 'o':
        a->output = text;
        break;
    case KEY_PHASES:
        a->phases = atoi(text);
        break;
    case KEY_TUNE:
        a->tune_phases = atoi(text);
        break;
    case KEY_SHARD:
        if (sscanf(text, "%d/%d", &a->shard, &a->shards) != 2 || a->shard < 0 ||
            a->shard >= a->shards)
            argp_error(state, "a shard is I/N, I from 0 to N - 1: %s", text);
        break;
    case KEY_EVERY:
        a->every = atoi(text);
        break;
    case KEY_CELLS:
        a->cells = atoi(text);
        break;
    case KEY_CHARGES:
        a->charges = atoi(text);
        break;
    case KEY_REPORT:
        a->report = true;
        break;
    case KEY_DEADLINE:
        a->deadline = atof(text);
        if (!(a->deadline > 0))
            argp_error(state, "a deadline is some periods: %s", text);
        break;
    case KEY_EACH:
        a->each = true;
        break;
    case KEY_BOUNDS:
        a->bounds = true;
        break;
    case KEY_HINDSIGHT:
        a->hindsight = true;
        break;
    case ARGP_KEY_ARG:
        name(a, text);
        break;
    case ARGP_KEY_END:
        check_complete(state, a);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {option_table,
                                 parse,
                                 "policy.json PLAN.json...",
                                 "Judges scheduling policies over a grid of scenarios.",
                                 0,
                                 0,
                                 0};

static double processor_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Twice where the cell seems contested: the lower of two bounds is one. */
static wick_status find_bound(const wick_judged *judged, const arguments *a, scores *out,
                              wick_diag *diag) {
    wick_clairvoyant_options grid = {.slots = 10, .levels = 48};
    double best = 0, finer;
    for (int k = 0; k < out->modules; k++)
        best = fmax(best, out->fixed[k]);
    WICK_TRY(wick_policy_bound(judged, &grid, &out->bound, NULL, diag));
    if (!a->charges || out->bound - best < 0.02)
        return WICK_OK;
    grid.charges = a->charges;
    grid.tires = true;
    WICK_TRY(wick_policy_bound(judged, &grid, &finer, NULL, diag));
    out->bound = fmin(out->bound, finer);
    return WICK_OK;
}

/* The same, from the file of bounds where it is there. */
static wick_status look_up_bound(const wick_judged *judged, const arguments *a, const char *key,
                                 scores *out, wick_diag *diag) {
    char path[1024], name[320];
    double since_s = processor_s();
    snprintf(path, sizeof path, "%s/bounds.jsonl", a->output);
    snprintf(name, sizeof name, "%s, %d phases, %d charges", key, judged->phases, a->charges);
    if (result_bound_known(path, name, &out->bound))
        return WICK_OK;
    WICK_TRY(find_bound(judged, a, out, diag));
    if (!result_bound_append(path, name, out->bound, processor_s() - since_s))
        return wick_fail(diag, WICK_IO, path, NULL, NULL, "cannot append");
    return WICK_OK;
}

static wick_status play(wick_arena *arena, const scene *s, const family *f, const cell *c,
                        const arguments *a, const char *key, scores *out, wick_diag *diag) {
    static const wick_policy_kind kinds[KINDS] = {WICK_POLICY_FIXED, WICK_POLICY_GREEDY,
                                                  WICK_POLICY_THRESHOLD, WICK_POLICY_EDF,
                                                  WICK_POLICY_TABLE};
    wick_judged judged, tuned;
    *out = (scores){.fits = f->plans[c->window] != NULL, .modules = f->net->n_modules};
    if (!out->fits)
        return WICK_OK;
    WICK_TRY(scene_worlds(arena, s, f, c, a->traces, &judged, &tuned, diag));
    if (a->phases > 0)
        judged.phases = a->phases;
    if (a->hindsight)
        tuned = judged;
    else
        tuned.phases = a->tune_phases;
    out->inputs = ceil(judged.traces[0]->end_s / judged.workload.period_s);
    for (int k = 0; k < out->modules; k++) {
        wick_policy fixed = {.kind = WICK_POLICY_FIXED, .module = (uint8_t)(k + 1)};
        WICK_TRY(wick_policy_judge(&judged, &fixed, &out->fixed[k], diag));
    }
    WICK_TRY(look_up_bound(&judged, a, key, out, diag));
    if (a->bounds)
        return WICK_OK;
    wick_synth_options options = wick_synth_defaults();
    options.periods = 12;
    options.may_switch_off = true; /* as the clairvoyant may */
    wick_policy best[KINDS];
    for (int k = 0; k < KINDS; k++) {
        double trained;
        if (kinds[k] == WICK_POLICY_TABLE) /* beside those that are tuned already */
            WICK_TRY(wick_policy_synthesise(arena, &tuned, &options, best, k, &best[k], &trained,
                                            NULL, diag));
        else
            WICK_TRY(wick_policy_best(arena, &tuned, kinds[k], &options, &best[k], &trained, NULL,
                                      diag));
        WICK_TRY(wick_policy_judge(&judged, &best[k], &out->kinds[k], diag));
    }
    return WICK_OK;
}

/* One cell, unless its result is there. */
static wick_status visit(const scene *s, const family *f, const cell *c, const arguments *a,
                         const char *results, wick_diag *diag) {
    char key[256];
    scores r;
    result_key(s, f, c, key, sizeof key);
    if (result_known(results, key))
        return WICK_OK;
    wick_arena *arena = wick_arena_new();
    double since_s = processor_s();
    wick_status status = play(arena, s, f, c, a, key, &r, diag);
    r.seconds = processor_s() - since_s;
    wick_arena_free(arena);
    if (status == WICK_OK && !a->bounds && !result_append(results, key, s, f, c, &r))
        status = wick_fail(diag, WICK_IO, results, NULL, NULL, "cannot append");
    if (status == WICK_OK && wick_stop_requested())
        status = wick_fail(diag, WICK_INTERRUPTED, NULL, NULL, "the same command goes on",
                           "interrupted");
    return status;
}

/* Files of one cell have one place. */
static int place_of(const scene *s, const cell *c) {
    return ((c->set * s->n_windows + c->window) * s->n_deadlines + c->deadline) * s->rho_steps +
           c->rho;
}

/* In leaps, families in turn: what is there of a run that was cut off is spread over the grid. */
static wick_status visit_all(const scene *s, const family *families, const arguments *a,
                             const char *results, wick_diag *diag) {
    enum { LEAP = 1009 }; /* a prime, and no grid is a multiple of it */
    cell c;
    int n = 0;
    while (scene_cell(s, n, &c))
        n++;
    for (int i = 0; i < n; i++) {
        int at = (int)((long)i * LEAP % n);
        if (at % a->every != 0 || at / a->every % a->shards != a->shard)
            continue;
        scene_cell(s, at, &c);
        if (place_of(s, &c) % a->cells != 0 ||
            (a->deadline > 0 && s->deadlines[c.deadline] != a->deadline))
            continue;
        for (int k = 0; k < a->n_plans; k++)
            WICK_TRY(visit(s, &families[k], &c, a, results, diag));
    }
    return WICK_OK;
}

static wick_status check_deadline(const scene *s, const arguments *a, wick_diag *diag) {
    for (int i = 0; i < s->n_deadlines; i++)
        if (a->deadline == 0 || a->deadline == s->deadlines[i])
            return WICK_OK;
    return wick_fail(diag, WICK_RANGE, a->scenario, "--deadline", "take one of its own",
                     "no cell has a deadline of %g periods", a->deadline);
}

static wick_status run(const arguments *a, wick_arena *arena, wick_diag *diag) {
    scene s;
    const char *results = wick_arena_printf(arena, "%s/results.jsonl", a->output);
    WICK_TRY(scene_load(arena, a->scenario, &s, diag));
    WICK_TRY(check_deadline(&s, a, diag));
    if (!a->report) {
        family *families = wick_new(arena, family, a->n_plans);
        wick_status status = WICK_OK;
        int loaded = 0;
        while (loaded < a->n_plans && status == WICK_OK) {
            status = family_load(arena, &s, a->plans[loaded], &families[loaded], diag);
            loaded++;
        }
        if (status == WICK_OK)
            status = visit_all(&s, families, a, results, diag);
        for (int i = 0; i < loaded; i++)
            family_free(&families[i], &s);
        WICK_TRY(status);
    }
    if (!a->report && (a->shards > 1 || a->bounds))
        return WICK_OK;
    return result_report(results, &s, a->each, a->output, diag);
}

int main(int argc, char **argv) {
    arguments a = {.tune_phases = 5, .shards = 1, .every = 1, .cells = 1};
    argp_parse(&argp, argc, argv, 0, 0, &a);
    wick_diag diag = {0};
    wick_arena *arena = wick_arena_new();
    wick_stop_install();
    wick_status status = run(&a, arena, &diag);
    if (status != WICK_OK)
        wick_diag_print(&diag, stderr);
    wick_arena_free(arena);
    return status == WICK_OK ? 0 : 1;
}
