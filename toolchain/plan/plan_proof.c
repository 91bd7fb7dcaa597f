#include "plan/plan_parts.h"

#include <math.h>
#include <stdlib.h>

/* ---- extents ---- */

typedef struct listing {
    wick_plan_extent *out;
    int n, most;
} listing;

static void note(listing *l, int tensor, bool write, int64_t from, int64_t to) {
    for (int i = 0; i < l->n && i < l->most; i++) {
        wick_plan_extent *e = &l->out[i];
        if (e->tensor != tensor || e->write != write)
            continue;
        e->from = from < e->from ? (uint32_t)from : e->from;
        e->to = to > e->to ? (uint32_t)to : e->to;
        return;
    }
    if (l->n < l->most)
        l->out[l->n] = (wick_plan_extent){tensor, write, (uint32_t)from, (uint32_t)to};
    l->n++;
}

int wick_plan_extents(const wick_plan *plan, int span, wick_plan_extent *out, int most) {
    const wick_model *m = &plan->model;
    const wick_span *at = &m->spans[span];
    int64_t unit = wick_device_unit_bytes(plan->device);
    listing l = {.out = out, .most = most};
    for (int i = at->first_step; i < at->first_step + at->n_steps; i++) {
        const wick_step *step = &m->steps[i];
        const wick_layer *layer = &plan->layers[step->layer];
        wick_rows rows = wick_layer_input_rows(layer, step->first, step->count);
        for (uint32_t o = 0; o < layer->n_operands; o++) {
            int64_t row = wick_operand_row_bytes(layer, o);
            int tensor = layer->operands[o].tensor;
            int64_t from = m->tensors[tensor].offset + rows.row0 * row;
            note(&l, tensor, false, from, from + rows.rows * row);
        }
        int64_t size = wick_out_size(layer);
        int64_t to = (int64_t)m->tensors[layer->dst].offset + step->first * size;
        note(&l, layer->dst, true, to, wick_plan_align(to + step->count * size, unit));
    }
    return l.n;
}

/* ---- write-after-read ---- */

typedef struct prover {
    const wick_plan *plan;
    wick_plan_extent *reads, *here;
    int n_reads, most;
    wick_plan_proof proof;
} prover;

/* A tensor is written before it is read, so only reads of others matter. */
static void compare(prover *p, int span, const wick_plan_extent *write) {
    for (int r = 0; r < p->n_reads; r++) {
        if (p->reads[r].tensor == write->tensor)
            continue;
        p->proof.compared++;
        if (write->from < p->reads[r].to && p->reads[r].from < write->to && p->proof.holds) {
            p->proof.holds = false;
            p->proof.span = span;
            p->proof.tensor = write->tensor;
        }
    }
}

/* All reads of the span count as before its writes: that asks for more than is needed, never for
 * less. */
static void prove_span(prover *p, int span) {
    int n = wick_plan_extents(p->plan, span, p->here, p->most);
    listing reads = {.out = p->reads, .n = p->n_reads, .most = p->most};
    for (int i = 0; i < n; i++)
        if (!p->here[i].write)
            note(&reads, p->here[i].tensor, false, p->here[i].from, p->here[i].to);
    p->n_reads = reads.n;
    for (int i = 0; i < n; i++)
        if (p->here[i].write)
            compare(p, span, &p->here[i]);
}

wick_plan_proof wick_plan_prove(const wick_plan *plan) {
    const wick_model *m = &plan->model;
    prover p = {
        .plan = plan, .most = 2 * m->n_tensors, .proof = {.holds = true, .span = -1, .tensor = -1}};
    p.reads = wick_xalloc(((size_t)p.most + 1) * sizeof *p.reads);
    p.here = wick_xalloc(((size_t)p.most + 1) * sizeof *p.here);
    for (int s = 0; s < plan->n_segments; s++) {
        p.n_reads = 0;
        for (int i = 0; i < m->segments[s].n_spans; i++) {
            int span = m->segments[s].first_span + i;
            prove_span(&p, span);
            if (!m->spans[span].mandatory)
                continue;
            p.proof.mandatory++;
            p.n_reads = 0;
        }
    }
    free(p.reads);
    free(p.here);
    return p.proof;
}

/* ---- endurance ---- */

wick_plan_endurance wick_plan_endurance_of(const wick_plan *plan, int module) {
    double failures =
        ceil(wick_plan_answer_uj(plan, module) / (plan->charge_uj - plan->boot.energy_uj));
    double writes = (double)wick_plan_wear(plan, module) + failures;
    if (plan->device->nvm.page_bytes) /* the pages take turns */
        writes /= wick_device_flash_turn(plan->device, wick_plan_flash_live(plan));
    return (wick_plan_endurance){.writes = writes,
                                 .answers = plan->device->nvm.endurance_cycles / writes};
}
