/* The second simulator: the runtime's engine and kernels on an emulated NVM. The port pays for what
   it is asked to do, item by item; where the energy ends it leaves the call by longjmp, and nothing
   of the engine's state survives but the NVM. */
#include "sim/span_run.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

typedef struct firmware {
    program *app;
    const wick_sim_firmware *given;
    const wick_model *model;
    wick_engine engine;
    wick_port port;
    int8_t *nvm, *scratch;
    void *app_bytes;  /* the application's variables: none of the simulator's business */
    uint8_t *correct; /* [modules][n_samples] by the logits */
    jmp_buf power;
    world_outcome ended;    /* how the world left a call */
    int item;               /* what the unit at hand pays next; of open work: LOOSE and records
                               apart */
    bool open;              /* the unit at hand are spans that await a commit */
    int span;               /* the last of them so far, of the model */
    int first_step, step;   /* the first of them all; the one that is paid for next */
    int reads;              /* of operands that the engine did and nobody has paid for yet */
    bool reading;           /* the voltage was asked for before the first of them */
    bool free_of_charge;    /* while the memory is formatted in the factory */
    wick_rng garbage;       /* what a cut write leaves */
    wick_rt_status failure; /* of the engine; OK = none */
    bool divided;           /* the engine divides spans: a charge did not carry one */
} firmware;

static void live_or_die(firmware *f, world_outcome outcome) {
    f->ended = outcome;
    if (outcome != WORLD_DONE)
        longjmp(f->power, 1);
}

/* Pays the unit's next item, or dies. */
static void pay(firmware *f) {
    int item = f->item++;
    live_or_die(f, world_run(&f->app->world, item, item + 1, false));
}

/* Has this boot computed the output of step `producer` of the segment in work, by the engine's own
   state? The engine counts steps along the module's chain, the plan along the model; where every
   module begins with the extractor, the chain's first steps are the extractor's. */
static bool is_resident(const firmware *f, int producer) {
    const wick_model *m = f->model;
    int side = work_side(m, work_number(m, f->app->segment, producer)), chain = producer;
    if (side == 1 || wick_recomputes(m))
        chain -= (int)wick_chain_base(m, (unsigned)f->app->segment);
    return chain >= f->engine.from[side];
}

/* Pays for the open work up to step `end`: what the engine reads of what this boot did not compute
   (by the engine's own state), and the steps. The port does not see them one by one, so they are
   paid for when it is asked for something next: until then nothing but SRAM has changed. */
static void pay_steps(firmware *f, int end) {
    world *w = &f->app->world;
    const work_items *work = &w->work;
    const wick_model *m = f->model;
    for (; f->step < end; f->step++) {
        int item = work->step_item[f->step];
        f->reads -= m->layers[m->steps[f->step].layer].n_operands;
        for (int r = work->reload_first[f->step]; r < work->reload_first[f->step + 1]; r++) {
            if (is_resident(f, w->plan->reloads[r].producer))
                f->reads++;
            else
                live_or_die(f, world_run_loose(w, item, work->reload_item[r]));
        }
        live_or_die(f, world_run_open(w, item, item + 1, item + 1, 0));
        f->item = item + 1;
    }
    if (f->reads && !f->port.nvm_mapped)
        f->failure = WICK_RT_PORT; /* it read more, or less, than it is charged for */
}

static int end_of_span(const firmware *f) {
    const wick_span *span = &f->model->spans[f->span];
    return span->first_step + span->n_steps;
}

/* A write of open work: the output of the next step that does not leave it in SRAM, or, when all
   steps are done, what a commit needs in NVM. */
static void pay_write(firmware *f, uint32_t offset, uint32_t bytes) {
    world *w = &f->app->world;
    const wick_model *m = f->model;
    int end = end_of_span(f);
    for (int k = f->step; k < end; k++) {
        const wick_layer *layer = &m->layers[m->steps[k].layer];
        const wick_place *place = &m->tensors[layer->dst];
        uint32_t size = wick_out_size(layer);
        if (place->sram != WICK_NO_SRAM)
            continue;
        if (offset != place->offset + m->steps[k].first * size || bytes != m->steps[k].count * size)
            f->failure = WICK_RT_PORT;
        pay_steps(f, k + 1);
        return;
    }
    pay_steps(f, end);
    for (int k = f->first_step; k < end; k++) {
        const wick_place *place = &m->tensors[m->layers[m->steps[k].layer].dst];
        if (place->sram != WICK_NO_SRAM && w->plan->stores[k].last_reader >= end &&
            place->offset == offset) {
            live_or_die(f, world_run_loose(w, f->item, w->work.store_item[k]));
            return;
        }
    }
    f->failure = WICK_RT_PORT; /* no write that the plan knows */
}

