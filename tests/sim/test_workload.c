/* Workloads by hand: arrivals, queues, deadlines, freshness, what each thing costs; scores. */
#include "sim/arrivals.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void near(double got, double want, double relative) {
    if (!(fabs(got - want) <= relative * fmax(1e-12, fabs(want))))
        fail_msg("got %.15g, want %.15g", got, want);
}

/* A device that never lacks energy: 10 mW in, 1 mW drawn at most. Extractor and both modules take
   one span of 1 s each. */
typedef struct bench {
    wick_device device;
    wick_plan plan;
    wick_segment segments[3];
    wick_span spans[3];
    wick_step steps[3];
    wick_cost costs[3];
    wick_plan_store stores[3]; /* every step writes its output to NVM */
    wick_trace trace;
    double times[2], powers[2];
    uint8_t correct[4];
    wick_sim_options options;
    wick_sim_result r;
} bench;

static void make_bench(bench *b) {
    memset(b, 0, sizeof *b);
    b->device = (wick_device){.name = "rich", .path = "rich.json"};
    b->device.capacitor.uf = 1000;
    b->device.capacitor.on_v = 3;
    b->device.capacitor.off_v = 2;
    b->device.capacitor.max_v = 4;
    b->device.capacitor.efficiency = b->device.capacitor.input_efficiency = 1;
    for (int i = 0; i < 3; i++) {
        b->costs[i] = (wick_cost){.time_us = 1e6, .compute_uj = 80, .nvm_uj = 20, .energy_uj = 100};
        b->spans[i] = (wick_span){.first_step = (uint16_t)i, .n_steps = 1};
        b->stores[i].last_reader = -1;
        b->segments[i] = (wick_segment){
            .first_span = (uint16_t)i, .n_spans = 1, .energy_nj = 100000, .time_us = 1000000};
    }
    b->plan.device = &b->device;
    b->plan.n_segments = 3;
    b->plan.step_cost = b->costs;
    b->plan.stores = b->stores;
    b->plan.boot = (wick_cost){.time_us = 1000, .compute_uj = 1, .energy_uj = 1};
    b->plan.model = (wick_model){.n_modules = 2,
                                 .n_spans = 3,
                                 .n_steps = 3,
                                 .segments = b->segments,
                                 .spans = b->spans,
                                 .steps = b->steps};
    b->times[1] = 50;
    b->powers[0] = b->powers[1] = 10000;
    b->trace = (wick_trace){
        .n = 2, .time_s = b->times, .power_uw = b->powers, .end_s = 100, .path = "rich"};
    b->correct[0] = b->correct[1] = b->correct[2] = 1; /* TM1 always right, TM2 half the time */
    b->options = wick_sim_defaults();
    b->options.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 2};
    b->options.start_v = 4;
    b->options.record = true;
    b->options.workload.deadline_s = 100;
    b->options.workload.rule = WICK_INPUT_DROP_NEW;
}

static void run(bench *b) {
    wick_sim_free(&b->r);
    wick_diag diag = {0};
    if (wick_sim_run(&b->plan, &b->trace, &b->options, b->correct, 2, &b->r, &diag) != WICK_OK) {
        wick_diag_print(&diag, stderr);
        fail_msg("the run was refused");
    }
}

/* Inputs at 0, 0.5, 0.6, 0.7 s while an answer takes two seconds. */
static void list_inputs(bench *b, const double *times, int n) {
    b->options.workload.arrivals = WICK_ARRIVALS_LISTED;
    b->options.workload.times_s = times;
    b->options.workload.n_times = n;
}
static const double crowd[] = {0, 0.5, 0.6, 0.7};

static bool answered(const bench *b, int number, double *at_s) {
    for (int i = 0; i < b->r.n_events; i++)
        if (b->r.events[i].kind == WICK_EVENT_ANSWER && b->r.events[i].input == number) {
            *at_s = b->r.events[i].time_s;
            return true;
        }
    return false;
}

