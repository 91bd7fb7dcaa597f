/* The engine in the field, without power cuts: lazy commits and waiting for charge, the age of
   inputs, the application's variables, counters. test_powercut.c has the cuts. */
#include "helper_device.h"
#include "helper_model.h"
#include "helper_reference.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static device d;
static tiny_model tiny;
static wick_engine engine;
static _Alignas(16) int8_t scratch[TINY_SCRATCH];
static wick_policy policy;
static uint8_t app[TINY_APP];
static const tiny_options usual = {.outputs_per_step = 24, .steps_per_span = 2, .reuse = 1};

static int make(void **state) {
    (void)state;
    device_make(&d, 4, 0, 0, 5);
    tiny_make(&tiny, usual);
    memset(&engine, 0, sizeof engine);
    memset(app, 0, sizeof app);
    engine.app = app;
    policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 1};
    return 0;
}

static wick_rt_status boot(void) {
    memset(scratch, 0x5A, sizeof scratch);
    return wick_engine_boot(&engine, &tiny.model, &d.port, &policy, scratch,
                            tiny.model.scratch_bytes);
}

static void submit(uint32_t content) {
    int8_t input[TINY_INPUT];
    tiny_input(content, input);
    assert_int_equal(wick_engine_submit(&engine, input, TINY_INPUT, NULL), WICK_RT_OK);
}

static void assert_answer(uint32_t index, uint32_t content, uint8_t module) {
    int8_t expected[TINY_CLASSES];
    assert_true(index < d.n_results);
    assert_int_equal(d.results[index].module, module);
    tiny_expected(&tiny, content, module, expected);
    assert_memory_equal(expected, d.results[index].logits, TINY_CLASSES);
}

/* Steps of one input's work, until it is done. */
static int count_commits(void) {
    uint32_t before = engine.record.sequence;
    wick_rt_status status;
    while ((status = wick_engine_step(&engine)) != WICK_RT_IDLE)
        assert_true(status == WICK_RT_BUSY || status == WICK_RT_RESULT);
    return (int)(engine.record.sequence - before);
}

static void spans_join_while_the_charge_lasts(void **state) {
    (void)state;
    int spans = tiny.segments[0].n_spans + tiny.segments[1].n_spans;
    assert_int_equal(boot(), WICK_RT_FRESH);
    /* Unknown voltage: every span, then decide, publish and decide commit. */
    submit(1);
    assert_int_equal(count_commits(), spans + 3);
    /* Full: after the first span, one commit for the extractor, and the mandatory one and the last
       of the module. */
    assert_int_equal(boot(), WICK_RT_IDLE);
    d.mv = TINY_NEED_MV;
    submit(2);
    assert_int_equal(count_commits(), 1 + 1 + 2 + 3);
    submit(3);
    assert_int_equal(count_commits(), 1 + 2 + 3);
    engine.eager = 1;
    submit(4);
    assert_int_equal(count_commits(), spans + 3);
    /* Nor is an empty capacitor waited for. */
    d.mv = TINY_NEED_MV - 300;
    submit(5);
    assert_int_equal(count_commits(), spans + 3);
    assert_int_equal(d.sleeps, 0);
    for (uint32_t i = 0; i < 5; i++)
        assert_answer(i, i + 1, 1);
}

static void an_empty_capacitor_is_waited_for(void **state) {
    (void)state;
    assert_int_equal(boot(), WICK_RT_FRESH);
    submit(1);
    d.mv = TINY_NEED_MV - 300;
    uint64_t writes = d.writes;
    assert_int_equal(wick_engine_step(&engine), WICK_RT_WAIT);
    assert_int_equal(wick_engine_step(&engine), WICK_RT_WAIT);
    assert_int_equal(d.writes, writes);
    /* The harvest brings 10 mV a sleep: 30 sleeps of the time that was asked for. */
    d.mv_rise = 10;
    engine.wait_ms = 50;
    assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
    assert_int_equal(d.sleeps, 30);
    assert_int_equal(d.clock_ms, 1500);
    assert_answer(0, 1, 1);
    /* A port that cannot sleep. */
    d.port.sleep = NULL;
    d.mv = TINY_NEED_MV - 1;
    submit(2);
    assert_int_equal(wick_engine_run(&engine), WICK_RT_WAIT);
    d.mv = TINY_NEED_MV;
    assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
    assert_answer(1, 2, 1);
}

static void set_margins(uint8_t margin_16mv) {
    for (int i = 0; i < tiny.model.n_spans; i++)
        tiny.spans[i].margin_16mv = margin_16mv;
}

