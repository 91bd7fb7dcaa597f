/* The published inner search against an enumeration that prunes nothing, and its sums. */
#include "plan/plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tiny_qnet.h"

static wick_arena *arena;
static wick_published *inas, *tinas;

static int set_up(void **state) {
    (void)state;
    arena = wick_arena_new();
    return wick_published_load(arena, "published-inas", &inas, NULL) == WICK_OK &&
                   wick_published_load(arena, "published-tinas", &tinas, NULL) == WICK_OK
               ? 0
               : -1;
}

static int tear_down(void **state) {
    (void)state;
    wick_arena_free(arena);
    return 0;
}

/* End-to-end seconds of a design; INFINITY when it breaks a rule. */
static double seconds_of(const wick_published *m, const wick_published_layer *l,
                         const wick_published_design *d) {
    if (l->rows % d->tr || l->cols % d->tc || l->out_c % d->tm || l->in_c % d->tn ||
        wick_published_inner(l, d) % d->s)
        return INFINITY;
    wick_published_cycles c = wick_published_intermittent(m, l, d);
    double charge = wick_published_charge_j(m);
    bool later = c.n_later > 0;
    if (c.vm_bytes > m->vm_bytes || c.first.j > charge || (later && c.later.j > charge))
        return INFINITY;
    double sum = c.n_first * (c.first.s + wick_published_recharge_s(m, c.first.j));
    return later ? sum + c.n_later * (c.later.s + wick_published_recharge_s(m, c.later.j)) : sum;
}

static double brute_force(const wick_published *m, const wick_published_layer *l) {
    bool mixes = l->kind == WICK_LAYER_CONV2D || l->kind == WICK_LAYER_FC;
    double least = INFINITY;
    wick_published_design d;
    for (d.tr = 1; d.tr <= l->rows; d.tr++)
        for (d.tc = 1; d.tc <= l->cols; d.tc++)
            for (d.tm = 1; d.tm <= l->out_c; d.tm++)
                for (d.tn = 1; d.tn <= l->in_c; d.tn++)
                    for (int order = 0; order < (mixes ? 3 : 2); order++) {
                        d.order = (wick_published_order)order;
                        int inner = wick_published_inner(l, &d);
                        for (d.s = 1; d.s <= inner; d.s++)
                            least = fmin(least, seconds_of(m, l, &d));
                    }
    return least;
}

static void the_search_is_exhaustive(void **state) {
    (void)state;
    wick_rng rng = wick_rng_seed(11, 0);
    static const wick_layer_kind kinds[] = {WICK_LAYER_CONV2D, WICK_LAYER_DWCONV2D,
                                            WICK_LAYER_MAXPOOL, WICK_LAYER_ADD};
    int found = 0, refused = 0;
    for (int i = 0; i < 120; i++) {
        wick_published model = i % 2 ? *inas : *tinas;
        model.capacitor_f = 4e-5 * (1 + (double)wick_rng_below(&rng, 25));
        model.vm_bytes = 16 + (int64_t)wick_rng_below(&rng, 1500);
        int size = 1 + (int)wick_rng_below(&rng, 8);
        wick_published_layer l = {.kind = kinds[i % 4],
                                  .rows = size,
                                  .cols = 1 + (int)wick_rng_below(&rng, 8),
                                  .out_c = 1 + (int)wick_rng_below(&rng, 12),
                                  .in_c = 1,
                                  .k_h = 1 + 2 * (int)wick_rng_below(&rng, 2),
                                  .k_w = 3,
                                  .stride_h = 1 + (int)wick_rng_below(&rng, 2),
                                  .stride_w = 1,
                                  .operands = 1 + i % 4 / 3};
        if (l.kind == WICK_LAYER_CONV2D)
            l.in_c = 1 + (int)wick_rng_below(&rng, 12);
        double least = brute_force(&model, &l);
        wick_published_best best;
        bool fits = wick_published_search(&model, &l, &best);
        assert_int_equal(fits, isfinite(least));
        found += fits;
        refused += !fits;
        if (!fits)
            continue;
        assert_true(fabs(best.end_to_end_s - least) <= 1e-12 * least);
        assert_true(fabs(seconds_of(&model, &l, &best.design) - least) <= 1e-12 * least);
        assert_true(best.continuous.s < best.active_s);
        assert_true(fabs(best.active_s + best.recharge_s - best.end_to_end_s) < 1e-9 * least);
    }
    if (found < 40 || refused < 5)
        fail_msg("%d found, %d refused: the cases say little", found, refused);
}

