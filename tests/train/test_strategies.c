/* What the five strategies train, freeze and keep. */
#include "helper_family.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static wick_train_result train(wick_graph *graph, const wick_train_options *options) {
    wick_data *data = tiny_data(1);
    wick_diag diag = {0};
    wick_train_result result;
    wick_status status = wick_train_run(graph, data, options, &result, &diag);
    wick_diag_print(&diag, stdout);
    assert_int_equal(status, WICK_OK);
    wick_data_free(data);
    return result;
}

/* The part of `graph` with the given segment differs from / equals the same part of `other`. */
static bool segment_equals(const wick_graph *graph, int segment, const wick_graph *other) {
    for (int n = 0; n < graph->n_nodes; n++) {
        if (graph->nodes[n].segment != segment)
            continue;
        for (int i = 0; i < graph->nodes[n].n_inputs; i++) {
            int t = graph->nodes[n].inputs[i];
            if (t < 0 || !graph->tensors[t].data)
                continue;
            int o = wick_graph_find(other, graph->tensors[t].name);
            assert_true(o >= 0);
            if (memcmp(graph->tensors[t].data, other->tensors[o].data,
                       (size_t)wick_shape_count(graph->tensors[t].shape) * sizeof(float)))
                return false;
        }
    }
    return true;
}

static void every_strategy_keeps_what_it_reports(void **state) {
    (void)state;
    wick_data *data = tiny_data(1);
    for (int s = 0; s < WICK_STRATEGY_COUNT; s++) {
        for (int bn = 0; bn < 2; bn++) {
            wick_graph *graph = tiny_family(s != WICK_STRATEGY_BASELINE, bn);
            wick_graph *before = wick_graph_clone(graph);
            wick_train_options options = tiny_options((wick_strategy)s);
            options.epochs = 8;
            options.lr_drop = 0.7;
            options.augment.shift = 1;
            wick_train_result result = train(graph, &options);
            int64_t correct[WICK_MAX_HEADS];
            assert_int_equal(wick_eval_float(graph, data, WICK_VALIDATION, 1, correct, NULL, NULL),
                             WICK_OK);
            int sum = 0;
            for (int k = 0; k < 3; k++) {
                assert_int_equal(lround(result.validation[k] * 30), correct[k]);
                assert_true(fabs(graph->family.validation[k] - result.validation[k]) < 1e-12);
                sum += (int)correct[k];
                assert_in_range(result.best_epoch[k], 1, 8);
                assert_false(segment_equals(graph, k + 1, before));
            }

            assert_true(sum >= 66); /* of 90; chance is 30 */
            assert_string_equal(graph->family.strategy, wick_strategy_name((wick_strategy)s));
            assert_int_equal(graph->family.n_labels, 3);
            assert_int_equal(graph->family.n_channels, 2);
            assert_int_equal(graph->n_nodes, before->n_nodes); /* no projection stays */
            assert_true(graph->tensors[graph->input].shape.dim[0] == 1);
            wick_graph_free(before);
            wick_graph_free(graph);
        }
    }
    wick_data_free(data);
}

/* Stage 1 of l2s (s2l) is the training of that one module alone, and stage 2 must not change a bit
   of it: running statistics of the extractor's batch norm included. */
static void the_first_stage_survives_the_second(void **state) {
    (void)state;
    const wick_strategy strategies[2] = {WICK_STRATEGY_L2S, WICK_STRATEGY_S2L};
    const int first[2] = {1, 3};
    for (int i = 0; i < 2; i++) {
        for (int bn = 0; bn < 2; bn++) {
            wick_train_options options = tiny_options(strategies[i]);
            wick_graph *graph = tiny_family(true, bn);
            wick_graph *alone = wick_graph_head(graph, first[i]);
            train(graph, &options);
            train(alone, &options);
            assert_true(same_weights(alone, graph));
            assert_true(segment_equals(graph, 0, alone));
            wick_graph_free(alone);
            wick_graph_free(graph);
        }
    }
}

