#include "helper_brute.h"

#include "helper_tiny.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CHOICES = 24, MOST_RUNS = 2000 };

/* ---- all schedules ---- */

/* Digits of the schedule; those that a run asks for beyond `n` are 0. */
typedef struct schedule {
    int digits[CHOICES], bases[CHOICES], n;
    const tiny *t;
} schedule;

static int next_choice(schedule *s, int base) {
    if (s->n == CHOICES)
        return 0;
    s->bases[s->n] = base;
    return s->digits[s->n++];
}

/* Work for one of the modules (of those that begin with the extractor also the other one, when one
   is past its first commit), or nothing until the next third of a period, or without an input until
   the next one: asleep where that takes nothing, else off; before an input is begun both are tried.
 */
static wick_sim_action choose(void *ctx, const wick_sim_state *state) {
    schedule *s = ctx;
    const wick_segment *segments = s->t->segments;
    bool free_sleep = s->t->device.sleep_uw == 0;
    double parts = state->input < 0 ? 1 : 3;
    double next_s = (floor(state->now_s * parts + 1e-6) + 1) / parts;
    if (state->answered || state->now_s >= state->deadline_s)
        return (wick_sim_action){.kind = WICK_SIM_DROP};
    int k = state->features ? state->segment : 0;
    if (k && state->progress[k] == segments[k].n_spans)
        return (wick_sim_action){.kind = WICK_SIM_GO_ON};
    bool begun = state->input >= 0 && (k > 0 || state->features || state->progress[0] > 0);
    int works = state->input < 0 ? 0 : k == 0 && state->features ? MODULES : 1;
    bool turns = k && s->t->plan.model.extractor_steps && state->progress[k] > 0 &&
                 state->progress[3 - k] == 0;
    if (turns)
        works = 2; /* to go on first */
    int choice = next_choice(s, works + (free_sleep || begun ? 1 : 2));
    if (choice < works)
        return (wick_sim_action){.kind = WICK_SIM_MODULE,
                                 .module = !k       ? 1 + choice
                                           : choice ? 3 - k
                                                    : k};
    bool off = choice == works && !free_sleep;
    return (wick_sim_action){.kind = off ? WICK_SIM_OFF : WICK_SIM_SLEEP, .until_s = next_s};
}

/* The next schedule in the order of its digits; false: that was the last. `n` as the run left it.
 */
static bool advance(schedule *s) {
    int last = s->n - 1;
    while (last >= 0 && s->digits[last] + 1 == s->bases[last])
        s->digits[last--] = 0;
    if (last < 0)
        return false;
    s->digits[last]++;
    for (int i = last + 1; i < CHOICES; i++)
        s->digits[i] = 0;
    return true;
}

typedef struct best {
    double expected;
    int correct, runs;
} best;

static best search(tiny *t) {
    best b = {0};
    schedule s = {.t = t};
    const wick_sim_control control = {.act = choose, .ctx = &s};
    t->options.control = &control;
    do {
        wick_sim_result r;
        s.n = 0;
        assert_int_equal(
            wick_sim_run(&t->plan, &t->trace, &t->options, t->correct, SAMPLES, &r, NULL), WICK_OK);
        b.expected = fmax(b.expected, r.expected_in_time);
        b.correct = r.correct_in_time > b.correct ? r.correct_in_time : b.correct;
        wick_sim_free(&r);
    } while (++b.runs < MOST_RUNS && advance(&s));
    t->options.control = NULL;
    return b;
}

