#include "plan_published.h"
#include "cli.h"

#include <stdio.h>
#include <string.h>

static const char *const order_names[] = {"input", "weights", "output"};

static void print_layers(const wick_published_plan *plan, const wick_qnet *net, wick_arena *arena) {
    enum { COLUMNS = 10 };
    static const char *const header[COLUMNS] = {"layer", "tile rows", "cols",  "out",
                                                "in",    "reuse",     "tiles", "cycles",
                                                "SRAM",  "end to end"};
    const char **cells = wick_new(arena, const char *, COLUMNS *(net->n_layers + 1));
    memcpy(cells, header, sizeof header);
    for (int l = 0; l < net->n_layers; l++) {
        const wick_published_best *best = &plan->layers[l];
        const wick_published_design *d = &best->design;
        const char **row = cells + COLUMNS * (l + 1);
        row[0] = net->info[l].name;
        row[1] = wick_arena_printf(arena, "%d", d->tr);
        row[2] = wick_arena_printf(arena, "%d", d->tc);
        row[3] = wick_arena_printf(arena, "%d", d->tm);
        row[4] = wick_arena_printf(arena, "%d", d->tn);
        row[5] = order_names[d->order];
        row[6] = wick_arena_printf(arena, "%d", d->s);
        row[7] = wick_arena_printf(arena, "%.0f", best->power_cycles);
        row[8] = wick_text_bytes(arena, (double)best->cycles.vm_bytes);
        row[9] = wick_arena_printf(arena, "%.2f s", best->end_to_end_s);
    }
    putchar('\n');
    cli_print_table(cells, net->n_layers + 1, COLUMNS);
}

static void fill_row(const char **row, const char *name, const wick_published_total *total,
                     wick_arena *arena) {
    row[0] = name;
    row[1] = wick_arena_printf(arena, "%.0f", total->power_cycles);
    row[2] = wick_arena_printf(arena, "%.4f J", total->energy_j);
    row[3] = wick_arena_printf(arena, "%.2f s", total->active_s);
    row[4] = wick_arena_printf(arena, "%.2f s", total->end_to_end_s);
    row[5] = wick_arena_printf(arena, "%.2f s", total->continuous_s);
    row[6] = wick_arena_printf(arena, "%.1f %%", wick_published_overhead(total));
    row[7] = wick_arena_printf(arena, "%.1f %%", 100 * total->reboots_s / total->active_s);
}

/* Two rows for each answer (the extractor and a module): by the published search, and with commits
   where the charge ends. */
static void print_answers(const wick_published *model, const wick_published_plan *plan,
                          const wick_qnet *net, wick_arena *arena) {
    enum { COLUMNS = 8 };
    static const char *const header[COLUMNS] = {"answer by", "power cycles", "energy",
                                                "active",    "end to end",   "commit-free",
                                                "overhead",  "reboots alone"};
    const char **cells = wick_new(arena, const char *, COLUMNS *(2 * net->n_modules + 1));
    memcpy(cells, header, sizeof header);
    int rows = 1;
    for (int m = 1; m <= net->n_modules; m++) {
        const char *name = net->module_names[m - 1];
        wick_published_total total = wick_published_answer(plan, m);
        fill_row(cells + COLUMNS * rows++, name, &total, arena);
        if (wick_published_joined(model, net, plan, m, &total))
            fill_row(cells + COLUMNS * rows++, wick_arena_printf(arena, "%s, joined", name), &total,
                     arena);
    }
    cli_print_table(cells, rows, COLUMNS);
}

static json_t *total_json(const wick_published_total *t) {
    return json_pack("{s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "power_cycles", t->power_cycles,
                     "energy_j", t->energy_j, "active_s", t->active_s, "end_to_end_s",
                     t->end_to_end_s, "reboots_s", t->reboots_s, "continuous_s", t->continuous_s,
                     "continuous_j", t->continuous_j, "overhead_percent",
                     wick_published_overhead(t));
}

static json_t *answers_json(const wick_published *model, const wick_published_plan *plan,
                            const wick_qnet *net) {
    json_t *list = json_array();
    for (int m = 1; m <= net->n_modules; m++) {
        wick_published_total searched = wick_published_answer(plan, m), joined;
        bool fits = wick_published_joined(model, net, plan, m, &joined);
        json_array_append_new(list, json_pack("{s:s,s:o,s:o}", "module", net->module_names[m - 1],
                                              "searched", total_json(&searched), "joined",
                                              fits ? total_json(&joined) : json_null()));
    }
    return list;
}

static json_t *layers_json(const wick_published_plan *plan, const wick_qnet *net) {
    json_t *list = json_array();
    for (int l = 0; l < net->n_layers; l++) {
        const wick_published_best *best = &plan->layers[l];
        const wick_published_design *d = &best->design;
        json_array_append_new(
            list,
            json_pack("{s:s,s:[i,i,i,i],s:s,s:i,s:f,s:I,s:f,s:f,s:f}", "name", net->info[l].name,
                      "tile", d->tr, d->tc, d->tm, d->tn, "reuse", order_names[d->order],
                      "tiles_per_cycle", d->s, "power_cycles", best->power_cycles, "vm_bytes",
                      (json_int_t)best->cycles.vm_bytes, "energy_j", best->energy_j, "active_s",
                      best->active_s, "end_to_end_s", best->end_to_end_s));
    }
    return list;
}

static void print_text(const wick_published *model, const wick_published_plan *plan,
                       const wick_qnet *net, bool explain, wick_arena *arena) {
    printf(
        "published cost model %s, for comparing searches only: it models a vendor's library, not "
        "the code that wick emits\n%g mF, %.3f V to %.3f V, margin %g: %.4g mJ a power cycle; "
        "%lld B of SRAM\n\n",
        model->name, model->capacitor_f * 1e3, model->on_v, model->off_v, model->margin,
        wick_published_charge_j(model) * 1e3, (long long)model->vm_bytes);
    print_answers(model, plan, net, arena);
    if (explain)
        print_layers(plan, net, arena);
    printf("\njoined: commits where the charge ends, in whichever layer, as wick's engine does\n"
           "overhead: share of the active time that is not in the fastest plan without commits and "
           "failures\n");
}

wick_status cli_plan_published(const char *name, const wick_qnet *net,
                               const cli_published_options *options, bool explain, bool json,
                               wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_published *model;
    wick_published_plan *plan;
    wick_status status = wick_published_load(arena, name, &model, diag);
    if (status == WICK_OK && options->capacitor_uf > 0)
        model->capacitor_f = options->capacitor_uf / 1e6;
    if (status == WICK_OK && options->margin > 0)
        model->margin = options->margin;
    if (status == WICK_OK)
        status = wick_published_plan_make(model, net, arena, &plan, diag);
    if (status == WICK_OK && !json)
        print_text(model, plan, net, explain, arena);
    else if (status == WICK_OK &&
             !cli_print_json(json_pack(
                 "{s:s,s:f,s:f,s:f,s:o,s:o}", "cost_model", model->name, "margin", model->margin,
                 "capacitor_f", model->capacitor_f, "charge_j", wick_published_charge_j(model),
                 "answers", answers_json(model, plan, net), "layers", layers_json(plan, net))))
        status = WICK_IO;
    wick_arena_free(arena);
    return status;
}
