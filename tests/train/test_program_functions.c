/* Functions of one tensor and of two, and operators that move numbers: forward against the
   reference evaluation, gradients against finite differences. */
#include "helper_gradients.h"

#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 3 };

static int last(const net *n) {
    return n->graph->nodes[n->graph->n_nodes - 1].output;
}

/* A convolution in front, whose gradients prove the data gradient of what follows. 20 channels are
   no multiple of a block. `around`, `spread`: of its output, so that it may stay above 0. */
static net stem(int channels, float around, float spread) {
    net n = net_new(1, 3, 5, 4); /* small: few kinks */
    int y = net_conv(&n, n.graph->input,
                     (net_conv_options){.out = channels, .kernel = 3, .stride = 1, .bias = true});
    wick_tensor *tensors = n.graph->tensors;
    float *weights = tensors[n.graph->nodes[0].inputs[1]].data;
    float *bias = tensors[n.graph->nodes[0].inputs[2]].data;
    for (int64_t i = 0, m = wick_shape_count(tensors[n.graph->nodes[0].inputs[1]].shape); i < m;
         i++)
        weights[i] *= spread;
    for (int i = 0; i < channels; i++)
        bias[i] = around + spread * bias[i];
    assert_int_equal(y, last(&n));
    return n;
}

/* The whole net, image by image, by the reference. */
static void assert_forward(const net *n, int y) {
    int first = n->graph->nodes[0].output, outputs[2] = {y, first};
    wick_program *program = net_program(n, BATCH, true, false, outputs, 2);
    size_t in = (size_t)wick_shape_count(n->graph->tensors[n->graph->input].shape);
    wick_rng rng = wick_rng_seed(5, 0);
    net_random(&rng, wick_program_input(program), BATCH * in);
    net_forward(program);
    size_t out = wick_program_output_count(program, 0) / BATCH;
    for (size_t b = 0; b < BATCH; b++) {
        void **values;
        assert_int_equal(
            wick_graph_eval(n->graph, wick_program_input(program) + b * in, &values, NULL),
            WICK_OK);
        const float *want = values[y], *got = wick_program_output(program, 0) + b * out;
        for (size_t i = 0; i < out; i++)
            if (!(fabsf(got[i] - want[i]) <= 2e-5f * (1 + fabsf(want[i]))))
                fail_msg("image %zu, number %zu: %g instead of %g", b, i, (double)got[i],
                         (double)want[i]);
        wick_values_free(n->graph, values);
    }
    wick_program_free(program);
}

static void check_both(net *n, smoothness kind) {
    int y = last(n);
    assert_forward(n, y);
    net_check(n, &y, 1, kind);
}

static void functions_of_one_tensor(void **state) {
    (void)state;
    static const struct {
        wick_op op;
        float alpha, beta, around, spread;
        smoothness kind;
    } cases[] = {
        {WICK_OP_LEAKY_RELU, 0.1f, 0, 0, 1, KINKED},
        {WICK_OP_LEAKY_RELU, -0.3f, 0, 0, 1, KINKED},
        {WICK_OP_ELU, 0.7f, 0, 0, 1, KINKED},
        {WICK_OP_ELU, -0.7f, 0, 0, 1, KINKED},
        {WICK_OP_SELU, 1.6f, 1.1f, 0, 1, KINKED},
        {WICK_OP_THRESHOLDED_RELU, 0.2f, 0, 0, 1, KINKED},
        {WICK_OP_THRESHOLDED_RELU, -0.2f, 0, 0, 1, KINKED},
        {WICK_OP_HARD_SIGMOID, 0.2f, 0.5f, 0, 2, KINKED},
        {WICK_OP_HARD_SWISH, 0, 0, 0, 2, KINKED},
        {WICK_OP_SIGMOID, 0, 0, 0, 1, SMOOTH},
        {WICK_OP_TANH, 0, 0, 0, 1, SMOOTH},
        {WICK_OP_SOFTPLUS, 0, 0, 0, 1, SMOOTH},
        {WICK_OP_SOFTSIGN, 0, 0, 0, 0.5f, KINKED},
        {WICK_OP_EXP, 0, 0, 0, 0.5f, SMOOTH},
        {WICK_OP_LOG, 0, 0, 5, 0.3f, SMOOTH},
        {WICK_OP_SQRT, 0, 0, 5, 0.3f, SMOOTH},
        {WICK_OP_RECIPROCAL, 0, 0, 5, 0.3f, SMOOTH},
        {WICK_OP_ABS, 0, 0, 0, 1, KINKED},
        {WICK_OP_NEG, 0, 0, 0, 1, LINEAR},
        {WICK_OP_ERF, 0, 0, 0, 0.5f, SMOOTH},
    };
    for (size_t i = 0; i < WICK_LEN(cases); i++)
        for (int channels = 4; channels <= 20; channels += 16) {
            net n = stem(channels, cases[i].around, cases[i].spread);
            wick_attrs attrs = wick_attrs_default();
            attrs.alpha = cases[i].alpha;
            attrs.beta = cases[i].beta;
            int x = last(&n);
            net_node(&n, cases[i].op, &x, 1, &attrs);
            /* Padding that is not 0 any more would be seen by the next layer. */
            net_conv(&n, last(&n), (net_conv_options){.out = 5, .kernel = 1, .stride = 1});
            check_both(&n, cases[i].kind);
        }
}

