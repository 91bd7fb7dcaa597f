/* The clairvoyant's bound: no policy beats it, and where the optimum is plain it is near. */
#include "helper_scenario.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SCENARIOS = 24, CONTROLS = 3 };

/* Does anything at random, but keeps to it for a while. */
static wick_sim_action anything(void *ctx, const wick_sim_state *state) {
    wick_rng *rng = ctx;
    double wait_s = fmin(1, state->deadline_s - state->arrival_s);
    switch (wick_rng_below(rng, 40)) {
    case 0:
        return (wick_sim_action){.kind = WICK_SIM_SLEEP, .until_s = state->now_s + wait_s / 8};
    case 1:
        return (wick_sim_action){.kind = WICK_SIM_OFF, .until_s = state->now_s + wait_s / 5};
    case 2:
    case 3:
        return (wick_sim_action){.kind = WICK_SIM_MODULE,
                                 .module = 1 + (int)wick_rng_below(rng, 3)};
    default:
        return (wick_sim_action){.kind = WICK_SIM_GO_ON};
    }
}

/* Periodic arrivals that a charge lasts for. */
static void make(scenario *s, uint64_t seed) {
    scenario_make_even(s, seed, 25);
    s->options.workload.needs_power = false;
    s->options.workload.fresh_s = 0;
    for (int k = 0; k < 3; k++) /* the larger, the better, but not on every input */
        for (int i = 0; i < 5; i++)
            s->correct[k * 5 + i] = (i + k) % 5 < 4 - k;
}

typedef struct bounds {
    wick_bound energy, known;
    double replayed; /* of energy */
} bounds;

static bounds bounds_of(const scenario *s) {
    wick_clairvoyant_options grid = {.slots = 12, .levels = 32, .charges = 48};
    bounds b;
    for (int known = 0; known < 2; known++) {
        grid.known = grid.tires = grid.cold = known;
        assert_int_equal(wick_clairvoyant(&s->plan, &s->trace, &s->options, s->correct, 5, &grid,
                                          known ? &b.known : &b.energy, NULL),
                         WICK_OK);
    }
    return b;
}

static void replay(const scenario *s, bounds *b, bool known) {
    wick_clairvoyant_options grid = {.slots = 12,
                                     .levels = 32,
                                     .charges = 48,
                                     .known = known,
                                     .tires = known,
                                     .cold = known,
                                     .widest = 30};
    wick_bound with;
    assert_int_equal(wick_clairvoyant_replay(&s->plan, &s->trace, &s->options, s->correct, 5, &grid,
                                             &with, &b->replayed, NULL),
                     WICK_OK);
    assert_true(with.expected == (known ? b->known : b->energy).expected);
    assert_true(b->replayed <= with.expected * (1 + 1e-5));
}

/* Share of the bound that a run reaches. */
static double check(const scenario *s, const bounds *b, uint64_t seed) {
    wick_sim_result r;
    assert_int_equal(wick_sim_run(&s->plan, &s->trace, &s->options, s->correct, 5, &r, NULL),
                     WICK_OK);
    wick_sim_free(&r);
    assert_int_equal(r.inputs, b->energy.inputs);
    double most = b->energy.expected * r.inputs, right = b->known.expected * r.inputs;
    if (r.expected_in_time > most * (1 + 1e-5) || r.correct_in_time > right * (1 + 1e-5))
        fail_msg("seed %d, policy %d: %g expected, %d right of %d inputs; bounds %g, %g", (int)seed,
                 s->options.control ? -1 : s->options.policy.kind, r.expected_in_time,
                 r.correct_in_time, r.inputs, most, right);
    return most > 0 ? r.expected_in_time / most : 1;
}

