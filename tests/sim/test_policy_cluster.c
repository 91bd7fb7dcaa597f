/* Tables from values: which rows are joined, whom the usual module holds back, and who gets a
   second look. */
#include "helper_net_plan.h"
#include "sim/policy_finals.h"
#include "sim/policy_process.h"
#include "sim/policy_rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CELLS = 2400, ACTIONS = 7, KINDS = 40 };

static int decision(const wick_synthesised *made, int cell, int charge) {
    const uint8_t *row = made->table.rows + made->table.row_of[cell] * ROW_BYTES;
    return row[charge / 2] >> (charge & 1 ? 4 : 0) & 15;
}

static float *values_at(float *values, int cell, int charge) {
    return values + ((size_t)cell * CHARGE_BINS + (size_t)charge) * ACTIONS;
}

/* Each gets what is best; of equals the larger module, and no wait, and rather a wait than off. */
static void what_fits_is_best(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    float *values = wick_new(arena, float, CELLS *CHARGE_BINS *ACTIONS);
    wick_rng rng = wick_rng_seed(5, 1);
    for (int i = 0; i < 100; i++)
        for (int c = 0; c < CHARGE_BINS; c++)
            for (int a = 0; a < ACTIONS; a++)
                values_at(values, i, c)[a] = (float)wick_rng_below(&rng, 4);
    wick_synthesised made = {0};
    policy_cluster(values, 100, ACTIONS, arena, &made);
    for (int i = 0; i < 100; i++)
        for (int c = 0; c < CHARGE_BINS; c++) {
            const float *v = values_at(values, i, c);
            int got = decision(&made, i, c), best = 0;
            for (int a = ACTIONS - 3; a >= 1; a--)
                best = v[a] >= v[best] ? a : best;
            best = v[ACTIONS - 2] > v[best] ? ACTIONS - 2 : best;
            best = v[ACTIONS - 1] > v[best] ? ACTIONS - 1 : best;
            assert_int_equal(got, best == ACTIONS - 1   ? WICK_POLICY_OFF
                                  : best == ACTIONS - 2 ? WICK_POLICY_WAIT
                                                        : best);
        }
    wick_arena_free(arena);
}

/* Cells want one of KINDS rows, and most differ from it by something that is worth nothing: the
   rows that are left are those that matter. */
static void what_costs_nothing_is_joined(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    float *values = wick_new(arena, float, CELLS *CHARGE_BINS *ACTIONS);
    wick_rng rng = wick_rng_seed(6, 1);
    uint8_t wanted[KINDS][CHARGE_BINS];
    for (int k = 0; k < KINDS; k++)
        for (int c = 0; c < CHARGE_BINS; c++)
            wanted[k][c] = (uint8_t)wick_rng_below(&rng, ACTIONS - 2);
    for (int i = 0; i < CELLS; i++)
        for (int c = 0; c < CHARGE_BINS; c++) {
            values_at(values, i, c)[wanted[i % KINDS][c]] = 1;
            values_at(values, i, c)[wick_rng_below(&rng, ACTIONS - 2)] += 1e-6F;
            if (wick_rng_below(&rng, 4) == 0) /* indifferent, but for that */
                for (int a = 0; a < ACTIONS - 2; a++)
                    values_at(values, i, c)[a] = 1e-6F * (float)wick_rng_below(&rng, 9);
        }
    wick_synthesised made = {0};
    policy_cluster(values, CELLS, ACTIONS, arena, &made);
    assert_true(made.bytes <= WICK_POLICY_TABLE_BYTES);
    int wrong = 0;
    for (int i = 0; i < CELLS; i++)
        for (int c = 0; c < CHARGE_BINS; c++)
            if (values_at(values, i, c)[wanted[i % KINDS][c]] > 0.5F)
                wrong += decision(&made, i, c) != wanted[i % KINDS][c];
    assert_int_equal(wrong, 0);
    wick_arena_free(arena);
}

