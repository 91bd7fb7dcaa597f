/* Spans as levels of the decision process: where they end, what they take and ask for, which level
   of a table they are; and a device that waits for a margin. */
#include "helper_net_plan.h"
#include "sim/policy_levels.h"
#include "sim/policy_process.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_SPANS = 200 };
static const double WINDOW_UJ = 230, OFF_V = 2, UF = 200, EFFICIENCY = 0.8;

/* One segment of these spans, on a capacitor of which 0.8 is usable. */
typedef struct plan_of_one {
    wick_device device;
    wick_span spans[MOST_SPANS];
    wick_segment segment;
    wick_plan plan;
    policy_mdp m;
} plan_of_one;

static void divide(plan_of_one *p, int n_spans, double energy_uj, double before_uj,
                   double behind_uj) {
    p->device.capacitor.uf = UF;
    p->device.capacitor.off_v = OFF_V;
    p->device.capacitor.on_v = 2.5;
    p->device.capacitor.max_v = 3;
    p->device.capacitor.efficiency = EFFICIENCY;
    p->segment.n_spans = (uint16_t)n_spans;
    p->segment.energy_nj = 0;
    for (int i = 0; i < n_spans; i++)
        p->segment.energy_nj += p->spans[i].energy_nj;
    p->plan.device = &p->device;
    p->plan.options.capacitor_uf = UF;
    p->plan.model.segments = &p->segment;
    p->plan.model.spans = p->spans;
    p->m = (policy_mdp){.step_uj = WINDOW_UJ / (MDP_CHARGES - 1), .energy_uj = {energy_uj}};
    policy_levels_set(&p->m, &p->plan, 0, before_uj, behind_uj);
}

/* One more than `mv`, because the port rounds down. */
static double usable_uj(double mv) {
    double v = (mv + 1) * 1e-3;
    return EFFICIENCY * UF / 2 * (v * v - OFF_V * OFF_V);
}

static bool near(double a, double b) {
    return fabs(a - b) < 1e-6 * (1 + fabs(b));
}

/* By hand: spans of 10, 10, 10, 60 and 5 uJ and what stands beside them, 3 and 2; a level takes at
   least 23. */
static void levels_end_where_spans_do(void **state) {
    (void)state;
    static plan_of_one p;
    const uint32_t nj[5] = {10000, 10000, 10000, 60000, 5000};
    const uint16_t mv[5] = {2100, 2110, 2400, 2350, 2050};
    for (int i = 0; i < 5; i++)
        p.spans[i] = (wick_span){.energy_nj = nj[i], .need_mv = mv[i], .margin_16mv = 2};
    divide(&p, 5, 100, 3, 2);
    const policy_mdp *m = &p.m;
    assert_int_equal(m->levels[0], 3);
    assert_int_equal(m->first_span[0][0], 0);
    assert_int_equal(m->first_span[0][1], 3);
    assert_int_equal(m->first_span[0][2], 4);
    assert_true(near(m->level_uj[0][0], 33) && near(m->level_uj[0][1], 60));
    assert_true(near(m->level_uj[0][2], 7));
    assert_true(near(m->need_uj[0][0], usable_uj(2100)));
    assert_true(near(m->enough_uj[0][0], usable_uj(2132)));
    /* The third span is what asks for most, behind 20 uJ of work. */
    assert_true(near(m->whole_uj[0][0], usable_uj(2400) + 23));
    assert_true(near(m->need_uj[0][1], usable_uj(2350)));
    assert_true(near(m->whole_uj[0][1], usable_uj(2350)));
    /* Spans count alike on the device: three of five are three quarters, nearly. */
    assert_int_equal(m->quarter[0][0], 0);
    assert_int_equal(m->quarter[0][1], 2);
    assert_int_equal(m->quarter[0][2], 3);
    /* A large one does not go with a small one before it. */
    p.spans[0] = (wick_span){.energy_nj = 10000, .need_mv = 2100};
    p.spans[1] = (wick_span){.energy_nj = 60000, .need_mv = 2300};
    p.spans[2] = (wick_span){.energy_nj = 5000, .need_mv = 2050};
    divide(&p, 3, 75, 0, 0);
    assert_int_equal(m->levels[0], 3);
    for (int l = 0; l < 3; l++)
        assert_int_equal(m->first_span[0][l], l);
}

