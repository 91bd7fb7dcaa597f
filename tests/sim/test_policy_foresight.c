/* What information is worth to a policy: harvest drawn from a chain has its statistics, the process
   is about as good there as it says, and knowing the harvest beforehand helps, but never beats the
   clairvoyant's bound. What an old input is given up for is never worth more than the state. */
#include "helper_net_plan.h"
#include "sim/policy_mdp.h"
#include "sim/policy_process.h"
#include "sim/sim.h"
#include "sim/store.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SAMPLES = 1200 };

typedef struct bursts {
    wick_trace trace;
    double times[SAMPLES], powers[SAMPLES];
} bursts;

/* Powers that last 0.3 to 2.4 s each; mean_uw on average. */
static void make_bursts(bursts *b, double mean_uw, uint64_t seed) {
    wick_rng rng = wick_rng_seed(seed, 1);
    double sum = 0, uw = 0;
    for (int i = 0, left = 0; i < SAMPLES; i++, left--) {
        if (left == 0) {
            left = 3 + (int)wick_rng_below(&rng, 22);
            uw = wick_rng_below(&rng, 2) ? wick_rng_uniform_double(&rng) : 0;
        }
        b->times[i] = 0.1 * i;
        b->powers[i] = uw;
        sum += uw;
    }
    for (int i = 0; i < SAMPLES; i++)
        b->powers[i] *= mean_uw * SAMPLES / sum;
    b->trace = (wick_trace){.n = SAMPLES,
                            .time_s = b->times,
                            .power_uw = b->powers,
                            .end_s = 0.1 * SAMPLES,
                            .path = "bursts",
                            .quantity = "power"};
}

static double mean_for(const net_plan *n, double share) {
    const wick_plan *p = n->plan;
    double need_uj = p->segments[0].cost.energy_uj + p->segments[1].cost.energy_uj;
    return share * need_uj / n->device->capacitor.efficiency /
           n->device->capacitor.input_efficiency;
}

static void a_sample_has_the_chains_statistics(void **state) {
    (void)state;
    enum { STEPS = 40000 };
    net_plan n;
    net_plan_make(&n, 1, "m4-fram", 60, 0);
    static bursts b;
    make_bursts(&b, 1000, 1);
    const wick_trace *trace = &b.trace;
    harvest_chain chain;
    assert_int_equal(harvest_chain_fit(n.plan, &trace, 1, NULL, 0.1, 0.1, 4, &chain, NULL),
                     WICK_OK);
    wick_arena *arena = wick_arena_new();
    uint8_t *bins;
    wick_trace *drawn = harvest_chain_sample(arena, &chain, n.plan->device, STEPS, 7, &bins);
    assert_int_equal(drawn->n, STEPS);
    double from[CHAIN_BINS] = {0}, moved[CHAIN_BINS][CHAIN_BINS] = {{0}};
    double factor = n.device->capacitor.efficiency * n.device->capacitor.input_efficiency;
    for (int i = 0; i + 1 < STEPS; i++) {
        from[bins[i]]++;
        moved[bins[i]][bins[i + 1]]++;
        assert_true(fabs(drawn->power_uw[i] * 0.1 * factor - chain.uj[bins[i]][bins[i + 1]]) <
                    1e-6);
    }
    for (int i = 0; i < chain.n; i++)
        for (int j = 0; j < chain.n; j++)
            assert_true(fabs(moved[i][j] / from[i] - chain.p[i][j]) < 5 * sqrt(0.25 / from[i]));
    wick_arena_free(arena);
    net_plan_free(&n);
}

static double foresee(const wick_judged *on, const wick_judged *learnt, wick_foresight say) {
    wick_synth_options o = wick_synth_defaults();
    double score;
    o.slots = 20;
    o.memory_s = 0.05;
    assert_int_equal(wick_policy_foresee(on, learnt, &o, &say, &score, NULL), WICK_OK);
    return score;
}

