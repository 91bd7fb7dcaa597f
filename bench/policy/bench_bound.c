/* How near the clairvoyant's bound and the best schedule found are in cells of bench/policy.json,
   and on which grid: each cell's grid is made finer until they lie within 1 %. */
#include "policy_scene.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct arguments {
    const char *scenario, *traces, *plans[8];
    int n_plans, phases, every, first, grids, slots, levels, charges, widest;
    bool bounds; /* alone */
} arguments;

enum { MOST_CHARGES = 4000 };
enum {
    KEY_PHASES = 256,
    KEY_EVERY,
    KEY_FIRST,
    KEY_GRIDS,
    KEY_SLOTS,
    KEY_LEVELS,
    KEY_CHARGES,
    KEY_BOUNDS,
    KEY_WIDEST
};

static const struct argp_option option_table[] = {
    {"traces", 't', "FOLDER", 0, "the trace files that the scenario names", 0},
    {"phases", KEY_PHASES, "N", 0, "start phases (default 3)", 0},
    {"every", KEY_EVERY, "N", 0, "every Nth cell only (default 97)", 0},
    {"first", KEY_FIRST, "N", 0, "from this cell on (default 0)", 0},
    {"grids", KEY_GRIDS, "N", 0,
     "so many grids at most: the first, then with most charges, then each twice as fine in time (default 4)",
     0},
    {"slots", KEY_SLOTS, "N", 0, "instants of a period on the first grid (default 10)", 0},
    {"levels", KEY_LEVELS, "N", 0, "parts of the longest answer there (default 48)", 0},
    {"charges", KEY_CHARGES, "N", 0, "charges of the first grid (default: as fits)", 0},
    {"widest", KEY_WIDEST, "N", 0,
     "devices that a search keeps at an instant (default 1000; 100 with as few charges as fit)", 0},
    {"bounds", KEY_BOUNDS, NULL, 0, "the bounds alone, without schedules", 0},
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
    case KEY_EVERY:
        a->every = atoi(text);
        break;
    case KEY_FIRST:
        a->first = atoi(text);
        break;
    case KEY_GRIDS:
        a->grids = atoi(text);
        break;
    case KEY_SLOTS:
        a->slots = atoi(text);
        break;
    case KEY_LEVELS:
        a->levels = atoi(text);
        break;
    case KEY_CHARGES:
        a->charges = atoi(text);
        break;
    case KEY_BOUNDS:
        a->bounds = true;
        break;
    case KEY_WIDEST:
        a->widest = atoi(text);
        break;
    case ARGP_KEY_ARG:
        if (!a->scenario)
            a->scenario = text;
        else if (a->n_plans < 8)
            a->plans[a->n_plans++] = text;
        break;
    case ARGP_KEY_END:
        if (!a->scenario || !a->traces || !a->n_plans || a->phases < 1 || a->every < 1 ||
            a->grids < 1 || a->grids > 8)
            argp_error(state, "a scenario, --traces and plans are needed");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    option_table,
    parse,
    "policy.json PLAN.json...",
    "The clairvoyant's bound and the best schedule found, cell by cell.",
    0,
    0,
    0};

static double processor_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Charges first: what small costs round to is most of a gap, more often than times are. */
static wick_clairvoyant_options grid_of(const arguments *a, int g) {
    int finer = g ? g - 1 : 0;
    return (wick_clairvoyant_options){.slots = a->slots << finer,
                                      .levels = a->levels << finer,
                                      .charges = g ? MOST_CHARGES : a->charges,
                                      .tires = g > 0 || a->charges > 0,
                                      .cold = g > 0 || a->charges > 0,
                                      .widest = a->widest                 ? a->widest
                                                : g > 0 || a->charges > 0 ? 0
                                                                          : 100};
}

static wick_status visit(const scene *s, const family *f, const cell *c, const arguments *a,
                         wick_diag *diag) {
    wick_judged judged, tuned;
    wick_arena *arena = wick_arena_new();
    wick_status status = scene_worlds(arena, s, f, c, a->traces, &judged, &tuned, diag);
    judged.phases = a->phases;
    double gap = 1;
    for (int g = 0; g < a->grids && gap > 0.01 && status == WICK_OK; g++) {
        const wick_clairvoyant_options grid = grid_of(a, g);
        double bound, reached = 0, since_s = processor_s();
        const char *charges = grid.charges ? wick_arena_printf(arena, "%d", grid.charges) : "few";
        status = wick_policy_bound(&judged, &grid, &bound, a->bounds ? NULL : &reached, diag);
        if (status != WICK_OK)
            break;
        gap = bound > 0 ? 1 - reached / bound : 0;
        printf(
            "%s %s %d window %g deadline %g rho %.3f: %d slots, %d levels, %s charges: bound %.2f, ",
            f->name, s->sets[c->set].name, c->file, s->windows[c->window],
            s->deadlines[c->deadline], scene_rho(s, f, c->rho), grid.slots, grid.levels, charges,
            100 * bound);
        if (!a->bounds)
            printf("reached %.2f, gap %.2f %% ", 100 * reached, 100 * gap);
        printf("(%.1f s)\n", processor_s() - since_s);
        fflush(stdout);
    }
    wick_arena_free(arena);
    return status;
}

static wick_status visit_all(const scene *s, const family *f, const arguments *a, wick_diag *diag) {
    cell c;
    for (int at = 0; scene_cell(s, at, &c); at++)
        if (at % a->every == a->first && f->plans[c.window])
            WICK_TRY(visit(s, f, &c, a, diag));
    return WICK_OK;
}

int main(int argc, char **argv) {
    arguments a = {.phases = 3, .every = 97, .grids = 4, .slots = 10, .levels = 48};
    argp_parse(&argp, argc, argv, 0, 0, &a);
    wick_diag diag = {0};
    wick_arena *arena = wick_arena_new();
    scene s;
    wick_status status = scene_load(arena, a.scenario, &s, &diag);
    for (int i = 0; i < a.n_plans && status == WICK_OK; i++) {
        family f;
        status = family_load(arena, &s, a.plans[i], &f, &diag);
        if (status == WICK_OK)
            status = visit_all(&s, &f, &a, &diag);
        family_free(&f, &s);
    }
    if (status != WICK_OK)
        wick_diag_print(&diag, stderr);
    wick_arena_free(arena);
    return status == WICK_OK ? 0 : 1;
}