void brute_try(void **state) {
    const brute_worlds *worlds = *state;
    static void (*const make[])(tiny *, wick_rng *) = {[BRUTE_PLAIN] = tiny_plan,
                                                       [BRUTE_RECOMPUTING] = tiny_recomputing_plan,
                                                       [BRUTE_WAITING] = tiny_waiting_plan,
                                                       [BRUTE_IMPATIENT] = tiny_impatient_plan};
    static tiny t;
    int tighter = 0, open = 0, equal = 0, whole = 0;
    int found = 0;
    double most = 0, reached = 0, searched_all = 0, most_all = 0;
    for (int seed = 1; seed <= worlds->cases; seed++) {
        wick_rng rng = wick_rng_seed((uint64_t)seed, 0x74696e79);
        tiny_device(&t, &rng);
        make[worlds->kind](&t, &rng);
        tiny_world(&t, &rng);
        if (worlds->diode)
            tiny_diode(&t, &rng);
        t.options.seed = (uint64_t)seed;
        t.options.no_voltage = worlds->kind < BRUTE_WAITING;
        /* Patience lasts longer than the run, or a quarter of a period. */
        t.options.wait_s = worlds->kind == BRUTE_IMPATIENT ? 0.004 : 0.2;
        const best b = search(&t);
        wick_bound bound, known, fine;
        /* The trace changes within intervals. */
        wick_clairvoyant_options grid = {.slots = 27, .levels = 40, .charges = 100};
        assert_int_equal(wick_clairvoyant(&t.plan, &t.trace, &t.options, t.correct, SAMPLES, &grid,
                                          &bound, NULL),
                         WICK_OK);
        grid.known = true;
        assert_int_equal(wick_clairvoyant(&t.plan, &t.trace, &t.options, t.correct, SAMPLES, &grid,
                                          &known, NULL),
                         WICK_OK);
        grid.known = false;
        grid.tires = grid.cold = true;
        assert_int_equal(
            wick_clairvoyant(&t.plan, &t.trace, &t.options, t.correct, SAMPLES, &grid, &fine, NULL),
            WICK_OK);
        assert_true(fine.expected <= bound.expected + 1e-6);
        tighter += fine.expected < bound.expected - 1e-6;
        double limit = fine.expected * bound.inputs;
        if (b.expected > limit + 1e-5 || b.correct > known.expected * known.inputs + 1e-5)
            fail_msg("case %d: %g expected and %d right of %d inputs; bounds %g and %g", seed,
                     b.expected, b.correct, bound.inputs, limit, known.expected * known.inputs);
        /* Much is gained, and worked, within a long interval. */
        wick_clairvoyant_options long_grid = {.slots = 2, .levels = 10, .charges = 1000};
        wick_bound coarse;
        assert_int_equal(wick_clairvoyant(&t.plan, &t.trace, &t.options, t.correct, SAMPLES,
                                          &long_grid, &coarse, NULL),
                         WICK_OK);
        if (b.expected > coarse.expected * coarse.inputs + 1e-5)
            fail_msg("case %d: %g expected; the bound with long intervals is %g", seed, b.expected,
                     coarse.expected * coarse.inputs);
        double searched;
        assert_int_equal(wick_clairvoyant_replay(&t.plan, &t.trace, &t.options, t.correct, SAMPLES,
                                                 &grid, &fine, &searched, NULL),
                         WICK_OK);
        searched *= fine.inputs;
        if (searched > limit + 1e-5)
            fail_msg("case %d: a schedule of %g of %g", seed, searched, limit);
        if (limit < 0.1)
            continue;
        open++;
        found += searched > b.expected - 1e-5;
        searched_all += searched;
        most_all += limit;
        if (b.runs == MOST_RUNS)
            continue;
        whole++;
        equal += b.expected > limit - 1e-5;
        most += limit;
        reached += b.expected;
    }
    print_message(
        "%d cases, %d searched wholly: in %d the best schedule equals the bound; it reaches "
        "%.1f %% of all; %d are lower where what the engine knows is in the state\n",
        open, whole, equal, 100 * reached / most, tighter);
    print_message("the search reaches %.1f %%; in %d cases no less than the best of those tried\n",
                  100 * searched_all / most_all, found);
    assert_true(found >= 0.85 * open); /* thirds of a period are among its instants */
    assert_true(whole >= worlds->least_whole * worlds->cases &&
                equal >= worlds->least_equal * whole);
    assert_true(reached >= worlds->least_reached * most);
}

/* One charge, no harvest: less than the small module takes on its own, whose extractor commits
   three times, but enough for the large module's extractor, which commits once, and then the small
   module. */
void brute_turn(void **state) {
    (void)state;
    static tiny t;
    wick_rng rng = wick_rng_seed(1, 1);
    enum { COMMIT = 10 };
    do
        tiny_recomputing_plan(&t, &rng);
    while (t.segments[1].n_spans != 2 || t.segments[2].n_spans != 4);
    tiny_device(&t, &rng);
    tiny_world(&t, &rng);
    t.device.capacitor.max_v = 4;
    t.device.capacitor.leakage_ua = t.device.sleep_uw = 0;
    t.device.boot_uj = 1;
    t.plan.boot = tiny_cost(1, 1000);
    t.plan.commit = tiny_cost(COMMIT, 100);
    for (int k = 0; k < t.plan.model.n_steps; k++)
        t.costs[k] = tiny_cost(k == 3 ? 60 : 3, 100);
    memset(t.powers, 0, sizeof t.powers);
    t.options.workload = (wick_workload){.period_s = 1, .deadline_s = 1};
    t.options.duration_s = 1;
    /* A boot, the input, a decision, the large extractor and its commit, a decision, the small
       module's own step and its commit, the delivery. Its own way: two more commits, no decision.
     */
    double turned_uj = 1 + (0.1 + COMMIT) + COMMIT + (9 + COMMIT) + COMMIT + (3 + COMMIT) + 0.1;
    int by_turning = 0, none = 0;
    for (double uj = turned_uj - 5; uj < turned_uj + 2 * COMMIT; uj += 0.5) {
        wick_bound bound;
        wick_clairvoyant_options grid = {.slots = 6, .levels = 200, .charges = 1000};
        t.device.capacitor.on_v = 2.1;
        t.options.start_v = sqrt(4 + 2 * uj / t.device.capacitor.uf);
        best b = search(&t);
        assert_int_equal(wick_clairvoyant(&t.plan, &t.trace, &t.options, t.correct, SAMPLES, &grid,
                                          &bound, NULL),
                         WICK_OK);
        assert_true(b.runs < MOST_RUNS);
        assert_true(b.expected <= bound.expected * bound.inputs + 1e-5);
        by_turning += b.expected > 0 && uj < turned_uj + COMMIT - 0.5;
        none += bound.expected == 0;
    }
    print_message("%d charges carry the turn alone, %d nothing\n", by_turning, none);
    assert_true(by_turning > 10 && none > 2);
}

