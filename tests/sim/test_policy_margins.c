/* Policies that look at margins: the shares and worths of sure answers by hand, what the process
   expects of them, and what they gain. */
#include "helper_net_plan.h"
#include "helper_plain.h"
#include "sim/policy_process.h"
#include "sim/policy_sure.h"
#include "sim/policy_worlds.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- by hand ---- */

enum { FEW = 40 };

/* Three modules. TM3's margins are 0 to 39 in the samples' order, TM2's against it. */
typedef struct counted {
    wick_plan plan;
    wick_judged on;
    uint8_t correct[3][FEW];
    uint16_t margins[3][FEW];
} counted;

static void counted_make(counted *c) {
    *c = (counted){0};
    c->plan.model.n_modules = 3;
    c->on = (wick_judged){
        .plan = &c->plan, .correct = c->correct[0], .margins = c->margins[0], .n_samples = FEW};
    for (int s = 0; s < FEW; s++) {
        c->correct[0][s] = s < 36;
        c->correct[1][s] = s >= 10;
        c->correct[2][s] = s % 2 == 0;
        c->margins[0][s] = 1000;
        c->margins[1][s] = (uint16_t)(FEW - 1 - s);
        c->margins[2][s] = (uint16_t)s;
    }
}

static void margins_of_a_share(void **state) {
    (void)state;
    counted c;
    counted_make(&c);
    wick_policy p = {.sure = {5, 5, 5, 5}};
    policy_sure_thresholds(&c.on, 0.3, &p);
    assert_true(p.sure[0] == 0 && p.sure[1] == 28 && p.sure[2] == 28 && p.sure[3] == 0);
    policy_sure_thresholds(&c.on, 0.7, &p);
    assert_true(p.sure[1] == 12 && p.sure[2] == 12);
    for (int s = 0; s < FEW; s++)
        c.margins[2][s] = s < 30 ? 0 : 9;
    policy_sure_thresholds(&c.on, 0.7, &p); /* 0 would be never */
    assert_true(p.sure[1] == 12 && p.sure[2] == 1);
    policy_sure_thresholds(&c.on, 0.2, &p);
    assert_int_equal(p.sure[2], 9);
}

static bool near(double a, double b) {
    return fabs(a - b) < 1e-12;
}

static void what_answers_bring(void **state) {
    (void)state;
    counted c;
    counted_make(&c);
    wick_policy p = {.sure = {0, 0, 30}};
    policy_answers a = policy_answers_sure(&c.on, &p);
    assert_true(near(a.worth[0][1], 0.9) && near(a.worth[0][2], 0.75) && near(a.worth[0][3], 0.5));
    assert_true(near(a.ends[0][3], 0.25) && a.ends[0][2] == 0 && a.ends[0][1] == 1);
    /* Not sure are the first 30: TM3 right of 15, TM2 of 20, TM1 of all. */
    assert_true(near(a.worth[3][1], 1 - 0.5) && near(a.worth[3][2], 2 / 3.0 - 0.5));
    /* TM2 is never sure: behind it all samples. */
    assert_true(near(a.worth[2][1], 0.9 - 0.75) && a.ends[2][1] == 1 && a.ends[3][2] == 0);
    p.sure[1] = 28; /* of the first 12 */
    a = policy_answers_sure(&c.on, &p);
    assert_true(near(a.ends[0][2], 12.0 / 40) && near(a.ends[3][2], 12.0 / 30));
    assert_true(near(a.worth[3][2], 2 / 3.0 - 0.5) && near(a.worth[2][1], 24.0 / 28 - 1));
}

/* Of 20 samples that TM3 is not sure of their own, of 19 all samples'. */
static void few_say_nothing(void **state) {
    (void)state;
    counted c;
    counted_make(&c);
    policy_answers a = policy_answers_sure(&c.on, &(wick_policy){.sure = {0, 0, 20}});
    assert_true(near(a.worth[3][1], 1 - 0.5));
    a = policy_answers_sure(&c.on, &(wick_policy){.sure = {0, 0, 19}});
    assert_true(near(a.worth[3][1], 0.9 - 0.5) && near(a.ends[0][3], 21.0 / FEW));
}

static void nobody_looks(void **state) {
    (void)state;
    counted c;
    counted_make(&c);
    const double accuracy[] = {0.9, 0.75, 0.5};
    policy_answers a = policy_answers_of(3, accuracy),
                   b = policy_answers_sure(&c.on, &(wick_policy){0});
    for (int best = 0; best <= 3; best++)
        for (int k = 1; k <= 3; k++) {
            assert_true(near(a.worth[best][k], b.worth[best][k]));
            assert_true(a.ends[best][k] == b.ends[best][k] && a.ends[best][k] == (k == 1));
        }
}

