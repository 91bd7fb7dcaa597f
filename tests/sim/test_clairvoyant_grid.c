/* The clairvoyant within a limited effort: a coarser grid that bounds as well, a shorter search, a
   refusal where no grid is coarse enough; and Ctrl-C. */
#include "helper_scenario.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { INPUTS = 12, ROUNDS = 25, REPLAYED = 10 }; /* seeds: charges that round; quick replays */

static scenario *make(uint64_t seed) {
    scenario *s = malloc(sizeof *s);
    assert_non_null(s);
    scenario_make_even(s, seed, INPUTS);
    s->options.workload.needs_power = false;
    s->options.workload.fresh_s = 0;
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 5; i++)
            s->correct[k * 5 + i] = (i + k) % 5 < 4 - k;
    return s;
}

static wick_clairvoyant_options grid_of(double effort) {
    return (wick_clairvoyant_options){.slots = 10, .levels = 32, .charges = 64, .effort = effort};
}

static wick_status replay_on(const scenario *s, const wick_clairvoyant_options *grid, wick_bound *b,
                             double *reached, wick_diag *diag) {
    return wick_clairvoyant_replay(&s->plan, &s->trace, &s->options, s->correct, 5, grid, b,
                                   reached, diag);
}

static wick_status replay(const scenario *s, double effort, wick_bound *b, double *reached,
                          wick_diag *diag) {
    const wick_clairvoyant_options grid = grid_of(effort);
    return replay_on(s, &grid, b, reached, diag);
}

static wick_bound bound_of(const scenario *s, double effort) {
    const wick_clairvoyant_options grid = grid_of(effort);
    wick_bound b;
    assert_int_equal(
        wick_clairvoyant(&s->plan, &s->trace, &s->options, s->correct, 5, &grid, &b, NULL),
        WICK_OK);
    return b;
}

static double size_of(const wick_bound *b) {
    return (double)b->states * b->instants;
}

static void a_coarser_grid_bounds_as_well(void **state) {
    (void)state;
    scenario *s = make(ROUNDS);
    wick_bound fine = bound_of(s, 0), last = fine;
    assert_true(fine.grid.slots == 10 && fine.grid.levels == 32 && fine.grid.charges == 64);
    assert_true(bound_of(s, 1e15).expected == fine.expected);
    for (double effort = 5e7; effort > 1e6; effort /= 5) {
        wick_bound b = bound_of(s, effort);
        assert_true(size_of(&b) < 0.6 * size_of(&last));
        assert_true(b.expected >= last.expected); /* on this trace; in general not surely */
        last = b;
    }
    assert_true(last.grid.charges < 64 && last.coarser &&
                !fine.coarser); /* the last to become coarser */
    assert_true(last.expected > fine.expected && last.expected < 0.6);
    free(s);
}

/* Nothing comes near this bound, so all that is allowed is tried. */
static void searches_end(void **state) {
    (void)state;
    scenario *s = make(REPLAYED);
    wick_bound all, some, few;
    double most, reached, least;
    assert_int_equal(replay(s, 0, &all, &most, NULL), WICK_OK);
    assert_true(!all.cut_short && all.replays > 4 && most < 0.99 * all.expected);
    assert_int_equal(replay(s, 5e7, &some, &reached, NULL), WICK_OK);
    assert_true(some.cut_short && some.coarser && some.grid.charges > 32);
    assert_true(some.turns > 1000 && some.turns < all.turns);
    assert_true(reached > 0 && reached <= most + 1e-9 && some.expected >= most);
    assert_int_equal(replay(s, 3e5, &few, &least, NULL), WICK_OK); /* a coarser grid, too */
    assert_true(few.cut_short && few.turns < some.turns && few.expected >= most);
    assert_true(least > 0 && least <= few.expected);
    print_message("%.4f of %.4f behind %ld turns, %.4f behind %ld, %.4f behind %ld\n", most,
                  all.expected, all.turns, reached, some.turns, least, few.turns);
    free(s);
}

/* Bound and schedule that are far apart are sought anew, on finer grids, as long as effort is left.
 */
static void finer_grids_follow(void **state) {
    (void)state;
    static const uint64_t seeds[] = {2, 20};
    int nearer = 0, near = 0;
    for (size_t i = 0; i < WICK_LEN(seeds); i++) {
        scenario *s = make(seeds[i]);
        wick_clairvoyant_options grid = grid_of(0);
        wick_bound once, then;
        double reached, more;
        assert_int_equal(replay_on(s, &grid, &once, &reached, NULL), WICK_OK);
        grid.finer = 2;
        assert_int_equal(replay_on(s, &grid, &then, &more, NULL), WICK_OK);
        if (reached >= 0.99 * once.expected) {
            near++;
            assert_true(then.turns == once.turns && then.expected == once.expected);
        } else {
            assert_true(then.replays > once.replays || then.turns > once.turns);
            assert_true(then.expected <= once.expected && more >= reached);
            assert_true(more <= then.expected + 1e-6);
            bool finer = then.grid.slots == 40 || then.grid.charges == 256;
            assert_true(finer == (then.expected < once.expected));
            nearer += then.expected - more < 0.5 * (once.expected - reached);
        }
        print_message("seed %d: %.4f of %.4f, then %.4f of %.4f\n", (int)seeds[i], reached,
                      once.expected, more, then.expected);
        free(s);
    }
    assert_true(nearer > 0 && near > 0);
    scenario *s = make(REPLAYED);
    wick_clairvoyant_options grid = grid_of(5e7); /* is spent, as above */
    wick_bound b, finer;
    double reached;
    assert_int_equal(replay_on(s, &grid, &b, &reached, NULL), WICK_OK);
    grid.finer = 2;
    assert_int_equal(replay_on(s, &grid, &finer, &reached, NULL), WICK_OK);
    assert_true(finer.cut_short && finer.turns == b.turns && finer.expected == b.expected);
    free(s);
}

static void too_long_a_trace_is_refused(void **state) {
    (void)state;
    scenario *s = make(REPLAYED);
    wick_bound b;
    wick_diag diag = {0};
    double reached;
    assert_int_equal(replay(s, 1000, &b, &reached, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "coarsest grid"));
    wick_diag_free(&diag);
    free(s);
}

/* The last: who has asked to stop is not forgotten. */
static void it_can_be_interrupted(void **state) {
    (void)state;
    scenario *s = make(REPLAYED);
    wick_bound b;
    wick_diag diag = {0};
    double reached;
    wick_stop_install();
    assert_int_equal(raise(SIGINT), 0);
    assert_int_equal(replay(s, 0, &b, &reached, &diag), WICK_INTERRUPTED);
    assert_true(wick_diag_contains(&diag, "interrupted"));
    assert_int_equal(b.replays, 0);
    wick_diag_free(&diag);
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_coarser_grid_bounds_as_well),
        cmocka_unit_test(searches_end),
        cmocka_unit_test(finer_grids_follow),
        cmocka_unit_test(too_long_a_trace_is_refused),
        cmocka_unit_test(it_can_be_interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