/* Where nothing else is better by so much, the table is the usual module alone. */
static void the_usual_module_stays(void **state) {
    (void)state;
    net_plan n;
    net_plan_make(&n, 1, "m4-fram", 60, 0);
    enum { SAMPLES = 400 };
    double times[SAMPLES], powers[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
        times[i] = i * 0.5;
        powers[i] = i % 7 < 3 ? 900 : 20;
    }
    const wick_trace trace = {.n = SAMPLES, .time_s = times, .power_uw = powers, .end_s = 200};
    const wick_trace *traces = &trace;
    wick_synth_options o = wick_synth_defaults();
    o.slots = 10;
    o.periods = 2;
    o.workload.period_s = o.workload.deadline_s = 10;
    for (int k = 0; k < n.plan->model.n_modules; k++)
        o.accuracy[k] = 0.9 - 0.2 * k;
    policy_process *p;
    assert_int_equal(policy_process_make(n.arena, n.plan, &traces, 1, &o, &p, NULL), WICK_OK);
    int modules = n.plan->model.n_modules, others = 0;
    for (int usual = 1; usual <= modules; usual++) {
        wick_synthesised free_one, made, fixed = wick_policy_constant(n.arena, modules, usual);
        policy_process_table(p, usual, 5, n.arena, &made);
        policy_process_table(p, usual, 0, n.arena, &free_one);
        const wick_policy a = {.kind = WICK_POLICY_TABLE, .table = &made.table};
        const wick_policy b = {.kind = WICK_POLICY_TABLE, .table = &fixed.table};
        const wick_policy c = {.kind = WICK_POLICY_TABLE, .table = &free_one.table};
        wick_rng rng = wick_rng_seed(7, (uint64_t)usual);
        for (int i = 0; i < 2000; i++) {
            wick_situation s = {.charge_uj = wick_rng_below(&rng, 3000),
                                .harvest_uw = wick_rng_below(&rng, 2000),
                                .time_left_ms = 1 + wick_rng_below(&rng, 9000)};
            if (i % 4 == 0) {
                s.extracting = 1;
                s.left_nj = wick_rng_below(&rng, n.plan->model.segments[0].energy_nj);
            } else if (i % 4 == 1) {
                s.working = (uint8_t)usual;
                s.left_nj = wick_rng_below(&rng, n.plan->model.segments[usual].energy_nj);
            } else if (i % 4 == 2) {
                s.modules_done = 1u << (modules - 1);
            }
            int got = wick_policy_choose(&a, &n.plan->model, &s);
            int want = wick_policy_choose(&b, &n.plan->model, &s);
            if (s.extracting)
                assert_true(got >= 1 && got <= modules && want >= 1);
            else
                assert_int_equal(got, want);
            others += wick_policy_choose(&c, &n.plan->model, &s) != want && !s.extracting;
        }
    }
    assert_true(others > 500); /* the process itself wants something else */
    net_plan_free(&n);
}

static void finalists_are_the_best(void **state) {
    (void)state;
    policy_finals f = {0};
    wick_rng rng = wick_rng_seed(8, 1);
    double best[200];
    for (int i = 0; i < 200; i++) {
        best[i] = wick_rng_below(&rng, 90) / 100.0;
        const wick_policy p = {.reserve_uj = (uint32_t)(100 * best[i] + 0.5)};
        policy_finals_add(&f, &p, NULL, best[i]);
    }
    assert_int_equal(f.n, FINALISTS);
    for (int i = 0; i < f.n; i++) {
        double most = -1; /* of those that are below the one before: each value once */
        for (int k = 0; k < 200; k++)
            if (best[k] > most && (i == 0 || best[k] < f.at[i - 1].value))
                most = best[k];
        assert_true(fabs(f.at[i].value - most) < 1e-12);
        assert_int_equal(f.at[i].policy.reserve_uj, (uint32_t)(100 * most + 0.5));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_is_best),
        cmocka_unit_test(what_costs_nothing_is_joined),
        cmocka_unit_test(the_usual_module_stays),
        cmocka_unit_test(finalists_are_the_best),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