/* Sensing that takes a third of the capacitor, and sending. */
static void what_stands_beside_the_spans_may_be_a_level(void **state) {
    (void)state;
    static plan_of_one p;
    for (int i = 0; i < 2; i++)
        p.spans[i] = (wick_span){.energy_nj = 30000, .need_mv = 2200, .margin_16mv = 1};
    divide(&p, 2, 170, 80, 30);
    const policy_mdp *m = &p.m;
    assert_int_equal(m->levels[0], 4);
    const double uj[4] = {80, 30, 30, 30};
    const int first[4] = {0, 0, 1, 2};
    for (int l = 0; l < 4; l++) {
        assert_true(near(m->level_uj[0][l], uj[l]));
        assert_int_equal(m->first_span[0][l], first[l]);
    }
    assert_true(m->need_uj[0][0] == 0 && near(m->whole_uj[0][0], 80));
    assert_true(m->need_uj[0][3] == 0 && m->enough_uj[0][3] == 0);
    assert_int_equal(m->quarter[0][0], MDP_NO_QUARTER);
    assert_int_equal(m->quarter[0][1], 0);
    assert_int_equal(m->quarter[0][2], 2);
    assert_int_equal(m->quarter[0][3], MDP_NO_QUARTER);
    divide(&p, 0, 10, 80, 30);
    assert_int_equal(m->levels[0], 0);
}

static void there_is_room_for_many_spans(void **state) {
    (void)state;
    static plan_of_one p;
    for (int i = 0; i < MOST_SPANS; i++)
        p.spans[i] = (wick_span){.energy_nj = (uint32_t)(20000 + 100 * i), .need_mv = 2200};
    divide(&p, MOST_SPANS, 7000, 10, 10);
    const policy_mdp *m = &p.m;
    assert_true(m->levels[0] <= MDP_MOST_LEVELS && m->levels[0] > MDP_MOST_LEVELS / 2);
    double sum = 0;
    for (int l = 0; l < m->levels[0]; l++) {
        assert_true(l == 0 || m->first_span[0][l] > m->first_span[0][l - 1]);
        assert_true(m->level_uj[0][l] >= 23 || l == m->levels[0] - 1);
        sum += m->level_uj[0][l];
    }
    assert_true(near(sum, 7000));
    /* Sending behind them asks for nothing, wherever it stood while there was no room. */
    divide(&p, MOST_SPANS, 7000, 10, 200);
    int last = m->levels[0] - 1;
    assert_true(last < MDP_MOST_LEVELS && m->first_span[0][last] == MOST_SPANS);
    assert_true(m->need_uj[0][last] == 0 && m->enough_uj[0][last] == 0);
}

/* The same level of a table as the policy finds on the device. */
static void quarters_are_the_devices(void **state) {
    (void)state;
    const uint8_t row_of[WICK_TABLE_LEVELS + 1] = {0, 1, 2, 3, 0}, rows[4] = {1, 2, 3, 4};
    wick_policy_table table = {.n_modules = 1,
                               .n_charge = 1,
                               .n_harvest = 1,
                               .n_time = 1,
                               .n_rows = 4,
                               .row_of = row_of,
                               .rows = rows};
    memset(table.charge_uj, 0xff, sizeof table.charge_uj);
    memset(table.harvest_uw, 0xff, sizeof table.harvest_uw);
    memset(table.time_ms, 0xff, sizeof table.time_ms);
    const wick_policy policy = {.kind = WICK_POLICY_TABLE, .table = &table};
    wick_segment segments[2] = {{.energy_nj = 1000003}, {.energy_nj = 7}};
    const wick_model model = {.n_modules = 1, .segments = segments};
    for (int n = 1; n <= 30; n++)
        for (int done = 0; done < n; done++) {
            segments[0].n_spans = (uint16_t)n;
            const wick_situation s = {.extracting = 1,
                                      .time_left_ms = 1,
                                      .left_nj = segments[0].energy_nj / (uint32_t)n *
                                                 (uint32_t)(n - done)};
            assert_int_equal(wick_policy_choose(&policy, &model, &s),
                             policy_quarter(&segments[0], done) + 1);
        }
}

/* A real plan: all of its energy, and at each level a margin where something lies behind it. */
static void the_process_knows_what_the_engine_asks_for(void **state) {
    (void)state;
    net_plan n;
    net_plan_make(&n, 1, "m4-fram", 60, 0);
    enum { SAMPLES = 1000 };
    static double times[SAMPLES], powers[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
        times[i] = 0.01 * i;
        powers[i] = i % 50 < 10 ? 2000 : 10;
    }
    const wick_trace made = {
        .n = SAMPLES, .time_s = times, .power_uw = powers, .end_s = 10, .path = "made"};
    const wick_trace *trace = &made;
    wick_synth_options o = wick_synth_defaults();
    for (int k = 0; k < n.plan->model.n_modules; k++)
        o.accuracy[k] = 0.5;
    harvest_chain chain;
    policy_mdp m;
    o.workload.period_s = o.workload.deadline_s = 1;
    assert_int_equal(policy_process_fit(n.plan, &trace, 1, &o, &chain, &m, NULL), WICK_OK);
    double off_v = n.device->capacitor.off_v, eff = n.device->capacitor.efficiency;
    int more = 0;
    for (int k = 0; k <= m.n_modules; k++) {
        const wick_span *first = &n.plan->model.spans[n.plan->model.segments[k].first_span];
        double v = (first->need_mv + 1) * 1e-3, sum = 0;
        double uj = n.plan->options.capacitor_uf / 2 * (v * v - off_v * off_v);
        assert_true(first->need_mv > 0);
        assert_true(near(m.need_uj[k][0], eff * uj));
        for (int l = 0; l < m.levels[k]; l++) {
            more += m.enough_uj[k][l] > m.need_uj[k][l] + 1;
            sum += m.level_uj[k][l];
        }
        assert_true(near(sum, m.energy_uj[k]));
    }
    assert_true(more > 0);
    net_plan_free(&n);
}

