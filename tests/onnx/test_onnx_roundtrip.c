/* What wick writes it reads back: the same bytes, the same metadata to the last bit, the same
   logits. */
#include "helper_onnx.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static wick_graph *reread(const wick_buf *bytes) {
    wick_diag diag = {0};
    wick_graph *graph;
    wick_status status = helper_read(bytes, &graph, &diag);
    wick_diag_print(&diag, stdout);
    assert_int_equal(status, WICK_OK);
    wick_diag_free(&diag);
    return graph;
}

static void assert_same_logits(const wick_graph *a, const wick_graph *b) {
    size_t count = (size_t)wick_shape_count(a->tensors[a->input].shape), n_a, n_b;
    float *image = wick_xalloc(count * sizeof *image);
    wick_rng rng = wick_rng_seed(5, 0);
    for (size_t i = 0; i < count; i++)
        image[i] = wick_rng_normal(&rng);
    float *from_a = helper_logits(a, image, &n_a), *from_b = helper_logits(b, image, &n_b);
    assert_non_null(from_a);
    assert_non_null(from_b);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(from_a, from_b, n_a * sizeof *from_a);
    free(image);
    free(from_a);
    free(from_b);
}

static void assert_comes_back(wick_graph *graph, bool *seen) {
    wick_buf first = helper_bytes(graph);
    wick_graph *again = reread(&first);
    wick_buf second = helper_bytes(again);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    assert_same_logits(graph, again);
    assert_int_equal(graph->n_nodes, again->n_nodes);
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *a = &graph->nodes[n], *b = &again->nodes[n];
        seen[a->op] = true;
        assert_int_equal(a->op, b->op);
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->segment, b->segment);
        assert_string_equal(graph->tensors[a->output].name, again->tensors[b->output].name);
        if (a->op == WICK_OP_BATCH_NORM)
            assert_memory_equal(&a->attrs.momentum, &b->attrs.momentum, sizeof(float));
        if (a->op == WICK_OP_QUANTIZE || a->op == WICK_OP_DEQUANTIZE)
            assert_int_equal(a->attrs.axis, b->attrs.axis);
        if (a->op == WICK_OP_PAD)
            assert_int_equal(b->attrs.pad_channels, 3);
    }
    assert_string_equal(graph->name, again->name);
    wick_buf_free(&first);
    wick_buf_free(&second);
    wick_graph_free(graph);
    wick_graph_free(again);
}

static void every_operator_comes_back(void **state) {
    (void)state;
    bool seen[WICK_OP_COUNT] = {false};
    assert_comes_back(helper_all_operators(), seen);
    assert_comes_back(helper_other_operators(), seen);
    for (int op = 0; op < WICK_OP_COUNT; op++)
        assert_true(seen[op] || op == WICK_OP_IDENTITY || op == WICK_OP_DROPOUT);
}

