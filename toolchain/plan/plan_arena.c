/* Which tensors stay in SRAM between their producer and their last reader, and where there. What
   stays costs no NVM traffic unless a commit falls in between. */
#include "plan/plan_parts.h"

#include <stdlib.h>
#include <string.h>

/* When a tensor's place in SRAM is its own, as layer indices. */
typedef struct stay {
    int segment, first_layer, last_layer;
    bool shared; /* of the extractor, read by modules: for ever */
} stay;

static stay *find_stays(const wick_qnet *net) {
    stay *stays = wick_xalloc((size_t)net->n_tensors * sizeof *stays);
    int last_of[1 + WICK_MAX_HEADS] = {0};
    for (int t = 0; t < net->n_tensors; t++)
        stays[t] = (stay){.segment = -1};
    for (int l = 0; l < net->n_layers; l++) {
        const wick_layer *layer = &net->layers[l];
        int segment = net->info[l].segment;
        last_of[segment] = l;
        stays[layer->dst] = (stay){segment, l, l, false};
        for (int o = 0; o < layer->n_operands; o++) {
            stay *read = &stays[layer->operands[o].tensor];
            read->last_layer = l;
            read->shared |= read->segment == 0 && segment != 0;
        }
    }
    /* Results are kept for the commit at the end of their segment. */
    for (int m = 0; m < net->n_modules; m++)
        stays[net->logits[m]].last_layer = last_of[m + 1];
    if (net->features != net->input)
        stays[net->features].shared = true;
    return stays;
}

static bool conflict(const stay *a, const stay *b) {
    if (a->segment != b->segment)
        return a->shared || b->shared;
    return (a->shared || a->last_layer >= b->first_layer) &&
           (b->shared || b->last_layer >= a->first_layer);
}

typedef struct candidate {
    int tensor;
    int64_t bytes;
} candidate;

static int larger_first(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->tensor - y->tensor;
}

int64_t wick_plan_fill_arena(const wick_qnet *net, const bool *wanted, wick_place *places) {
    stay *stays = find_stays(net);
    candidate *list = wick_xalloc((size_t)net->n_tensors * sizeof *list);
    int n = 0;
    int64_t end = 0;
    for (int t = 0; t < net->n_tensors; t++) {
        places[t].sram = WICK_NO_SRAM;
        if (wanted[t])
            list[n++] =
                (candidate){t, wick_plan_align(wick_plan_tensor_bytes(&net->tensors[t]), 4)};
    }
    qsort(list, (size_t)n, sizeof *list, larger_first);
    for (int i = 0; i < n; i++) {
        int64_t at = 0;
        for (bool moved = true; moved;) {
            moved = false;
            for (int j = 0; j < i; j++) {
                int64_t other = places[list[j].tensor].sram;
                if (at < other + list[j].bytes && other < at + list[i].bytes &&
                    conflict(&stays[list[i].tensor], &stays[list[j].tensor])) {
                    at = other + list[j].bytes;
                    moved = true;
                }
            }
        }
        places[list[i].tensor].sram = (uint32_t)at;
        end = at + list[i].bytes > end ? at + list[i].bytes : end;
    }
    free(list);
    free(stays);
    return end;
}

static wick_step whole_step(const wick_plan_costs *costs, int layer) {
    return (wick_step){.layer = (uint16_t)layer,
                       .count = wick_plan_layer_total(&costs->layers[layer])};
}

/* The first boot's worst: operands come back from NVM, the output goes there. */
static bool fits_one_span(const wick_plan_costs *costs, const wick_pack_limits *limits, int layer) {
    wick_step step = whole_step(costs, layer);
    wick_plan_costs lone = *costs;
    lone.view.tensors = NULL;
    const wick_device *device = costs->device;
    wick_plan_draw whole =
        wick_plan_draw_of(device, wick_device_cost(device, wick_plan_step_work(&lone, step)));
    wick_plan_draw commit =
        wick_plan_draw_of(device, wick_device_cost(device, wick_plan_commit_work(device)));
    return wick_pack_carries(costs, limits, wick_plan_draw_sum(whole, commit)) &&
           wick_step_scratch_bytes(&costs->view, &step, costs->device->nvm.mapped, 1) <=
               limits->scratch;
}

/* SRAM beside the arena that the layers need: whole ones theirs, others at least their smallest
   step, and where there are such, a quarter of all SRAM, so that steps do not become slivers. */
static int64_t scratch_beside(const wick_plan_costs *costs, const wick_pack_limits *limits,
                              const wick_place *places) {
    int64_t most = 0;
    bool divided = false;
    for (int l = 0; l < costs->net->n_layers; l++) {
        wick_step step = whole_step(costs, l);
        if (places[costs->layers[l].dst].sram == WICK_NO_SRAM) {
            divided = true;
            step.count = wick_plan_smallest_step(costs, l, 0);
        }
        int64_t bytes = wick_step_scratch_bytes(&costs->view, &step, costs->device->nvm.mapped, 0);
        most = bytes > most ? bytes : most;
    }
    return divided && most < limits->scratch / 4 ? limits->scratch / 4 : most;
}

int64_t wick_plan_choose_arena(const wick_plan_costs *costs, const wick_pack_limits *limits,
                               bool *wanted, wick_place *places) {
    const wick_qnet *net = costs->net;
    for (int l = 0; l < net->n_layers; l++)
        if (wanted[net->layers[l].dst] && !fits_one_span(costs, limits, l))
            wanted[net->layers[l].dst] = false;
    for (;;) {
        int64_t bytes = wick_plan_fill_arena(net, wanted, places);
        int largest = -1;
        for (int t = 0; t < net->n_tensors; t++)
            if (wanted[t] && (largest < 0 || wick_plan_tensor_bytes(&net->tensors[t]) >
                                                 wick_plan_tensor_bytes(&net->tensors[largest])))
                largest = t;
        if (largest < 0 || bytes + scratch_beside(costs, limits, places) <= limits->scratch)
            return bytes;
        wanted[largest] = false;
    }
}
