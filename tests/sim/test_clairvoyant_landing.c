/* Lattices behind a diode: a device at rest goes from point to point, work lands no lower than it
   should, and little higher. */
#include "helper_scenario.h"
#include "sim/clairvoyant_landing.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { INPUTS = 12, SEEDS = 60, CHARGES = 200 };

typedef struct counts {
    int worlds, points, exact, renewed;
} counts;

static double at_place(const bound *b, const interval *v, int on, int place) {
    assert_true(place >= 0 && place < b->points);
    return lattice_uj(&v->end, on, place);
}

/* A landing's places with so much work, of those charges whose outcomes are within the lattice. */
static void check(const bound *b, const interval *v, const landing *l, int on, int i, double uj,
                  double work_uj, double steps) {
    double paid = work_uj / v->start.step_uj;
    int whole = (int)floor(paid), place = landing_place(l, i, whole, landing_part(paid, whole));
    double end_uj = uj - work_uj * v->decay;
    if (end_uj < v->end.phase_uj[on] || end_uj > v->end.phase_uj[on] + b->cap_uj)
        return;
    double over = (at_place(b, v, on, place) - end_uj) / v->end.step_uj;
    if (over < -1e-9 * b->points || over > steps)
        fail_msg("%.9g uJ lands on a point %g steps higher", end_uj, over);
    assert_true(landing_first(b, l, l->at[i] - whole, paid) <= i);
}

static void check_interval(const bound *b, const interval *v, wick_rng *rng, landings *l,
                           counts *n) {
    landings_find(b, v, l);
    for (int i = 0; i < b->points; i++) {
        double work_uj = wick_rng_uniform_double(rng) * b->cap_uj;
        double off_uj = lattice_uj(&v->start, OFF, i), on_uj = lattice_uj(&v->start, ON, i);
        bound_gain off, on;
        gain_of(b->gains, v->from_s, v->dt_s, 1, &off_uj, &off);
        gain_of(b->gains, v->from_s, v->dt_s, 1, &on_uj, &on);
        check(b, v, &l->still, OFF, i, off.still_uj, 0, 1 + 1e-6);
        double idle_uj = fmin(on.still_uj, on_uj * v->decay + on.idle_uj - v->sleep_uj);
        check(b, v, &l->idle[ON], ON, i, idle_uj, 0, 4);
        double work_gain_uj = fmin(on.work_uj, v->gain_uj), end_uj = on_uj * v->decay;
        check(b, v, &l->work[ON][OFF], OFF, i, end_uj + work_gain_uj, work_uj, INFINITY);
        check(b, v, &l->work[ON][ON], ON, i, end_uj + work_gain_uj - v->sleep_uj, work_uj,
              INFINITY);
        work_gain_uj = fmin(off.work_uj, v->gain_uj) - b->boot_uj * v->decay;
        check(b, v, &l->work[OFF][ON], ON, i, off_uj * v->decay + work_gain_uj, work_uj, INFINITY);
        if (off.still_uj > v->end.phase_uj[OFF] && off.still_uj < b->cap_uj) {
            double over = at_place(b, v, OFF, landing_place(&l->still, i, 0, 0)) - off.still_uj;
            n->exact += over <= 1e-4 * v->end.step_uj;
            n->points++;
        }
    }
}

static void charges_move_on_their_own(void **state) {
    (void)state;
    static scenario s;
    counts n = {0};
    wick_rng rng = wick_rng_seed(1, 1);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        scenario_make_even(&s, seed, INPUTS);
        if (s.options.harvester != &s.harvester || s.harvester.front != WICK_FRONT_DIODE)
            continue;
        wick_arena *arena = wick_arena_new();
        const wick_clairvoyant_options grid = {.slots = 10, .levels = 20, .charges = CHARGES};
        bound_problem p;
        assert_int_equal(
            bound_make(arena, &s.plan, &s.trace, &s.options, s.correct, 5, &grid, &p, NULL),
            WICK_OK);
        assert_non_null(p.bound.gains);
        landings l = landings_make(&p.bound, arena);
        for (int j = 0; j < p.bound.n; j += 29) {
            check_interval(&p.bound, &p.bound.intervals[j], &rng, &l, &n);
            n.renewed += p.bound.intervals[j].renewed;
        }
        n.worlds++;
        wick_arena_free(arena);
    }
    print_message("%d worlds: %d of %d charges at rest come to a point that is theirs\n", n.worlds,
                  n.exact, n.points);
    assert_true(n.worlds > 5 && n.exact > 0.8 * n.points);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(charges_move_on_their_own)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