/* By hand: 40 uJ of work in one or two levels begin with 30 uJ, or with 60 where the device had to
   wait. `slots` slots bring 10 uJ each; what an answer in time is worth, 0.9, or nothing. */
typedef struct hand {
    int power, slots, levels;
    double uj, time_slots, whole_uj;
} hand;

static double answered(hand h) {
    const harvest_chain chain = {.n = 1, .step_s = 0.1, .p = {{1}}, .uj = {{10}}};
    policy_mdp m = {.chain = &chain,
                    .n_modules = 1,
                    .slots = 10,
                    .ages = h.slots,
                    .answers = policy_answers_of(1, (const double[]){0.9}),
                    .energy_uj = {1, 40},
                    .time_slots = {0.1, h.time_slots},
                    .levels = {0, h.levels},
                    .step_uj = 100.0 / (MDP_CHARGES - 1),
                    .on_uj = 90};
    for (int l = 0; l < h.levels; l++) {
        m.level_uj[1][l] = 40.0 / h.levels;
        m.need_uj[1][l] = l ? 0 : 30;
        m.enough_uj[1][l] = l ? 0 : 60;
        m.whole_uj[1][l] = h.whole_uj;
    }
    wick_arena *arena = wick_arena_new();
    mdp_prepare(&m, arena);
    assert_int_equal(m.levels[1], h.levels);
    for (int age = h.slots - 1; age >= 0; age--)
        mdp_sweep_age(&m, age);
    double value = mdp_go_on(&m, h.power, 0, 0, 1, 0, 0, h.uj);
    wick_arena_free(arena);
    return value;
}

static double after_slots(int power, double uj, int slots) {
    return answered((hand){
        .power = power, .slots = slots, .levels = 1, .uj = uj, .time_slots = 1, .whole_uj = 40});
}

static void who_waits_does_so_until_there_is_a_margin(void **state) {
    (void)state;
    assert_true(near(after_slots(MDP_ON, 30, 1), 0.9));
    assert_true(after_slots(MDP_TIRED, 30, 1) == 0);
    assert_true(near(after_slots(MDP_TIRED, 50, 1), 0.9));
    /* With 25 uJ it waits for 60, though there are 35 after a slot. */
    assert_true(after_slots(MDP_ON, 25, 2) < 0.05);
    assert_true(after_slots(MDP_ON, 25, 3) < 0.05);
    assert_true(after_slots(MDP_ON, 25, 4) > 0.85);
    /* So it does where the work is shorter than a slot. */
    const hand brief = {.slots = 1, .levels = 1, .time_slots = 0.1, .uj = 45, .whole_uj = 40};
    hand one = brief;
    one.power = MDP_ON;
    assert_true(near(answered(one), 0.9));
    one.power = MDP_TIRED;
    assert_true(answered(one) == 0);
}

static void a_level_takes_what_all_its_spans_ask_for(void **state) {
    (void)state;
    hand one = {.power = MDP_ON, .slots = 1, .levels = 1, .time_slots = 1, .uj = 35};
    one.whole_uj = 45;
    assert_true(near(answered(one), 0.9));
    one.whole_uj = 46;
    assert_true(answered(one) == 0);
}

/* Two levels of a slot each. */
static void a_slot_holds_the_levels_that_its_time_does(void **state) {
    (void)state;
    hand one = {.power = MDP_ON, .levels = 2, .time_slots = 2, .uj = 70, .whole_uj = 20};
    one.slots = 1;
    assert_true(answered(one) == 0);
    one.slots = 2;
    assert_true(near(answered(one), 0.9));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_end_where_spans_do),
        cmocka_unit_test(what_stands_beside_the_spans_may_be_a_level),
        cmocka_unit_test(there_is_room_for_many_spans),
        cmocka_unit_test(quarters_are_the_devices),
        cmocka_unit_test(the_process_knows_what_the_engine_asks_for),
        cmocka_unit_test(who_waits_does_so_until_there_is_a_margin),
        cmocka_unit_test(a_level_takes_what_all_its_spans_ask_for),
        cmocka_unit_test(a_slot_holds_the_levels_that_its_time_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
