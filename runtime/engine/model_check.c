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

static int records_fit(const wick_model *model) {
    const uint32_t *at = model->record_offset;
    return model->record_bytes >= WICK_RECORD_BYTES && inside(model, at[0], model->record_bytes) &&
           inside(model, at[1], model->record_bytes) &&
           apart(at[0], model->record_bytes, at[1], model->record_bytes);
}

static int place_fits(const wick_model *model, uint32_t tensor) {
    const wick_place *place = &model->tensors[tensor];
    int is_input = tensor == model->input_tensor;
    if (is_input ? place->stride < place->bytes : place->stride != 0)
        return 0;
    for (uint32_t i = 0; i <= (uint32_t)is_input; i++) {
        uint32_t offset = place->offset + i * place->stride;
        if (offset < place->offset || !inside(model, offset, place->bytes))
            return 0;
        for (uint32_t copy = 0; copy < 2; copy++)
            if (!apart(offset, place->bytes, model->record_offset[copy], model->record_bytes))
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
            model->tensors[tensor].bytes < layer->in_h * wick_operand_row_bytes(layer, i))
            return 0;
    }
    uint32_t out = (uint32_t)layer->out_h * layer->out_w * layer->out_c;
    return model->tensors[layer->dst].bytes >= out && layer->dst != model->input_tensor;
}

static int step_fits(const wick_model *model, const wick_step *step, int mapped,
                     uint32_t scratch_bytes) {
    if (step->layer >= model->n_layers)
        return 0;
    const wick_layer *layer = &model->layers[step->layer];
    uint32_t out = (uint32_t)layer->out_h * layer->out_w * layer->out_c;
    return step->count != 0 && step->first < out && step->count <= out - step->first &&
           wick_step_scratch_bytes(model, step, mapped) <= scratch_bytes;
}

static int segment_fits(const wick_model *model, uint32_t i) {
    const wick_segment *segment = &model->segments[i];
    if ((uint32_t)segment->first_span + segment->n_spans > model->n_spans)
        return 0;
    if (i == 0)
        return 1; /* independent modules have no extractor and no features */
    return segment->n_spans != 0 && segment->result < model->n_tensors &&
           model->tensors[segment->result].bytes >= model->n_classes;
}

wick_rt_status wick_model_check(const wick_model *model, int mapped, uint32_t scratch_bytes) {
    if (model->format != WICK_MODEL_FORMAT || model->n_modules == 0 ||
        model->n_modules > WICK_MAX_MODULES || model->n_classes == 0 || !records_fit(model) ||
        model->input_tensor >= model->n_tensors || (!mapped && scratch_bytes < model->n_classes))
        return WICK_RT_ARGUMENT;
    for (uint32_t i = 0; i < model->n_tensors; i++)
        if (!place_fits(model, i))
            return WICK_RT_ARGUMENT;
    for (uint32_t i = 0; i < model->n_layers; i++)
        if (!layer_fits(model, &model->layers[i]))
            return WICK_RT_ARGUMENT;
    for (uint32_t i = 0; i < model->n_steps; i++)
        if (!step_fits(model, &model->steps[i], mapped, scratch_bytes))
            return WICK_RT_ARGUMENT;
    for (uint32_t i = 0; i < model->n_spans; i++)
        if ((uint32_t)model->spans[i].first_step + model->spans[i].n_steps > model->n_steps)
            return WICK_RT_ARGUMENT;
    for (uint32_t i = 0; i <= model->n_modules; i++)
        if (!segment_fits(model, i))
            return WICK_RT_ARGUMENT;
    return WICK_RT_OK;
}
