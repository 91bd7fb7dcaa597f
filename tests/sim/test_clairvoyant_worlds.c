/* Worlds made so that a bound that reckons a little wrong is below what a plain policy reaches. */
#include "helper_tiny.h"
#include "sim/panel_curve.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A device without leakage and sleep draw, an extractor of so many spans and modules of one. */
static void make(tiny *t, int extractor_spans) {
    wick_rng rng = wick_rng_seed(1, 1);
    do {
        tiny_device(t, &rng);
        tiny_plan(t, &rng);
    } while (t->segments[0].n_spans != extractor_spans || t->segments[1].n_spans != 1 ||
             t->segments[2].n_spans != 1);
    tiny_world(t, &rng);
    t->device.capacitor.max_v = 4;
    t->device.capacitor.leakage_ua = t->device.sleep_uw = 0;
    t->device.boot_uj = 1;
    t->plan.boot = tiny_cost(1, 1000);
    t->plan.commit = t->plan.take = t->plan.send = tiny_cost(0.1, 10);
    t->options.no_voltage = true;
    t->options.policy.kind = WICK_POLICY_FIXED;
    t->options.policy.module = 1;
}

/* One sample of light, or of a voltage behind a resistance and a diode, from from_s to to_s. */
static void shine(tiny *t, bool diode, double from_s, double to_s, double uw, double ohm) {
    for (int i = 0; i < TRACE; i++) {
        t->times[i] = i == 0 ? 0 : i == 1 ? fmax(from_s, 1e-6) : to_s + i - 2;
        t->powers[i] = i == 1 ? uw : 0;
        t->iv[i] = (wick_iv){0};
        if (diode && i == 1) {
            t->iv[i] = panel_iv_thevenin(4.3, ohm); /* more than a full capacitor */
            t->powers[i] = panel_peak_uw(&t->iv[i], true);
        }
    }
    t->trace.end_s = 20;
    t->options.harvester = NULL;
    t->trace.iv = NULL;
    if (!diode)
        return;
    t->harvester = (wick_harvester){.name = "tiny", .efficiency = 1, .front = WICK_FRONT_DIODE};
    t->trace.iv = t->iv;
    t->trace.linear = true;
    t->options.harvester = &t->harvester;
}

/* No grid's bound is below what the fixed module gets, which is `want`. */
static void bounds_hold(tiny *t, double want, const int *slots, int n, int charges) {
    static const int levels[] = {8, 16, 96};
    wick_sim_result r;
    assert_int_equal(wick_sim_run(&t->plan, &t->trace, &t->options, t->correct, SAMPLES, &r, NULL),
                     WICK_OK);
    if (r.expected_in_time != want)
        fail_msg("%g expected in time", r.expected_in_time);
    wick_sim_free(&r);
    for (int i = 0; i < n * (int)WICK_LEN(levels); i++) {
        const wick_clairvoyant_options grid = {
            .slots = slots[i % n], .levels = levels[i / n], .charges = charges};
        wick_bound b;
        assert_int_equal(wick_clairvoyant(&t->plan, &t->trace, &t->options, t->correct, SAMPLES,
                                          &grid, &b, NULL),
                         WICK_OK);
        if (b.expected * b.inputs < want - 1e-5)
            fail_msg("%d slots, %d levels: bound %g of %g", grid.slots, grid.levels,
                     b.expected * b.inputs, want);
    }
}

/* A burst at the beginning of a unit that takes long makes room for light that soon ends. */
static void what_a_unit_draws_first_is_room(void **state) {
    (void)state;
    static const int slots[] = {5, 20, 80};
    for (int kind = 0; kind < 4; kind++) {
        static tiny t;
        make(&t, 2);
        if (kind >= 2) { /* one span of both */
            t.segments[0].n_spans = 1;
            t.spans[0].n_steps = 2;
            t.spans[0].mandatory = true;
        }
        t.costs[0] = tiny_cost(50, 1000);
        t.costs[1] = tiny_cost(1, 500000);
        t.costs[2] = t.costs[3] = tiny_cost(80, 2000);
        t.options.workload = (wick_workload){.period_s = 1, .deadline_s = 1};
        t.options.duration_s = 1;
        t.options.start_v = 4;
        shine(&t, kind % 2, 0, 0.11, 700, 1000);
        bounds_hold(&t, 1, slots, WICK_LEN(slots), 400);
    }
}

/* Three inputs have waited for the light; each answer takes more than there was when it came. */
static void answers_live_on_what_comes_meanwhile(void **state) {
    (void)state;
    static const int slots[] = {2, 4, 16};
    for (int diode = 0; diode < 2; diode++) {
        static tiny t;
        make(&t, 1);
        t.costs[0] = tiny_cost(5, 1000);
        t.costs[1] = t.costs[2] = tiny_cost(60, 15000);
        t.options.workload = (wick_workload){
            .period_s = 1, .deadline_s = 2.9, .max_waiting = 4, .rule = WICK_INPUT_DROP_NEW};
        t.options.duration_s = 3;
        t.options.start_v = 2.1;
        shine(&t, diode, 2, 2.48, 1125, 3500);
        bounds_hold(&t, 3, slots, WICK_LEN(slots), 64);
    }
}

