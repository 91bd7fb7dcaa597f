/* One layer in steps and spans: every step as large as its limits allow, spans of the size that
   takes least with the power failures to be expected. */
#include "plan/plan_parts.h"

#include <limits.h>
#include <stdlib.h>

enum { MAX_INDEX = UINT16_MAX, SPAN_TARGETS = 17 };

/* The span being filled. */
typedef struct packer {
    const wick_plan_costs *costs;
    const wick_pack_limits *limits;
    wick_packing *out;
    int64_t unit, scratch;
    double target_uj;
    wick_work work, reload; /* of the open span's steps */
    int steps;              /* of the open span; 0 = none is open */
    int64_t outputs;
    double expected; /* of the spans that are closed */
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
    work = wick_work_add(work, p->reload);
    work = wick_work_add(work, wick_plan_reload_work(p->costs, &step, 1));
    return wick_device_cost(p->costs->device, work).energy_uj;
}

static bool fits(const packer *p, wick_step step) {
    if (p->limits->max_span_outputs && p->outputs + step.count > p->limits->max_span_outputs)
        return false;
    return (int64_t)wick_plan_step_scratch(p->costs, step) <= p->scratch &&
           span_uj_with(p, step) <= p->target_uj * WICK_PLAN_SLACK;
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
static uint32_t round_to_row(const packer *p, int index, uint32_t first, uint32_t end) {
    const wick_layer *layer = &p->costs->layers[index];
    uint32_t row = (uint32_t)layer->out_w * layer->out_c, border = end / row * row;
    if (end == wick_plan_layer_total(layer) || border <= first || border % (uint32_t)p->unit ||
        border - first < (end - first) - (end - first) / 4)
        return end;
    /* Fewer rows may take more: some kernels compute several at once. */
    return fits(p, step_to(index, first, border)) ? border : end;
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
            return round_to_row(p, index, first, end < total ? (uint32_t)end : total);
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

uint32_t wick_plan_smallest_step(const wick_plan_costs *costs, int layer, uint32_t first) {
    int64_t unit = wick_device_unit_bytes(costs->device);
    return smallest_end(&costs->layers[layer], first, unit) - first;
}

static void *grow(void *array, int *cap, int n, size_t size) {
    if (n < *cap)
        return array;
    *cap = *cap ? 2 * *cap : 256;
    return wick_xrealloc(array, (size_t)*cap * size);
}

void wick_packing_add(wick_packing *out, wick_step step, bool new_span) {
    out->steps = grow(out->steps, &out->cap_steps, out->n_steps, sizeof *out->steps);
    out->spans = grow(out->spans, &out->cap_spans, out->n_spans, sizeof *out->spans);
    if (new_span)
        out->spans[out->n_spans++] = (wick_span){.first_step = (uint16_t)out->n_steps};
    out->steps[out->n_steps++] = step;
    out->spans[out->n_spans - 1].n_steps++;
}

void wick_packing_free(wick_packing *packing) {
    free(packing->steps);
    free(packing->spans);
    free(packing->places);
    *packing = (wick_packing){0};
}

double wick_pack_expected(const wick_pack_limits *limits, wick_cost span, wick_cost reload) {
    double half =
        limits->by_time ? span.time_us / 2 + reload.time_us : span.energy_uj / 2 + reload.energy_uj;
    double once = limits->by_time ? span.time_us : span.energy_uj;
    return once + span.energy_uj / limits->usable_uj * half;
}

static void add_step(packer *p, wick_step step) {
    wick_packing_add(p->out, step, p->steps == 0);
    p->work = wick_work_add(p->work, wick_plan_step_work(p->costs, step));
    p->reload = wick_work_add(p->reload, wick_plan_reload_work(p->costs, &step, 1));
    p->outputs += step.count;
    p->steps++;
}

static void close_span(packer *p) {
    if (!p->steps)
        return;
    const wick_device *device = p->costs->device;
    wick_work work = wick_work_add(p->work, wick_plan_commit_work(device));
    p->expected += wick_pack_expected(p->limits, wick_device_cost(device, work),
                                      wick_device_cost(device, p->reload));
    p->work = p->reload = (wick_work){0};
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

static bool divide(packer *p, int index) {
    uint32_t total = wick_plan_layer_total(&p->costs->layers[index]), first = 0, last = 0;
    while (first < total) {
        uint32_t end = largest_end(p, index, first);
        /* Within a span, steps do not shrink: what little is left over is not used. */
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
    close_span(p);
    return true;
}

static void append(wick_packing *out, const wick_packing *layer) {
    for (int s = 0; s < layer->n_spans; s++) {
        const wick_span *span = &layer->spans[s];
        for (int i = 0; i < span->n_steps; i++)
            wick_packing_add(out, layer->steps[span->first_step + i], i == 0);
    }
}

bool wick_pack_layer(const wick_plan_costs *costs, const wick_pack_limits *limits, int layer,
                     int64_t scratch, wick_packing *out, double *expected) {
    wick_packing best = {0};
    bool found = false;
    for (int i = 0; i < SPAN_TARGETS; i++) {
        wick_packing trial = {0};
        packer p = {.costs = costs,
                    .limits = limits,
                    .out = &trial,
                    .unit = wick_device_unit_bytes(costs->device),
                    .scratch = scratch,
                    .target_uj = limits->span_uj / (double)(1 << i / 2) / (i % 2 ? 1.41421356 : 1)};
        bool done = divide(&p, layer);
        if (done && (!found || p.expected < *expected)) {
            wick_packing_free(&best);
            best = trial;
            *expected = p.expected;
            found = true;
        } else {
            wick_packing_free(&trial);
        }
        if (!done)
            break; /* smaller targets only fail more often */
    }
    if (found && out)
        append(out, &best);
    wick_packing_free(&best);
    return found;
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