/* ---- in a scene ---- */

enum { MANY = 800 };

/* A span for TM2 and ten for TM1, which are equally good at every other input (98 of 100); of the
   others TM1 is right 85 times of 100, TM2 50 times. Energy is short. */
typedef struct scene {
    net_plan n; /* for its device */
    plain p;
    light *l;
    const wick_trace *trace;
    wick_judged on;
    uint8_t correct[2][MANY];
    uint16_t margins[2][MANY];
} scene;

/* Margins tell the easy inputs from the others, or nothing. */
static void set_margins(scene *s, bool tell) {
    for (int i = 0; i < MANY; i++)
        s->margins[1][i] = (tell ? i % 2 == 0 : i / 200 % 2 == 0) ? 100 : 10;
}

static void scene_make(scene *s, double power_uw) {
    net_plan_make(&s->n, 1, "m4-fram", 0, 0);
    s->n.device->capacitor.uf = 150;
    make_plain(&s->p, s->n.plan->device);
    for (int i = 0; i < s->p.plan.model.n_spans; i++)
        s->p.spans[i].energy_nj = 60000; /* the process goes by these */
    s->l = make_light();
    for (int i = 0; i < SAMPLES; i++)
        s->l->powers[i] = power_uw;
    s->trace = &s->l->trace;
    int right[2] = {0};
    for (int i = 0; i < MANY; i++) {
        bool easy = i % 2 == 0;
        int j = i / 2 % 100;
        s->correct[0][i] = (uint8_t)(easy ? j % 50 != 1 : j % 20 < 17);
        s->correct[1][i] = (uint8_t)(easy ? j % 50 != 0 : j % 2 == 0);
        for (int k = 0; k < 2; k++)
            right[k] += s->correct[k][i];
    }
    s->on = (wick_judged){.plan = &s->p.plan,
                          .traces = &s->trace,
                          .n_traces = 1,
                          .accuracy = {right[0] / (double)MANY, right[1] / (double)MANY},
                          .phases = 1,
                          .wait_s = 0.02,
                          .correct = s->correct[0],
                          .margins = s->margins[0],
                          .n_samples = MANY};
    s->on.workload = (wick_workload){.period_s = 1, .deadline_s = 1, .clock_survives = true};
}

static void scene_free(scene *s) {
    free(s->l);
    net_plan_free(&s->n);
}

/* What the process expects; share: of TM2's answers that are sure, 0 = nobody looks. */
static double promised(scene *s, double share) {
    wick_synth_options defaults = wick_synth_defaults(),
                       o = policy_process_options(&s->on, &defaults);
    wick_policy looks = {0};
    policy_answers answers;
    if (share > 0) {
        policy_sure_thresholds(&s->on, share, &looks);
        answers = policy_answers_sure(&s->on, &looks);
        o.answers = &answers;
    }
    enum { INPUTS = 60 };
    wick_arena *arena = wick_arena_new();
    harvest_chain chain;
    policy_mdp m;
    assert_int_equal(policy_process_fit(s->on.plan, s->on.traces, 1, &o, &chain, &m, NULL),
                     WICK_OK);
    mdp_prepare(&m, arena);
    mdp_solve_run(&m, INPUTS, NULL, NULL);
    double expected = (double)mdp_cell(&m, MDP_OFF, 0, 0, 0)[0] / INPUTS;
    wick_arena_free(arena);
    return expected;
}

/* Margins that say nothing end inputs by a coin. Nothing is lost by that: the same energy serves
   others, behind an answer or at once. Those that tell send it where it helps, unless it is enough
   for all. */
static void what_the_process_expects(void **state) {
    (void)state;
    static const double powers_uw[] = {400, 600, 900, 8000}, gains[] = {0.02, 0.03, 0.007, 0};
    for (size_t i = 0; i < WICK_LEN(powers_uw); i++) {
        scene s;
        scene_make(&s, powers_uw[i]);
        set_margins(&s, false);
        double before = promised(&s, 0), nothing = promised(&s, 0.5);
        set_margins(&s, true);
        double told = promised(&s, 0.5);
        print_message("%g uW: %.4f, margins that say nothing %.4f, that tell %.4f\n", powers_uw[i],
                      before, nothing, told);
        assert_true(fabs(nothing - before) < 0.002);
        assert_true(told >= before + gains[i] - 1e-6 && told < 0.915 + 1e-5);
        scene_free(&s);
    }
}

