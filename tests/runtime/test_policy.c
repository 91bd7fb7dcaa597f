/* Hand-computed decisions. */
#include <wick/policy.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Modules of 900, 400, 200 and 50 uJ; 90, 40, 20 and 5 ms; 86, 82, 76 and 53 % right. */
static const wick_segment segments[5] = {{0, 1, 0, 0, 0, 100000, 10000},
                                         {0, 1, 0, 860, 0, 900000, 90000},
                                         {0, 1, 0, 820, 0, 400000, 40000},
                                         {0, 1, 0, 760, 0, 200000, 20000},
                                         {0, 1, 0, 530, 0, 50000, 5000}};
static const wick_model model = {.n_modules = 4, .segments = segments};
static const wick_situation nothing = {.charge_uj = UINT32_MAX,
                                       .full_uj = UINT32_MAX,
                                       .harvest_uw = UINT32_MAX,
                                       .time_left_ms = UINT32_MAX};

static uint8_t greedy(wick_situation s) {
    wick_policy policy = {.kind = WICK_POLICY_GREEDY};
    return wick_policy_choose(&policy, &model, &s);
}

static void one_answer_is_enough(void **state) {
    (void)state;
    for (uint8_t kind = 0; kind <= WICK_POLICY_THRESHOLD; kind++) {
        wick_policy policy = {.kind = kind, .module = 1};
        wick_situation s = {
            .charge_uj = 10000, .full_uj = 10000, .harvest_uw = 10000, .time_left_ms = 1000};
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
        wick_policy policy = {.kind = WICK_POLICY_FIXED, .module = k};
        assert_int_equal(wick_policy_choose(&policy, &model, &nothing), k);
    }
    wick_policy policy = {.kind = WICK_POLICY_FIXED};
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

/* Of up to eight modules, against a search one by one: greedy's module, or the smallest that is
   accurate enough if that is smaller. FIXED runs its own. */
static void any_kind_meets_the_asked_accuracy(void **state) {
    (void)state;
    wick_segment of[WICK_MAX_MODULES + 1] = {segments[0]};
    for (uint16_t n = 1; n <= WICK_MAX_MODULES; n++)
        for (uint16_t k = 1; k <= n; k++)
            for (uint16_t least = 1; least <= 10 * n + 10; least++) {
                const wick_model some = {.n_modules = n, .segments = of};
                for (uint16_t i = 1; i <= n; i++)
                    of[i].accuracy_permille = (uint16_t)(10 * (n - i + 1)); /* 10 the smallest's */
                for (uint16_t i = 1; i <= n; i++)
                    of[i].energy_nj = i < k ? 2000 : 1000; /* 1 uJ carries k, and those behind it */
                const wick_policy policy = {.kind = WICK_POLICY_GREEDY};
                const wick_policy fixed = {.kind = WICK_POLICY_FIXED, .module = (uint8_t)k};
                wick_situation s = nothing;
                s.charge_uj = 1;
                s.min_accuracy_permille = least;
                assert_int_equal(wick_policy_choose(&fixed, &some, &s), k);
                uint16_t want = k;
                while (want < n && of[want + 1].accuracy_permille >= least)
                    want++;
                assert_int_equal(wick_policy_choose(&policy, &some, &s), want);
            }
    wick_policy threshold = {.kind = WICK_POLICY_THRESHOLD}; /* everything is rich */
    wick_situation s = {.charge_uj = 1, .harvest_uw = 1, .time_left_ms = 1000};
    assert_int_equal(wick_policy_choose(&threshold, &model, &s), 1);
    s.min_accuracy_permille = 800;
    assert_int_equal(wick_policy_choose(&threshold, &model, &s), 2);
}

static void what_is_in_work_goes_on_though_less_is_asked(void **state) {
    (void)state;
    const wick_policy policy = {.kind = WICK_POLICY_EDF};
    wick_situation s = nothing;
    s.charge_uj = 5000;
    s.modules_done = 8;
    s.working = 1;
    s.min_accuracy_permille = 700; /* TM3 would do */
    assert_int_equal(wick_policy_choose(&policy, &model, &s), 1);
}

/* Exits go on until one is as accurate as is asked for; each if it fits. */
static void chains_end_at_the_asked_accuracy(void **state) {
    (void)state;
    wick_model chain = model;
    chain.chain = 1;
    for (uint8_t kind = WICK_POLICY_GREEDY; kind <= WICK_POLICY_TABLE; kind++) {
        const wick_policy policy = {.kind = kind};
        wick_situation s = nothing;
        s.charge_uj = 5000;
        s.harvest_uw = kind == WICK_POLICY_THRESHOLD ? 1 : UINT32_MAX;
        s.min_accuracy_permille = 800;
        assert_int_equal(wick_policy_choose(&policy, &chain, &s), 4);
        if (kind == WICK_POLICY_TABLE)
            continue; /* without a table: one answer, as greedy */
        s.modules_done = 8;
        assert_int_equal(wick_policy_choose(&policy, &chain, &s), 3);
        s.modules_done = 8 | 4;
        assert_int_equal(wick_policy_choose(&policy, &chain, &s), 2);
        s.modules_done = 8 | 4 | 2;
        assert_int_equal(wick_policy_choose(&policy, &chain, &s), 0);
        s.min_accuracy_permille = 0;
        assert_int_equal(wick_policy_choose(&policy, &chain, &s), 1);
        s.charge_uj = 899; /* of TM1 */
        bool looks = kind == WICK_POLICY_GREEDY || kind == WICK_POLICY_EDF;
        assert_int_equal(wick_policy_choose(&policy, &chain, &s), looks ? 0 : 1);
    }
}

static void the_best_answer_is_found(void **state) {
    (void)state;
    for (uint32_t done = 0; done < 256; done++) {
        uint32_t best = done ? 1 : 0;
        while (done && !(done >> (best - 1) & 1))
            best++;
        const wick_situation s = {.modules_done = done};
        assert_int_equal(wick_policy_answered(&s), best);
    }
}

static void unknown_energy_is_not_carried(void **state) {
    (void)state;
    wick_segment unknown[3] = {segments[0], segments[1], segments[2]};
    unknown[1].energy_nj = 0;
    wick_model two = {.n_modules = 2, .segments = unknown};
    wick_policy policy = {.kind = WICK_POLICY_GREEDY};
    wick_situation s = nothing;
    s.charge_uj = 5000;
    assert_int_equal(wick_policy_choose(&policy, &two, &s), 2);
}

static void thresholds_pick_a_class(void **state) {
    (void)state;
    wick_policy policy = {.kind = WICK_POLICY_THRESHOLD,
                          .harvest_low_uw = 100,
                          .harvest_high_uw = 500,
                          .charge_high_uj = 700};
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

/* The small one first; then the largest that leaves the reserve; given up when it does not fit. */
static void edf_runs_the_mandatory_part_first(void **state) {
    (void)state;
    wick_policy policy = {.kind = WICK_POLICY_EDF, .reserve_uj = 300};
    wick_situation s = nothing;
    s.charge_uj = 5000;
    assert_int_equal(wick_policy_choose(&policy, &model, &s), 4);
    s.modules_done = 8;
    s.charge_uj = 1200;
    assert_int_equal(wick_policy_choose(&policy, &model, &s), 1);
    s.charge_uj = 1199;
    assert_int_equal(wick_policy_choose(&policy, &model, &s), 2);
    s.urgent = 1;
    assert_int_equal(wick_policy_choose(&policy, &model, &s), 1);
    s.urgent = 0;
    s.charge_uj = 499;
    assert_int_equal(wick_policy_choose(&policy, &model, &s), 0);
    s.harvest_uw = 1000;
    s.time_left_ms = 1; /* 1 uJ more, but no module fits into the time */
    assert_int_equal(wick_policy_choose(&policy, &model, &s), 0);
    s.time_left_ms = 20;
    assert_int_equal(wick_policy_choose(&policy, &model, &s), 3);
    s.working = 1;
    s.left_nj = 519000;
    assert_int_equal(wick_policy_choose(&policy, &model, &s), 1);
    s.left_nj = 519001;
    assert_int_equal(wick_policy_choose(&policy, &model, &s), 0);
    s.working = 0;
    s.modules_done = 8 | 2;
    s.charge_uj = 5000;
    s.time_left_ms = 1000;
    assert_int_equal(wick_policy_choose(&policy, &model, &s), 1);
    s.modules_done = 8 | 1;
    assert_int_equal(wick_policy_choose(&policy, &model, &s), 0);
    s.modules_done = 8;
    s.min_accuracy_permille = 530; /* which it has */
    assert_int_equal(wick_policy_choose(&policy, &model, &s), 0);
    s.min_accuracy_permille = 800;
    assert_int_equal(wick_policy_choose(&policy, &model, &s), 2);
}

/* Three modules; two charges, two harvests, two times. Row r holds the decisions r & 3 and r >> 2.
 */
static uint8_t row_of[128], rows[16];
static const wick_segment three_segments[4] = {{0, 1, 0, 0, 0, 100000, 1000},
                                               {0, 1, 0, 900, 0, 800000, 8000},
                                               {0, 1, 0, 800, 0, 400000, 4000},
                                               {0, 1, 0, 700, 0, 100000, 1000}};
static const wick_model three = {.n_modules = 3, .segments = three_segments};

static wick_policy_table small_table(void) {
    wick_policy_table t = {
        .n_modules = 3, .n_charge = 2, .n_harvest = 2, .n_time = 2, .n_rows = 16};
    memset(t.charge_uj, 0xff, sizeof t.charge_uj);
    memset(t.harvest_uw, 0xff, sizeof t.harvest_uw);
    memset(t.time_ms, 0xff, sizeof t.time_ms);
    t.charge_uj[0] = 500;
    t.harvest_uw[0] = 40;
    t.time_ms[0] = 1000;
    memset(row_of, 0, sizeof row_of);
    for (uint8_t i = 0; i < 16; i++)
        rows[i] = (uint8_t)((i & 3) | (i >> 2) << 4);
    t.row_of = row_of;
    t.rows = rows;
    return t;
}

static void stages_are_numbered(void **state) {
    (void)state;
    /* The extractor's 4; behind no answer 1 + 2 * 4, behind TM3 1 + 2 * 4, behind TM2 1 + 4. */
    assert_int_equal(wick_policy_stages(3), 4 + 9 + 9 + 5);
    assert_int_equal(wick_policy_stages(1), 4 + 1);
    assert_int_equal(wick_policy_stage(3, 0, 0, 0), 4);
    assert_int_equal(wick_policy_stage(3, 0, 2, 3), 12);
    assert_int_equal(wick_policy_stage(3, 3, 0, 0), 13);
    assert_int_equal(wick_policy_stage(3, 3, 1, 1), 15);
    assert_int_equal(wick_policy_stage(3, 2, 1, 3), 26);
}

/* A chain's exits answer on the way to the one that is chosen; on the way to nothing there are
 * none.
 */
static void a_chain_waits_too(void **state) {
    (void)state;
    wick_policy_table t = small_table();
    const wick_policy policy = {.kind = WICK_POLICY_TABLE, .table = &t};
    wick_model chain = three;
    chain.chain = 1;
    const wick_situation s = {.charge_uj = 1, .harvest_uw = 1, .time_left_ms = 999};
    rows[0] = 0xff;
    assert_int_equal(wick_policy_choose(&policy, &chain, &s), WICK_POLICY_WAIT);
    rows[0] = 0xee;
    assert_int_equal(wick_policy_choose(&policy, &chain, &s), WICK_POLICY_OFF);
    rows[0] = 0x11;
    assert_int_equal(wick_policy_choose(&policy, &chain, &s), 3);
}

static void tables_are_looked_up(void **state) {
    (void)state;
    wick_policy_table t = small_table();
    wick_policy policy = {.kind = WICK_POLICY_TABLE, .table = &t};
    wick_situation s = {.charge_uj = 499, .harvest_uw = 39, .time_left_ms = 999};
    uint8_t *first = row_of + 4 * wick_policy_stage(3, 0, 0, 0);
    first[0] = 3 | 2 << 2; /* TM3, then TM2 from 500 uJ on */
    first[1] = 2;          /* harvest from 40 uW on */
    first[2] = 1 << 2;     /* time from 1 s on */
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 3);
    s.charge_uj = 500;
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 2);
    s.time_left_ms = 1000;
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 1);
    s.charge_uj = 499;
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 0);
    s.harvest_uw = 40;
    s.time_left_ms = 0; /* too late for anything */
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 0);
    s.time_left_ms = 1;
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 2);
    /* TM1 in work, half of it done. */
    s.working = 1;
    s.left_nj = 400000;
    row_of[(wick_policy_stage(3, 0, 1, 2) * 2 + 0) * 2 + 1] = 3;
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 3);
    s.left_nj = 400001; /* not quite half: another cell, which says 0 */
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 0);
    s.working = 3; /* nothing smaller to turn to */
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 3);
    /* A larger module than the one in work is not turned to. */
    s.working = 2;
    s.left_nj = 400000;
    row_of[(wick_policy_stage(3, 0, 2, 0) * 2 + 0) * 2 + 1] = 1;
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 2);
    /* After an answer. */
    s.working = 0;
    s.modules_done = 4;
    row_of[(wick_policy_stage(3, 3, 0, 0) * 2 + 0) * 2 + 1] = 1;
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 1);
    s.modules_done = 4 | 1;
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 0);
    /* Unknown, or urgent: greedy. */
    s.modules_done = 0;
    s.harvest_uw = UINT32_MAX;
    s.charge_uj = 450;
    s.time_left_ms = 1000;
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 2);
    t.n_modules = 2; /* another model's */
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 2);
}