/* A record: the last item of the unit, or a commit by itself. A review that gives the module in
   work up commits no work. */
static void pay_commit(firmware *f, const uint8_t *record) {
    enum { SEGMENT_AT = 22, PHASE_AT = 23 }; /* nvm.h */
    world *w = &f->app->world;
    if (f->open && (record[SEGMENT_AT] != f->app->segment || record[PHASE_AT] == WICK_PHASE_IDLE))
        f->open = false;
    if (!f->app->taken) {
        pay(f);
        return;
    }
    if (f->open)
        pay_steps(f, end_of_span(f));
    const work_sequence *commit = &w->work.sequence[WORK_DECIDE];
    world_outcome outcome = world_run(w, commit->first, commit->end, false);
    if (f->open)
        world_close(w, f->item, outcome != WORLD_FAILED);
    live_or_die(f, outcome);
}

static int nvm_read(void *ctx, uint32_t offset, void *dst, uint32_t bytes) {
    firmware *f = ctx;
    if (offset > f->model->nvm_bytes || bytes > f->model->nvm_bytes - offset)
        return -1;
    memcpy(dst, f->nvm + offset, bytes);
    f->reads++;
    return 0;
}

static bool is_record(const wick_model *m, uint32_t offset) {
    return offset == m->record_offset[0] || offset == m->record_offset[1];
}

/* Records, the input and what a step computes are paid for one by one. Variables, tally and stamp
   are in the price of the boot and of taking an input. */
static bool priced(const firmware *f, uint32_t offset) {
    const wick_model *m = f->model;
    const wick_place *place = &m->tensors[m->input_tensor];
    if (f->free_of_charge)
        return false;
    if (is_record(m, offset))
        return true;
    uint32_t into_input = offset - place->offset;
    bool in_input = into_input < 2 * place->stride;
    if (in_input && m->stamp_offset)
        return into_input % place->stride != m->stamp_offset;
    for (int t = 0; t < m->n_tensors; t++)
        if (offset - m->tensors[t].offset < m->tensors[t].bytes)
            return true;
    return in_input;
}

/* The bytes are garbage until they are paid for: a cut leaves that. */
static int nvm_write(void *ctx, uint32_t offset, const void *src, uint32_t bytes) {
    firmware *f = ctx;
    if (offset > f->model->nvm_bytes || bytes > f->model->nvm_bytes - offset)
        return -1;
    if (priced(f, offset)) {
        for (uint32_t i = 0; i < bytes; i++)
            f->nvm[offset + i] = (int8_t)wick_rng_next(&f->garbage);
        if (is_record(f->model, offset))
            pay_commit(f, src);
        else if (f->open)
            pay_write(f, offset, bytes);
        else
            pay(f);
    }
    memcpy(f->nvm + offset, src, bytes);
    return 0;
}

static int nvm_barrier(void *ctx) {
    (void)ctx;
    return 0;
}

static int deliver(void *ctx, const wick_result *result) {
    firmware *f = ctx;
    program *p = f->app;
    int k = result->module;
    if (p->world.work.send[k] < p->world.work.sequence[k].end)
        pay(f);
    f->correct[(k - 1) * p->n_samples + p->now.sample] =
        result->label == f->given->labels[p->now.sample];
    program_answer(p, k);
    return 0;
}

/* Asked before the first of the open spans (shall it wait?) and between two of them (shall the next
   one join?). */
static uint32_t capacitor_mv(void *ctx) {
    firmware *f = ctx;
    if (f->open && f->reading)
        pay_steps(f, end_of_span(f));
    uint32_t mv = world_capacitor_mv(&f->app->world);
    if (f->open && f->reading && mv && mv >= f->model->spans[f->span + 1].need_mv)
        f->span++;
    f->reading = true;
    return mv;
}

