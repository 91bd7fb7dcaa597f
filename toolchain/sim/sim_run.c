/* The event loop: harvest samples, arrivals, thresholds of the store and the ends of activities are
   the events; between two of them every power is constant and the store advances in closed form. */
#include "sim/sim_loop.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static const double HARVEST_MEMORY_S = 10; /* time constant of the policy's running mean */

wick_sim_options wick_sim_defaults(void) {
    return (wick_sim_options){.period_s = 60,
                              .deadline_s = 60,
                              .start_v = -1,
                              .policy = {.kind = WICK_POLICY_GREEDY},
                              .seed = 1};
}

void wick_sim_free(wick_sim_result *result) {
    free(result->events);
    result->events = NULL;
    result->n_events = 0;
}

void sim_event(sim_loop *loop, wick_event_kind kind, int module) {
    if (!loop->options->record)
        return;
    wick_sim_result *r = loop->result;
    if (r->n_events == loop->cap_events) {
        loop->cap_events = loop->cap_events ? 2 * loop->cap_events : 1024;
        r->events = wick_xrealloc(r->events, (size_t)loop->cap_events * sizeof *r->events);
    }
    r->events[r->n_events++] = (wick_event){.time_s = loop->now_s,
                                            .voltage = store_voltage(&loop->store),
                                            .kind = kind,
                                            .module = module,
                                            .input = loop->input};
    loop->last_event_s = loop->now_s;
}

/* ---- harvest ---- */

static double trace_power_uw(const sim_loop *loop) {
    return loop->trace->power_uw[loop->trace_at];
}

static double next_sample_s(const sim_loop *loop) {
    const wick_trace *t = loop->trace;
    double end = loop->trace_at + 1 < t->n ? t->time_s[loop->trace_at + 1] : t->end_s;
    return loop->trace_offset_s + end;
}

static void next_sample(sim_loop *loop) {
    if (++loop->trace_at == loop->trace->n) {
        loop->trace_at = 0;
        loop->trace_offset_s += loop->trace->end_s;
    }
}

/* ---- activities ---- */

static void begin(sim_loop *loop, activity what, wick_cost cost) {
    double time_s = cost.time_us * 1e-6;
    loop->activity = what;
    loop->left_s = time_s;
    loop->draw_uw = time_s > 0 ? cost.energy_uj / time_s : 0;
    loop->part_compute = cost.energy_uj > 0 ? cost.compute_uj / cost.energy_uj : 1;
    loop->part_nvm = 1 - loop->part_compute;
    loop->spent_uj[0] = loop->spent_uj[1] = 0;
}

static void begin_sleep(sim_loop *loop) {
    loop->activity = ACTIVITY_SLEEP;
    loop->left_s = INFINITY;
    loop->draw_uw = loop->plan->device->sleep_uw;
}

/* Writing the input: its bytes and one commit, as counted work of this device. */
static wick_cost submit_cost(const sim_loop *loop) {
    const wick_model *m = &loop->plan->model;
    wick_work work = {.nvm_write_bytes =
                          (int64_t)m->tensors[m->input_tensor].bytes + m->record_bytes,
                      .nvm_writes = 2};
    return wick_device_cost(loop->plan->device, work);
}

static uint32_t clamp_u32(double value) {
    return value <= 0 ? 0 : value >= 4294967294.0 ? UINT32_MAX - 1 : (uint32_t)value;
}

static wick_situation situation(const sim_loop *loop) {
    double efficiency = loop->plan->device->capacitor.efficiency;
    double left_s = loop->arrival_s + loop->options->deadline_s - loop->now_s;
    return (wick_situation){
        .charge_uj = clamp_u32((loop->store.energy_uj - loop->store.off_uj) * efficiency),
        .full_uj = clamp_u32((loop->store.max_uj - loop->store.off_uj) * efficiency),
        .harvest_uw = clamp_u32(loop->recent_uw * efficiency),
        .time_left_ms = clamp_u32(left_s * 1e3)};
}

static void finish_input(sim_loop *loop) {
    loop->input = -1;
    begin_sleep(loop);
}

/* The next thing to do for a powered device. */
static void next_activity(sim_loop *loop) {
    const wick_model *m = &loop->plan->model;
    if (loop->input < 0) {
        begin_sleep(loop);
        return;
    }
    if (!loop->submitted) {
        begin(loop, ACTIVITY_SUBMIT, submit_cost(loop));
        return;
    }
    while (loop->span == m->segments[loop->segment].n_spans) {
        if (loop->segment > 0) {
            finish_input(loop);
            return;
        }
        wick_situation s = situation(loop);
        int module = wick_policy_choose(&loop->options->policy, m, &s);
        if (module == 0) {
            finish_input(loop);
            return;
        }
        loop->segment = module;
        loop->span = 0;
        sim_event(loop, WICK_EVENT_MODULE, module);
    }
    int index = m->segments[loop->segment].first_span + loop->span;
    begin(loop, ACTIVITY_SPAN, loop->plan->span_cost[index]);
}

