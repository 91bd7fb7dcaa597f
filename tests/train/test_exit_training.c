/* Exits learn on a network that stays as it is, bit for bit; one exit a batch where that is asked
   for; and the family comes back from a file as the chain that it is. */
#include "helper_family.h"

#include "onnx/onnx.h"
#include "train/stage.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static wick_graph *network(void) {
    wick_graph *graph = tiny_family_of("tiny_blocks.json", true, false);
    wick_data *data = tiny_data(5);
    wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED);
    wick_train_result result;
    options.epochs = 6;
    assert_int_equal(wick_train_run(graph, data, &options, &result, NULL), WICK_OK);
    wick_data_free(data);
    return graph;
}

static wick_graph *exits_of(const wick_graph *graph, wick_exit_kind kind) {
    wick_exits_options options = {.kind = kind, .seed = 1};
    wick_graph *out = NULL;
    assert_int_equal(wick_exits_add(graph, &options, &out, NULL), WICK_OK);
    return out;
}

static wick_train_options options_of(wick_exit_kind kind) {
    wick_train_options options = tiny_options(WICK_STRATEGY_BASELINE);
    wick_train_exits(&options, kind);
    options.learning_rate = 0.02;
    options.epochs = 20;
    return options;
}

/* Constants of `before` are those of `after`, bit for bit. */
static void assert_kept(const wick_graph *before, const wick_graph *after) {
    for (int t = 0; t < before->n_tensors; t++) {
        const wick_tensor *from = &before->tensors[t];
        if (!from->data)
            continue;
        int at = wick_graph_find(after, from->name);
        assert_true(at >= 0);
        assert_memory_equal(from->data, after->tensors[at].data,
                            (size_t)wick_shape_count(from->shape) * sizeof(float));
    }
}

static bool same(const wick_graph *a, const wick_graph *b, const char *name) {
    const wick_tensor *x = &a->tensors[wick_graph_find(a, name)],
                      *y = &b->tensors[wick_graph_find(b, name)];
    return !memcmp(x->data, y->data, (size_t)wick_shape_count(x->shape) * sizeof(float));
}

static void exits_learn_and_the_network_stays(void **state) {
    (void)state;
    wick_graph *graph = network();
    wick_data *data = tiny_data(5);
    for (int kind = 0; kind < WICK_EXIT_KINDS; kind++) {
        wick_graph *exits = exits_of(graph, (wick_exit_kind)kind);
        wick_graph *untrained = wick_graph_clone(exits);
        wick_train_options options = options_of((wick_exit_kind)kind);
        wick_train_result result;
        assert_int_equal(wick_train_run(exits, data, &options, &result, NULL), WICK_OK);
        print_message("%s: %.2f %.2f %.2f\n", wick_exits_name((wick_exit_kind)kind),
                      result.validation[2], result.validation[1], result.validation[0]);
        assert_kept(graph, exits);
        assert_false(same(untrained, exits, "exit1.fc.weight"));
        assert_false(same(untrained, exits, "exit2.fc.weight"));
        assert_true(result.validation[1] > 0.6 && result.validation[2] > 0.5); /* chance: 0.33 */
        wick_graph_free(untrained);
        wick_graph_free(exits);
    }
    wick_data_free(data);
    wick_graph_free(graph);
}

/* After one batch exactly one of two separate exits has moved; after many, both. */
static void one_exit_learns_from_each_batch(void **state) {
    (void)state;
    wick_graph *graph = network();
    wick_data *data = tiny_data(5);
    int moved[2] = {0, 0};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        wick_graph *exits = exits_of(graph, WICK_EXITS_LINEAR), *before = wick_graph_clone(exits);
        wick_train_options options = options_of(WICK_EXITS_LINEAR);
        wick_train_result result;
        options.one_head = true;
        options.seed = seed;
        options.epochs = 1;
        options.batch = data->split[WICK_TRAIN].n;
        options.weight_decay = 0;
        assert_int_equal(wick_train_run(exits, data, &options, &result, NULL), WICK_OK);
        bool first = !same(before, exits, "exit1.fc.weight"),
             second = !same(before, exits, "exit2.fc.weight");
        assert_true(first != second);
        moved[0] += first;
        moved[1] += second;
        wick_graph_free(before);
        wick_graph_free(exits);
    }
    assert_true(moved[0] > 0 && moved[1] > 0);
    wick_data_free(data);
    wick_graph_free(graph);
}

static void nothing_to_train_is_said(void **state) {
    (void)state;
    wick_graph *graph = tiny_family_of("tiny_blocks.json", true, false);
    wick_data *data = tiny_data(5);
    wick_train_options options = options_of(WICK_EXITS_LINEAR);
    wick_train_result result;
    wick_diag diag = {0};
    assert_int_equal(wick_train_run(graph, data, &options, &result, &diag), WICK_UNKNOWN);
    assert_true(wick_diag_contains(&diag, "nothing to train"));
    wick_diag_free(&diag);
    wick_data_free(data);
    wick_graph_free(graph);
}

static void a_chain_comes_back_from_its_file(void **state) {
    (void)state;
    wick_graph *graph = tiny_family_of("tiny_blocks.json", true, false), *back = NULL;
    wick_graph *exits = exits_of(graph, WICK_EXITS_GLOBAL);
    char path[] = "/tmp/wick-exits-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(wick_onnx_write(exits, path, NULL), WICK_OK);
    assert_int_equal(wick_onnx_read(path, &back, NULL), WICK_OK);
    assert_true(back->family.chain);
    assert_true(back->family.features < 0);
    for (int k = 1; k <= exits->family.n_heads; k++)
        assert_int_equal(wick_graph_counts(back, k).macs, wick_graph_counts(exits, k).macs);
    assert_int_equal(wick_exits_parameters(back), wick_exits_parameters(exits));
    wick_graph_free(back);
    /* A network without an extractor comes back too. */
    assert_int_equal(wick_onnx_write(graph, path, NULL), WICK_OK);
    assert_int_equal(wick_onnx_read(path, &back, NULL), WICK_OK);
    assert_false(back->family.chain);
    wick_graph_free(back);
    unlink(path);
    wick_graph_free(exits);
    wick_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exits_learn_and_the_network_stays),
        cmocka_unit_test(one_exit_learns_from_each_batch),
        cmocka_unit_test(nothing_to_train_is_said),
        cmocka_unit_test(a_chain_comes_back_from_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
