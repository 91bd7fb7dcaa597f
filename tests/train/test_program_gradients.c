/* Gradients of the operators of convolutional networks and of their parameters against finite
   differences; functions of one tensor and two, and moves: test_program_functions.c. */
#include "helper_gradients.h"

#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A convolution in front, whose gradients prove the data gradient of what follows. */
static net stem(int channels) {
    net n = net_new(1, 3, 7, 6);
    net_conv(&n, n.graph->input,
             (net_conv_options){.out = channels, .kernel = 3, .stride = 1, .pad = 1, .bias = true});
    return n;
}
static int last(const net *n) {
    return n->graph->nodes[n->graph->n_nodes - 1].output;
}

static void check_last(net *n, smoothness kind) {
    int y = last(n);
    net_check(n, &y, 1, kind);
}

static void convolutions(void **state) {
    (void)state;
    static const net_conv_options cases[] = {
        {.out = 5, .kernel = 3, .stride = 1, .pad = 1, .bias = true},
        {.out = 5, .kernel = 3, .stride = 1, .pad = 0},
        {.out = 4, .kernel = 3, .stride = 2, .pad = 1, .bias = true},
        {.out = 20, .kernel = 1, .stride = 1, .bias = true},
        {.out = 6, .kernel = 3, .stride = 1, .pad = 1, .groups = 3, .bias = true},
        {.out = 6, .kernel = 3, .stride = 1, .pad = 1, .groups = 6, .bias = true},
        {.out = 6, .kernel = 3, .stride = 2, .pad = 1, .groups = 6},
        {.out = 12, .kernel = 3, .stride = 1, .pad = 1, .groups = 6},
        {.out = 6, .kernel = 5, .stride = 1, .pad = 2, .groups = 6, .bias = true},
        {.out = 12, .kernel = 3, .stride = 4, .pad = 1, .groups = 6, .bias = true},
        {.out = 6, .kernel = 3, .stride = 2, .pad = 3, .groups = 6, .dilation = 3},
        {.out = 4, .kernel = 3, .stride = 1, .pad = 2, .dilation = 2, .bias = true},
        {.out = 4, .kernel = 5, .stride = 3, .pad = 2},
    };
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        net n = stem(6);
        net_conv(&n, last(&n), cases[i]);
        check_last(&n, LINEAR);
    }
}

static void winograd_convolution(void **state) {
    (void)state;
    net n = stem(32);
    net_conv(&n, last(&n), (net_conv_options){.out = 32, .kernel = 3, .stride = 1, .pad = 1});
    check_last(&n, WINOGRAD);
}

static void fully_connected(void **state) {
    (void)state;
    for (int bias = 0; bias < 2; bias++) {
        net n = stem(4);
        net_simple(&n, last(&n), WICK_OP_FLATTEN);
        net_fc(&n, last(&n), 9, bias);
        net_fc(&n, last(&n), 5, true);
        check_last(&n, LINEAR);
    }
}

static void batch_normalisation(void **state) {
    (void)state;
    net n = stem(5);
    net_batch_norm(&n, last(&n));
    check_last(&n, SMOOTH);
    n = stem(4);
    net_simple(&n, last(&n), WICK_OP_FLATTEN);
    net_fc(&n, last(&n), 6, true);
    net_batch_norm(&n, last(&n));
    check_last(&n, SMOOTH);
}

static void activations(void **state) {
    (void)state;
    net n = stem(5); /* convolution and ReLU in one */
    net_simple(&n, last(&n), WICK_OP_RELU);
    check_last(&n, KINKED);
    n = stem(5); /* batch norm and ReLU in one */
    net_batch_norm(&n, last(&n));
    net_simple(&n, last(&n), WICK_OP_RELU);
    check_last(&n, KINKED);
    n = stem(5);
    net_simple(&n, last(&n), WICK_OP_CLIP);
    check_last(&n, KINKED);
    n = stem(5); /* a ReLU of its own, in place */
    net_simple(&n, last(&n), WICK_OP_FLATTEN);
    net_fc(&n, last(&n), 12, true);
    net_simple(&n, last(&n), WICK_OP_RELU);
    net_fc(&n, last(&n), 4, true);
    check_last(&n, KINKED);
    n = stem(5);
    net_simple(&n, last(&n), WICK_OP_FLATTEN);
    net_fc(&n, last(&n), 7, true);
    net_simple(&n, last(&n), WICK_OP_SOFTMAX);
    check_last(&n, SMOOTH);
}

