/* Tensors that are files by themselves. */
#include "helper_backend.h"
#include "helper_onnx.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FLOAT = 1, U8 = 2, S8 = 3, S32 = 6, S64 = 7, HALF = 10, DOUBLE = 11 };

static wick_status read_buf(const wick_buf *buf, wick_arena *arena, wick_onnx_tensor *out,
                            wick_diag *diag) {
    return wick_onnx_tensor_read_bytes((const uint8_t *)buf->data, buf->len, "t.pb", arena, out,
                                       diag);
}

/* Raw data of every type become the numbers that they are. */
static void numbers_of_every_type_are_read(void **state) {
    (void)state;
    static const float f[] = {1.5f, -2, 0.25f};
    static const uint8_t u8[] = {0, 128, 255};
    static const int8_t s8[] = {-128, 0, 127};
    static const int32_t s32[] = {-70000, 0, 70000};
    static const int64_t s64[] = {-5, 0, INT64_C(1) << 40};
    static const uint16_t half[] = {0x3e00, 0xc000, 0x0001};
    static const double d[] = {1e-3, -1e3, 3};
    const struct {
        int type;
        const void *raw;
        size_t len;
        double want[3];
    } cases[] = {{FLOAT, f, sizeof f, {1.5, -2, 0.25}},
                 {U8, u8, sizeof u8, {0, 128, 255}},
                 {S8, s8, sizeof s8, {-128, 0, 127}},
                 {S32, s32, sizeof s32, {-70000, 0, 70000}},
                 {S64, s64, sizeof s64, {-5, 0, 1099511627776.0}},
                 {HALF, half, sizeof half, {1.5, -2, 0x1p-24}},
                 {DOUBLE, d, sizeof d, {1e-3, -1e3, 3}}};
    static const int64_t dims[] = {1, 3};
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        wick_arena *arena = wick_arena_new();
        wick_onnx_tensor tensor;
        wick_buf buf = onnx_tensor("y", cases[i].type, 2, dims, cases[i].raw, cases[i].len);
        assert_int_equal(read_buf(&buf, arena, &tensor, NULL), WICK_OK);
        assert_string_equal(tensor.name, "y");
        assert_true(wick_shape_equal(tensor.shape, (wick_shape){2, {1, 3}}));
        for (int k = 0; k < 3; k++)
            assert_true(fabs((double)tensor.values[k] - cases[i].want[k]) <=
                        1e-6 * fabs(cases[i].want[k]));
        wick_buf_free(&buf);
        wick_arena_free(arena);
    }
}

/* Whatever is cut off, changed or promised: an error or numbers, one diagnostic for each error. */
static void damaged_files_are_refused(void **state) {
    (void)state;
    static const float f[] = {1, 2, 3, 4, 5, 6};
    static const int64_t dims[] = {2, 3}, huge[] = {1 << 20, 1 << 20}, more[] = {2, 4};
    wick_buf good = onnx_tensor("y", FLOAT, 2, dims, f, sizeof f);
    int refused = 0;
    for (size_t len = 0; len < good.len; len++) {
        wick_arena *arena = wick_arena_new();
        wick_diag diag = {0};
        wick_onnx_tensor tensor;
        wick_status status = wick_onnx_tensor_read_bytes((const uint8_t *)good.data, len, "t.pb",
                                                         arena, &tensor, &diag);
        assert_int_equal(diag.count, status != WICK_OK);
        assert_int_equal(tensor.values != NULL, status == WICK_OK);
        refused += status != WICK_OK;
        wick_diag_free(&diag);
        wick_arena_free(arena);
    }
    assert_int_equal(refused, good.len); /* no part of it is a tensor */
    wick_buf bad[] = {onnx_tensor("y", FLOAT, 2, huge, f, sizeof f),
                      onnx_tensor("y", FLOAT, 2, more, f, sizeof f),
                      onnx_tensor("y", 99, 2, dims, f, sizeof f)};
    static const wick_status want[] = {WICK_RANGE, WICK_SHAPE, WICK_UNSUPPORTED};
    for (size_t i = 0; i < WICK_LEN(bad); i++) {
        wick_arena *arena = wick_arena_new();
        wick_onnx_tensor tensor;
        assert_int_equal(read_buf(&bad[i], arena, &tensor, NULL), want[i]);
        wick_buf_free(&bad[i]);
        wick_arena_free(arena);
    }
    wick_buf_free(&good);
}

/* ONNX's own: each file of the conformance tests is what a reader without protobuf-c makes of it.
 */
static int compare_folder(const char *folder, wick_arena *arena) {
    char **names;
    size_t count;
    int compared = 0;
    if (wick_dir_list(arena, folder, &names, &count, NULL) != WICK_OK)
        return 0;
    for (size_t i = 0; i < count; i++) {
        char *path = wick_path_join(arena, folder, names[i]);
        backend_tensor want = backend_read_tensor(arena, path);
        wick_onnx_tensor got;
        if (want.type == 0 || !want.values ||
            wick_onnx_tensor_read(path, arena, &got, NULL) != WICK_OK)
            continue;
        assert_true(wick_shape_equal(got.shape, want.shape));
        for (int64_t k = 0; k < wick_shape_count(want.shape); k++) {
            float expected = (float)want.values[k];
            assert_true(memcmp(&got.values[k], &expected, sizeof expected) == 0 ||
                        (isnan(got.values[k]) && isnan(expected)));
        }
        compared++;
    }
    return compared;
}

static void conformance_tensors_are_read(void **state) {
    (void)state;
    char *root = backend_unpack();
    if (!root) {
        print_message("SKIP: no conformance tests in $WICK_ONNX_DATA\n");
        skip();
    }
    const char *find[] = {"find", root, "-type", "d", "-name", "test_data_set_*", NULL};
    wick_process process = {.argv = find, .timeout_s = 60};
    assert_int_equal(wick_process_run(&process, 1, 1, NULL, NULL, NULL), WICK_OK);
    int compared = 0;
    char *rest = process.output.data;
    for (char *line; rest && (line = strsep(&rest, "\n")) && *line;) {
        wick_arena *arena = wick_arena_new();
        compared += compare_folder(line, arena);
        wick_arena_free(arena);
    }
    wick_process_free(&process);
    wick_path_remove(root);
    free(root);
    print_message("%d tensors compared\n", compared);
    assert_true(compared > 3000);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_of_every_type_are_read),
                                       cmocka_unit_test(damaged_files_are_refused),
                                       cmocka_unit_test(conformance_tensors_are_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
