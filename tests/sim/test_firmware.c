/* The two simulators agree: the fast one, and the runtime's engine and kernels whose power is cut
   by the same account of energy. */
#include "helper_net_plan.h"
#include "helper_scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SAMPLES = 2000 };

typedef struct run {
    wick_trace trace;
    double times[SAMPLES], powers[SAMPLES];
    wick_sim_options options;
} run;

static double between(wick_rng *rng, double low, double high) {
    return low + (high - low) * wick_rng_uniform_double(rng);
}

/* Bursts and darkness; an input now and then; `rich`: times the energy of one input a period. */
static void make_run(run *r, const wick_plan *plan, uint64_t seed) {
    wick_rng rng = wick_rng_seed(seed, 0x6669726d);
    *r = (run){.options = wick_sim_defaults()};
    double need_uj = 0, period_s = between(&rng, 0.2, 3), at = 0, level = 1;
    for (int k = 0; k < 2; k++)
        need_uj += plan->segments[k].cost.energy_uj;
    double mean_uw = between(&rng, 0.2, 4) * need_uj / period_s;
    for (int i = 0; i < SAMPLES; i++) {
        if (wick_rng_below(&rng, 20) == 0)
            level = wick_rng_below(&rng, 2) ? between(&rng, 0, 4) : 0;
        r->times[i] = at;
        at += between(&rng, 0.001, 0.1);
        r->powers[i] = mean_uw * level;
    }
    r->trace = (wick_trace){.n = SAMPLES,
                            .time_s = r->times,
                            .power_uw = r->powers,
                            .end_s = at,
                            .path = "bursts",
                            .quantity = "power"};
    wick_workload *w = &r->options.workload;
    w->arrivals = wick_rng_below(&rng, 2) ? WICK_ARRIVALS_POISSON : WICK_ARRIVALS_PERIODIC;
    w->period_s = w->deadline_s = period_s;
    w->rule = (wick_input_rule)wick_rng_below(&rng, 3);
    w->max_waiting = 2;
    w->urgent_every = seed % 4 == 3 ? 2 : 0;
    r->options.min_accuracy_permille = seed % 5 == 4 ? 500 : 0;
    if (wick_rng_below(&rng, 2)) {
        w->sense_uj = 0.2;
        w->sense_us = 30;
        w->send_uj = 0.5;
        w->send_us = 50;
    }
    if (wick_rng_below(&rng, 3) == 0) {
        w->fresh_s = period_s * between(&rng, 0.1, 1);
        w->clock_survives = wick_rng_below(&rng, 2) == 0;
    }
    r->options.policy =
        (wick_policy){.kind = (uint8_t)wick_rng_below(&rng, 5),
                      .reserve_uj = (uint32_t)(plan->charge_uj * between(&rng, 0, 0.5)),
                      .memory_ms = wick_rng_below(&rng, 2) ? 300 : 0,
                      .table = scenario_table(plan->arena, plan->model.n_modules,
                                              1.35 * plan->charge_uj, mean_uw, period_s, seed),
                      .module = (uint8_t)(1 + wick_rng_below(&rng, plan->model.n_modules)),
                      .harvest_low_uw = (uint32_t)mean_uw / 2,
                      .harvest_high_uw = (uint32_t)mean_uw,
                      .charge_high_uj = (uint32_t)(plan->charge_uj / 2)};
    r->options.seed = seed;
    r->options.record = true;
    r->options.no_voltage = seed % 2;
}

static void both(const net_plan *n, const run *r, const wick_sim_firmware *firmware,
                 wick_sim_result *fast, wick_sim_result *real) {
    wick_diag diag = {0};
    if (wick_sim_run(n->plan, &r->trace, &r->options, n->correct, NET_SAMPLES, fast, &diag) !=
            WICK_OK ||
        wick_sim_run_firmware(n->plan, firmware, &r->trace, &r->options, n->correct, NET_SAMPLES,
                              real, &diag) != WICK_OK) {
        wick_diag_print(&diag, stderr);
        fail_msg("seed %d", (int)r->options.seed);
    }
}

