/* SPDX-License-Identifier: 0BSD */
/* One engine step: a span, a decision or a delivery, each ending in one commit. */
#include <stddef.h>

#include <wick/engine_parts.h>
#include <wick/kernels.h>

static uint32_t align4(uint32_t bytes) {
    return (bytes + 3u) & ~(uint32_t)3;
}

/* Makes the rows of each operand addressable: in place, or copied to scratch one after the other.
 *used becomes the bytes of scratch taken. */
static wick_rt_status fetch(wick_engine *engine, const wick_layer *layer, wick_rows rows,
                            const int8_t **src, uint32_t *used) {
    const wick_port *port = engine->port;
    *used = 0;
    for (uint32_t i = 0; i < layer->n_operands; i++) {
        uint32_t row = wick_operand_row_bytes(layer, i);
        uint32_t offset =
            wick_engine_place(engine, layer->operands[i].tensor, engine->record.epoch) +
            rows.row0 * row;
        if (port->nvm_mapped) {
            src[i] = port->nvm_mapped + offset;
            continue;
        }
        src[i] = engine->scratch + *used;
        if (rows.rows != 0 &&
            port->nvm_read(port->ctx, offset, engine->scratch + *used, rows.rows * row) != 0)
            return WICK_RT_NVM;
        *used += align4(rows.rows * row);
    }
    return WICK_RT_OK;
}

static wick_rt_status run_step(wick_engine *engine, const wick_step *step) {
    const wick_port *port = engine->port;
    const wick_layer *layer = &engine->model->layers[step->layer];
    const int8_t *src[WICK_MAX_OPERANDS];
    uint32_t used;
    if (wick_step_scratch_bytes(engine->model, step, port->nvm_mapped != NULL) >
        engine->scratch_bytes)
        return WICK_RT_ARGUMENT;
    wick_rows rows = wick_layer_input_rows(layer, step->first, step->count);
    wick_rt_status status = fetch(engine, layer, rows, src, &used);
    if (status != WICK_RT_OK)
        return status;
    int8_t *dst = engine->scratch + used;
    wick_layer_run(layer, src, rows.row0, step->first, step->count, dst, dst + align4(step->count));
    uint32_t offset = wick_engine_place(engine, layer->dst, engine->record.epoch) + step->first;
    return port->nvm_write(port->ctx, offset, dst, step->count) == 0 ? WICK_RT_OK : WICK_RT_NVM;
}

/* The steps of the span in work, then the commit that ends it. */
static wick_rt_status run_span(wick_engine *engine) {
    const wick_model *model = engine->model;
    const wick_segment *segment = &model->segments[engine->record.segment];
    const wick_span *span = &model->spans[segment->first_span + engine->record.span];
    for (uint32_t i = 0; i < span->n_steps; i++) {
        wick_rt_status status = run_step(engine, &model->steps[span->first_step + i]);
        if (status != WICK_RT_OK)
            return status;
    }
    wick_record next = engine->record;
    next.span++;
    if (next.span == segment->n_spans) {
        next.span = 0;
        next.phase = next.segment ? WICK_PHASE_PUBLISH : WICK_PHASE_DECIDE;
        if (next.segment)
            next.modules_done |= (uint8_t)(1u << (next.segment - 1u));
    }
    wick_rt_status status = wick_engine_commit(engine, &next);
    return status == WICK_RT_OK ? WICK_RT_BUSY : status;
}

/* Asks the policy and commits its answer; nothing else happens before the next step. */
static wick_rt_status decide(wick_engine *engine) {
    const wick_model *model = engine->model;
    wick_situation situation = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, 0, 0};
    if (engine->situation)
        situation = engine->situation(engine->situation_ctx);
    situation.modules_done = engine->record.modules_done;
    uint8_t module = wick_policy_choose(engine->policy, model, &situation);
    wick_record next = engine->record;
    next.span = 0;
    next.segment = module;
    next.phase = module ? WICK_PHASE_RUN : WICK_PHASE_IDLE;
    if (module > model->n_modules)
        return WICK_RT_ARGUMENT;
    wick_rt_status status = wick_engine_commit(engine, &next);
    if (status != WICK_RT_OK)
        return status;
    return module ? WICK_RT_BUSY : WICK_RT_IDLE;
}

static uint16_t argmax(const int8_t *logits, uint16_t n) {
    uint16_t best = 0;
    for (uint16_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

/* Delivers the finished module's result, then commits that. A cut in between delivers it again. */
static wick_rt_status publish(wick_engine *engine) {
    const wick_model *model = engine->model;
    const wick_port *port = engine->port;
    uint8_t module = engine->record.segment;
    uint32_t offset =
        wick_engine_place(engine, model->segments[module].result, engine->record.epoch);
    wick_result result = {engine->record.epoch, module, 0, model->n_classes, NULL};
    if (port->nvm_mapped) {
        result.logits = port->nvm_mapped + offset;
    } else {
        if (engine->scratch_bytes < model->n_classes)
            return WICK_RT_ARGUMENT;
        if (port->nvm_read(port->ctx, offset, engine->scratch, model->n_classes) != 0)
            return WICK_RT_NVM;
        result.logits = engine->scratch;
    }
    result.label = argmax(result.logits, model->n_classes);
    if (port->result(port->ctx, &result) != 0)
        return WICK_RT_PORT;
    wick_record next = engine->record;
    next.modules_sent |= (uint8_t)(1u << (module - 1u));
    next.phase = WICK_PHASE_DECIDE;
    wick_rt_status status = wick_engine_commit(engine, &next);
    return status == WICK_RT_OK ? WICK_RT_RESULT : status;
}

wick_rt_status wick_engine_step(wick_engine *engine) {
    wick_rt_status status = wick_engine_ready(engine);
    if (status != WICK_RT_OK)
        return status;
    switch ((wick_phase)engine->record.phase) {
    case WICK_PHASE_RUN:
        return run_span(engine);
    case WICK_PHASE_DECIDE:
        return decide(engine);
    case WICK_PHASE_PUBLISH:
        return publish(engine);
    case WICK_PHASE_IDLE:
        break;
    }
    return WICK_RT_IDLE;
}

wick_rt_status wick_engine_run(wick_engine *engine) {
    for (;;) {
        wick_rt_status status = wick_engine_step(engine);
        if (status != WICK_RT_BUSY && status != WICK_RT_RESULT)
            return status;
    }
}
