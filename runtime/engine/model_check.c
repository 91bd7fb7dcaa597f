/* SPDX-License-Identifier: 0BSD */
/* What the engine relies on in a model. The planner proves more (write-after-read, overflow); this
   is what would make the engine itself go astray. */
#include <wick/engine.h>
#include <wick/kernels.h>

static int inside(const wick_model *model, uint32_t offset, uint32_t bytes) {
    return offset <= model->nvm_bytes && bytes <= model->nvm_bytes - offset;
}

static int apart(uint32_t a, uint32_t a_bytes, uint32_t b, uint32_t b_bytes) {
    return a + a_bytes <= b || b + b_bytes <= a;
}

/* The engine's own places: records, variables, tally. Bytes of place i, or 0 where the model has
   none; *offset is its start. */
enum { OWN_PLACES = 5 };
static uint32_t own_place(const wick_model *model, uint32_t i, uint32_t *offset) {
    uint32_t unit = model->write_unit ? model->write_unit : 1;
    if (i < 2) {
        *offset = model->record_offset[i];
        return model->record_bytes;
    }
    if (i < 4) {
        *offset = model->vars_offset[i - 2];
        if (*offset == 0)
            return 0;
        return (WICK_VARS_BYTES + unit - 1) / unit * unit + model->app_bytes;
    }
    *offset = model->tally_offset;
    return *offset ? WICK_TALLY_BYTES : 0;
}

static int own_places_fit(const wick_model *model) {
    if (model->record_bytes < WICK_RECORD_BYTES || model->app_bytes > model->nvm_bytes ||
        model->write_unit > model->nvm_bytes ||
        (model->vars_offset[0] == 0) != (model->vars_offset[1] == 0))
        return 0;
    for (uint32_t i = 0; i < OWN_PLACES; i++) {
        uint32_t offset, other, bytes = own_place(model, i, &offset);
        if (!inside(model, offset, bytes))
            return 0;
        for (uint32_t k = 0; bytes != 0 && k < i; k++) {
            uint32_t other_bytes = own_place(model, k, &other);
            if (other_bytes != 0 && !apart(offset, bytes, other, other_bytes))
                return 0;
        }
    }
    return 1;
}

static int place_fits(const wick_model *model, uint32_t tensor) {
    const wick_place *place = &model->tensors[tensor];
    int is_input = tensor == model->input_tensor;
    uint32_t bytes = place->bytes;
    if (is_input && model->stamp_offset != 0) {
        if (model->stamp_offset < bytes || model->stamp_offset > model->nvm_bytes)
            return 0;
        bytes = model->stamp_offset + WICK_STAMP_BYTES;
    }
    if (is_input ? place->stride < bytes : place->stride != 0)
        return 0;
    for (uint32_t i = 0; i <= (uint32_t)is_input; i++) {
        uint32_t offset = place->offset + i * place->stride, other;
        if (offset < place->offset || !inside(model, offset, bytes))
            return 0;
        for (uint32_t k = 0; k < OWN_PLACES; k++) {
            uint32_t other_bytes = own_place(model, k, &other);
            if (other_bytes != 0 && !apart(offset, bytes, other, other_bytes))
                return 0;
        }
    }
    return 1;
}

/* A place in SRAM: inside the arena, and not the input's. */
static int sram_fits(const wick_model *model, uint32_t tensor) {
    const wick_place *place = &model->tensors[tensor];
    return place->sram == WICK_NO_SRAM ||
           (tensor != model->input_tensor && place->sram % 4 == 0 &&
            place->sram <= model->arena_bytes && place->bytes <= model->arena_bytes - place->sram);
}

/* Step `index` of a segment's chain; NULL where there is none. */
static const wick_step *chain_step(const wick_model *model, unsigned segment, unsigned index) {
    unsigned s = index;
    if (index >= model->extractor_steps || wick_recomputes(model))
        s += wick_chain_base(model, segment);
    return s < model->n_steps ? &model->steps[s] : NULL;
}

/* What step `index` of a chain reads and writes agrees with the places' producers and last readers:
   what has a place in SRAM is computed in one step, before it is read. */
static int order_fits(const wick_model *model, unsigned segment, unsigned index) {
    const wick_step *step = chain_step(model, segment, index);
    const wick_layer *layer = &model->layers[step->layer];
    const wick_place *dst = &model->tensors[layer->dst];
    if (dst->sram != WICK_NO_SRAM && (dst->producer != index || step->first != 0 ||
                                      step->count * wick_out_size(layer) != dst->bytes))
        return 0;
    for (unsigned i = 0; i < layer->n_operands; i++) {
        unsigned tensor = layer->operands[i].tensor;
        const wick_place *place = &model->tensors[tensor];
        if (place->last_reader < index)
            return 0;
        if (place->sram == WICK_NO_SRAM)
            continue;
        const wick_step *made = chain_step(model, segment, place->producer);
        if (place->producer >= index || made == NULL || model->layers[made->layer].dst != tensor)
            return 0;
    }
    return 1;
}

