/* The jumps of the fast simulator against walking event by event, on random scenarios: devices,
   traces, front ends, workloads, policies. */
#include "helper_scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SCENARIOS = 300 };

static void jumps_change_nothing(void **state) {
    (void)state;
    scenario *s = malloc(sizeof *s);
    assert_non_null(s);
    long events = 0, answers = 0, failures = 0, stale = 0, dropped = 0;
    int cold = 0, diode = 0, clamped = 0;
    for (uint64_t seed = 1; seed <= SCENARIOS; seed++) {
        scenario_make(s, seed);
        wick_sim_result fast, slow;
        wick_diag diag = {0};
        if (wick_sim_run(&s->plan, &s->trace, &s->options, s->correct, 5, &fast, &diag) !=
            WICK_OK) {
            wick_diag_print(&diag, stderr);
            fail_msg("seed %d", (int)seed);
        }
        s->options.single_steps = true;
        assert_int_equal(wick_sim_run(&s->plan, &s->trace, &s->options, s->correct, 5, &slow, NULL),
                         WICK_OK);
        scenario_equal(&fast, &slow, seed);
        scenario_conserved(&fast.energy);
        scenario_conserved(&slow.energy);
        events += fast.n_events;
        answers += fast.answers;
        failures += fast.power_failures;
        stale += fast.stale;
        dropped += fast.dropped;
        clamped += fast.energy.clamped_uj > 0;
        cold += s->harvester.front == WICK_FRONT_BOOST;
        diode += s->harvester.front == WICK_FRONT_DIODE;
        wick_sim_free(&fast);
        wick_sim_free(&slow);
    }
    free(s);
    print_message("%ld events, %ld answers, %ld power failures, %ld dropped, %ld stale\n", events,
                  answers, failures, dropped, stale);
    /* The scenarios reach what they are for. */
    assert_true(answers > 1000 && failures > 500 && stale > 10 && dropped > 100);
    assert_true(cold > 20 && diode > 20 && clamped > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(jumps_change_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
