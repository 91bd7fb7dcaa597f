/* G9: the simulators never exceed the worst-case latency of wick_plan_latency while the harvest is
   never below the stated one: random devices, networks, capacitors, modules and harvests, eager and
   lazy. */
#include "sim/sim.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../plan/tiny_qnet.h"

enum { SCENARIOS = 200, SAMPLES = 4000, INPUTS = 40 };

typedef struct world_case {
    wick_arena *arena;
    wick_device *device;
    wick_qnet *net;
    wick_plan *plan;
    wick_trace trace;
    double times[SAMPLES], powers[SAMPLES];
    wick_rng rng;
} world_case;

static double between(wick_rng *rng, double low, double high) {
    return low + (high - low) * wick_rng_uniform_double(rng);
}

static double decades(wick_rng *rng, double low, double high) {
    return low * exp(wick_rng_uniform_double(rng) * log(high / low));
}

static void make_device(world_case *c) {
    static const char *const names[] = {"m4-fram", "m4-mram", "m7-mram", "m0plus-fram",
                                        "m33-flash"};
    wick_rng *rng = &c->rng;
    assert_int_equal(
        wick_device_load(c->arena, names[wick_rng_below(rng, WICK_LEN(names))], &c->device, NULL),
        WICK_OK);
    c->device->capacitor.leakage_ua = wick_rng_below(rng, 3) ? decades(rng, 0.1, 30) : 0;
    c->device->capacitor.esr_ohm = wick_rng_below(rng, 2) ? decades(rng, 0.05, 2) : 0;
    c->device->capacitor.efficiency = between(rng, 0.7, 1);
    c->device->capacitor.input_efficiency = between(rng, 0.6, 1);
    c->device->capacitor.max_v = c->device->capacitor.on_v + between(rng, 0, 1);
    c->device->sleep_uw = wick_rng_below(rng, 3) ? decades(rng, 0.5, 50) : 0;
}

/* stored: the firmware leaves the extractor out where this boot has it in SRAM, the simulators do
 * not. */
static void make_plan(world_case *c, uint64_t seed, bool stored) {
    wick_rng *rng = &c->rng;
    int size = 8 + 2 * (int)wick_rng_below(rng, 4), width = 4 + 2 * (int)wick_rng_below(rng, 3);
    c->net = wick_rng_below(rng, 4) ? tiny_family(seed, size, width)
                                    : tiny_independent(seed, size, width);
    wick_plan_options options = wick_plan_defaults();
    options.margin = between(rng, 0.5, 0.9);
    options.features = stored ? WICK_FEATURES_STORED : WICK_FEATURES_AUTO;
    options.max_span_outputs = wick_rng_below(rng, 2) ? 0 : (int)decades(rng, 20, 2000);
    wick_diag diag = {0};
    assert_int_equal(wick_plan_make(c->net, c->device, &options, NULL, &c->plan, &diag), WICK_OK);
    double least_uf = c->plan->min_capacitor_uf;
    wick_plan_free(c->plan);
    options.capacitor_uf = least_uf * decades(rng, 1.02, 6);
    wick_status status = wick_plan_make(c->net, c->device, &options, NULL, &c->plan, &diag);
    if (status != WICK_OK)
        wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
}

/* Never below least_uw, often at it; bursts up to what works without a failure. */
static void make_trace(world_case *c, double least_uw, double step_s) {
    wick_rng *rng = &c->rng;
    uint32_t shape = wick_rng_below(rng, 4);
    double most = decades(rng, 1.01, 300), at = 0, level = 1;
    for (int i = 0; i < SAMPLES; i++) {
        if (wick_rng_below(rng, 5) == 0)
            level = wick_rng_below(rng, 2) ? 1 : decades(rng, 1, most);
        c->times[i] = at;
        at += step_s * between(rng, 0.2, 1.8);
        c->powers[i] = least_uw * (shape == 0   ? 1
                                   : shape == 1 ? level
                                   : shape == 2 ? decades(rng, 1, most)
                                                : decades(rng, 1, 1.2));
    }
    c->trace = (wick_trace){.n = SAMPLES,
                            .time_s = c->times,
                            .power_uw = c->powers,
                            .end_s = at,
                            .path = "random",
                            .quantity = "power"};
}

static wick_sim_options make_options(world_case *c, int module, double bound_s, bool eager,
                                     double wait_s) {
    wick_rng *rng = &c->rng;
    wick_sim_options o = wick_sim_defaults();
    o.workload.period_s = bound_s * between(rng, 1.001, 1.3);
    o.workload.phase_s = between(rng, 0, o.workload.period_s);
    o.workload.deadline_s = o.workload.period_s;
    o.workload.rule = WICK_INPUT_REPLACE;
    o.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = (uint8_t)module};
    o.duration_s = INPUTS * o.workload.period_s;
    o.start_v = wick_rng_below(rng, 2)
                    ? between(rng, c->device->capacitor.off_v, c->device->capacitor.max_v)
                    : -1;
    o.trace_start_s = between(rng, 0, c->trace.end_s);
    o.no_voltage = eager;
    o.wait_s = wait_s;
    o.record = true;
    return o;
}

typedef struct tally {
    int bounded, answers, stopped;
    int pressed;    /* runs of bounds with two recharges or waits and more */
    double closest; /* largest share of such a bound that a run took */
    int unbounded[WICK_LATENCY_READING + 1];
} tally;