static void nobody_beats_it(void **state) {
    (void)state;
    scenario *s = malloc(sizeof *s);
    assert_non_null(s);
    int near = 0, open = 0;
    double reached = 0, most = 0;
    for (uint64_t seed = 1; seed <= SCENARIOS; seed++) {
        make(s, seed);
        wick_arena *arena = wick_arena_new();
        bounds b = bounds_of(s);
        double best = 0;
        if (seed % 3 == 0)
            replay(s, &b, true);
        replay(s, &b, false);
        for (int kind = WICK_POLICY_FIXED; kind <= WICK_POLICY_TABLE; kind++)
            for (uint8_t k = 1; k <= (kind == WICK_POLICY_FIXED ? 3 : 1); k++) {
                s->options.policy.kind = (uint8_t)kind;
                s->options.policy.module = k;
                s->options.policy.table =
                    scenario_table(arena, 3, wick_device_charge_uj(&s->device), 1000,
                                   s->options.workload.deadline_s, seed);
                best = fmax(best, check(s, &b, seed));
            }
        wick_rng rng = wick_rng_seed(seed, 0x616e79);
        wick_sim_control control = {.act = anything, .ctx = &rng};
        s->options.control = &control;
        for (int i = 0; i < CONTROLS; i++)
            best = fmax(best, check(s, &b, seed));
        reached += b.replayed;
        most += b.energy.expected;
        if (b.energy.expected > 0) {
            open++;
            near += best > 0.9;
        }
        wick_arena_free(arena);
    }
    free(s);
    print_message("%d of %d bounds are reached to 10 %%; the plans reach %.1f %% of them\n", near,
                  open, 100 * reached / most);
    assert_true(open > SCENARIOS / 2 && near > open / 4);
    assert_true(reached > 0.67 * most); /* 64.4 % by the bound's own plan alone */
}

static double expected(const scenario *s) {
    wick_sim_result r;
    assert_int_equal(wick_sim_run(&s->plan, &s->trace, &s->options, s->correct, 5, &r, NULL),
                     WICK_OK);
    wick_sim_free(&r);
    return r.expected_in_time;
}

static void set_light(scenario *s, double uw) {
    for (int i = 0; i < s->trace.n; i++)
        s->powers[i] = uw;
}

/* Steady light, and always the largest module: just enough light, then just enough time for it. A
   bound that asked for a little more of either would be too low. */
static void at_the_limit(int scenarios, bool chain) {
    scenario *s = malloc(sizeof *s);
    assert_non_null(s);
    int near = 0, tried = 0;
    for (uint64_t seed = 1; seed <= (uint64_t)scenarios; seed++) {
        make(s, seed);
        s->plan.model.chain = chain;
        s->options.harvester = NULL;
        s->trace.iv = NULL;
        s->options.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 1};
        s->options.workload.rule = WICK_INPUT_REPLACE;
        s->options.workload.deadline_s = s->options.workload.period_s;
        double low = 0, high = 30000;
        set_light(s, high);
        double whole = expected(s);
        if (whole < 1)
            continue; /* it takes longer than a period */
        for (int limit = 0; limit < 2; limit++) {
            for (int i = 0; i < 14; i++) {
                double middle = (low + high) / 2;
                if (limit)
                    s->options.workload.deadline_s = middle;
                else
                    set_light(s, middle);
                *(expected(s) < 0.96 * whole ? &low : &high) = middle;
            }
            if (limit)
                s->options.workload.deadline_s = high;
            else
                set_light(s, high);
            bounds b = bounds_of(s);
            near += check(s, &b, seed) > 0.8;
            if (chain)
                replay(s, &b, false);
            tried++;
            low = 0;
            high = s->options.workload.period_s;
            set_light(s, 30000);
        }
    }
    free(s);
    print_message("%d of %d bounds are reached to 20 %%\n", near, tried);
    assert_true(tried > scenarios && near > tried / 2);
}

static void nobody_beats_it_at_the_limit(void **state) {
    (void)state;
    at_the_limit(SCENARIOS / 2, false);
}

/* Exits answer in their order, and the largest takes what all take. */
static void nobody_beats_it_with_exits(void **state) {
    (void)state;
    at_the_limit(SCENARIOS / 3, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nobody_beats_it),
                                       cmocka_unit_test(nobody_beats_it_at_the_limit),
                                       cmocka_unit_test(nobody_beats_it_with_exits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
