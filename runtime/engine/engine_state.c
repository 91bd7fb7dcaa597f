/* SPDX-License-Identifier: 0BSD */
/* Around the record: coming up after a reset, formatting, committing. */
#include <stddef.h>
#include <string.h>

#include <wick/engine_parts.h>

static int has_vars(const wick_model *model) {
    return model->vars_offset[0] != 0;
}

static uint8_t vars_copy(const wick_record *record) {
    return record->flags & WICK_FLAG_VARS_COPY;
}

wick_rt_status wick_engine_fault(wick_engine *engine, wick_rt_status status) {
    engine->counters.faults++;
    engine->vars_changed = 1;
    return status;
}

/* Variables go to the copy that the last commit does not name; the record that names the new one is
   what makes them current. */
wick_rt_status wick_engine_commit(wick_engine *engine, const wick_record *next) {
    wick_record record = *next;
    wick_rt_status status = WICK_RT_OK;
    int vars = has_vars(engine->model) && engine->vars_changed;
    if (vars) {
        record.flags ^= WICK_FLAG_VARS_COPY;
        status = wick_vars_store(engine->model, engine->port, vars_copy(&record), &engine->counters,
                                 engine->app);
    }
    if (status == WICK_RT_OK)
        status = wick_record_commit(engine->model, engine->port, &record, &engine->copy);
    if (status != WICK_RT_OK) {
        if (!engine->lost)
            engine->lost = WICK_LOST_COMMIT; /* it may have reached the memory or not */
        return wick_engine_fault(engine, status);
    }
    engine->record = record;
    if (vars)
        engine->vars_changed = 0;
    return WICK_RT_OK;
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
    if (record->phase != WICK_PHASE_RUN)
        return 1;
    const wick_segment *segment = &model->segments[record->segment];
    if (record->span >= segment->n_spans)
        return 0;
    const wick_span *span = &model->spans[segment->first_span + record->span];
    if (record->step >= span->n_steps)
        return 0;
    return record->outputs < model->steps[span->first_step + record->step].count;
}

wick_rt_status wick_engine_format(wick_engine *engine) {
    const wick_model *model = engine->model;
    wick_rt_status status =
        wick_model_check(model, engine->port->nvm_mapped != 0, engine->scratch_bytes);
    if (status != WICK_RT_OK)
        return status;
    /* Where a record of ours is intact the sequence goes on, so that a cut leaves that one. */
    wick_record record;
    if (wick_record_load(model, engine->port, &record, &engine->copy) != WICK_RT_OK) {
        record.sequence = 0;
        record.flags = 0;
    }
    wick_record fresh = {.model_id = {model->id[0], model->id[1]},
                         .sequence = record.sequence,
                         .phase = WICK_PHASE_IDLE,
                         .flags = record.flags};
    engine->counters = (wick_counters){0};
    /* Twice, so that the other copy of the record, and of the variables, is replaced too. */
    engine->lost = WICK_LOST_ALL;
    for (int i = 0; i < 2; i++) {
        engine->vars_changed = 1;
        status = wick_engine_commit(engine, &fresh);
        if (status != WICK_RT_OK)
            return status;
        fresh = engine->record;
    }
    engine->lost = 0;
    return WICK_RT_OK;
}

/* The variables that the record names. Damaged ones are not used. */
static wick_rt_status load_vars(wick_engine *engine) {
    const wick_model *model = engine->model;
    if (!has_vars(model))
        return WICK_RT_OK;
    wick_rt_status status = wick_vars_load(model, engine->port, vars_copy(&engine->record),
                                           &engine->counters, engine->app);
    if (status == WICK_RT_CORRUPT) {
        engine->counters = (wick_counters){0};
        if (model->app_bytes)
            memset(engine->app, 0, (size_t)model->app_bytes);
        wick_engine_fault(engine, status);
        status = WICK_RT_OK;
    }
    return status;
}

/* Loads the record; formats memory that is not ours. OK, FRESH, FOREIGN or an error. */
static wick_rt_status attach(wick_engine *engine) {
    wick_record record;
    engine->lost = WICK_LOST_ALL;
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
    wick_rt_status status = load_vars(engine);
    if (status != WICK_RT_OK)
        return status;
    wick_engine_load_stamp(engine);
    engine->lost = 0;
    /* A format that was cut between its two commits is finished first: then every run commits as
       often as one without power failures. (After 2^32 commits this is one more commit.) */
    if (record.sequence != 1)
        return WICK_RT_OK;
    engine->vars_changed = 1;
    return wick_engine_commit(engine, &record);
}

/* After a failed commit: what the memory holds counts, but not for the application's variables,
   which the RAM has newer. */
wick_rt_status wick_engine_ready(wick_engine *engine) {
    if (!engine->lost)
        return WICK_RT_OK;
    wick_record record;
    if (engine->lost == WICK_LOST_ALL) {
        wick_rt_status found = attach(engine);
        return found < 0 ? found : WICK_RT_OK;
    }
    wick_rt_status status = wick_record_load(engine->model, engine->port, &record, &engine->copy);
    if (status != WICK_RT_OK || !plausible(engine->model, &record))
        return status < 0 ? status : WICK_RT_CORRUPT;
    engine->record = record;
    engine->lost = 0;
    engine->vars_changed = 1;
    wick_engine_load_stamp(engine);
    return WICK_RT_OK;
}

wick_rt_status wick_engine_boot(wick_engine *engine, const wick_model *model, const wick_port *port,
                                const wick_policy *policy, int8_t *scratch,
                                uint32_t scratch_bytes) {
    engine->model = model;
    engine->port = port;
    engine->policy = policy;
    engine->scratch = scratch;
    engine->scratch_bytes = scratch_bytes;
    engine->lost = WICK_LOST_ALL;
    engine->vars_changed = engine->warm = engine->split = engine->taken_now = 0;
    engine->patience = 0;
    engine->highest_mv = 0;
    engine->counters = (wick_counters){0};
    if (model->format != WICK_MODEL_FORMAT || scratch_bytes < model->scratch_bytes ||
        (scratch_bytes != 0 && (scratch == NULL || (uintptr_t)scratch % 4 != 0)) ||
        (model->app_bytes != 0 && (engine->app == NULL || !has_vars(model))))
        return WICK_RT_ARGUMENT;
    wick_rt_status status = attach(engine);
    if (status < 0)
        return status;
    int interrupted = engine->record.phase != WICK_PHASE_IDLE;
    engine->counters.boots++;
    engine->counters.replays += engine->record.phase == WICK_PHASE_RUN;
    engine->vars_changed = 1;
    if (engine->record.phase == WICK_PHASE_RUN)
        wick_engine_learn_split(engine);
    return status != WICK_RT_OK ? status : interrupted ? WICK_RT_RESUMED : WICK_RT_IDLE;
}

void wick_engine_touch(wick_engine *engine) {
    engine->vars_changed = 1;
}

wick_rt_status wick_engine_sync(wick_engine *engine) {
    wick_rt_status status = wick_engine_ready(engine);
    if (status != WICK_RT_OK)
        return status;
    wick_record same = engine->record;
    return wick_engine_commit(engine, &same);
}
