/* Lazy commits: which of them a run may leave out, and what a span asks of the capacitor. */
#include "plan/plan_parts.h"

#include <math.h>
#include <stdlib.h>

/* Bytes of a tensor's place that were read since the last mandatory commit; empty: from >= to. */
typedef struct extent {
    uint32_t from, to;
} extent;

static void forget(extent *reads, int n) {
    for (int t = 0; t < n; t++)
        reads[t] = (extent){UINT32_MAX, 0};
}

/* Does a step of the span write where an earlier span read? The union of a tensor's reads is one
   piece: rows are read in order. */
static bool overwrites(const wick_plan *plan, const wick_span *span, const extent *reads) {
    const wick_model *m = &plan->model;
    for (int i = span->first_step; i < span->first_step + span->n_steps; i++) {
        const wick_step *step = &m->steps[i];
        int64_t from = (int64_t)m->tensors[plan->layers[step->layer].dst].offset + step->first;
        int64_t to = wick_plan_align(from + step->count, wick_device_unit_bytes(plan->device));
        for (int t = 0; t < m->n_tensors; t++)
            if (reads[t].from < to && from < reads[t].to)
                return true;
    }
    return false;
}

static void add_reads(const wick_plan *plan, const wick_span *span, extent *reads) {
    const wick_model *m = &plan->model;
    for (int i = span->first_step; i < span->first_step + span->n_steps; i++) {
        const wick_step *step = &m->steps[i];
        const wick_layer *layer = &plan->layers[step->layer];
        wick_rows rows = wick_layer_input_rows(layer, step->first, step->count);
        for (uint32_t o = 0; o < layer->n_operands; o++) {
            uint32_t row = wick_operand_row_bytes(layer, o);
            extent *read = &reads[layer->operands[o].tensor];
            uint32_t from = m->tensors[layer->operands[o].tensor].offset + rows.row0 * row;
            uint32_t to = from + rows.rows * row;
            read->from = from < read->from ? from : read->from;
            read->to = to > read->to ? to : read->to;
        }
    }
}

static uint16_t voltage_for(const wick_plan *plan, double energy_uj) {
    double off = plan->device->capacitor.off_v;
    double volts = sqrt(off * off + 2 * energy_uj /
                                        (plan->options.margin * plan->device->capacitor.efficiency *
                                         plan->device->capacitor.uf));
    return (uint16_t)fmin(ceil(volts * 1000 - 1e-6), UINT16_MAX);
}

/* From the segment's end backwards: the voltage that carries the rest of it, at most the one that
   wakes the device, which is known to be reached. */
static void set_margins(const wick_plan *plan, wick_span *spans, int first, int end) {
    double rest_uj = 0, wake_mv = plan->device->capacitor.on_v * 1e3;
    for (int i = end - 1; i >= first; i--) {
        rest_uj += plan->span_cost[i].energy_uj;
        double mv = voltage_for(plan, rest_uj + plan->span_reload[i].energy_uj);
        double above = (fmin(mv, wake_mv) - spans[i].need_mv) / 16;
        spans[i].margin_16mv = above > 0 ? (uint8_t)fmin(above, UINT8_MAX) : 0;
    }
}

/* A commit is mandatory only where the next span would overwrite what was read since the mandatory
   one before: the fewest for these places, since putting one off as long as possible never forces
   another one earlier. */
void wick_plan_mark_commits(wick_plan *plan) {
    const wick_model *m = &plan->model;
    wick_span *spans = (wick_span *)(uintptr_t)m->spans;
    extent *reads = wick_xalloc((size_t)m->n_tensors * sizeof *reads);
    for (int s = 0; s < plan->n_segments; s++) {
        int first = m->segments[s].first_span, end = first + m->segments[s].n_spans;
        forget(reads, m->n_tensors);
        for (int i = first; i < end; i++) {
            if (i > first && overwrites(plan, &spans[i], reads)) {
                spans[i - 1].mandatory = 1;
                forget(reads, m->n_tensors);
            }
            add_reads(plan, &spans[i], reads);
            spans[i].mandatory = i == end - 1;
            spans[i].need_mv =
                voltage_for(plan, plan->span_cost[i].energy_uj + plan->span_reload[i].energy_uj);
        }
        set_margins(plan, spans, first, end);
    }
    free(reads);
}
