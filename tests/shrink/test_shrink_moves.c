/* What only puts elements elsewhere, and products, differences, Softmax and reductions of
   activations: each layer against the reference, with its inputs. Kernels that move are exact. */
#include "helper_qdq.h"
#include "shrink/lower.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef int (*body)(wick_graph *g, wick_rng *rng, int x);

static int node(wick_graph *g, wick_op op, const int *inputs, int n, const char *name,
                const wick_attrs *a) {
    int y = wick_graph_node(g, name, op, inputs, n, wick_arena_printf(g->arena, "%s.y", name), a);
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    return y;
}

static int transpose(wick_graph *g, int x, const char *name, int rank, const int64_t *dims) {
    wick_attrs a = wick_attrs_default();
    a.rank = rank;
    memcpy(a.dims, dims, (size_t)rank * sizeof *dims);
    return node(g, WICK_OP_TRANSPOSE, &x, 1, name, &a);
}

static int reshape(wick_graph *g, int x, const char *name, int rank, const int64_t *dims) {
    wick_attrs a = wick_attrs_default();
    a.rank = rank;
    memcpy(a.dims, dims, (size_t)rank * sizeof *dims);
    return node(g, WICK_OP_RESHAPE, &x, 1, name, &a);
}

/* x [1,6,8,9] in all bodies. */
static int sliced(wick_graph *g, wick_rng *rng, int x) {
    (void)rng;
    wick_attrs a = wick_attrs_default();
    for (int d = 0; d < 4; d++) {
        a.begin[d] = d == 0 ? 0 : d;
        a.end[d] = INT64_MAX;
        a.step[d] = d == 0 ? 1 : d == 3 ? 2 : 1;
    }
    a.begin[2] = 7; /* upside down */
    a.end[2] = 1;
    a.step[2] = -2;
    return node(g, WICK_OP_SLICE, &x, 1, "slice", &a);
}

static int turned(wick_graph *g, wick_rng *rng, int x) {
    (void)rng;
    return transpose(g, x, "turn", 4, (const int64_t[]){0, 2, 3, 1});
}

/* The channel shuffle of ShuffleNet: five dimensions on the way. */
static int shuffled(wick_graph *g, wick_rng *rng, int x) {
    (void)rng;
    int y = reshape(g, x, "split", 5, (const int64_t[]){0, 2, 3, 8, 9});
    y = transpose(g, y, "swap", 5, (const int64_t[]){0, 2, 1, 3, 4});
    return reshape(g, y, "join", 4, (const int64_t[]){0, 6, 8, 9});
}

static int picked(wick_graph *g, wick_rng *rng, int x) {
    (void)rng;
    wick_attrs a = wick_attrs_default();
    const int64_t indices[7] = {5, 0, 0, -2, 1, 3, 5};
    int both[2] = {x, wick_graph_tensor(g, "indices", WICK_S64, (wick_shape){1, {7}}, indices)};
    return node(g, WICK_OP_GATHER, both, 2, "gather", &a);
}

static int enlarged(wick_graph *g, wick_rng *rng, int x) {
    (void)rng;
    wick_attrs a = wick_attrs_default();
    a.kernel[0] = 2;
    a.kernel[1] = 3;
    return node(g, WICK_OP_RESIZE, &x, 1, "resize", &a);
}

static int framed(wick_graph *g, wick_rng *rng, int x) {
    wick_attrs a = wick_attrs_default();
    memset(a.begin, 0, sizeof a.begin);
    memset(a.end, 0, sizeof a.end);
    for (int d = 1; d < 4; d++) {
        a.begin[d] = d - 1;
        a.end[d] = 3 - d;
    }
    a.pad_mode = (wick_pad_mode)wick_rng_below(rng, 2); /* zeros, or the edge's values */
    return node(g, WICK_OP_BORDER, &x, 1, "frame", &a);
}

/* A gate for each channel, as in squeeze-and-excitation blocks. */
static int gated(wick_graph *g, wick_rng *rng, int x) {
    wick_attrs a = wick_attrs_default();
    a.alpha = 0.2F;
    a.beta = 0.5F;
    int y = node(g, WICK_OP_GLOBAL_AVG_POOL, &x, 1, "squeeze", NULL);
    y = helper_conv(g, rng, y, "excite", 6, 6, helper_window(1, 1, 0));
    y = node(g, WICK_OP_HARD_SIGMOID, &y, 1, "gate", &a);
    return node(g, WICK_OP_MUL, (const int[]){x, y}, 2, "gated", NULL);
}

static int squared(wick_graph *g, wick_rng *rng, int x) {
    int y = helper_conv(g, rng, x, "other", 6, 6, helper_window(1, 1, 0));
    return node(g, WICK_OP_MUL, (const int[]){x, y}, 2, "product", NULL);
}

static int difference(wick_graph *g, wick_rng *rng, int x) {
    int y = helper_conv(g, rng, x, "other", 6, 6, helper_window(1, 1, 0));
    return node(g, WICK_OP_SUB, (const int[]){x, y}, 2, "difference", NULL);
}

static int probable(wick_graph *g, wick_rng *rng, int x) {
    (void)rng;
    wick_attrs a = wick_attrs_default();
    return node(g, WICK_OP_SOFTMAX, &x, 1, "softmax", &a);
}

static int reduced(wick_graph *g, wick_rng *rng, int x) {
    static const unsigned axes[] = {2, 4, 8, 12, 14};
    wick_attrs a = wick_attrs_default();
    a.axes = axes[wick_rng_below(rng, 5)];
    a.keep_dims = wick_rng_below(rng, 2);
    wick_op op = wick_rng_below(rng, 2) ? WICK_OP_REDUCE_MEAN : WICK_OP_REDUCE_SUM;
    return node(g, op, &x, 1, "reduce", &a);
}

