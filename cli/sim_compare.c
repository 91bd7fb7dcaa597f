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

static wick_status bound(const sim_args *a, const sim_world *w, bool known, wick_bound *out,
                         wick_diag *diag) {
    wick_clairvoyant_options grid = wick_clairvoyant_defaults();
    grid.known = known;
    return wick_clairvoyant(w->plan, w->traces[0], &a->options, w->inputs.correct, w->inputs.n,
                            &grid, out, diag);
}

static void print(const entry *scores, int n, const entry *best, const wick_bound *energy,
                  const wick_bound *known, wick_arena *arena) {
    enum { COLUMNS = 3 };
    const char **cells = wick_new(arena, const char *, COLUMNS *(n + 4)), **row = cells;
    double gap = energy->expected - best->expected;
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
    const entry last[3] = {
        {wick_arena_printf(arena, "best fixed module (%s)", best->name), best->expected},
        {"bound: harvest known", energy->expected},
        {"bound: harvest and right modules known", known->expected}};
    for (int i = 0; i < 3; i++) {
        row += COLUMNS;
        row[0] = last[i].name;
        row[1] = wick_arena_printf(arena, "%.2f %%", 100 * last[i].expected);
        row[2] = "";
    }
    cli_print_table(cells, n + 4, COLUMNS);
    printf("\n%d inputs. The gap: from the best fixed module in hindsight to the bound that no "
           "policy can pass.\n",
           energy->inputs);
}

wick_status sim_compare(const sim_args *a, const sim_world *w, const char *const *policies,
                        int n_policies, wick_arena *arena, json_t *root, wick_diag *diag) {
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
    wick_bound energy, known;
    WICK_TRY(bound(a, w, false, &energy, diag));
    WICK_TRY(bound(a, w, true, &known, diag));
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
    json_object_set_new(root, "bound_energy", json_real(energy.expected));
    json_object_set_new(root, "bound_known", json_real(known.expected));
    json_object_set_new(root, "inputs", json_integer(energy.inputs));
    return WICK_OK;
}
