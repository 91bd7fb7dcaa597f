/* Exits of one network: the plan keeps what one exit computes for the next, the engine runs them in
   their order through power failures, and every policy goes on or stops between them. */
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cut_device.h"
#include "tiny_qnet.h"

#include <wick/engine.h>

static wick_arena *arena;
static wick_device *device;

static int set_up(void **state) {
    (void)state;
    arena = wick_arena_new();
    return wick_device_load(arena, "m4-mram", &device, NULL) == WICK_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    wick_arena_free(arena);
    return 0;
}

static int exit_of(tiny *t, int x) {
    x = tiny_window(t, WICK_LAYER_MAXPOOL, x, t->net->tensors[x].c, 2, 2, 0);
    return tiny_fc(t, x, 4);
}

/* Three blocks, an exit behind each; layers by module, large to small, as lowering has them. */
static wick_qnet *chain_net(void) {
    tiny t = tiny_begin(11, 12, 2);
    int x = t.net->input;
    for (int k = 0; k < 3; k++) {
        t.segment = 3 - k;
        x = tiny_conv(&t, x, 5 + k, 3, k ? 2 : 1);
        t.net->logits[2 - k] = exit_of(&t, x);
    }
    t.net->n_modules = 3;
    t.net->n_classes = 4;
    t.net->chain = true;
    for (int k = 0; k < 3; k++) {
        t.net->module_names[k] = wick_arena_printf(t.net->arena, "exit%d", 3 - k);
        t.net->accuracy[k] = 0.9 - 0.1 * k;
    }
    wick_layer layers[TINY_MAX];
    wick_qlayer_info info[TINY_MAX];
    int n = 0;
    for (int segment = 1; segment <= 3; segment++)
        for (int l = 0; l < t.net->n_layers; l++)
            if (t.net->info[l].segment == segment) {
                layers[n] = t.net->layers[l];
                info[n++] = t.net->info[l];
            }
    memcpy(t.net->layers, layers, (size_t)n * sizeof *layers);
    memcpy(t.net->info, info, (size_t)n * sizeof *info);
    t.net->hash = wick_hash_bytes("chain", 5);
    return t.net;
}

static wick_plan *plan_of(const wick_qnet *net, int max_span_outputs) {
    wick_plan_options options = wick_plan_defaults();
    options.max_span_outputs = max_span_outputs;
    wick_plan *plan = NULL;
    wick_diag diag = {0};
    wick_status status = wick_plan_make(net, device, &options, NULL, &plan, &diag);
    wick_diag_print(&diag, stderr);
    wick_diag_free(&diag);
    assert_int_equal(status, WICK_OK);
    return plan;
}

/* --- power failures --------------------------------------------------------------------------*/

static int8_t *reference(const wick_qnet *net, int8_t *input, int module) {
    wick_arena *own = net->arena;
    int8_t **values = wick_qnet_buffers(net, own);
    uint8_t pixels[12 * 12 * 2];
    wick_rng rng = wick_rng_seed(5, 5);
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)wick_rng_below(&rng, 256);
    wick_qnet_run(net, pixels, 1u << (module - 1), values);
    memcpy(input, values[net->input], sizeof pixels);
    return values[net->logits[module - 1]];
}

/* Every write of the way to the largest exit fails once: all exits answer, in order, byte for byte
   as without the failure. */
static void survive(const wick_qnet *net, int max_span_outputs) {
    wick_plan *plan = plan_of(net, max_span_outputs);
    assert_true(plan->model.nvm_bytes <= CUT_NVM);
    int8_t input[12 * 12 * 2];
    wick_policy policy = {.kind = WICK_POLICY_FIXED, .module = 1};
    assert_int_equal(cut_run(plan, &policy, 1, (reference(net, input, 1), input), 0, arena),
                     WICK_RT_IDLE);
    long writes = cut.writes;
    assert_true(writes > 5);
    for (long at = 0; at <= writes; at++) {
        assert_int_equal(cut_run(plan, &policy, 1, input, at, arena), WICK_RT_IDLE);
        for (int m = 1; m <= 3; m++) {
            assert_true(cut.deliveries[m] >= 1);
            assert_memory_equal(cut.logits[m], reference(net, input, m), 4);
        }
        for (int i = 1; i < cut.n_order; i++) /* never back to a smaller one */
            assert_true(cut.order[i] <= cut.order[i - 1]);
    }
    print_message("%d spans: a failure in each of %ld writes\n", plan->model.n_spans, writes);
    wick_plan_free(plan);
}

