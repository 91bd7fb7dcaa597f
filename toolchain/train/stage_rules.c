/* Which weights become sparse, and which are trained for few bits: the rules of the options, by
   name, onto the slots of a stage. */
#include "train/stage.h"

#include <fnmatch.h>
#include <stdlib.h>

static wick_shape shape_of(const wick_stage *stage, const wick_slot *slot) {
    return stage->graph->tensors[slot->param->tensor].shape;
}

static wick_status none_like(const char *pattern, wick_diag *diag) {
    return wick_fail(diag, WICK_UNKNOWN, NULL, pattern,
                     "`wick describe --json` lists the names; * and ? stand for any text",
                     "no weights have a name like this");
}

/* Where the backend keeps the channels of a weight: numbers in the graph's order go through its own
   reordering; they must be exact floats. Padding has no channel. */
static wick_status find_rows(wick_stage *stage, int s, wick_diag *diag) {
    wick_slot *slot = &stage->slots[s];
    wick_shape shape = shape_of(stage, slot);
    size_t n = (size_t)wick_shape_count(shape);
    if (slot->rows.place)
        return WICK_OK;
    if (n >= 1 << 24)
        return wick_fail(diag, WICK_UNSUPPORTED, NULL, slot->param->name, NULL,
                         "more than 16,777,215 weights in one layer");
    slot->rows.rows = (size_t)shape.dim[0];
    slot->rows.count = n / slot->rows.rows;
    slot->rows.place = wick_new(stage->arena, uint32_t, n);
    float *numbers = wick_xalloc(wick_size_mul(n, sizeof *numbers));
    float *places = wick_xalloc(wick_size_mul(slot->param->count, sizeof *places));
    for (size_t i = 0; i < n; i++)
        numbers[i] = (float)(i + 1);
    wick_status status = wick_program_unplain(stage->program, s, numbers, places, diag);
    for (size_t i = 0; i < slot->param->count && status == WICK_OK; i++)
        if (places[i] > 0)
            slot->rows.place[(size_t)places[i] - 1] = (uint32_t)i;
    free(numbers);
    free(places);
    return status;
}

/* Weights that match a pattern become sparse; the last rule counts, so places are found after all.
 */
static wick_status thin_by_name(wick_stage *stage, const wick_train_options *options,
                                wick_diag *diag) {
    for (int i = 0; i < options->n_sparse; i++) {
        const wick_sparse_rule *rule = &options->sparse[i];
        bool found = false, grouped = rule->m || rule->block > 1;
        for (int s = 0; s < stage->n_slots; s++) {
            wick_slot *slot = &stage->slots[s];
            if (!slot->param->decay || fnmatch(rule->pattern, slot->param->name, 0) != 0 ||
                (grouped && shape_of(stage, slot).rank < 2))
                continue;
            slot->sparse = rule;
            found = true;
        }
        if (!found && !stage->spec.frozen)
            return none_like(rule->pattern, diag);
    }
    for (int s = 0; s < stage->n_slots; s++) {
        wick_slot *slot = &stage->slots[s];
        if (slot->sparse && (slot->sparse->m || slot->sparse->block > 1))
            WICK_TRY(find_rows(stage, s, diag));
    }
    return WICK_OK;
}

/* Weights that match a pattern are trained for few bits. */
static wick_status round_by_name(wick_stage *stage, const wick_train_options *options,
                                 wick_diag *diag) {
    for (int i = 0; i < options->n_bits; i++) {
        const wick_bits_rule *rule = &options->bits[i];
        bool found = false;
        for (int s = 0; s < stage->n_slots; s++) {
            wick_slot *slot = &stage->slots[s];
            if (!slot->param->decay || shape_of(stage, slot).rank < 2 ||
                fnmatch(rule->pattern, slot->param->name, 0) != 0)
                continue;
            slot->bits = rule->bits;
            WICK_TRY(find_rows(stage, s, diag));
            found = true;
        }
        if (!found && !stage->spec.frozen)
            return none_like(rule->pattern, diag);
    }
    return WICK_OK;
}

wick_sparse_array wick_slot_sparse(const wick_stage *stage, const wick_slot *slot, bool plain) {
    wick_shape shape = shape_of(stage, slot);
    size_t n = (size_t)wick_shape_count(shape), rows = (size_t)shape.dim[0];
    size_t inputs = shape.rank > 1 ? (size_t)shape.dim[1] : 1;
    return (wick_sparse_array){.rows = rows,
                               .inputs = inputs,
                               .taps = n / (rows * inputs),
                               .stored = plain ? n : slot->param->count,
                               .place = plain ? NULL : slot->rows.place};
}

wick_status wick_stage_constrain(wick_stage *stage, const wick_train_options *options,
                                 wick_diag *diag) {
    WICK_TRY(thin_by_name(stage, options, diag));
    return round_by_name(stage, options, diag);
}
