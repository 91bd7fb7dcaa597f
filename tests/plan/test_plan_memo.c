/* What the planner looks up again is what it would add up: one memo through kernels, places in
   SRAM, scratch memories and charges finds what a new one finds each time. */
#include "plan/plan_memo.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tiny_qnet.h"

static wick_arena *arena;
static wick_device *fram, *mram;

static int set_up(void **state) {
    (void)state;
    arena = wick_arena_new();
    return wick_device_load(arena, "m4-fram", &fram, NULL) == WICK_OK &&
                   wick_device_load(arena, "m4-mram", &mram, NULL) == WICK_OK
               ? 0
               : -1;
}

static int tear_down(void **state) {
    (void)state;
    wick_arena_free(arena);
    return 0;
}

/* Large enough that layers are divided where the charge is small. */
static wick_qnet *network(uint64_t seed) {
    wick_rng rng = wick_rng_seed(seed, 21);
    tiny t = tiny_begin(seed, 8 + 2 * (int)wick_rng_below(&rng, 3), 3);
    int width = 4 + 4 * (int)wick_rng_below(&rng, 3);
    int a = tiny_conv(&t, 0, width, 3, 1), b = tiny_dwconv(&t, a);
    a = tiny_add(&t, a, tiny_conv(&t, b, width, 1, 1));
    t.net->features = a;
    for (t.segment = 1; t.segment <= 2; t.segment++) {
        int c = tiny_conv(&t, a, 2 * width, 3, 1 + t.segment % 2);
        tiny_logits(&t, tiny_fc(&t, tiny_global_pool(&t, c), 10));
    }
    return tiny_end(&t);
}

static void assert_same(const wick_packing *a, const wick_packing *b, int n_tensors) {
    assert_int_equal(a->n_steps, b->n_steps);
    assert_int_equal(a->n_spans, b->n_spans);
    assert_int_equal(a->arena_bytes, b->arena_bytes);
    for (int i = 0; i < a->n_steps; i++) {
        assert_int_equal(a->steps[i].layer, b->steps[i].layer);
        assert_int_equal(a->steps[i].first, b->steps[i].first);
        assert_int_equal(a->steps[i].count, b->steps[i].count);
    }
    for (int i = 0; i < a->n_spans; i++)
        assert_int_equal(a->spans[i].first_step, b->spans[i].first_step);
    for (int t = 0; t < n_tensors; t++)
        assert_int_equal(a->places[t].sram, b->places[t].sram);
    for (size_t s = 0; s < WICK_LEN(a->expected); s++)
        assert_true(a->expected[s] == b->expected[s]);
}

static void choose_kernels(wick_layer *layers, int n, wick_rng *rng) {
    for (int l = 0; l < n; l++) {
        layers[l].kernel = WICK_KERNEL_PORTABLE;
        uint8_t fast = layers[l].kind == WICK_LAYER_CONV2D     ? WICK_KERNEL_CONV2D_S8_DSP
                       : layers[l].kind == WICK_LAYER_DWCONV2D ? WICK_KERNEL_DWCONV2D_S8_DSP
                                                               : WICK_KERNEL_PORTABLE;
        if (fast && wick_rng_below(rng, 2) && wick_kernel_fits(&layers[l], fast))
            layers[l].kernel = fast;
    }
}

/* Charges from what carries hardly a row to what carries the network. */
static wick_pack_limits random_limits(const wick_plan_costs *costs, wick_rng *rng) {
    double commit = wick_device_cost(costs->device, wick_plan_commit_work(costs->device)).energy_uj;
    wick_pack_limits limits = {.span_uj = commit + exp(-1 + 5 * wick_rng_uniform_double(rng)),
                               .scratch = 400 << wick_rng_below(rng, 7),
                               .features = (wick_features)wick_rng_below(rng, 3),
                               .active_uj_per_us = costs->device->active_mw / 1e3};
    limits.usable_uj = limits.span_uj * 1.2;
    if (wick_rng_below(rng, 3) == 0)
        limits.latency_weight = 0.5;
    return limits;
}

static void what_is_known_is_what_is_found(void **state) {
    (void)state;
    int packed = 0, divided = 0, known = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        wick_qnet *net = network(seed);
        wick_rng rng = wick_rng_seed(seed, 22);
        wick_plan_memo memo = wick_plan_memo_new(net->n_layers);
        wick_layer *layers = wick_new(arena, wick_layer, net->n_layers);
        memcpy(layers, net->layers, (size_t)net->n_layers * sizeof *layers);
        wick_plan_costs costs = {.net = net,
                                 .layers = layers,
                                 .device = seed % 2 ? fram : mram,
                                 .view = {.layers = layers, .n_layers = (uint16_t)net->n_layers}};
        wick_pack_limits limits = random_limits(&costs, &rng);
        for (int i = 0; i < 40; i++) {
            if (wick_rng_below(&rng, 3) == 0)
                limits = random_limits(&costs, &rng);
            limits.scratch = 400 << wick_rng_below(&rng, 7);
            limits.any = wick_rng_below(&rng, 3) == 0;
            choose_kernels(layers, net->n_layers, &rng);
            wick_plan_memo fresh = wick_plan_memo_new(net->n_layers);
            wick_packing a, b;
            int before = 0, after = 0;
            for (int l = 0; l < net->n_layers; l++)
                before += memo.layers[l].n;
            bool there = wick_pack(&costs, &limits, &memo, &a);
            assert_int_equal(there, wick_pack(&costs, &limits, &fresh, &b));
            for (int l = 0; l < net->n_layers; l++)
                after += memo.layers[l].n - fresh.layers[l].n;
            known += after < before;
            if (there) {
                assert_same(&a, &b, net->n_tensors);
                packed++;
                divided += a.n_steps > 2 * net->n_layers;
                wick_packing_free(&a);
                wick_packing_free(&b);
            }
            wick_plan_memo_free(&fresh);
        }
        wick_plan_memo_free(&memo);
        tiny_free(net);
    }
    print_message("%d packings, %d of them divided, %d with divisions known before\n", packed,
                  divided, known);
    assert_true(packed > 200 && divided > 100 && known > 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_known_is_what_is_found)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