static void answer(sim_loop *loop) {
    wick_sim_result *r = loop->result;
    double latency_s = loop->now_s - loop->arrival_s;
    bool in_time = latency_s <= loop->options->deadline_s;
    r->answers++;
    r->answers_by_module[loop->segment]++;
    loop->latency_sum_s += latency_s;
    loop->answered = true;
    if (in_time) {
        r->in_time++;
        r->correct_in_time +=
            loop->correct[(loop->segment - 1) * loop->n_samples + loop->sample] != 0;
    }
    sim_event(loop, WICK_EVENT_ANSWER, loop->segment);
}

/* The activity's time is over: its energy counts as useful. */
static void complete(sim_loop *loop) {
    wick_energy *e = &loop->result->energy;
    switch (loop->activity) {
    case ACTIVITY_BOOT:
        e->boot_uj += loop->spent_uj[0] + loop->spent_uj[1];
        break;
    case ACTIVITY_SUBMIT:
        loop->submitted = true;
        e->compute_uj += loop->spent_uj[0];
        e->nvm_uj += loop->spent_uj[1];
        break;
    case ACTIVITY_SPAN:
        loop->span++;
        e->compute_uj += loop->spent_uj[0];
        e->nvm_uj += loop->spent_uj[1];
        if (loop->segment > 0 && loop->span == loop->plan->model.segments[loop->segment].n_spans)
            answer(loop);
        break;
    case ACTIVITY_OFF:
    case ACTIVITY_SLEEP:
        break;
    }
    loop->spent_uj[0] = loop->spent_uj[1] = 0;
    next_activity(loop);
}

static void brown_out(sim_loop *loop) {
    wick_energy *e = &loop->result->energy;
    double lost_uj = loop->spent_uj[0] + loop->spent_uj[1];
    if (loop->activity == ACTIVITY_BOOT)
        e->boot_uj += lost_uj;
    else
        e->reexecution_uj += lost_uj;
    loop->spent_uj[0] = loop->spent_uj[1] = 0;
    loop->result->power_failures++;
    sim_event(loop, WICK_EVENT_FAIL, loop->segment);
    loop->activity = ACTIVITY_OFF;
    loop->left_s = INFINITY;
    loop->draw_uw = 0;
}

static void wake(sim_loop *loop) {
    loop->result->boots++;
    sim_event(loop, WICK_EVENT_BOOT, loop->segment);
    begin(loop, ACTIVITY_BOOT,
          loop->plan->boot); /* with reading the records, as admission counts */
}

/* ---- inputs ---- */

static void arrive(sim_loop *loop) {
    if (loop->input >= 0 && !loop->answered) {
        loop->result->missed++;
        sim_event(loop, WICK_EVENT_MISS, loop->segment);
    }
    loop->arrival_s = loop->now_s;
    loop->input = loop->arrivals++;
    loop->sample = (int)wick_rng_below(&loop->rng, (uint32_t)loop->n_samples);
    loop->segment = loop->span = 0;
    loop->submitted = loop->answered = false;
    loop->result->inputs++;
    sim_event(loop, WICK_EVENT_INPUT, 0);
    if (loop->activity == ACTIVITY_SPAN || loop->activity == ACTIVITY_SUBMIT) {
        /* The sensor's interrupt: what the span had spent for the dropped input is lost. */
        loop->result->energy.reexecution_uj += loop->spent_uj[0] + loop->spent_uj[1];
        loop->spent_uj[0] = loop->spent_uj[1] = 0;
    }
    if (loop->activity != ACTIVITY_OFF && loop->activity != ACTIVITY_BOOT)
        next_activity(loop);
}

/* ---- time ---- */

static void advance(sim_loop *loop, double dt_s) {
    const wick_device *d = loop->plan->device;
    double harvest_uw = trace_power_uw(loop), in_uw = harvest_uw * d->capacitor.input_efficiency;
    store_flow flow =
        store_advance(&loop->store, in_uw, loop->draw_uw / d->capacitor.efficiency, dt_s);
    double used_uj = flow.drawn_uj * d->capacitor.efficiency;
    wick_energy *e = &loop->result->energy;
    e->harvested_uj += harvest_uw * dt_s;
    e->input_loss_uj += harvest_uw * dt_s - flow.in_uj;
    e->clamped_uj += flow.clamped_uj;
    e->leakage_uj += flow.leaked_uj;
    e->converter_loss_uj += flow.drawn_uj - used_uj;
    if (loop->activity == ACTIVITY_SLEEP) {
        e->sleep_uj += used_uj;
    } else {
        loop->spent_uj[0] += used_uj * loop->part_compute;
        loop->spent_uj[1] += used_uj * loop->part_nvm;
    }
    loop->recent_uw += (in_uw - loop->recent_uw) * -expm1(-dt_s / HARVEST_MEMORY_S);
    loop->left_s -= dt_s;
    loop->now_s += dt_s;
}

