/* Replays of the clairvoyant's plan in the exact simulator. */
#include "helper_net_plan.h"
#include "sim/clairvoyant_control.h"
#include "sim/sim.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* They go on to the end of time: where a run ends with the only deadline, and light is so weak that
   the answer comes shortly before it. One input; in steady light, `share` times what the extractor
   and TM1 take until its deadline. */
static bool reaches_the_bound(const net_plan *n, double share, double *value) {
    const wick_plan *p = n->plan;
    double need_uj = p->segments[0].cost.energy_uj + p->segments[1].cost.energy_uj, start_s = 0;
    double uw = share * need_uj / 10 / n->device->capacitor.efficiency /
                n->device->capacitor.input_efficiency;
    wick_trace trace = {.n = 1,
                        .time_s = &start_s,
                        .power_uw = &uw,
                        .end_s = 10,
                        .path = "constant",
                        .quantity = "power"};
    wick_sim_options o = wick_sim_defaults();
    o.workload.period_s = o.workload.deadline_s = o.duration_s = 10;
    o.quiet = true;
    const wick_clairvoyant_options grid = {.slots = 20, .levels = 48, .charges = 800};
    wick_bound b;
    double reached;
    assert_int_equal(
        wick_clairvoyant_replay(p, &trace, &o, n->correct, NET_SAMPLES, &grid, &b, &reached, NULL),
        WICK_OK);
    assert_true(reached <= b.expected + 1e-6);
    *value = b.expected;
    return reached > b.expected - 1e-6;
}

static void the_last_answer_is_delivered(void **state) {
    (void)state;
    net_plan n;
    net_plan_make(&n, 5, "m4-fram", 6, 64);
    n.device->capacitor.leakage_ua = 0.2;
    for (int i = 0; i < 6; i++) {
        double share = 1.44 + 0.02 * i, value;
        bool reached = reaches_the_bound(&n, share, &value);
        print_message("%.2f answers' harvest: %.4f, %s\n", share, value,
                      reached ? "reached" : "missed");
        assert_true(reached && value > 0);
    }
    net_plan_free(&n);
}

enum { INPUTS = 40, INSTANTS = 10 * INPUTS, STATES = 60 };

/* Values of drawn states, at every instant from the last on and back. Forty inputs in light that
   comes and goes. */
static double find_values(const net_plan *n, double kept_bytes, float *out) {
    double time_s[] = {0, 9, 18, 27, 36}, power_uw[5];
    const wick_plan *p = n->plan;
    for (int i = 0; i < 5; i++)
        power_uw[i] = p->segments[0].cost.energy_uj * (0.1 + i * 3 % 5 / 8.0);
    wick_trace trace = {
        .n = 5, .time_s = time_s, .power_uw = power_uw, .end_s = 45, .quantity = "power"};
    wick_sim_options o = wick_sim_defaults();
    o.workload.period_s = o.workload.deadline_s = 10;
    o.duration_s = 10.0 * INPUTS;
    const wick_clairvoyant_options grid = {
        .slots = 10, .levels = 8, .charges = 60, .kept_bytes = kept_bytes};
    wick_arena *arena = wick_arena_new();
    wick_rng rng = wick_rng_seed(4, 4);
    wick_progress progress = {0};
    bound_problem problem;
    bound_values *values;
    double value;
    assert_int_equal(
        bound_make(arena, p, &trace, &o, n->correct, NET_SAMPLES, &grid, &problem, NULL), WICK_OK);
    const bound *b = &problem.bound;
    assert_int_equal(b->n, INSTANTS);
    assert_int_equal(bound_sweep(b, arena, problem.cap.energy_uj, &value, &values, &progress, NULL),
                     WICK_OK);
    for (int turn = 0; turn < 2 * INSTANTS; turn++) {
        int j = turn < INSTANTS ? turn + 1 : 2 * INSTANTS - turn;
        for (int i = 0; i < STATES; i++) {
            int queue = (int)wick_rng_below(&rng, 1u << b->most_open);
            int row = queue ? (int)wick_rng_below(&rng, (uint32_t)b->rows.n) : 0;
            double uj = b->off_uj + wick_rng_uniform_double(&rng) * (b->cap_uj - b->off_uj);
            *out++ = (float)bound_value(values, j, i % 2 ? ON : OFF, queue, row, uj);
        }
    }
    wick_arena_free(arena);
    return value;
}

static void kept_values_are_those_of_blocks(void **state) {
    (void)state;
    static float all[2 * INSTANTS * STATES], blocks[2 * INSTANTS * STATES];
    net_plan n;
    net_plan_make(&n, 5, "m4-fram", 6, 64);
    double value = find_values(&n, 0, all);
    assert_true(find_values(&n, 1, blocks) == value && value > 1);
    int others = 0;
    for (int i = 0; i < 2 * INSTANTS * STATES; i++) {
        assert_true(all[i] == blocks[i]);
        others += i >= STATES && all[i] != all[i - STATES];
    }
    assert_true(others > INSTANTS * STATES / 2);
    net_plan_free(&n);
}

typedef struct takes {
    int input, n; /* of the look before; inputs that were seen to be taken */
    bool taken;
    double energy_uj, least_uj; /* the least that it cost */
} takes;

static wick_sim_action watch(void *ctx, const wick_sim_state *s) {
    takes *t = ctx;
    if (s->input >= 0 && s->input != t->input)
        assert_false(s->taken);
    if (!s->taken)
        assert_true(!s->features);
    if (s->input >= 0 && s->input == t->input && s->taken && !t->taken) {
        assert_int_equal(s->progress[0], 0);
        if (t->n == 0 || t->energy_uj - s->energy_uj < t->least_uj)
            t->least_uj = t->energy_uj - s->energy_uj;
        t->n++;
    }
    t->input = s->input;
    t->taken = s->taken;
    t->energy_uj = s->energy_uj;
    return (wick_sim_action){.kind = WICK_SIM_GO_ON};
}