/* x op y, x op constant and constant op x, with shapes that broadcast. */
static void functions_of_two_tensors(void **state) {
    (void)state;
    static const struct {
        wick_op op;
        smoothness kind;
    } cases[] = {{WICK_OP_ADD, LINEAR}, {WICK_OP_SUB, LINEAR},  {WICK_OP_MUL, SMOOTH},
                 {WICK_OP_DIV, SMOOTH}, {WICK_OP_POW, SMOOTH},  {WICK_OP_MIN, KINKED},
                 {WICK_OP_MAX, KINKED}, {WICK_OP_PRELU, KINKED}};
    static const wick_shape shapes[] = {
        {0, {0}}, {1, {2}}, {3, {4, 1, 1}}, {4, {1, 4, 1, 2}}, {4, {1, 1, 3, 1}}};
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        wick_op op = cases[i].op;
        bool free = op == WICK_OP_MIN || op == WICK_OP_MAX || op == WICK_OP_PRELU;
        for (size_t s = 0; s < WICK_LEN(shapes); s++)
            for (int left = 0; left < 2; left++) {
                if (op == WICK_OP_PRELU && left)
                    continue;
                net n = stem(4, free ? 0 : 2.5f, free ? 4 : 0.1f);
                int x = last(&n), c = net_constant(&n, shapes[s], free ? 0 : 2, free ? 1 : 0.2f);
                net_node(&n, op, left ? (int[]){c, x} : (int[]){x, c}, 2, NULL);
                check_both(&n, cases[i].kind);
            }
        net n = stem(4, free ? 0 : 2.5f, free ? 4 : 0.1f); /* a gate for each channel */
        int x = last(&n), gate = net_simple(&n, x, WICK_OP_GLOBAL_AVG_POOL);
        net_node(&n, op, (int[]){x, gate}, 2, NULL);
        check_both(&n, free ? KINKED : SMOOTH);
        n = stem(4, free ? 0 : 2.5f, free ? 4 : 0.1f); /* of one shape, and the other way round */
        x = last(&n);
        int y = net_conv(&n, x, (net_conv_options){.out = 4, .kernel = 1, .stride = 1});
        if (!free)
            y = net_node(&n, WICK_OP_SIGMOID, &y, 1, NULL);
        net_node(&n, op, (int[]){y, x}, 2, NULL);
        check_both(&n, free ? KINKED : SMOOTH);
    }
}

static int move(net *n, wick_op op, int x, const int64_t *numbers, wick_pad_mode mode) {
    wick_attrs attrs = wick_attrs_default();
    attrs.rank = 4;
    attrs.pad_mode = mode;
    attrs.pad_value = 0.75f;
    for (int d = 0; d < WICK_MAX_RANK; d++)
        attrs.end[d] = op == WICK_OP_SLICE ? INT64_MAX : 0;
    for (int d = 0; d < 4; d++) {
        bool shape = op == WICK_OP_TRANSPOSE || op == WICK_OP_RESHAPE;
        attrs.dims[d] = shape ? numbers[d] : 0;
        attrs.begin[d] = shape ? 0 : numbers[d];
        if (op == WICK_OP_BORDER)
            attrs.end[d] = numbers[d] + (d == 2);
    }
    if (op == WICK_OP_RESIZE)
        attrs.kernel[0] = 2, attrs.kernel[1] = 3;
    if (op == WICK_OP_SLICE)
        attrs.step[3] = 2;
    return net_node(n, op, &x, 1, &attrs);
}