static double threshold_time(const sim_loop *loop) {
    const wick_device *d = loop->plan->device;
    double in_uw = trace_power_uw(loop) * d->capacitor.input_efficiency;
    double draw_uw = loop->draw_uw / d->capacitor.efficiency;
    if (loop->activity == ACTIVITY_OFF)
        return loop->store.energy_uj >= loop->store.on_uj
                   ? 0
                   : store_time_to(&loop->store, in_uw, 0, loop->store.on_uj);
    return loop->store.energy_uj <= loop->store.off_uj
               ? 0
               : store_time_to(&loop->store, in_uw, draw_uw, loop->store.off_uj);
}

/* One event. */
static void turn(sim_loop *loop) {
    double sample_s = next_sample_s(loop) - loop->now_s;
    double arrival_s = loop->arrivals * loop->options->period_s - loop->now_s;
    double end_s = loop->end_s - loop->now_s, threshold_s = threshold_time(loop);
    double dt_s =
        fmax(0, fmin(fmin(sample_s, arrival_s), fmin(end_s, fmin(threshold_s, loop->left_s))));
    advance(loop, dt_s);
    if (end_s <= dt_s)
        return;
    /* One cause an event, in a fixed order; the others come with dt = 0. */
    if (threshold_s <= dt_s) {
        loop->store.energy_uj = loop->activity == ACTIVITY_OFF
                                    ? fmax(loop->store.energy_uj, loop->store.on_uj)
                                    : loop->store.energy_uj;
        if (loop->activity == ACTIVITY_OFF)
            wake(loop);
        else
            brown_out(loop);
    } else if (loop->left_s <= 0) {
        complete(loop);
    } else if (arrival_s <= dt_s) {
        arrive(loop);
    } else if (sample_s <= dt_s) {
        next_sample(loop);
        if (loop->now_s - loop->last_event_s > (loop->end_s) / 2000)
            sim_event(loop, WICK_EVENT_VOLTAGE, 0);
    }
}

static wick_status check(const wick_plan *plan, const wick_trace *trace, const wick_sim_options *o,
                         int n_samples, wick_diag *diag) {
    if (!(o->period_s > 0) || !(o->deadline_s > 0) || o->deadline_s > o->period_s)
        return wick_fail(diag, WICK_RANGE, NULL, "deadline",
                         "an input is dropped when the next one arrives",
                         "deadline %g s and period %g s: 0 < deadline <= period must hold",
                         o->deadline_s, o->period_s);
    if (o->policy.kind == WICK_POLICY_FIXED &&
        (o->policy.module < 1 || o->policy.module > plan->model.n_modules))
        return wick_fail(diag, WICK_RANGE, NULL, "policy", NULL, "there is no module %d",
                         o->policy.module);
    if (o->start_v > plan->device->capacitor.max_v)
        return wick_fail(diag, WICK_RANGE, NULL, "start voltage", NULL,
                         "%g V is above the %g V at which the capacitor is clamped", o->start_v,
                         plan->device->capacitor.max_v);
    if (n_samples < 1)
        return wick_fail(diag, WICK_RANGE, NULL, "samples", NULL, "at least one is needed");
    if (!(trace->end_s > 0))
        return wick_fail(diag, WICK_RANGE, trace->path, NULL, NULL, "the trace has no duration");
    return WICK_OK;
}

wick_status wick_sim_run(const wick_plan *plan, const wick_trace *trace,
                         const wick_sim_options *options, const uint8_t *correct, int n_samples,
                         wick_sim_result *result, wick_diag *diag) {
    *result = (wick_sim_result){0};
    WICK_TRY(check(plan, trace, options, n_samples, diag));
    double start_v = options->start_v >= 0 ? options->start_v : plan->device->capacitor.off_v;
    sim_loop loop = {.plan = plan,
                     .trace = trace,
                     .options = options,
                     .correct = correct,
                     .n_samples = n_samples,
                     .result = result,
                     .store = store_make(plan->device, plan->options.capacitor_uf, start_v),
                     .rng = wick_rng_seed(options->seed, 0x73696d),
                     .end_s = options->duration_s > 0 ? options->duration_s : trace->end_s,
                     .left_s = INFINITY,
                     .part_compute = 1,
                     .input = -1};
    double before_uj = loop.store.energy_uj;
    wick_progress progress;
    wick_progress_begin(&progress, "simulating", "s", (uint64_t)loop.end_s);
    wick_status status = WICK_OK;
    while (loop.now_s < loop.end_s && status == WICK_OK) {
        turn(&loop);
        if (wick_stop_requested())
            status = wick_fail(diag, WICK_INTERRUPTED, NULL, NULL, NULL, "interrupted");
        wick_progress_update(&progress, (uint64_t)loop.now_s);
    }
    wick_progress_end(&progress);
    /* What an unfinished activity has drawn was used, for whatever it will turn out to be. */
    result->energy.compute_uj += loop.spent_uj[0];
    result->energy.nvm_uj += loop.spent_uj[1];
    if (loop.input >= 0 && !loop.answered && loop.now_s - loop.arrival_s >= options->deadline_s)
        result->missed++;
    result->energy.stored_uj = loop.store.energy_uj - before_uj;
    result->simulated_s = loop.now_s;
    result->mean_latency_s = result->answers ? loop.latency_sum_s / result->answers : NAN;
    return status;
}