static void drop_new_keeps_the_first(void **state) {
    (void)state;
    bench b;
    double at_s = -1;
    make_bench(&b);
    list_inputs(&b, crowd, 4);
    b.options.workload.max_waiting = 1;
    run(&b);
    assert_int_equal(b.r.inputs, 4);
    assert_int_equal(b.r.dropped, 2);
    assert_true(answered(&b, 0, &at_s) && answered(&b, 1, &at_s));
    near(at_s, 0.001 + 4, 1e-9); /* one after the other */
    assert_false(answered(&b, 2, &at_s));
    b.options.workload.max_waiting = 0;
    run(&b);
    assert_int_equal(b.r.answers, 1);
    assert_int_equal(b.r.dropped, 3);
    wick_sim_free(&b.r);
}

static void drop_old_keeps_the_last(void **state) {
    (void)state;
    bench b;
    double at_s = -1;
    make_bench(&b);
    list_inputs(&b, crowd, 4);
    b.options.workload.rule = WICK_INPUT_DROP_OLD;
    b.options.workload.max_waiting = 2;
    run(&b);
    assert_int_equal(b.r.dropped, 1);
    assert_false(answered(&b, 1, &at_s)); /* the oldest that waited when the last came */
    assert_true(answered(&b, 0, &at_s) && answered(&b, 2, &at_s) && answered(&b, 3, &at_s));
    near(at_s, 0.001 + 6, 1e-9);
    wick_sim_free(&b.r);
}

static void replace_gives_up_the_one_in_work(void **state) {
    (void)state;
    bench b;
    double at_s = -1;
    make_bench(&b);
    list_inputs(&b, crowd, 4);
    b.options.workload.rule = WICK_INPUT_REPLACE;
    run(&b);
    assert_int_equal(b.r.dropped, 3);
    assert_true(answered(&b, 3, &at_s));
    near(at_s, 0.001 + 3, 1e-9); /* noticed behind the extractor's span, which is then repeated */
    near(b.r.mean_latency_s, 0.001 + 3 - 0.7, 1e-9);
    wick_sim_free(&b.r);
}

static void what_waits_beyond_its_deadline_is_not_begun(void **state) {
    (void)state;
    bench b;
    make_bench(&b);
    list_inputs(&b, crowd, 4);
    b.options.workload.max_waiting = 3;
    b.options.workload.deadline_s = 3.55;
    run(&b);
    /* Begun at 0, 2, 4 s; the third is late, the fourth is not begun at 6 s. */
    assert_int_equal(b.r.answers, 3);
    assert_int_equal(b.r.in_time, 2);
    assert_int_equal(b.r.expired, 1);
    wick_sim_free(&b.r);
}

static void periodic_arrivals_begin_at_their_phase(void **state) {
    (void)state;
    wick_workload w = {.arrivals = WICK_ARRIVALS_PERIODIC, .period_s = 10, .phase_s = 7};
    arrivals a = arrivals_begin(&w, 3, 1);
    for (int i = 0; i < 4; i++) {
        near(a.next_s, 7 + 10 * i, 1e-12);
        input in = arrivals_next(&a);
        assert_int_equal(in.id, i);
        near(in.arrival_s, 7 + 10 * i, 1e-12);
    }
}

static void poisson_arrivals_have_their_mean(void **state) {
    (void)state;
    wick_workload w = {.arrivals = WICK_ARRIVALS_POISSON, .period_s = 3};
    arrivals a = arrivals_begin(&w, 10, 7);
    double last_s = 0, squares = 0;
    enum { N = 100000 };
    for (int i = 0; i < N; i++) {
        input in = arrivals_next(&a);
        assert_true(in.arrival_s > last_s && in.id == i && in.sample < 10);
        squares += (in.arrival_s - last_s) * (in.arrival_s - last_s);
        last_s = in.arrival_s;
    }
    near(last_s / N, 3, 0.02);
    near(squares / N, 2 * 9, 0.05); /* exponential: E[x^2] = 2 mean^2 */
}

