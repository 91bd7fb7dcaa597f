/* Whether a capacitor ever comes to the wake voltage is told without a run, and must be what the
   run has. */
#include "helper_scenario.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SCENARIOS = 40 };

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

static double highest_mark_v(const wick_sim_result *r) {
    double most_v = 0;
    for (int i = 0; i < r->n_events; i++)
        most_v = fmax(most_v, r->events[i].voltage);
    return most_v;
}

/* Whatever front end, trace and repetitions: a device boots where its capacitor alone would come to
   the wake voltage, and nowhere else. */
static void a_device_wakes_where_its_capacitor_would(void **state) {
    (void)state;
    scenario *s = calloc(1, sizeof *s);
    int asleep = 0, awake = 0, again = 0;
    assert_non_null(s);
    for (uint64_t seed = 1; seed <= SCENARIOS; seed++) {
        wick_arena *arena = wick_arena_new();
        scenario_make(s, seed);
        s->options.record = true;
        const wick_trace *trace = wick_trace_scaled(arena, &s->trace, pow(10, -(double)(seed % 4)));
        if (seed % 3 == 0)
            s->options.duration_s = 2.6 * trace->end_s;
        wick_sim_charge charge;
        wick_sim_result r = run(s, trace);
        double on_v = s->device.capacitor.on_v;
        if (r.inputs >= 0) {
            assert_int_equal(wick_sim_charge_alone(&s->plan, trace, &s->options, &charge, NULL),
                             WICK_OK);
            assert_true(r.boots > 0 ? charge.highest_v >= on_v * (1 - 1e-9)
                                    : charge.highest_v <= on_v * (1 + 1e-9));
            awake += r.boots > 0;
            asleep += r.boots == 0;
        }
        if (r.inputs >= 0 && !r.boots) {
            double start_v =
                s->options.start_v >= 0 ? s->options.start_v : s->device.capacitor.off_v;
            double mark_v = fmax(start_v, highest_mark_v(&r));
            assert_true(charge.highest_v >= mark_v * (1 - 1e-9));
            assert_true(charge.highest_v <= mark_v * 1.05 + 0.01);
            again += wick_sim_duration_s(&s->options, trace) > trace->end_s;
        }
        wick_sim_free(&r);
        wick_arena_free(arena);
    }
    assert_true(asleep > 5 && awake > 5 && again > 1);
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_wakes_where_its_capacitor_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
