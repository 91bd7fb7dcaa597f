/* SPDX-License-Identifier: 0BSD */
/* Which input rows a range of outputs needs, and so how much scratch memory a step takes. */
#include <wick/kernels.h>

static uint16_t clip(int32_t value, uint16_t high) {
    return value < 0 ? 0 : value > high ? high : (uint16_t)value;
}

/* Rows that the offsets of output rows [top, bottom) lie in. */
static wick_rows moved_rows(const wick_layer *layer, int32_t top, int32_t bottom) {
    wick_rows rows = {0, layer->in_h};
    int32_t row = (int32_t)layer->in_w * layer->in_c, low = INT32_MAX, high = 0;
    if (layer->k_h == 0)
        return rows;
    for (int32_t y = top; y < bottom; y++) {
        int32_t at = layer->bias[y] / row;
        if (layer->bias[y] < 0)
            continue;
        low = at < low ? at : low;
        high = at >= high ? at + 1 : high;
    }
    rows.row0 = high ? (uint16_t)low : 0;
    rows.rows = (uint16_t)(high - rows.row0);
    return rows;
}

wick_rows wick_layer_input_rows(const wick_layer *layer, uint32_t first, uint32_t count) {
    wick_rows rows = {0, 0};
    if (count == 0)
        return rows;
    if (layer->kind == WICK_LAYER_FC) {
        rows.rows = layer->in_h;
        return rows;
    }
    uint32_t row = (uint32_t)layer->out_w * layer->out_c;
    int32_t top = (int32_t)(first / row), bottom = (int32_t)((first + count - 1) / row) + 1;
    if (layer->kind == WICK_LAYER_MOVE)
        return moved_rows(layer, top, bottom);
    if (layer->kind < WICK_LAYER_ADD) {
        top = top * layer->stride_h - layer->pad_top;
        bottom = (bottom - 1) * layer->stride_h - layer->pad_top + layer->k_h;
    }
    rows.row0 = clip(top, layer->in_h);
    rows.rows = (uint16_t)(clip(bottom, layer->in_h) - rows.row0);
    return rows;
}

static uint32_t align4(uint32_t bytes) {
    return (bytes + 3u) & ~(uint32_t)3;
}

uint32_t wick_operand_row_bytes(const wick_layer *layer, uint32_t i) {
    uint32_t channels =
        layer->kind == WICK_LAYER_CONCAT ? layer->operands[i].channels : layer->in_c;
    return layer->in_w * channels * (layer->operands[i].wide ? 2u : 1u);
}

static int in_arena(const wick_model *model, uint32_t tensor, int alone) {
    return !alone && model->tensors && model->tensors[tensor].sram != WICK_NO_SRAM;
}

uint32_t wick_rows_scratch_bytes(const wick_model *model, const wick_step *step, uint32_t rows,
                                 int alone) {
    const wick_layer *layer = &model->layers[step->layer];
    uint32_t bytes = wick_layer_scratch_bytes(layer);
    if (!in_arena(model, layer->dst, alone))
        bytes += align4(step->count * wick_out_size(layer));
    for (uint32_t i = 0; rows != 0 && i < layer->n_operands; i++)
        if (!in_arena(model, layer->operands[i].tensor, alone))
            bytes += align4(rows * wick_operand_row_bytes(layer, i));
    return bytes;
}

uint32_t wick_step_scratch_bytes(const wick_model *model, const wick_step *step, int mapped,
                                 int alone) {
    const wick_layer *layer = &model->layers[step->layer];
    uint32_t rows = mapped ? 0 : wick_layer_input_rows(layer, step->first, step->count).rows;
    return wick_rows_scratch_bytes(model, step, rows, alone);
}

int wick_recomputes(const wick_model *model) {
    return model->segments[0].n_spans == 0 && model->extractor_steps != 0;
}

unsigned wick_chain_base(const wick_model *model, unsigned segment) {
    if (segment == 0)
        return 0;
    unsigned first = model->spans[model->segments[segment].first_span].first_step;
    return wick_recomputes(model) ? first : first - model->extractor_steps;
}

uint32_t wick_logit_bytes(const wick_model *model, unsigned segment) {
    return model->segments[segment].wide ? 2u * model->n_classes : model->n_classes;
}

uint32_t wick_model_scratch_bytes(const wick_model *model, int mapped) {
    uint32_t logits = 0; /* on their way out */
    for (unsigned k = 1; !mapped && k <= model->n_modules; k++)
        logits = wick_logit_bytes(model, k) > logits ? wick_logit_bytes(model, k) : logits;
    uint32_t most = model->arena_bytes + align4(logits);
    for (uint32_t i = 0; i < model->n_steps; i++) {
        uint32_t within =
            model->arena_bytes + wick_step_scratch_bytes(model, &model->steps[i], mapped, 0);
        uint32_t alone = wick_step_scratch_bytes(model, &model->steps[i], mapped, 1);
        most = within > most ? within : most;
        most = alone > most ? alone : most;
    }
    return most;
}