/* The same numbers are dropped in every pass, so that the loss stays linear. */
static void dropouts(void **state) {
    (void)state;
    net n = stem(20); /* blocked channels */
    net_dropout(&n, last(&n), 0.4f);
    net_conv(&n, last(&n), (net_conv_options){.out = 17, .kernel = 3, .stride = 1, .pad = 1});
    check_last(&n, LINEAR);
    n = stem(5); /* two in a row, one that two nodes read */
    net_simple(&n, last(&n), WICK_OP_FLATTEN);
    int x = net_dropout(&n, net_fc(&n, last(&n), 12, true), 0.5f);
    int y = net_fc(&n, x, 12, true);
    net_dropout(&n, net_dropout(&n, net_join(&n, WICK_OP_ADD, (int[]){x, y}, 2), 0.2f), 0.1f);
    check_last(&n, LINEAR);
}

static void poolings(void **state) {
    (void)state;
    net n = stem(5);
    net_pool(&n, last(&n), WICK_OP_MAX_POOL, 2, 2, 0, false);
    check_last(&n, KINKED);
    n = stem(5);
    net_pool(&n, last(&n), WICK_OP_MAX_POOL, 3, 2, 1, false);
    check_last(&n, KINKED);
    for (int count_pad = 0; count_pad < 2; count_pad++) {
        n = stem(5);
        net_pool(&n, last(&n), WICK_OP_AVG_POOL, 3, 2, 1, count_pad);
        check_last(&n, LINEAR);
    }
    n = stem(5);
    net_simple(&n, last(&n), WICK_OP_GLOBAL_AVG_POOL);
    check_last(&n, LINEAR);
}

/* Batch norm, ReLU and pool as one step; with a second reader in between they are three. */
static void normalised_poolings(void **state) {
    (void)state;
    for (int relu = 0; relu < 2; relu++)
        for (int readers = 1; readers <= 2; readers++) {
            net n = net_new(1, 3, 4, 4); /* few kinks */
            net_conv_options conv = {.out = 5, .kernel = 3, .stride = 1, .pad = 1};
            int x = net_batch_norm(&n, net_conv(&n, n.graph->input, conv));
            if (relu)
                x = net_simple(&n, x, WICK_OP_RELU);
            int outputs[2] = {net_pool(&n, x, WICK_OP_MAX_POOL, 2, 2, 0, false), x};
            net_check(&n, outputs, readers, KINKED);
        }
}

static void joins(void **state) {
    (void)state;
    net n = stem(5);
    int a = last(&n);
    int b = net_conv(&n, a, (net_conv_options){.out = 5, .kernel = 1, .stride = 1});
    net_join(&n, WICK_OP_ADD, (int[]){a, b}, 2);
    check_last(&n, LINEAR);
    n = stem(5); /* x + x */
    a = last(&n);
    net_join(&n, WICK_OP_ADD, (int[]){a, a}, 2);
    check_last(&n, LINEAR);
    n = stem(5); /* two steps in place behind one gradient */
    a = net_batch_norm(&n, last(&n));
    b = net_batch_norm(&n, net_conv(&n, a, (net_conv_options){.out = 5, .kernel = 1, .stride = 1}));
    net_join(&n, WICK_OP_ADD, (int[]){a, b}, 2);
    check_last(&n, SMOOTH);
    n = stem(5); /* channels that are no multiple of a block */
    a = last(&n);
    b = net_conv(&n, a, (net_conv_options){.out = 3, .kernel = 1, .stride = 1});
    net_join(&n, WICK_OP_CONCAT, (int[]){a, b, a}, 3);
    check_last(&n, LINEAR);
    n = stem(16); /* and such that are */
    a = last(&n);
    b = net_conv(&n, a, (net_conv_options){.out = 32, .kernel = 1, .stride = 1});
    net_join(&n, WICK_OP_CONCAT, (int[]){a, b}, 2);
    check_last(&n, LINEAR);
    n = stem(5);
    net_simple(&n, last(&n), WICK_OP_IDENTITY);
    check_last(&n, LINEAR);
}

/* Channels of zeros: 5 and 3 are no multiple of a block, 16 and 16 are. */
static void padded_channels(void **state) {
    (void)state;
    for (int channels = 5; channels <= 16; channels += 11) {
        net n = stem(channels);
        net_pad(&n, last(&n), channels == 5 ? 3 : 16);
        check_last(&n, LINEAR);
        n = stem(channels); /* and what reads them */
        int x = net_pad(&n, last(&n), channels);
        net_conv(&n, x, (net_conv_options){.out = 6, .kernel = 3, .stride = 1, .pad = 1});
        check_last(&n, LINEAR);
    }
    net n = stem(5); /* two that differ in nothing but their channels */
    int x = last(&n), pads[2] = {net_pad(&n, x, 2), net_pad(&n, x, 4)};
    net_conv(&n, net_join(&n, WICK_OP_CONCAT, pads, 2),
             (net_conv_options){.out = 6, .kernel = 3, .stride = 1, .pad = 1});
    check_last(&n, LINEAR);
}

