/* Where tensors live in NVM: lifetimes from the spans, then first fit by size. */
#include "plan/plan_parts.h"

#include <stdlib.h>
#include <string.h>

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
    /* A module may find what an earlier one has left of the extractor, wherever it is. */
    for (int l = 0; l < net->n_layers && wick_recomputes(&plan->model); l++)
        if (net->info[l].segment == 0)
            plan->life[net->layers[l].dst].shared = true;
    plan->life[net->input].first_layer = 0;
    plan->life[net->input].always = true;
    for (int m = 0; m < net->n_modules; m++)
        plan->life[net->logits[m]].always = true;
    if (net->features != net->input)
        plan->life[net->features].shared = true;
    for (int t = 0; t < net->n_tensors && net->chain; t++)
        plan->life[t].always |= wick_plan_crosses(net, t);
}

static void link_step(const wick_plan *plan, wick_place *places, int segment, int s) {
    const wick_layer *layer = &plan->net->layers[plan->model.steps[s].layer];
    uint16_t index = (uint16_t)((uint32_t)s - wick_chain_base(&plan->model, (uint32_t)segment));
    if (plan->model.steps[s].first == 0)
        places[layer->dst].producer = index;
    for (int o = 0; o < layer->n_operands; o++) {
        wick_place *read = &places[layer->operands[o].tensor];
        if (read->last_reader < index)
            read->last_reader = index;
    }
}

void wick_plan_link(wick_plan *plan) {
    const wick_qnet *net = plan->net;
    const wick_model *m = &plan->model;
    wick_place *places = (wick_place *)(uintptr_t)m->tensors;
    bool stored = !wick_recomputes(m);
    for (int t = 0; t < net->n_tensors; t++) {
        places[t].producer = 0;
        places[t].last_reader =
            plan->life[t].always || (plan->life[t].shared && stored) ? UINT16_MAX : 0;
    }
    for (int k = 0; k < plan->n_segments; k++) {
        int first = m->segments[k].first_span, end = first + m->segments[k].n_spans;
        for (int i = first; i < end; i++)
            for (int s = 0; s < m->spans[i].n_steps; s++)
                link_step(plan, places, k, m->spans[i].first_step + s);
    }
}

/* May both need their bytes at the same time? Modules run in any order, but never interleaved.
   spread: nothing is reused within a segment, so that no commit in it is mandatory. */
static bool conflict(const wick_plan_life *a, const wick_plan_life *b, bool spread) {
    if (a->first_layer < 0 || b->first_layer < 0)
        return false;
    if (a->always || b->always)
        return true;
    if (a->segment == b->segment && spread)
        return true;
    if (a->segment == b->segment)
        return (a->shared || a->last_layer >= b->first_layer) &&
               (b->shared || b->last_layer >= a->first_layer);
    return (a->segment == 0 && a->shared) || (b->segment == 0 && b->shared);
}

typedef struct block {
    int tensor;
    int64_t bytes; /* padded; of the input both places with their stamps */
} block;

static int larger_first(const void *a, const void *b) {
    const block *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->tensor - y->tensor;
}

/* Lowest offset where block i overlaps no earlier-placed block that it conflicts with. */
static int64_t first_fit(const wick_plan *plan, const block *blocks, int i, int64_t base,
                         bool spread) {
    int64_t offset = base;
    for (bool moved = true; moved;) {
        moved = false;
        for (int j = 0; j < i; j++) {
            int64_t other = plan->model.tensors[blocks[j].tensor].offset;
            if (offset < other + blocks[j].bytes && other < offset + blocks[i].bytes &&
                conflict(&plan->life[blocks[i].tensor], &plan->life[blocks[j].tensor], spread)) {
                offset = other + blocks[j].bytes;
                moved = true;
            }
        }
    }
    return offset;
}

/* Word alignment serves memory-mapped reads and DMA. */
static int64_t layout_grain(const wick_plan *plan) {
    int64_t unit = wick_device_unit_bytes(plan->device);
    return unit > 4 ? unit : 4;
}

int64_t wick_plan_place_own(wick_plan *plan) {
    wick_model *m = &plan->model;
    int64_t unit = wick_device_unit_bytes(plan->device), at = 0;
    int64_t record = wick_plan_align(WICK_RECORD_BYTES, layout_grain(plan));
    int64_t vars = wick_plan_align(WICK_VARS_BYTES, unit) + plan->options.app_bytes;
    vars = wick_plan_align(vars, layout_grain(plan));
    for (int i = 0; i < 2; i++, at += record)
        m->record_offset[i] = (uint32_t)at;
    for (int i = 0; i < 2; i++, at += vars)
        m->vars_offset[i] = (uint32_t)at;
    m->tally_offset = (uint32_t)at;
    m->record_bytes = WICK_RECORD_BYTES;
    m->app_bytes = (uint32_t)plan->options.app_bytes;
    m->write_unit = (uint32_t)unit;
    int64_t input = wick_plan_tensor_bytes(&plan->net->tensors[plan->net->input]);
    m->stamp_offset = (uint32_t)wick_plan_align(input, layout_grain(plan));
    return at + wick_plan_align(WICK_TALLY_BYTES, layout_grain(plan));
}