/* Modules with extractors of their own are trained side by side: the same bits as one by one. */
static void the_baseline_trains_every_module_alone(void **state) {
    (void)state;
    wick_train_options options = tiny_options(WICK_STRATEGY_BASELINE);
    options.alpha[1] = 0.25; /* has no say here */
    for (int k = 1; k <= 3; k++) {
        wick_graph *graph = tiny_family(false, true);
        wick_graph *alone = wick_graph_head(graph, k);
        wick_train_result together = train(graph, &options), single = train(alone, &options);
        assert_true(same_weights(alone, graph));
        assert_int_equal(together.best_epoch[k - 1], single.best_epoch[0]);
        wick_graph_free(alone);
        wick_graph_free(graph);
    }
}

static void distillation_starts_after_its_warmup(void **state) {
    (void)state;
    wick_train_options plain = tiny_options(WICK_STRATEGY_UNIFIED);
    wick_train_options distilled = tiny_options(WICK_STRATEGY_UNIFIED_KD);
    wick_graph *a = tiny_family(true, false), *b = wick_graph_clone(a);
    /* Without matching of features there is no projection; its weight decay is the one thing that
       happens to distilled weights during the warm-up. Best epochs are compared by weights, so one
       epoch with and one without distillation differ, and two epochs of warm-up do not. */
    plain.epochs = distilled.epochs = 2;
    plain.clip_norm = distilled.clip_norm = 0;
    distilled.kd_features = false;
    distilled.kd_warmup = 0;
    train(a, &plain);
    train(b, &distilled);
    assert_false(same_weights(a, b));
    wick_train_set_beta(&distilled, 0); /* nothing to distil: the unified strategy */
    wick_graph_free(b);
    b = tiny_family(true, false);
    train(b, &distilled);
    assert_true(same_weights(a, b));
    wick_graph_free(a);
    wick_graph_free(b);
}

static void the_seed_decides(void **state) {
    (void)state;
    wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED_KD);
    wick_graph *a = tiny_family(true, true), *b = wick_graph_clone(a), *c = wick_graph_clone(a);
    train(a, &options);
    train(b, &options);
    options.seed = 2;
    train(c, &options);
    assert_true(same_weights(a, b));
    assert_false(same_weights(a, c));
    wick_graph_free(a);
    wick_graph_free(b);
    wick_graph_free(c);
}

/* Without batch norm 0.05 and with it 0.02: the same bits as when that is said. */
static void the_default_rate_is_known(void **state) {
    (void)state;
    for (int bn = 0; bn < 2; bn++) {
        wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED);
        wick_graph *a = tiny_family(true, bn), *b = wick_graph_clone(a);
        options.learning_rate = wick_train_defaults().learning_rate;
        train(a, &options);
        options.learning_rate = bn ? 0.02 : 0.05;
        train(b, &options);
        assert_true(same_weights(a, b));
        wick_graph_free(a);
        wick_graph_free(b);
    }
}

static wick_status refused(wick_graph *graph, const wick_data *data,
                           const wick_train_options *options, const char *word) {
    wick_diag diag = {0};
    wick_train_result result;
    wick_status status = wick_train_run(graph, data, options, &result, &diag);
    if (!wick_diag_contains(&diag, word))
        wick_diag_print(&diag, stdout);
    assert_true(wick_diag_contains(&diag, word));
    wick_diag_free(&diag);
    return status;
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    wick_data *data = tiny_data(1);
    wick_graph *shared = tiny_family(true, false), *apart = tiny_family(false, false);
    wick_train_options options = tiny_options(WICK_STRATEGY_BASELINE);
    assert_int_equal(refused(shared, data, &options, "share this parameter"), WICK_UNSUPPORTED);
    options = tiny_options(WICK_STRATEGY_L2S);
    assert_int_equal(refused(apart, data, &options, "wick.features"), WICK_UNSUPPORTED);
    options = tiny_options(WICK_STRATEGY_UNIFIED);
    data->n_classes = 4;
    assert_int_equal(refused(shared, data, &options, "4 classes"), WICK_SHAPE);
    data->n_classes = 3;
    data->height = 4;
    assert_int_equal(refused(shared, data, &options, "4 x 8 x 2"), WICK_SHAPE);
    data->height = 8;
    options.learning_rate = 1e6;
    options.clip_norm = 0;
    assert_int_equal(refused(shared, data, &options, "diverged"), WICK_RANGE);
    options = tiny_options(WICK_STRATEGY_UNIFIED);
    options.momentum = 1;
    assert_int_equal(refused(shared, data, &options, "momentum"), WICK_RANGE);
    wick_graph_free(shared);
    wick_graph_free(apart);
    wick_data_free(data);
}