static void sums_and_overhead(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(2, 16, 8);
    wick_published_plan *plan;
    wick_diag diag = {0};
    assert_int_equal(wick_published_plan_make(tinas, net, arena, &plan, &diag), WICK_OK);
    double cycles = 0, active = 0, end_to_end = 0, continuous = 0;
    for (int l = 0; l < net->n_layers; l++) {
        if (net->info[l].segment > 1)
            continue;
        cycles += plan->layers[l].power_cycles;
        active += plan->layers[l].active_s;
        end_to_end += plan->layers[l].end_to_end_s;
        continuous += plan->layers[l].continuous.s;
    }
    wick_published_total total = wick_published_answer(plan, 1);
    assert_true(fabs(total.power_cycles - cycles) < 1e-9);
    assert_true(fabs(total.active_s - active) < 1e-9 * active);
    assert_true(fabs(total.end_to_end_s - end_to_end) < 1e-9 * end_to_end);
    assert_true(fabs(total.reboots_s - 0.07 * cycles) < 1e-9);
    assert_true(fabs(wick_published_overhead(&total) - 100 * (active - continuous) / active) <
                1e-9);
    assert_true(100 * total.reboots_s / active < wick_published_overhead(&total));
    tiny_free(net);
}

/* A capacitor that no power cycle fits, and SRAM that no tile fits: both are named, with the layer.
 */
static void what_does_not_fit_is_named(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(2, 16, 8);
    wick_published small = *inas;
    wick_published_plan *plan;
    wick_diag diag = {0};
    small.capacitor_f = 1e-4;
    assert_int_equal(wick_published_plan_make(&small, net, arena, &plan, &diag), WICK_NO_FIT);
    assert_null(plan);
    assert_true(wick_diag_contains(&diag, "conv2d_0"));
    assert_true(wick_diag_contains(&diag, "a charge gives 0.03025 mJ"));
    assert_true(wick_diag_contains(&diag, "more layers"));
    wick_diag_free(&diag);
    small = *inas;
    small.vm_bytes = 8;
    assert_int_equal(wick_published_plan_make(&small, net, arena, &plan, &diag), WICK_NO_FIT);
    assert_true(wick_diag_contains(&diag, "8 bytes of SRAM"));
    wick_diag_free(&diag);
    tiny_free(net);
}

/* A fully connected layer of 3 outputs from 1 input, SRAM for one word of each buffer: tiles of
   one, the input held. In nJ and cycles (constants as in tests/device/test_published_cost.c): begin
   77880 + 308 = 78188, 1120000 + 680;  commit 300.62, 678 held: one fetch of 1 word 227 + 123.8135
   = 350.8135, 488 + 304 = 792 a piece: weights 227 + 204.761, 488 + 492; one MAC with its addition
   and addresses 402.2518, 1101.5; back-up of 1 word 220.175 + 189.4435, 486 + 460: 1243.6313,
   3027.5 Two pieces: 78188 + 350.8135 + 2 * 1243.6313 + 300.62 = 81326.6961; three need 82570.3274.
   With a charge of 82400 nJ the third piece is in a second power cycle, which fetches the input
   again. */
