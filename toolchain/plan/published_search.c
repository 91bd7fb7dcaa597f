/* Exhaustive search of tile sizes, order and tiles a power cycle on the published cost model. */
#include "plan/published_search.h"

#include <math.h>

enum { MAX_DIVISORS = 128, MAX_NAMED = 3 /* layers in messages */ };

typedef struct divisors {
    int n, of[MAX_DIVISORS];
} divisors;

static divisors divisors_of(int number) {
    divisors list = {0};
    for (int d = 1; d <= number && list.n < MAX_DIVISORS; d++)
        if (number % d == 0)
            list.of[list.n++] = d;
    return list;
}

/* The best so far, and the budgets. */
typedef struct search {
    const wick_published *model;
    const wick_published_layer *layer;
    wick_published_best best;
    double charge_j, least_cycle_j; /* of any design that SRAM holds */
    bool found, found_continuous;
} search;

static double end_to_end(const search *s, wick_published_cost cycle) {
    return cycle.s + wick_published_recharge_s(s->model, cycle.j);
}

static void consider_continuous(search *s, const wick_published_design *design) {
    wick_published_cost cost = wick_published_continuous(s->model, s->layer, design);
    if (s->found_continuous && cost.s >= s->best.continuous.s)
        return;
    s->best.continuous = cost;
    s->found_continuous = true;
}

static void take(search *s, const wick_published_design *design, wick_published_cycles cycles,
                 double seconds) {
    wick_published_best *best = &s->best;
    best->design = *design;
    best->cycles = cycles;
    best->power_cycles = cycles.n_first + cycles.n_later;
    best->energy_j = cycles.n_first * cycles.first.j + cycles.n_later * cycles.later.j;
    best->active_s = cycles.n_first * cycles.first.s + cycles.n_later * cycles.later.s;
    best->end_to_end_s = seconds;
    best->recharge_s = seconds - best->active_s;
    s->found = true;
}

/* False when more tiles a power cycle cannot fit either. */
static bool consider(search *s, const wick_published_design *design) {
    wick_published_cycles cycles = wick_published_intermittent(s->model, s->layer, design);
    if (cycles.vm_bytes > s->model->vm_bytes)
        return false;
    bool sums = cycles.n_later > 0;
    double most_j = sums ? cycles.later.j : cycles.first.j;
    if (design->s == 1) {
        consider_continuous(s, design);
        if (most_j < s->least_cycle_j)
            s->least_cycle_j = most_j;
    }
    if (most_j > s->charge_j)
        return false;
    double seconds = cycles.n_first * end_to_end(s, cycles.first);
    if (sums)
        seconds += cycles.n_later * end_to_end(s, cycles.later);
    bool better = !s->found || seconds < s->best.end_to_end_s ||
                  (seconds <= s->best.end_to_end_s && cycles.vm_bytes < s->best.cycles.vm_bytes);
    if (better)
        take(s, design, cycles, seconds);
    return true;
}

static void all_orders(search *s, wick_published_design design) {
    bool mixes = s->layer->kind == WICK_LAYER_CONV2D || s->layer->kind == WICK_LAYER_FC;
    for (int order = WICK_REUSE_INPUT; order <= WICK_REUSE_OUTPUT; order++) {
        if (order == WICK_REUSE_OUTPUT && !mixes)
            continue;
        design.order = (wick_published_order)order;
        divisors tiles = divisors_of(wick_published_inner(s->layer, &design));
        for (int i = 0; i < tiles.n; i++) {
            design.s = tiles.of[i];
            if (!consider(s, &design))
                break;
        }
    }
}

static void search_all(search *s) {
    const wick_published_layer *l = s->layer;
    divisors rows = divisors_of(l->rows), cols = divisors_of(l->cols);
    divisors outs = divisors_of(l->out_c), ins = divisors_of(l->in_c);
    for (int r = 0; r < rows.n; r++)
        for (int c = 0; c < cols.n; c++)
            for (int m = 0; m < outs.n; m++)
                for (int n = 0; n < ins.n; n++)
                    all_orders(s, (wick_published_design){.tr = rows.of[r],
                                                          .tc = cols.of[c],
                                                          .tm = outs.of[m],
                                                          .tn = ins.of[n],
                                                          .s = 1});
}

static search search_of(const wick_published *model, const wick_published_layer *layer) {
    search s = {.model = model,
                .layer = layer,
                .charge_j = wick_published_charge_j(model),
                .least_cycle_j = INFINITY};
    search_all(&s);
    return s;
}

bool wick_published_search(const wick_published *model, const wick_published_layer *layer,
                           wick_published_best *out) {
    search s = search_of(model, layer);
    *out = s.best;
    return s.found;
}

static wick_status refuse(const search *s, const char *name, wick_diag *diag) {
    if (!s->found_continuous)
        return wick_fail(diag, WICK_NO_FIT, s->model->path, name, "a smaller kernel or stride",
                         "not even the smallest tile fits %lld bytes of SRAM",
                         (long long)s->model->vm_bytes);
    return wick_fail(diag, WICK_NO_FIT, s->model->path, name,
                     "a larger capacitor (--capacitor) or margin (--margin)",
                     "the cheapest power cycle takes %.4g mJ, a charge gives %.4g mJ",
                     s->least_cycle_j * 1e3, s->charge_j * 1e3);
}

static void add_layer(wick_published_total *total, const wick_published_best *layer,
                      const wick_published *model) {
    total->power_cycles += layer->power_cycles;
    total->energy_j += layer->energy_j;
    total->active_s += layer->active_s;
    total->end_to_end_s += layer->end_to_end_s;
    total->reboots_s += layer->power_cycles * model->reboot_s;
    total->continuous_s += layer->continuous.s;
    total->continuous_j += layer->continuous.j;
}

wick_status wick_published_plan_make(const wick_published *model, const wick_qnet *net,
                                     wick_arena *arena, wick_published_plan **out,
                                     wick_diag *diag) {
    wick_published_plan *plan = wick_new(arena, wick_published_plan, 1);
    plan->layers = wick_new(arena, wick_published_best, net->n_layers);
    wick_status status = WICK_OK;
    int short_of = 0;
    *out = NULL;
    for (int l = 0; l < net->n_layers; l++) {
        wick_published_layer layer = wick_published_layer_of(&net->layers[l]);
        search s = search_of(model, &layer);
        plan->layers[l] = s.best;
        if (!s.found && short_of++ < MAX_NAMED)
            status = refuse(&s, net->info[l].name, diag);
        else if (s.found)
            add_layer(&plan->segments[net->info[l].segment], &s.best, model);
    }
    if (short_of > MAX_NAMED)
        wick_fail(diag, WICK_NO_FIT, model->path, NULL, NULL, "so it is with %d more layers",
                  short_of - MAX_NAMED);
    if (status == WICK_OK)
        *out = plan;
    return status;
}

wick_published_total wick_published_answer(const wick_published_plan *plan, int module) {
    wick_published_total a = plan->segments[0], b = plan->segments[module];
    return (wick_published_total){.power_cycles = a.power_cycles + b.power_cycles,
                                  .energy_j = a.energy_j + b.energy_j,
                                  .active_s = a.active_s + b.active_s,
                                  .end_to_end_s = a.end_to_end_s + b.end_to_end_s,
                                  .reboots_s = a.reboots_s + b.reboots_s,
                                  .continuous_s = a.continuous_s + b.continuous_s,
                                  .continuous_j = a.continuous_j + b.continuous_j};
}

double wick_published_overhead(const wick_published_total *total) {
    return 100 * (total->active_s - total->continuous_s) / total->active_s;
}
