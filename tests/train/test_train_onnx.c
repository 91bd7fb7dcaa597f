/* Models that other programs exported are trained further: with the Softmax that they end in, with
   frozen layers, and what has no gradient is refused by name. */
#include "helper_family.h"

#include "onnx/onnx.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Of tests/onnx: made by onnx.helper (make_vectors.py), 3 classes, ends in a Softmax. */
#define FOREIGN WICK_TEST_DATA "/../../onnx/data/foreign_12.onnx"

static wick_graph *read_model(const char *path) {
    wick_graph *graph = NULL;
    assert_int_equal(wick_onnx_read(path, &graph, NULL), WICK_OK);
    return graph;
}

static wick_train_options options_of(int epochs) {
    wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED);
    options.epochs = epochs;
    options.augment.flip = false;
    options.augment.shift = 0;
    options.learning_rate = 0.02;
    return options;
}

static wick_train_result train(wick_graph *graph, const wick_data *data,
                               const wick_train_options *options) {
    wick_diag diag = {0};
    wick_train_result result;
    wick_status status = wick_train_run(graph, data, options, &result, &diag);
    wick_diag_print(&diag, stdout);
    assert_int_equal(status, WICK_OK);
    return result;
}

static const wick_node *head_node(const wick_graph *graph) {
    return &graph->nodes[graph->tensors[graph->family.heads[0]].producer];
}

/* Mean cross-entropy of the training images, from the model's own probabilities. */
static double loss_of(const wick_graph *graph, const wick_data *data) {
    const wick_images *images = &data->split[WICK_TRAIN];
    size_t count = (size_t)(data->channels * data->height * data->width);
    float *x = wick_xalloc(count * sizeof *x);
    double loss = 0;
    for (int i = 0; i < images->n; i++) {
        void **values;
        uint32_t index = (uint32_t)i;
        const float *mean = graph->family.mean, *std = graph->family.std;
        static const float zero[2], one[2] = {1, 1};
        bool said = graph->family.n_channels > 0;
        wick_data_batch(data, WICK_TRAIN, &index, 1, NULL, 0, 0, said ? mean : zero,
                        said ? std : one, x);
        assert_int_equal(wick_graph_eval(graph, x, &values, NULL), WICK_OK);
        const float *p = values[graph->family.heads[0]];
        assert_true(fabs((double)(p[0] + p[1] + p[2]) - 1) < 1e-5);
        loss -= log((double)p[images->labels[i]]);
        wick_values_free(graph, values);
    }
    free(x);
    return loss / images->n;
}

static void a_foreign_model_learns_and_keeps_its_softmax(void **state) {
    (void)state;
    wick_data *data = tiny_data_of(1, 11, 8);
    wick_graph *graph = read_model(FOREIGN), *before = wick_graph_clone(graph);
    wick_train_options options = options_of(8);
    wick_train_result result = train(graph, data, &options);
    double from = loss_of(before, data), to = loss_of(graph, data);
    print_message("loss %.3f -> %.3f, validation %.0f %%\n", from, to, 100 * result.validation[0]);
    assert_true(to < 0.8 * from);
    assert_int_equal(head_node(graph)->op, WICK_OP_SOFTMAX);
    assert_int_equal(graph->n_nodes, before->n_nodes);
    /* Where nothing is said, pixels are what wick eval takes them for. */
    assert_int_equal(graph->family.n_channels, 2);
    assert_true(graph->family.mean[0] == 0 && graph->family.std[1] == 1);
    wick_graph_free(graph);
    wick_graph_free(before);
    wick_data_free(data);
}

static void a_softmax_changes_no_bit_of_the_training(void **state) {
    (void)state;
    wick_data *data = tiny_data_of(1, 11, 8);
    wick_graph *with = read_model(FOREIGN), *without = read_model(FOREIGN);
    without->family.heads[0] = head_node(without)->inputs[0];
    wick_graph_prune(without);
    wick_graph *log = wick_graph_clone(without);
    log->family.heads[0] =
        wick_graph_node(log, "log", WICK_OP_LOG_SOFTMAX, &log->family.heads[0], 1, "log", NULL);
    assert_int_equal(wick_graph_infer(log, NULL), WICK_OK);
    wick_train_options options = options_of(2);
    train(with, data, &options);
    train(without, data, &options);
    train(log, data, &options);
    assert_true(same_weights(with, without));
    assert_true(same_weights(with, log));
    /* As a teacher, too. */
    wick_graph *a = read_model(FOREIGN), *b = read_model(FOREIGN);
    options.kd_response = true;
    options.teacher = with;
    train(a, data, &options);
    options.teacher = without;
    train(b, data, &options);
    assert_true(same_weights(a, b));
    wick_graph *graphs[] = {with, without, log, a, b};
    for (size_t i = 0; i < WICK_LEN(graphs); i++)
        wick_graph_free(graphs[i]);
    wick_data_free(data);
}

