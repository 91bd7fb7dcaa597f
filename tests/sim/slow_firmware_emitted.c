/* The model that was emitted as C, compiled and loaded, runs as the fast simulator says. */
#include "emit/emit.h"
#include "helper_net_plan.h"
#include "helper_scenario.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static char folder[] = "/tmp/wick-firmware-XXXXXX";

static int set_up(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    return wick_path_remove(folder) ? 0 : -1;
}

/* An input every 2.5 s from a weak source: power fails again and again. */
static void run_both(const net_plan *n, const wick_model *model, double power, bool no_voltage) {
    static double times[2] = {0, 50}, powers[2];
    double need_uj = n->plan->segments[0].cost.energy_uj + n->plan->segments[1].cost.energy_uj;
    powers[0] = powers[1] = power * need_uj;
    wick_trace trace = {.n = 2, .time_s = times, .power_uw = powers, .end_s = 100, .path = "weak"};
    wick_sim_options options = wick_sim_defaults();
    options.workload.period_s = options.workload.deadline_s = 2.5;
    options.duration_s = 400;
    options.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 1};
    options.record = true;
    options.no_voltage = no_voltage;
    wick_sim_firmware firmware = {.model = model, .inputs = n->inputs, .labels = n->labels};
    wick_sim_result fast, real;
    wick_diag diag = {0};
    assert_int_equal(wick_sim_run(n->plan, &trace, &options, n->correct, NET_SAMPLES, &fast, NULL),
                     WICK_OK);
    wick_status status = wick_sim_run_firmware(n->plan, &firmware, &trace, &options, n->correct,
                                               NET_SAMPLES, &real, &diag);
    if (status != WICK_OK)
        wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
    scenario_equal(&fast, &real, 0);
    print_message("%d answers, %d right, %d power failures\n", real.answers, real.correct_in_time,
                  real.power_failures);
    assert_true(real.answers > 40 && (!no_voltage || real.power_failures > 10));
    assert_true(real.correct_in_time > 0);
    wick_sim_free(&fast);
    wick_sim_free(&real);
}

static void the_emitted_model_does_what_was_simulated(void **state) {
    (void)state;
    static const struct {
        const char *device;
        double uf;
        int max_span_outputs;
        double power; /* of flash: taking an input is most of the work */
    } plans[] = {{"m4-fram", 15, 100, 0.7}, {"m4-mram", 15, 100, 0.7}, {"m33-flash", 100, 0, 3.1}};
    for (size_t i = 0; i < WICK_LEN(plans); i++) {
        net_plan n;
        net_plan_make(&n, 7 + i, plans[i].device, plans[i].uf, plans[i].max_span_outputs);
        const char *dir = wick_arena_printf(n.arena, "%s/fw%zu", folder, i);
        wick_emit_options options = wick_emit_defaults();
        assert_int_equal(wick_emit_write(n.plan, NULL, &options, dir, NULL), WICK_OK);
        const char *compile = wick_arena_printf(
            n.arena,
            "cd '%s' && cc -std=c99 -O1 -fPIC -shared -Iinclude -I. model_data.c "
            "model_weights.c -o model.so >log.txt 2>&1 || { cat log.txt; exit 1; }",
            dir);
        assert_int_equal(system(compile), 0);
        void *library = dlopen(wick_arena_printf(n.arena, "%s/model.so", dir), RTLD_NOW);
        if (!library)
            fail_msg("%s", dlerror());
        const wick_model *model = dlsym(library, "wick_model_data");
        assert_non_null(model);
        assert_true(model != &n.plan->model && model->layers != n.plan->model.layers);
        run_both(&n, model, plans[i].power, false);
        run_both(&n, model, plans[i].power, true);
        dlclose(library);
        net_plan_free(&n);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_emitted_model_does_what_was_simulated)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
