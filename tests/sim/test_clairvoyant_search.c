/* Schedules searched for in the exact simulator are what a control can say there. */
#include "helper_scenario.h"
#include "sim/clairvoyant_search.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { INPUTS = 8, SCENARIOS = 42, SAMPLES = 5 };

static void make(scenario *s, uint64_t seed) {
    scenario_make_even(s, seed, INPUTS);
    s->options.quiet = true;
    if (seed % 3 == 0) { /* what is in work and too late keeps all others out */
        s->options.workload.rule = seed % 2 ? WICK_INPUT_DROP_NEW : WICK_INPUT_DROP_OLD;
        s->options.workload.max_waiting = 0;
    }
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

/* Of scenario 3, which the caller frees. */
static scenario *begin_third(case_of *c) {
    scenario *s = malloc(sizeof *s);
    assert_non_null(s);
    make(s, 3);
    begin(c, s, false);
    return s;
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

static double play(const scenario *s, const wick_sim_control *control, bool known) {
    wick_sim_options options = s->options;
    wick_sim_result r;
    options.control = control;
    assert_int_equal(wick_sim_run(&s->plan, &s->trace, &options, s->correct, SAMPLES, &r, NULL),
                     WICK_OK);
    wick_sim_free(&r);
    return known ? r.correct_in_time : r.expected_in_time;
}

static double retell(const scenario *s, search_schedule *schedule, bool known) {
    return play(s, &(wick_sim_control){.act = search_retell, .ctx = schedule}, known);
}

/* The best of the bound's own plans, as replayed. */
static double best_replay(case_of *c, const scenario *s, bool known) {
    static const manner manners[] = {
        {0}, {.late = 0.97}, {.follows = true}, {.follows = true, .boots_late = true}};
    double best = 0;
    for (size_t i = 0; i < WICK_LEN(manners); i++) {
        replay plays = {.planner = {.problem = &c->problem, .values = c->values},
                        .manner = manners[i],
                        .progress = &c->progress};
        double score = play(s, &(wick_sim_control){.act = replay_act, .ctx = &plays}, known);
        best = score > best ? score : best;
        free(plays.planner.ways);
    }
    return best;
}

/* Told again, a schedule brings to the last digit what its device had. A search that left nobody
   behind finds no less than the plans reach; a wider one finds nothing or more. Workloads of all
   kinds. */
static void a_schedule_can_be_retold(void **state) {
    (void)state;
    enum { NARROW = 4, WIDE = 40 };
    scenario *s = malloc(sizeof *s);
    assert_non_null(s);
    int found = 0, more = 0, whole = 0, better = 0;
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
            double replayed = best_replay(&c, s, known);
            if (!second.cut && replayed > second.score + 1e-6)
                fail_msg("seed %d, known %d: %g found, %g replayed", (int)seed, known, second.score,
                         replayed);
            better += second.score > replayed + 1e-6;
            whole += !second.cut;
            wick_arena_free(c.arena);
        }
    print_message(
        "%d schedules, %d times a better one; %d searches left nobody behind; %d pass the "
        "replays\n",
        found, more, whole, better);
    assert_true(found > 30 && more > 5 && whole > SCENARIOS && better > 5);
    free(s);
}

static void turns_have_an_end(void **state) {
    (void)state;
    case_of c;
    scenario *s = begin_third(&c);
    search_found all = search(&c, s, 0, 100, 100000000);
    search_found some = search(&c, s, 0, 100, all.turns / 3);
    assert_true(some.cut && some.score <= all.score && some.turns < all.turns / 2);
    search_found none = search(&c, s, c.bound, 100, 100000000);
    assert_true(!none.cut && none.schedule.n == 0 && none.turns < all.turns);
    wick_arena_free(c.arena);
    free(s);
}

/* The last: who has asked to stop is not forgotten. */
static void it_can_be_interrupted(void **state) {
    (void)state;
    case_of c;
    scenario *s = begin_third(&c);
    const search_scene scene = {&s->trace, s->correct, SAMPLES, &c.problem, c.values, &c.progress};
    search_found found = {0};
    wick_diag diag = {0};
    wick_stop_install();
    assert_int_equal(raise(SIGINT), 0);
    assert_int_equal(search_run(c.arena, &scene, 100, 100000000, &found, &diag), WICK_INTERRUPTED);
    assert_int_equal(found.schedule.n, 0);
    assert_true(wick_diag_contains(&diag, "interrupted"));
    wick_diag_free(&diag);
    wick_arena_free(c.arena);
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schedule_can_be_retold),
        cmocka_unit_test(turns_have_an_end),
        cmocka_unit_test(it_can_be_interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
