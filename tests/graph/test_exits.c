/* Early exits on a network: which layers are added, what they compute, how large they are, and what
   is refused. */
#include "graph/graph.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static wick_graph *cifar10s(void) {
    wick_recipe_options options = wick_recipe_defaults();
    wick_graph *graph = NULL;
    assert_int_equal(wick_recipe_build("cifar10s", &options, &graph, NULL), WICK_OK);
    return graph;
}

static wick_graph *with_exits(const wick_graph *graph, wick_exit_kind kind) {
    wick_exits_options options = {.kind = kind, .seed = 7};
    wick_graph *out = NULL;
    assert_int_equal(wick_exits_add(graph, &options, &out, NULL), WICK_OK);
    return out;
}

static void sizes_are_those_of_the_paper_and_within_the_budget(void **state) {
    (void)state;
    wick_graph *graph = cifar10s();
    /* 64 and 128 and 64 maps of 2 x 2, ten classes. */
    static const int64_t expected[WICK_EXIT_KINDS] = {
        [WICK_EXITS_GLOBAL] = 10250,
        [WICK_EXITS_LINEAR] = 10270,
        [WICK_EXITS_HEADS] = 2 * (256 * 128) + 512 * 128 + 3 * (128 + 128 * 10 + 10)};
    for (int kind = 0; kind < WICK_EXIT_KINDS; kind++) {
        wick_graph *exits = with_exits(graph, (wick_exit_kind)kind);
        int64_t parameters = wick_exits_parameters(exits);
        print_message("%s: %lld parameters\n", wick_exits_name((wick_exit_kind)kind),
                      (long long)parameters);
        if (kind == WICK_EXITS_SMALL) {
            assert_true(parameters <= 12300); /* 1.2 x 10,250 */
            assert_true(parameters > 11600);  /* one channel more would not fit */
        } else {
            assert_int_equal(parameters, expected[kind]);
        }
        assert_int_equal(exits->family.n_heads, 4);
        assert_true(exits->family.chain);
        wick_graph_free(exits);
    }
    wick_graph_free(graph);
}

static const wick_node *node_named(const wick_graph *graph, const char *name) {
    for (int n = 0; n < graph->n_nodes; n++)
        if (!strcmp(graph->nodes[n].name, name))
            return &graph->nodes[n];
    fail_msg("no node %s", name);
    return NULL;
}

/* Module 4 is the first exit: it has the first block, and so on; nobody reads from a larger one. */
static void segments_follow_the_chain(void **state) {
    (void)state;
    wick_graph *graph = cifar10s();
    for (int kind = 0; kind < WICK_EXIT_KINDS; kind++) {
        wick_graph *exits = with_exits(graph, (wick_exit_kind)kind);
        assert_int_equal(node_named(exits, "TM1.conv1")->segment, 4);
        assert_int_equal(node_named(exits, "TM1.conv2")->segment, 3);
        assert_int_equal(node_named(exits, "TM1.conv3")->segment, 2);
        assert_int_equal(node_named(exits, "TM1.fc1")->segment, 1);
        assert_int_equal(node_named(exits, "exit1.fc")->segment, 4);
        assert_int_equal(node_named(exits, "exit3.fc")->segment, 2);
        assert_string_equal(exits->family.head_names[3], "exit1");
        assert_string_equal(exits->family.head_names[0], "TM1");
        for (int n = 0; n < exits->n_nodes; n++)
            for (int i = 0; i < exits->nodes[n].n_inputs; i++) {
                int t = exits->nodes[n].inputs[i];
                int producer = t >= 0 ? exits->tensors[t].producer : -1;
                if (producer >= 0)
                    assert_true(exits->nodes[producer].segment >= exits->nodes[n].segment);
            }
        wick_graph_free(exits);
    }
    wick_graph_free(graph);
}

static float *input_of(const wick_graph *graph) {
    size_t count = (size_t)wick_shape_count(graph->tensors[graph->input].shape);
    float *x = wick_xalloc(count * sizeof *x);
    wick_rng rng = wick_rng_seed(3, 1);
    for (size_t i = 0; i < count; i++)
        x[i] = wick_rng_normal(&rng);
    return x;
}

