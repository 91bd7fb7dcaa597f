/* Rate of the simulator, one thread: simulated seconds a second on a trace of one sample a second
 * and on one of 1 kHz. */
#include "sim/sim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* An extractor of ten spans and four modules of 40, 20, 10 and 1; every span 1 ms and 20 µJ, its
   output in SRAM until the next one has read it. */
static void make_plan(wick_arena *arena, wick_plan *plan, wick_device *device) {
    static const uint16_t spans[5] = {10, 40, 20, 10, 1};
    wick_segment *segments = wick_new(arena, wick_segment, 5);
    uint16_t at = 0;
    for (int k = 0; k < 5; k++) {
        segments[k] =
            (wick_segment){.first_span = at, .n_spans = spans[k], .energy_nj = 20000u * spans[k]};
        at = (uint16_t)(at + spans[k]);
    }
    wick_span *steps_of = wick_new(arena, wick_span, at);
    plan->step_cost = wick_new(arena, wick_cost, at);
    plan->stores = wick_new(arena, wick_plan_store, at);
    plan->reloads = wick_new(arena, wick_plan_reload, at);
    plan->boot = (wick_cost){
        .time_us = device->boot_us, .compute_uj = device->boot_uj, .energy_uj = device->boot_uj};
    for (int i = 0; i < at; i++) {
        steps_of[i] = (wick_span){.first_step = (uint16_t)i, .n_steps = 1, .need_mv = 2050};
        plan->step_cost[i] =
            (wick_cost){.time_us = 990, .compute_uj = 18, .nvm_uj = 1.8, .energy_uj = 19.8};
    }
    for (int k = 0, i = 0; k < 5; k++) {
        for (int s = 0; s < spans[k]; s++, i++) {
            bool last = s + 1 == spans[k];
            plan->stores[i] = (wick_plan_store){.last_reader = last ? UINT16_MAX : i + 1,
                                                .cost = {.time_us = 50, .energy_uj = 1}};
            if (s || k)
                plan->reloads[plan->n_reloads++] =
                    (wick_plan_reload){.step = i,
                                       .producer = s ? i - 1 : spans[0] - 1,
                                       .cost = {.time_us = 30, .energy_uj = 0.5}};
        }
    }
    /* As the planner does: a wait ends where the charge carries the rest of the segment. */
    for (int k = 0; k < 5; k++)
        for (int s = 0; s < spans[k]; s++) {
            double rest_uj = 20 * (spans[k] - s) / (0.8 * device->capacitor.efficiency);
            double volts = fmin(sqrt(4 + 2 * rest_uj / device->capacitor.uf), 4);
            steps_of[segments[k].first_span + s].margin_16mv = (uint8_t)((volts - 2.05) / 0.016);
        }
    plan->commit = (wick_cost){.time_us = 10, .nvm_uj = 0.2, .energy_uj = 0.2};
    plan->take = (wick_cost){.time_us = 100, .compute_uj = 1, .nvm_uj = 1, .energy_uj = 2};
    plan->send = (wick_cost){.time_us = 5, .compute_uj = 0.1, .energy_uj = 0.1};
    plan->device = device;
    plan->n_segments = 5;
    plan->model = (wick_model){
        .n_modules = 4, .n_spans = at, .n_steps = at, .spans = steps_of, .segments = segments};
}

/* Processor time of this thread: other work on the machine does not count. */
static double processor_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int run(const char *name, double sample_s, double duration_s, bool no_voltage,
               const wick_plan *plan) {
    enum { SAMPLES = 3600 };
    static double times[SAMPLES], powers[SAMPLES];
    wick_rng rng = wick_rng_seed(1, 0);
    for (int i = 0; i < SAMPLES; i++) {
        times[i] = i * sample_s;
        powers[i] = 2000 * wick_rng_uniform_double(&rng);
    }
    wick_trace trace = {.n = SAMPLES,
                        .time_s = times,
                        .power_uw = powers,
                        .end_s = SAMPLES * sample_s,
                        .path = name};
    wick_sim_options options = wick_sim_defaults();
    options.wait_s = 0.1;
    options.workload.period_s = options.workload.deadline_s = 1;
    options.duration_s = duration_s;
    options.no_voltage = no_voltage;
    uint8_t correct[4] = {1, 1, 1, 1};
    wick_sim_result result;
    double start = processor_s();
    if (wick_sim_run(plan, &trace, &options, correct, 1, &result, NULL) != WICK_OK)
        return 1;
    double took_s = processor_s() - start;
    printf("%-28s %10.0f simulated s/s  (%d answers, %d power failures)\n", name,
           duration_s / took_s, result.answers, result.power_failures);
    return 0;
}

/* Without an argument all of them; with NUMBER [SECONDS] that one alone, for profiles. */
int main(int argc, char **argv) {
    wick_device device = {
        .name = "bench", .clock_hz = 8e7, .sleep_uw = 5, .boot_uj = 15, .boot_us = 800};
    device.capacitor.uf = 330;
    device.capacitor.on_v = 4;
    device.capacitor.off_v = 2;
    device.capacitor.max_v = 4.5;
    device.capacitor.leakage_ua = 2;
    device.capacitor.efficiency = 0.9;
    device.capacitor.input_efficiency = 0.8;
    wick_arena *arena = wick_arena_new();
    wick_plan plan = {0};
    make_plan(arena, &plan, &device);
    static const struct {
        const char *name;
        double sample_s, duration_s;
        bool no_voltage;
    } cases[] = {{"trace of 1 sample a second", 1, 200000, true},
                 {"trace of 1 kHz", 0.001, 4000, true},
                 {"1 sample a second, lazy", 1, 200000, false},
                 {"1 kHz, lazy", 0.001, 4000, false}};
    int status = 0, only = argc > 1 ? atoi(argv[1]) : 0;
    for (int i = 0; i < (int)WICK_LEN(cases) && !status; i++)
        if (!only || only == i + 1)
            status =
                run(cases[i].name, cases[i].sample_s,
                    argc > 2 ? atof(argv[2]) : cases[i].duration_s, cases[i].no_voltage, &plan);
    wick_arena_free(arena);
    return status;
}
