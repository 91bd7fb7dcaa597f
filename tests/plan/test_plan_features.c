/* What becomes of the extractor's features: committed once, or computed by every module. */
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

#include <wick/engine.h>

static wick_arena *arena;
static wick_device *mram;

static int set_up(void **state) {
    (void)state;
    arena = wick_arena_new();
    return wick_device_load(arena, "m4-mram", &mram, NULL) == WICK_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    wick_arena_free(arena);
    return 0;
}

static wick_plan *plan_with(const wick_qnet *net, const wick_device *device, double uf,
                            wick_features features) {
    wick_plan_options options = wick_plan_defaults();
    wick_plan *plan;
    wick_diag diag = {0};
    options.capacitor_uf = uf;
    options.features = features;
    wick_status status = wick_plan_make(net, device, &options, NULL, &plan, &diag);
    if (status != WICK_OK)
        wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
    return plan;
}

static bool recomputed(const wick_plan *plan) {
    return plan->segments[0].n_spans == 0;
}

static int extractor_layers(const wick_qnet *net) {
    int n = 0;
    while (net->info[n].segment == 0)
        n++;
    return n;
}

/* Every module's steps are the extractor's layers, whole and with places in SRAM, then its own. */
static void assert_begins(const wick_plan *plan) {
    const wick_model *m = &plan->model;
    int n = extractor_layers(plan->net);
    assert_int_equal(m->extractor_steps, n);
    assert_true(wick_recomputes(m));
    for (int k = 1; k <= m->n_modules; k++) {
        int at = m->spans[m->segments[k].first_span].first_step;
        assert_int_equal(wick_chain_base(m, (uint32_t)k), at);
        for (int l = 0; l < n; l++) {
            assert_int_equal(m->steps[at + l].layer, l);
            const wick_place *place = &m->tensors[plan->layers[l].dst];
            assert_int_equal(m->steps[at + l].count, place->bytes);
            assert_int_not_equal(place->sram, WICK_NO_SRAM);
            assert_int_equal(place->producer, l);
            assert_int_not_equal(place->last_reader, UINT16_MAX);
        }
        assert_int_equal(plan->net->info[m->steps[at + n].layer].segment, k);
    }
    assert_int_equal(wick_model_check(m, plan->device->nvm.mapped, m->scratch_bytes), WICK_RT_OK);
}

/* Both ways are sound (wick_plan_make checks each), for whole charges and small ones; without
   being told, the planner takes neither the worse one nor, where two answers take more, the
   recomputing one. */
static void the_cheaper_way_is_taken(void **state) {
    (void)state;
    int both[2] = {0};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        wick_qnet *net = tiny_family(seed, 8 + 2 * (int)(seed % 4), 8);
        double uf = seed % 3 ? 100 : 10;
        wick_device device = *mram;
        device.nvm.write_nj_per_byte *= seed % 2 ? 4 : 0.02;
        wick_plan *stored = plan_with(net, &device, uf, WICK_FEATURES_STORED),
                  *again = plan_with(net, &device, uf, WICK_FEATURES_RECOMPUTED),
                  *either = plan_with(net, &device, uf, WICK_FEATURES_AUTO);
        assert_false(recomputed(stored));
        assert_true(recomputed(again));
        assert_begins(again);
        /* The extractor's own work: its layers, and the input's rows from memory. */
        double alone = 0;
        for (int l = 0; l < extractor_layers(net); l++)
            alone += wick_plan_layer_of(again, l).cost.energy_uj;
        double segment = stored->segments[0].cost.energy_uj;
        if (recomputed(either)) {
            assert_true(segment > 1.9 * alone); /* more with what a failure repeats */
            assert_int_equal(memcmp(&either->hash, &again->hash, sizeof either->hash), 0);
        } else {
            assert_true(segment < 2.1 * alone);
            assert_int_equal(memcmp(&either->hash, &stored->hash, sizeof either->hash), 0);
        }
        both[recomputed(either)]++;
        wick_plan_free(stored);
        wick_plan_free(again);
        wick_plan_free(either);
        tiny_free(net);
    }
    assert_true(both[0] >= 3 && both[1] >= 3);
}

/* An answer's figures: module and extractor together, without commits between them. */
static void a_module_counts_the_extractor(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(3, 12, 8);
    wick_plan *stored = plan_with(net, mram, 0, WICK_FEATURES_STORED),
              *again = plan_with(net, mram, 0, WICK_FEATURES_RECOMPUTED);
    for (int k = 1; k <= net->n_modules; k++) {
        assert_int_equal(again->segments[k].macs,
                         stored->segments[0].macs + stored->segments[k].macs);
        assert_true(again->model.segments[k].energy_nj > stored->model.segments[k].energy_nj);
        assert_true(again->segments[k].cost.energy_uj <
                    stored->segments[0].cost.energy_uj + stored->segments[k].cost.energy_uj);
    }
    assert_int_equal(again->segments[0].macs, stored->segments[0].macs);
    wick_plan_free(stored);
    wick_plan_free(again);
    tiny_free(net);
}

