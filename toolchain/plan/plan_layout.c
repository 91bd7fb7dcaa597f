/* Where tensors live in NVM: lifetimes from the spans, then first fit by size. */
#include "plan/plan_parts.h"

#include <stdlib.h>

#include <wick/nvm.h>

/* Lifetimes end with the span of the last read, not with the read: a replayed span reads again, so
   nothing that the span writes later may lie there. */
void wick_plan_find_lives(wick_plan *plan) {
    const wick_qnet *net = plan->net;
    for (int t = 0; t < net->n_tensors; t++)
        plan->life[t] = (wick_plan_life){.first_layer = -1, .last_layer = -1};
    for (int s = 0; s < plan->model.n_spans; s++) {
        const wick_span *span = &plan->model.spans[s];
        int last = plan->model.steps[span->first_step + span->n_steps - 1].layer;
        for (int i = 0; i < span->n_steps; i++) {
            int index = plan->model.steps[span->first_step + i].layer;
            const wick_layer *layer = &net->layers[index];
            wick_plan_life *written = &plan->life[layer->dst];
            if (written->first_layer < 0) {
                written->segment = net->info[index].segment;
                written->first_layer = written->last_layer = index;
            }
            for (int o = 0; o < layer->n_operands; o++) {
                wick_plan_life *read = &plan->life[layer->operands[o].tensor];
                if (read->last_layer < last)
                    read->last_layer = last;
                if (net->info[index].segment != read->segment)
                    read->shared = true;
            }
        }
    }
    plan->life[net->input].first_layer = 0;
    plan->life[net->input].always = true;
    for (int m = 0; m < net->n_modules; m++)
        plan->life[net->logits[m]].always = true;
    if (net->features != net->input)
        plan->life[net->features].shared = true;
}

/* May both need their bytes at the same time? Modules run in any order, but never interleaved. */
static bool conflict(const wick_plan_life *a, const wick_plan_life *b) {
    if (a->first_layer < 0 || b->first_layer < 0)
        return false;
    if (a->always || b->always)
        return true;
    if (a->segment == b->segment)
        return (a->shared || a->last_layer >= b->first_layer) &&
               (b->shared || b->last_layer >= a->first_layer);
    return (a->segment == 0 && a->shared) || (b->segment == 0 && b->shared);
}

typedef struct block {
    int tensor;
    int64_t bytes; /* padded, both places of the input */
} block;

static int larger_first(const void *a, const void *b) {
    const block *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->tensor - y->tensor;
}

/* Lowest offset where block i overlaps no earlier-placed block that it conflicts with. */
static int64_t first_fit(const wick_plan *plan, const block *blocks, int i, int64_t base) {
    int64_t offset = base;
    for (bool moved = true; moved;) {
        moved = false;
        for (int j = 0; j < i; j++) {
            int64_t other = plan->model.tensors[blocks[j].tensor].offset;
            if (offset < other + blocks[j].bytes && other < offset + blocks[i].bytes &&
                conflict(&plan->life[blocks[i].tensor], &plan->life[blocks[j].tensor])) {
                offset = other + blocks[j].bytes;
                moved = true;
            }
        }
    }
    return offset;
}

void wick_plan_lay_out(wick_plan *plan) {
    const wick_qnet *net = plan->net;
    int64_t unit = wick_device_unit_bytes(plan->device);
    int64_t record = wick_plan_align(WICK_RECORD_BYTES, unit);
    /* Word alignment serves memory-mapped reads and DMA. */
    int64_t align = unit > 4 ? unit : 4, base = wick_plan_align(2 * record, align), end = base;
    wick_plan_find_lives(plan);
    block *blocks = wick_xalloc((size_t)net->n_tensors * sizeof *blocks);
    for (int t = 0; t < net->n_tensors; t++) {
        int64_t bytes = wick_plan_align(wick_plan_tensor_bytes(&net->tensors[t]), align);
        blocks[t] = (block){t, t == net->input ? 2 * bytes : bytes};
    }
    qsort(blocks, (size_t)net->n_tensors, sizeof *blocks, larger_first);
    wick_place *places = wick_new(plan->arena, wick_place, net->n_tensors);
    plan->model.tensors = places;
    for (int i = 0; i < net->n_tensors; i++) {
        int t = blocks[i].tensor;
        int64_t offset = first_fit(plan, blocks, i, base);
        places[t] = (wick_place){.offset = (uint32_t)offset,
                                 .bytes = wick_plan_tensor_bytes(&net->tensors[t]),
                                 .stride = t == net->input ? (uint32_t)(blocks[i].bytes / 2) : 0};
        if (offset + blocks[i].bytes > end)
            end = offset + blocks[i].bytes;
    }
    free(blocks);
    plan->model.record_offset[0] = 0;
    plan->model.record_offset[1] = (uint32_t)record;
    plan->model.record_bytes = WICK_RECORD_BYTES;
    plan->model.nvm_bytes = (uint32_t)end;
}
