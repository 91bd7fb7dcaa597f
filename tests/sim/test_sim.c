/* The simulator on closed-form cases: capacitor equations, energy conservation, schedules computed
 * by hand. */
#include "sim/sim.h"
#include "sim/store.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* 100 µF, wake 3 V, brown-out 2 V, clamp 4 V: 450, 200 and 800 µJ. */
static wick_device make_device(void) {
    wick_device d = {
        .name = "test", .clock_hz = 1e6, .sleep_uw = 0, .boot_uj = 10, .boot_us = 1000};
    d.capacitor.uf = 100;
    d.capacitor.on_v = 3;
    d.capacitor.off_v = 2;
    d.capacitor.max_v = 4;
    d.capacitor.efficiency = 1;
    d.capacitor.input_efficiency = 1;
    return d;
}

static void near(double got, double want, double relative) {
    if (fabs(got - want) > relative * fmax(1e-12, fabs(want)))
        fail_msg("got %.15g, want %.15g", got, want);
}

static store_input power(double uw) {
    return (store_input){.uw = uw};
}

static void the_store_without_leakage_is_linear(void **state) {
    (void)state;
    wick_device d = make_device();
    store s = store_make(&d, 0, 2);
    near(s.energy_uj, 200, 1e-12);
    near(store_time_to(&s, power(100), 0, 450), 2.5, 1e-12);
    assert_true(isinf(store_time_to(&s, power(0), 0, 450)));
    assert_true(isinf(store_time_to(&s, power(100), 100, 450)));
    near(store_time_to(&s, power(0), 50, 100), 2, 1e-12);
    store_flow f =
        store_advance(&s, power(100), 0, 10); /* full after 6 s, 4 s of 100 µW are clamped */
    near(s.energy_uj, 800, 1e-12);
    near(f.clamped_uj, 400, 1e-12);
    near(f.in_uj, 1000, 1e-12);
    near(store_voltage(&s), 4, 1e-12);
    f = store_advance(&s, power(100), 300, 1); /* leaves the clamp */
    near(s.energy_uj, 600, 1e-12);
    near(f.clamped_uj + 1, 1, 1e-12);
}

static void the_store_with_leakage_decays_exponentially(void **state) {
    (void)state;
    wick_device d = make_device();
    d.capacitor.leakage_ua = 20; /* lambda = 2 * 20 / (100 * 4) = 0.1 /s */
    store s = store_make(&d, 0, 4);
    store_flow f = store_advance(&s, power(0), 0, 10);
    near(s.energy_uj, 800 * exp(-1), 1e-12);
    near(f.leaked_uj, 800 * (1 - exp(-1)), 1e-12);
    /* towards the equilibrium P / lambda = 300 µJ */
    s.energy_uj = 100;
    near(store_time_to(&s, power(30), 0, 200), log(2.0) / 0.1, 1e-12);
    assert_true(isinf(store_time_to(&s, power(30), 0, 300)));
    assert_true(isinf(store_time_to(&s, power(30), 0, 400)));
    s.energy_uj = 800; /* at the clamp: 100 µW against 80 µW of leakage leave 20 to throw away */
    f = store_advance(&s, power(100), 0, 5);
    near(f.clamped_uj, 100, 1e-9);
    near(f.leaked_uj, 400, 1e-9);
}

/* Extractor of two spans, TM1 of three, TM2 of one. Every span: 100 ms, 100 µJ. */
typedef struct fixture {
    wick_device device;
    wick_plan plan;
    wick_segment segments[3];
    wick_cost costs[6];
    wick_plan_store stores[6];
    wick_plan_reload reloads[6];
    wick_step steps[6];
    wick_span spans[6];
    wick_trace trace;
    double times[2], powers[2];
    uint8_t correct[2];
} fixture;

