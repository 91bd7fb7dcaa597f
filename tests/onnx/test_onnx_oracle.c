/* Models made by onnx.helper give the logits that onnxruntime gave (make_vectors.py, data/). With
   WICK_ONNX_KEEP=folder what wick writes for them is left there, for "make_vectors.py check". */
#include "helper_onnx.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* [N,H,W,C] as [N,C,H,W]. */
static float *to_nchw(const float *src, wick_shape shape) {
    int64_t n = shape.dim[0], c = shape.dim[1], h = shape.dim[2], w = shape.dim[3];
    float *dst = wick_xalloc((size_t)wick_shape_count(shape) * sizeof *dst);
    for (int64_t i = 0; i < n * h * w; i++)
        for (int64_t k = 0; k < c; k++)
            dst[(i / (h * w) * c + k) * h * w + i % (h * w)] = src[i * c + k];
    return dst;
}

static void keep(const wick_graph *graph, const char *name, const float *image, size_t n_image,
                 const float *logits, size_t n_logits) {
    const char *folder = getenv("WICK_ONNX_KEEP");
    if (!folder)
        return;
    char path[512];
    snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    assert_int_equal(wick_onnx_write(graph, path, NULL), WICK_OK);
    snprintf(path, sizeof path, "%s/%s_input.bin", folder, name);
    assert_int_equal(wick_file_write(path, image, n_image * sizeof *image, NULL), WICK_OK);
    snprintf(path, sizeof path, "%s/%s_logits.bin", folder, name);
    assert_int_equal(wick_file_write(path, logits, n_logits * sizeof *logits, NULL), WICK_OK);
}

static void compare(const char *name, bool nhwc) {
    wick_arena *arena = wick_arena_new();
    wick_diag diag = {0};
    wick_graph *graph;
    wick_bytes input, expected;
    char *path = wick_arena_printf(arena, "%s/%s.onnx", WICK_TEST_DATA, name);
    wick_status status = wick_onnx_read(path, &graph, &diag);
    wick_diag_print(&diag, stdout);
    assert_int_equal(status, WICK_OK);
    path = wick_arena_printf(arena, "%s/%s_input.bin", WICK_TEST_DATA, name);
    assert_int_equal(wick_file_read(arena, path, 1 << 20, &input, &diag), WICK_OK);
    path = wick_arena_printf(arena, "%s/%s_logits.bin", WICK_TEST_DATA, name);
    assert_int_equal(wick_file_read(arena, path, 1 << 20, &expected, &diag), WICK_OK);
    assert_int_equal(wick_graph_set_batch(graph, 2, &diag), WICK_OK);
    wick_shape shape = graph->tensors[graph->input].shape;
    size_t n_image = (size_t)wick_shape_count(shape), count;
    assert_int_equal(input.len, n_image * sizeof(float));
    float *image = nhwc ? to_nchw((const float *)(const void *)input.data, shape)
                        : memcpy(wick_xalloc(input.len), input.data, input.len);
    float *logits = helper_logits(graph, image, &count);
    assert_non_null(logits);
    assert_int_equal(count * sizeof(float), expected.len);
    const float *want = (const float *)(const void *)expected.data;
    for (size_t i = 0; i < count; i++)
        assert_true(fabsf(logits[i] - want[i]) <= 1e-4f * fmaxf(1, fabsf(want[i])));
    keep(graph, name, image, n_image, logits, count);
    free(image);
    free(logits);
    wick_graph_free(graph);
    wick_diag_free(&diag);
    wick_arena_free(arena);
}

static void family_equals_onnxruntime(void **state) {
    (void)state;
    compare("family", false);
}

static void functions_equal_onnxruntime(void **state) {
    (void)state;
    compare("functions", false);
    compare("moves", false);
    compare("signal", false);
}

static void exporters_habits_equal_onnxruntime(void **state) {
    (void)state;
    compare("foreign_12", true);
    compare("foreign_18", true);
}

static void quantized_equals_onnxruntime(void **state) {
    (void)state;
    compare("quantized", false);
}

static void family_metadata_is_read(void **state) {
    (void)state;
    wick_graph *graph;
    assert_int_equal(wick_onnx_read(WICK_TEST_DATA "/family.onnx", &graph, NULL), WICK_OK);
    const wick_family *f = &graph->family;
    assert_int_equal(f->n_heads, 2);
    assert_string_equal(f->head_names[0], "TM1");
    assert_true(f->accuracy[0] >= 0.8125 && f->accuracy[0] <= 0.8125);
    assert_true(isnan(f->accuracy[1]));
    assert_string_equal(graph->tensors[f->features].name, "z");
    assert_int_equal(f->n_labels, 4);
    assert_string_equal(f->labels[3], "\xc3\xa4");
    assert_int_equal(f->n_channels, 3);
    wick_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(family_equals_onnxruntime),
        cmocka_unit_test(functions_equal_onnxruntime),
        cmocka_unit_test(exporters_habits_equal_onnxruntime),
        cmocka_unit_test(quantized_equals_onnxruntime),
        cmocka_unit_test(family_metadata_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