static void frozen_patterns_hold_in_a_foreign_model(void **state) {
    (void)state;
    wick_data *data = tiny_data_of(1, 11, 8);
    wick_graph *graph = read_model(FOREIGN), *before = wick_graph_clone(graph);
    wick_train_options options = options_of(2);
    options.n_freeze = 1;
    options.freeze[0] = "c[12].*";
    train(graph, data, &options);
    int frozen = 0, trained = 0;
    for (int t = 0; t < graph->n_tensors; t++) {
        const wick_tensor *a = &graph->tensors[t], *b = &before->tensors[t];
        if (!a->data || a->dtype != WICK_F32)
            continue;
        bool same = !memcmp(a->data, b->data, (size_t)wick_shape_count(a->shape) * sizeof(float));
        bool matches = a->name[0] == 'c' && (a->name[1] == '1' || a->name[1] == '2');
        assert_int_equal(same, matches);
        frozen += same;
        trained += !same;
    }
    assert_true(frozen >= 4 && trained >= 2);
    wick_graph_free(graph);
    wick_graph_free(before);
    wick_data_free(data);
}

static void refused(wick_graph *graph, const wick_data *data, const char *node, const char *text) {
    wick_train_options options = options_of(1);
    wick_train_result result;
    wick_diag diag = {0};
    assert_int_equal(wick_train_run(graph, data, &options, &result, &diag), WICK_UNSUPPORTED);
    if (!wick_diag_contains(&diag, node) || !wick_diag_contains(&diag, text))
        wick_diag_print(&diag, stdout);
    assert_true(wick_diag_contains(&diag, node));
    assert_true(wick_diag_contains(&diag, text));
    assert_non_null(diag.items[0].hint);
    wick_diag_free(&diag);
}

/* The node, its operator and the reason. */
static void what_has_no_gradient_is_refused_by_name(void **state) {
    (void)state;
    wick_data *data = tiny_data_of(1, 11, 8);
    wick_graph *graph = read_model(FOREIGN), *after;
    int x = head_node(graph)->inputs[0];
    after = wick_graph_clone(graph);
    after->family.heads[0] = wick_graph_node(after, "up", WICK_OP_CEIL, &x, 1, "up", NULL);
    assert_int_equal(wick_graph_infer(after, NULL), WICK_OK);
    refused(after, data, "up", "Ceil cannot be trained: there is no gradient");
    wick_graph_free(after);
    after = wick_graph_clone(graph);
    float numbers[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    int w = wick_graph_tensor(after, "shared", WICK_F32, (wick_shape){2, {3, 3}}, numbers);
    x = wick_graph_node(after, "once", WICK_OP_GEMM, (int[]){x, w}, 2, "once", NULL);
    after->family.heads[0] =
        wick_graph_node(after, "twice", WICK_OP_GEMM, (int[]){x, w}, 2, "twice", NULL);
    assert_int_equal(wick_graph_infer(after, NULL), WICK_OK);
    refused(after, data, "twice",
            "Gemm cannot be trained: its parameter 'shared' also belongs to 'once'");
    wick_graph_free(after);
    wick_graph_free(graph);
    wick_data_free(data);
}

static char *third_party(wick_arena *arena, const char *name) {
    const char *folder = getenv("WICK_ONNX_DATA");
    char *path = folder ? wick_arena_printf(arena, "%s/models/%s", folder, name) : NULL;
    return path && wick_path_is_file(path) ? path : NULL;
}

static void published_models_train_or_say_why_not(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    char *trains =
        third_party(arena, "EMCLab-Sinica_Stateful-CNN__dnn-models_squeezenet_cifar10.onnx");
    char *gated =
        third_party(arena, "EMCLab-Sinica_NodPA__dnn-models_cifar10_resnet10-single.onnx");
    if (!trains || !gated) {
        print_message("SKIP: no models in $WICK_ONNX_DATA\n");
        wick_arena_free(arena);
        skip();
    }
    wick_data_options few = wick_data_defaults();
    wick_data *data;
    few.limit = 200;
    assert_int_equal(wick_data_open("builtin:shapes10", &few, &data, NULL), WICK_OK);
    wick_graph *graph = read_model(trains), *before = wick_graph_clone(graph);
    wick_train_options options = options_of(1);
    train(graph, data, &options);
    assert_false(same_weights(graph, before));
    wick_graph_free(graph);
    wick_graph_free(before);
    graph = read_model(gated);
    refused(graph, data, "decision_head/", "cannot be trained");
    wick_graph_free(graph);
    wick_data_free(data);
    wick_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_foreign_model_learns_and_keeps_its_softmax),
        cmocka_unit_test(a_softmax_changes_no_bit_of_the_training),
        cmocka_unit_test(frozen_patterns_hold_in_a_foreign_model),
        cmocka_unit_test(what_has_no_gradient_is_refused_by_name),
        cmocka_unit_test(published_models_train_or_say_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
