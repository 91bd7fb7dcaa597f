/* Where commits fall: dynamic programming over the layers of each segment. A layer is computed as a
   whole, in a span with its neighbours, and stays in SRAM as far as no commit falls between it and
   its readers; or it is divided into spans of its own and goes to NVM. Among these plans the one
   with the least expected energy (or time) is found, for the places in SRAM that plan_arena.c gives
   (the trade-off between commits and repetition is Young's, CACM 17(9), 1974). */
#include "plan/plan_parts.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

typedef struct spanner {
    wick_plan_costs costs; /* view.tensors = places */
    const wick_pack_limits *limits;
    wick_place *places;
    int64_t beside;     /* scratch beside the arena */
    int *last_reader;   /* [n_tensors] layer; INT_MAX: beyond its segment */
    wick_step *whole;   /* [n_layers] */
    double *divided_at; /* [n_layers] expected, of a layer divided; INFINITY: impossible */
} spanner;

static void find_readers(spanner *s) {
    const wick_qnet *net = s->costs.net;
    for (int t = 0; t < net->n_tensors; t++)
        s->last_reader[t] = -1;
    for (int l = 0; l < net->n_layers; l++) {
        const wick_layer *layer = &net->layers[l];
        s->whole[l] =
            (wick_step){.layer = (uint16_t)l, .count = wick_plan_layer_total(&net->layers[l])};
        for (int o = 0; o < layer->n_operands; o++) {
            int *last = &s->last_reader[layer->operands[o].tensor];
            if (*last < l)
                *last = l;
        }
    }
    for (int l = 0; l < net->n_layers; l++) {
        int t = net->layers[l].dst;
        if (s->last_reader[t] >= 0 && net->info[s->last_reader[t]].segment != net->info[l].segment)
            s->last_reader[t] = INT_MAX;
    }
    s->last_reader[net->features] = INT_MAX;
    for (int m = 0; m < net->n_modules; m++)
        s->last_reader[net->logits[m]] = INT_MAX;
}

/* Layers [first, end), each whole, in one span. INFINITY where it exceeds the budget; *hopeless: so
   does every span that begins earlier, which may reload less but computes and stores more. */
static double together(const spanner *s, int first, int end, bool *hopeless) {
    const wick_device *device = s->costs.device;
    wick_work work = wick_plan_commit_work(device);
    for (int l = first; l < end; l++) {
        int dst = s->costs.layers[l].dst;
        work = wick_work_add(work, wick_plan_step_work(&s->costs, s->whole[l]));
        if (s->last_reader[dst] >= end)
            work = wick_work_add(work, wick_plan_store_work(&s->costs, dst));
    }
    wick_cost span = wick_device_cost(device, work);
    wick_cost reload =
        wick_device_cost(device, wick_plan_reload_work(&s->costs, s->whole + first, end - first));
    *hopeless = span.energy_uj > s->limits->span_uj * WICK_PLAN_SLACK;
    if (span.energy_uj + reload.energy_uj > s->limits->span_uj * WICK_PLAN_SLACK)
        return INFINITY;
    return wick_pack_expected(s->limits, span, reload);
}

/* Two spans or more for one layer take at least this: its work, their commits, and half of a span
   in every failure, which is least for equal spans. */
static double least_divided(const spanner *s, wick_cost work, wick_cost commit) {
    double least = INFINITY, once = wick_pack_worth(s->limits, work);
    if (s->limits->latency_weight > 0) /* time and energy of spans need not be in proportion */
        return once + 2 * wick_pack_worth(s->limits, commit);
    for (int n = 2;; n++) {
        double sum = once + n * commit.energy_uj;
        double expected = sum + sum * sum / (2 * n * s->limits->usable_uj);
        if (expected >= least)
            return least;
        least = expected;
    }
}

/* The layer with a place in SRAM may be a span of its own, as a whole, that takes no more than any
   division: then none need be looked at. */
static bool better_whole(const spanner *s, int layer) {
    const wick_device *device = s->costs.device;
    wick_step step = {.layer = (uint16_t)layer,
                      .count = wick_plan_layer_total(&s->costs.layers[layer])};
    wick_work work = wick_plan_step_work(&s->costs, step);
    wick_work store = wick_plan_store_work(&s->costs, s->costs.layers[layer].dst);
    wick_cost commit = wick_device_cost(device, wick_plan_commit_work(device));
    wick_cost written = wick_device_cost(device, wick_work_add(work, store));
    wick_cost span = wick_cost_add(written, commit);
    wick_cost reload = wick_device_cost(device, wick_plan_reload_work(&s->costs, &step, 1));
    return span.energy_uj + reload.energy_uj <= s->limits->span_uj &&
           wick_pack_expected(s->limits, span, reload) <= least_divided(s, written, commit);
}

/* What a layer costs when it is divided. Its readers then take its output from NVM. */
static double divided(const spanner *s, int layer) {
    const wick_qnet *net = s->costs.net;
    int dst = net->layers[layer].dst;
    uint32_t sram = s->places[dst].sram;
    double expected;
    if (sram != WICK_NO_SRAM && better_whole(s, layer))
        return INFINITY;
    s->places[dst].sram = WICK_NO_SRAM;
    bool done = wick_pack_layer(&s->costs, s->limits, layer, s->beside, NULL, &expected);
    s->places[dst].sram = sram;
    if (!done)
        return INFINITY;
    if (sram == WICK_NO_SRAM)
        return expected;
    wick_work reads = {0};
    for (int l = layer + 1; l < net->n_layers; l++) {
        const wick_layer *reader = &net->layers[l];
        for (uint32_t o = 0; o < reader->n_operands; o++)
            if (reader->operands[o].tensor == dst)
                reads = wick_work_add(
                    reads, (wick_work){.nvm_read_bytes = wick_plan_tensor_bytes(&net->tensors[dst]),
                                       .nvm_reads = s->costs.device->nvm.mapped ? 0 : 1});
    }
    return expected + wick_pack_worth(s->limits, wick_device_cost(s->costs.device, reads));
}

