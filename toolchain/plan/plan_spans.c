/* Where commits fall: dynamic programming over the layers of each segment. A layer is computed as a
   whole, in a span with its neighbours, and stays in SRAM as far as no commit falls between it and
   its readers; or it is divided into spans of its own and goes to NVM. Among these plans the one
   with the least expected energy (or time) is found, for the places in SRAM that plan_arena.c gives
   (the trade-off between commits and repetition is Young's, CACM 17(9), 1974). */
#include "plan/plan_memo.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

/* A chain is what is planned at once: a segment's layers, or the extractor's and then a module's.
 */
typedef struct spanner {
    wick_plan_costs costs; /* view.tensors = places */
    const wick_pack_limits *limits;
    wick_place *places;
    int64_t beside;     /* scratch beside the arena */
    bool again;         /* every module begins with the extractor */
    int n;              /* layers of the chain */
    wick_step *whole;   /* [n] */
    int *last_reader;   /* [n_tensors] place in the chain; INT_MAX: beyond it */
    double *divided_at; /* [n_layers] expected, of a layer divided; INFINITY: impossible */
    wick_plan_memo *memo;
} spanner;

static void set_chain(spanner *s, int segment) {
    const wick_qnet *net = s->costs.net;
    s->n = 0;
    for (int t = 0; t < net->n_tensors; t++)
        s->last_reader[t] = -1;
    for (int l = 0; l < net->n_layers; l++) {
        const wick_layer *layer = &net->layers[l];
        int of = net->info[l].segment;
        bool inside = of == segment || (s->again && segment != 0 && of == 0);
        for (int o = 0; o < layer->n_operands; o++)
            if (inside)
                s->last_reader[layer->operands[o].tensor] = s->n;
            else if (of > segment && !s->again) /* a module reads what the extractor computes */
                s->last_reader[layer->operands[o].tensor] = INT_MAX;
        if (inside)
            s->whole[s->n++] =
                (wick_step){.layer = (uint16_t)l, .count = wick_plan_layer_total(layer)};
    }
    if (!s->again)
        s->last_reader[net->features] = INT_MAX;
    for (int m = 0; m < net->n_modules; m++)
        s->last_reader[net->logits[m]] = INT_MAX;
}

static int dst_of(const spanner *s, int at) {
    return s->costs.layers[s->whole[at].layer].dst;
}

/* Parts of a span, from its commit on. */
typedef struct whole_span {
    wick_cost cost;
    wick_plan_draw draw;
} whole_span;

static void add_part(const spanner *s, whole_span *span, wick_work work) {
    wick_cost cost = wick_device_cost(s->costs.device, work);
    span->cost = wick_cost_add(span->cost, cost);
    span->draw = wick_plan_draw_sum(span->draw, wick_plan_draw_of(s->costs.device, cost));
}

static whole_span begin_span(const spanner *s) {
    whole_span span = {0};
    add_part(s, &span, wick_plan_commit_work(s->costs.device));
    return span;
}

/* Layers [first, end) of the chain, each whole, in one span. INFINITY where it exceeds the budget;
   *hopeless: so does every span that begins earlier, which may reload less but computes and stores
   more. */
static double together(const spanner *s, int first, int end, bool *hopeless) {
    whole_span span = begin_span(s);
    for (int i = first; i < end; i++) {
        add_part(s, &span, wick_plan_step_work(&s->costs, s->whole[i]));
        if (s->last_reader[dst_of(s, i)] >= end)
            add_part(s, &span, wick_plan_store_work(&s->costs, dst_of(s, i)));
    }
    *hopeless = !wick_pack_carries(&s->costs, s->limits, span.draw);
    wick_cost reload = wick_device_cost(
        s->costs.device, wick_plan_reload_work(&s->costs, s->whole + first, end - first));
    span.draw = wick_plan_draw_sum(span.draw,
                                   wick_plan_reload_draw(&s->costs, s->whole + first, end - first));
    if (!wick_pack_carries(&s->costs, s->limits, span.draw))
        return INFINITY;
    return wick_pack_expected(s->limits, span.cost, reload);
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
    whole_span span = begin_span(s);
    wick_cost commit = span.cost;
    add_part(s, &span, work);
    add_part(s, &span, store);
    wick_cost written = wick_device_cost(device, wick_work_add(work, store));
    wick_cost reload = wick_device_cost(device, wick_plan_reload_work(&s->costs, &step, 1));
    wick_plan_draw draw = wick_plan_draw_sum(span.draw, wick_plan_reload_draw(&s->costs, &step, 1));
    return wick_pack_carries(&s->costs, s->limits, draw) &&
           wick_pack_expected(s->limits, span.cost, reload) <= least_divided(s, written, commit);
}