static void sensing_and_sending_are_charged(void **state) {
    (void)state;
    bench b;
    make_bench(&b);
    static const double one[] = {10};
    list_inputs(&b, one, 1);
    run(&b);
    near(b.r.mean_latency_s, 2, 1e-9);
    near(b.r.energy.compute_uj, 160, 1e-9);
    near(b.r.energy.nvm_uj, 40, 1e-9);
    b.options.workload.sense_uj = 7;
    b.options.workload.sense_us = 200000;
    b.options.workload.send_uj = 9;
    b.options.workload.send_us = 100000;
    b.plan.commit = (wick_cost){.time_us = 1000, .nvm_uj = 2, .energy_uj = 2};
    b.plan.take = (wick_cost){.time_us = 1000, .nvm_uj = 3, .energy_uj = 3};
    b.plan.send = (wick_cost){.time_us = 1000, .compute_uj = 1, .energy_uj = 1};
    run(&b);
    /* Commits: the input, two spans, the decision; the answer goes out before its own. */
    near(b.r.mean_latency_s, 2 + 0.2 + 0.001 + 0.004 + 0.101, 1e-9);
    near(b.r.energy.sense_uj, 7, 1e-9);
    near(b.r.energy.compute_uj, 160 + 1 + 9, 1e-9);
    near(b.r.energy.nvm_uj, 43, 1e-9);
    near(b.r.energy.commit_uj, 12, 1e-9); /* and the delivery's, and the decision to stop */
    assert_int_equal(b.r.commits, 6);
    wick_sim_free(&b.r);
}

static void sleep_is_charged(void **state) {
    (void)state;
    bench b;
    make_bench(&b);
    static const double late[] = {99.5};
    list_inputs(&b, late, 1);
    b.device.sleep_uw = 30;
    b.device.capacitor.efficiency = 0.5;
    run(&b);
    near(b.r.energy.sleep_uj, 30 * (99.5 - 0.001), 1e-9);
    near(b.r.energy.converter_loss_uj, b.r.energy.sleep_uj + 1 + 50, 1e-9);
    wick_sim_free(&b.r);
}

/* What its series resistance takes is drawn from the store beside what the converter takes. */
static void the_heat_of_the_capacitor_is_charged(void **state) {
    (void)state;
    bench b;
    make_bench(&b);
    static const double at_once[] = {0};
    list_inputs(&b, at_once, 1);
    b.device.sleep_uw = 20;
    b.device.capacitor.efficiency = 0.5;
    b.device.capacitor.esr_ohm = 100;
    b.powers[0] = b.powers[1] = 0;
    b.options.policy.module = 1;
    run(&b);
    const wick_energy *e = &b.r.energy;
    double boot_uw = 1 / 0.001 / 0.5, span_uw = 200, sleep_uw = 40, slept_s = 100 - 0.001 - 2;
    near(e->esr_loss_uj,
         0.001 * esr_loss_uw(2, boot_uw, 100) + 2 * esr_loss_uw(2, span_uw, 100) +
             slept_s * esr_loss_uw(2, sleep_uw, 100),
         1e-9);
    near(e->converter_loss_uj, 1 + 200 + 20 * slept_s, 1e-9);
    near(-e->stored_uj, 2 * (1 + 200 + 20 * slept_s) + e->esr_loss_uj, 1e-9);
    wick_sim_free(&b.r);
}

static void inputs_without_power_are_lost_if_the_sensor_needs_it(void **state) {
    (void)state;
    bench b;
    make_bench(&b);
    b.options.start_v = 2; /* wakes after 2500 µJ at 10 mW: 0.25 s */
    static const double times[] = {0.1, 0.2505, 5};
    list_inputs(&b, times, 3);
    run(&b);
    assert_int_equal(b.r.answers, 2); /* the second finds the first in work */
    b.options.workload.needs_power = true;
    run(&b);
    assert_int_equal(b.r.answers, 1);
    assert_int_equal(b.r.dropped, 2); /* one while off, one while booting */
    wick_sim_free(&b.r);
}

