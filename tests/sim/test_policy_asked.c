/* Worlds in which policies are made and judged: what taking an input costs, what accuracy is asked
   for, when inputs come. */
#include "helper_net_plan.h"
#include "helper_plain.h"
#include "sim/policy_inputs.h"
#include "sim/policy_process.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* TM1 is right 9 times of 10 and takes 600 uJ behind 60, TM2 7 times and takes 60. */
typedef struct scene {
    net_plan n; /* for its device */
    plain p;
    light *l;
    const wick_trace *trace;
    wick_judged on;
} scene;

static void scene_make(scene *s, double power_uw) {
    net_plan_make(&s->n, 1, "m4-fram", 0, 0);
    s->n.device->capacitor.uf = 150;
    make_plain(&s->p, s->n.plan->device);
    for (int i = 0; i < s->p.plan.model.n_spans; i++)
        s->p.spans[i].energy_nj = 60000; /* the process goes by these */
    s->p.segments[1].accuracy_permille = 900;
    s->p.segments[2].accuracy_permille = 700;
    s->l = make_light();
    for (int i = 0; i < SAMPLES; i++)
        s->l->powers[i] = power_uw;
    s->trace = &s->l->trace;
    s->on = (wick_judged){.plan = &s->p.plan,
                          .traces = &s->trace,
                          .n_traces = 1,
                          .accuracy = {0.9, 0.7},
                          .phases = 1,
                          .wait_s = 0.02};
    s->on.workload = (wick_workload){.period_s = 1, .deadline_s = 1, .clock_survives = true};
}

static void scene_free(scene *s) {
    free(s->l);
    net_plan_free(&s->n);
}

static double judged(const wick_judged *on, wick_policy policy) {
    double score;
    assert_int_equal(wick_policy_judge(on, &policy, &score, NULL), WICK_OK);
    return score;
}

static const wick_policy always_1 = {.kind = WICK_POLICY_FIXED, .module = 1};
static const wick_policy always_2 = {.kind = WICK_POLICY_FIXED, .module = 2};

static wick_policy made(scene *s, double *score) {
    wick_synth_options options = wick_synth_defaults();
    wick_policy table;
    assert_int_equal(wick_policy_best(s->n.arena, &s->on, WICK_POLICY_TABLE, &options, &table,
                                      score, NULL, NULL),
                     WICK_OK);
    return table;
}

/* What the process expects of the best it could do. */
static double promised(scene *s) {
    wick_synth_options defaults = wick_synth_defaults(),
                       o = policy_process_options(&s->on, &defaults);
    wick_synthesised out;
    assert_int_equal(wick_policy_synth(s->n.arena, s->on.plan, s->on.traces, 1, &o, &out, NULL),
                     WICK_OK);
    return out.expected;
}

/* Half the capacitor for every input, in a light that carries TM2 without it, and now and then TM1:
   in the simulator's runs, and in what the process expects. */
static void taking_an_input_costs(void **state) {
    (void)state;
    scene s;
    scene_make(&s, 600);
    const wick_device *d = s.n.device;
    double score, with, promise = promised(&s), one = judged(&s.on, always_2);
    made(&s, &score);
    s.on.workload.sense_uj = 0.5 * wick_device_usable_uj(d, d->capacitor.max_v, d->capacitor.off_v);
    s.on.workload.sense_us = 10000;
    made(&s, &with);
    double less = promised(&s), one_with = judged(&s.on, always_2);
    print_message("free %.3f (promised %.3f), with %.0f uJ each %.3f (%.3f)\n", score, promise,
                  s.on.workload.sense_uj, with, less);
    assert_true(score > 0.75 && with < 0.5 * score && less < 0.7 * promise);
    assert_true(one > 0.6 && one_with < 0.6 * one);
    s.on.workload.sense_uj = s.on.workload.sense_us = 0;
    s.on.workload.send_uj = 0.5 * wick_device_usable_uj(d, d->capacitor.max_v, d->capacitor.off_v);
    s.on.workload.send_us = 10000;
    one_with = judged(&s.on, always_2);
    less = promised(&s);
    print_message("to send as much %.3f (%.3f)\n", one_with, less);
    assert_true(one_with < 0.6 * one && less < 0.9 * promise);
    scene_free(&s);
}

/* In a light that carries TM2 alone. The table that knows what is asked for saves for TM1. */
static void less_than_is_asked_for_counts_nothing(void **state) {
    (void)state;
    scene s;
    scene_make(&s, 200);
    double score, promise = promised(&s);
    wick_policy any = made(&s, &score);
    assert_true(judged(&s.on, always_2) > 0.6);
    s.on.min_accuracy_permille = 800;
    double of_any = judged(&s.on, any);
    assert_true(judged(&s.on, always_2) == 0);
    made(&s, &score);
    print_message("made for any answer %.3f, for what is asked for %.3f\n", of_any, score);
    assert_true(score > of_any + 0.1 && promised(&s) < 0.6 * promise);
    scene_free(&s);
}

/* In plenty of light. No table runs more than the smallest module that has it, so none promises
   more; where none has it there is nothing to choose. */
static void more_than_is_asked_for_is_not_run(void **state) {
    (void)state;
    scene s;
    scene_make(&s, 8000);
    double score;
    wick_diag diag = {0};
    assert_true(promised(&s) > 0.85);
    s.on.min_accuracy_permille = 700;
    assert_true(promised(&s) <= 0.7 + 1e-6);
    wick_policy table = made(&s, &score);
    assert_true(score > 0.65 && score <= 0.7 + 1e-6);
    assert_true(judged(&s.on, always_1) > 0.85);
    s.on.min_accuracy_permille = 901;
    assert_int_equal(wick_policy_judge(&s.on, &table, &score, &diag), WICK_NO_FIT);
    wick_diag_free(&diag);
    scene_free(&s);
}