/* Two spans of 30 uJ, of which the first takes first_s; both ask for more than there ever is. */
static void make_tired(tiny *t, double start_uj, double first_s) {
    wick_rng rng = wick_rng_seed(1, 1);
    do
        tiny_plan(t, &rng);
    while (t->plan.model.n_spans != 1 + MODULES);
    tiny_device(t, &rng);
    tiny_world(t, &rng);
    t->device.capacitor.max_v = 4;
    t->device.capacitor.on_v = 2.1;
    t->device.sleep_uw = 0;
    t->device.boot_uj = 1;
    t->plan.boot = tiny_cost(1, 1000);
    t->plan.commit = tiny_cost(0.01, 10);
    t->plan.take = t->plan.send = tiny_cost(0.1, 10);
    for (int i = 0; i < t->plan.model.n_spans; i++) {
        t->spans[i].need_mv = 3900;
        t->costs[i] = tiny_cost(30, i ? 20000 : 1e6 * first_s);
    }
    t->options.workload = (wick_workload){.period_s = 1, .deadline_s = 0.8};
    t->options.duration_s = 1;
    t->options.no_voltage = false;
    t->options.wait_s = 0.004; /* patience lasts a quarter of the period */
    t->options.start_v = sqrt(4 + 2 * start_uj / t->device.capacitor.uf);
    t->options.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 1};
}

static void tire(tiny *t) {
    wick_sim_result r;
    assert_int_equal(wick_sim_run(&t->plan, &t->trace, &t->options, t->correct, SAMPLES, &r, NULL),
                     WICK_OK);
    assert_int_equal(r.in_time, 1);
    for (int slots = 10; slots <= 320; slots *= 2)
        for (int tires = 0; tires < 2; tires++) {
            wick_clairvoyant_options grid = {
                .slots = slots, .levels = 40, .charges = 400, .tires = tires, .cold = tires};
            wick_bound bound;
            assert_int_equal(wick_clairvoyant(&t->plan, &t->trace, &t->options, t->correct, SAMPLES,
                                              &grid, &bound, NULL),
                             WICK_OK);
            assert_true(bound.expected * bound.inputs >= r.expected_in_time - 1e-5);
        }
    wick_sim_free(&r);
}

void brute_tire(void **state) {
    (void)state;
    static tiny t;
    make_tired(&t, 75, 0.02); /* leakage takes what comes in, below what the spans ask for */
    t.device.capacitor.leakage_ua = 20;
    for (int i = 0; i < TRACE; i++)
        t.powers[i] = 60;
    tire(&t);
    make_tired(&t, 44, 0.4); /* dark while it tires, light when the second span begins */
    t.device.capacitor.leakage_ua = 0;
    for (int i = 0; i < TRACE; i++)
        t.powers[i] = i ? 120 : 0;
    tire(&t);
    make_tired(&t, 42, 0.02); /* in the dark, with what the spans take, less than they ask for */
    t.device.capacitor.leakage_ua = 0;
    for (int i = 1; i < t.plan.model.n_spans; i++)
        t.costs[i] = tiny_cost(5, 20000);
    memset(t.powers, 0, sizeof t.powers);
    tire(&t);
    make_tired(&t, 25.5, 0.4); /* a span of 30 uJ begins with 24: the light of its time ends it */
    t.device.capacitor.leakage_ua = 0;
    for (int i = 1; i < t.plan.model.n_spans; i++)
        t.costs[i] = tiny_cost(5, 20000);
    for (int i = 0; i < TRACE; i++)
        t.powers[i] = i ? 120 : 0;
    tire(&t);
}