static void old_features_are_not_used(void **state) {
    (void)state;
    bench b;
    make_bench(&b);
    static const double one[] = {0};
    list_inputs(&b, one, 1);
    b.options.workload.fresh_s = 1.002; /* the extractor is done at 1.001 s */
    run(&b);
    assert_int_equal(b.r.answers, 1);
    b.options.workload.fresh_s = 1.0005;
    run(&b);
    assert_int_equal(b.r.answers, 0);
    assert_int_equal(b.r.stale, 1);
    assert_int_equal(b.r.missed, 1);
    wick_sim_free(&b.r);
}

/* 150 uJ carry boot, input (47), extractor (10 + 47), but not the decision's commit (47): power
   fails there. With a clock the features are then known to be young. */
static void without_a_clock_the_age_is_unknown(void **state) {
    (void)state;
    for (int clock = 0; clock < 2; clock++) {
        bench b;
        make_bench(&b);
        static const double one[] = {0};
        list_inputs(&b, one, 1);
        b.device.capacitor.uf = 25;
        b.powers[0] = 0; /* until 50 s */
        for (int i = 0; i < 3; i++)
            b.costs[i] = (wick_cost){.time_us = 1e5, .compute_uj = 10, .energy_uj = 10};
        b.plan.commit = (wick_cost){.time_us = 1e5, .nvm_uj = 47, .energy_uj = 47};
        b.options.workload.fresh_s = 60;
        b.options.workload.clock_survives = clock;
        run(&b);
        assert_int_equal(b.r.power_failures, 1);
        assert_int_equal(b.r.answers, clock);
        assert_int_equal(b.r.stale, !clock);
        wick_sim_free(&b.r);
    }
}

static void scores_are_expected_accuracies(void **state) {
    (void)state;
    bench b;
    make_bench(&b);
    b.options.workload.arrivals = WICK_ARRIVALS_PERIODIC;
    b.options.workload.period_s = b.options.workload.deadline_s = 10;
    run(&b);
    assert_int_equal(b.r.inputs, 10);
    assert_int_equal(b.r.in_time, 10);
    near(b.r.expected_in_time, 5, 1e-12); /* TM2: half */
    b.options.policy.module = 1;
    run(&b);
    near(b.r.expected_in_time, 10, 1e-12);
    assert_int_equal(b.r.correct_in_time, 10);
    b.options.workload.deadline_s = 1.9; /* an answer takes 2 s */
    run(&b);
    assert_int_equal(b.r.answers, 10);
    near(b.r.expected_in_time + 1, 1, 1e-12);
    wick_sim_free(&b.r);
}

/* ---- a control replays a schedule ---- */

typedef struct script {
    int asked, both; /* both: the small module first, then the large one */
} script;

static wick_sim_action act(void *ctx, const wick_sim_state *state) {
    script *s = ctx;
    s->asked++;
    if (state->input < 0 || !state->features)
        return (wick_sim_action){.kind = WICK_SIM_GO_ON};
    if (!state->answered)
        return (wick_sim_action){.kind = WICK_SIM_MODULE, .module = s->both ? 2 : 1};
    if (s->both && !(state->answered & 1))
        return (wick_sim_action){.kind = WICK_SIM_MODULE, .module = 1};
    return (wick_sim_action){.kind = WICK_SIM_GO_ON};
}

