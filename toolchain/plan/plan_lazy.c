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
        const wick_layer *layer = &plan->layers[step->layer];
        int64_t size = wick_out_size(layer);
        int64_t from = (int64_t)m->tensors[layer->dst].offset + step->first * size;
        int64_t to =
            wick_plan_align(from + step->count * size, wick_device_unit_bytes(plan->device));
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

typedef wick_plan_draw draw;

static void add_draw(const wick_plan *plan, draw *d, wick_cost cost) {
    *d = wick_plan_draw_sum(*d, wick_plan_draw_of(plan->device, cost));
}

static draw commit_draw(const wick_plan *plan) {
    draw d = {.off_v = plan->device->capacitor.off_v};
    add_draw(plan, &d, plan->commit);
    if (plan->device->nvm.page_bytes)
        add_draw(plan, &d, plan->page);
    return d;
}

/* The steps of a span, and what its commit writes of their outputs. */
static draw span_draw(const wick_plan *plan, const wick_span *span) {
    draw d = commit_draw(plan);
    int end = span->first_step + span->n_steps;
    for (int i = span->first_step; i < end; i++) {
        add_draw(plan, &d, plan->step_cost[i]);
        if (plan->stores[i].last_reader >= end)
            add_draw(plan, &d, plan->stores[i].cost);
    }
    return d;
}

/* In millivolts, rounded down: what is left at the wake voltage once the device has booted. */
static double booted_mv(const wick_plan *plan) {
    const wick_device *d = plan->device;
    draw boot = {0};
    add_draw(plan, &boot, plan->boot);
    double on = d->capacitor.on_v;
    return floor(sqrt(fmax(0, on * on - 2 * boot.uj / d->capacitor.uf)) * 1e3 + 1e-6);
}

/* Above the brown-out voltage of its heaviest part, with the margin on what is drawn. */
static double voltage_for(const wick_plan *plan, draw d) {
    return ceil(wick_plan_wake_v_for(plan->device, plan->options.margin, d) * 1000 - 1e-6);
}

/* What a joined span finds done but not committed: steps whose outputs stand in SRAM alone and are
   read later. Its own commit writes them. */
typedef struct backlog {
    int *steps, n;
} backlog;

/* The voltage for a span whose commit writes what it must of that, too. */
static double joined_mv(const wick_plan *plan, const wick_span *span, draw alone,
                        const backlog *b) {
    for (int i = 0; i < b->n; i++)
        if (plan->stores[b->steps[i]].last_reader >= span->first_step + span->n_steps)
            add_draw(plan, &alone, plan->stores[b->steps[i]].cost);
    return voltage_for(plan, alone);
}

static void add_outputs(const wick_plan *plan, const wick_span *span, backlog *b) {
    int end = span->first_step + span->n_steps, n = 0;
    for (int i = 0; i < b->n; i++)
        if (plan->stores[b->steps[i]].last_reader >= end)
            b->steps[n++] = b->steps[i];
    for (int i = span->first_step; i < end; i++)
        if (plan->stores[i].last_reader >= end)
            b->steps[n++] = i;
    b->n = n;
}

/* What is known of one segment up to a span. */
typedef struct marking {
    extent *reads;   /* since the last mandatory commit */
    backlog since;   /* since the last mandatory commit */
    backlog skipped; /* the same where a module finds the extractor's work in SRAM: the commits
                        between its steps are not passed */
    int entry;       /* step where that module begins; -1: none does */
    int reload;      /* of plan->reloads: the first that is not behind */
    double most_mv;  /* more is not waited for: a boot begins there */
} marking;

/* What a span reads besides where a boot begins with it. */
static draw reload_draw(const wick_plan *plan, const wick_span *span, marking *k) {
    draw d = {0};
    for (; k->reload < plan->n_reloads; k->reload++) {
        const wick_plan_reload *reload = &plan->reloads[k->reload];
        if (reload->step >= span->first_step + span->n_steps)
            break;
        if (reload->step >= span->first_step && reload->producer < span->first_step)
            add_draw(plan, &d, reload->cost);
    }
    return d;
}