/* Who waits goes on with a margin, for as long as the voltage rises towards it. */
static void waiting_ends_with_a_margin(void **state) {
    (void)state;
    set_margins(5);
    assert_int_equal(boot(), WICK_RT_FRESH);
    submit(1);
    d.mv = TINY_NEED_MV; /* enough without a wait */
    assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
    d.mv = TINY_NEED_MV - 1;
    assert_int_equal(wick_engine_step(&engine), WICK_RT_WAIT);
    d.mv = TINY_NEED_MV + 79;
    assert_int_equal(wick_engine_step(&engine), WICK_RT_WAIT);
    d.mv = TINY_NEED_MV + 80;
    assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY); /* the rest of the extractor */
    assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY); /* the decision */
    d.mv = TINY_NEED_MV - 1;
    assert_int_equal(wick_engine_step(&engine), WICK_RT_WAIT);
    /* The harvest reaches a millivolt above the need and no more: 64 sleeps, and then each span at
       once, because nobody waits any more. */
    d.mv = TINY_NEED_MV + 1;
    assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
    assert_int_equal(d.sleeps, 64);
    assert_answer(0, 1, 1);
}

static int offs;
static void returns_at_once(void *ctx) {
    (void)ctx;
    offs++;
}

static wick_situation dim(void *ctx) {
    (void)ctx;
    return (wick_situation){.charge_uj = 100, .full_uj = 1000, .time_left_ms = 9000};
}

/* A table that wants the power cut whatever there is: a boot waits until it has worked, so each
   brings the input on; nothing is committed for it; a device without a switch sleeps. */
static void off_comes_behind_work(void **state) {
    (void)state;
    static const uint8_t row_of[64], off_row[1] = {WICK_POLICY_OFF * 17}, go_row[1] = {0x11};
    wick_policy_table t = {.n_modules = (uint8_t)tiny.model.n_modules,
                           .n_charge = 1,
                           .n_harvest = 1,
                           .n_time = 1,
                           .n_rows = 1,
                           .row_of = row_of};
    assert_true(wick_policy_stages(t.n_modules) <= 64);
    memset(t.charge_uj, 0xff, sizeof t.charge_uj);
    memset(t.harvest_uw, 0xff, sizeof t.harvest_uw);
    memset(t.time_ms, 0xff, sizeof t.time_ms);
    policy = (wick_policy){.kind = WICK_POLICY_TABLE, .table = &t, .rest_uj = 101};
    engine.situation = dim;
    engine.power_off = returns_at_once;
    engine.eager = 1;
    offs = 0;
    assert_int_equal(boot(), WICK_RT_FRESH);
    submit(1);
    for (int boots = 0; boots < 3; boots++) {
        t.rows = off_row;
        uint64_t writes = d.writes;
        assert_int_equal(wick_engine_step(&engine), WICK_RT_WAIT);
        assert_false(wick_engine_rests(&engine));
        assert_int_equal(d.writes, writes);
        t.rows = go_row;
        assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
        t.rows = off_row;
        writes = d.writes;
        assert_int_equal(wick_engine_step(&engine), WICK_RT_OFF);
        assert_true(wick_engine_rests(&engine));
        assert_int_equal(d.writes, writes);
        device_power_cycle(&d);
        assert_int_equal(boot(), WICK_RT_RESUMED);
    }
    t.rows = go_row;
    assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
    t.rows = off_row;
    d.port.sleep = NULL;
    assert_int_equal(wick_engine_run(&engine), WICK_RT_OFF);
    assert_int_equal(offs, 1);
    policy.rest_uj = 100;
    assert_false(wick_engine_rests(&engine));
    t.rows = go_row;
    assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
    assert_answer(0, 1, 1);
}

/* A reading stuck low costs 64 sleeps, then the work goes on. */
static void a_reading_stuck_low_does_not_stop_progress(void **state) {
    (void)state;
    d.mv = 1;
    assert_int_equal(boot(), WICK_RT_FRESH);
    submit(1);
    assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
    assert_int_equal(d.sleeps, 64);
    assert_answer(0, 1, 1);
}

