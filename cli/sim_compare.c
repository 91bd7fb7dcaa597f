#include "sim_compare.h"
#include "sim_notes.h"

#include <string.h>

/* Accuracies in time, 0..1: with an answer's module as often right as among all samples, and with
   the answers to these very inputs. */
typedef struct entry {
    const char *name;
    double expected, right;
    bool margins; /* it looks at how sure answers are: no bound of the harvest alone holds for it */
} entry;

/* What no policy can pass, and what the clairvoyant's own plan reaches in the simulator. */
typedef struct limits {
    wick_bound bound;
    double reached;
} limits;

typedef struct comparison {
    int n, inputs, boots;
    entry *scores;         /* [n] the policies', then the modules' */
    const entry *fixed[2]; /* the best module by each of both */
    bool bounded;          /* else no bounds, because: */
    char *unbounded;
    bool margins; /* of any policy */
    limits energy, known;
} comparison;

static wick_status run_all(const sim_args *a, const sim_world *w, wick_arena *arena, comparison *c,
                           wick_diag *diag) {
    for (int i = 0; i < c->n; i++) {
        wick_sim_options options = a->options;
        wick_sim_result r;
        WICK_TRY(sim_policy(c->scores[i].name, w->plan, arena, &options.policy, diag));
        WICK_TRY(wick_sim_run(w->plan, w->traces[0], &options, w->inputs.correct, w->inputs.n, &r,
                              diag));
        c->scores[i].expected = r.inputs ? r.expected_in_time / r.inputs : 0;
        c->scores[i].right = r.inputs ? (double)r.correct_in_time / r.inputs : 0;
        c->scores[i].margins = wick_policy_has_sure(&options.policy);
        c->margins = c->margins || c->scores[i].margins;
        c->inputs = r.inputs;
        c->boots += r.boots;
        wick_sim_free(&r);
    }
    return WICK_OK;
}

static wick_status find_limits(const sim_args *a, const sim_world *w, double effort, bool known,
                               limits *out, wick_diag *diag) {
    const double usual = 8e9; /* half a minute for the two bounds and their plans */
    wick_clairvoyant_options grid = wick_clairvoyant_defaults();
    grid.known = known;
    grid.effort = usual * effort;
    return wick_clairvoyant_replay(w->plan, w->traces[0], &a->options, w->inputs.correct,
                                   w->inputs.n, &grid, &out->bound, &out->reached, diag);
}

static wick_status find_both(const sim_args *a, const sim_world *w, double effort,
                             wick_arena *arena, comparison *c, wick_diag *diag) {
    wick_diag why = {0};
    c->bounded = wick_clairvoyant_check(&a->options.workload, &why) == WICK_OK;
    if (!c->bounded)
        c->unbounded = wick_arena_printf(arena, "%s (%s)", why.items[0].reason, why.items[0].hint);
    wick_diag_free(&why);
    if (!c->bounded)
        return WICK_OK;
    WICK_TRY(find_limits(a, w, effort, false, &c->energy, diag));
    return find_limits(a, w, effort, true, &c->known, diag);
}

/* ---- text ---- */

/* What a coarser grid and a shorter search leave open; whether there is anything. */
static bool print_effort(const wick_bound *energy, const wick_bound *known) {
    const wick_clairvoyant_options *used = &energy->grid;
    if (energy->coarser) {
        printf("To save time the bounds have a coarser grid (%d instants of a period, an answer in "
               "%d parts",
               used->slots, used->levels);
        if (used->charges)
            printf(", %d charges", used->charges);
        printf("): they hold, and a finer one makes them tighter.\n");
    }
    if (energy->cut_short)
        printf("With the harvest known the search for schedules was cut short: a longer one might "
               "find better ones.\n");
    if (known->cut_short)
        printf("With the right modules known, too, the search for schedules was cut short.\n");
    bool open = energy->cut_short || known->cut_short || energy->coarser || known->coarser;
    if (open)
        printf(
            "--effort F takes F times as long as the usual half a minute; --effort 0 has no limit.\n");
    return open;
}

/* Of the bound; 0 where both are as good as the same. */
static double apart(const limits *l) {
    double share = l->bound.expected > 0 ? 1 - l->reached / l->bound.expected : 0;
    return share > 0.01 ? share : 0;
}