static void the_firmware_does_what_was_simulated(void **state) {
    (void)state;
    static const struct {
        const char *device;
        double uf;
        int max_span_outputs;
    } plans[] = {{"m4-fram", 15, 100}, {"m4-fram", 15, 0}, {"m4-mram", 10, 60},
                 {"m4-fram", 60, 200}, {"m4-fram", 10, 0}, {"m4-mram", 5, 0},
                 {"m33-flash", 200, 0}};
    run *r = malloc(sizeof *r);
    assert_non_null(r);
    int kept = 0, read_again = 0;
    long failures = 0, answers = 0, right = 0, repeats = 0, dropped = 0, stale = 0;
    for (size_t i = 0; i < WICK_LEN(plans); i++) {
        net_plan n;
        wick_plan_options options = wick_plan_defaults();
        options.capacitor_uf = plans[i].uf;
        options.max_span_outputs = plans[i].max_span_outputs;
        net_plan_make_with(&n, i + 1, plans[i].device, &options);
        wick_sim_firmware firmware = {.inputs = n.inputs, .labels = n.labels};
        for (int k = 0; k < n.plan->model.n_steps; k++)
            kept += n.plan->stores[k].last_reader >= 0;
        read_again += n.plan->n_reloads;
        for (uint64_t seed = 0; seed < 12; seed++) {
            wick_sim_result fast, real;
            make_run(r, n.plan, 100 * i + seed);
            if (seed % 3 == 0)
                r->options.policy.rest_uj = (uint32_t)(0.8 * n.plan->charge_uj);
            for (int k = 1; k < n.plan->model.n_modules && seed % 6 >= 4; k++)
                r->options.policy.sure[k] = n.margins[k * NET_SAMPLES + (int)seed];
            r->options.margins = n.margins;
            both(&n, r, &firmware, &fast, &real);
            scenario_equal(&fast, &real, r->options.seed);
            scenario_conserved(&real.energy);
            failures += real.power_failures;
            answers += real.answers;
            right += real.correct_in_time;
            repeats += real.energy.reexecution_uj > 0;
            dropped += real.dropped;
            stale += real.stale;
            wick_sim_free(&fast);
            wick_sim_free(&real);
        }
        net_plan_free(&n);
    }
    free(r);
    print_message("%ld answers, %ld right, %ld power failures, %ld dropped, %ld stale, %ld runs "
                  "with repeated work\n",
                  answers, right, failures, dropped, stale, repeats);
    assert_true(answers > 500 && right > 100 && right < answers && failures > 200);
    assert_true(kept > 30 && read_again > 30);
    assert_true(dropped > 20 && stale > 5 && repeats > 10);
}

/* Modules that begin for an input in the boot in which another one began: with a plan of which
   every module begins with the extractor, they may find its work in SRAM. */
static int begun_in_one_boot(const wick_sim_result *r) {
    int begun = 0, input = -1;
    for (int i = 0; i < r->n_events; i++) {
        const wick_event *e = &r->events[i];
        if (e->kind == WICK_EVENT_FAIL)
            input = -1;
        if (e->kind != WICK_EVENT_MODULE)
            continue;
        begun += e->input == input;
        input = e->input;
    }
    return begun;
}

/* Runs a plan of which every module begins with the extractor through both simulators, with the
   policy of each scenario, or always one module. Counts power failures and modules that began in
   the boot of another one. */
static void compare_recomputing(const char *device, double uf, uint64_t seed, int module,
                                int *failures, int *second) {
    net_plan n;
    run *r = malloc(sizeof *r);
    assert_non_null(r);
    wick_plan_options options = wick_plan_defaults();
    options.capacitor_uf = uf;
    options.features = WICK_FEATURES_RECOMPUTED;
    net_plan_make_with(&n, seed + 1, device, &options);
    assert_true(n.plan->model.segments[0].n_spans == 0 && n.plan->model.extractor_steps > 1);
    wick_sim_firmware firmware = {.inputs = n.inputs, .labels = n.labels};
    for (uint64_t i = 0; i < 16; i++) {
        wick_sim_result fast, real;
        make_run(r, n.plan, 1000 * seed + i);
        r->options.min_accuracy_permille = 0; /* else there are few second modules */
        if (module)
            r->options.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = (uint8_t)module};
        both(&n, r, &firmware, &fast, &real);
        scenario_equal(&fast, &real, r->options.seed);
        scenario_conserved(&real.energy);
        *failures += real.power_failures;
        *second += begun_in_one_boot(&real);
        wick_sim_free(&fast);
        wick_sim_free(&real);
    }
    net_plan_free(&n);
    free(r);
}