/* The window counts from the submission; results carry the age. */
static void an_old_input_is_dropped(void **state) {
    (void)state;
    d.has_clock = 1;
    d.clock_ms = UINT32_MAX - 99; /* wraps during this test */
    engine.window_ms = 1000;
    assert_int_equal(boot(), WICK_RT_FRESH);
    submit(1);
    d.clock_ms += 1000;
    assert_int_equal(wick_engine_age_ms(&engine), 1000);
    assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
    d.clock_ms++;
    assert_int_equal(wick_engine_step(&engine), WICK_RT_DROPPED);
    assert_int_equal(wick_engine_step(&engine), WICK_RT_IDLE);
    assert_int_equal(engine.counters.dropped, 1);
    /* In time, over a boot. */
    submit(2);
    assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
    d.clock_ms += 300;
    assert_int_equal(boot(), WICK_RT_RESUMED);
    assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
    assert_answer(0, 2, 1);
    assert_int_equal(d.results[0].age_ms, 300);
    /* The window is the input's own: what the next firmware sets does not change it. */
    submit(3);
    engine.window_ms = 0;
    d.clock_ms += 1001;
    assert_int_equal(boot(), WICK_RT_RESUMED);
    assert_int_equal(wick_engine_run(&engine), WICK_RT_DROPPED);
    /* Without a window nothing is too old. */
    submit(4);
    d.clock_ms += 1000000;
    assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
    assert_answer(1, 4, 1);
    assert_int_equal(engine.counters.dropped, 2);
}

/* An answer that is complete goes out, however old; no more is begun for it. */
static void a_finished_answer_goes_out_with_its_age(void **state) {
    (void)state;
    d.has_clock = 1;
    engine.window_ms = 100;
    assert_int_equal(boot(), WICK_RT_FRESH);
    submit(1);
    while (engine.record.phase != WICK_PHASE_PUBLISH)
        assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
    d.clock_ms += 500;
    assert_int_equal(wick_engine_step(&engine), WICK_RT_RESULT);
    assert_int_equal(d.results[0].age_ms, 500);
    assert_int_equal(wick_engine_step(&engine), WICK_RT_IDLE);
    assert_int_equal(engine.counters.dropped, 0);
    assert_answer(0, 1, 1);
}

/* Without a clock that survives, an input from before a power failure is of unknown age: too old,
   unless the application says otherwise. */
static void an_unknown_age_is_too_old(void **state) {
    (void)state;
    engine.window_ms = 1000;
    assert_int_equal(boot(), WICK_RT_FRESH);
    submit(1);
    assert_int_equal(wick_engine_age_ms(&engine), UINT32_MAX);
    assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE); /* not interrupted */
    assert_int_equal(d.results[0].age_ms, UINT32_MAX);
    submit(2);
    assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
    assert_int_equal(boot(), WICK_RT_RESUMED);
    assert_int_equal(wick_engine_run(&engine), WICK_RT_DROPPED);
    engine.trust_unknown = 1;
    submit(3);
    assert_int_equal(boot(), WICK_RT_RESUMED);
    assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
    assert_answer(1, 3, 1);
    /* A clock that jumps back, in the same boot too. */
    engine.trust_unknown = 0;
    d.has_clock = 1;
    d.clock_ms = 5000;
    submit(4);
    d.clock_ms = 4999;
    assert_int_equal(wick_engine_age_ms(&engine), UINT32_MAX);
    assert_int_equal(wick_engine_run(&engine), WICK_RT_DROPPED);
    /* A damaged stamp. */
    submit(5);
    uint32_t at = tiny.places[0].offset + tiny.places[0].stride * (engine.record.epoch & 1u);
    d.current[at + tiny.model.stamp_offset + 1] ^= 4;
    assert_int_equal(boot(), WICK_RT_RESUMED);
    uint32_t faults = engine.counters.faults;
    assert_int_equal(faults, 1);
    assert_int_equal(wick_engine_run(&engine), WICK_RT_DROPPED);
}

static uint32_t left_ms;
static wick_situation situation(void *ctx) {
    (void)ctx;
    return (wick_situation){
        .charge_uj = 100, .full_uj = 100, .harvest_uw = UINT32_MAX, .time_left_ms = left_ms};
}

/* The time left that the policy sees: the least of the application's and the window's. */
static void the_policy_sees_the_time_left(void **state) {
    (void)state;
    policy.kind = WICK_POLICY_GREEDY;
    tiny.segments[1].time_us = 600000;
    tiny.segments[2].time_us = 1000;
    tiny.segments[1].energy_nj = tiny.segments[2].energy_nj = 1;
    d.has_clock = 1;
    engine.situation = situation;
    engine.window_ms = 1000;
    static const struct {
        uint32_t app_ms, late_ms;
        uint8_t module;
    } cases[] = {{UINT32_MAX, 399, 1}, {UINT32_MAX, 401, 2}, {599, 0, 2}, {700, 401, 2}};
    assert_int_equal(boot(), WICK_RT_FRESH);
    for (uint32_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        left_ms = cases[i].app_ms;
        submit(i + 1);
        while (engine.record.phase != WICK_PHASE_DECIDE)
            assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
        d.clock_ms += cases[i].late_ms;
        assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
        assert_int_equal(engine.record.segment, cases[i].module);
        d.clock_ms += 2000;
        assert_int_equal(wick_engine_step(&engine), WICK_RT_DROPPED);
    }
}