static void pass_mandatory(const wick_plan *plan, const wick_span *next, marking *k) {
    forget(k->reads, plan->model.n_tensors);
    k->since.n = 0;
    if (next->first_step > k->entry)
        k->skipped.n = 0;
}

/* From the segment's end backwards: the voltage that carries the rest of it, at most the one that
   wakes the device, which is known to be reached. */
static void set_margins(const wick_plan *plan, wick_span *spans, int first, int end,
                        const draw *reloads) {
    draw rest = {0};
    double wake_mv = plan->device->capacitor.on_v * 1e3;
    for (int i = end - 1; i >= first; i--) {
        rest = wick_plan_draw_sum(rest, span_draw(plan, &spans[i]));
        double mv = voltage_for(plan, wick_plan_draw_sum(rest, reloads[i]));
        double above = (fmin(mv, wake_mv) - spans[i].need_mv) / 16;
        spans[i].margin_16mv = above > 0 ? (uint8_t)fmin(above, UINT8_MAX) : 0;
    }
}

/* Is the commit before a span mandatory, and what does the span need? */
static void mark_segment(const wick_plan *plan, int first, int end, marking *k, draw *reloads) {
    wick_span *spans = (wick_span *)(uintptr_t)plan->model.spans;
    forget(k->reads, plan->model.n_tensors);
    k->since.n = k->skipped.n = 0;
    for (int i = first; i < end; i++) {
        wick_span *span = &spans[i];
        reloads[i] = reload_draw(plan, span, k);
        draw alone = wick_plan_draw_sum(span_draw(plan, span), reloads[i]);
        double need_mv = joined_mv(plan, span, alone, &k->since);
        if (i > first && (overwrites(plan, span, k->reads) ||
                          need_mv > fmax(k->most_mv, voltage_for(plan, alone)))) {
            span[-1].mandatory = 1;
            pass_mandatory(plan, span, k);
            need_mv = voltage_for(plan, alone);
        }
        if (k->entry >= 0 && span->first_step + span->n_steps > k->entry)
            need_mv = fmax(need_mv, joined_mv(plan, span, alone, &k->skipped));
        span->need_mv = (uint16_t)fmin(fmin(need_mv, k->most_mv), UINT16_MAX);
        span->mandatory = i == end - 1;
        add_reads(plan, span, k->reads);
        add_outputs(plan, span, &k->since);
        add_outputs(plan, span, &k->skipped);
    }
    set_margins(plan, spans, first, end, reloads);
}

/* A commit is mandatory only where the next span would overwrite what was read since the mandatory
   one before, or where its own commit would have more to write from SRAM than a charge surely
   carries: the fewest for these places, since putting one off as long as possible never forces
   another one earlier. */
void wick_plan_mark_commits(wick_plan *plan) {
    const wick_model *m = &plan->model;
    size_t steps = (size_t)m->n_steps + 1;
    draw *reloads = wick_xalloc(((size_t)m->n_spans + 1) * sizeof *reloads);
    marking k = {.most_mv = booted_mv(plan),
                 .reads = wick_xalloc((size_t)m->n_tensors * sizeof *k.reads),
                 .since.steps = wick_xalloc(steps * sizeof *k.since.steps),
                 .skipped.steps = wick_xalloc(steps * sizeof *k.skipped.steps)};
    for (int s = 0; s < plan->n_segments; s++) {
        int first = m->segments[s].first_span, end = first + m->segments[s].n_spans;
        bool skips = s > 0 && first < end && wick_recomputes(m);
        k.entry = skips ? m->spans[first].first_step + m->extractor_steps : -1;
        mark_segment(plan, first, end, &k, reloads);
    }
    free(reloads);
    free(k.reads);
    free(k.since.steps);
    free(k.skipped.steps);
}
