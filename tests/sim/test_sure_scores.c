/* Policies that look at how sure answers are: what their answers are worth, and what they do. */
#include "helper_net_plan.h"
#include "sim/sure_scores.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Two modules, six samples. The smaller one is sure from 10 on: of samples 0, 1 and 2. */
enum { N = 6 };
static const uint8_t correct[2 * N] = {1, 0, 1, 1, 1, 0, /* TM1 */
                                       1, 1, 0, 0, 1, 0};
static const uint16_t margins[2 * N] = {50, 1, 50, 50, 1, 50, 10, 30, 11, 9, 0, 2};

static void answers_are_worth_what_is_known(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_sim_options o = wick_sim_defaults();
    assert_null(sure_scores_begin(arena, &o, correct, N, 2));
    o.policy = (wick_policy){.kind = WICK_POLICY_EDF, .sure = {0, 10}};
    o.margins = margins;
    sure_scores *s = sure_scores_begin(arena, &o, correct, N, 2);
    for (int twice = 0; twice < 2; twice++)
        for (int sample = 0; sample < N; sample++) {
            bool sure = sample < 3;
            assert_int_equal(sure_scores_is_sure(s, 2, sample), sure);
            assert_false(sure_scores_is_sure(s, 1, sample));
            /* TM2 answered: right for 2 of 3 that it is sure of, 1 of 3 others. */
            assert_true(sure_scores_expected(s, 2, 2, sample) == (sure ? 2.0 / 3 : 1.0 / 3));
            /* Both did: TM1 is right for 2 of 3 of which TM2 is not sure. */
            if (!sure)
                assert_true(sure_scores_expected(s, 3, 1, sample) == 2.0 / 3);
            /* TM1 alone: for 4 of all 6. */
            assert_true(sure_scores_expected(s, 1, 1, sample) == 4.0 / 6);
        }
    const wick_sim_control control = {0};
    o.control = &control; /* which decides by itself */
    assert_null(sure_scores_begin(arena, &o, correct, N, 2));
    wick_arena_free(arena);
}

static wick_sim_result run(const net_plan *n, wick_sim_options *o, uint16_t sure) {
    double time_s = 0, power_uw = 1e5; /* plenty */
    const wick_trace trace = {.n = 1,
                              .time_s = &time_s,
                              .power_uw = &power_uw,
                              .end_s = 1000,
                              .path = "constant",
                              .quantity = "power"};
    wick_sim_result r;
    int smallest = n->plan->model.n_modules;
    o->policy = (wick_policy){.kind = WICK_POLICY_EDF};
    o->policy.sure[smallest - 1] = sure;
    o->workload.period_s = o->workload.deadline_s = 1;
    o->duration_s = 3000;
    o->quiet = true;
    assert_int_equal(wick_sim_run(n->plan, &trace, o, n->correct, NET_SAMPLES, &r, NULL), WICK_OK);
    return r;
}

/* The smallest module answers all inputs, the largest one those that it is not sure of; and the
   score is what is right, but for the luck of which samples were drawn. */
static void the_larger_module_answers_what_is_unsure(void **state) {
    (void)state;
    net_plan n;
    net_plan_make(&n, 3, "m4-fram", 60, 0);
    const int smallest = n.plan->model.n_modules;
    const uint16_t *of = n.margins + (smallest - 1) * NET_SAMPLES;
    int sure = 0;
    uint16_t threshold = of[0];
    for (int s = 0; s < NET_SAMPLES; s++)
        sure += of[s] >= threshold;
    assert_true(sure > 1 && sure < NET_SAMPLES - 1);
    wick_sim_options o = wick_sim_defaults();
    o.margins = n.margins;
    wick_sim_result never = run(&n, &o, 0), some = run(&n, &o, threshold);
    assert_int_equal(never.inputs, 3000);
    assert_true(never.answers_by_module[1] >= 2999 && never.answers_by_module[smallest] >= 2999);
    assert_true(some.answers_by_module[smallest] >= 2999);
    double share = (double)(NET_SAMPLES - sure) / NET_SAMPLES;
    assert_true(fabs(some.answers_by_module[1] - share * 3000) < 4 * sqrt(3000 * 0.25));
    print_message("%d of %d samples sure; %d second answers; expected %.1f, right %d; all by TM1 "
                  "%.1f\n",
                  sure, NET_SAMPLES, some.answers_by_module[1], some.expected_in_time,
                  some.correct_in_time, never.expected_in_time);
    assert_true(fabs(some.expected_in_time - some.correct_in_time) < 4 * sqrt(3000 * 0.25));
    assert_true(some.energy.compute_uj < never.energy.compute_uj);
    wick_sim_free(&never);
    wick_sim_free(&some);
    net_plan_free(&n);
}

static void unknown_margins_are_refused(void **state) {
    (void)state;
    net_plan n;
    wick_diag diag = {0};
    net_plan_make(&n, 3, "m4-fram", 60, 0);
    double time_s = 0, power_uw = 1000;
    const wick_trace trace = {
        .n = 1, .time_s = &time_s, .power_uw = &power_uw, .end_s = 10, .path = "constant"};
    wick_sim_options o = wick_sim_defaults();
    wick_sim_result r;
    o.policy = (wick_policy){.kind = WICK_POLICY_GREEDY, .sure = {0, 3}};
    assert_int_equal(wick_sim_run(n.plan, &trace, &o, n.correct, NET_SAMPLES, &r, &diag),
                     WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "module 2") && wick_diag_contains(&diag, "--data"));
    wick_diag_free(&diag);
    net_plan_free(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_worth_what_is_known),
        cmocka_unit_test(the_larger_module_answers_what_is_unsure),
        cmocka_unit_test(unknown_margins_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