/* The extractor's stages, and decisions to wait. */
static void extractors_go_on_wait_or_end(void **state) {
    (void)state;
    wick_policy_table t = small_table();
    wick_policy policy = {.kind = WICK_POLICY_TABLE, .table = &t};
    wick_situation s = {.charge_uj = 499,
                        .harvest_uw = 39,
                        .time_left_ms = 999,
                        .extracting = 1,
                        .left_nj = 100000};
    static const uint32_t left_nj[4] = {100000, 75000, 50000, 25000};
    for (uint8_t level = 0; level < 4; level++) {
        s.left_nj = left_nj[level];
        assert_int_equal(wick_policy_choose(&policy, &three, &s), 0);
        row_of[4 * level] = 2;
        assert_int_equal(wick_policy_choose(&policy, &three, &s), 2);
        s.left_nj++; /* the level before */
        row_of[4 * level] = 0;
        if (level)
            row_of[4 * level - 4] = 1;
        assert_int_equal(wick_policy_choose(&policy, &three, &s), level ? 1 : 0);
        memset(row_of, 0, sizeof row_of);
    }
    rows[2] = WICK_POLICY_WAIT;
    row_of[0] = 2;
    s.left_nj = 100000;
    assert_int_equal(wick_policy_choose(&policy, &three, &s), WICK_POLICY_WAIT);
    s.time_left_ms = 0;
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 0);
    s.time_left_ms = UINT32_MAX; /* unknown: it goes on */
    assert_int_not_equal(wick_policy_choose(&policy, &three, &s), 0);
    s.time_left_ms = 999;
    s.extracting = 0;
    s.left_nj = 0;
    row_of[4 * wick_policy_stage(3, 0, 0, 0)] = 2;
    assert_int_equal(wick_policy_choose(&policy, &three, &s), WICK_POLICY_WAIT);
    s.working = 1;
    s.left_nj = 800000;
    row_of[4 * wick_policy_stage(3, 0, 1, 0)] = 2;
    assert_int_equal(wick_policy_choose(&policy, &three, &s), WICK_POLICY_WAIT);
    rows[2] = WICK_POLICY_OFF;
    assert_int_equal(wick_policy_choose(&policy, &three, &s), WICK_POLICY_OFF);
    /* With nothing in work: below rest_uj, where the charge is known. */
    policy.rest_uj = 500;
    assert_true(wick_policy_rests(&policy, &s));
    s.charge_uj = 500;
    assert_false(wick_policy_rests(&policy, &s));
    s.charge_uj = UINT32_MAX;
    policy.rest_uj = UINT32_MAX;
    assert_false(wick_policy_rests(&policy, &s));
    s.charge_uj = policy.rest_uj = 0;
    assert_false(wick_policy_rests(&policy, &s));
    /* The others' extractor goes on; EDF gives it up when it is too late. */
    s = (wick_situation){.time_left_ms = 1, .extracting = 1, .left_nj = 100000};
    policy = (wick_policy){.kind = WICK_POLICY_EDF};
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 1);
    s.time_left_ms = 0;
    assert_int_equal(wick_policy_choose(&policy, &three, &s), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edf_runs_the_mandatory_part_first),
        cmocka_unit_test(stages_are_numbered),
        cmocka_unit_test(tables_are_looked_up),
        cmocka_unit_test(a_chain_waits_too),
        cmocka_unit_test(extractors_go_on_wait_or_end),
        cmocka_unit_test(one_answer_is_enough),
        cmocka_unit_test(fixed_is_fixed),
        cmocka_unit_test(greedy_takes_the_largest_that_the_charge_carries),
        cmocka_unit_test(greedy_counts_the_harvest_until_the_deadline),
        cmocka_unit_test(greedy_keeps_the_deadline),
        cmocka_unit_test(greedy_meets_the_asked_accuracy_with_the_least),
        cmocka_unit_test(any_kind_meets_the_asked_accuracy),
        cmocka_unit_test(what_is_in_work_goes_on_though_less_is_asked),
        cmocka_unit_test(chains_end_at_the_asked_accuracy),
        cmocka_unit_test(the_best_answer_is_found),
        cmocka_unit_test(unknown_energy_is_not_carried),
        cmocka_unit_test(thresholds_pick_a_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
