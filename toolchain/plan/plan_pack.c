/* Steps and spans: greedy, every step and span as large as its limits allow. */
#include "plan/plan_parts.h"

#include <limits.h>
#include <stdlib.h>

enum { MAX_INDEX = UINT16_MAX };

/* The span being filled. */
typedef struct packer {
    const wick_plan_costs *costs;
    const wick_pack_limits *limits;
    wick_packing *out;
    int64_t unit;
    wick_work work; /* of the open span's steps */
    int steps;      /* of the open span; 0 = none is open */
    int64_t outputs;
} packer;

static uint32_t least_common_multiple(uint32_t a, uint32_t b) {
    uint32_t x = a, y = b;
    while (y) {
        uint32_t r = x % y;
        x = y;
        y = r;
    }
    return a / x * b;
}

/* Steps end on write units (or with their tensor): a unit that two spans write could tear committed
   bytes. Whole pixels: multiples of this many elements. */
static uint32_t pixel_grain(const wick_layer *layer, int64_t unit) {
    return least_common_multiple(layer->out_c, (uint32_t)unit);
}

/* Channels within one pixel can be split when its end is a legal border too. */
static bool splits_channels(const wick_layer *layer, uint32_t first, int64_t unit) {
    uint32_t end = (first / layer->out_c + 1) * layer->out_c;
    return end % (uint32_t)unit == 0 || end == wick_plan_layer_total(layer);
}

static wick_step step_to(int layer, uint32_t first, uint32_t end) {
    return (wick_step){.layer = (uint16_t)layer, .first = first, .count = end - first};
}

static double span_uj_with(const packer *p, wick_step step) {
    wick_work work = wick_work_add(p->work, wick_plan_step_work(p->costs, step));
    work = wick_work_add(work, wick_plan_commit_work(p->costs->device));
    return wick_device_cost(p->costs->device, work).energy_uj;
}

static bool fits(const packer *p, wick_step step) {
    if (p->limits->max_span_outputs && p->outputs + step.count > p->limits->max_span_outputs)
        return false;
    return (int64_t)wick_plan_step_scratch(p->costs, step) <= p->limits->scratch &&
           span_uj_with(p, step) <= p->limits->span_uj * WICK_PLAN_SLACK;
}

/* The largest n in 1..most for which a step of n grains (cut at `stop`) fits; 0 = none. Costs grow
   with the size, so bisection finds it. */