static wick_situation situation(void *ctx) {
    return program_situation(((firmware *)ctx)->app);
}

/* What stands in NVM now. */
static void look_at_record(firmware *f) {
    program *p = f->app;
    const wick_record *record = &f->engine.record;
    p->taken = true;
    p->phase = (wick_phase)record->phase;
    p->segment = record->segment;
    p->progress[record->segment] = record->span;
}

static wick_rt_status boot_engine(firmware *f) {
    f->engine = (wick_engine){.situation = situation,
                              .situation_ctx = f,
                              .app = f->app_bytes,
                              .eager = f->app->world.options->no_voltage};
    memset(f->scratch, 0x5a, f->model->scratch_bytes);
    return wick_engine_boot(&f->engine, f->model, &f->port, &f->app->world.options->policy,
                            f->scratch, f->model->scratch_bytes);
}

static world_outcome boot(program *p) {
    firmware *f = p->engine->ctx;
    if (setjmp(f->power))
        return f->ended;
    wick_rt_status status = boot_engine(f);
    if (status != WICK_RT_IDLE && status != WICK_RT_RESUMED)
        f->failure = status;
    f->divided = f->engine.split != 0;
    return f->failure == WICK_RT_OK && !f->divided ? WORLD_DONE : WORLD_OVER;
}

/* First item of the unit that the engine's next step runs. */
static int unit_of(const program *p) {
    const work_items *work = &p->world.work;
    if (!p->taken)
        return work->sequence[0].first;
    switch (p->phase) {
    case WICK_PHASE_RUN:
        return work->span_first[p->world.plan->model.segments[p->segment].first_span +
                                p->progress[p->segment]];
    case WICK_PHASE_PUBLISH:
        return work->send[p->segment];
    case WICK_PHASE_DECIDE:
    case WICK_PHASE_IDLE:
        break;
    }
    return work->sequence[WORK_DECIDE].first;
}

static wick_rt_status take(firmware *f) {
    program *p = f->app;
    uint32_t bytes = f->model->tensors[f->model->input_tensor].bytes;
    if (p->world.options->workload.sense_us > 0)
        pay(f);
    return wick_engine_submit(&f->engine, f->given->inputs + (size_t)p->now.sample * bytes, bytes,
                              NULL);
}

static void begin_open(firmware *f) {
    program *p = f->app;
    f->open = p->taken && p->phase == WICK_PHASE_RUN;
    f->reading = p->world.options->no_voltage;
    f->reads = 0;
    if (!f->open)
        return;
    f->span = f->model->segments[p->segment].first_span + p->progress[p->segment];
    f->first_step = f->step = f->model->spans[f->span].first_step;
    if (f->engine.extracted && wick_recomputes(f->model) && p->progress[p->segment] == 0) {
        f->step += f->model->extractor_steps; /* it goes on behind what is in SRAM */
        while (end_of_span(f) <= f->step)
            f->span++;
        f->item = p->world.work.step_item[f->step];
    }
    world_open(&p->world, f->item);
}

static world_outcome work(program *p) {
    firmware *f = p->engine->ctx;
    f->item = unit_of(p);
    begin_open(f);
    if (setjmp(f->power))
        return f->ended;
    const wick_phase phase = p->phase;
    const int segment = p->segment;
    const bool taken = p->taken;
    wick_rt_status status = p->taken ? wick_engine_step(&f->engine) : take(f);
    if (status < 0 || f->failure != WICK_RT_OK) {
        f->failure = status < 0 ? status : f->failure;
        return WORLD_OVER;
    }
    if (status == WICK_RT_OFF)
        return program_switch_off(p, p->world.now_s);
    if (status == WICK_RT_WAIT)
        return world_sleep(&p->world, p->world.now_s + p->world.options->wait_s);
    look_at_record(f);
    bool given_up =
        phase == WICK_PHASE_RUN && (p->segment != segment || p->phase == WICK_PHASE_IDLE);
    if (taken && (phase == WICK_PHASE_DECIDE || given_up))
        program_decided(p, p->segment);
    return WORLD_DONE;
}

static bool rests(program *p) {
    const firmware *f = p->engine->ctx;
    return wick_engine_rests(&f->engine);
}

