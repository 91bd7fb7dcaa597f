/* SPDX-License-Identifier: 0BSD */
/* Around the record: coming up after a reset, formatting, taking an input, committing. */
#include <stddef.h>

#include <wick/engine_parts.h>

wick_rt_status wick_engine_commit(wick_engine *engine, const wick_record *next) {
    wick_record record = *next;
    wick_rt_status status = wick_record_commit(engine->model, engine->port, &record, &engine->copy);
    if (status == WICK_RT_OK)
        engine->record = record;
    else
        engine->lost = 1; /* it may have reached the memory or not */
    return status;
}

uint32_t wick_engine_place(const wick_engine *engine, uint32_t tensor, uint32_t epoch) {
    const wick_place *place = &engine->model->tensors[tensor];
    return place->offset + (epoch & 1u) * place->stride;
}

/* A record may be intact and yet not this model's, if two models share an id: never follow it. */
static int plausible(const wick_model *model, const wick_record *record) {
    if (record->segment > model->n_modules || record->phase > WICK_PHASE_PUBLISH)
        return 0;
    if (record->phase == WICK_PHASE_PUBLISH && record->segment == 0)
        return 0; /* features are not delivered */
    return record->phase != WICK_PHASE_RUN ||
           record->span < model->segments[record->segment].n_spans;
}

wick_rt_status wick_engine_format(wick_engine *engine) {
    const wick_model *model = engine->model;
    wick_rt_status status =
        wick_model_check(model, engine->port->nvm_mapped != 0, engine->scratch_bytes);
    if (status != WICK_RT_OK)
        return status;
    /* Where a record of ours is intact the sequence goes on, so that a cut leaves that one. */
    wick_record record;
    if (wick_record_load(model, engine->port, &record, &engine->copy) != WICK_RT_OK)
        record.sequence = 0;
    wick_record fresh = {.model_id = {model->id[0], model->id[1]},
                         .sequence = record.sequence,
                         .phase = WICK_PHASE_IDLE};
    engine->lost = 1;
    status = wick_engine_commit(engine, &fresh);
    if (status != WICK_RT_OK)
        return status;
    /* Once more, so that the other copy, whatever it was, is replaced too. */
    fresh.sequence = engine->record.sequence;
    status = wick_engine_commit(engine, &fresh);
    if (status == WICK_RT_OK)
        engine->lost = 0;
    return status;
}

/* Loads the record; formats memory that is not ours. OK, FRESH, FOREIGN or an error. */
static wick_rt_status attach(wick_engine *engine) {
    wick_record record;
    engine->lost = 1;
    wick_rt_status found = wick_record_load(engine->model, engine->port, &record, &engine->copy);
    if (found == WICK_RT_FRESH || found == WICK_RT_FOREIGN) {
        wick_rt_status status = wick_engine_format(engine);
        return status == WICK_RT_OK ? found : status;
    }
    if (found != WICK_RT_OK)
        return found;
    if (!plausible(engine->model, &record))
        return WICK_RT_CORRUPT;
    engine->record = record;
    engine->lost = 0;
    /* A format that was cut between its two commits is finished first: then every run commits as
       often as one without power failures. (After 2^32 commits this is one more commit.) */
    return record.sequence == 1 ? wick_engine_commit(engine, &record) : WICK_RT_OK;
}

wick_rt_status wick_engine_ready(wick_engine *engine) {
    if (!engine->lost)
        return WICK_RT_OK;
    wick_rt_status status = attach(engine);
    return status < 0 ? status : WICK_RT_OK;
}

wick_rt_status wick_engine_boot(wick_engine *engine, const wick_model *model, const wick_port *port,
                                const wick_policy *policy, int8_t *scratch,
                                uint32_t scratch_bytes) {
    engine->model = model;
    engine->port = port;
    engine->policy = policy;
    engine->scratch = scratch;
    engine->scratch_bytes = scratch_bytes;
    engine->lost = 1;
    if (model->format != WICK_MODEL_FORMAT || scratch_bytes < model->scratch_bytes ||
        (scratch_bytes != 0 && (scratch == NULL || (uintptr_t)scratch % 4 != 0)))
        return WICK_RT_ARGUMENT;
    wick_rt_status status = attach(engine);
    if (status != WICK_RT_OK)
        return status;
    return engine->record.phase == WICK_PHASE_IDLE ? WICK_RT_IDLE : WICK_RT_RESUMED;
}

wick_rt_status wick_engine_submit(wick_engine *engine, const int8_t *input, uint32_t bytes,
                                  uint32_t *epoch) {
    const wick_model *model = engine->model;
    wick_rt_status status = wick_engine_ready(engine);
    if (status != WICK_RT_OK)
        return status;
    if (bytes != model->tensors[model->input_tensor].bytes)
        return WICK_RT_ARGUMENT;
    wick_record next = engine->record;
    next.epoch++;
    if (next.epoch == 0)
        next.epoch = 2; /* 0 means none yet, and the parity must change */
    uint32_t offset = wick_engine_place(engine, model->input_tensor, next.epoch);
    if (engine->port->nvm_write(engine->port->ctx, offset, input, bytes) != 0)
        return WICK_RT_NVM;
    next.segment = 0;
    next.span = 0;
    next.phase = model->segments[0].n_spans ? WICK_PHASE_RUN : WICK_PHASE_DECIDE;
    next.modules_done = 0;
    next.modules_sent = 0;
    status = wick_engine_commit(engine, &next);
    if (status == WICK_RT_OK && epoch)
        *epoch = next.epoch;
    return status;
}