static void knowing_more_helps(void **state) {
    (void)state;
    net_plan n;
    net_plan_make(&n, 1, "m4-fram", 10, 0);
    static bursts b;
    make_bursts(&b, mean_for(&n, 2.5), 2);
    const wick_trace *trace = &b.trace;
    wick_judged learnt = {
        .plan = n.plan, .traces = &trace, .n_traces = 1, .phases = 2, .wait_s = 0.01};
    learnt.workload = (wick_workload){
        .period_s = 1, .deadline_s = 1, .rule = WICK_INPUT_REPLACE, .clock_survives = true};
    for (int k = 0; k < n.plan->model.n_modules; k++)
        learnt.accuracy[k] = 0.9 - 0.1 * k;
    wick_synth_options o = wick_synth_defaults();
    wick_arena *arena = wick_arena_new();
    wick_chain_world world;
    o.slots = 20;
    o.memory_s = 0.05;
    assert_int_equal(wick_policy_chain_world(arena, &learnt, &o, 150, 3, &world, NULL), WICK_OK);
    wick_judged on = learnt;
    on.traces = &world.trace;
    on.phases = 1;
    double fixed, bound, known[3];
    wick_policy best;
    const wick_clairvoyant_options grid = {.slots = 10, .levels = 48};
    assert_int_equal(wick_policy_tune(&on, WICK_POLICY_FIXED, &best, &fixed, NULL), WICK_OK);
    assert_int_equal(wick_policy_bound(&on, &grid, &bound, NULL, NULL), WICK_OK);
    for (int i = 0; i < 3; i++)
        known[i] =
            foresee(&on, &learnt, (wick_foresight){.known_periods = i * i * 2, .bins = world.bins});
    print_message("fixed %.4f, process %.4f, with 2 and 8 periods known %.4f %.4f, bound %.4f\n",
                  fixed, known[0], known[1], known[2], bound);
    assert_true(known[0] > fixed - 0.01);
    assert_true(known[1] > known[0] + 0.005);
    assert_true(known[2] > known[0] + 0.005);
    for (int i = 0; i < 3; i++)
        assert_true(known[i] <= bound + 1e-6);
    double off =
        foresee(&on, &learnt, (wick_foresight){.may_switch_off = true, .bins = world.bins});
    assert_true(off > known[0] - 0.01 && off <= bound + 1e-6);
    wick_arena_free(arena);
    net_plan_free(&n);
}

/* Whether an input may be given up in this stage; the smallest module is seen through, unless the
   device may switch off. */
static bool may_finish(const policy_mdp *m, int stage) {
    int smallest = m->stage_of[0][m->n_modules];
    return m->may_switch_off || stage < smallest || stage >= smallest + m->levels[m->n_modules];
}

/* Inputs wait behind one that is older than a period: to give it up is to turn to them. It is one
   of the actions, so a state is worth at least that, after any number of periods. */
static void finishing_is_never_worth_more_than_the_state(void **state) {
    (void)state;
    enum { PERIODS = 3 };
    const harvest_chain chain = {
        .n = 2, .step_s = 0.1, .p = {{0.8, 0.2}, {0.3, 0.7}}, .uj = {{1, 8}, {4, 20}}};
    for (int off = 0; off < 2; off++) {
        wick_arena *arena = wick_arena_new();
        policy_mdp m = {.chain = &chain,
                        .n_modules = 2,
                        .slots = 10,
                        .ages = 30,
                        .answers = policy_answers_of(2, (const double[]){0.9, 0.6}),
                        .energy_uj = {60, 90, 30},
                        .time_slots = {2, 3, 1},
                        .step_uj = 100.0 / (MDP_CHARGES - 1),
                        .on_uj = 90,
                        .boot_uj = 5,
                        .sleep_uj = 0.1,
                        .leak = 0.001,
                        .may_switch_off = off};
        int more = 0, equal = 0;
        mdp_solve(&m, arena, PERIODS);
        for (int stage = 0; stage < m.n_stages; stage++)
            for (int age = 0; age < m.ages; age++)
                for (int bin = 0; bin < chain.n; bin++)
                    for (int c = 0; c < MDP_CHARGES; c++) {
                        double value = mdp_cell(&m, 1, stage, age, bin)[c];
                        double finish = mdp_finish(&m, age, bin, c * m.step_uj);
                        if (may_finish(&m, stage) && finish > value + 1e-5)
                            fail_msg("stage %d, age %d, charge %d: %g, but finished %g", stage, age,
                                     c, value, finish);
                        more += value > finish + 1e-3;
                        equal += fabs(value - finish) < 1e-6;
                    }
        assert_true(more > 100 && equal > 100);
        wick_arena_free(arena);
    }
}