static void a_control_runs_two_modules(void **state) {
    (void)state;
    bench b;
    make_bench(&b);
    script s = {.both = 1};
    wick_sim_control control = {.act = act, .ctx = &s};
    static const double one[] = {0};
    list_inputs(&b, one, 1);
    b.options.control = &control;
    run(&b);
    assert_true(s.asked > 3);
    assert_int_equal(b.r.answers, 1);
    assert_int_equal(b.r.answers_by_module[1], 1);
    assert_int_equal(b.r.answers_by_module[2], 1);
    near(b.r.mean_latency_s, 2.001, 1e-9); /* of the first answer */
    near(b.r.expected_in_time, 1, 1e-12);  /* of the last one in time */
    /* A module that another input ends has answered nothing. */
    static const double two[] = {0, 2.5};
    list_inputs(&b, two, 2);
    b.options.workload.rule = WICK_INPUT_REPLACE;
    b.options.workload.deadline_s = b.options.workload.period_s;
    b.options.duration_s = 5.5;
    run(&b);
    assert_int_equal(b.r.answers_by_module[1], 0);
    assert_int_equal(b.r.answers_by_module[2], 2);
    near(b.r.expected_in_time, 1, 1e-12); /* twice TM2, half right */
    wick_sim_free(&b.r);
}

static wick_sim_action act_off(void *ctx, const wick_sim_state *state) {
    script *s = ctx;
    if (state->now_s < 20)
        return (wick_sim_action){.kind = s->asked++ ? WICK_SIM_SLEEP : WICK_SIM_OFF,
                                 .until_s = state->now_s < 10 ? 10 : 20};
    return (wick_sim_action){.kind = WICK_SIM_MODULE, .module = 1};
}

static void a_control_switches_off_and_sleeps(void **state) {
    (void)state;
    bench b;
    make_bench(&b);
    b.device.sleep_uw = 10;
    script s = {0};
    wick_sim_control control = {.act = act_off, .ctx = &s};
    static const double one[] = {0};
    list_inputs(&b, one, 1);
    b.options.control = &control;
    run(&b);
    assert_int_equal(b.r.boots, 2);
    assert_int_equal(b.r.power_failures, 0);
    near(b.r.mean_latency_s, 22, 1e-9);
    /* asleep from 10.001 to 20, and from 22 to the end; off before */
    near(b.r.energy.sleep_uj, 10 * (9.999 + 78), 1e-6);
    wick_sim_free(&b.r);
}

/* ---- bad input ---- */

static void refused(bench *b, wick_status want, const char *says) {
    wick_diag diag = {0};
    wick_sim_result r;
    wick_status got = wick_sim_run(&b->plan, &b->trace, &b->options, b->correct, 2, &r, &diag);
    if (got != want || !wick_diag_contains(&diag, says)) {
        wick_diag_print(&diag, stderr);
        fail_msg("%s instead of %s with: %s", wick_status_name(got), wick_status_name(want), says);
    }
    assert_true(diag.count == 1 && diag.items[0].hint != NULL);
    wick_diag_free(&diag);
}

static void contradictions_are_refused(void **state) {
    (void)state;
    bench b;
    make_bench(&b);
    b.device.capacitor.on_v = b.device.capacitor.off_v;
    refused(&b, WICK_RANGE, "rich.json");
    make_bench(&b);
    b.device.capacitor.max_v = 2.9;
    b.options.start_v = 2;
    refused(&b, WICK_RANGE, "off_v < on_v <= max_v");
    make_bench(&b);
    b.options.start_v = 4.1;
    refused(&b, WICK_RANGE, "clamped");
    make_bench(&b);
    b.options.workload.deadline_s = NAN;
    refused(&b, WICK_RANGE, "deadline");
    make_bench(&b);
    b.options.workload.period_s = 0;
    refused(&b, WICK_RANGE, "period");
    make_bench(&b);
    static const double unsorted[] = {1, 3, 2};
    list_inputs(&b, unsorted, 3);
    refused(&b, WICK_RANGE, "input 3 arrives");
    make_bench(&b);
    b.options.workload.send_uj = 3;
    refused(&b, WICK_RANGE, "sending");
    make_bench(&b);
    b.options.policy.module = 3;
    refused(&b, WICK_RANGE, "no module 3");
}