/* An answer of two spans that take `uj` together. A boot at 41.7 uJ; some light, then none. */
static void make_leaky(tiny *t, double uj, double start_uj, double power_uw, bool gated) {
    make_tired(t, start_uj, 0.02);
    t->device.capacitor.leakage_ua = 20;
    t->device.capacitor.on_v = 3;
    t->options.wait_s = 0.2; /* it does not tire */
    t->times[1] = 0.23;
    for (int i = 0; i < TRACE; i++)
        t->powers[i] = i ? 0 : power_uw;
    for (int i = 0; i < t->plan.model.n_spans; i++) {
        double need_v = sqrt(4 + 1.02 * uj / t->device.capacitor.uf);
        t->costs[i] = tiny_cost(uj / 2, 20000);
        t->spans[i].need_mv = gated ? (uint16_t)(1e3 * need_v) : 0;
    }
}

static wick_sim_result run_leaky(tiny *t) {
    wick_sim_result r;
    assert_int_equal(wick_sim_run(&t->plan, &t->trace, &t->options, t->correct, SAMPLES, &r, NULL),
                     WICK_OK);
    wick_sim_free(&r);
    return r;
}

/* Light that makes it boot when the light ends. */
static double least_power_uw(tiny *t, double start_uj) {
    double power_uw = 0;
    do
        make_leaky(t, 20, start_uj, power_uw += 0.5, false);
    while (run_leaky(t).boots == 0 && power_uw < 1000);
    return power_uw;
}

/* The most that such an answer takes in a run is what the bound says, but for its steps and what
   leaks in a part of an interval: with a boot at once, and with one towards an interval's end. */
void brute_leak(void **state) {
    (void)state;
    static tiny t;
    for (int i = 0; i < 4; i++) {
        const wick_clairvoyant_options grid = {.slots = 8, .levels = 40, .charges = 2000};
        double run_uj = 0, bound_uj = 0, start_uj = i / 2 ? 43 : 32;
        double power_uw = i / 2 ? 0 : least_power_uw(&t, start_uj);
        for (double uj = 20; uj < 50; uj += 0.25) {
            wick_bound bound;
            make_leaky(&t, uj, start_uj, power_uw, i % 2);
            run_uj = run_leaky(&t).in_time ? uj : run_uj;
            assert_int_equal(wick_clairvoyant(&t.plan, &t.trace, &t.options, t.correct, SAMPLES,
                                              &grid, &bound, NULL),
                             WICK_OK);
            bound_uj = bound.expected * bound.inputs > 0.99 ? uj : bound_uj;
        }
        print_message("from %g uJ, %g uW: %g in a run, at most %g\n", start_uj, power_uw, run_uj,
                      bound_uj);
        assert_true(run_uj > 20 && run_uj <= bound_uj && bound_uj <= run_uj + 5);
    }
}

/* A boot as soon as the capacitor allows, a span long behind it, and a capacitor that leaks: what
   the boot took leaks no more. */
void brute_boot(void **state) {
    (void)state;
    static tiny t;
    const wick_clairvoyant_options grid = {.slots = 2, .levels = 40, .charges = 2000};
    double run_uj = 0, bound_uj = 0;
    for (double uj = 90; uj < 125; uj += 0.5) {
        wick_sim_result run;
        wick_bound bound;
        make_tired(&t, 41.7, 0.02);
        t.device.capacitor.leakage_ua = 20;
        t.device.capacitor.on_v = 3;
        t.device.capacitor.max_v = 4;
        t.device.sleep_uw = 0;
        t.device.boot_uj = 30;
        t.plan.boot = tiny_cost(30, 1000);
        t.options.start_v = 3.001;
        t.options.wait_s = 0.2;
        t.options.workload = (wick_workload){.period_s = 1, .deadline_s = 0.9};
        for (int i = 0; i < TRACE; i++) {
            t.times[i] = i ? 0.4 + 0.5 * (i - 1) : 0;
            t.powers[i] = i ? 0 : 200;
        }
        for (int i = 0; i < t.plan.model.n_spans; i++) {
            t.costs[i] = tiny_cost(i ? 10 : 1, i ? 2000 : 1000);
            t.spans[i].need_mv =
                i == 1 ? (uint16_t)(1e3 * sqrt(2 * uj / t.device.capacitor.uf)) : 0;
        }
        assert_int_equal(
            wick_sim_run(&t.plan, &t.trace, &t.options, t.correct, SAMPLES, &run, NULL), WICK_OK);
        assert_int_equal(wick_clairvoyant(&t.plan, &t.trace, &t.options, t.correct, SAMPLES, &grid,
                                          &bound, NULL),
                         WICK_OK);
        assert_true(run.expected_in_time <= bound.expected * bound.inputs + 1e-5);
        run_uj = run.in_time ? uj : run_uj;
        bound_uj = bound.expected * bound.inputs > 0.99 ? uj : bound_uj;
        wick_sim_free(&run);
    }
    print_message("a span begins at %g uJ in a run, at most at %g\n", run_uj, bound_uj);
    assert_true(run_uj > 90 && bound_uj <= run_uj + 5);
}