/* The best plan of layers [first, end): from[l - first + 1] = first layer of the span that ends
   with layer l, or -1 - l where layer l is divided. False: there is none. */
static bool best_of(const spanner *s, int first, int end, int *from) {
    int n = end - first;
    double *best = wick_xalloc(((size_t)n + 1) * sizeof *best);
    best[0] = 0;
    for (int j = 1; j <= n; j++) {
        int l = first + j - 1;
        best[j] = best[j - 1] + s->divided_at[l];
        from[j] = -1 - l;
        for (int i = j - 1; i >= 0; i--) {
            if (s->places[s->costs.layers[first + i].dst].sram == WICK_NO_SRAM)
                break;
            bool hopeless;
            double run = together(s, first + i, first + j, &hopeless);
            if (hopeless)
                break;
            if (best[i] + run < best[j]) {
                best[j] = best[i] + run;
                from[j] = first + i;
            }
        }
    }
    bool found = best[n] < INFINITY;
    free(best);
    return found;
}

/* One segment into `out`; the layers that are divided are struck from `wanted`. */
static bool add_segment(spanner *s, int first, int end, wick_packing *out, bool *wanted) {
    int n = end - first;
    int *from = wick_xalloc(((size_t)n + 1) * sizeof *from);
    int *starts = wick_xalloc(((size_t)n + 1) * sizeof *starts), count = 0;
    bool done = best_of(s, first, end, from);
    for (int j = n; done && j > 0; j = from[j] < 0 ? j - 1 : from[j] - first)
        starts[count++] = j;
    while (done && count-- > 0) {
        int j = starts[count], l = first + j - 1;
        double expected;
        if (from[j] < 0) {
            int dst = s->costs.layers[l].dst;
            wanted[dst] = false;
            uint32_t sram = s->places[dst].sram;
            s->places[dst].sram = WICK_NO_SRAM;
            done = wick_pack_layer(&s->costs, s->limits, l, s->beside, out, &expected);
            s->places[dst].sram = sram;
        }
        for (int k = from[j]; from[j] >= 0 && k <= l; k++)
            wick_packing_add(out, s->whole[k], k == from[j]);
        done = done && out->n_steps <= UINT16_MAX && out->n_spans < UINT16_MAX;
    }
    free(from);
    free(starts);
    return done;
}

static bool add_segments(spanner *s, wick_packing *out, bool *wanted) {
    const wick_qnet *net = s->costs.net;
    out->n_steps = out->n_spans = 0;
    for (int l = 0; l < net->n_layers; l++)
        s->divided_at[l] = divided(s, l);
    int layer = 0;
    for (int segment = 0; segment <= net->n_modules; segment++) {
        int first = layer;
        while (layer < net->n_layers && net->info[layer].segment == segment)
            layer++;
        out->first_span[segment] = out->n_spans;
        if (!add_segment(s, first, layer, out, wanted))
            return false;
        out->span_count[segment] = out->n_spans - out->first_span[segment];
    }
    return true;
}

/* Until no layer with a place in SRAM is divided: then every cost was that of the final plan. */
static bool settle(spanner *s, wick_packing *out, bool *wanted) {
    const wick_qnet *net = s->costs.net;
    for (bool changed = true; changed;) {
        out->arena_bytes = wick_plan_choose_arena(&s->costs, s->limits, wanted, s->places);
        s->beside = s->limits->scratch - out->arena_bytes;
        if (!add_segments(s, out, wanted))
            return false;
        changed = false;
        for (int t = 0; t < net->n_tensors; t++)
            changed |= !wanted[t] && s->places[t].sram != WICK_NO_SRAM;
    }
    return true;
}

bool wick_pack(const wick_plan_costs *costs, const wick_pack_limits *limits, wick_packing *out) {
    const wick_qnet *net = costs->net;
    *out = (wick_packing){.places = wick_xalloc((size_t)net->n_tensors * sizeof *out->places)};
    spanner s = {.costs = *costs,
                 .limits = limits,
                 .places = out->places,
                 .last_reader = wick_xalloc((size_t)net->n_tensors * sizeof *s.last_reader),
                 .whole = wick_xalloc(((size_t)net->n_layers + 1) * sizeof *s.whole),
                 .divided_at = wick_xalloc(((size_t)net->n_layers + 1) * sizeof *s.divided_at)};
    bool *wanted = wick_xalloc((size_t)net->n_tensors);
    s.costs.view.tensors = out->places;
    for (int t = 0; t < net->n_tensors; t++)
        out->places[t].sram = WICK_NO_SRAM;
    for (int l = 0; l < net->n_layers; l++)
        wanted[net->layers[l].dst] = limits->max_span_outputs == 0;
    find_readers(&s);
    bool done = settle(&s, out, wanted);
    free(s.last_reader);
    free(s.whole);
    free(s.divided_at);
    free(wanted);
    if (!done)
        wick_packing_free(out);
    return done;
}