/* The largest entries that the blocks from `offset` on get from one thing that is written there.
   One of more than what opening a page moves keeps no more than one page from being emptied. */
static void note_entries(const wick_plan *plan, int64_t *most, int64_t offset, int64_t bytes) {
    int64_t size = plan->model.write_unit;
    int64_t spare = wick_device_flash_shape(plan->device, 1).spare_bytes;
    for (int64_t b = offset / size; bytes > 0; b++, bytes -= size) {
        int64_t entry = wick_device_flash_entry(plan->device, bytes < size ? bytes : size);
        entry = entry < spare ? entry : spare;
        most[b] = entry > most[b] ? entry : most[b];
    }
}

int64_t wick_plan_flash_live(const wick_plan *plan) {
    const wick_model *m = &plan->model;
    int64_t size = m->write_unit, n = (m->nvm_bytes + size - 1) / size, sum = 0;
    int64_t *most = wick_xalloc(((size_t)n + 1) * sizeof *most); /* bytes of a block's entry */
    memset(most, 0, (size_t)n * sizeof *most);
    for (int t = 0; t < m->n_tensors; t++) {
        const wick_place *place = &m->tensors[t];
        for (int copy = 0; copy < (place->stride ? 2 : 1); copy++)
            note_entries(plan, most, place->offset + (int64_t)copy * place->stride, place->bytes);
        for (int copy = 0; copy < 2 && place->stride; copy++)
            note_entries(plan, most,
                         place->offset + (int64_t)copy * place->stride + m->stamp_offset,
                         WICK_STAMP_BYTES);
    }
    for (int copy = 0; copy < 2; copy++) {
        int64_t app = m->vars_offset[copy] + wick_plan_align(WICK_VARS_BYTES, size);
        note_entries(plan, most, m->record_offset[copy], WICK_RECORD_BYTES);
        note_entries(plan, most, m->vars_offset[copy], WICK_VARS_BYTES);
        note_entries(plan, most, app, m->app_bytes);
    }
    note_entries(plan, most, m->tally_offset, WICK_TALLY_BYTES);
    for (int64_t b = 0; b < n; b++)
        sum += most[b];
    free(most);
    return sum;
}

/* The region's bytes are what must fit; on flash its blocks, and what they take in the log. */
static bool fits(const wick_plan *plan, int64_t end) {
    const wick_device *device = plan->device;
    if (device->nvm.page_bytes == 0)
        return end <= device->nvm.bytes;
    return end <= wick_device_flash_blocks(device) * plan->model.write_unit &&
           wick_plan_flash_live(plan) <= wick_device_flash_live(device);
}

/* Places of all tensors; returns the size of the region. */
static int64_t place_tensors(wick_plan *plan, const block *blocks, int64_t base, bool spread) {
    const wick_qnet *net = plan->net;
    wick_place *places = (wick_place *)(uintptr_t)plan->model.tensors;
    int64_t end = base;
    for (int i = 0; i < net->n_tensors; i++) {
        int t = blocks[i].tensor;
        int64_t offset = first_fit(plan, blocks, i, base, spread);
        places[t] = (wick_place){.offset = (uint32_t)offset,
                                 .bytes = wick_plan_tensor_bytes(&net->tensors[t]),
                                 .stride = t == net->input ? (uint32_t)(blocks[i].bytes / 2) : 0};
        if (offset + blocks[i].bytes > end)
            end = offset + blocks[i].bytes;
    }
    plan->model.nvm_bytes = (uint32_t)end;
    return end;
}

void wick_plan_lay_out(wick_plan *plan, const wick_place *sram) {
    const wick_qnet *net = plan->net;
    int64_t align = layout_grain(plan), base = wick_plan_place_own(plan);
    wick_plan_find_lives(plan);
    block *blocks = wick_xalloc((size_t)net->n_tensors * sizeof *blocks);
    for (int t = 0; t < net->n_tensors; t++) {
        int64_t bytes = wick_plan_align(wick_plan_tensor_bytes(&net->tensors[t]), align);
        if (t == net->input)
            bytes = 2 * (bytes + wick_plan_align(WICK_STAMP_BYTES, align));
        blocks[t] = (block){t, bytes};
    }
    qsort(blocks, (size_t)net->n_tensors, sizeof *blocks, larger_first);
    plan->model.tensors = wick_new(plan->arena, wick_place, net->n_tensors);
    /* Memory that nothing else wants buys freedom from mandatory commits. */
    bool spread = plan->options.optimise != WICK_OPTIMISE_SIZE;
    int64_t end = place_tensors(plan, blocks, base, spread);
    if (spread && !fits(plan, end))
        place_tensors(plan, blocks, base, false);
    free(blocks);
    wick_place *places = (wick_place *)(uintptr_t)plan->model.tensors;
    for (int t = 0; t < net->n_tensors; t++)
        places[t].sram = sram[t].sram;
    wick_plan_link(plan);
}

uint32_t wick_plan_logit_bytes(const wick_qnet *net) {
    uint32_t most = 0;
    for (int k = 0; k < net->n_modules; k++) {
        uint32_t bytes = wick_plan_tensor_bytes(&net->tensors[net->logits[k]]);
        most = bytes > most ? bytes : most;
    }
    return most;
}