/* In bright light, twenty inputs in 20 s; how many came. */
static int run_bright(const wick_sim_control *control) {
    net_plan n;
    net_plan_make(&n, 5, "m4-fram", 6, 64);
    double start_s = 0, uw = 1e3;
    wick_trace trace = {
        .n = 1, .time_s = &start_s, .power_uw = &uw, .end_s = 10, .path = "constant"};
    wick_sim_options o = wick_sim_defaults();
    wick_sim_result r;
    o.workload.period_s = o.workload.deadline_s = 1;
    o.duration_s = 20;
    o.control = control;
    o.quiet = true;
    assert_int_equal(wick_sim_run(n.plan, &trace, &o, n.correct, NET_SAMPLES, &r, NULL), WICK_OK);
    wick_sim_free(&r);
    net_plan_free(&n);
    return r.inputs;
}

/* Taking an input costs its commit, which a control must not reckon with twice. */
static void a_control_sees_what_is_taken(void **state) {
    (void)state;
    takes t = {.input = -1};
    assert_int_equal(run_bright(&(wick_sim_control){.act = watch, .ctx = &t}), 20);
    assert_true(t.n >= 19 && t.least_uj > 0);
}

typedef struct warms {
    int off, boots, commits; /* looks that switched off; behind a boot; behind a commit */
    bool was_off, was_warm;
} warms;

static wick_sim_action switch_off_once(void *ctx, const wick_sim_state *s) {
    warms *w = ctx;
    if (w->was_off) {
        assert_false(s->warm);
        w->boots++;
    }
    w->commits += s->warm && !w->was_warm && !w->was_off;
    w->was_off = s->warm && s->progress[0] > 0 && w->off < 5;
    w->was_warm = s->warm;
    if (!w->was_off)
        return (wick_sim_action){.kind = WICK_SIM_GO_ON};
    w->off++;
    return (wick_sim_action){.kind = WICK_SIM_OFF, .until_s = s->now_s + 0.1};
}

static void a_control_sees_what_is_committed(void **state) {
    (void)state;
    warms w = {0};
    assert_int_equal(run_bright(&(wick_sim_control){.act = switch_off_once, .ctx = &w}), 20);
    assert_true(w.off == 5 && w.boots == 5 && w.commits >= 5);
}

enum { MOST_BOOTS = 8 };

/* When a device boots that follows the bound's plan, in steady light and with one input in 10 s. */
static int boots_of(const net_plan *n, manner how, double *boots_s) {
    const wick_plan *p = n->plan;
    double start_s = 0, uw = 0.17 * (p->segments[0].cost.energy_uj + p->segments[1].cost.energy_uj);
    wick_trace trace = {
        .n = 1, .time_s = &start_s, .power_uw = &uw, .end_s = 40, .quantity = "power"};
    const wick_clairvoyant_options grid = {.slots = 4, .levels = 24, .charges = 400};
    wick_sim_options o = wick_sim_defaults();
    o.workload.period_s = o.workload.deadline_s = 10;
    o.quiet = o.record = true;
    wick_arena *arena = wick_arena_new();
    wick_progress progress = {0};
    bound_problem problem;
    bound_values *values;
    wick_sim_result r;
    double value;
    int found = 0;
    assert_int_equal(
        bound_make(arena, p, &trace, &o, n->correct, NET_SAMPLES, &grid, &problem, NULL), WICK_OK);
    assert_int_equal(
        bound_sweep(&problem.bound, arena, problem.cap.energy_uj, &value, &values, &progress, NULL),
        WICK_OK);
    replay plays = {
        .planner = {.problem = &problem, .values = values}, .manner = how, .progress = &progress};
    const wick_sim_control control = {.act = replay_act, .ctx = &plays};
    o.control = &control;
    assert_int_equal(wick_sim_run(p, &trace, &o, n->correct, NET_SAMPLES, &r, NULL), WICK_OK);
    for (int i = 0; i < r.n_events && found < MOST_BOOTS; i++)
        if (r.events[i].kind == WICK_EVENT_BOOT)
            boots_s[found++] = r.events[i].time_s;
    wick_sim_free(&r);
    free(plays.planner.ways);
    wick_arena_free(arena);
    return found;
}

/* What goes off boots as late in an interval of 2.5 s as its work allows. */
static void a_device_boots_late_where_it_shall(void **state) {
    (void)state;
    double at_s[MOST_BOOTS], late_at_s[MOST_BOOTS];
    net_plan n;
    net_plan_make(&n, 5, "m4-fram", 6, 64);
    int boots = boots_of(&n, (manner){.follows = true}, at_s);
    int late_boots = boots_of(&n, (manner){.follows = true, .boots_late = true}, late_at_s);
    assert_true(boots == 4 && late_boots == 4);
    assert_true(late_at_s[0] == at_s[0]); /* no control is asked */
    assert_float_equal(at_s[1], 10, 1e-6);
    assert_float_equal(at_s[3], 30, 1e-6);
    for (int i = 1; i < 4; i++)
        assert_true(late_at_s[i] > at_s[i] && fmod(late_at_s[i], 2.5) > 2.45);
    net_plan_free(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_answer_is_delivered),
        cmocka_unit_test(kept_values_are_those_of_blocks),
        cmocka_unit_test(a_control_sees_what_is_taken),
        cmocka_unit_test(a_control_sees_what_is_committed),
        cmocka_unit_test(a_device_boots_late_where_it_shall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
