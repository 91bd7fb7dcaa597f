/* Inference with batch norm folded into the layers before it: the same answers within 1e-4, without
   a step for batch norm where it can be folded, and with the weights that it was given last. */
#include "helper_program.h"

#include "train/batches.h"

#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 4, INPUT = 3 * 32 * 32 };

/* A family in the middle of its life: statistics, scales and biases that are not the initial ones.
 */
static void age(wick_graph *graph, uint64_t seed) {
    wick_rng rng = wick_rng_seed(seed, 0);
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *node = &graph->nodes[n];
        if (node->op != WICK_OP_BATCH_NORM)
            continue;
        for (int i = 1; i < 5; i++) {
            const wick_tensor *tensor = &graph->tensors[node->inputs[i]];
            float *values = tensor->data;
            for (int64_t c = 0; c < wick_shape_count(tensor->shape); c++)
                values[c] =
                    i == 1 || i == 4 ? 0.5f + wick_rng_uniform(&rng) : 0.3f * wick_rng_normal(&rng);
        }
    }
}

static int norms(const wick_program *program) {
    wick_buf buf = {0};
    int count = 0;
    wick_program_describe(program, &buf);
    for (const char *p = buf.data; (p = strstr(p, "batch-norm")); p++)
        count++;
    wick_buf_free(&buf);
    return count;
}

/* Answers of `folded` and of a program that folds nothing. */
static void compare(const wick_graph *graph, wick_program *folded) {
    wick_graph *whole = wick_graph_clone(graph);
    assert_int_equal(wick_graph_set_batch(whole, BATCH, NULL), WICK_OK);
    const wick_family *family = &whole->family;
    wick_program_options options = {
        .batch = BATCH, .n_outputs = family->n_heads, .outputs = family->heads};
    wick_program *plain;
    assert_int_equal(wick_program_build(whole, &options, &plain, NULL), WICK_OK);
    wick_rng rng = wick_rng_seed(4, 0);
    net_random(&rng, wick_program_input(plain), BATCH * INPUT);
    memcpy(wick_program_input(folded), wick_program_input(plain), BATCH * INPUT * sizeof(float));
    net_forward(plain);
    net_forward(folded);
    assert_true(norms(plain) > norms(folded));
    for (int k = 0; k < family->n_heads; k++) {
        float largest = 0;
        const float *a = wick_program_output(plain, k), *b = wick_program_output(folded, k);
        for (size_t i = 0; i < wick_program_output_count(plain, k); i++)
            largest = fmaxf(largest, fabsf(a[i]));
        assert_true(largest > 0.01f);
        for (size_t i = 0; i < wick_program_output_count(plain, k); i++)
            assert_true(fabsf(a[i] - b[i]) <= 1e-4f * fmaxf(1, largest));
    }
    wick_program_free(plain);
    wick_graph_free(whole);
}

static void answers_alike(void **state) {
    (void)state;
    static const struct {
        const char *recipe;
        bool all; /* every batch norm stands behind a convolution */
    } cases[] = {{"vgg16", true}, {"mobilenetv1", true}, {"resnet", true}, {"densenet", false}};
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        wick_recipe_options options = wick_recipe_defaults();
        options.width = 0.25;
        options.batch_norm = 1;
        wick_graph *graph;
        assert_int_equal(wick_recipe_build(cases[i].recipe, &options, &graph, NULL), WICK_OK);
        age(graph, 1);
        wick_program *folded;
        assert_int_equal(wick_folded_build(graph, BATCH, false, &folded, NULL), WICK_OK);
        assert_int_equal(norms(folded) == 0, cases[i].all);
        compare(graph, folded);
        age(graph, 2);
        assert_int_equal(wick_folded_import(folded, graph, NULL), WICK_OK);
        compare(graph, folded);
        wick_program_free(folded);
        wick_graph_free(graph);
    }
}

/* The softmax of an imported model is left out: its logits are wanted. */
static void stops_before_a_softmax(void **state) {
    (void)state;
    net n = net_new(1, 3, 32, 32);
    net_conv(&n, n.graph->input, (net_conv_options){.out = 4, .kernel = 3, .stride = 2});
    int x = net_batch_norm(&n, n.graph->nodes[0].output);
    x = net_simple(&n, net_simple(&n, x, WICK_OP_GLOBAL_AVG_POOL), WICK_OP_FLATTEN);
    int logits = net_fc(&n, x, 5, true);
    n.graph->family = (wick_family){.features = -1,
                                    .n_heads = 1,
                                    .recipe = "",
                                    .strategy = "",
                                    .data = "",
                                    .head_names = {"only"}};
    n.graph->family.heads[0] = net_simple(&n, logits, WICK_OP_SOFTMAX);
    wick_program *folded;
    assert_int_equal(wick_folded_build(n.graph, BATCH, false, &folded, NULL), WICK_OK);
    n.graph->family.heads[0] = logits;
    compare(n.graph, folded);
    wick_program_free(folded);
    wick_graph_free(n.graph);
}

int main(void) {
    omp_set_num_threads(1); /* small layers: a second thread only waits */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_alike),
        cmocka_unit_test(stops_before_a_softmax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
