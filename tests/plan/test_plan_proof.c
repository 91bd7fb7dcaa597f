/* The proof from ranges agrees with the one that follows every byte, and wear is what can be
 * counted by hand. */
#include "plan/plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tiny_qnet.h"

static wick_arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = wick_arena_new();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    wick_arena_free(arena);
    return 0;
}

static wick_plan *plan_for(const wick_qnet *net, const char *name, wick_optimise optimise,
                           int max_span_outputs) {
    wick_device *device;
    assert_int_equal(wick_device_load(arena, name, &device, NULL), WICK_OK);
    wick_plan_options options = wick_plan_defaults();
    options.optimise = optimise;
    options.max_span_outputs = max_span_outputs;
    wick_plan *plan;
    assert_int_equal(wick_plan_make(net, device, &options, NULL, &plan, NULL), WICK_OK);
    return plan;
}

static void every_plan_is_proven_twice(void **state) {
    (void)state;
    static const char *const names[] = {"m4-fram", "m4-mram", "m7-mram"};
    int64_t compared = 0;
    int inner = 0;
    for (int i = 0; i < 24; i++) {
        wick_qnet *net =
            i % 4 ? tiny_family((uint64_t)i, 12, 8) : tiny_independent((uint64_t)i, 12, 8);
        wick_plan *plan =
            plan_for(net, names[i % 3], i % 2 ? WICK_OPTIMISE_SIZE : WICK_OPTIMISE_ENERGY,
                     i % 5 ? 60 * i : 0);
        wick_plan_proof proof = wick_plan_prove(plan);
        assert_true(proof.holds);
        compared += proof.compared;
        inner += proof.mandatory - (plan->segments[0].n_spans > 0) - plan->model.n_modules;
        wick_plan_free(plan);
        tiny_free(net);
    }
    assert_true(compared > 1000);
    assert_true(inner > 10); /* reuse makes commits mandatory */
}

/* Without one of the mandatory commits inside a segment the proof fails, and so does the other one.
 */
static void a_missing_commit_is_seen(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(5, 12, 8);
    wick_plan *plan = plan_for(net, "m4-fram", WICK_OPTIMISE_SIZE, 100);
    wick_span *spans = (wick_span *)(uintptr_t)plan->model.spans;
    int planted = 0;
    for (int s = 0; s < plan->n_segments; s++) {
        const wick_plan_segment *row = &plan->segments[s];
        for (int i = row->first_span; i < row->first_span + row->n_spans - 1; i++) {
            if (!spans[i].mandatory)
                continue;
            spans[i].mandatory = 0;
            wick_diag diag = {0};
            wick_plan_proof proof = wick_plan_prove(plan);
            assert_false(proof.holds);
            assert_true(proof.span > i && proof.tensor >= 0);
            assert_int_not_equal(wick_plan_check(plan, &diag), WICK_OK);
            wick_diag_free(&diag);
            spans[i].mandatory = 1;
            planted++;
        }
    }
    assert_true(planted > 2);
    assert_true(wick_plan_prove(plan).holds);
    wick_plan_free(plan);
    tiny_free(net);
}

static void endurance_by_hand(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(5, 12, 8);
    wick_plan *plan = plan_for(net, "m4-mram", WICK_OPTIMISE_ENERGY, 100);
    for (int m = 1; m <= plan->model.n_modules; m++) {
        int commits = plan->segments[0].n_spans + plan->segments[m].n_spans + 4;
        wick_plan_endurance lasts = wick_plan_endurance_of(plan, m);
        assert_true(commits > 14);
        /* Each record copy takes every second commit; one failure, for less than a charge. */
        assert_true(lasts.writes == (commits + 1) / 2 + 1);
        assert_true(fabs(lasts.answers * lasts.writes / 1e5 - 1) < 1e-12);
    }
    double writes = wick_plan_endurance_of(plan, 1).writes;
    plan->charge_uj = plan->boot.energy_uj + plan->segments[0].cost.energy_uj / 1000 +
                      plan->segments[1].cost.energy_uj / 1000;
    assert_true(fabs(wick_plan_endurance_of(plan, 1).writes - writes - 999) <= 1);
    wick_plan_free(plan);
    tiny_free(net);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_plan_is_proven_twice),
                                       cmocka_unit_test(a_missing_commit_is_seen),
                                       cmocka_unit_test(endurance_by_hand)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