/* ---- scores ---- */

static double judged(const wick_judged *on, wick_policy policy) {
    double score;
    assert_int_equal(wick_policy_judge(on, &policy, &score, NULL), WICK_OK);
    return score;
}

static void with_enough_energy(scene *s, bool tell) {
    scene_make(s, 8000);
    set_margins(s, tell);
}

/* What is made of one half is judged by the other: TM2 is right on those that are learnt from
   alone, and its margins there are nowhere else. */
static void halves_know_nothing_of_each_other(void **state) {
    (void)state;
    counted c;
    counted_make(&c);
    for (int s = 0; s < FEW; s++) {
        c.correct[1][s] = s % 2 == 0;
        c.margins[1][s] = s % 2 == 0 ? 50 : 3;
    }
    wick_policy p = {0};
    c.on.halves = true;
    policy_sure_thresholds(&c.on, 0.5, &p);
    assert_int_equal(p.sure[1], 50);
    policy_answers a = policy_answers_sure(&c.on, &p);
    assert_true(near(a.worth[0][2], 1) && near(a.ends[0][2], 1));
    const wick_policy looks_at_nothing = {.kind = WICK_POLICY_EDF};
    assert_true(near(policy_sure_luck(&c.on, &p), 0.35 / sqrt(FEW / 2.0)));
    assert_true(policy_sure_luck(&c.on, &looks_at_nothing) == 0);
    c.on.halves = false;
    assert_true(policy_sure_luck(&c.on, &p) == 0);
    scene s;
    with_enough_energy(&s, true);
    const wick_policy tm2 = {.kind = WICK_POLICY_FIXED, .module = 2};
    uint8_t *right = malloc((size_t)(2 * s.on.n_samples));
    assert_non_null(right);
    for (int i = 0; i < 2 * s.on.n_samples; i++)
        right[i] = i % s.on.n_samples % 2 == 0;
    s.on.correct = right;
    assert_true(fabs(judged(&s.on, tm2) - 0.5) < 0.02);
    s.on.halves = true;
    assert_true(judged(&s.on, tm2) == 0);
    free(right);
    scene_free(&s);
}

/* TM1 behind each of TM2's answers, or behind those that it is not sure of. */
static void scores_are_of_the_samples(void **state) {
    (void)state;
    scene s;
    with_enough_energy(&s, true);
    const wick_policy tm1 = {.kind = WICK_POLICY_FIXED, .module = 1},
                      edf = {.kind = WICK_POLICY_EDF};
    wick_policy sure = edf, always = edf;
    policy_sure_thresholds(&s.on, 0.5, &sure);
    always.sure[1] = 1;
    /* The accuracies say nothing any more. */
    s.on.accuracy[0] = s.on.accuracy[1] = 0.1;
    double one = judged(&s.on, tm1), both = judged(&s.on, edf);
    print_message("TM1 %.4f, both %.4f, sure at half %.4f, always %.4f\n", one, both,
                  judged(&s.on, sure), judged(&s.on, always));
    assert_true(fabs(one - 0.915) < 1e-9 && fabs(both - 0.915) < 1e-9);
    assert_true(fabs(judged(&s.on, sure) - 0.915) < 0.03);
    assert_true(fabs(judged(&s.on, always) - 0.74) < 1e-9);
    /* Other runs, other samples. */
    double first = judged(&s.on, sure);
    s.on.first_run = 1;
    assert_true(fabs(judged(&s.on, sure) - first) > 1e-6);
    assert_true(judged(&s.on, edf) == both);
    scene_free(&s);
}

/* Two traces of the same light: what is easy by luck in one is not in the other. */
static void each_trace_has_its_samples(void **state) {
    (void)state;
    scene s;
    with_enough_energy(&s, true);
    const wick_trace *traces[] = {s.trace, s.trace};
    s.on.traces = traces;
    s.on.n_traces = 2;
    s.on.phases = 3;
    wick_policy edf = {.kind = WICK_POLICY_EDF}, sure = edf;
    policy_sure_thresholds(&s.on, 0.5, &sure);
    const policy_worlds worlds = policy_worlds_search(s.n.arena, &s.on);
    const wick_judged one = policy_worlds_of(&worlds, 0), other = policy_worlds_of(&worlds, 1);
    assert_true(fabs(judged(&one, edf) - judged(&other, edf)) < 1e-9);
    assert_true(fabs(judged(&one, sure) - judged(&other, sure)) > 1e-6);
    scene_free(&s);
}

