/* What planning looks up again: steps and divisions of a layer. */
#include "plan/plan_memo.h"

#include <stdlib.h>

enum { FEWEST_SLOTS = 256 /* a power of two */ };

wick_plan_setting wick_plan_setting_of(const wick_plan_costs *costs, int layer) {
    const wick_layer *of = &costs->layers[layer];
    wick_plan_setting setting = {.kernel = of->kernel, .known = of->n_operands < 64};
    for (uint32_t o = 0; setting.known && o < of->n_operands; o++)
        if (wick_plan_resident(costs, of->operands[o].tensor))
            setting.resident |= UINT64_C(1) << o;
    if (wick_plan_resident(costs, of->dst))
        setting.resident |= UINT64_C(1) << 63;
    return setting;
}

static bool same_setting(const wick_plan_setting *a, const wick_plan_setting *b) {
    return a->known && b->known && a->resident == b->resident && a->kernel == b->kernel;
}

/* ---- steps ---- */

void wick_plan_pieces_open(wick_plan_pieces *pieces, const wick_plan_costs *costs, int layer) {
    wick_plan_setting of = wick_plan_setting_of(costs, layer);
    if (!same_setting(&pieces->of, &of))
        wick_plan_pieces_free(pieces);
    pieces->of = of;
}

void wick_plan_pieces_free(wick_plan_pieces *pieces) {
    free(pieces->list);
    free(pieces->slots);
    *pieces = (wick_plan_pieces){0};
}

/* Where the piece is, or belongs. */
static uint32_t slot_of(const wick_plan_pieces *pieces, uint32_t count, uint32_t rows) {
    uint64_t mixed = (((uint64_t)rows << 32) + count) * UINT64_C(0x9E3779B97F4A7C15);
    uint32_t slot = (uint32_t)(mixed >> 40) & (pieces->n_slots - 1);
    while (pieces->slots[slot]) {
        const wick_plan_piece *there = &pieces->list[pieces->slots[slot] - 1];
        if (there->count == count && there->rows == rows)
            break;
        slot = (slot + 1) & (pieces->n_slots - 1);
    }
    return slot;
}

/* At most half of the slots are taken. */
static void grow(wick_plan_pieces *pieces) {
    if (pieces->n < pieces->cap)
        return;
    pieces->cap = pieces->cap ? 2 * pieces->cap : FEWEST_SLOTS / 2;
    pieces->list = wick_xrealloc(pieces->list, (size_t)pieces->cap * sizeof *pieces->list);
    free(pieces->slots);
    pieces->n_slots = 2 * (uint32_t)pieces->cap;
    pieces->slots = wick_xalloc(pieces->n_slots * sizeof *pieces->slots);
    for (int i = 0; i < pieces->n; i++)
        pieces->slots[slot_of(pieces, pieces->list[i].count, pieces->list[i].rows)] = i + 1;
}

static wick_plan_piece add_up(const wick_plan_costs *costs, wick_step step, uint32_t rows) {
    const wick_device *device = costs->device;
    wick_cost cost = wick_device_cost(device, wick_plan_step_work(costs, step));
    return (wick_plan_piece){.step = cost,
                             .reload =
                                 wick_device_cost(device, wick_plan_reload_work(costs, &step, 1)),
                             .draw = wick_plan_draw_sum(wick_plan_draw_of(device, cost),
                                                        wick_plan_reload_draw(costs, &step, 1)),
                             .scratch = (int64_t)wick_plan_step_scratch(costs, step),
                             .count = step.count,
                             .rows = rows};
}

int wick_plan_piece_of(wick_plan_pieces *pieces, const wick_plan_costs *costs, wick_step step) {
    uint32_t rows = wick_layer_input_rows(&costs->layers[step.layer], step.first, step.count).rows;
    grow(pieces);
    uint32_t slot = slot_of(pieces, step.count, rows);
    if (!pieces->slots[slot]) {
        pieces->list[pieces->n++] = add_up(costs, step, rows);
        pieces->slots[slot] = pieces->n;
    }
    return pieces->slots[slot] - 1;
}

/* ---- divisions ---- */

wick_plan_memo wick_plan_memo_new(int n_layers) {
    return (wick_plan_memo){.layers =
                                wick_xalloc(((size_t)n_layers + 1) * sizeof(wick_plan_layer_memo)),
                            .n_layers = n_layers};
}

void wick_plan_memo_free(wick_plan_memo *memo) {
    for (int l = 0; l < memo->n_layers; l++) {
        wick_plan_pieces_free(&memo->layers[l].pieces);
        free(memo->layers[l].divisions);
    }
    free(memo->layers);
    *memo = (wick_plan_memo){0};
}

/* All that wick_pack_layer sees of them. */
static bool same_limits(const wick_pack_limits *a, const wick_pack_limits *b) {
    return a->span_uj == b->span_uj && a->usable_uj == b->usable_uj &&
           a->uj_per_v2 == b->uj_per_v2 && a->latency_weight == b->latency_weight &&
           a->active_uj_per_us == b->active_uj_per_us &&
           a->max_span_outputs == b->max_span_outputs && a->any == b->any;
}

const wick_plan_division *wick_plan_known(const wick_plan_layer_memo *memo,
                                          const wick_plan_setting *of,
                                          const wick_pack_limits *limits, int64_t scratch) {
    for (int i = 0; i < memo->n; i++) {
        const wick_plan_division *division = &memo->divisions[i];
        if (scratch >= division->room.least && scratch < division->room.below &&
            same_setting(&division->of, of) && same_limits(&division->limits, limits))
            return division;
    }
    return NULL;
}

void wick_plan_remember(wick_plan_layer_memo *memo, const wick_plan_division *division) {
    memo->divisions =
        wick_xrealloc(memo->divisions, ((size_t)memo->n + 1) * sizeof *memo->divisions);
    memo->divisions[memo->n++] = *division;
}
