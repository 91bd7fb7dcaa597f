/* A device that has committed nothing since its boot, as a mode of the clairvoyant's bound: what it
   does first commits. */
#include "helper_net_plan.h"
#include "sim/clairvoyant_sweep.h"
#include "sim/sim.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { INPUTS = 3, SLOTS = 10, STATES = 4000 };

/* The most that a first unit takes more than another one. */
static double dearest_first(const bound *b) {
    double store_uj = 0, reload_uj = 0;
    for (int i = 0; i < b->rows.n; i++) {
        store_uj = fmax(store_uj, b->rows.rows[i].store_uj);
        reload_uj = fmax(reload_uj, b->rows.rows[i].reload_uj);
    }
    return store_uj + reload_uj;
}

/* Drawn states before the instants: how many are worth less to a cold device; the same, in the
   middle of a unit. */
typedef struct lower {
    int outside, inside;
} lower;

static lower compare(const bound *b, bound_values *values) {
    double extra_uj = dearest_first(b) + 2 * b->step_uj;
    wick_rng rng = wick_rng_seed(3, 3);
    lower n = {0};
    for (int j = 1; j < b->n; j++)
        for (int i = 0; i < STATES; i++) {
            int queue = (int)wick_rng_below(&rng, 1u << b->most_open);
            int row = queue ? (int)wick_rng_below(&rng, (uint32_t)b->rows.n) : 0;
            double uj = b->off_uj + wick_rng_uniform_double(&rng) * (b->cap_uj - b->off_uj);
            double cold = bound_value(values, j, COLD, queue, row, uj);
            double on = bound_value(values, j, ON, queue, row, uj);
            assert_true(cold <= on + 1e-5);
            if (uj + extra_uj < b->cap_uj)
                assert_true(on <= bound_value(values, j, COLD, queue, row, uj + extra_uj) + 1e-5);
            n.outside += !b->rows.rows[row].inside && cold < on - 1e-5;
            n.inside += b->rows.rows[row].inside && cold < on - 1e-5;
        }
    return n;
}

/* In light that just carries the inputs. */
static void what_it_does_first_costs_a_commit(void **state) {
    (void)state;
    net_plan n;
    net_plan_make(&n, 5, "m4-fram", 6, 64);
    const wick_plan *p = n.plan;
    double start_s = 0, uw = 0.15 * p->segments[0].cost.energy_uj;
    wick_trace trace = {.n = 1, .time_s = &start_s, .power_uw = &uw, .end_s = 10.0 * INPUTS};
    wick_sim_options o = wick_sim_defaults();
    o.workload.period_s = o.workload.deadline_s = 10;
    const wick_clairvoyant_options grid = {
        .slots = SLOTS, .levels = 200, .charges = 800, .cold = true};
    wick_arena *arena = wick_arena_new();
    wick_progress progress = {0};
    bound_problem problem;
    bound_values *values;
    double value;
    assert_int_equal(
        bound_make(arena, p, &trace, &o, n.correct, NET_SAMPLES, &grid, &problem, NULL), WICK_OK);
    const bound *b = &problem.bound;
    for (int i = 0; i < b->rows.n; i++) /* so that commits decide */
        b->rows.rows[i].store_uj *= 30;
    problem.bound.rows.warm_uj = INFINITY;
    assert_int_equal(bound_modes(b), 3);
    assert_int_equal(bound_sweep(b, arena, problem.cap.energy_uj, &value, &values, &progress, NULL),
                     WICK_OK);
    const lower found = compare(b, values);
    print_message("worth less to a cold device: %d states, %d in a unit; dearest first unit "
                  "%.3f uJ, step %.3f\n",
                  found.outside, found.inside, dearest_first(b), b->step_uj);
    assert_true(found.outside > 0 && found.inside > 0);
    wick_arena_free(arena);
    net_plan_free(&n);
}

/* A unit of two rows that reads 2 uJ anew, with a commit of 5 behind it; then one of 7. */
static void what_a_commit_costs_by_hand(void **state) {
    (void)state;
    bound b = {.cold = true};
    bound_row rows[] = {{.need_uj = -INFINITY},
                        {.need_uj = 100, .reload_uj = 2, .inside = true},
                        {.need_uj = -INFINITY, .store_uj = 5},
                        {.need_uj = 100, .reload_uj = 3, .store_uj = 7}};
    b.rows.rows = rows;
    b.rows.warm_uj = INFINITY;
    bound_extra at = bound_extra_from(&b.rows, 0, true);
    assert_int_equal(bound_mode_on(&b, &at), COLD);
    assert_true(bound_extra_at(&at, &rows[1]) == 0 && at.uj == 2);
    assert_int_equal(bound_mode_on(&b, &at), COLD);
    assert_true(bound_extra_at(&at, &rows[2]) == 0 && at.uj == 7); /* it must */
    assert_int_equal(bound_mode_on(&b, &at), ON);
    assert_true(bound_extra_at(&at, &rows[3]) == 7 && at.uj == 7); /* it may */
    at = bound_extra_from(&b.rows, 1, true);                       /* in the unit, which has read */
    assert_true(bound_extra_at(&at, &rows[2]) == 0 && at.uj == 5);
    assert_int_equal(bound_mode_on(&b, &at), ON);
    const bound_row free_span = {.need_uj = -INFINITY, .warms = true};
    at = bound_extra_from(&b.rows, 0, true);
    assert_true(bound_extra_at(&at, &free_span) == 0 && at.uj == 0);
    assert_int_equal(bound_mode_on(&b, &at), ON);
    assert_true(bound_extra_at(&at, &rows[1]) == 0 && at.uj == 0);
    assert_true(bound_extra_at(&at, &rows[2]) == 5 && at.uj == 0);
    assert_int_equal(bound_mode_without(&b, COLD, 1), ON);
    assert_int_equal(bound_mode_without(&b, COLD, 2), COLD);
    assert_int_equal(bound_mode_without(&b, TIRED, 1), TIRED);
    b.rows.warm_uj = 4; /* what nobody needs makes it warm, for less */
    at = bound_extra_from(&b.rows, 0, true);
    assert_true(bound_extra_at(&at, &rows[1]) == 0 && at.uj == 2);
    assert_true(bound_extra_at(&at, &rows[2]) == 0 && at.uj == 4);
    b.rows.warm_uj = INFINITY;
    at = bound_extra_from(&b.rows, 1, false);
    assert_true(bound_extra_at(&at, &rows[2]) == 5 && at.uj == 0);
    assert_int_equal(bound_mode_on(&b, &at), ON);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_does_first_costs_a_commit),
        cmocka_unit_test(what_a_commit_costs_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