static void make_fixture(fixture *f, double power_uw, double seconds) {
    memset(f, 0, sizeof *f);
    f->device = make_device();
    for (int i = 0; i < 6; i++) {
        f->costs[i] = (wick_cost){.time_us = 1e5, .compute_uj = 75, .nvm_uj = 25, .energy_uj = 100};
        f->spans[i] = (wick_span){.first_step = (uint16_t)i, .n_steps = 1};
        f->stores[i].last_reader = -1;
    }
    f->segments[0] = (wick_segment){.first_span = 0, .n_spans = 2, .energy_nj = 200000};
    f->segments[1] = (wick_segment){.first_span = 2, .n_spans = 3, .energy_nj = 300000};
    f->segments[2] = (wick_segment){.first_span = 5, .n_spans = 1, .energy_nj = 100000};
    f->plan.device = &f->device;
    f->plan.step_cost = f->costs;
    f->plan.stores = f->stores;
    f->plan.reloads = f->reloads;
    f->plan.boot = (wick_cost){.time_us = f->device.boot_us,
                               .compute_uj = f->device.boot_uj,
                               .energy_uj = f->device.boot_uj};
    f->plan.n_segments = 3;
    f->plan.model.n_modules = 2;
    f->plan.model.n_spans = f->plan.model.n_steps = 6;
    f->plan.model.steps = f->steps;
    f->plan.model.spans = f->spans;
    f->plan.model.segments = f->segments;
    f->times[1] = seconds / 2;
    f->powers[0] = f->powers[1] = power_uw;
    f->trace = (wick_trace){
        .n = 2, .time_s = f->times, .power_uw = f->powers, .end_s = seconds, .path = "constant"};
    f->correct[0] = 1; /* TM1 is right, TM2 wrong */
}

static void conserved(const wick_energy *e) {
    double spent = e->clamped_uj + e->input_loss_uj + e->leakage_uj + e->converter_loss_uj +
                   e->esr_loss_uj + e->boot_uj + e->sense_uj + e->compute_uj + e->nvm_uj +
                   e->commit_uj + e->reexecution_uj + e->sleep_uj + e->stored_uj;
    near(spent, e->harvested_uj, 1e-9);
}

static void a_run_computed_by_hand(void **state) {
    (void)state;
    fixture f;
    make_fixture(&f, 100, 100);
    wick_sim_options o = wick_sim_defaults();
    o.workload.period_s = o.workload.deadline_s = 100;
    o.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 2};
    wick_sim_result r;
    assert_int_equal(wick_sim_run(&f.plan, &f.trace, &o, f.correct, 1, &r, NULL), WICK_OK);
    /* 200 -> 450 µJ takes 2.5 s. Boot 1 ms, -10 + 0.1; then each span nets -90: two spans leave
       260.1, the third (TM2) ends at 170.1 < 200, so it fails after 60.1 / 900 s and costs 6.6778
       + 60.1 = 66.78 µJ of draw. Then 2.5 s to wake, 1 ms boot, 100 ms: the answer. */
    double fail_s = (450 - 9.9 - 180 - 200) / 900;
    assert_int_equal(r.power_failures, 1);
    assert_int_equal(r.boots, 2);
    assert_int_equal(r.answers, 1);
    assert_int_equal(r.answers_by_module[2], 1);
    assert_int_equal(r.correct_in_time, 0);
    near(r.mean_latency_s, 2.5 + 0.001 + 0.2 + fail_s + 2.5 + 0.001 + 0.1, 1e-9);
    near(r.energy.reexecution_uj, 1000 * fail_s, 1e-9);
    near(r.energy.compute_uj, 225, 1e-9);
    near(r.energy.nvm_uj, 75, 1e-9);
    near(r.energy.boot_uj, 20, 1e-9);
    near(r.energy.harvested_uj, 10000, 1e-9);
    conserved(&r.energy);
    wick_sim_free(&r);
}

/* The same run, with outputs that stay in SRAM: 10 µJ and 10 ms to write one at a commit, half of
   that to read it again. */