/* TM2's answers, which is not accurate enough, count nothing, as sure as it may be. */
static void what_is_asked_for_counts(void **state) {
    (void)state;
    scene s;
    with_enough_energy(&s, true);
    const wick_policy tm1 = {.kind = WICK_POLICY_FIXED, .module = 1},
                      tm2 = {.kind = WICK_POLICY_FIXED, .module = 2};
    s.p.segments[1].accuracy_permille = 915;
    s.p.segments[2].accuracy_permille = 740;
    assert_true(judged(&s.on, tm2) > 0.7);
    s.on.min_accuracy_permille = 800;
    assert_true(judged(&s.on, tm2) == 0 && judged(&s.on, tm1) > 0.9);
    assert_false(policy_sure_pays(&s.on));
    scene_free(&s);
}

/* ---- what is made ---- */

static wick_policy made(scene *s, wick_policy_kind kind, double *score) {
    wick_synth_options options = wick_synth_defaults();
    wick_policy policy;
    assert_int_equal(
        wick_policy_best(s->n.arena, &s->on, kind, &options, &policy, score, NULL, NULL), WICK_OK);
    return policy;
}

/* Where TM2 answers everything and TM1 not: it answers what TM2 is not sure of. Margins that say
   nothing change nothing. */
static void sure_answers_save_energy(void **state) {
    (void)state;
    static const double powers_uw[] = {400, 600, 900}, gains[] = {0.012, 0.03, 0.005};
    for (size_t i = 0; i < WICK_LEN(powers_uw); i++) {
        scene s;
        scene_make(&s, powers_uw[i]);
        s.on.phases = 4;
        double nothing, told, told_edf, before, before_edf;
        set_margins(&s, false);
        made(&s, WICK_POLICY_TABLE, &nothing);
        set_margins(&s, true);
        wick_policy table = made(&s, WICK_POLICY_TABLE, &told),
                    edf = made(&s, WICK_POLICY_EDF, &told_edf);
        assert_true(table.sure[0] == 0 && table.sure[1] == 100 && edf.sure[1] == 100);
        s.on.margins = NULL;
        assert_int_equal(made(&s, WICK_POLICY_TABLE, &before).sure[1], 0);
        assert_int_equal(made(&s, WICK_POLICY_EDF, &before_edf).sure[1], 0);
        print_message("%g uW: table %.4f, margins that say nothing %.4f, that tell %.4f; EDF %.4f, "
                      "%.4f\n",
                      powers_uw[i], before, nothing, told, before_edf, told_edf);
        assert_true(fabs(nothing - before) < 0.005);
        assert_true(told > before + gains[i] && told_edf > before_edf + gains[i]);
        scene_free(&s);
    }
}

/* In light that comes and goes rules on the energy are best: such that look at margins, or (in more
   light) such that do not. */
static void rules_look_where_it_helps(void **state) {
    (void)state;
    for (int more = 0; more < 2; more++) {
        scene s;
        scene_make(&s, 0);
        for (int i = 0; i < SAMPLES; i++)
            s.l->powers[i] = i / 25 * 7919 % 5 < 2 ? 1600 + 800 * more : 50;
        set_margins(&s, true);
        s.on.phases = 4;
        double told, before;
        wick_policy table = made(&s, WICK_POLICY_TABLE, &told);
        s.on.margins = NULL;
        made(&s, WICK_POLICY_TABLE, &before);
        print_message("%.4f, with margins %.4f (sure at %d)\n", before, told, table.sure[1]);
        if (more)
            assert_true(table.sure[1] == 0 && fabs(told - before) < 1e-9);
        else
            assert_true(table.sure[1] == 100 && told > before + 0.005);
        scene_free(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(margins_of_a_share),
                                       cmocka_unit_test(what_answers_bring),
                                       cmocka_unit_test(few_say_nothing),
                                       cmocka_unit_test(nobody_looks),
                                       cmocka_unit_test(what_the_process_expects),
                                       cmocka_unit_test(halves_know_nothing_of_each_other),
                                       cmocka_unit_test(scores_are_of_the_samples),
                                       cmocka_unit_test(each_trace_has_its_samples),
                                       cmocka_unit_test(what_is_asked_for_counts),
                                       cmocka_unit_test(sure_answers_save_energy),
                                       cmocka_unit_test(rules_look_where_it_helps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
