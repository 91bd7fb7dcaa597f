/* Replays of the clairvoyant's plan in the exact simulator go on to the end of time: where a run
   ends with the only deadline, and light is so weak that the answer comes shortly before it. */
#include "helper_net_plan.h"
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* One input; in steady light, `share` times what the extractor and TM1 take until its deadline. */
static bool reaches_the_bound(const net_plan *n, double share, double *bound) {
    const wick_plan *p = n->plan;
    double need_uj = p->segments[0].cost.energy_uj + p->segments[1].cost.energy_uj, start_s = 0;
    double uw = share * need_uj / 10 / n->device->capacitor.efficiency /
                n->device->capacitor.input_efficiency;
    wick_trace trace = {.n = 1,
                        .time_s = &start_s,
                        .power_uw = &uw,
                        .end_s = 10,
                        .path = "constant",
                        .quantity = "power"};
    wick_sim_options o = wick_sim_defaults();
    o.workload.period_s = o.workload.deadline_s = o.duration_s = 10;
    o.quiet = true;
    const wick_clairvoyant_options grid = {.slots = 20, .levels = 48, .charges = 800};
    wick_bound b;
    double reached;
    assert_int_equal(
        wick_clairvoyant_replay(p, &trace, &o, n->correct, NET_SAMPLES, &grid, &b, &reached, NULL),
        WICK_OK);
    assert_true(reached <= b.expected + 1e-6);
    *bound = b.expected;
    return reached > b.expected - 1e-6;
}

static void the_last_answer_is_delivered(void **state) {
    (void)state;
    net_plan n;
    net_plan_make(&n, 5, "m4-fram", 6, 64);
    n.device->capacitor.leakage_ua = 0.2;
    for (int i = 0; i < 6; i++) {
        double share = 1.44 + 0.02 * i, bound;
        bool reached = reaches_the_bound(&n, share, &bound);
        print_message("%.2f answers' harvest: %.4f, %s\n", share, bound,
                      reached ? "reached" : "missed");
        assert_true(reached && bound > 0);
    }
    net_plan_free(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_last_answer_is_delivered)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