/* What the extractor's features are worth, going on with module 1 in one slot of 20 uJ or none. */
static double one_slot(double harvest_uj, double uj, double time_slots, const double need_uj[4],
                       double enough_uj) {
    const harvest_chain chain = {.n = 1, .step_s = 0.1, .p = {{1}}, .uj = {{harvest_uj}}};
    policy_mdp m = {.chain = &chain,
                    .n_modules = 1,
                    .slots = 10,
                    .ages = 1,
                    .answers = policy_answers_of(1, (const double[]){0.9}),
                    .energy_uj = {1, 40},
                    .time_slots = {0.1, time_slots},
                    .step_uj = 100.0 / (MDP_CHARGES - 1),
                    .on_uj = 90};
    wick_arena *arena = wick_arena_new();
    mdp_prepare(&m, arena);
    assert_int_equal(m.levels[1], 4);
    for (int i = 0; i < 4; i++) {
        m.need_uj[1][i] = need_uj[i];
        m.enough_uj[1][i] = need_uj[i];
    }
    m.enough_uj[1][0] = enough_uj;
    double value = mdp_go_on(&m, MDP_ON, 0, 0, 1, 0, 0, uj);
    wick_arena_free(arena);
    return value;
}

/* By hand: 40 uJ in four levels; an answer brings 0.9. */
static void the_process_waits_where_the_engine_does(void **state) {
    (void)state;
    const double at_45[4] = {45, 0, 0, 0}, at_50[4] = {50, 0, 0, 0},
                 third_at_25[4] = {45, 0, 25, 0}, third_at_30[4] = {45, 0, 30, 0},
                 at_30[4] = {30, 0, 0, 0};
    assert_true(fabs(one_slot(0, 45, 1, at_45, 45) - 0.9) < 1e-6);
    assert_true(one_slot(0, 45, 1, at_50, 50) == 0);
    assert_true(one_slot(0, 45, 0.1, at_50, 50) == 0); /* shorter than a slot */
    assert_true(fabs(one_slot(0, 45, 1, third_at_25, 45) - 0.9) < 1e-6);
    assert_true(one_slot(0, 45, 1, third_at_30, 45) == 0);
    /* 25 and 20 uJ: who has waited for 30 wants more. */
    assert_true(fabs(one_slot(20, 25, 1, at_30, 45) - 0.9) < 1e-6);
    assert_true(one_slot(20, 25, 1, at_30, 60) == 0);
    assert_true(fabs(one_slot(20, 31, 1, at_30, 60) - 0.9) < 1e-6);
}

/* What a control is told, and the state before. */
typedef struct told {
    const wick_plan *plan;
    store cap;
    wick_sim_state last;
    bool known; /* last is of an input in work */
    int begun, ended;
} told;

static wick_sim_action work(void *ctx, const wick_sim_state *s) {
    told *t = ctx;
    const wick_model *m = &t->plan->model;
    int k = s->features ? s->segment : 0, done = s->progress[k];
    bool same = t->known && t->last.input == s->input && t->last.segment == s->segment;
    if (same && s->waits && !t->last.waits) {
        const wick_span *span = &m->spans[m->segments[k].first_span + done];
        assert_int_equal(done, t->last.progress[k]);
        assert_true(t->last.energy_uj < store_energy_at(&t->cap, (span->need_mv + 1) * 1e-3));
        t->begun++;
    }
    if (same && !s->waits && t->last.waits) {
        assert_true(done > t->last.progress[k]);
        t->ended++;
    }
    t->known = s->input >= 0 && done < m->segments[k].n_spans;
    t->last = *s;
    if (s->input >= 0 && s->answered)
        return (wick_sim_action){.kind = WICK_SIM_DROP};
    return (wick_sim_action){.kind = s->features ? WICK_SIM_MODULE : WICK_SIM_GO_ON, .module = 1};
}