/* What wick_pack_layer finds, its output in NVM. */
static double divided_once(const spanner *s, int layer) {
    wick_plan_layer_memo *memo = &s->memo->layers[layer];
    wick_plan_division new = {.of = wick_plan_setting_of(&s->costs, layer), .limits = *s->limits};
    const wick_plan_division *known = wick_plan_known(memo, &new.of, s->limits, s->beside);
    if (known)
        return known->expected;
    if (!wick_pack_layer(&s->costs, s->limits, layer, s->beside, &memo->pieces, NULL, &new.expected,
                         &new.room))
        new.expected = INFINITY;
    wick_plan_remember(memo, &new);
    return new.expected;
}

/* What a layer costs when it is divided. Its readers then take its output from NVM. */
static double divided(const spanner *s, int layer) {
    const wick_qnet *net = s->costs.net;
    int dst = net->layers[layer].dst;
    uint32_t sram = s->places[dst].sram;
    if (sram != WICK_NO_SRAM && better_whole(s, layer))
        return INFINITY;
    s->places[dst].sram = WICK_NO_SRAM;
    double expected = divided_once(s, layer);
    s->places[dst].sram = sram;
    if (isinf(expected) || sram == WICK_NO_SRAM)
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

/* The best plan of the chain: from[j] = first layer of the span that ends before layer j, or -1
   where the layer before j is divided. What it is expected to take; INFINITY: there is none. */
static double best_of(const spanner *s, int *from) {
    double *best = wick_xalloc(((size_t)s->n + 1) * sizeof *best);
    best[0] = 0;
    for (int j = 1; j <= s->n; j++) {
        best[j] = best[j - 1] + s->divided_at[s->whole[j - 1].layer];
        from[j] = -1;
        for (int i = j - 1; i >= 0; i--) {
            if (s->places[dst_of(s, i)].sram == WICK_NO_SRAM)
                break;
            bool hopeless;
            double run = together(s, i, j, &hopeless);
            if (hopeless)
                break;
            if (best[i] + run < best[j]) {
                best[j] = best[i] + run;
                from[j] = i;
            }
        }
    }
    double expected = best[s->n];
    free(best);
    return expected;
}

/* The layers of the chain that are divided are struck from `wanted`; `out` (may be NULL) gets the
   steps. */
static bool add_chain(spanner *s, wick_packing *out, bool *wanted, double *expected) {
    int *from = wick_xalloc(((size_t)s->n + 1) * sizeof *from);
    int *ends = wick_xalloc(((size_t)s->n + 1) * sizeof *ends), count = 0;
    *expected = best_of(s, from);
    bool done = *expected < INFINITY;
    for (int j = s->n; done && j > 0; j = from[j] < 0 ? j - 1 : from[j])
        ends[count++] = j;
    while (done && count-- > 0) {
        int j = ends[count];
        if (from[j] < 0) {
            double cost;
            wick_pack_room room;
            int dst = dst_of(s, j - 1);
            wanted[dst] = false;
            uint32_t sram = s->places[dst].sram;
            s->places[dst].sram = WICK_NO_SRAM;
            int layer = s->whole[j - 1].layer;
            done = !out || wick_pack_layer(&s->costs, s->limits, layer, s->beside,
                                           &s->memo->layers[layer].pieces, out, &cost, &room);
            s->places[dst].sram = sram;
        }
        for (int i = from[j]; out && from[j] >= 0 && i < j; i++)
            wick_packing_add(out, s->whole[i], i == from[j]);
        done = done && (!out || (out->n_steps <= UINT16_MAX && out->n_spans < UINT16_MAX));
    }
    free(from);
    free(ends);
    return done;
}

static void price_divisions(spanner *s) {
    const wick_qnet *net = s->costs.net;
    for (int l = 0; l < net->n_layers; l++)
        s->divided_at[l] = s->again && net->info[l].segment == 0 ? INFINITY : divided(s, l);
}

static bool add_segments(spanner *s, wick_packing *out, bool *wanted) {
    const wick_qnet *net = s->costs.net;
    for (int segment = 0; segment <= net->n_modules; segment++) {
        double expected = 0;
        int first = out ? out->n_spans : 0;
        set_chain(s, segment);
        if (!(s->again && segment == 0) && !add_chain(s, out, wanted, &expected))
            return false;
        if (!out)
            continue;
        out->expected[segment] = expected;
        out->first_span[segment] = first;
        out->span_count[segment] = out->n_spans - first;
    }
    return true;
}

/* Until no layer with a place in SRAM is divided: then every cost was that of the final plan. */
static bool settle(spanner *s, wick_packing *out, bool *wanted) {
    const wick_qnet *net = s->costs.net;
    for (bool changed = true; changed;) {
        out->arena_bytes = wick_plan_choose_arena(&s->costs, s->limits, wanted, s->places);
        s->beside = s->limits->scratch - out->arena_bytes;
        price_divisions(s);
        if (!add_segments(s, NULL, wanted))
            return false;
        changed = false;
        for (int t = 0; t < net->n_tensors; t++)
            changed |= !wanted[t] && s->places[t].sram != WICK_NO_SRAM;
    }
    return add_segments(s, out, wanted);
}

static bool pack(const wick_plan_costs *costs, const wick_pack_limits *limits, bool again,
                 wick_plan_memo *memo, wick_packing *out) {
    const wick_qnet *net = costs->net;
    size_t layers = (size_t)net->n_layers + 1;
    *out = (wick_packing){.places = wick_xalloc((size_t)net->n_tensors * sizeof *out->places)};
    spanner s = {.costs = *costs,
                 .limits = limits,
                 .places = out->places,
                 .again = again,
                 .memo = memo,
                 .last_reader = wick_xalloc((size_t)net->n_tensors * sizeof *s.last_reader),
                 .whole = wick_xalloc(layers * sizeof *s.whole),
                 .divided_at = wick_xalloc(layers * sizeof *s.divided_at)};
    bool *wanted = wick_xalloc((size_t)net->n_tensors);
    s.costs.view.tensors = out->places;
    for (int t = 0; t < net->n_tensors; t++)
        out->places[t].sram = WICK_NO_SRAM;
    for (int l = 0; l < net->n_layers; l++)
        wanted[net->layers[l].dst] =
            limits->max_span_outputs == 0 && !wick_plan_crosses(net, net->layers[l].dst);
    bool done = settle(&s, out, wanted);
    free(s.last_reader);
    free(s.whole);
    free(s.divided_at);
    free(wanted);
    if (!done)
        wick_packing_free(out);
    return done;
}

/* The extractor's layers, from an input that is in NVM. */
static double extractor_alone(const wick_plan_costs *costs, const wick_pack_limits *limits,
                              const wick_packing *packing) {
    wick_plan_costs with = *costs;
    wick_work work = {0};
    with.view.tensors = packing->places;
    for (int l = 0; l < costs->net->n_layers; l++)
        if (costs->net->info[l].segment == 0)
            work = wick_work_add(
                work, wick_plan_step_work(
                          &with, (wick_step){.layer = (uint16_t)l,
                                             .count = wick_plan_layer_total(&costs->layers[l])}));
    wick_cost cost = wick_device_cost(costs->device, work);
    return wick_pack_worth(limits, cost);
}

static double sum_of(const wick_packing *packing, int modules) {
    double sum = modules * packing->expected[0];
    for (int m = 1; m <= modules; m++)
        sum += packing->expected[m];
    return sum;
}

/* Features stored, or computed again by every module: what takes less. */
bool wick_pack(const wick_plan_costs *costs, const wick_pack_limits *limits, wick_plan_memo *memo,
               wick_packing *out) {
    const wick_qnet *net = costs->net;
    wick_packing again;
    bool stores = limits->features != WICK_FEATURES_RECOMPUTED || net->n_layers == 0 ||
                  net->info[0].segment != 0;
    bool stored = stores && pack(costs, limits, false, memo, out);
    if (limits->features == WICK_FEATURES_STORED || net->n_layers == 0 ||
        net->info[0].segment != 0 || !pack(costs, limits, true, memo, &again))
        return stored;
    /* One answer takes less, and a second one after a power failure no more. */
    if (stored && (2 * extractor_alone(costs, limits, &again) > out->expected[0] ||
                   sum_of(&again, net->n_modules) > sum_of(out, net->n_modules))) {
        wick_packing_free(&again);
        return true;
    }
    if (stored)
        wick_packing_free(out);
    *out = again;
    return true;
}