/* Where TM1 alone is best, and TM2 is asked for: a table that waits in the dark is not measured by
   what TM1 would reach. */
static void measured_by_what_is_asked_for(void **state) {
    (void)state;
    scene s;
    scene_make(&s, 3000);
    for (int i = 0; i < SAMPLES; i++)
        s.l->powers[i] = i < SAMPLES / 2 ? 3000 : 100;
    s.on.phases = 4;
    s.on.accuracy[1] = 0.5;
    s.on.min_accuracy_permille = 700; /* as the plan says */
    double score, one = judged(&s.on, always_1), two = judged(&s.on, always_2);
    made(&s, &score);
    print_message("TM1 %.3f, TM2 %.3f, table %.3f\n", one, two, score);
    assert_true(one > two + 0.02 && score > two + 0.01);
    scene_free(&s);
}

static void inputs_of_a_run(void **state) {
    (void)state;
    static const double times_s[] = {1, 4, 9, 12};
    wick_arena *arena = wick_arena_new();
    wick_workload w = {.arrivals = WICK_ARRIVALS_LISTED, .times_s = times_s, .n_times = 4};
    int n, other;
    const double *got = policy_inputs_list(arena, &w, 10, 3, 0, &n);
    assert_int_equal(n, 3); /* 12 is behind the trace's end; 1 comes when it is around */
    assert_true(got[0] == 1 && got[1] == 6 && got[2] == 8);
    static const uint8_t urgent[] = {1, 0, 0, 1};
    assert_null(policy_inputs_urgent(arena, &w, 10, 3));
    w.urgent = urgent;
    const uint8_t *flags = policy_inputs_urgent(arena, &w, 10, 3);
    assert_true(!flags[0] && !flags[1] && flags[2]);
    w = (wick_workload){.arrivals = WICK_ARRIVALS_PERIODIC, .period_s = 4};
    got = policy_inputs_list(arena, &w, 10, 3, 0, &n);
    assert_int_equal(n, 3);
    assert_true(got[0] == 0 && got[2] == 8);
    w = (wick_workload){.arrivals = WICK_ARRIVALS_POISSON, .period_s = 1};
    got = policy_inputs_list(arena, &w, 1000, 0, 0, &n);
    const double *others = policy_inputs_list(arena, &w, 1000, 500, 1, &other);
    assert_true(abs(n - 1000) < 100 && got[n - 1] < 1000 && got[0] > 0);
    assert_true(n != other || memcmp(got, others, (size_t)n * sizeof *got) != 0);
    wick_arena_free(arena);
}

/* A single run's score is that of wick_sim_run in the same world; where inputs come as they like,
   but for the last one, whose time is up there when the trace ends. */
static void judged_as_simulated(void **state) {
    (void)state;
    static const double times_s[] = {0.5, 3, 3.2, 3.3, 3.4, 20, 22.5, 31, 44};
    const wick_workload worlds[] = {
        {.needs_power = true},
        {.fresh_s = 0.12},
        {.rule = WICK_INPUT_DROP_OLD, .max_waiting = 1, .deadline_s = 5},
        {.arrivals = WICK_ARRIVALS_POISSON},
        {.arrivals = WICK_ARRIVALS_LISTED, .times_s = times_s, .n_times = 9}};
    scene s;
    scene_make(&s, 900);
    double plainly = judged(&s.on, always_1);
    for (size_t i = 0; i < WICK_LEN(worlds); i++) {
        wick_workload *w = &s.on.workload;
        *w = worlds[i];
        w->period_s = 1;
        w->deadline_s = w->deadline_s > 0 ? w->deadline_s : 1;
        wick_sim_options o = wick_sim_defaults();
        o.workload = *w;
        o.wait_s = s.on.wait_s;
        o.policy = always_1;
        uint8_t correct[20] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1};
        wick_sim_result r;
        assert_int_equal(wick_sim_run(s.on.plan, s.trace, &o, correct, 10, &r, NULL), WICK_OK);
        double score = judged(&s.on, always_1), simulated = r.expected_in_time / r.inputs;
        print_message("%zu: judged %.4f, simulated %.4f, %d inputs, without %.4f\n", i, score,
                      simulated, r.inputs, plainly);
        assert_true(fabs(score - simulated) < 0.9 * (1 + w->deadline_s) / r.inputs + 1e-9);
        assert_true(fabs(score - plainly) > 0.005);
        wick_sim_free(&r);
    }
    scene_free(&s);
}

static void no_input_comes(void **state) {
    (void)state;
    static const double late_s = 1e6;
    scene s;
    scene_make(&s, 1100);
    wick_diag diag = {0};
    double score;
    s.on.workload.arrivals = WICK_ARRIVALS_LISTED;
    s.on.workload.times_s = &late_s;
    s.on.workload.n_times = 1;
    assert_int_equal(wick_policy_judge(&s.on, &always_1, &score, &diag), WICK_RANGE);
    wick_diag_free(&diag);
    scene_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(taking_an_input_costs),
                                       cmocka_unit_test(less_than_is_asked_for_counts_nothing),
                                       cmocka_unit_test(more_than_is_asked_for_is_not_run),
                                       cmocka_unit_test(measured_by_what_is_asked_for),
                                       cmocka_unit_test(inputs_of_a_run),
                                       cmocka_unit_test(judged_as_simulated),
                                       cmocka_unit_test(no_input_comes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