/* Every input whose time is over has its answer, and in time. */
static void assert_bound(const wick_sim_result *r, double bound_s, double end_s, uint64_t seed,
                         bool pressed, tally *total) {
    double arrival_s = INFINITY;
    for (int i = 0; i < r->n_events; i++) {
        const wick_event *e = &r->events[i];
        if (e->kind == WICK_EVENT_INPUT) {
            arrival_s = e->time_s;
        } else if (e->kind == WICK_EVENT_ANSWER) {
            double took_s = e->time_s - arrival_s;
            if (took_s > bound_s * (1 + 1e-9))
                fail_msg("seed %d: input %d took %.12g s, the bound is %.12g s", (int)seed,
                         e->input, took_s, bound_s);
            total->answers++;
            if (pressed)
                total->closest = fmax(total->closest, took_s / bound_s);
            arrival_s = INFINITY;
        } else if (e->kind == WICK_EVENT_MISS && e->time_s - arrival_s > bound_s) {
            fail_msg("seed %d: input %d has no answer", (int)seed, e->input);
        }
    }
    if (end_s - arrival_s > bound_s * (1 + 1e-9))
        fail_msg("seed %d: the last input has no answer", (int)seed);
    total->stopped += r->power_failures > 0;
    total->pressed += pressed;
}

static void run_case(uint64_t seed, bool firmware, tally *total) {
    world_case *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->arena = wick_arena_new();
    c->rng = wick_rng_seed(seed, 0x6739);
    make_device(c);
    make_plan(c, seed, firmware);
    wick_latency_options options = wick_latency_defaults();
    options.eager = wick_rng_below(&c->rng, 2);
    options.wait_s = decades(&c->rng, 0.01, 2);
    double least_uw = decades(&c->rng, 10, 3000);
    options.arriving_uw = least_uw * c->device->capacitor.input_efficiency;
    int module = 1 + (int)wick_rng_below(&c->rng, (uint32_t)c->net->n_modules);
    wick_latency latency = wick_plan_latency(c->plan, module, &options);
    total->unbounded[latency.reason]++;
    if (latency.reason == WICK_LATENCY_BOUNDED) {
        total->bounded++;
        make_trace(c, least_uw, latency.answer_s * decades(&c->rng, 1e-3, 1));
        wick_sim_options o =
            make_options(c, module, latency.answer_s, options.eager, options.wait_s);
        static const uint8_t correct[3] = {1, 1, 1};
        wick_sim_result r;
        wick_diag diag = {0};
        wick_status status;
        if (firmware) {
            const wick_qtensor *in = &c->net->tensors[c->net->input];
            wick_sim_firmware f = {.inputs = wick_new(c->arena, int8_t, in->h * in->w * in->c),
                                   .labels = wick_new(c->arena, uint16_t, 1)};
            o.duration_s /= 5;
            status = wick_sim_run_firmware(c->plan, &f, &c->trace, &o, correct, 1, &r, &diag);
        } else {
            status = wick_sim_run(c->plan, &c->trace, &o, correct, 1, &r, &diag);
        }
        if (status != WICK_OK)
            wick_diag_print(&diag, stderr);
        assert_int_equal(status, WICK_OK);
        assert_bound(&r, latency.answer_s, r.simulated_s, seed, latency.stops > 1, total);
        wick_sim_free(&r);
    } else {
        assert_true(isinf(latency.answer_s));
    }
    wick_plan_free(c->plan);
    tiny_free(c->net);
    wick_arena_free(c->arena);
    free(c);
}

static void the_bound_is_never_exceeded(void **state) {
    (void)state;
    tally total = {0};
    for (uint64_t seed = 1; seed <= SCENARIOS; seed++)
        run_case(seed, false, &total);
    print_message(
        "%d bounds (%d with several stops), %d answers, %d runs with power failures; closest to a bound with several stops: %.3f; "
        "unbounded: %d never wake, %d span, %d sleep, %d reading\n",
        total.bounded, total.pressed, total.answers, total.stopped, total.closest,
        total.unbounded[WICK_LATENCY_NEVER_WAKES], total.unbounded[WICK_LATENCY_SPAN],
        total.unbounded[WICK_LATENCY_SLEEP], total.unbounded[WICK_LATENCY_READING]);
    /* The scenarios reach what they are for, and the bound is near what happens. */
    assert_true(total.bounded > SCENARIOS * 3 / 4);
    assert_true(total.answers > INPUTS * total.bounded / 2);
    assert_true(total.stopped > 20 && total.pressed > 60);
    assert_true(total.closest > 0.8);
    /* A lazy plan's need_mv carries what it says: earlier outputs and series resistance included.
     */
    assert_int_equal(total.unbounded[WICK_LATENCY_READING], 0);
}

static void nor_by_the_firmware(void **state) {
    (void)state;
    tally total = {0};
    for (uint64_t seed = 5001; seed <= 5040; seed++)
        run_case(seed, true, &total);
    print_message("%d bounds, %d answers, %d runs with power failures\n", total.bounded,
                  total.answers, total.stopped);
    assert_true(total.bounded > 25 && total.answers > 100 && total.stopped > 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_bound_is_never_exceeded),
                                       cmocka_unit_test(nor_by_the_firmware)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