static void what_stays_in_sram_is_written_at_commits_and_read_after_boots(void **state) {
    (void)state;
    fixture f;
    make_fixture(&f, 100, 100);
    static const int last_reader[6] = {1, UINT16_MAX, 3, 4, UINT16_MAX, UINT16_MAX};
    static const int reads[5][2] = {{1, 0}, {2, 1}, {3, 2}, {4, 3}, {5, 1}};
    for (int i = 0; i < 6; i++)
        f.stores[i] = (wick_plan_store){.last_reader = last_reader[i],
                                        .cost = {.time_us = 1e4, .nvm_uj = 10, .energy_uj = 10}};
    for (int i = 0; i < 5; i++)
        f.reloads[i] = (wick_plan_reload){.step = reads[i][0],
                                          .producer = reads[i][1],
                                          .cost = {.time_us = 5e3, .nvm_uj = 5, .energy_uj = 5}};
    f.plan.n_reloads = 5;
    wick_sim_options o = wick_sim_defaults();
    o.workload.period_s = o.workload.deadline_s = 100;
    o.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 2};
    for (int eager = 0; eager < 2; eager++) {
        o.no_voltage = eager;
        wick_sim_result r;
        assert_int_equal(wick_sim_run(&f.plan, &f.trace, &o, f.correct, 1, &r, NULL), WICK_OK);
        /* Two spans, each with a write: 242.1 µJ are left. TM2 has its features in SRAM and fails
           after 42.1 / 900 s; the next boot reads them. */
        double fail_s = (450 - 9.9 - 198 - 200) / 900;
        assert_int_equal(r.power_failures, 1);
        near(r.mean_latency_s, 2.5 + 0.001 + 0.22 + fail_s + 2.5 + 0.001 + 0.005 + 0.1 + 0.01,
             1e-9);
        near(r.energy.reexecution_uj, 1000 * fail_s, 1e-9);
        near(r.energy.commit_uj, 30, 1e-9);
        near(r.energy.nvm_uj, 80, 1e-9);
        conserved(&r.energy);
    }
    /* TM1 in one go: what only its next span reads is never written. */
    o.policy.module = 1;
    o.start_v = 4;
    for (int i = 0; i < 6; i++)
        f.spans[i].need_mv = 2100;
    f.spans[1].mandatory = f.spans[4].mandatory = 1;
    for (int eager = 0; eager < 2; eager++) {
        o.no_voltage = eager;
        wick_sim_result r;
        assert_int_equal(wick_sim_run(&f.plan, &f.trace, &o, f.correct, 1, &r, NULL), WICK_OK);
        assert_int_equal(r.power_failures, 0);
        near(r.energy.commit_uj, eager ? 50 : 30, 1e-9); /* lazy: steps 0, 1 and the logits */
        near(r.energy.nvm_uj, 125, 1e-9);
        conserved(&r.energy);
    }
}

static void inputs_that_nobody_answers_are_missed(void **state) {
    (void)state;
    fixture f;
    make_fixture(&f, 1,
                 1000); /* 1 µW: the wake voltage needs 250 s, one charge carries two spans */
    wick_sim_options o = wick_sim_defaults();
    o.workload.period_s = 50;
    o.workload.deadline_s = 40;
    o.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 1};
    wick_sim_result r;
    assert_int_equal(wick_sim_run(&f.plan, &f.trace, &o, f.correct, 1, &r, NULL), WICK_OK);
    assert_int_equal(r.inputs, 20);
    assert_int_equal(r.answers, 0);
    assert_int_equal(r.missed, 20);
    conserved(&r.energy);
    o.workload.deadline_s = 60;
    wick_diag diag = {0};
    assert_int_equal(wick_sim_run(&f.plan, &f.trace, &o, f.correct, 1, &r, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "deadline"));
    wick_diag_free(&diag);
}

