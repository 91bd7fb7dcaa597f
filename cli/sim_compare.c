#include "sim_compare.h"

#include <string.h>

typedef struct entry {
    const char *name;
    double expected; /* accuracy in time, 0..1 */
} entry;

/* `scores`: the policies', then the modules'. */
static wick_status run_all(const sim_args *a, const sim_world *w, wick_arena *arena, entry *scores,
                           int n, wick_diag *diag) {
    for (int i = 0; i < n; i++) {
        wick_sim_options options = a->options;
        wick_sim_result r;
        WICK_TRY(sim_policy(scores[i].name, w->plan, arena, &options.policy, diag));
        WICK_TRY(wick_sim_run(w->plan, w->traces[0], &options, w->inputs.correct, w->inputs.n, &r,
                              diag));
        scores[i].expected = r.inputs ? r.expected_in_time / r.inputs : 0;
        wick_sim_free(&r);
    }
    return WICK_OK;
}

/* What no policy can pass, and what the clairvoyant's own plan reaches in the simulator. */
typedef struct limits {
    wick_bound bound;
    double reached;
} limits;

static wick_status find_limits(const sim_args *a, const sim_world *w, double effort, bool known,
                               limits *out, wick_diag *diag) {
    const double usual = 8e9; /* half a minute for the two bounds and their plans */
    wick_clairvoyant_options grid = wick_clairvoyant_defaults();
    grid.known = known;
    grid.effort = usual * effort;
    return wick_clairvoyant_replay(w->plan, w->traces[0], &a->options, w->inputs.correct,
                                   w->inputs.n, &grid, &out->bound, &out->reached, diag);
}

/* What a coarser grid and a shorter search leave open. */
static void print_effort(const wick_bound *energy, const wick_bound *known) {
    const wick_clairvoyant_options *used = &energy->grid;
    bool coarser = energy->coarser;
    if (coarser) {
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
    if (energy->cut_short || known->cut_short || coarser)
        printf(
            "--effort F takes F times as long as the usual half a minute; --effort 0 has no limit.\n");
}

static void print(const entry *scores, int n, const entry *best, const limits *energy,
                  const limits *known, wick_arena *arena) {
    enum { COLUMNS = 3, LAST = 5 };
    const char **cells = wick_new(arena, const char *, COLUMNS *(n + 1 + LAST)), **row = cells;
    double gap = energy->bound.expected - best->expected;
    row[0] = "policy";
    row[1] = "expected accuracy in time";
    row[2] = "of the gap closed";
    for (int i = 0; i < n; i++) {
        row += COLUMNS;
        row[0] = scores[i].name;
        row[1] = wick_arena_printf(arena, "%.2f %%", 100 * scores[i].expected);
        row[2] = gap > 0.0005 ? wick_arena_printf(arena, "%.0f %%",
                                                  100 * (scores[i].expected - best->expected) / gap)
                              : "-";
    }
    const entry last[LAST] = {
        {wick_arena_printf(arena, "best fixed module (%s)", best->name), best->expected},
        {"harvest known: best schedule found", energy->reached},
        {"harvest known: bound", energy->bound.expected},
        {"harvest and right modules known: best schedule found", known->reached},
        {"harvest and right modules known: bound", known->bound.expected}};
    for (int i = 0; i < LAST; i++) {
        row += COLUMNS;
        row[0] = last[i].name;
        row[1] = wick_arena_printf(arena, "%.2f %%", 100 * last[i].expected);
        row[2] = "";
    }
    cli_print_table(cells, n + 1 + LAST, COLUMNS);
    printf("\n%d inputs. The gap: from the best fixed module in hindsight to the bound that no "
           "policy can pass; the best schedule lies between it and the best one found.\n",
           energy->bound.inputs);
    print_effort(&energy->bound, &known->bound);
}

static json_t *limits_json(const limits *l) {
    const wick_clairvoyant_options *g = &l->bound.grid;
    return json_pack("{s:i, s:i, s:i, s:i, s:I, s:b}", "slots", g->slots, "levels", g->levels,
                     "charges", g->charges, "replays", l->bound.replays, "turns",
                     (json_int_t)l->bound.turns, "cut_short", l->bound.cut_short);
}

wick_status sim_compare(const sim_args *a, const sim_world *w, const char *const *policies,
                        int n_policies, double effort, wick_arena *arena, json_t *root,
                        wick_diag *diag) {
    int modules = w->plan->model.n_modules, n = 0;
    entry *scores = wick_new(arena, entry, n_policies + modules);
    for (int i = 0; i < n_policies; i++)
        if (strncmp(policies[i], "fixed:", 6) != 0)
            scores[n++].name = policies[i];
    entry *fixed = scores + n, *best = fixed;
    for (int k = 1; k <= modules; k++)
        scores[n++].name = wick_arena_printf(arena, "fixed:%s", w->plan->segments[k].name);
    WICK_TRY(run_all(a, w, arena, scores, n, diag));
    for (int k = 0; k < modules; k++)
        best = fixed[k].expected > best->expected ? &fixed[k] : best;
    limits energy, known;
    WICK_TRY(find_limits(a, w, effort, false, &energy, diag));
    WICK_TRY(find_limits(a, w, effort, true, &known, diag));
    if (!root) {
        print(scores, n, best, &energy, &known, arena);
        return WICK_OK;
    }
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:s, s:f}", "policy", scores[i].name,
                                              "expected_in_time", scores[i].expected));
    json_object_set_new(root, "policies", list);
    json_object_set_new(root, "best_fixed", json_string(best->name));
    json_object_set_new(root, "bound_energy", json_real(energy.bound.expected));
    json_object_set_new(root, "replayed_energy", json_real(energy.reached));
    json_object_set_new(root, "bound_known", json_real(known.bound.expected));
    json_object_set_new(root, "replayed_known", json_real(known.reached));
    json_object_set_new(root, "grid_energy", limits_json(&energy));
    json_object_set_new(root, "grid_known", limits_json(&known));
    json_object_set_new(root, "inputs", json_integer(energy.bound.inputs));
    return WICK_OK;
}
