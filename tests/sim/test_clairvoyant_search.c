/* Schedules searched for in the exact simulator are what a control can say there. */
#include "helper_scenario.h"
#include "sim/clairvoyant_search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { INPUTS = 8, SCENARIOS = 24, SAMPLES = 5 };

static void make(scenario *s, uint64_t seed) {
    scenario_make(s, seed);
    wick_workload *w = &s->options.workload;
    w->arrivals = WICK_ARRIVALS_PERIODIC;
    w->phase_s = 0;
    s->options.record = false;
    s->options.quiet = true;
    s->options.duration_s = INPUTS * w->period_s;
    s->device.capacitor.leakage_ua *= 0.05;
    for (int i = 0; i < s->trace.n; i++)
        s->powers[i] *= 2;
}

typedef struct case_of {
    wick_arena *arena;
    bound_problem problem;
    bound_values *values;
    double bound; /* inputs */
    wick_progress progress;
} case_of;

static void begin(case_of *c, const scenario *s, bool known) {
    const wick_clairvoyant_options grid = {.slots = 6, .levels = 16, .charges = 48, .known = known};
    *c = (case_of){.arena = wick_arena_new()};
    assert_int_equal(bound_make(c->arena, &s->plan, &s->trace, &s->options, s->correct, SAMPLES,
                                &grid, &c->problem, NULL),
                     WICK_OK);
    assert_int_equal(bound_sweep(&c->problem.bound, c->arena, c->problem.cap.energy_uj, &c->bound,
                                 &c->values, &c->progress, NULL),
                     WICK_OK);
}

static search_found search(case_of *c, const scenario *s, double to_beat, int widest, long turns) {
    const search_scene scene = {.trace = &s->trace,
                                .correct = s->correct,
                                .n_samples = SAMPLES,
                                .problem = &c->problem,
                                .values = c->values,
                                .progress = &c->progress};
    search_found found = {.score = to_beat};
    assert_int_equal(search_run(c->arena, &scene, widest, turns, &found, NULL), WICK_OK);
    return found;
}

static double retell(const scenario *s, search_schedule *schedule, bool known) {
    const wick_sim_control control = {.act = search_retell, .ctx = schedule};
    wick_sim_options options = s->options;
    wick_sim_result r;
    options.control = &control;
    assert_int_equal(wick_sim_run(&s->plan, &s->trace, &options, s->correct, SAMPLES, &r, NULL),
                     WICK_OK);
    wick_sim_free(&r);
    return known ? r.correct_in_time : r.expected_in_time;
}

/* Told again, a schedule brings to the last digit what its device had; and a wider search that is
   to beat it says nothing or more. Workloads of all kinds. */
static void a_schedule_can_be_retold(void **state) {
    (void)state;
    enum { NARROW = 4, WIDE = 40 };
    scenario *s = malloc(sizeof *s);
    assert_non_null(s);
    int found = 0, more = 0, whole = 0;
    for (uint64_t seed = 1; seed <= SCENARIOS; seed++)
        for (int known = 0; known < 2; known++) {
            case_of c;
            make(s, seed);
            begin(&c, s, known);
            search_found first = search(&c, s, 0, NARROW, 1000000);
            assert_true(first.score <= c.bound + 1e-5);
            assert_true((first.schedule.n > 0) == (first.score > 0));
            if (first.schedule.n) {
                assert_true(retell(s, &first.schedule, known) == first.score);
                assert_int_equal(first.schedule.at, first.schedule.n);
                found++;
            }
            search_found second = search(&c, s, first.score, WIDE, 1000000);
            assert_true(second.schedule.n ? second.score > first.score + 1e-7
                                          : second.score == first.score);
            if (second.schedule.n) {
                assert_true(retell(s, &second.schedule, known) == second.score);
                more++;
            }
            assert_true(first.cut || !second.schedule.n);
            whole += !second.cut;
            wick_arena_free(c.arena);
        }
    print_message("%d schedules, %d times a better one; %d searches left nobody behind\n", found,
                  more, whole);
    assert_true(found > 15 && more > 0 && whole > 0);
    free(s);
}

static void turns_have_an_end(void **state) {
    (void)state;
    scenario *s = malloc(sizeof *s);
    assert_non_null(s);
    case_of c;
    make(s, 3);
    begin(&c, s, false);
    search_found all = search(&c, s, 0, 100, 100000000);
    search_found some = search(&c, s, 0, 100, all.turns / 3);
    assert_true(some.cut && some.score <= all.score && some.turns < all.turns / 2);
    search_found none = search(&c, s, c.bound, 100, 100000000);
    assert_true(!none.cut && none.schedule.n == 0 && none.turns < all.turns);
    wick_arena_free(c.arena);
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schedule_can_be_retold),
        cmocka_unit_test(turns_have_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