/* Written as what it is, and gone once it is read: z is its result, and so is the head's input. */
static void dropout_vanishes(void **state) {
    (void)state;
    wick_graph *graph = wick_graph_new("drops");
    wick_attrs attrs = wick_attrs_default();
    attrs.alpha = 0.25f;
    attrs.axis = 1;
    float weights[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    graph->input = wick_graph_tensor(graph, "x", WICK_F32, (wick_shape){4, {1, 1, 2, 2}}, NULL);
    int w = wick_graph_tensor(graph, "w", WICK_F32, (wick_shape){2, {2, 4}}, weights);
    int z = wick_graph_node(graph, "drop", WICK_OP_DROPOUT, &graph->input, 1, "z", &attrs);
    int flat = wick_graph_node(graph, "flat", WICK_OP_FLATTEN, &z, 1, "flat", &attrs);
    int y = wick_graph_node(graph, "fc", WICK_OP_GEMM, (int[]){flat, w}, 2, "fc", &attrs);
    graph->family.n_heads = 1;
    graph->family.head_names[0] = "y";
    graph->family.heads[0] = wick_graph_node(graph, "last", WICK_OP_DROPOUT, &y, 1, "y", &attrs);
    graph->family.features = -1;
    assert_int_equal(wick_graph_infer(graph, NULL), WICK_OK);
    wick_buf bytes = helper_bytes(graph);
    assert_non_null(memmem(bytes.data, bytes.len, "Dropout", 7));
    wick_graph *again = reread(&bytes);
    for (int n = 0; n < again->n_nodes; n++)
        assert_int_not_equal(again->nodes[n].op, WICK_OP_DROPOUT);
    assert_same_logits(graph, again);
    wick_buf_free(&bytes);
    wick_graph_free(graph);
    wick_graph_free(again);
}

static void constants_come_back_with_type_and_bits(void **state) {
    (void)state;
    wick_graph *graph = helper_all_operators();
    wick_buf bytes = helper_bytes(graph);
    wick_graph *again = reread(&bytes);
    int types[5] = {0};
    for (int t = 0; t < graph->n_tensors; t++) {
        const wick_tensor *a = &graph->tensors[t];
        int u = wick_graph_find(again, a->name);
        assert_true(u >= 0);
        const wick_tensor *b = &again->tensors[u];
        assert_int_equal(a->dtype, b->dtype);
        assert_true(wick_shape_equal(a->shape, b->shape));
        assert_int_equal(!a->data, !b->data);
        if (!a->data)
            continue;
        types[a->dtype]++;
        assert_memory_equal(a->data, b->data,
                            (size_t)wick_shape_count(a->shape) * wick_dtype_bytes(a->dtype));
    }
    assert_true(types[WICK_F32] && types[WICK_S8] && types[WICK_U8] && types[WICK_S32]);
    wick_buf_free(&bytes);
    wick_graph_free(graph);
    wick_graph_free(again);
}

static void assert_same_double(double a, double b) {
    assert_true((isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0);
}

static void the_family_comes_back_to_the_last_bit(void **state) {
    (void)state;
    wick_graph *graph = helper_all_operators();
    wick_rng rng = wick_rng_seed(3, 0);
    for (int round = 0; round < 50; round++) {
        wick_family *f = &graph->family;
        for (int k = 0; k < 2; k++)
            f->accuracy[k] = wick_rng_uniform_double(&rng);
        for (int c = 0; c < 3; c++) {
            f->mean[c] = wick_rng_normal(&rng);
            f->std[c] = expf(10 * wick_rng_normal(&rng));
        }
        f->std[0] = 1000 + 24 * wick_rng_uniform(&rng); /* needs nine digits */
        wick_buf bytes = helper_bytes(graph);
        wick_graph *again = reread(&bytes);
        const wick_family *g = &again->family;
        assert_string_equal(again->tensors[g->features].name, "z");
        assert_int_equal(g->n_heads, 2);
        for (int k = 0; k < 2; k++) {
            assert_string_equal(f->head_names[k], g->head_names[k]);
            assert_string_equal(graph->tensors[f->heads[k]].name, again->tensors[g->heads[k]].name);
            assert_same_double(f->accuracy[k], g->accuracy[k]);
            assert_same_double(f->validation[k], g->validation[k]);
        }
        assert_int_equal(g->n_channels, 3);
        assert_memory_equal(f->mean, g->mean, 3 * sizeof(float));
        assert_memory_equal(f->std, g->std, 3 * sizeof(float));
        assert_int_equal(g->n_labels, 5);
        for (int i = 0; i < 5; i++)
            assert_string_equal(f->labels[i], g->labels[i]);
        assert_string_equal(g->recipe, "vgg16");
        assert_string_equal(g->strategy, "unified-kd");
        assert_string_equal(g->data, "builtin:shapes10");
        wick_buf_free(&bytes);
        wick_graph_free(again);
    }
    wick_graph_free(graph);
}

static void the_bytes_do_not_depend_on_the_batch(void **state) {
    (void)state;
    wick_graph *graph = helper_all_operators();
    wick_buf one = helper_bytes(graph);
    assert_int_equal(wick_graph_set_batch(graph, 7, NULL), WICK_OK);
    wick_buf seven = helper_bytes(graph);
    assert_int_equal(one.len, seven.len);
    assert_memory_equal(one.data, seven.data, one.len);
    wick_graph *again = reread(&seven);
    assert_int_equal(again->tensors[again->input].shape.dim[0], 1);
    wick_buf_free(&one);
    wick_buf_free(&seven);
    wick_graph_free(graph);
    wick_graph_free(again);
}

static void without_features_each_head_stands_alone(void **state) {
    (void)state;
    wick_graph *graph = helper_all_operators();
    wick_graph *head = wick_graph_head(graph, 2);
    head->family.features = -1;
    head->family.n_channels = head->family.n_labels = 0;
    wick_buf bytes = helper_bytes(head);
    wick_graph *again = reread(&bytes);
    assert_int_equal(again->family.features, -1);
    assert_int_equal(again->family.n_heads, 1);
    assert_int_equal(again->family.n_labels, 0);
    for (int n = 0; n < again->n_nodes; n++)
        assert_int_equal(again->nodes[n].segment, 1);
    wick_buf_free(&bytes);
    wick_graph_free(graph);
    wick_graph_free(head);
    wick_graph_free(again);
}

static void identities_vanish(void **state) {
    (void)state;
    wick_graph *graph = wick_graph_new("identity");
    graph->input = wick_graph_tensor(graph, "x", WICK_F32, (wick_shape){4, {1, 2, 3, 3}}, NULL);
    int a = wick_graph_node(graph, "i1", WICK_OP_IDENTITY, &graph->input, 1, "a", NULL);
    int b = wick_graph_node(graph, "f", WICK_OP_FLATTEN, &a, 1, "b", NULL);
    int c = wick_graph_node(graph, "i2", WICK_OP_IDENTITY, &b, 1, "c", NULL);
    graph->family.n_heads = 1;
    graph->family.heads[0] = c;
    assert_int_equal(wick_graph_infer(graph, NULL), WICK_OK);
    wick_buf bytes = helper_bytes(graph);
    wick_graph *again = reread(&bytes);
    assert_int_equal(again->n_nodes, 1);
    assert_int_equal(again->nodes[0].op, WICK_OP_FLATTEN);
    assert_same_logits(graph, again);
    wick_buf_free(&bytes);
    wick_graph_free(graph);
    wick_graph_free(again);
}

static void texts_that_are_not_utf8_are_refused(void **state) {
    (void)state;
    wick_graph *graph = helper_all_operators();
    static const char *labels[1] = {"\xff"};
    graph->family.labels = labels;
    graph->family.n_labels = 1;
    wick_buf bytes = {0};
    wick_diag diag = {0};
    assert_int_equal(wick_onnx_write_bytes(graph, "x.onnx", &bytes, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "wick.labels"));
    assert_int_equal(bytes.len, 0);
    wick_diag_free(&diag);
    wick_buf_free(&bytes);
    wick_graph_free(graph);
}

static void files_are_written_whole_and_read(void **state) {
    (void)state;
    char folder[] = "/tmp/wick-test-onnx-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/m.onnx", folder);
    wick_graph *graph = helper_all_operators(), *again;
    wick_diag diag = {0};
    assert_int_equal(wick_onnx_write(graph, path, &diag), WICK_OK);
    assert_int_equal(wick_onnx_read(path, &again, &diag), WICK_OK);
    assert_same_logits(graph, again);
    wick_graph_free(again);
    assert_int_equal(wick_onnx_read("/nonexistent.onnx", &again, &diag), WICK_NOT_FOUND);
    assert_null(again);
    assert_int_equal(wick_onnx_write(graph, "/nonexistent/m.onnx", &diag), WICK_OUTPUT);
    wick_diag_free(&diag);
    wick_graph_free(graph);
    assert_true(wick_path_remove(folder));
}

/* Found by fuzzing. joined_batch.onnx: a Softmax of opset 6 joins dimensions, so that a tensor's
   first one is no longer the images. infinite_bias.onnx: beta makes a Gemm's bias infinite. */
static void fuzzed_files_come_back(void **state) {
    (void)state;
    static const char *const names[] = {"joined_batch.onnx", "infinite_bias.onnx"};
    for (size_t i = 0; i < WICK_LEN(names); i++) {
        wick_arena *arena = wick_arena_new();
        wick_bytes file;
        wick_graph *first;
        wick_buf bytes = {0}, again = {0};
        char *path = wick_path_join(arena, WICK_TEST_DATA, names[i]);
        assert_int_equal(wick_file_read(arena, path, 4096, &file, NULL), WICK_OK);
        assert_int_equal(wick_onnx_read_bytes((const uint8_t *)file.data, file.len, names[i], NULL,
                                              &first, NULL),
                         WICK_OK);
        assert_int_equal(wick_onnx_write_bytes(first, "x.onnx", &bytes, NULL), WICK_OK);
        wick_graph *second = reread(&bytes);
        assert_int_equal(wick_onnx_write_bytes(second, "x.onnx", &again, NULL), WICK_OK);
        assert_int_equal(again.len, bytes.len);
        assert_memory_equal(again.data, bytes.data, bytes.len);
        wick_buf_free(&bytes);
        wick_buf_free(&again);
        wick_graph_free(first);
        wick_graph_free(second);
        wick_arena_free(arena);
    }
}

/* Found by fuzzing: a Gemm whose beta is not a number. */
static void a_factor_that_is_no_number_is_refused(void **state) {
    (void)state;
    wick_graph *graph;
    wick_diag diag = {0};
    assert_int_equal(wick_onnx_read(WICK_TEST_DATA "/nan_beta.onnx", &graph, &diag),
                     WICK_UNSUPPORTED);
    assert_null(graph);
    assert_true(wick_diag_contains(&diag, "is not a finite number"));
    wick_diag_free(&diag);
}

/* Found by fuzzing: what three images become as one row is written as a Reshape, and both are
   refused. */
static void a_batch_in_one_row_is_refused(void **state) {
    (void)state;
    wick_graph *graph;
    assert_int_equal(wick_onnx_read(WICK_TEST_DATA "/unsqueezed_batch.onnx", &graph, NULL),
                     WICK_UNSUPPORTED);
    assert_null(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_comes_back),
        cmocka_unit_test(dropout_vanishes),
        cmocka_unit_test(constants_come_back_with_type_and_bits),
        cmocka_unit_test(the_family_comes_back_to_the_last_bit),
        cmocka_unit_test(the_bytes_do_not_depend_on_the_batch),
        cmocka_unit_test(fuzzed_files_come_back),
        cmocka_unit_test(a_batch_in_one_row_is_refused),
        cmocka_unit_test(a_factor_that_is_no_number_is_refused),
        cmocka_unit_test(without_features_each_head_stands_alone),
        cmocka_unit_test(identities_vanish),
        cmocka_unit_test(texts_that_are_not_utf8_are_refused),
        cmocka_unit_test(files_are_written_whole_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