/* A module without a layer of its own before the logits. */
static void unsuitable_heads_are_refused(void **state) {
    (void)state;
    wick_data *data = tiny_data(1);
    wick_graph *graph = tiny_family(true, false);
    wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED_KD);
    int logits = graph->family.heads[0];
    int relu = wick_graph_node(graph, "last", WICK_OP_RELU, &logits, 1, "r", NULL);
    graph->family.heads[0] = relu;
    assert_int_equal(wick_graph_infer(graph, NULL), WICK_OK);
    assert_int_equal(refused(graph, data, &options, "--no-kd-features"), WICK_UNSUPPORTED);
    wick_graph_free(graph);
    wick_data_free(data);
}

typedef struct seen {
    double sum;
    int images, calls;
    size_t per_image;
} seen;

static void visit(void *ctx, int tensor, const float *values, int n, size_t per_image) {
    (void)tensor;
    seen *s = ctx;
    s->images += n;
    s->calls++;
    s->per_image = per_image;
    for (size_t i = 0; i < (size_t)n * per_image; i++)
        s->sum += (double)values[i];
}

static void tensors_are_evaluated_image_by_image(void **state) {
    (void)state;
    wick_data *data = tiny_data(1);
    wick_graph *graph = tiny_family(true, true);
    const uint32_t list[3] = {7, 80, 7};
    int tensors[2] = {graph->input, graph->family.features};
    seen all[2] = {{0}}, some = {0}, one = {0};
    assert_int_equal(
        wick_eval_tensors(graph, data, WICK_TRAIN, NULL, 70, &tensors[1], 1, visit, &all[1], NULL),
        WICK_OK);
    assert_int_equal(all[1].images, 70); /* a whole batch and a padded one */
    assert_int_equal(all[1].calls, 2);
    assert_int_equal(all[1].per_image, 4 * 8 * 8);
    assert_int_equal(
        wick_eval_tensors(graph, data, WICK_TRAIN, list, 3, &tensors[1], 1, visit, &some, NULL),
        WICK_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(wick_eval_tensors(graph, data, WICK_TRAIN, list + i, 1, &tensors[1], 1,
                                           visit, &one, NULL),
                         WICK_OK);
    assert_true(fabs(some.sum - one.sum) < 1e-3 * fabs(one.sum));
    assert_int_equal(
        wick_eval_tensors(graph, data, WICK_TRAIN, list, 2, tensors, 1, visit, &all[0], NULL),
        WICK_OK);
    double expected = 0;
    for (int i = 0; i < 2; i++)
        for (int p = 0; p < 128; p++)
            expected += (data->split[WICK_TRAIN].pixels[list[i] * 128 + (uint32_t)p] / 255.0 -
                         (double)graph->family.mean[0]) /
                        (double)graph->family.std[0];
    assert_true(fabs(all[0].sum - expected) < 1e-3);
    wick_graph_free(graph);
    wick_data_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_strategy_keeps_what_it_reports),
        cmocka_unit_test(the_first_stage_survives_the_second),
        cmocka_unit_test(the_baseline_trains_every_module_alone),
        cmocka_unit_test(distillation_starts_after_its_warmup),
        cmocka_unit_test(the_seed_decides),
        cmocka_unit_test(the_default_rate_is_known),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(unsuitable_heads_are_refused),
        cmocka_unit_test(tensors_are_evaluated_image_by_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