static uint32_t most_grains(const packer *p, int layer, uint32_t first, uint32_t grain,
                            uint32_t stop) {
    uint32_t low = 0, high = (stop - first + grain - 1) / grain;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        uint64_t end = first + (uint64_t)middle * grain;
        if (fits(p, step_to(layer, first, end < stop ? (uint32_t)end : stop)))
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* Ending on a row saves reading the rows around it twice; worth up to a quarter of the step. */
static uint32_t round_to_row(const packer *p, const wick_layer *layer, uint32_t first,
                             uint32_t end) {
    uint32_t row = (uint32_t)layer->out_w * layer->out_c, border = end / row * row;
    if (end == wick_plan_layer_total(layer) || border <= first || border % (uint32_t)p->unit ||
        border - first < (end - first) - (end - first) / 4)
        return end;
    return border;
}

/* End of the largest step from `first`; `first` itself when none fits. */
static uint32_t largest_end(const packer *p, int index, uint32_t first) {
    const wick_layer *layer = &p->costs->layers[index];
    uint32_t total = wick_plan_layer_total(layer), unit = (uint32_t)p->unit;
    if (first % layer->out_c == 0) {
        uint32_t grain = pixel_grain(layer, p->unit);
        uint32_t n = most_grains(p, index, first, grain, total);
        if (n) {
            uint64_t end = first + (uint64_t)n * grain;
            return round_to_row(p, layer, first, end < total ? (uint32_t)end : total);
        }
    }
    if (!splits_channels(layer, first, p->unit))
        return first;
    uint32_t stop = (first / layer->out_c + 1) * layer->out_c;
    uint32_t n = most_grains(p, index, first, unit, stop);
    uint64_t end = first + (uint64_t)n * unit;
    return end < stop ? (uint32_t)end : stop;
}

/* End of the smallest legal step from `first`. */
static uint32_t smallest_end(const wick_layer *layer, uint32_t first, int64_t unit) {
    uint32_t total = wick_plan_layer_total(layer), grain = pixel_grain(layer, unit);
    if (splits_channels(layer, first, unit))
        grain = (uint32_t)unit;
    return total - first < grain ? total : first + grain;
}

static void *grow(void *array, int *cap, int n, size_t size) {
    if (n < *cap)
        return array;
    *cap = *cap ? 2 * *cap : 256;
    return wick_xrealloc(array, (size_t)*cap * size);
}

static void add_step(packer *p, wick_step step) {
    wick_packing *out = p->out;
    out->steps = grow(out->steps, &out->cap_steps, out->n_steps, sizeof *out->steps);
    out->steps[out->n_steps++] = step;
    p->work = wick_work_add(p->work, wick_plan_step_work(p->costs, step));
    p->outputs += step.count;
    p->steps++;
}

static void close_span(packer *p) {
    if (!p->steps)
        return;
    wick_packing *out = p->out;
    int cap = out->cap_spans;
    out->spans = grow(out->spans, &out->cap_spans, out->n_spans, sizeof *out->spans);
    out->cost = grow(out->cost, &cap, out->n_spans, sizeof *out->cost);
    wick_work work = wick_work_add(p->work, wick_plan_commit_work(p->costs->device));
    wick_cost cost = wick_device_cost(p->costs->device, work);
    out->spans[out->n_spans] = (wick_span){.first_step = (uint16_t)(out->n_steps - p->steps),
                                           .n_steps = (uint16_t)p->steps};
    out->cost[out->n_spans++] = cost;
    out->total_uj += cost.energy_uj;
    out->squares_uj2 += cost.energy_uj * cost.energy_uj;
    out->total_us += cost.time_us;
    out->products_uj_us += cost.energy_uj * cost.time_us;
    out->worst_uj = cost.energy_uj > out->worst_uj ? cost.energy_uj : out->worst_uj;
    p->work = (wick_work){0};
    p->outputs = 0;
    p->steps = 0;
}

/* A step that breaks the output limit of the tests only because nothing smaller exists. */
static uint32_t forced_end(const packer *p, int index, uint32_t first) {
    if (!p->limits->max_span_outputs || p->steps)
        return first;
    uint32_t end = smallest_end(&p->costs->layers[index], first, p->unit);
    wick_pack_limits relaxed = *p->limits;
    relaxed.max_span_outputs = 0;
    packer alone = *p;
    alone.limits = &relaxed;
    return fits(&alone, step_to(index, first, end)) ? end : first;
}

static bool pack_layer(packer *p, int index) {
    uint32_t total = wick_plan_layer_total(&p->costs->layers[index]), first = 0, last = 0;
    /* A layer joins the open span only as a whole: a first sliver of it would read its rows for
       little output. */
    if (p->steps && !fits(p, step_to(index, 0, total)))
        close_span(p);
    while (first < total) {
        uint32_t end = largest_end(p, index, first);
        /* Within a span, steps of one layer do not shrink: what little is left over is not used. */
        bool sliver = p->steps && end < total && end - first < last;
        if (end == first || sliver) {
            if (p->steps) {
                close_span(p);
                last = 0;
                continue;
            }
            end = forced_end(p, index, first);
            if (end == first)
                return false;
        }
        add_step(p, step_to(index, first, end));
        last = end - first;
        first = end;
        if (p->out->n_steps > MAX_INDEX || p->out->n_spans >= MAX_INDEX)
            return false;
    }
    return true;
}

bool wick_pack(const wick_plan_costs *costs, const wick_pack_limits *limits, wick_packing *out) {
    *out = (wick_packing){0};
    packer p = {.costs = costs,
                .limits = limits,
                .out = out,
                .unit = wick_device_unit_bytes(costs->device)};
    const wick_qnet *net = costs->net;
    int layer = 0;
    for (int segment = 0; segment <= net->n_modules; segment++) {
        out->first_span[segment] = out->n_spans;
        for (; layer < net->n_layers && net->info[layer].segment == segment; layer++)
            if (!pack_layer(&p, layer)) {
                wick_packing_free(out);
                return false;
            }
        close_span(&p);
        out->span_count[segment] = out->n_spans - out->first_span[segment];
    }
    return true;
}

void wick_packing_free(wick_packing *packing) {
    free(packing->steps);
    free(packing->spans);
    free(packing->cost);
    *packing = (wick_packing){0};
}

wick_pack_floor wick_pack_smallest(const wick_plan_costs *costs) {
    wick_pack_floor floor = {0};
    packer p = {.costs = costs, .unit = wick_device_unit_bytes(costs->device)};
    for (int l = 0; l < costs->net->n_layers; l++) {
        const wick_layer *layer = &costs->layers[l];
        uint32_t total = wick_plan_layer_total(layer);
        for (uint32_t first = 0; first < total;) {
            uint32_t end = smallest_end(layer, first, p.unit);
            wick_step step = step_to(l, first, end);
            double uj = span_uj_with(&p, step);
            int64_t scratch = wick_plan_step_scratch(costs, step);
            if (uj > floor.step_uj)
                floor.step_uj = uj, floor.step_layer = l;
            if (scratch > floor.scratch)
                floor.scratch = scratch, floor.scratch_layer = l;
            first = end;
        }
    }
    return floor;
}