static void print_apart(const comparison *c) {
    double energy = apart(&c->energy), known = apart(&c->known);
    if (energy > 0)
        printf(
            "With the harvest known, bound and best schedule are %.1f %% of the bound apart: the "
            "optimum lies between.\n",
            100 * energy);
    if (known > 0)
        printf("With the right modules known, too, they are %.1f %% apart.\n", 100 * known);
    bool open = print_effort(&c->energy.bound, &c->known.bound);
    if ((energy > 0 || known > 0) && !open)
        printf("The grid is the finest and the search was not cut short: --effort would change "
               "nothing.\n");
}

enum { COLUMNS = 4 };

static const char *percent(const comparison *c, wick_arena *arena, double share) {
    return c->inputs ? wick_arena_printf(arena, "%.2f %%", 100 * share) : "-";
}

/* The rows below the policies; returns how many. */
static int fill_last(const comparison *c, wick_arena *arena, const char **row) {
    const char *const none = "-";
    const entry *expected = c->fixed[0], *right = c->fixed[1];
    struct {
        const char *name, *expected, *right;
    } last[] = {{wick_arena_printf(arena, "best fixed module (%s)", expected->name),
                 percent(c, arena, expected->expected), percent(c, arena, expected->right)},
                {wick_arena_printf(arena, "best fixed module for these inputs (%s)", right->name),
                 percent(c, arena, right->expected), percent(c, arena, right->right)},
                {"harvest known: best schedule found", percent(c, arena, c->energy.reached), none},
                {"harvest known: bound", percent(c, arena, c->energy.bound.expected), none},
                {"harvest and right modules known: best schedule found", none,
                 percent(c, arena, c->known.reached)},
                {"harvest and right modules known: bound", none,
                 percent(c, arena, c->known.bound.expected)}};
    int n = c->bounded ? (int)WICK_LEN(last) : 2, rows = 0;
    for (int i = 0; i < n; i++) {
        if (i == 1 && expected == right)
            continue;
        row[0] = last[i].name;
        row[1] = last[i].expected;
        row[2] = "";
        row[3] = last[i].right;
        row += COLUMNS;
        rows++;
    }
    return rows;
}

static void print_table(const comparison *c, wick_arena *arena) {
    enum { LAST = 6 };
    const char **cells = wick_new(arena, const char *, COLUMNS *(c->n + 1 + LAST)), **row = cells;
    double least = c->fixed[0]->expected;
    double gap = c->bounded ? c->energy.bound.expected - least : 0;
    row[0] = "policy";
    row[1] = "expected accuracy in time";
    row[2] = "of the gap closed";
    row[3] = "right in time";
    for (int i = 0; i < c->n; i++) {
        const entry *s = &c->scores[i];
        row += COLUMNS;
        row[0] = s->name;
        row[1] = percent(c, arena, s->expected);
        row[2] = gap > 0.0005 && !s->margins
                     ? wick_arena_printf(arena, "%.0f %%", 100 * (s->expected - least) / gap)
                     : "-";
        row[3] = percent(c, arena, s->right);
    }
    cli_print_table(cells, c->n + 1 + fill_last(c, arena, row + COLUMNS), COLUMNS);
}

static void print(const comparison *c, wick_arena *arena) {
    print_table(c, arena);
    printf("\n%d input%s. Expected: each answer counts with its module's share of right ones among "
           "all samples; right in time: those that are right on these inputs.\n",
           c->inputs, c->inputs == 1 ? "" : "s");
    if (!c->bounded)
        return;
    printf("The gap: from the best fixed module in hindsight to the bound that no policy can pass; "
           "the best schedule lies between it and the best one found. With the right modules known "
           "a bound counts these inputs: compare it with what is right in time.\n");
    if (c->margins)
        printf("A policy that looks at how sure answers are knows more than the harvest: only the "
               "bound with the right modules known holds for it.\n");
    print_apart(c);
}

/* ---- JSON ---- */

static json_t *limits_json(const limits *l) {
    const wick_clairvoyant_options *g = &l->bound.grid;
    return json_pack("{s:i, s:i, s:i, s:i, s:I, s:b, s:b}", "slots", g->slots, "levels", g->levels,
                     "charges", g->charges, "replays", l->bound.replays, "turns",
                     (json_int_t)l->bound.turns, "cut_short", l->bound.cut_short, "coarser",
                     l->bound.coarser);
}