static void numbers_that_move(void **state) {
    (void)state;
    for (int channels = 4; channels <= 16; channels += 12) {
        net n = stem(channels, 0, 1);
        move(&n, WICK_OP_TRANSPOSE, last(&n), (int64_t[]){0, 2, 3, 1}, WICK_PAD_CONSTANT);
        check_both(&n, LINEAR);
        n = stem(channels, 0, 1);
        move(&n, WICK_OP_SLICE, last(&n), (int64_t[]){0, 1, 2, 0}, WICK_PAD_CONSTANT);
        check_both(&n, LINEAR);
        for (wick_pad_mode mode = WICK_PAD_CONSTANT; mode <= WICK_PAD_REFLECT; mode++) {
            n = stem(channels, 0, 1);
            move(&n, WICK_OP_BORDER, last(&n), (int64_t[]){0, 0, 1, 1}, mode);
            check_both(&n, LINEAR);
        }
        n = stem(channels, 0, 1);
        move(&n, WICK_OP_RESIZE, last(&n), (int64_t[]){0, 0, 0, 0}, WICK_PAD_CONSTANT);
        check_both(&n, LINEAR);
        n = stem(channels, 0, 1); /* one channel twice, one never */
        int64_t indices[4] = {2, 0, 2, 3};
        int i = wick_graph_tensor(n.graph, "indices", WICK_S64, (wick_shape){1, {4}}, indices);
        net_node(&n, WICK_OP_GATHER, (int[]){last(&n), i}, 2, NULL);
        check_both(&n, LINEAR);
        n = stem(channels, 0, 1);
        net_simple(&n, last(&n), WICK_OP_GLOBAL_MAX_POOL);
        check_both(&n, KINKED);
        n = stem(channels, 0, 1);
        move(&n, WICK_OP_RESHAPE, last(&n), (int64_t[]){0, channels / 2, 6, 2}, WICK_PAD_CONSTANT);
        net_conv(&n, last(&n), (net_conv_options){.out = 3, .kernel = 2, .stride = 1});
        check_both(&n, LINEAR);
    }
}

/* The block of MobileNetV3: depthwise, hard swish, squeeze and excitation by hard sigmoid. */
static void squeeze_and_excitation(void **state) {
    (void)state;
    net n = stem(8, 0, 1);
    wick_attrs attrs = wick_attrs_default();
    attrs.alpha = 1.0f / 6;
    attrs.beta = 0.5f;
    net_conv_options depthwise = {.out = 8, .kernel = 3, .stride = 1, .pad = 1, .groups = 8};
    net_conv_options one = {.out = 8, .kernel = 1, .stride = 1, .bias = true};
    int x = net_conv(&n, last(&n), depthwise);
    x = net_node(&n, WICK_OP_HARD_SWISH, &x, 1, &attrs);
    int gate = net_conv(&n, net_simple(&n, x, WICK_OP_GLOBAL_AVG_POOL), one);
    gate = net_node(&n, WICK_OP_HARD_SIGMOID, &gate, 1, &attrs);
    x = net_node(&n, WICK_OP_MUL, (int[]){x, gate}, 2, NULL);
    net_conv(&n, x, one);
    check_both(&n, KINKED);
}

/* Nodes that differ in an attribute alone are two. */
static void attributes_keep_nodes_apart(void **state) {
    (void)state;
    net n = stem(4, 0, 1);
    int x = last(&n), parts[4];
    wick_attrs attrs = wick_attrs_default();
    attrs.alpha = 0.1f;
    parts[0] = net_node(&n, WICK_OP_LEAKY_RELU, &x, 1, &attrs);
    attrs.alpha = 0.6f;
    parts[1] = net_node(&n, WICK_OP_LEAKY_RELU, &x, 1, &attrs);
    parts[2] = move(&n, WICK_OP_SLICE, x, (int64_t[]){0, 1, 0, 0}, WICK_PAD_CONSTANT);
    parts[3] = move(&n, WICK_OP_SLICE, x, (int64_t[]){0, 3, 0, 0}, WICK_PAD_CONSTANT);
    for (int i = 0; i < 4; i++)
        assert_forward(&n, parts[i]);
    wick_graph_free(n.graph);
}

static void two_threads_agree_as_well(void **state) {
    omp_set_num_threads(2);
    squeeze_and_excitation(state);
    numbers_that_move(state);
    omp_set_num_threads(1);
}

/* What takes numbers of several images cannot be cut into batches. */
static void images_stay_apart(void **state) {
    (void)state;
    static const int64_t first[4] = {1, 0, 2, 3};
    net n = stem(4, 0, 1);
    wick_graph *graph = n.graph;
    wick_attrs attrs = wick_attrs_default();
    attrs.rank = 4;
    memcpy(attrs.dims, first, sizeof first);
    int x = last(&n), y = net_node(&n, WICK_OP_TRANSPOSE, &x, 1, &attrs);
    wick_program_options options = {.batch = 4, .training = true, .n_outputs = 1, .outputs = &y};
    wick_program *program = NULL;
    wick_diag diag = {0};
    assert_int_equal(wick_program_build(graph, &options, &program, &diag), WICK_UNSUPPORTED);
    assert_true(wick_diag_contains(&diag, "across the images"));
    wick_diag_free(&diag);
    wick_graph_free(graph);
}

int main(void) {
    omp_set_num_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_of_one_tensor),     cmocka_unit_test(functions_of_two_tensors),
        cmocka_unit_test(numbers_that_move),           cmocka_unit_test(squeeze_and_excitation),
        cmocka_unit_test(attributes_keep_nodes_apart), cmocka_unit_test(two_threads_agree_as_well),
        cmocka_unit_test(images_stay_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