static void work_that_no_charge_carries_is_named(void **state) {
    (void)state;
    bench b;
    make_bench(&b);
    b.costs[1].energy_uj = 6000; /* a full capacitor gives 6000 µJ */
    refused(&b, WICK_NO_FIT, "module 1, span 1");
    refused(&b, WICK_NO_FIT, "wick plan --capacitor 1000");
    make_bench(&b);
    b.device.capacitor.esr_ohm = 30000; /* 0.1 mW: 50 µA, 1.5 V */
    refused(&b, WICK_NO_FIT, "series resistance");
}

/* The figures that a refusal names, from "at most A uJ ... at least B uF"; 0: it names none. */
static void named_figures(const bench *b, const char *option, double *uj, double *uf) {
    wick_diag diag = {0};
    wick_sim_result r;
    assert_int_equal(wick_sim_run(&b->plan, &b->trace, &b->options, b->correct, 2, &r, &diag),
                     WICK_NO_FIT);
    assert_int_equal(diag.count, 1);
    assert_null(diag.items[0].file); /* the network is not to blame */
    assert_string_equal(diag.items[0].place, option);
    assert_null(strstr(diag.items[0].hint, "plan again"));
    const char *most = strstr(diag.items[0].hint, "at most "),
               *least = strstr(diag.items[0].hint, "at least ");
    *uj = most ? atof(most + strlen("at most ")) : 0;
    *uf = least ? atof(least + strlen("at least ")) : 0;
    wick_diag_free(&diag);
}

static wick_status tried(bench *b, double uf) {
    wick_sim_result r;
    b->device.capacitor.uf = uf;
    wick_status status = wick_sim_run(&b->plan, &b->trace, &b->options, b->correct, 2, &r, NULL);
    wick_sim_free(&r);
    b->device.capacitor.uf = 1000;
    return status;
}

/* A step of the user's own that no charge carries: the option is named, and what would do does. */
static void sensing_and_sending_name_their_option(void **state) {
    (void)state;
    static const struct {
        bool send;
        double uj, us, ohm;
    } cases[] = {{true, 7000, 1e6, 0},
                 {false, 1e9, 5, 0},
                 {true, 6500, 1e6, 20},
                 {false, 9000, 3e6, 5},
                 {true, 9000, 1e4, 100}};
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        bench b;
        make_bench(&b);
        wick_workload *load = &b.options.workload;
        double *uj = cases[i].send ? &load->send_uj : &load->sense_uj, most, least;
        b.device.capacitor.esr_ohm = cases[i].ohm;
        *(cases[i].send ? &load->send_us : &load->sense_us) = cases[i].us;
        *uj = cases[i].uj;
        named_figures(&b, cases[i].send ? "--send" : "--sense", &most, &least);
        assert_true(most > 0 && most < cases[i].uj);
        assert_true((least > 1000) == (i != 4)); /* the last would die in any capacitor */
        if (least > 0) {
            assert_int_equal(tried(&b, least), WICK_OK);
            assert_int_equal(tried(&b, least * 0.998), WICK_NO_FIT);
        }
        *uj = most;
        assert_int_equal(tried(&b, 1000), WICK_OK);
        *uj = most * 1.002;
        assert_int_equal(tried(&b, 1000), WICK_NO_FIT);
    }
}