static wick_status make_memory(firmware *f, const wick_sim_options *options, wick_diag *diag) {
    size_t nvm = f->model->nvm_bytes, scratch = f->model->scratch_bytes;
    f->nvm = wick_try_alloc(nvm + 1);
    f->scratch = wick_try_alloc(scratch + 1);
    f->app_bytes = wick_try_alloc((size_t)f->model->app_bytes + 1);
    if (!f->nvm || !f->scratch || !f->app_bytes)
        return wick_fail(diag, WICK_MEMORY, NULL, NULL, NULL, "no memory for %zu bytes of NVM",
                         nvm);
    f->port = (wick_port){.ctx = f,
                          .nvm_read = nvm_read,
                          .nvm_write = nvm_write,
                          .nvm_barrier = nvm_barrier,
                          .result = deliver};
    if (!options->no_voltage)
        f->port.capacitor_mv = capacitor_mv;
    if (f->app->world.plan->device->nvm.mapped)
        f->port.nvm_mapped = f->nvm;
    return WICK_OK;
}

/* As it leaves the factory: formatted, before the first charge. */
static wick_status format(firmware *f, const wick_sim_options *options, wick_diag *diag) {
    f->app->world.options = options;
    f->free_of_charge = true;
    wick_rt_status status = boot_engine(f);
    f->free_of_charge = false;
    if (status == WICK_RT_FRESH)
        return WICK_OK;
    return wick_fail(diag, WICK_MISMATCH, NULL, "firmware", "emit and compile the model again",
                     "the engine does not accept the model (status %d)", (int)status);
}

static wick_status check_model(const wick_plan *plan, const wick_model *model,
                               const wick_sim_options *options, wick_diag *diag) {
    const wick_model *own = &plan->model;
    if (options->control)
        return wick_fail(diag, WICK_UNSUPPORTED, NULL, "control", "use the fast simulator",
                         "firmware decides by its policy");
    if (model->id[0] != own->id[0] || model->id[1] != own->id[1] ||
        model->n_spans != own->n_spans || model->n_steps != own->n_steps ||
        model->n_modules != own->n_modules || model->input_tensor != own->input_tensor)
        return wick_fail(diag, WICK_MISMATCH, plan->model_path, "firmware",
                         "emit it from this plan", "the model was emitted from another plan");
    return WICK_OK;
}

wick_status wick_sim_run_firmware(const wick_plan *plan, const wick_sim_firmware *given,
                                  const wick_trace *trace, const wick_sim_options *options,
                                  const uint8_t *correct, int n_samples, wick_sim_result *result,
                                  wick_diag *diag) {
    *result = (wick_sim_result){0};
    program app = {.world = {.plan = plan}};
    firmware f = {.app = &app,
                  .given = given,
                  .model = given->model ? given->model : &plan->model,
                  .garbage = wick_rng_seed(options->seed, 0x6e766d)};
    const program_engine engine = {.boot = boot, .work = work, .rests = rests, .ctx = &f};
    WICK_TRY(check_model(plan, f.model, options, diag));
    size_t answers = (size_t)plan->model.n_modules * (size_t)n_samples;
    wick_status status = make_memory(&f, options, diag);
    f.correct = wick_try_alloc(answers + 1);
    if (status == WICK_OK && !f.correct)
        status = wick_fail(diag, WICK_MEMORY, NULL, NULL, NULL, "no memory");
    if (status == WICK_OK)
        status = format(&f, options, diag);
    if (status == WICK_OK) {
        memcpy(f.correct, correct, answers);
        status =
            program_run(&app, plan, trace, options, f.correct, n_samples, &engine, result, diag);
    }
    if (status == WICK_OK && f.failure != WICK_RT_OK)
        status = wick_fail(diag, WICK_MISMATCH, plan->model_path, "firmware", NULL,
                           "the engine reports status %d at %.6f s", (int)f.failure,
                           result->simulated_s);
    if (status == WICK_OK && f.divided)
        status = wick_fail(diag, WICK_NO_FIT, plan->model_path, "firmware",
                           "plan for this capacitor, its series resistance and its thresholds",
                           "at %.6f s the engine begins to divide spans, because a charge did not "
                           "carry one: the plan has no costs for that",
                           result->simulated_s);
    free(f.nvm);
    free(f.scratch);
    free(f.app_bytes);
    free(f.correct);
    return status;
}