static void joined_by_hand(void **state) {
    (void)state;
    tiny t = tiny_begin(1, 1, 1);
    t.segment = 1;
    tiny_logits(&t, tiny_fc(&t, 0, 3));
    wick_qnet *net = tiny_end(&t);
    wick_published small = *inas;
    small.vm_bytes = 6;
    small.margin = 1, small.off_v = 0, small.on_v = 2, small.supply_v = 3;
    small.capacitor_f = 2 * 82400e-9 / 4;
    wick_published_plan *plan;
    wick_published_total total;
    assert_int_equal(wick_published_plan_make(&small, net, arena, &plan, NULL), WICK_OK);
    assert_true(wick_published_joined(&small, net, plan, 1, &total));
    assert_true(fabs(total.power_cycles - 2) < 1e-9);
    double first_j = 81326.6961e-9, second_j = 80083.0648e-9;
    double active_s = (2 * (1120680 + 678 + 792) + 3 * 3027.5) / 16e6;
    assert_true(fabs(total.energy_j - first_j - second_j) < 1e-9 * first_j);
    assert_true(fabs(total.active_s - active_s) < 1e-9 * active_s);
    assert_true(fabs(total.reboots_s - 0.14) < 1e-12);
    double end_to_end_s = active_s + wick_published_recharge_s(&small, first_j) +
                          wick_published_recharge_s(&small, second_j);
    assert_true(fabs(total.end_to_end_s - end_to_end_s) < 1e-9 * end_to_end_s);
    small.capacitor_f *= 82600.0 / 82400; /* all three fit */
    assert_true(wick_published_joined(&small, net, plan, 1, &total));
    assert_true(fabs(total.power_cycles - 1) < 1e-9);
    small.capacitor_f *= 79000.0 / 82600; /* not even one does */
    assert_false(wick_published_joined(&small, net, plan, 1, &total));
    tiny_free(net);
}

/* A layer that must add up partial sums (3x3, 32 channels in 512 bytes of SRAM): each pass commits
   before the next writes where it read. With one charge for all, the commits are what is added to
   one begin and one end; the published plan has no design with fewer passes. */
static void passes_commit(void **state) {
    (void)state;
    tiny t = tiny_begin(1, 8, 3);
    t.segment = 1;
    tiny_logits(&t, tiny_global_pool(&t, tiny_conv(&t, tiny_conv(&t, 0, 32, 1, 1), 16, 3, 1)));
    wick_qnet *net = tiny_end(&t);
    wick_published huge = *inas;
    huge.capacitor_f = 10;
    huge.vm_bytes = 256;
    wick_published_plan *plan;
    wick_published_total total;
    assert_int_equal(wick_published_plan_make(&huge, net, arena, &plan, NULL), WICK_OK);
    assert_true(wick_published_joined(&huge, net, plan, 1, &total));
    assert_true(fabs(total.power_cycles - 1) < 1e-9);
    double commit_s = wick_published_commit(&huge).s;
    double extra_s = total.active_s - total.continuous_s - wick_published_begin(&huge).s - commit_s;
    assert_true(extra_s > 0.99 * commit_s);
    assert_true(fabs(extra_s / commit_s - round(extra_s / commit_s)) < 1e-6);
    tiny_free(net);
}

/* No charge is exceeded, nothing is left out, and joining never costs more than the search. */
static void joined_keeps_to_the_charge(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(4, 16, 16);
    double last = 0;
    for (int i = 8; i >= 0; i--) {
        wick_published model = *tinas;
        model.capacitor_f = 0.0003 * pow(2, i);
        wick_published_plan *plan;
        wick_published_total total, searched;
        assert_int_equal(wick_published_plan_make(&model, net, arena, &plan, NULL), WICK_OK);
        assert_true(wick_published_joined(&model, net, plan, 1, &total));
        searched = wick_published_answer(plan, 1);
        double charge = wick_published_charge_j(&model);
        assert_true(total.energy_j <= total.power_cycles * charge);
        assert_true(total.active_s >= total.continuous_s + total.reboots_s);
        assert_true(total.active_s <= searched.active_s);
        assert_true(total.power_cycles >= last);
        last = total.power_cycles;
    }
    assert_true(last > 10);
    tiny_free(net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_search_is_exhaustive),
        cmocka_unit_test(sums_and_overhead),
        cmocka_unit_test(joined_by_hand),
        cmocka_unit_test(passes_commit),
        cmocka_unit_test(joined_keeps_to_the_charge),
        cmocka_unit_test(what_does_not_fit_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
