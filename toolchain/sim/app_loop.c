#include "sim/app_loop.h"

#include "sim/sim_check.h"

#include <limits.h>
#include <math.h>
#include <string.h>

double program_deadline_s(const program *p) {
    return p->now.arrival_s + p->world.options->workload.deadline_s;
}

void program_answer(program *p, int module) {
    wick_sim_result *r = p->world.result;
    uint8_t bit = (uint8_t)(1u << (module - 1));
    if (p->answered & bit)
        return; /* delivered once more after a power failure: the receiver knows its number */
    double latency_s = p->world.now_s - p->now.arrival_s;
    if (!p->answered) {
        r->answers++;
        p->latency_sum_s += latency_s;
    }
    p->answered |= bit;
    r->answers_by_module[module]++;
    if (latency_s <= p->world.options->workload.deadline_s)
        p->in_time = module;
    world_event(&p->world, WICK_EVENT_ANSWER, module, p->now.id);
}

void program_forget(program *p, bool extractor_too) {
    if (extractor_too) {
        p->from[0] = INT_MAX;
        p->extracted = false;
    }
    p->from[1] = INT_MAX;
    p->begun = false;
}

void program_decided(program *p, int module) {
    p->phase = module ? WICK_PHASE_RUN : WICK_PHASE_IDLE;
    p->segment = module;
    if (!p->world.options->control) /* a control's modules keep their spans */
        p->progress[module] = 0;
    program_forget(p, false);
    if (module)
        world_event(&p->world, WICK_EVENT_MODULE, module, p->now.id);
}

/* The input is finished or given up. */
static void retire(program *p, int *reason) {
    wick_sim_result *r = p->world.result;
    if (!p->answered)
        world_missed(&p->world, &p->now, reason);
    if (p->in_time) {
        r->in_time++;
        r->correct_in_time += p->correct[(p->in_time - 1) * p->n_samples + p->now.sample] != 0;
        double expected = p->accuracy[p->in_time];
        if (p->sure)
            expected = sure_scores_expected(p->sure, p->answered, p->in_time, p->now.sample);
        r->expected_in_time += expected;
        r->urgent_in_time += p->now.urgent;
        r->urgent_expected += p->now.urgent ? expected : 0;
    }
    p->now = (input){.id = -1};
    p->taken = false;
    p->answered = 0;
    p->in_time = 0;
    p->world.in_work = false;
}

static void begin(program *p, input in) {
    p->now = in;
    p->age_known = true;
    p->segment = 0;
    memset(p->progress, 0, sizeof p->progress);
    p->world.in_work = true;
}

/* The next input that is worth beginning. */
static void take_next(program *p) {
    world *w = &p->world;
    for (;;) {
        input in = arrivals_take(&w->arrivals);
        if (in.id < 0)
            return;
        if (w->now_s < in.arrival_s + w->options->workload.deadline_s) {
            begin(p, in);
            return;
        }
        world_missed(w, &in, &w->result->expired);
    }
}

static bool stale(const program *p) {
    const wick_workload *load = &p->world.options->workload;
    if (load->fresh_s <= 0 || !p->taken || p->phase != WICK_PHASE_DECIDE)
        return false;
    return !p->age_known || p->world.now_s - p->now.arrival_s > load->fresh_s;
}

void program_look_around(program *p) {
    world *w = &p->world;
    wick_sim_result *r = w->result;
    w->arrived = false;
    if (p->now.id >= 0 && p->taken && p->phase == WICK_PHASE_IDLE)
        retire(p, NULL);
    if (p->now.id >= 0 && w->options->workload.rule == WICK_INPUT_REPLACE && w->arrivals.n_waiting)
        retire(p, &r->dropped);
    if (p->now.id >= 0 && stale(p))
        retire(p, &r->stale);
    if (p->now.id < 0)
        take_next(p);
    w->event_input = p->now.id;
    w->event_segment = p->segment;
}

/* Exits answer in their order: the next one on the way to `module`. */
static int on_the_way(const program *p, int module) {
    const wick_model *m = &p->world.plan->model;
    int k = m->chain ? m->n_modules : module;
    while (k > module && p->answered >> (k - 1) & 1)
        k--;
    return k;
}

world_outcome program_switch_off(program *p, double until_s) {
    p->world.powered = p->world.booted = false;
    p->age_known = p->world.options->workload.clock_survives;
    p->off_until_s = until_s;
    return WORLD_PAUSED;
}

wick_sim_state program_state(const program *p) {
    const world *w = &p->world;
    wick_sim_state state = {.now_s = w->now_s,
                            .energy_uj = w->store.energy_uj,
                            .arrival_s = p->now.arrival_s,
                            .deadline_s = p->now.id >= 0 ? program_deadline_s(p) : INFINITY,
                            .input = p->now.id,
                            .waiting = w->arrivals.n_waiting,
                            .warm = p->warm,
                            .taken = p->taken,
                            .features = p->taken && (p->segment > 0 || p->phase != WICK_PHASE_RUN),
                            .answered = p->answered,
                            .waits = p->highest_mv != 0,
                            .segment = p->segment};
    memcpy(state.progress, p->progress, sizeof state.progress);
    for (int i = 0; i < state.waiting; i++)
        state.waiting_s[i] = w->arrivals.waiting[i].arrival_s;
    return state;
}