static int layer_fits(const wick_model *model, const wick_layer *layer) {
    if (layer->kind >= WICK_LAYER_KINDS || layer->n_operands == 0 ||
        layer->n_operands > WICK_MAX_OPERANDS || layer->dst >= model->n_tensors ||
        !wick_kernel_fits(layer, layer->kernel))
        return 0;
    for (uint32_t i = 0; i < layer->n_operands; i++) {
        uint32_t tensor = layer->operands[i].tensor;
        if (tensor >= model->n_tensors ||
            model->tensors[tensor].bytes < layer->in_h * wick_operand_row_bytes(layer, i) ||
            (layer->operands[i].wide && model->tensors[tensor].offset % 2 != 0))
            return 0;
    }
    uint32_t out = (uint32_t)layer->out_h * layer->out_w * layer->out_c * wick_out_size(layer);
    return model->tensors[layer->dst].bytes >= out && layer->dst != model->input_tensor;
}

static int step_fits(const wick_model *model, const wick_step *step, int mapped,
                     uint32_t scratch_bytes) {
    if (step->layer >= model->n_layers)
        return 0;
    const wick_layer *layer = &model->layers[step->layer];
    uint32_t out = (uint32_t)layer->out_h * layer->out_w * layer->out_c;
    return step->count != 0 && step->first < out && step->count <= out - step->first &&
           model->arena_bytes <= scratch_bytes &&
           wick_step_scratch_bytes(model, step, mapped, 0) <= scratch_bytes - model->arena_bytes &&
           wick_step_scratch_bytes(model, step, mapped, 1) <= scratch_bytes;
}

/* The segment's spans follow one another; *first, *steps: their steps. */
static int spans_follow(const wick_model *model, const wick_segment *segment, unsigned *first,
                        unsigned *steps) {
    uint32_t end = (uint32_t)segment->first_span + segment->n_spans;
    *first = *steps = 0;
    if (end > model->n_spans)
        return 0;
    for (unsigned k = segment->first_span; k < end; k++) {
        const wick_span *span = &model->spans[k];
        if (k == segment->first_span)
            *first = span->first_step;
        if (span->n_steps == 0 || span->first_step != *first + *steps ||
            (uint32_t)span->first_step + span->n_steps > model->n_steps)
            return 0;
        *steps += span->n_steps;
    }
    return 1;
}

/* The extractor's steps are where model.h says that they are. */
static int extractor_fits(const wick_model *model, unsigned segment, unsigned first,
                          unsigned steps) {
    unsigned extractor = model->extractor_steps;
    if (segment == 0)
        return steps == 0 || (first == 0 && steps == extractor);
    if (!wick_recomputes(model))
        return first >= extractor;
    const wick_step *same = &model->steps[model->spans[model->segments[1].first_span].first_step];
    for (unsigned s = 0; s < extractor && s < steps; s++)
        if (model->steps[first + s].layer != same[s].layer)
            return 0;
    return steps > extractor;
}

static int segment_fits(const wick_model *model, unsigned i) {
    const wick_segment *segment = &model->segments[i];
    unsigned first, steps;
    if (!spans_follow(model, segment, &first, &steps) || !extractor_fits(model, i, first, steps))
        return 0;
    for (unsigned s = first; s < first + steps; s++)
        if (!order_fits(model, i, s - wick_chain_base(model, i)))
            return 0;
    if (i == 0)
        return 1; /* independent modules have no extractor and no features */
    return steps != 0 && segment->result < model->n_tensors &&
           model->tensors[segment->result].bytes >= wick_logit_bytes(model, i) &&
           !(segment->wide && model->tensors[segment->result].offset % 2 != 0);
}

wick_rt_status wick_model_check(const wick_model *model, int mapped, uint32_t scratch_bytes) {
    if (model->format != WICK_MODEL_FORMAT || model->n_modules == 0 ||
        model->n_modules > WICK_MAX_MODULES || model->n_classes == 0 || !own_places_fit(model) ||
        model->input_tensor >= model->n_tensors || (!mapped && scratch_bytes < model->n_classes))
        return WICK_RT_ARGUMENT;
    for (uint32_t i = 0; i < model->n_tensors; i++)
        if (!place_fits(model, i) || !sram_fits(model, i))
            return WICK_RT_ARGUMENT;
    for (uint32_t i = 0; i < model->n_layers; i++)
        if (!layer_fits(model, &model->layers[i]))
            return WICK_RT_ARGUMENT;
    for (uint32_t i = 0; i < model->n_steps; i++)
        if (!step_fits(model, &model->steps[i], mapped, scratch_bytes))
            return WICK_RT_ARGUMENT;
    for (uint32_t i = 0; i <= model->n_modules; i++)
        if (!segment_fits(model, (unsigned)i))
            return WICK_RT_ARGUMENT;
    return WICK_RT_OK;
}
