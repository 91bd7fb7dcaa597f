/* Stored vectors: what is read, in which order, and what a comparison finds. */
#include "helper_qdq.h"

#include "shrink/vectors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { INPUTS = 3, C = 2, H = 4, W = 5, CLASSES = 3 };

typedef struct fixture {
    wick_arena *arena;
    wick_graph *graph; /* x -> conv "a" -> relu "r" -> flatten -> gemm "y" */
    wick_graph *qdq;
    wick_qnet *net;
    char dir[32];
    float x[INPUTS][C * H * W], y[INPUTS][CLASSES], *a[INPUTS];
    int64_t a_count;
    wick_shape a_shape;
} fixture;

/* A float array of n x shape (from its second dimension on). */
static void save(const fixture *f, const char *name, int n, wick_shape shape, const float *values) {
    char header[128], dims[40];
    int at = snprintf(dims, sizeof dims, "%d", n);
    for (int d = 1; d < shape.rank; d++)
        at += snprintf(dims + at, sizeof dims - (size_t)at, ", %d", (int)shape.dim[d]);
    snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s,), }",
             dims);
    char *path = wick_path_join(f->arena, f->dir, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, file);
    fprintf(file, "%-117s\n", header);
    shape.dim[0] = n;
    fwrite(values, sizeof *values, (size_t)wick_shape_count(shape), file);
    assert_int_equal(fclose(file), 0);
}

static wick_shape input_shape(void) {
    return (wick_shape){4, {1, C, H, W}};
}

static void save_plain(const fixture *f) {
    save(f, "input_0.npy", INPUTS, input_shape(), f->x[0]);
    save(f, "output_0.npy", INPUTS, (wick_shape){2, {1, CLASSES}}, f->y[0]);
}

