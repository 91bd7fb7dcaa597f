/* Hand-computed decisions. */
#include <wick/policy.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Modules of 900, 400, 200 and 50 uJ; 90, 40, 20 and 5 ms; 86, 82, 76 and 53 % right. */
static const wick_segment segments[5] = {{0, 1, 0, 0, 100000, 10000},
                                         {0, 1, 0, 860, 900000, 90000},
                                         {0, 1, 0, 820, 400000, 40000},
                                         {0, 1, 0, 760, 200000, 20000},
                                         {0, 1, 0, 530, 50000, 5000}};
static const wick_model model = {.n_modules = 4, .segments = segments};
static const wick_situation nothing = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, 0, 0};

static uint8_t greedy(wick_situation s) {
    wick_policy policy = {WICK_POLICY_GREEDY, 0, 0, 0, 0};
    return wick_policy_choose(&policy, &model, &s);
}

static void one_answer_is_enough(void **state) {
    (void)state;
    for (uint8_t kind = 0; kind <= WICK_POLICY_THRESHOLD; kind++) {
        wick_policy policy = {kind, 1, 0, 0, 0};
        wick_situation s = {10000, 10000, 10000, 1000, 0, 0};
        assert_int_not_equal(wick_policy_choose(&policy, &model, &s), 0);
        for (uint32_t k = 0; k < 4; k++) {
            s.modules_done = 1u << k;
            assert_int_equal(wick_policy_choose(&policy, &model, &s), 0);
        }
    }
}

static void fixed_is_fixed(void **state) {
    (void)state;
    for (uint8_t k = 1; k <= 4; k++) {
        wick_policy policy = {WICK_POLICY_FIXED, k, 0, 0, 0};
        assert_int_equal(wick_policy_choose(&policy, &model, &nothing), k);
    }
    wick_policy policy = {WICK_POLICY_FIXED, 0, 0, 0, 0};
    assert_int_equal(wick_policy_choose(&policy, &model, &nothing), 4);
    policy.module = 5;
    assert_int_equal(wick_policy_choose(&policy, &model, &nothing), 4);
    wick_model none = {.n_modules = 0, .segments = segments};
    assert_int_equal(wick_policy_choose(&policy, &none, &nothing), 0);
}

static void greedy_takes_the_largest_that_the_charge_carries(void **state) {
    (void)state;
    wick_situation s = nothing;
    s.charge_uj = 900;
    assert_int_equal(greedy(s), 1);
    s.charge_uj = 899;
    assert_int_equal(greedy(s), 2);
    s.charge_uj = 399;
    assert_int_equal(greedy(s), 3);
    s.charge_uj = 199;
    assert_int_equal(greedy(s), 4);
    s.charge_uj = 0; /* none is carried */
    assert_int_equal(greedy(s), 4);
    s.charge_uj = UINT32_MAX; /* unknown */
    assert_int_equal(greedy(s), 4);
    s.charge_uj = UINT32_MAX - 1;
    assert_int_equal(greedy(s), 1);
}

static void greedy_counts_the_harvest_until_the_deadline(void **state) {
    (void)state;
    wick_situation s = nothing;
    s.charge_uj = 100;
    s.harvest_uw = 3000;
    assert_int_equal(greedy(s), 4); /* no deadline: the harvest is not counted */
    s.time_left_ms = 100;           /* 100 + 300 uJ */
    assert_int_equal(greedy(s), 2);
    s.time_left_ms = 99; /* 100 + 297 */
    assert_int_equal(greedy(s), 3);
    s.harvest_uw = UINT32_MAX - 1; /* no overflow: 4294 J/s for 99 ms */
    assert_int_equal(greedy(s), 1);
    s.harvest_uw = UINT32_MAX; /* unknown */
    assert_int_equal(greedy(s), 4);
}

static void greedy_keeps_the_deadline(void **state) {
    (void)state;
    wick_situation s = nothing;
    s.charge_uj = 1000;
    s.harvest_uw = 0;
    s.time_left_ms = 90;
    assert_int_equal(greedy(s), 1);
    s.time_left_ms = 89;
    assert_int_equal(greedy(s), 2);
    s.time_left_ms = 4; /* nothing can be done in time */
    assert_int_equal(greedy(s), 4);
}

static void greedy_meets_the_asked_accuracy_with_the_least(void **state) {
    (void)state;
    wick_situation s = nothing;
    s.charge_uj = 1000;
    s.min_accuracy_permille = 530;
    assert_int_equal(greedy(s), 4);
    s.min_accuracy_permille = 531;
    assert_int_equal(greedy(s), 3);
    s.min_accuracy_permille = 800;
    assert_int_equal(greedy(s), 2);
    s.min_accuracy_permille = 990; /* none is so good: the best that is carried */
    assert_int_equal(greedy(s), 1);
    s.charge_uj = 250;
    assert_int_equal(greedy(s), 3);
}

static void unknown_energy_is_not_carried(void **state) {
    (void)state;
    wick_segment unknown[3] = {segments[0], segments[1], segments[2]};
    unknown[1].energy_nj = 0;
    wick_model two = {.n_modules = 2, .segments = unknown};
    wick_policy policy = {WICK_POLICY_GREEDY, 0, 0, 0, 0};
    wick_situation s = nothing;
    s.charge_uj = 5000;
    assert_int_equal(wick_policy_choose(&policy, &two, &s), 2);
}

static void thresholds_pick_a_class(void **state) {
    (void)state;
    wick_policy policy = {WICK_POLICY_THRESHOLD, 0, 100, 500, 700};
    static const struct {
        uint32_t harvest_uw, charge_uj;
        uint8_t of_four, of_three, of_one;
    } cases[] = {
        {99, 699, 4, 3, 1},         {100, 699, 3, 2, 1},        {499, 699, 3, 2, 1},
        {500, 0, 1, 1, 1},          {99, 700, 3, 2, 1},         {100, 700, 2, 1, 1},
        {500, 700, 1, 1, 1},        {UINT32_MAX, 0, 4, 3, 1},   {UINT32_MAX, 700, 3, 2, 1},
        {100, UINT32_MAX, 3, 2, 1}, {500, UINT32_MAX, 1, 1, 1}, {UINT32_MAX, UINT32_MAX, 4, 3, 1}};
    wick_model three = model, one = model;
    three.n_modules = 3;
    one.n_modules = 1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wick_situation s = nothing;
        s.harvest_uw = cases[i].harvest_uw;
        s.charge_uj = cases[i].charge_uj;
        assert_int_equal(wick_policy_choose(&policy, &model, &s), cases[i].of_four);
        assert_int_equal(wick_policy_choose(&policy, &three, &s), cases[i].of_three);
        assert_int_equal(wick_policy_choose(&policy, &one, &s), cases[i].of_one);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_answer_is_enough),
        cmocka_unit_test(fixed_is_fixed),
        cmocka_unit_test(greedy_takes_the_largest_that_the_charge_carries),
        cmocka_unit_test(greedy_counts_the_harvest_until_the_deadline),
        cmocka_unit_test(greedy_keeps_the_deadline),
        cmocka_unit_test(greedy_meets_the_asked_accuracy_with_the_least),
        cmocka_unit_test(unknown_energy_is_not_carried),
        cmocka_unit_test(thresholds_pick_a_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
