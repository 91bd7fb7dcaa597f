/* Tables from rules on energy: what they decide, looked up as the device does. */
#include "sim/policy_budget.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const double ENERGY_UJ[5] = {900, 3700, 460, 390, 40};
static const wick_model MODEL = {.n_modules = 4,
                                 .segments = (const wick_segment[5]){{.energy_nj = 900000},
                                                                     {.energy_nj = 3700000},
                                                                     {.energy_nj = 460000},
                                                                     {.energy_nj = 390000},
                                                                     {.energy_nj = 40000}}};

static wick_synthesised table_of(wick_arena *arena, const policy_budget *rule, double full_uj) {
    policy_budget_device device = {
        .full_uj = full_uj, .wake_uj = full_uj / 2, .boot_uj = 10, .sleep_uw = 5};
    memcpy(device.energy_uj, ENERGY_UJ, sizeof ENERGY_UJ);
    wick_synthesised made = policy_budget_table(arena, rule, 4, &device, 2, 1);
    assert_true(made.bytes <= WICK_POLICY_TABLE_BYTES);
    return made;
}

static int decide(const wick_synthesised *made, wick_situation s) {
    const wick_policy policy = {.kind = WICK_POLICY_TABLE, .table = &made->table};
    return wick_policy_choose(&policy, &MODEL, &s);
}

static wick_situation rich(uint32_t charge_uj) {
    return (wick_situation){.charge_uj = charge_uj, .harvest_uw = 1, .time_left_ms = 500};
}

/* First 0: one module whatever there is, and it is never given up. */
static void a_rule_can_be_a_fixed_module(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_rng rng = wick_rng_seed(3, 1);
    for (int k = 1; k <= 4; k++) {
        const policy_budget always = {.largest = k,
                                      .otherwise = k,
                                      .second = INFINITY,
                                      .give_up = INFINITY,
                                      .full = INFINITY,
                                      .extra = INFINITY};
        wick_synthesised made = table_of(arena, &always, 4000);
        for (int i = 0; i < 200; i++) {
            wick_situation s = {.charge_uj = wick_rng_below(&rng, 5000),
                                .harvest_uw = wick_rng_below(&rng, 9000),
                                .time_left_ms = wick_rng_below(&rng, 1000)};
            assert_int_equal(decide(&made, s), k);
            s.working = (uint8_t)k;
            s.left_nj = wick_rng_below(&rng, 3700000);
            assert_int_equal(decide(&made, s), k);
            s.working = 0;
            s.extracting = 1;
            assert_int_equal(decide(&made, s), 1);
            s.extracting = 0;
            s.modules_done = 1u << (k - 1);
            assert_int_equal(decide(&made, s), 0);
        }
    }
    wick_arena_free(arena);
}

static void what_fits_is_begun(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    const policy_budget rule = {.trust = 1,
                                .first = 1,
                                .largest = 1,
                                .otherwise = 4,
                                .second = 1.5,
                                .give_up = 1,
                                .extra = INFINITY};
    wick_synthesised made = table_of(arena, &rule, 6000);
    /* Charge bins of 500 uJ stand for their middles; as good as no harvest. */
    assert_int_equal(decide(&made, rich(100)), 4);  /* 250 */
    assert_int_equal(decide(&made, rich(600)), 2);  /* 750 */
    assert_int_equal(decide(&made, rich(4000)), 1); /* 3750 or 4250 */
    /* 1 mW for a second brings 1000 uJ, 10 mW for longer bring TM1. */
    wick_situation s = {.charge_uj = 100, .harvest_uw = 1000, .time_left_ms = 900};
    assert_int_equal(decide(&made, s), 2);
    s.harvest_uw = 10000;
    assert_int_equal(decide(&made, s), 1);
    /* Behind an answer of TM4: half more than the energy. */
    wick_situation after = rich(600);
    after.modules_done = 8;
    assert_int_equal(decide(&made, after), 2);
    after.charge_uj = 4200;
    assert_int_equal(decide(&made, after), 2);
    after.charge_uj = 5900;
    assert_int_equal(decide(&made, after), 1);
    /* What is left of TM1 does not fit any more: TM2 does, or the smallest at least. */
    wick_situation working = rich(600);
    working.working = 1;
    working.left_nj = 3600000;
    assert_int_equal(decide(&made, working), 2);
    working.charge_uj = 10;
    assert_int_equal(decide(&made, working), 4);
    working.charge_uj = 5900;
    assert_int_equal(decide(&made, working), 1);
    wick_arena_free(arena);
}