/* gNet as the paper writes it: one layer over the concatenated slices, zeros for later ones. */
static void the_global_exit_is_one_linear_layer(void **state) {
    (void)state;
    wick_graph *graph = cifar10s(), *exits = with_exits(graph, WICK_EXITS_GLOBAL);
    float *x = input_of(exits);
    void **values;
    for (int c = 0; c < 10; c++)
        ((float *)exits->tensors[wick_graph_find(exits, "exit1.fc.bias")].data)[c] = (float)c;
    assert_int_equal(wick_graph_eval(exits, x, &values, NULL), WICK_OK);
    for (int upto = 1; upto <= 3; upto++) {
        const float *y = values[exits->family.heads[4 - upto]];
        for (int c = 0; c < 10; c++) {
            double sum = c;
            for (int k = 1; k <= upto; k++) {
                char name[32];
                snprintf(name, sizeof name, "exit%d.fc.weight", k);
                const wick_tensor *w = &exits->tensors[wick_graph_find(exits, name)];
                snprintf(name, sizeof name, "exit%d.flat", k);
                const float *slice = values[wick_graph_find(exits, name)];
                for (int64_t i = 0; i < w->shape.dim[1]; i++)
                    sum += (double)((float *)w->data)[c * w->shape.dim[1] + i] * (double)slice[i];
            }
            assert_true(fabs(sum - (double)y[c]) < 1e-3);
        }
    }
    wick_values_free(exits, values);
    free(x);
    wick_graph_free(exits);
    wick_graph_free(graph);
}

static void the_network_itself_is_unchanged(void **state) {
    (void)state;
    wick_graph *graph = cifar10s();
    float *x = input_of(graph);
    void **before, **after;
    assert_int_equal(wick_graph_eval(graph, x, &before, NULL), WICK_OK);
    for (int kind = 0; kind < WICK_EXIT_KINDS; kind++) {
        wick_graph *exits = with_exits(graph, (wick_exit_kind)kind);
        assert_int_equal(wick_graph_eval(exits, x, &after, NULL), WICK_OK);
        assert_memory_equal(before[graph->family.heads[0]], after[exits->family.heads[0]],
                            10 * sizeof(float));
        wick_values_free(exits, after);
        wick_graph_free(exits);
    }
    wick_values_free(graph, before);
    free(x);
    wick_graph_free(graph);
}

static void refused(const wick_graph *graph, const char *after, wick_status expected,
                    const char *place) {
    wick_exits_options options = {.kind = WICK_EXITS_LINEAR, .after = after};
    wick_diag diag = {0};
    wick_graph *out = NULL;
    assert_int_equal(wick_exits_add(graph, &options, &out, &diag), expected);
    assert_null(out);
    assert_int_equal((int)diag.count, 1);
    if (place)
        assert_string_equal(diag.items[0].place, place);
    wick_diag_free(&diag);
}

static void wrong_places_are_refused_by_name(void **state) {
    (void)state;
    wick_graph *graph = cifar10s();
    refused(graph, "TM1.pool1,nowhere", WICK_UNKNOWN, "TM1.pool1,nowhere");
    refused(graph, "TM1.pool2,TM1.pool1", WICK_SHAPE, "TM1.pool1");
    refused(graph, "TM1.pool1,TM1.pool1", WICK_SHAPE, "TM1.pool1");
    refused(graph, "TM1.fc1", WICK_SHAPE, "TM1.fc1");
    wick_graph *exits = with_exits(graph, WICK_EXITS_LINEAR);
    refused(exits, NULL, WICK_UNSUPPORTED, NULL);
    wick_graph_free(exits);
    wick_graph_free(graph);
    wick_recipe_options options = wick_recipe_defaults();
    assert_int_equal(wick_recipe_build("vgg16", &options, &graph, NULL), WICK_OK);
    refused(graph, NULL, WICK_UNSUPPORTED, NULL); /* four modules */
    wick_graph_free(graph);
}

static void exits_stand_where_they_are_wanted(void **state) {
    (void)state;
    wick_graph *graph = cifar10s(), *out = NULL;
    wick_exits_options options = {.kind = WICK_EXITS_SMALL, .after = "TM1.pool1,TM1.conv3"};
    assert_int_equal(wick_exits_add(graph, &options, &out, NULL), WICK_OK);
    assert_int_equal(out->family.n_heads, 3);
    assert_int_equal(node_named(out, "TM1.conv2")->segment, 2);
    assert_int_equal(node_named(out, "TM1.pool3")->segment, 1);
    wick_graph_free(out);
    wick_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_those_of_the_paper_and_within_the_budget),
        cmocka_unit_test(segments_follow_the_chain),
        cmocka_unit_test(the_global_exit_is_one_linear_layer),
        cmocka_unit_test(the_network_itself_is_unchanged),
        cmocka_unit_test(wrong_places_are_refused_by_name),
        cmocka_unit_test(exits_stand_where_they_are_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