static void assert_caught(wick_plan *plan, const char *says) {
    wick_diag diag = {0};
    assert_int_equal(wick_plan_check(plan, &diag), WICK_RANGE);
    if (!wick_diag_contains(&diag, says))
        wick_diag_print(&diag, stderr);
    assert_true(wick_diag_contains(&diag, says));
    wick_diag_free(&diag);
}

static void planted_faults_are_caught(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(4, 12, 8);
    wick_plan *plan = plan_with(net, mram, 0, WICK_FEATURES_RECOMPUTED);
    wick_model *m = &plan->model;
    wick_place *places = (wick_place *)(uintptr_t)m->tensors;
    wick_step *steps = (wick_step *)(uintptr_t)m->steps;
    int n = extractor_layers(net);

    /* A module's last tensor where the features are, which the module itself has read by then. */
    wick_place *logits = &places[net->logits[0]];
    uint32_t sram = logits->sram;
    assert_int_not_equal(sram, WICK_NO_SRAM);
    logits->sram = places[net->features].sram;
    assert_caught(plan, "in SRAM, which the next reads");
    logits->sram = sram;

    /* The second module does not begin with the extractor. */
    int second = m->spans[m->segments[2].first_span].first_step;
    wick_step kept = steps[second + 1];
    steps[second + 1] = steps[second];
    assert_caught(plan, "does not begin with the extractor");
    steps[second + 1] = kept;
    steps[second + 1].count -= 16;
    assert_caught(plan, "does not begin with the extractor");
    steps[second + 1] = kept;

    uint32_t features = places[net->features].sram;
    places[net->features].sram = WICK_NO_SRAM;
    assert_caught(plan, "does not begin with the extractor");
    places[net->features].sram = features;

    /* What the engine itself refuses. */
    m->extractor_steps = (uint16_t)(n - 1);
    assert_caught(plan, "does not hold the");
    m->extractor_steps = (uint16_t)(n + 1);
    assert_int_equal(wick_model_check(m, 1, m->scratch_bytes), WICK_RT_ARGUMENT);
    m->extractor_steps = (uint16_t)n;
    steps[second].layer = 1;
    assert_int_equal(wick_model_check(m, 1, m->scratch_bytes), WICK_RT_ARGUMENT);
    steps[second].layer = 0;
    places[net->features].producer--;
    assert_int_equal(wick_model_check(m, 1, m->scratch_bytes), WICK_RT_ARGUMENT);
    places[net->features].producer++;
    assert_int_equal(wick_plan_check(plan, NULL), WICK_OK);
    assert_int_equal(wick_model_check(m, 1, m->scratch_bytes), WICK_RT_OK);
    wick_plan_free(plan);
    tiny_free(net);
}

static void json_round_trip(void **state) {
    (void)state;
    char folder[] = "/tmp/wick-test-features-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path = wick_path_join(arena, folder, "plan.json");
    wick_qnet *net = tiny_family(6, 12, 8);
    wick_plan *plan = plan_with(net, mram, 0, WICK_FEATURES_RECOMPUTED), *loaded;
    assert_int_equal(wick_plan_save(plan, path, NULL), WICK_OK);
    assert_int_equal(wick_plan_load_with(path, net, mram, &loaded, NULL), WICK_OK);
    assert_begins(loaded);
    assert_int_equal(loaded->options.features, WICK_FEATURES_RECOMPUTED);
    assert_int_equal(memcmp(&loaded->hash, &plan->hash, sizeof plan->hash), 0);
    wick_plan_free(loaded);
    wick_plan_free(plan);
    tiny_free(net);
    assert_true(wick_path_remove(folder));
}

/* Without an extractor there is nothing to decide; an output limit leaves nothing in SRAM. */
static void where_it_cannot_be(void **state) {
    (void)state;
    wick_qnet *net = tiny_independent(2, 12, 8);
    wick_plan *plan = plan_with(net, mram, 0, WICK_FEATURES_RECOMPUTED);
    assert_int_equal(plan->model.extractor_steps, 0);
    assert_false(wick_recomputes(&plan->model));
    wick_plan_free(plan);
    tiny_free(net);
    net = tiny_family(2, 12, 8);
    wick_plan_options options = wick_plan_defaults();
    options.max_span_outputs = 50;
    assert_int_equal(wick_plan_make(net, mram, &options, NULL, &plan, NULL), WICK_OK);
    assert_false(recomputed(plan));
    wick_plan_free(plan);
    tiny_free(net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cheaper_way_is_taken),
        cmocka_unit_test(a_module_counts_the_extractor),
        cmocka_unit_test(planted_faults_are_caught),
        cmocka_unit_test(json_round_trip),
        cmocka_unit_test(where_it_cannot_be),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