static void answers_survive_every_failure(void **state) {
    (void)state;
    wick_qnet *net = chain_net();
    survive(net, 0);
    survive(net, 40); /* many small spans */
    wick_qnet_free(net);
}

/* The target of a fixed policy is the last exit that answers. */
static void a_policy_stops_where_it_wants(void **state) {
    (void)state;
    wick_qnet *net = chain_net();
    wick_plan *plan = plan_of(net, 0);
    int8_t input[12 * 12 * 2];
    reference(net, input, 1);
    for (int target = 1; target <= 3; target++) {
        wick_policy policy = {.kind = WICK_POLICY_FIXED, .module = (uint8_t)target};
        assert_int_equal(cut_run(plan, &policy, 1, input, 0, arena), WICK_RT_IDLE);
        for (int m = 1; m <= 3; m++)
            assert_int_equal(cut.deliveries[m], m >= target);
    }
    const wick_segment *s = plan->model.segments;
    uint32_t all_uj = (s[1].energy_nj + s[2].energy_nj + s[3].energy_nj) / 1000 + 2;
    wick_situation now = {
        .charge_uj = all_uj, .harvest_uw = UINT32_MAX, .time_left_ms = UINT32_MAX};
    wick_policy greedy = {.kind = WICK_POLICY_GREEDY};
    assert_int_equal(wick_policy_choose(&greedy, &plan->model, &now), 3);
    now.modules_done = 4;
    assert_int_equal(wick_policy_choose(&greedy, &plan->model, &now), 2);
    now.charge_uj = 0; /* nothing more can be had */
    assert_int_equal(wick_policy_choose(&greedy, &plan->model, &now), 0);
    now.charge_uj = (s[2].energy_nj + 999) / 1000; /* the next one, but not the one after it */
    assert_int_equal(wick_policy_choose(&greedy, &plan->model, &now), 2);
    now.modules_done = 6;
    now.charge_uj = s[1].energy_nj / 1000 / 2;
    assert_int_equal(wick_policy_choose(&greedy, &plan->model, &now), 0);
    now.min_accuracy_permille = 750; /* exit 2 has 800 */
    now.charge_uj = all_uj;
    assert_int_equal(wick_policy_choose(&greedy, &plan->model, &now), 0);
    wick_plan_free(plan);
    wick_qnet_free(net);
}

/* A tensor that crosses is put where the exit of its own module writes: the check says so. */
static void an_overwritten_crossing_is_found(void **state) {
    (void)state;
    wick_qnet *net = chain_net();
    wick_plan *plan = plan_of(net, 0);
    wick_place *places = (wick_place *)(uintptr_t)plan->model.tensors;
    int crossing = -1, last = -1;
    for (int l = 0; l < net->n_layers; l++)
        if (net->info[l].segment == 3)
            last = net->layers[l].dst;
    for (int l = 0; l < net->n_layers; l++)
        if (net->info[l].segment == 2 && crossing < 0)
            crossing = net->layers[l].operands[0].tensor;
    assert_int_equal(wick_plan_check(plan, NULL), WICK_OK);
    assert_int_equal(places[crossing].sram, WICK_NO_SRAM);
    places[last].offset = places[crossing].offset;
    wick_diag diag = {0};
    assert_int_equal(wick_plan_check(plan, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "must survive"));
    wick_diag_free(&diag);
    wick_plan_free(plan);
    wick_qnet_free(net);
}

/* A module may not read what a larger one computes. */
static void exits_that_look_ahead_are_refused(void **state) {
    (void)state;
    wick_qnet *net = chain_net();
    int last = net->n_layers - 1; /* of the smallest exit */
    assert_int_equal(net->info[last].segment, 3);
    assert_int_equal(net->info[0].segment, 1);
    ((wick_operand *)(uintptr_t)net->layers[last].operands)[0].tensor = net->layers[0].dst;
    wick_plan_options options = wick_plan_defaults();
    wick_plan *plan = NULL;
    wick_diag diag = {0};
    assert_int_equal(wick_plan_make(net, device, &options, NULL, &plan, &diag), WICK_UNSUPPORTED);
    assert_true(wick_diag_contains(&diag, "another module"));
    wick_diag_free(&diag);
    wick_qnet_free(net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_survive_every_failure),
        cmocka_unit_test(a_policy_stops_where_it_wants),
        cmocka_unit_test(an_overwritten_crossing_is_found),
        cmocka_unit_test(exits_that_look_ahead_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
