/* How many inputs come in a run is told without one, and must be what the run has. */
#include "helper_scenario.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SCENARIOS = 90 };

static wick_sim_result run(const scenario *s, const wick_trace *trace) {
    wick_sim_result r;
    wick_diag diag = {0};
    if (wick_sim_run(&s->plan, trace, &s->options, s->correct, 5, &r, &diag) == WICK_NO_FIT)
        r.inputs = -1; /* no matter here */
    else if (diag.count)
        fail_msg("%s", diag.items[0].reason);
    wick_diag_free(&diag);
    return r;
}

static void as_many_inputs_are_told_as_come(void **state) {
    (void)state;
    scenario *s = calloc(1, sizeof *s);
    int kinds[3] = {0};
    assert_non_null(s);
    for (uint64_t seed = 1; seed <= SCENARIOS; seed++) {
        scenario_make(s, seed);
        wick_sim_result r = run(s, &s->trace);
        double duration_s = wick_sim_duration_s(&s->options, &s->trace);
        if (r.inputs >= 0)
            assert_int_equal(
                wick_workload_inputs(&s->options.workload, s->options.seed, duration_s), r.inputs);
        kinds[s->options.workload.arrivals] += r.inputs >= 0;
        wick_sim_free(&r);
    }
    for (int i = 0; i < 3; i++)
        assert_true(kinds[i] > 5);
    free(s);
}

/* One that comes at the run's end does not come within it. */
static void borders_count_as_in_a_run(void **state) {
    (void)state;
    const double times_s[] = {0, 2, 7};
    wick_workload every = {.period_s = 0.1}, late = {.period_s = 60, .phase_s = 1e6},
                  listed = {.arrivals = WICK_ARRIVALS_LISTED, .times_s = times_s, .n_times = 3};
    assert_int_equal(wick_workload_inputs(&every, 1, 0.1 * 7), 7);
    assert_int_equal(wick_workload_inputs(&every, 1, nextafter(0.1 * 7, 1)), 8);
    assert_int_equal(wick_workload_inputs(&late, 1, 7200), 0);
    assert_int_equal(wick_workload_inputs(&late, 1, 1e6), 0);
    assert_int_equal(wick_workload_inputs(&listed, 1, 7), 2);
    assert_int_equal(wick_workload_inputs(&listed, 1, 8), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_inputs_are_told_as_come),
        cmocka_unit_test(borders_count_as_in_a_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
