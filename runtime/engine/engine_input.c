/* SPDX-License-Identifier: 0BSD */
/* Taking an input, and how old it is. */
#include <stddef.h>

#include <wick/engine_parts.h>

static int clock_ms(const wick_engine *engine, uint32_t *ms) {
    const wick_port *port = engine->port;
    return port->time_ms != NULL && port->time_ms(port->ctx, ms) != 0;
}

uint32_t wick_engine_stamp_place(const wick_engine *engine, uint32_t epoch) {
    return wick_engine_place(engine, engine->model->input_tensor, epoch) +
           engine->model->stamp_offset;
}

/* A stamp that cannot be read is one of unknown age, with the window that this firmware sets. */
void wick_engine_load_stamp(wick_engine *engine) {
    engine->stamp = (wick_stamp){0, engine->window_ms, 0};
    if (engine->model->stamp_offset == 0 || engine->record.epoch == 0)
        return;
    wick_stamp stamp;
    wick_rt_status status = wick_stamp_load(
        engine->port, wick_engine_stamp_place(engine, engine->record.epoch), &stamp);
    if (status != WICK_RT_OK) {
        wick_engine_fault(engine, status);
        return;
    }
    engine->stamp = stamp;
    /* A clock that is behind the stamp now may have passed it when it is asked again. */
    if (wick_engine_age_ms(engine) == UINT32_MAX)
        engine->stamp.known = 0;
}

uint32_t wick_engine_age_ms(const wick_engine *engine) {
    uint32_t now;
    if (!engine->stamp.known || !clock_ms(engine, &now))
        return UINT32_MAX;
    uint32_t age = now - engine->stamp.time_ms;           /* modulo 2^32 */
    return age < UINT32_C(0x80000000) ? age : UINT32_MAX; /* the clock jumped back */
}

/* Within the boot that took the input nothing was interrupted: without a clock it counts as fresh.
 */
int wick_engine_stale(const wick_engine *engine) {
    if (engine->stamp.window_ms == 0)
        return 0;
    uint32_t age = wick_engine_age_ms(engine);
    if (age == UINT32_MAX)
        return !engine->trust_unknown && !(engine->taken_now && !engine->stamp.known);
    return age > engine->stamp.window_ms;
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
    int dropped = next.phase != WICK_PHASE_IDLE && next.modules_sent == 0;
    next.epoch++;
    if (next.epoch == 0)
        next.epoch = 2; /* 0 means none yet, and the parity must change */
    wick_stamp stamp = {0, engine->window_ms, 0};
    stamp.known = (uint8_t)clock_ms(engine, &stamp.time_ms);
    uint32_t offset = wick_engine_place(engine, model->input_tensor, next.epoch);
    if (engine->port->nvm_write(engine->port->ctx, offset, input, bytes) != 0)
        return wick_engine_fault(engine, WICK_RT_NVM);
    if (model->stamp_offset != 0) {
        status =
            wick_stamp_store(engine->port, wick_engine_stamp_place(engine, next.epoch), &stamp);
        if (status != WICK_RT_OK)
            return wick_engine_fault(engine, status);
    }
    next.segment = 0;
    next.span = next.step = 0;
    next.outputs = 0;
    next.phase = model->segments[0].n_spans ? WICK_PHASE_RUN : WICK_PHASE_DECIDE;
    next.modules_done = 0;
    next.modules_sent = 0;
    if (dropped) {
        engine->counters.dropped++;
        engine->vars_changed = 1;
    }
    status = wick_engine_commit(engine, &next);
    if (status != WICK_RT_OK) {
        engine->counters.dropped -= (uint32_t)dropped; /* counted when it is repeated */
        return status;
    }
    engine->stamp = stamp;
    engine->taken_now = 1;
    wick_engine_forget(engine, 1);
    if (epoch)
        *epoch = next.epoch;
    return WICK_RT_OK;
}