/* The block of a residual network that halves the size and doubles the channels, with its shortcut
   as a pool of one pixel and channels of zeros, and as a projection. ReLUs are left out: among so
   many kinks no difference would be the gradient. One ReLU behind a sum comes last. */
static void residual_blocks(void **state) {
    (void)state;
    for (int projection = 0; projection < 2; projection++) {
        net n = stem(8);
        int x = last(&n);
        net_conv_options conv = {.out = 16, .kernel = 3, .stride = 2, .pad = 1};
        net_conv_options one = {.out = 16, .kernel = 1, .stride = 2};
        int a = net_batch_norm(&n, net_conv(&n, x, conv));
        conv.stride = 1;
        a = net_batch_norm(&n, net_conv(&n, a, conv));
        int b = projection ? net_batch_norm(&n, net_conv(&n, x, one))
                           : net_pad(&n, net_pool(&n, x, WICK_OP_MAX_POOL, 1, 2, 0, false), 8);
        net_join(&n, WICK_OP_ADD, (int[]){a, b}, 2);
        check_last(&n, SMOOTH);
    }
    net n = stem(5);
    int x = last(&n);
    int a = net_conv(&n, x, (net_conv_options){.out = 5, .kernel = 1, .stride = 1, .groups = 5});
    net_simple(&n, net_join(&n, WICK_OP_ADD, (int[]){a, x}, 2), WICK_OP_RELU);
    check_last(&n, KINKED);
}

/* Two layers and the transition of a dense network: batch norm stands before the convolutions and
   reads a join that the next join reads as well. The same with a ReLU in one layer comes last. */
static void dense_blocks(void **state) {
    (void)state;
    net n = stem(6);
    int x = last(&n);
    for (int layer = 0; layer < 2; layer++) {
        int y = net_conv(&n, net_batch_norm(&n, x),
                         (net_conv_options){.out = 12, .kernel = 1, .stride = 1});
        y = net_conv(&n, net_batch_norm(&n, y),
                     (net_conv_options){.out = 3, .kernel = 3, .stride = 1, .pad = 1});
        x = net_join(&n, WICK_OP_CONCAT, (int[]){x, y}, 2);
    }
    x = net_conv(&n, net_batch_norm(&n, x), (net_conv_options){.out = 6, .kernel = 1, .stride = 1});
    net_pool(&n, x, WICK_OP_AVG_POOL, 2, 2, 0, false);
    check_last(&n, SMOOTH);
    n = stem(5);
    x = last(&n);
    int y = net_simple(&n, net_batch_norm(&n, x), WICK_OP_RELU);
    y = net_conv(&n, y, (net_conv_options){.out = 3, .kernel = 1, .stride = 1});
    net_join(&n, WICK_OP_CONCAT, (int[]){x, y}, 2);
    check_last(&n, KINKED);
}

/* Heads that share z, a residual connection, a caller who reads tensors in the middle. */
static void several_consumers(void **state) {
    (void)state;
    net n = stem(8);
    net_batch_norm(&n, last(&n));
    int z = net_simple(&n, last(&n), WICK_OP_RELU), outputs[6], count = 0;
    outputs[count++] = z;
    int a = net_conv(&n, z, (net_conv_options){.out = 8, .kernel = 3, .stride = 1, .pad = 1});
    int sum = net_join(&n, WICK_OP_ADD, (int[]){z, a}, 2);
    int both = net_join(&n, WICK_OP_CONCAT, (int[]){sum, z}, 2);
    outputs[count++] = net_simple(&n, both, WICK_OP_GLOBAL_AVG_POOL);
    for (int head = 0; head < 2; head++) {
        int p = net_pool(&n, z, WICK_OP_AVG_POOL, 2, 2, 0, false);
        int f = net_simple(&n, p, WICK_OP_FLATTEN);
        outputs[count++] = net_fc(&n, f, 4 + head, true);
    }
    outputs[count++] = z; /* read twice */
    outputs[count++] = net_simple(&n, z, WICK_OP_IDENTITY);
    net_check(&n, outputs, count, KINKED);
}

int main(void) {
    omp_set_num_threads(1); /* small layers: a second thread only waits */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(winograd_convolution),
        cmocka_unit_test(fully_connected),
        cmocka_unit_test(batch_normalisation),
        cmocka_unit_test(activations),
        cmocka_unit_test(dropouts),
        cmocka_unit_test(poolings),
        cmocka_unit_test(normalised_poolings),
        cmocka_unit_test(joins),
        cmocka_unit_test(padded_channels),
        cmocka_unit_test(residual_blocks),
        cmocka_unit_test(dense_blocks),
        cmocka_unit_test(several_consumers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