static void energy_is_conserved_over_a_rough_day(void **state) {
    (void)state;
    fixture f;
    make_fixture(&f, 0, 10);
    f.device.capacitor.leakage_ua = 2;
    f.device.capacitor.efficiency = 0.85;
    f.device.capacitor.input_efficiency = 0.7;
    f.device.sleep_uw = 3;
    enum { N = 20000 };
    static double times[N], powers[N];
    wick_rng rng = wick_rng_seed(5, 0);
    for (int i = 0; i < N; i++) {
        times[i] = i * 4.32 + 0.5 * wick_rng_uniform_double(&rng) * (i > 0);
        powers[i] = wick_rng_below(&rng, 3) ? 4000 * wick_rng_uniform_double(&rng) : 0;
    }
    f.trace = (wick_trace){
        .n = N, .time_s = times, .power_uw = powers, .end_s = N * 4.32, .path = "rough"};
    wick_sim_options o = wick_sim_defaults();
    o.workload.period_s = 7;
    o.workload.deadline_s = 5;
    o.record = true;
    wick_sim_result r;
    assert_int_equal(wick_sim_run(&f.plan, &f.trace, &o, f.correct, 1, &r, NULL), WICK_OK);
    assert_true(r.power_failures > 100);
    assert_true(r.energy.clamped_uj > 0);
    assert_true(r.energy.leakage_uj > 0);
    assert_true(r.answers_by_module[1] > 0 && r.answers_by_module[2] > 0);
    assert_int_equal(r.answers, r.answers_by_module[1] + r.answers_by_module[2]);
    /* Every input is answered or missed, the last one may be open. */
    assert_in_range(r.inputs - r.answers - r.missed, 0, 1);
    conserved(&r.energy);
    double last = -1;
    for (int i = 0; i < r.n_events; i++) {
        assert_true(r.events[i].time_s >= last);
        last = r.events[i].time_s;
        assert_true(r.events[i].voltage <= 4 + 1e-9);
    }
    wick_sim_result again;
    assert_int_equal(wick_sim_run(&f.plan, &f.trace, &o, f.correct, 1, &again, NULL), WICK_OK);
    assert_int_equal(again.answers, r.answers);
    assert_int_equal(again.n_events, r.n_events);
    assert_memory_equal(&again.energy, &r.energy, sizeof r.energy);
    wick_sim_free(&r);
    wick_sim_free(&again);
}

/* A run that is longer than the trace hears it again, and one that enters it late hears the rest
   first: the same as of a trace that is written out so. */
static void a_trace_goes_round(void **state) {
    (void)state;
    fixture f;
    make_fixture(&f, 0, 60);
    double times[4] = {0, 30, 60, 90};
    f.powers[0] = 150;
    wick_sim_options o = wick_sim_defaults();
    o.workload.period_s = o.workload.deadline_s = 20;
    o.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 2};
    for (int late = 0; late < 2; late++) {
        double powers[4] = {150, 0, 150, 0}, from_30[4] = {0, 150, 0, 150};
        wick_trace whole = {.n = 4,
                            .time_s = times,
                            .power_uw = late ? from_30 : powers,
                            .end_s = 120,
                            .path = "written out"};
        wick_sim_result round, out;
        o.duration_s = 110;
        o.trace_start_s = late ? 30 : 0;
        assert_int_equal(wick_sim_run(&f.plan, &f.trace, &o, f.correct, 1, &round, NULL), WICK_OK);
        o.trace_start_s = 0;
        assert_int_equal(wick_sim_run(&f.plan, &whole, &o, f.correct, 1, &out, NULL), WICK_OK);
        assert_int_equal(round.answers, out.answers);
        assert_true(round.answers > 1 && round.power_failures > 0);
        assert_int_equal(round.power_failures, out.power_failures);
        near(round.mean_latency_s, out.mean_latency_s, 1e-9);
        near(round.energy.harvested_uj, out.energy.harvested_uj, 1e-9);
        near(round.energy.stored_uj, out.energy.stored_uj, 1e-9);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_store_without_leakage_is_linear),
        cmocka_unit_test(the_store_with_leakage_decays_exponentially),
        cmocka_unit_test(a_run_computed_by_hand),
        cmocka_unit_test(what_stays_in_sram_is_written_at_commits_and_read_after_boots),
        cmocka_unit_test(inputs_that_nobody_answers_are_missed),
        cmocka_unit_test(energy_is_conserved_over_a_rough_day),
        cmocka_unit_test(a_trace_goes_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