/* EDF keeps a reserve that no charge leaves, but not from urgent inputs: those alone get TM1. */
static void urgent_inputs_get_what_is_saved(void **state) {
    (void)state;
    static const uint8_t named[] = {0, 1, 1, 0};
    static const double times[] = {0, 10, 20, 30};
    bench b;
    make_bench(&b);
    b.options.policy = (wick_policy){.kind = WICK_POLICY_EDF, .reserve_uj = UINT32_MAX};
    b.options.workload.period_s = b.options.workload.deadline_s = 10;
    b.options.duration_s = 41;
    for (int way = 0; way < 2; way++) {
        if (way) {
            list_inputs(&b, times, 4);
            b.options.workload.urgent = named;
        } else {
            b.options.workload.urgent_every = 3; /* 0 and 3 of five */
        }
        run(&b);
        assert_int_equal(b.r.inputs, way ? 4 : 5);
        assert_int_equal(b.r.urgent, 2);
        assert_int_equal(b.r.answers_by_module[1], 2);
        assert_int_equal(b.r.urgent_in_time, 2);
        near(b.r.urgent_expected, 2, 1e-12); /* TM1 is always right, TM2 half the time */
        near(b.r.expected_in_time, 3, 1e-12);
    }
    wick_sim_free(&b.r);
}

static void lists_of_arrivals_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text, *want;
        wick_status status;
    } cases[] = {
        {"time_s,what\n1,a\n2.5,b\n", NULL, WICK_OK},
        {"urgent,time_s\n0,1\n1,2.5\n", NULL, WICK_OK},
        {"time_s,urgent\n1,0\n2,0.5\n", "line 3", WICK_RANGE},
        {"time_s,urgent\n1\n", "line 2", WICK_MISSING},
        {"t\n1\n", "time_s", WICK_MISSING},
        {"time_s\n2\n1\n", "line 3", WICK_RANGE},
        {"time_s\n2\nnan\n", "line 3", WICK_SYNTAX},
        {"time_s\n-1\n", "line 2", WICK_RANGE},
        {"time_s\n", "no input ever arrives", WICK_TRUNCATED},
        {"", "empty", WICK_TRUNCATED},
    };
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        char path[] = "/tmp/wick-arrivals-XXXXXX";
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        close(fd);
        wick_arena *arena = wick_arena_new();
        wick_diag diag = {0};
        wick_workload w = {0};
        assert_int_equal(wick_file_write(path, cases[i].text, strlen(cases[i].text), NULL),
                         WICK_OK);
        assert_int_equal(wick_workload_load(arena, path, &w, &diag), cases[i].status);
        if (cases[i].want && !wick_diag_contains(&diag, cases[i].want))
            fail_msg("case %zu does not say: %s", i, cases[i].want);
        if (cases[i].status == WICK_OK) {
            assert_int_equal(w.n_times, 2);
            near(w.times_s[1], 2.5, 1e-12);
            assert_true(!w.urgent || (w.urgent[0] == 0 && w.urgent[1] == 1));
            assert_int_equal(w.urgent != NULL, i == 1);
        }
        unlink(path);
        wick_diag_free(&diag);
        wick_arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drop_new_keeps_the_first),
        cmocka_unit_test(drop_old_keeps_the_last),
        cmocka_unit_test(replace_gives_up_the_one_in_work),
        cmocka_unit_test(what_waits_beyond_its_deadline_is_not_begun),
        cmocka_unit_test(periodic_arrivals_begin_at_their_phase),
        cmocka_unit_test(poisson_arrivals_have_their_mean),
        cmocka_unit_test(sensing_and_sending_are_charged),
        cmocka_unit_test(sleep_is_charged),
        cmocka_unit_test(the_heat_of_the_capacitor_is_charged),
        cmocka_unit_test(inputs_without_power_are_lost_if_the_sensor_needs_it),
        cmocka_unit_test(old_features_are_not_used),
        cmocka_unit_test(without_a_clock_the_age_is_unknown),
        cmocka_unit_test(scores_are_expected_accuracies),
        cmocka_unit_test(a_control_runs_two_modules),
        cmocka_unit_test(a_control_switches_off_and_sleeps),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(work_that_no_charge_carries_is_named),
        cmocka_unit_test(sensing_and_sending_name_their_option),
        cmocka_unit_test(urgent_inputs_get_what_is_saved),
        cmocka_unit_test(lists_of_arrivals_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