static void count_in_app(device *self) {
    (void)self;
    app[0]++;
    wick_engine_touch(&engine);
}

/* Variables become durable with the commit after a change, all of them or none. */
static void variables_join_the_commit(void **state) {
    (void)state;
    app[1] = 7;
    assert_int_equal(boot(), WICK_RT_FRESH);
    app[1] = 0;
    assert_int_equal(boot(), WICK_RT_IDLE);
    assert_int_equal(app[1], 7); /* as they were when the region was formatted */
    app[2] = 9;
    memset(app, 0, sizeof app);
    assert_int_equal(boot(), WICK_RT_IDLE);
    assert_int_equal(app[2], 0); /* not committed */
    app[2] = 9;
    wick_engine_touch(&engine);
    assert_int_equal(wick_engine_sync(&engine), WICK_RT_OK);
    memset(app, 0, sizeof app);
    assert_int_equal(boot(), WICK_RT_IDLE);
    assert_int_equal(app[2], 9);
    /* A change in the result call stands or falls with the delivery. */
    d.on_result = count_in_app;
    submit(1);
    while (engine.record.phase != WICK_PHASE_PUBLISH)
        assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
    d.fail_at = d.calls + 3; /* the write of the variables after the delivery */
    assert_int_equal(wick_engine_step(&engine), WICK_RT_NVM);
    assert_int_equal(app[0], 1);
    assert_int_equal(boot(), WICK_RT_RESUMED);
    assert_int_equal(app[0], 0);
    assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
    assert_int_equal(d.n_results, 2); /* sent twice, counted once */
    assert_int_equal(boot(), WICK_RT_IDLE);
    assert_int_equal(app[0], 1);
}

static void damaged_variables_are_not_used(void **state) {
    (void)state;
    memset(app, 3, sizeof app);
    assert_int_equal(boot(), WICK_RT_FRESH);
    submit(1);
    assert_int_equal(boot(), WICK_RT_RESUMED);
    for (int copy = 0; copy < 2; copy++)
        d.current[tiny.model.vars_offset[copy] + 29] ^= 1;
    assert_int_equal(boot(), WICK_RT_RESUMED);
    for (uint32_t i = 0; i < TINY_APP; i++)
        assert_int_equal(app[i], 0);
    assert_int_equal(engine.counters.faults, 1);
    assert_int_equal(engine.counters.boots, 1);
    assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
    assert_answer(0, 1, 1);
    /* A model with variables needs memory for them. */
    engine.app = NULL;
    assert_int_equal(boot(), WICK_RT_ARGUMENT);
}

static void counters_survive(void **state) {
    (void)state;
    assert_int_equal(boot(), WICK_RT_FRESH);
    submit(1);
    assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
    assert_int_equal(boot(), WICK_RT_RESUMED);
    submit(2); /* drops 1 */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(boot(), WICK_RT_RESUMED);
        assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
    }
    assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
    assert_int_equal(boot(), WICK_RT_IDLE);
    assert_int_equal(engine.counters.boots, 6);
    assert_int_equal(engine.counters.replays, 4);
    assert_int_equal(engine.counters.dropped, 1);
    assert_int_equal(engine.counters.faults, 0);
    assert_int_equal(wick_engine_format(&engine), WICK_RT_OK);
    assert_int_equal(engine.counters.boots, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(spans_join_while_the_charge_lasts, make),
        cmocka_unit_test_setup(an_empty_capacitor_is_waited_for, make),
        cmocka_unit_test_setup(waiting_ends_with_a_margin, make),
        cmocka_unit_test_setup(off_comes_behind_work, make),
        cmocka_unit_test_setup(a_reading_stuck_low_does_not_stop_progress, make),
        cmocka_unit_test_setup(an_old_input_is_dropped, make),
        cmocka_unit_test_setup(a_finished_answer_goes_out_with_its_age, make),
        cmocka_unit_test_setup(an_unknown_age_is_too_old, make),
        cmocka_unit_test_setup(the_policy_sees_the_time_left, make),
        cmocka_unit_test_setup(variables_join_the_commit, make),
        cmocka_unit_test_setup(damaged_variables_are_not_used, make),
        cmocka_unit_test_setup(counters_survive, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
