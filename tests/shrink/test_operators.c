/* The registry tells the truth: an operator trains where oneDNN builds it, and runs on the device
   where it can be lowered. */
#include "shrink/shrink.h"
#include "train/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int ones(wick_graph *g, const char *name, wick_shape shape) {
    int64_t count = wick_shape_count(shape);
    float *data = wick_xalloc((size_t)count * sizeof *data);
    for (int64_t i = 0; i < count; i++)
        data[i] = 0.5f;
    int t = wick_graph_tensor(g, name, WICK_F32, shape, data);
    free(data);
    return t;
}

static wick_attrs attributes(wick_op op) {
    wick_attrs a = wick_attrs_default();
    a.clip_max = 6;
    a.alpha = a.beta = 0.5f;
    a.pad_channels = 4;
    a.axis = op == WICK_OP_QUANTIZE || op == WICK_OP_DEQUANTIZE ? -1 : 1;
    a.axes = 1u << 1;
    a.keep_dims = true;
    for (int d = 0; d < WICK_MAX_RANK; d++)
        a.end[d] = op == WICK_OP_SLICE ? INT64_MAX : d == 2;
    a.begin[1] = op == WICK_OP_SLICE;
    a.rank = 4;
    for (int d = 0; d < 4; d++)
        a.dims[d] =
            op == WICK_OP_RESHAPE ? (int64_t[]){0, 64, 1, 1}[d] : (int64_t[]){0, 1, 3, 2}[d];
    if (op == WICK_OP_RESIZE)
        a.kernel[0] = 2;
    return a;
}

/* A convolution, the operator, a fully connected layer. What quantizes stands alone. */
static int add_operator(wick_graph *g, wick_op op, int x) {
    wick_attrs a = attributes(op);
    int in[5] = {x, -1, -1, -1, -1}, n = 1;
    switch (op) {
    case WICK_OP_CONV:
    case WICK_OP_CONV_TRANSPOSE:
        in[n++] = ones(g, "w", (wick_shape){4, {4, 4, 1, 1}});
        break;
    case WICK_OP_GEMM:
        in[0] = wick_graph_node(g, "flat", WICK_OP_FLATTEN, &x, 1, "flat", NULL);
        in[n++] = ones(g, "w", (wick_shape){2, {4, 64}});
        break;
    case WICK_OP_RESHAPE:
        in[0] = wick_graph_node(g, "flat", WICK_OP_FLATTEN, &x, 1, "flat", NULL);
        break;
    case WICK_OP_BATCH_NORM:
        for (n = 1; n < 5; n++)
            in[n] = ones(g, wick_arena_printf(g->arena, "p%d", n), (wick_shape){1, {4}});
        break;
    case WICK_OP_SUB:
    case WICK_OP_MUL:
    case WICK_OP_DIV:
        in[n++] = ones(g, "c", (wick_shape){4, {1, 4, 1, 1}});
        break;
    case WICK_OP_MATMUL:
    case WICK_OP_POW:
    case WICK_OP_MIN:
    case WICK_OP_MAX:
    case WICK_OP_PRELU:
    case WICK_OP_ADD:
        in[n++] = wick_graph_node(g, "other", WICK_OP_RELU, &x, 1, "other", NULL);
        break;
    case WICK_OP_GATHER:
        in[n++] = wick_graph_tensor(g, "i", WICK_S64, (wick_shape){1, {1}}, (int64_t[]){1});
        break;
    default:
        break;
    }
    return wick_graph_node(g, "op", op, in, n, "op", &a);
}

static wick_graph *network(wick_op op) {
    wick_graph *g = wick_graph_new(wick_op_name(op));
    g->input = wick_graph_tensor(g, "x", WICK_F32, (wick_shape){4, {1, 2, 4, 4}}, NULL);
    int in[2] = {g->input, ones(g, "first", (wick_shape){4, {4, 2, 1, 1}})};
    int x = wick_graph_node(g, "conv", WICK_OP_CONV, in, 2, "conv", NULL);
    x = add_operator(g, op, x);
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    if (g->tensors[x].dtype == WICK_F32) {
        in[0] = wick_graph_node(g, "last", WICK_OP_FLATTEN, &x, 1, "last", NULL);
        assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
        int64_t count = g->tensors[in[0]].shape.dim[1];
        in[1] = ones(g, "fc", (wick_shape){2, {3, count}});
        x = wick_graph_node(g, "logits", WICK_OP_GEMM, in, 2, "logits", NULL);
    }
    g->family.n_heads = 1;
    g->family.heads[0] = x;
    g->family.head_names[0] = "y";
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    assert_int_equal(wick_graph_segment(g, NULL), WICK_OK);
    return g;
}

/* What runs behind the logits, where it is left out. */
static bool is_last(wick_op op) {
    return op == WICK_OP_SOFTMAX || op == WICK_OP_LOG_SOFTMAX || op == WICK_OP_ARG_MAX;
}

static wick_graph *as_last(wick_op op) {
    wick_graph *g = network(WICK_OP_RELU);
    wick_attrs a = wick_attrs_default();
    g->family.heads[0] = wick_graph_node(g, "op", op, &g->family.heads[0], 1, "last.y", &a);
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    assert_int_equal(wick_graph_segment(g, NULL), WICK_OK);
    return g;
}

static void every_operator_does_what_the_registry_says(void **state) {
    (void)state;
    for (int i = 0; i < WICK_OP_COUNT; i++) {
        wick_op op = (wick_op)i;
        if (op == WICK_OP_QUANTIZE || op == WICK_OP_DEQUANTIZE)
            continue; /* test_shrink_qdq.c */
        wick_graph *g = is_last(op) ? as_last(op) : network(op);
        wick_program_options options = {.batch = 2, .training = true, .n_outputs = 1};
        options.outputs = &g->family.heads[0];
        wick_program *program = NULL;
        wick_diag diag = {0};
        wick_status status = wick_program_build(g, &options, &program, &diag);
        if ((status == WICK_OK) != wick_op_trains(op))
            fail_msg("%s trains: %d, but building says %s %s", wick_op_name(op), wick_op_trains(op),
                     wick_status_name(status), diag.count ? diag.items[0].reason : "");
        wick_program_free(program);
        wick_diag_free(&diag);
        wick_qnet *net;
        status = wick_qnet_sketch(g, &net, &diag);
        bool runs = wick_op_device(op) != WICK_DEVICE_NO;
        if ((status == WICK_OK) != runs)
            fail_msg("%s on the device: %d, but lowering says %s %s", wick_op_name(op), runs,
                     wick_status_name(status), diag.count ? diag.items[0].reason : "");
        if (!runs) {
            /* By name, with the reason and the way out. */
            assert_int_equal(status, WICK_UNSUPPORTED);
            assert_true(wick_diag_contains(&diag, "node 'op'"));
            assert_non_null(diag.items[0].hint);
        }
        wick_qnet_free(net);
        wick_diag_free(&diag);
        wick_graph_free(g);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_does_what_the_registry_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