/* A bound's values; null where there is none. */
static void add_limits(json_t *root, const comparison *c, const limits *l, const char *name,
                       wick_arena *arena) {
    json_object_set_new(root, wick_arena_printf(arena, "bound_%s", name),
                        c->bounded ? json_real(l->bound.expected) : json_null());
    json_object_set_new(root, wick_arena_printf(arena, "replayed_%s", name),
                        c->bounded ? json_real(l->reached) : json_null());
    json_object_set_new(root, wick_arena_printf(arena, "grid_%s", name),
                        c->bounded ? limits_json(l) : json_null());
}

static void fill_json(json_t *root, const comparison *c, wick_arena *arena) {
    json_t *list = json_array();
    for (int i = 0; i < c->n; i++)
        json_array_append_new(list, json_pack("{s:s, s:f, s:f, s:b}", "policy", c->scores[i].name,
                                              "expected_in_time", c->scores[i].expected,
                                              "accuracy_in_time", c->scores[i].right,
                                              "looks_at_margins", c->scores[i].margins));
    json_object_set_new(root, "policies", list);
    json_object_set_new(root, "best_fixed", json_string(c->fixed[0]->name));
    json_object_set_new(root, "best_fixed_known", json_string(c->fixed[1]->name));
    add_limits(root, c, &c->energy, "energy", arena);
    add_limits(root, c, &c->known, "known", arena);
    json_object_set_new(root, "inputs", json_integer(c->inputs));
}

/* ---- all of it ---- */

/* The policies, and every module fixed. */
static void name_scores(const sim_world *w, const char *const *policies, int n_policies,
                        wick_arena *arena, comparison *c) {
    int modules = w->plan->model.n_modules;
    c->scores = wick_new(arena, entry, n_policies + modules);
    for (int i = 0; i < n_policies; i++)
        if (strncmp(policies[i], "fixed:", 6) != 0)
            c->scores[c->n++].name = policies[i];
    for (int k = 1; k <= modules; k++)
        c->scores[c->n++].name = wick_arena_printf(arena, "fixed:%s", w->plan->segments[k].name);
}

static void find_best_fixed(const sim_world *w, comparison *c) {
    const entry *first = c->scores + c->n - w->plan->model.n_modules;
    c->fixed[0] = c->fixed[1] = first;
    for (const entry *s = first; s < c->scores + c->n; s++) {
        c->fixed[0] = s->expected > c->fixed[0]->expected ? s : c->fixed[0];
        c->fixed[1] = s->right > c->fixed[1]->right ? s : c->fixed[1];
    }
    if (c->fixed[0]->right == c->fixed[1]->right)
        c->fixed[1] = c->fixed[0];
}

/* A policy's run is a schedule, too. Where it looks at margins it is none of a device that knows
   the harvest alone. */
static void count_policies(comparison *c) {
    for (int i = 0; c->bounded && i < c->n; i++) {
        const entry *s = &c->scores[i];
        if (!s->margins && s->expected > c->energy.reached)
            c->energy.reached = s->expected;
        if (s->right > c->known.reached)
            c->known.reached = s->right;
    }
}

wick_status sim_compare(const sim_args *a, const sim_world *w, const char *const *policies,
                        int n_policies, double effort, wick_arena *arena, json_t *root,
                        wick_diag *diag) {
    comparison c = {0};
    name_scores(w, policies, n_policies, arena, &c);
    WICK_TRY(run_all(a, w, arena, &c, diag));
    find_best_fixed(w, &c);
    WICK_TRY(find_both(a, w, effort, arena, &c, diag));
    count_policies(&c);
    sim_note_inputs(c.inputs, "the run", NULL);
    if (!c.boots)
        WICK_TRY(sim_note_sleep("the device", w->plan, w->traces[0], &a->options, diag));
    if (!c.bounded)
        fprintf(stderr, "wick: note: there are no bounds: %s\n", c.unbounded);
    if (root)
        fill_json(root, &c, arena);
    else
        print(&c, arena);
    return WICK_OK;
}