static void a_second_module_finds_the_extractor_in_sram(void **state) {
    (void)state;
    static const struct {
        const char *device;
        double uf;
    } plans[] = {{"m4-fram", 8.2}, {"m4-fram", 11}, {"m4-fram", 15},
                 {"m4-fram", 60},  {"m4-mram", 5},  {"m33-flash", 100}};
    for (size_t i = 0; i < WICK_LEN(plans); i++) {
        int failures = 0, second = 0;
        compare_recomputing(plans[i].device, plans[i].uf, i, 0, &failures, &second);
        print_message("%s, %g uF: %d failures, %d second modules in one boot\n", plans[i].device,
                      plans[i].uf, failures, second);
        assert_true(failures > 10 && second > 10);
    }
}

/* One module an input: what counts is which of its extractor's outputs a boot in the middle has. */
static void a_boot_amid_the_extractor_reads_what_it_did_not_compute(void **state) {
    (void)state;
    int failures = 0, second = 0;
    for (int module = 1; module <= 3; module++) {
        compare_recomputing("m4-fram", 8, 20 + (uint64_t)module, module, &failures, &second);
        compare_recomputing("m33-flash", 200, 30 + (uint64_t)module, module, &failures, &second);
    }
    print_message("%d failures\n", failures);
    assert_true(failures > 100 && second == 0);
}

/* What is compared are the engine's own answers: another weight gives others. */
static void a_wrong_weight_shows(void **state) {
    (void)state;
    net_plan n;
    run *r = malloc(sizeof *r);
    assert_non_null(r);
    net_plan_make(&n, 1, "m4-fram", 60, 0);
    make_run(r, n.plan, 5);
    r->options.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 3};
    wick_model model = n.plan->model;
    wick_layer *layers = wick_new(n.arena, wick_layer, model.n_layers);
    memcpy(layers, model.layers, model.n_layers * sizeof *layers);
    wick_layer *last = &layers[model.n_layers - 1];
    int32_t *bias = wick_new(n.arena, int32_t, last->out_c);
    for (int c = 0; c < last->out_c; c++)
        bias[c] = c == 1 ? 1 << 24 : 0;
    last->bias = bias;
    model.layers = layers;
    wick_sim_firmware firmware = {.model = &model, .inputs = n.inputs, .labels = n.labels};
    wick_sim_result fast, real;
    both(&n, r, &firmware, &fast, &real);
    assert_true(fast.answers > 20);
    assert_int_equal(fast.answers, real.answers); /* energy and time do not see it */
    assert_true(fast.correct_in_time != real.correct_in_time);
    wick_sim_free(&fast);
    wick_sim_free(&real);
    free(r);
    net_plan_free(&n);
}

static wick_sim_action act(void *ctx, const wick_sim_state *state) {
    (void)ctx;
    (void)state;
    return (wick_sim_action){.kind = WICK_SIM_GO_ON};
}

static void what_it_cannot_run_is_refused(void **state) {
    (void)state;
    net_plan n;
    run *r = malloc(sizeof *r);
    assert_non_null(r);
    net_plan_make(&n, 1, "m4-fram", 60, 0);
    make_run(r, n.plan, 5);
    wick_sim_control control = {.act = act};
    r->options.control = &control;
    wick_sim_firmware firmware = {.inputs = n.inputs, .labels = n.labels};
    wick_sim_result result;
    assert_int_equal(wick_sim_run_firmware(n.plan, &firmware, &r->trace, &r->options, n.correct,
                                           NET_SAMPLES, &result, NULL),
                     WICK_UNSUPPORTED);
    r->options.control = NULL;
    wick_model other = n.plan->model;
    other.id[1] ^= 1;
    firmware.model = &other;
    assert_int_equal(wick_sim_run_firmware(n.plan, &firmware, &r->trace, &r->options, n.correct,
                                           NET_SAMPLES, &result, NULL),
                     WICK_MISMATCH);
    free(r);
    net_plan_free(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_firmware_does_what_was_simulated),
        cmocka_unit_test(a_second_module_finds_the_extractor_in_sram),
        cmocka_unit_test(a_boot_amid_the_extractor_reads_what_it_did_not_compute),
        cmocka_unit_test(a_wrong_weight_shows),
        cmocka_unit_test(what_it_cannot_run_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
