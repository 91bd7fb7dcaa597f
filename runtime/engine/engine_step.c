/* SPDX-License-Identifier: 0BSD */
/* One engine step: a span, a decision or a delivery, each ending in one commit. */
#include <stddef.h>

#include <wick/engine_parts.h>
#include <wick/kernels.h>

/* What the policy says now, of the decision at hand or of the module in work. */
static uint8_t ask(const wick_engine *engine) {
    const wick_model *model = engine->model;
    const wick_record *record = &engine->record;
    wick_situation situation = {.charge_uj = UINT32_MAX,
                                .full_uj = UINT32_MAX,
                                .harvest_uw = UINT32_MAX,
                                .time_left_ms = UINT32_MAX};
    if (engine->situation)
        situation = engine->situation(engine->situation_ctx);
    situation.modules_done = engine->record.modules_done;
    uint32_t age = wick_engine_age_ms(engine), window = engine->stamp.window_ms;
    if (window != 0 && age != UINT32_MAX && situation.time_left_ms > window - age)
        situation.time_left_ms = window - age; /* not stale: age <= window */
    situation.working = situation.extracting = 0;
    if (record->phase == WICK_PHASE_RUN) {
        const wick_segment *segment = &model->segments[record->segment];
        situation.working = record->segment;
        situation.extracting = record->segment == 0;
        situation.left_nj =
            segment->energy_nj / segment->n_spans * (uint32_t)(segment->n_spans - record->span);
    }
    return wick_policy_choose(engine->policy, model, &situation);
}

static void end_input(wick_record *record) {
    record->phase = WICK_PHASE_IDLE;
    record->span = record->step = 0;
    record->outputs = 0;
}

/* Commits the policy's answer; nothing else happens before the next step. To wait, or to be off, is
   nothing that a replay must repeat. A boot that has done no work yet waits instead of going off:
   the next one would begin as this one did, and so for ever. */
static wick_rt_status decide(wick_engine *engine, uint8_t module) {
    const wick_model *model = engine->model;
    wick_record next = engine->record;
    if (module == WICK_POLICY_OFF && engine->warm)
        return WICK_RT_OFF;
    if (module >= WICK_POLICY_OFF)
        return WICK_RT_WAIT;
    next.span = next.step = 0;
    next.outputs = 0;
    next.segment = module;
    next.phase = module ? WICK_PHASE_RUN : WICK_PHASE_IDLE;
    if (module > model->n_modules)
        return WICK_RT_ARGUMENT;
    wick_rt_status status = wick_engine_commit(engine, &next);
    if (status != WICK_RT_OK)
        return status;
    wick_engine_forget(engine, 0);
    return module ? WICK_RT_BUSY : WICK_RT_IDLE;
}

static uint16_t argmax(const wick_result *result) {
    uint16_t best = 0;
    for (uint16_t i = 1; i < result->n_classes; i++)
        if (wick_result_logit(result, i) > wick_result_logit(result, best))
            best = i;
    return best;
}

/* Delivers the finished module's result, then commits that; of a sure answer also that nothing more
   is done for the input. A cut in between delivers it again, and is as sure. */
static wick_rt_status publish(wick_engine *engine) {
    const wick_model *model = engine->model;
    const wick_port *port = engine->port;
    uint8_t module = engine->record.segment;
    uint32_t offset =
        wick_engine_place(engine, model->segments[module].result, engine->record.epoch);
    uint32_t bytes = wick_logit_bytes(model, module);
    wick_result result = {engine->record.epoch,       module, 0,   model->n_classes,
                          wick_engine_age_ms(engine), NULL,   NULL};
    const int8_t *logits;
    if (port->nvm_mapped) {
        logits = port->nvm_mapped + offset;
    } else {
        int8_t *copy = engine->scratch + model->arena_bytes;
        if (engine->scratch_bytes < model->arena_bytes + bytes)
            return WICK_RT_ARGUMENT;
        if (port->nvm_read(port->ctx, offset, copy, bytes) != 0)
            return wick_engine_fault(engine, WICK_RT_NVM);
        logits = copy;
    }
    if (model->segments[module].wide)
        result.wide_logits = (const int16_t *)(const void *)logits;
    else
        result.logits = logits;
    result.label = argmax(&result);
    if (port->result(port->ctx, &result) != 0)
        return wick_engine_fault(engine, WICK_RT_PORT);
    wick_record next = engine->record;
    next.modules_sent |= (uint8_t)(1u << (module - 1u));
    next.phase = WICK_PHASE_DECIDE;
    if (wick_policy_sure(engine->policy, module, wick_result_margin(&result)))
        end_input(&next);
    wick_rt_status status = wick_engine_commit(engine, &next);
    return status == WICK_RT_OK ? WICK_RT_RESULT : status;
}

/* The input is too old for any more work. What was answered is answered; otherwise it is dropped.
 */
static wick_rt_status give_up(wick_engine *engine) {
    wick_record next = engine->record;
    int answered = next.modules_sent != 0;
    end_input(&next);
    if (!answered) {
        engine->counters.dropped++;
        engine->vars_changed = 1;
    }
    wick_rt_status status = wick_engine_commit(engine, &next);
    if (status != WICK_RT_OK) {
        engine->counters.dropped -= !answered; /* counted when it is repeated */
        return status;
    }
    return answered ? WICK_RT_IDLE : WICK_RT_DROPPED;
}

wick_rt_status wick_engine_step(wick_engine *engine) {
    wick_rt_status status = wick_engine_ready(engine);
    if (status != WICK_RT_OK)
        return status;
    wick_phase phase = (wick_phase)engine->record.phase;
    /* An answer that is complete goes out with its age, however old. */
    if ((phase == WICK_PHASE_RUN || phase == WICK_PHASE_DECIDE) && wick_engine_stale(engine))
        return give_up(engine);
    switch (phase) {
    case WICK_PHASE_RUN:
        if (wick_policy_reviews(engine->policy)) {
            uint8_t choice = ask(engine), segment = engine->record.segment;
            int goes_on = segment ? choice == segment : choice && choice < WICK_POLICY_OFF;
            if (!goes_on)
                return decide(engine, choice);
        }
        return wick_engine_run_span(engine);
    case WICK_PHASE_DECIDE:
        return decide(engine, ask(engine));
    case WICK_PHASE_PUBLISH:
        return publish(engine);
    case WICK_PHASE_IDLE:
        break;
    }
    return WICK_RT_IDLE;
}

int wick_engine_rests(const wick_engine *engine) {
    if (!engine->warm || engine->situation == NULL)
        return 0;
    wick_situation situation = engine->situation(engine->situation_ctx);
    return wick_policy_rests(engine->policy, &situation);
}

wick_rt_status wick_engine_run(wick_engine *engine) {
    const wick_port *port = engine->port;
    for (;;) {
        wick_rt_status status = wick_engine_step(engine);
        int pauses = status == WICK_RT_WAIT || status == WICK_RT_OFF;
        if (status == WICK_RT_OFF && engine->power_off != NULL)
            engine->power_off(engine->situation_ctx);
        if (pauses && port->sleep != NULL)
            port->sleep(port->ctx, engine->wait_ms ? engine->wait_ms : 1000u);
        else if (status != WICK_RT_BUSY && status != WICK_RT_RESULT)
            return status;
    }
}