/* Leakage narrows a lattice within one interval so much that the full capacitor lay behind it. */
static void a_narrow_lattice_holds_the_full_capacitor(void **state) {
    (void)state;
    static const int slots[] = {2, 3, 4};
    for (int charges = 50; charges <= 4000; charges *= 8) {
        static tiny t;
        make(&t, 1);
        t.device.capacitor.leakage_ua = 18;
        t.costs[0] = tiny_cost(5, 1000);
        t.costs[1] = t.costs[2] = tiny_cost(85, 15000);
        t.options.workload = (wick_workload){.period_s = 1, .deadline_s = 1};
        t.options.duration_s = 4;
        t.options.start_v = 2.1;
        shine(&t, false, 0, 3.02, 400, 0);
        bounds_hold(&t, 4, slots, WICK_LEN(slots), charges);
    }
}

/* A unit that draws most at its end, when light has come; one that draws first what leaks no more.
 */
static void when_a_unit_draws_counts(void **state) {
    (void)state;
    static const int slots[] = {2, 5, 20, 80};
    static tiny t;
    for (int late = 0; late < 2; late++) {
        make(&t, 2);
        t.segments[0].n_spans = 1; /* of two steps */
        t.spans[0].n_steps = 2;
        t.spans[0].mandatory = true;
        t.options.workload = (wick_workload){.period_s = 1, .deadline_s = late ? 0.52 : 1};
        t.options.duration_s = 1;
        t.costs[0] = late ? tiny_cost(1, 500000) : tiny_cost(60, 1000);
        t.costs[1] = late ? tiny_cost(50, 1000) : tiny_cost(1, 500000);
        t.costs[2] = t.costs[3] = late ? tiny_cost(5, 2000) : tiny_cost(27.3, 2000);
        t.device.capacitor.leakage_ua = late ? 0 : 10;
        t.device.capacitor.on_v = late ? 2.3 : 4;
        t.options.start_v = t.device.capacitor.on_v; /* and boots at once */
        shine(&t, false, late ? 0.45 : 5, late ? 0.5 : 6, 1200, 0);
        bounds_hold(&t, 1, slots, WICK_LEN(slots), 400);
        bounds_hold(&t, 1, slots, WICK_LEN(slots), 4000);
    }
}

/* Who boots behind the deadline of an input may throw it away and be off again at the next instant;
   the next input finds room. */
static void off_again_it_may_have_given_up(void **state) {
    (void)state;
    static const int slots[] = {2, 4, 8};
    static const double at_s[TRACE] = {0, 0.53, 1.01, 1.5, 3, 4, 5, 6}, uw[TRACE] = {255, 0, 600};
    static tiny t;
    make(&t, 1);
    t.device.sleep_uw = 100;
    t.device.capacitor.max_v = 6;
    t.device.capacitor.leakage_ua = 40;
    t.device.boot_uj = 99;
    t.plan.boot = tiny_cost(99, 1000);
    t.costs[0] = tiny_cost(5, 1000);
    t.costs[1] = t.costs[2] = tiny_cost(45, 2000);
    t.options.workload =
        (wick_workload){.period_s = 1, .deadline_s = 0.51, .rule = WICK_INPUT_DROP_NEW};
    t.options.duration_s = 1.9;
    t.options.start_v = 2.1;
    t.options.no_voltage = false;
    t.options.wait_s = 0.01;
    t.spans[0].need_mv = 2230;
    t.spans[1].need_mv = t.spans[2].need_mv = 3160;
    shine(&t, false, 1, 2, 0, 0);
    for (int i = 0; i < TRACE; i++) {
        t.times[i] = at_s[i];
        t.powers[i] = uw[i];
    }
    bounds_hold(&t, 1, slots, WICK_LEN(slots), 400);
}

/* A tired engine begins a span that the light to come pays for. */
static void a_span_may_run_on_what_comes(void **state) {
    (void)state;
    static const int slots[] = {20, 40, 80};
    static tiny t;
    make(&t, 1);
    t.options.no_voltage = false;
    t.options.wait_s = 0.002;
    t.device.capacitor.max_v = 6;
    t.device.boot_uj = 90;
    t.plan.boot = tiny_cost(90, 1000);
    t.costs[0] = tiny_cost(3, 1000);
    t.costs[1] = t.costs[2] = tiny_cost(80, 100000);
    t.spans[1].need_mv = t.spans[2].need_mv = 3900;
    t.options.workload = (wick_workload){.period_s = 0.5, .deadline_s = 0.234};
    t.options.duration_s = 0.5;
    t.options.start_v = 4;
    shine(&t, false, 0.134, 0.244, 900, 0);
    bounds_hold(&t, 1, slots, WICK_LEN(slots), 333);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_unit_draws_first_is_room),
        cmocka_unit_test(answers_live_on_what_comes_meanwhile),
        cmocka_unit_test(a_narrow_lattice_holds_the_full_capacitor),
        cmocka_unit_test(when_a_unit_draws_counts),
        cmocka_unit_test(off_again_it_may_have_given_up),
        cmocka_unit_test(a_span_may_run_on_what_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
