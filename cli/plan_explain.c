#include "plan_explain.h"
#include "cli.h"

#include <math.h>
#include <stdio.h>

static const double SECONDS_A_YEAR = 31557600;

/* "conv1 0x0200-0x0a00, add_3 0x1a00-0x1c00" of one direction. */
static const char *extents_text(const wick_plan *plan, const wick_plan_extent *list, int n,
                                bool write, wick_arena *arena) {
    const char *text = "";
    for (int i = 0; i < n; i++)
        if (list[i].write == write)
            text = wick_arena_printf(arena, "%s%s%s 0x%x-0x%x", text, *text ? ", " : "",
                                     plan->net->tensors[list[i].tensor].name,
                                     (unsigned)list[i].from, (unsigned)list[i].to);
    return text;
}

static wick_plan_extent *extents_of(const wick_plan *plan, int span, int *n, wick_arena *arena) {
    int most = 2 * plan->net->n_tensors;
    wick_plan_extent *list = wick_new(arena, wick_plan_extent, most);
    *n = wick_plan_extents(plan, span, list, most);
    return list;
}

void cli_plan_print_proof(const wick_plan *plan) {
    wick_arena *arena = wick_arena_new();
    putchar('\n');
    for (int s = 0; s < plan->n_segments; s++) {
        const wick_plan_segment *segment = &plan->segments[s];
        for (int i = segment->first_span; i < segment->first_span + segment->n_spans; i++) {
            int n;
            wick_plan_extent *list = extents_of(plan, i, &n, arena);
            printf("span %d, %s, commit %s\n  reads  %s\n  writes %s\n", i, segment->name,
                   plan->model.spans[i].mandatory ? "mandatory" : "optional",
                   extents_text(plan, list, n, false, arena),
                   extents_text(plan, list, n, true, arena));
        }
    }
    wick_plan_proof proof = wick_plan_prove(plan);
    if (proof.holds)
        printf(
            "proof: between two mandatory commits no span writes what it or an earlier one has read (%lld pairs "
            "of ranges, %d mandatory commits), so every subset of the optional commits may be left out; every "
            "byte was followed as well\n",
            (long long)proof.compared, proof.mandatory);
    else
        printf("proof: span %d writes %s over what was read since the last mandatory commit\n",
               proof.span, plan->net->tensors[proof.tensor].name);
    printf(
        "       ranges that are written are whole units of %lld B; records, variables and input have units of "
        "their own\n",
        (long long)wick_device_unit_bytes(plan->device));
    wick_arena_free(arena);
}

json_t *cli_plan_proof_json(const wick_plan *plan) {
    wick_arena *arena = wick_arena_new();
    json_t *spans = json_array();
    for (int i = 0; i < plan->model.n_spans; i++) {
        json_t *lists[2] = {json_array(), json_array()};
        int n;
        wick_plan_extent *list = extents_of(plan, i, &n, arena);
        for (int e = 0; e < n; e++)
            json_array_append_new(
                lists[list[e].write],
                json_pack("{s:s,s:I,s:I}", "tensor", plan->net->tensors[list[e].tensor].name,
                          "from", (json_int_t)list[e].from, "to", (json_int_t)list[e].to));
        json_array_append_new(spans, json_pack("{s:b,s:o,s:o}", "mandatory",
                                               plan->model.spans[i].mandatory, "reads", lists[0],
                                               "writes", lists[1]));
    }
    wick_arena_free(arena);
    wick_plan_proof proof = wick_plan_prove(plan);
    return json_pack("{s:b,s:I,s:i,s:I,s:o}", "holds", proof.holds, "pairs_compared",
                     (json_int_t)proof.compared, "mandatory_commits", proof.mandatory, "unit_bytes",
                     (json_int_t)wick_device_unit_bytes(plan->device), "spans", spans);
}

/* ---- endurance ---- */

static int worst_module(const wick_plan *plan) {
    int worst = 1;
    for (int m = 2; m < plan->n_segments; m++)
        if (wick_plan_endurance_of(plan, m).answers < wick_plan_endurance_of(plan, worst).answers)
            worst = m;
    return worst;
}

static double years(const wick_plan_endurance *wear, const cli_endurance *ask) {
    return wear->answers / ask->rate_hz / SECONDS_A_YEAR;
}

void cli_plan_print_endurance(const wick_plan *plan, const cli_endurance *ask) {
    int module = worst_module(plan);
    wick_plan_endurance wear = wick_plan_endurance_of(plan, module);
    wick_arena *arena = wick_arena_new();
    printf(wear.answers < 1e6
               ? "endurance: %.0f answers of %s until a unit of the memory wears out"
               : "endurance: %.2g answers of %s until a unit of the memory wears out",
           wear.answers, plan->segments[module].name);
    if (ask->rate_hz > 0)
        printf(", %s at the stated rate",
               wick_text_time(arena, years(&wear, ask) * SECONDS_A_YEAR));
    putchar('\n');
    wick_arena_free(arena);
}

json_t *cli_plan_endurance_json(const wick_plan *plan, const cli_endurance *ask) {
    int module = worst_module(plan);
    wick_plan_endurance wear = wick_plan_endurance_of(plan, module);
    return json_pack("{s:s,s:f,s:f,s:o}", "module", plan->segments[module].name,
                     "writes_per_answer", wear.writes, "answers", wear.answers, "years",
                     ask->rate_hz > 0 ? json_real(years(&wear, ask)) : json_null());
}

wick_status cli_plan_lasts(const wick_plan *plan, const cli_endurance *ask, wick_diag *diag) {
    int module = worst_module(plan);
    wick_plan_endurance wear = wick_plan_endurance_of(plan, module);
    if (!(ask->lifetime_years > 0) || years(&wear, ask) >= ask->lifetime_years)
        return WICK_OK;
    wick_arena *arena = wick_arena_new();
    const char *hint = wick_arena_printf(
        arena,
        "fewer answers (%.3g an hour would do), a larger capacitor, or memory of more cycles",
        floor(wear.answers / ask->lifetime_years / SECONDS_A_YEAR * 3600 * 1e6) / 1e6);
    wick_status status = wick_fail(
        diag, WICK_NO_FIT, plan->model_path, plan->segments[module].name, hint,
        "a unit of the memory wears out after %s at the stated rate, not after %g years (%.3g cycles, %g "
        "writes an answer)",
        wick_text_time(arena, years(&wear, ask) * SECONDS_A_YEAR), ask->lifetime_years,
        plan->device->nvm.endurance_cycles, wear.writes);
    wick_arena_free(arena);
    return status;
}