/* The extractor waits for what it and the smallest module take, unless the capacitor is full, and
   ends near the deadline; behind an answer, charge that no input can use otherwise is used. */
static void charge_is_kept_for_what_it_is_enough_for(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    const policy_budget rule = {.trust = 1,
                                .first = INFINITY,
                                .largest = 2,
                                .otherwise = 4,
                                .second = 1,
                                .give_up = INFINITY,
                                .hold = 1,
                                .full = 0.8,
                                .hurry = 0.25,
                                .extra = 0.8};
    wick_synthesised made = table_of(arena, &rule, 600);
    /* Charge bins of 50 uJ; 900 + 40 uJ are needed, of a capacitor of 600. */
    wick_situation s = rich(100);
    s.extracting = 1;
    s.left_nj = 900000;
    assert_int_equal(decide(&made, s), WICK_POLICY_WAIT);
    s.time_left_ms = 80; /* the last quarter */
    assert_int_equal(decide(&made, s), 0);
    s.time_left_ms = 500;
    s.charge_uj = 520;
    assert_int_equal(decide(&made, s), 1);
    s.charge_uj = 310;
    s.left_nj = 225000; /* the last level: 225 + 40 */
    assert_int_equal(decide(&made, s), 1);
    s.charge_uj = 220;
    assert_int_equal(decide(&made, s), WICK_POLICY_WAIT);
    s.harvest_uw = 2000; /* and 1 mJ comes */
    assert_int_equal(decide(&made, s), 1);
    wick_situation after = rich(100);
    assert_int_equal(decide(&made, after), 4);
    after.modules_done = 8;
    assert_int_equal(decide(&made, after), WICK_POLICY_WAIT);
    after.charge_uj = 480;
    assert_int_equal(decide(&made, after), 2);
    after.charge_uj = 410;
    assert_int_equal(decide(&made, after), 3);
    wick_arena_free(arena);
}

/* Off instead of waiting, and of working with hardly any charge, where sleep would take more than
   the boot: below the wake voltage (half of full here), with little harvest. */
static void off_where_sleep_costs_more_than_a_boot(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    policy_budget rule = {.hold = 1,
                          .full = INFINITY,
                          .extra = INFINITY,
                          .second = INFINITY,
                          .give_up = INFINITY,
                          .first = 1,
                          .largest = 1,
                          .otherwise = 4};
    wick_situation s = {.charge_uj = 500,
                        .harvest_uw = 40,
                        .time_left_ms = 900,
                        .extracting = 1,
                        .left_nj = 900000};
    wick_synthesised never = table_of(arena, &rule, 4000);
    assert_int_equal(decide(&never, s), WICK_POLICY_WAIT);
    rule.off = 1;
    wick_synthesised made = table_of(arena, &rule, 4000);
    assert_int_equal(decide(&made, s), WICK_POLICY_OFF);
    wick_situation bright = s, high = s, working = s;
    bright.harvest_uw = 2500; /* (2000 - 500) uJ x 5 uW / 10 uJ = 750 uW */
    assert_int_equal(decide(&made, bright), WICK_POLICY_WAIT);
    rule.hold = 9; /* waits with more than the wake voltage's charge too: but not off */
    made = table_of(arena, &rule, 4000);
    high.charge_uj = 2200;
    assert_int_equal(decide(&made, high), WICK_POLICY_WAIT);
    working.extracting = 0;
    working.working = 2;
    working.left_nj = 300000;
    assert_int_equal(decide(&made, working), 2);
    rule.low = 0.2;
    made = table_of(arena, &rule, 4000);
    assert_int_equal(decide(&made, working), WICK_POLICY_OFF);
    working.charge_uj = 900;
    assert_int_equal(decide(&made, working), 2);
    wick_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_rule_can_be_a_fixed_module),
                                       cmocka_unit_test(what_fits_is_begun),
                                       cmocka_unit_test(charge_is_kept_for_what_it_is_enough_for),
                                       cmocka_unit_test(off_where_sleep_costs_more_than_a_boot)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