/* In steady light, `harvest` answers of TM1 a period. */
static void under_control(const net_plan *n, double harvest, wick_sim_control control) {
    double times[] = {0}, powers[] = {mean_for(n, harvest)};
    wick_trace trace = {.n = 1,
                        .time_s = times,
                        .power_uw = powers,
                        .end_s = 200,
                        .path = "constant",
                        .quantity = "power"};
    wick_sim_options o = wick_sim_defaults();
    o.workload.period_s = o.workload.deadline_s = 20;
    o.control = &control;
    o.quiet = true;
    wick_sim_result r;
    wick_diag diag = {0};
    assert_int_equal(wick_sim_run(n->plan, &trace, &o, n->correct, NET_SAMPLES, &r, &diag),
                     WICK_OK);
    wick_sim_free(&r);
}

static void a_control_is_told_when_the_engine_waits(void **state) {
    (void)state;
    net_plan n;
    net_plan_make(&n, 5, "m4-fram", 6, 64);
    n.device->sleep_uw = 0.1;
    n.device->capacitor.leakage_ua = 0;
    told t = {.plan = n.plan,
              .cap = store_make(n.device, n.plan->options.capacitor_uf, n.device->capacitor.off_v)};
    under_control(&n, 0.5, (wick_sim_control){.act = work, .ctx = &t});
    print_message("%d waits, %d of them seen to end\n", t.begun, t.ended);
    assert_true(t.begun > 0 && t.ended > 0);
    net_plan_free(&n);
}

/* Spans that pass from one question to the next, with so many asked for. */
typedef struct paced {
    int spans, module; /* module: the one that is wanted */
    wick_sim_state last;
    int passed[4]; /* how often 0, 1, 2, more in one go */
} paced;

static wick_sim_action pace(void *ctx, const wick_sim_state *s) {
    paced *t = ctx;
    int k = s->features ? t->module : 0;
    if (s->input >= 0 && s->input == t->last.input && (k == 0 || t->last.features)) {
        int passed = s->progress[k] - t->last.progress[k];
        assert_true(passed >= 0);
        t->passed[passed < 3 ? passed : 3]++;
    }
    t->last = *s;
    if (s->input >= 0 && s->answered)
        return (wick_sim_action){.kind = WICK_SIM_DROP};
    return (wick_sim_action){.kind = WICK_SIM_MODULE, .module = t->module, .spans = t->spans};
}

static void a_control_says_where_the_engine_commits(void **state) {
    (void)state;
    net_plan n;
    net_plan_make(&n, 5, "m4-fram", 6, 64);
    for (int module = 1; module <= 2; module++)
        for (int spans = 0; spans <= 2; spans++) {
            paced t = {.spans = spans, .module = module, .last = {.input = -1}};
            under_control(&n, 2, (wick_sim_control){.act = pace, .ctx = &t});
            print_message("TM%d, %d spans asked for: %d, %d and %d times 1, 2 and more\n", module,
                          spans, t.passed[1], t.passed[2], t.passed[3]);
            assert_true(spans == 0 || t.passed[3] == 0);
            assert_true(spans == 1 || t.passed[2] + t.passed[3] > 0);
            assert_true(spans != 1 || (t.passed[1] > 0 && t.passed[2] == 0));
        }
    net_plan_free(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_control_is_told_when_the_engine_waits),
        cmocka_unit_test(a_control_says_where_the_engine_commits),
        cmocka_unit_test(a_sample_has_the_chains_statistics),
        cmocka_unit_test(knowing_more_helps),
        cmocka_unit_test(the_process_waits_where_the_engine_does),
        cmocka_unit_test(finishing_is_never_worth_more_than_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