wick_situation program_situation(const program *p) {
    wick_situation s = world_situation(&p->world, program_deadline_s(p), p->answered);
    s.urgent = p->now.id >= 0 && p->now.urgent;
    return s;
}

/* Asks the control. DONE: go on with the unit at hand. */
static world_outcome control(program *p) {
    world *w = &p->world;
    world_outcome outcome;
    wick_sim_state state = program_state(p);
    wick_sim_action action = w->options->control->act(w->options->control->ctx, &state);
    switch (action.kind) {
    case WICK_SIM_SLEEP:
        outcome = world_sleep(w, action.until_s);
        return outcome == WORLD_DONE ? WORLD_PAUSED : outcome;
    case WICK_SIM_OFF:
        return program_switch_off(p, action.until_s);
    case WICK_SIM_DROP:
        if (p->now.id >= 0)
            retire(p, &w->result->dropped);
        return WORLD_PAUSED;
    case WICK_SIM_MODULE:
        p->wanted = on_the_way(p, action.module);
        break;
    case WICK_SIM_GO_ON:
        p->wanted = 0;
        break;
    }
    int segment = !state.features ? 0 : p->wanted ? p->wanted : p->segment;
    p->span_end = action.spans > 0 ? p->progress[segment] + action.spans : 0;
    return WORLD_DONE;
}

/* From an empty supply line to the running program. */
static world_outcome come_up(program *p) {
    world *w = &p->world;
    const work_sequence *boot = &w->work.sequence[WORK_BOOT_SEQUENCE];
    world_outcome outcome = world_charge(w, p->off_until_s);
    if (outcome == WORLD_DONE)
        outcome = world_run(w, boot->first, boot->end, false);
    if (outcome == WORLD_DONE) {
        w->booted = true;
        p->warm = false;
        p->patience = 0;
        p->highest_mv = 0;
        program_forget(p, true);
        if (p->engine->boot)
            outcome = p->engine->boot(p);
    }
    return outcome;
}

world_outcome program_turn(program *p) {
    world *w = &p->world;
    if (!w->powered)
        return come_up(p);
    program_look_around(p);
    if (w->options->control) {
        world_outcome outcome = control(p);
        if (outcome != WORLD_DONE)
            return outcome;
    }
    if (p->now.id >= 0)
        return p->engine->work(p);
    if (!w->options->control && p->engine->rests(p))
        return program_switch_off(p, w->now_s);
    return world_sleep(w, INFINITY);
}

void program_close(program *p) {
    world *w = &p->world;
    double deadline_s = w->options->workload.deadline_s;
    if (p->now.id >= 0 && (p->answered || w->now_s - p->now.arrival_s >= deadline_s))
        retire(p, NULL);
    for (input in = arrivals_take(&w->arrivals); in.id >= 0; in = arrivals_take(&w->arrivals))
        if (w->now_s - in.arrival_s >= deadline_s)
            world_missed(w, &in, &w->result->expired);
    world_end(w);
    int answers = w->result->answers;
    w->result->mean_latency_s = answers ? p->latency_sum_s / answers : NAN;
}

static void measure_accuracies(program *p, int n_modules) {
    for (int k = 1; k <= n_modules; k++) {
        int right = 0;
        for (int s = 0; s < p->n_samples; s++)
            right += p->correct[(k - 1) * p->n_samples + s] != 0;
        p->accuracy[k] = (double)right / p->n_samples;
    }
}

wick_status program_begin(program *p, wick_arena *arena, const wick_plan *plan,
                          const wick_trace *trace, const wick_sim_options *options,
                          const uint8_t *correct, int n_samples, const program_engine *engine,
                          wick_sim_result *result, wick_diag *diag) {
    *result = (wick_sim_result){0};
    WICK_TRY(sim_check(plan, trace, options, n_samples, diag));
    *p = (program){.engine = engine, .correct = correct, .n_samples = n_samples, .now = {.id = -1}};
    WICK_TRY(world_begin(&p->world, arena, plan, trace, options, n_samples, result, diag));
    measure_accuracies(p, plan->model.n_modules);
    p->sure = sure_scores_begin(arena, options, correct, n_samples, plan->model.n_modules);
    return WICK_OK;
}

wick_status program_run(program *p, const wick_plan *plan, const wick_trace *trace,
                        const wick_sim_options *options, const uint8_t *correct, int n_samples,
                        const program_engine *engine, wick_sim_result *result, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    world *w = &p->world;
    wick_status status =
        program_begin(p, arena, plan, trace, options, correct, n_samples, engine, result, diag);
    if (status == WICK_OK) {
        wick_progress progress;
        wick_progress_begin(&progress, "simulating", "s", (uint64_t)w->end_s);
        progress.enabled = progress.enabled && !options->quiet;
        world_outcome outcome = WORLD_DONE;
        for (unsigned turns = 0; outcome != WORLD_OVER && status == WICK_OK; turns++) {
            outcome = program_turn(p);
            if (outcome == WORLD_FAILED)
                p->age_known = options->workload.clock_survives;
            if (turns % 256 == 0)
                wick_progress_update(&progress, (uint64_t)w->now_s);
            if (wick_stop_requested())
                status = wick_fail(diag, WICK_INTERRUPTED, NULL, NULL, NULL, "interrupted");
        }
        wick_progress_end(&progress);
        program_close(p);
    }
    wick_arena_free(arena);
    return status;
}
