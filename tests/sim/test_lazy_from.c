/* wick_plan_lazy_from says where waiting for charge begins to give more answers than letting the
   power fail: random devices, networks and capacitors, a third of it and three times of it. */
#include "sim/sim.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../plan/tiny_qnet.h"

enum { SCENARIOS = 40, CHARGES = 60 };

static double decades(wick_rng *rng, double low, double high) {
    return low * exp(wick_rng_uniform_double(rng) * log(high / low));
}

static wick_plan *make_plan(wick_arena *arena, wick_rng *rng, const wick_qnet *net) {
    static const char *const names[] = {"m4-fram", "m4-mram", "m7-mram", "m33-flash"};
    wick_device *device;
    wick_plan *plan;
    wick_diag diag = {0};
    wick_plan_options options = wick_plan_defaults();
    assert_int_equal(
        wick_device_load(arena, names[wick_rng_below(rng, WICK_LEN(names))], &device, &diag),
        WICK_OK);
    device->sleep_uw = decades(rng, 1, 40);
    device->capacitor.leakage_ua = 0.01; /* at a third some would not wake */
    assert_int_equal(wick_plan_make(net, device, &options, NULL, &plan, &diag), WICK_OK);
    options.capacitor_uf = plan->min_capacitor_uf * decades(rng, 1.05, 6);
    wick_plan_free(plan);
    assert_int_equal(wick_plan_make(net, device, &options, NULL, &plan, &diag), WICK_OK);
    return plan;
}

/* In the time in which the harvest fills so many charges. */
static int64_t answers(const wick_plan *plan, double arriving_uw, bool eager) {
    const wick_device *d = plan->device;
    double on = d->capacitor.on_v, off = d->capacitor.off_v;
    double charge_s = 0.5 * d->capacitor.uf * (on * on - off * off) / arriving_uw;
    double times[2] = {0, CHARGES * charge_s};
    double powers[2] = {arriving_uw / d->capacitor.input_efficiency,
                        arriving_uw / d->capacitor.input_efficiency};
    wick_trace trace = {.n = 2,
                        .time_s = times,
                        .power_uw = powers,
                        .end_s = times[1],
                        .path = "constant",
                        .quantity = "power"};
    wick_sim_options o = wick_sim_defaults();
    o.workload.period_s = charge_s / 50;
    o.workload.deadline_s = 1e9;
    o.workload.rule = WICK_INPUT_DROP_NEW;
    o.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 1};
    o.duration_s = times[1];
    o.no_voltage = eager;
    o.wait_s = charge_s / 200;
    static const uint8_t correct[3] = {1, 1, 1};
    wick_sim_result r;
    wick_diag diag = {0};
    assert_int_equal(wick_sim_run(plan, &trace, &o, correct, 1, &r, &diag), WICK_OK);
    int64_t n = r.answers;
    wick_sim_free(&r);
    return n;
}

static void waiting_pays_from_there_on(void **state) {
    (void)state;
    int cases = 0, below = 0, above = 0;
    int64_t eager_below = 0, lazy_below = 0, eager_above = 0, lazy_above = 0;
    for (uint64_t seed = 1; seed <= SCENARIOS; seed++) {
        wick_rng rng = wick_rng_seed(seed, 0x1a2f);
        wick_arena *arena = wick_arena_new();
        wick_qnet *net = tiny_family(seed, 8 + 2 * (int)wick_rng_below(&rng, 4), 6);
        wick_plan *plan = make_plan(arena, &rng, net);
        double from_uw = wick_plan_lazy_from(plan);
        assert_true(isfinite(from_uw) && from_uw > plan->device->sleep_uw);
        int64_t e = answers(plan, from_uw / 3, true), l = answers(plan, from_uw / 3, false);
        below += e > l;
        eager_below += e, lazy_below += l;
        int64_t e3 = answers(plan, 3 * from_uw, true), l3 = answers(plan, 3 * from_uw, false);
        above += l3 > e3;
        eager_above += e3, lazy_above += l3;
        cases++;
        wick_plan_free(plan);
        tiny_free(net);
        wick_arena_free(arena);
    }
    print_message("%d cases; a third: eager better in %d, %lld answers against %lld; three times: "
                  "lazy better in %d, %lld against %lld\n",
                  cases, below, (long long)eager_below, (long long)lazy_below, above,
                  (long long)lazy_above, (long long)eager_above);
    assert_true(below >= cases * 9 / 10 && above >= cases * 9 / 10);
    assert_true(lazy_below < eager_below && lazy_above > eager_above);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(waiting_pays_from_there_on)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