static int setup(void **state) {
    fixture *f = *state = calloc(1, sizeof *f);
    f->arena = wick_arena_new();
    f->graph = helper_graph(C, H, W);
    wick_rng rng = wick_rng_seed(5, 0);
    int t = helper_conv(f->graph, &rng, f->graph->input, "layer/a", C, 4, helper_window(3, 1, 1));
    t = helper_unary(f->graph, WICK_OP_RELU, t, "layer/r");
    t = helper_unary(f->graph, WICK_OP_FLATTEN, t, "flat");
    int y = helper_gemm(f->graph, &rng, t, "y", 4 * H * W, CLASSES);
    helper_finish(f->graph, -1, &y, 1);
    f->qdq = helper_quantize(f->graph, 5, 8);
    assert_int_equal(wick_qnet_lower(f->qdq, &f->net, NULL), WICK_OK);
    strcpy(f->dir, "/tmp/wick-vectors-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    int r = wick_graph_find(f->graph, "layer/r.y");
    assert_true(r >= 0);
    f->a_shape = f->graph->tensors[r].shape;
    f->a_count = wick_shape_count(f->a_shape);
    uint8_t pixels[C * H * W];
    for (int i = 0; i < INPUTS; i++) {
        void **values;
        helper_image(f->graph, &rng, pixels, f->x[i]);
        assert_int_equal(wick_graph_eval(f->graph, f->x[i], &values, NULL), WICK_OK);
        memcpy(f->y[i], values[f->graph->family.heads[0]], sizeof f->y[i]);
        f->a[i] = wick_new(f->arena, float, f->a_count);
        memcpy(f->a[i], values[r], (size_t)f->a_count * sizeof(float));
        wick_values_free(f->graph, values);
    }
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    wick_path_remove(f->dir);
    wick_qnet_free(f->net);
    wick_graph_free(f->qdq);
    wick_graph_free(f->graph);
    wick_arena_free(f->arena);
    free(f);
    return 0;
}

static void compare_float(const fixture *f, wick_vectors *v, wick_layer_noise **list, int *n) {
    assert_int_equal(wick_vectors_read(f->dir, f->graph, false, f->arena, v, NULL), WICK_OK);
    assert_int_equal(wick_vectors_float(f->graph, v, f->arena, list, n, NULL), WICK_OK);
}

static void vectors_are_what_was_saved(void **state) {
    const fixture *f = *state;
    wick_vectors v;
    wick_layer_noise *list;
    int n;
    save_plain(f);
    compare_float(f, &v, &list, &n);
    assert_int_equal(v.n, INPUTS);
    assert_memory_equal(v.inputs, f->x, sizeof f->x);
    assert_int_equal(n, 1);
    assert_true(isinf(list[0].snr_db) && list[0].snr_db > 0);
}

/* The same images, channels last. */
static void images_may_have_their_channels_last(void **state) {
    const fixture *f = *state;
    float last[INPUTS][H * W * C];
    wick_vectors v;
    for (int i = 0; i < INPUTS; i++)
        for (int p = 0; p < H * W; p++)
            for (int c = 0; c < C; c++)
                last[i][p * C + c] = f->x[i][c * H * W + p];
    save_plain(f);
    save(f, "input_0.npy", INPUTS, (wick_shape){4, {1, H, W, C}}, last[0]);
    assert_int_equal(wick_vectors_read(f->dir, f->graph, false, f->arena, &v, NULL), WICK_OK);
    assert_memory_equal(v.inputs, f->x, sizeof f->x);
}

/* Two folders as ONNX has them follow each other. */
static void sets_follow_each_other(void **state) {
    fixture *f = *state;
    char root[sizeof f->dir];
    strcpy(root, f->dir);
    for (int s = 0; s < 2; s++) {
        fixture set = *f;
        char *dir = wick_arena_printf(f->arena, "%s/test_data_set_%d", root, s);
        assert_int_equal(wick_dir_make(dir, NULL), WICK_OK);
        set.dir[0] = '\0';
        char *in = wick_arena_printf(f->arena, "%s/input_0.npy", dir);
        char *out = wick_arena_printf(f->arena, "%s/output_0.npy", dir);
        save(&set, in, 1, input_shape(), f->x[s]);
        save(&set, out, 1, (wick_shape){2, {1, CLASSES}}, f->y[s]);
    }
    wick_vectors v;
    wick_layer_noise *list;
    int n;
    compare_float(f, &v, &list, &n);
    assert_int_equal(v.n, 2);
    assert_memory_equal(v.inputs, f->x, 2 * sizeof f->x[0]);
    assert_true(isinf(list[0].snr_db));
    wick_path_remove(wick_arena_printf(f->arena, "%s/test_data_set_1/output_0.npy", root));
    assert_int_equal(wick_vectors_read(f->dir, f->graph, false, f->arena, &v, NULL),
                     WICK_NOT_FOUND);
}

/* A tensor in the middle that is expected otherwise is named, with the element. */
static void a_difference_names_tensor_input_and_element(void **state) {
    const fixture *f = *state;
    wick_vectors v;
    wick_layer_noise *list;
    int n;
    float *middle = wick_new(f->arena, float, INPUTS * f->a_count);
    for (int i = 0; i < INPUTS; i++)
        memcpy(middle + i * f->a_count, f->a[i], (size_t)f->a_count * sizeof(float));
    middle[f->a_count + 27] += 3; /* of input 1: channel 1, row 1, column 2 */
    middle[f->a_count + 28] += 2;
    save_plain(f);
    save(f, "layer_r.y.npy", INPUTS, f->a_shape, middle);
    save(f, "gone.npy", INPUTS, f->a_shape, middle);
    compare_float(f, &v, &list, &n);
    assert_int_equal(v.n_unknown, 1);
    assert_string_equal(v.unknown[0], "gone.npy");
    assert_int_equal(n, 2);
    assert_string_equal(list[0].name, "layer/r.y");
    assert_int_equal(list[0].worst_image, 1);
    assert_int_equal(list[0].worst_element, 27);
    assert_string_equal(wick_element_text(f->arena, list[0].shape, 27), "[0,1,1,2]");
    assert_true(fabs(list[0].worst_exact - list[0].worst_quantized - 3) < 1e-6);
    double snr = 10 * log10(list[0].signal / 13);
    assert_true(fabs(list[0].snr_db - snr) < 1e-4);
    assert_true(isinf(list[1].snr_db));
}

/* The integer network against the float model, layer by layer, and against the results alone. */
static void int8_is_near_and_a_wrong_result_is_found(void **state) {
    const fixture *f = *state;
    wick_vectors v;
    save_plain(f);
    assert_int_equal(wick_vectors_read(f->dir, f->qdq, false, f->arena, &v, NULL), WICK_OK);
    wick_vectors_int8 with = {.qdq = f->qdq, .net = f->net, .vectors = &v, .exact = f->graph};
    wick_int8_comparison c;
    assert_int_equal(wick_vectors_int8_run(&with, f->arena, &c, NULL), WICK_OK);
    assert_int_equal(c.n, 2);
    assert_string_equal(c.tensors[0].name, "layer/r.y");
    for (int i = 0; i < c.n; i++)
        assert_true(c.tensors[i].snr_db > 25 && c.tensors[i].snr_db < 70);
    assert_int_equal(c.answers, INPUTS);
    assert_int_equal(c.same_class, INPUTS);
    float wrong[INPUTS][CLASSES];
    for (int i = 0; i < INPUTS; i++)
        for (int k = 0; k < CLASSES; k++)
            wrong[i][k] = -f->y[i][k];
    save(f, "output_0.npy", INPUTS, (wick_shape){2, {1, CLASSES}}, wrong[0]);
    assert_int_equal(wick_vectors_read(f->dir, f->qdq, false, f->arena, &v, NULL), WICK_OK);
    assert_int_equal(wick_vectors_int8_run(&with, f->arena, &c, NULL), WICK_OK);
    assert_true(c.tensors[0].snr_db > 25 && c.tensors[1].snr_db < 0);
    assert_int_equal(c.same_class, 0);
    with.exact = NULL;
    assert_int_equal(wick_vectors_int8_run(&with, f->arena, &c, NULL), WICK_OK);
    assert_int_equal(c.n, 1);
    assert_true(c.tensors[0].snr_db < 0);
}

static void what_does_not_fit_is_refused(void **state) {
    const fixture *f = *state;
    wick_vectors v;
    assert_int_equal(wick_vectors_read("/nowhere", f->graph, false, f->arena, &v, NULL),
                     WICK_NOT_FOUND);
    assert_int_equal(wick_vectors_read(f->dir, f->graph, false, f->arena, &v, NULL),
                     WICK_NOT_FOUND);
    save(f, "input_0.npy", INPUTS, input_shape(), f->x[0]);
    assert_int_equal(wick_vectors_read(f->dir, f->graph, false, f->arena, &v, NULL),
                     WICK_NOT_FOUND);
    save(f, "output_0.npy", INPUTS - 1, (wick_shape){2, {1, CLASSES}}, f->y[0]);
    assert_int_equal(wick_vectors_read(f->dir, f->graph, false, f->arena, &v, NULL), WICK_SHAPE);
    save_plain(f);
    save(f, "input_0.npy", INPUTS, (wick_shape){4, {1, C, W, H}}, f->x[0]);
    assert_int_equal(wick_vectors_read(f->dir, f->graph, false, f->arena, &v, NULL), WICK_SHAPE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(vectors_are_what_was_saved),
        TEST(images_may_have_their_channels_last),
        TEST(sets_follow_each_other),
        TEST(a_difference_names_tensor_input_and_element),
        TEST(int8_is_near_and_a_wrong_result_is_found),
        TEST(what_does_not_fit_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