/* conv -> body -> Relu -> Flatten -> Gemm, quantized and lowered; every layer compared. */
static helper_difference compare(body make, uint64_t seed, wick_qnet **net) {
    wick_rng rng = wick_rng_seed(seed, 5);
    wick_graph *g = helper_graph(3, 8, 9);
    wick_diag diag = {0};
    int x = helper_conv(g, &rng, g->input, "conv", 3, 6, helper_window(3, 1, 1));
    x = make(g, &rng, x);
    x = node(g, WICK_OP_RELU, &x, 1, "relu", NULL);
    wick_attrs flat = wick_attrs_default();
    x = node(g, WICK_OP_FLATTEN, &x, 1, "flat", &flat);
    x = helper_gemm(g, &rng, x, "fc", (int)g->tensors[x].shape.dim[1], 4);
    helper_finish(g, -1, &x, 1);
    wick_graph *qdq = helper_quantize(g, seed, 4);
    wick_status status = wick_qnet_lower(qdq, net, &diag);
    wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
    uint8_t pixels[3 * 8 * 9];
    float input[3 * 8 * 9];
    helper_difference d = {0};
    for (int i = 0; i < 3; i++) {
        helper_image(g, &rng, pixels, input);
        helper_compare(qdq, *net, input, &d);
    }
    wick_graph_free(qdq);
    wick_graph_free(g);
    return d;
}

static int layers_of(const wick_qnet *net, wick_layer_kind kind) {
    int n = 0;
    for (int l = 0; l < net->n_layers; l++)
        n += net->layers[l].kind == kind;
    return n;
}

static void moves_are_one_exact_layer(void **state) {
    (void)state;
    static const body bodies[] = {sliced, turned, shuffled, picked, enlarged, framed};
    for (size_t b = 0; b < WICK_LEN(bodies); b++)
        for (uint64_t seed = 1; seed <= 4; seed++) {
            wick_qnet *net;
            helper_difference d = compare(bodies[b], seed, &net);
            assert_int_equal(layers_of(net, WICK_LAYER_MOVE), 1);
            assert_int_equal(d.largest[WICK_LAYER_CONCAT], 0); /* the Relu, after the move */
            assert_true(d.by_kind[WICK_LAYER_CONCAT] > 0);
            assert_true(d.largest[WICK_LAYER_FC] <= 1);
            wick_qnet_free(net);
        }
}

static void activations_are_combined(void **state) {
    (void)state;
    static const struct {
        body make;
        wick_layer_kind kind;
    } cases[] = {{gated, WICK_LAYER_MUL},
                 {squared, WICK_LAYER_MUL},
                 {difference, WICK_LAYER_ADD},
                 {probable, WICK_LAYER_SOFTMAX}};
    for (size_t i = 0; i < WICK_LEN(cases); i++)
        for (uint64_t seed = 1; seed <= 4; seed++) {
            wick_qnet *net;
            helper_difference d = compare(cases[i].make, seed, &net);
            assert_int_equal(layers_of(net, cases[i].kind), 1);
            assert_int_equal(d.by_kind[cases[i].kind], 3 * 6 * 8 * 9);
            assert_true(d.largest[cases[i].kind] <= 1);
            assert_true(d.different * 50 <= d.outputs);
            wick_qnet_free(net);
        }
}

static void reductions_are_pools_and_sums(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        wick_qnet *net;
        helper_difference d = compare(reduced, seed, &net);
        for (int kind = 0; kind < WICK_LAYER_KINDS; kind++)
            assert_true(d.largest[kind] <= 1);
        assert_true(d.different * 50 <= d.outputs);
        wick_qnet_free(net);
    }
}

/* A chain that undoes itself costs nothing. */
static int there_and_back(wick_graph *g, wick_rng *rng, int x) {
    (void)rng;
    int y = transpose(g, x, "there", 4, (const int64_t[]){0, 3, 1, 2});
    return transpose(g, y, "back", 4, (const int64_t[]){0, 2, 3, 1});
}

static void moves_that_cancel_vanish(void **state) {
    (void)state;
    wick_qnet *net;
    helper_difference d = compare(there_and_back, 1, &net);
    assert_int_equal(layers_of(net, WICK_LAYER_MOVE), 0);
    assert_true(d.outputs > 0);
    wick_qnet_free(net);
}

/* Rows that a step needs are those that the offsets name: a slice of rows needs no others. */
static void steps_read_only_their_rows(void **state) {
    (void)state;
    wick_qnet *net;
    compare(sliced, 1, &net);
    for (int l = 0; l < net->n_layers; l++) {
        const wick_layer *layer = &net->layers[l];
        if (layer->kind != WICK_LAYER_MOVE)
            continue;
        uint32_t row = (uint32_t)layer->out_w * layer->out_c;
        assert_int_equal(layer->k_h, 1);
        assert_int_equal(wick_layer_input_rows(layer, 0, row).row0, 7);
        assert_int_equal(wick_layer_input_rows(layer, 0, row).rows, 1);
        assert_int_equal(wick_layer_input_rows(layer, row, 2 * row).row0, 3);
        assert_int_equal(wick_layer_input_rows(layer, row, 2 * row).rows, 3);
    }
    wick_qnet_free(net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_are_one_exact_layer),     cmocka_unit_test(activations_are_combined),
        cmocka_unit_test(reductions_are_pools_and_sums), cmocka_unit_test(moves_that_cancel_vanish),
        cmocka_unit_test(steps_read_only_their_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
