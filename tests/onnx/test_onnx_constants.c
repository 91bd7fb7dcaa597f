/* Constants of every type and place: in the file, in a file beside it, computed from others. */
#include "helper_onnx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    FLOAT = 1,
    U8,
    S8,
    U16,
    S16,
    S32,
    S64,
    BOOL = 9,
    HALF,
    DOUBLE,
    U32,
    U64,
    BF16 = 16,
    U4 = 21,
    S4
};

/* y = x + Cast(c): what the graph holds for a constant of four elements. */
static void expect_values(wick_buf tensor, const float *want) {
    wick_buf graph = {0}, a = {0};
    onnx_value(&graph, GRAPH_INPUT, "x", 2, (int64_t[]){1, 4});
    onnx_value(&graph, GRAPH_OUTPUT, "y", 2, (int64_t[]){1, 4});
    pb_message(&graph, 5, &tensor);
    onnx_attr_int(&a, "to", FLOAT);
    onnx_node(&graph, "cast", "Cast", "c", "f", &a);
    onnx_node(&graph, "add", "Add", "x,f", "y", NULL);
    wick_buf bytes = onnx_model(&graph, 17);
    wick_graph *out;
    wick_diag diag = {0};
    wick_status status = helper_read(&bytes, &out, &diag);
    wick_diag_print(&diag, stdout);
    assert_int_equal(status, WICK_OK);
    float image[4] = {0};
    size_t count;
    float *got = helper_logits(out, image, &count);
    assert_int_equal(count, 4);
    for (int i = 0; i < 4; i++)
        assert_true(got[i] >= want[i] && got[i] <= want[i]);
    free(got);
    wick_graph_free(out);
    wick_buf_free(&bytes);
}

static wick_buf raw(int type, const void *data, size_t len) {
    return onnx_tensor("c", type, 1, (int64_t[]){4}, data, len);
}

static void every_type_is_read_raw(void **state) {
    (void)state;
    const float small[4] = {1, -2, 100, 0};
    expect_values(raw(FLOAT, (float[]){1, -2, 100, 0}, 16), small);
    expect_values(raw(DOUBLE, (double[]){1, -2, 100, 0}, 32), small);
    expect_values(raw(S8, (int8_t[]){1, -2, 100, 0}, 4), small);
    expect_values(raw(S16, (int16_t[]){1, -2, 100, 0}, 8), small);
    expect_values(raw(S32, (int32_t[]){1, -2, 100, 0}, 16), small);
    expect_values(raw(S64, (int64_t[]){1, -2, 100, 0}, 32), small);
    /* 1, -2, 100, 0 as IEEE 754 binary16, and as the upper halves of floats. */
    expect_values(raw(HALF, (uint16_t[]){0x3c00, 0xc000, 0x5640, 0}, 8), small);
    expect_values(raw(BF16, (uint16_t[]){0x3f80, 0xc000, 0x42c8, 0}, 8), small);
    const float unsigned_[4] = {1, 254, 100, 0}, wide[4] = {1, 65534, 100, 0};
    expect_values(raw(U8, (uint8_t[]){1, 254, 100, 0}, 4), unsigned_);
    expect_values(raw(U16, (uint16_t[]){1, 65534, 100, 0}, 8), wide);
    expect_values(raw(U32, (uint32_t[]){1, 65534, 100, 0}, 16), wide);
    expect_values(raw(U64, (uint64_t[]){1, 65534, 100, 0}, 32), wide);
    expect_values(raw(BOOL, (uint8_t[]){1, 0, 1, 0}, 4), (float[]){1, 0, 1, 0});
    expect_values(raw(U4, (uint8_t[]){0x21, 0xf8}, 2), (float[]){1, 2, 8, 15});
    expect_values(raw(S4, (uint8_t[]){0x21, 0xf8}, 2), (float[]){1, 2, -8, -1});
    /* The smallest and largest halves, a subnormal. */
    expect_values(raw(HALF, (uint16_t[]){0x7bff, 0xfbff, 0x0001, 0x0400}, 8),
                  (float[]){65504, -65504, 0x1p-24f, 0x1p-14f});
}

/* A tensor in the typed list `field`, packed varints. */
static wick_buf typed(int type, int field, const uint64_t *values) {
    wick_buf out = {0}, list = {0};
    pb_int(&out, 1, 4);
    pb_int(&out, 2, (uint64_t)type);
    for (int i = 0; i < 4; i++)
        pb_varint(&list, values[i]);
    pb_message(&out, field, &list);
    pb_text(&out, 8, "c");
    return out;
}

static void typed_lists_are_read(void **state) {
    (void)state;
    const float small[4] = {1, -2, 100, 0};
    const uint64_t signed_[4] = {1, (uint64_t)-2, 100, 0};
    expect_values(typed(S8, 5, signed_), small);
    expect_values(typed(S16, 5, signed_), small);
    expect_values(typed(S32, 5, signed_), small);
    expect_values(typed(S64, 7, signed_), small);
    expect_values(typed(HALF, 5, (uint64_t[]){0x3c00, 0xc000, 0x5640, 0}), small);
    expect_values(typed(U32, 11, (uint64_t[]){1, 2, UINT32_MAX, 0}),
                  (float[]){1, 2, 4294967295.0f, 0});
}

/* --- external data --- */

typedef struct folder {
    char path[64], model[96], data[96];
} folder;

static folder make_folder(void) {
    folder f = {"/tmp/wick-external-XXXXXX", "", ""};
    assert_non_null(mkdtemp(f.path));
    snprintf(f.model, sizeof f.model, "%s/model.onnx", f.path);
    snprintf(f.data, sizeof f.data, "%s/weights.bin", f.path);
    const float weights[5] = {7, 1, 2, 3, 4};
    assert_int_equal(wick_file_write(f.data, weights, sizeof weights, NULL), WICK_OK);
    return f;
}

static void entry(wick_buf *tensor, const char *key, const char *value) {
    wick_buf e = {0};
    pb_text(&e, 1, key);
    pb_text(&e, 2, value);
    pb_message(tensor, 13, &e);
}

/* Reads a model whose constant lies at `location`; the status and, when bad, the text. */
static void expect_external(const folder *f, const char *location, const char *offset,
                            const char *length, wick_status want, const char *text) {
    wick_buf graph = {0}, tensor = {0};
    onnx_value(&graph, GRAPH_INPUT, "x", 2, (int64_t[]){1, 4});
    onnx_value(&graph, GRAPH_OUTPUT, "y", 2, (int64_t[]){1, 4});
    pb_int(&tensor, 1, 4);
    pb_int(&tensor, 2, FLOAT);
    pb_text(&tensor, 8, "c");
    entry(&tensor, "location", location);
    if (offset)
        entry(&tensor, "offset", offset);
    if (length)
        entry(&tensor, "length", length);
    pb_int(&tensor, 14, 1);
    pb_message(&graph, 5, &tensor);
    onnx_node(&graph, "add", "Add", "x,c", "y", NULL);
    wick_buf bytes = onnx_model(&graph, 17);
    assert_int_equal(wick_file_write(f->model, bytes.data, bytes.len, NULL), WICK_OK);
    wick_graph *out;
    wick_diag diag = {0};
    wick_status status = wick_onnx_read(f->model, &out, &diag);
    if (status != want || (text && !wick_diag_contains(&diag, text)))
        wick_diag_print(&diag, stdout);
    assert_int_equal(status, want);
    assert_true(!text || wick_diag_contains(&diag, text));
    if (out) {
        size_t count;
        float *got = helper_logits(out, (float[4]){0}, &count);
        for (int i = 0; i < 4; i++)
            assert_true(got[i] >= 1 + i && got[i] <= 1 + i);
        free(got);
    }
    wick_graph_free(out);
    wick_diag_free(&diag);
    wick_buf_free(&bytes);
}

static void data_beside_the_model_are_read(void **state) {
    (void)state;
    folder f = make_folder();
    expect_external(&f, "weights.bin", "4", "16", WICK_OK, NULL);
    expect_external(&f, "./weights.bin", "4", NULL, WICK_OK, NULL);
    expect_external(&f, "weights.bin", "8", NULL, WICK_TRUNCATED, "does not hold");
    expect_external(&f, "weights.bin", "4", "12", WICK_TRUNCATED, "does not hold");
    expect_external(&f, "weights.bin", "999999999999999999", NULL, WICK_TRUNCATED, "not hold");
    expect_external(&f, "weights.bin", "-4", NULL, WICK_SYNTAX, "malformed");
    expect_external(&f, "nowhere.bin", NULL, NULL, WICK_NOT_FOUND, "not a file");
    wick_path_remove(f.path);
}

static void nothing_outside_the_folder_is_read(void **state) {
    (void)state;
    folder f = make_folder(), other = make_folder();
    char path[256];
    snprintf(path, sizeof path, "../%s/weights.bin", wick_path_base(other.path));
    expect_external(&f, path, "4", NULL, WICK_NOT_FOUND, "not a file in the model's folder");
    expect_external(&f, other.data, "4", NULL, WICK_NOT_FOUND, "not a file in the model's folder");
    snprintf(path, sizeof path, "%s/link", f.path);
    assert_int_equal(symlink(other.data, path), 0);
    expect_external(&f, "link", "4", NULL, WICK_NOT_FOUND, "not a file in the model's folder");
    snprintf(path, sizeof path, "%s/away", f.path);
    assert_int_equal(symlink(other.path, path), 0);
    expect_external(&f, "away/weights.bin", "4", NULL, WICK_NOT_FOUND, "not a file");
    snprintf(path, sizeof path, "%s/pipe", f.path);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_external(&f, "pipe", NULL, NULL, WICK_NOT_FOUND, "not a file");
    snprintf(path, sizeof path, "%s/inner", f.path);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_external(&f, "inner", NULL, NULL, WICK_NOT_FOUND, "not a file");
    snprintf(path, sizeof path, "%s/inner/weights.bin", f.path);
    assert_int_equal(rename(f.data, path), 0);
    expect_external(&f, "inner/weights.bin", "4", "16", WICK_OK, NULL);
    wick_path_remove(f.path);
    wick_path_remove(other.path);
}

/* --- computed constants --- */

/* What exporters write for x.view(x.size(0), -1): Shape, Gather, Unsqueeze, Concat, Reshape. */
static void shape_arithmetic_vanishes(void **state) {
    (void)state;
    wick_buf graph = onnx_small_graph(), a = {0};
    int64_t zero = 0, rest = -1, one[1] = {1};
    wick_buf tensor = onnx_tensor("zero", S64, 0, NULL, &zero, sizeof zero);
    pb_message(&graph, 5, &tensor);
    tensor = onnx_tensor("rest", S64, 1, one, &rest, sizeof rest);
    pb_message(&graph, 5, &tensor);
    tensor = onnx_tensor("axes", S64, 1, one, &zero, sizeof zero);
    pb_message(&graph, 5, &tensor);
    onnx_node(&graph, "shape", "Shape", "x", "s", NULL);
    onnx_node(&graph, "first", "Gather", "s,zero", "n", NULL);
    onnx_node(&graph, "list", "Unsqueeze", "n,axes", "l", NULL);
    onnx_attr_int(&a, "axis", 0);
    onnx_node(&graph, "both", "Concat", "l,rest", "b", &a);
    onnx_node(&graph, "view", "Reshape", "x,b", "y", NULL);
    wick_buf bytes = onnx_model(&graph, 17);
    wick_graph *out;
    assert_int_equal(helper_read(&bytes, &out, NULL), WICK_OK);
    assert_int_equal(out->n_nodes, 1);
    assert_int_equal(out->nodes[0].op, WICK_OP_FLATTEN);
    wick_graph_free(out);
    wick_buf_free(&bytes);
}

/* A constant that would take long to compute stays a node. */
static void folding_is_bounded(void **state) {
    (void)state;
    wick_buf graph = onnx_small_graph(), a = {0};
    int64_t side[2] = {2000, 2000};
    onnx_weights(&graph, "big", 2, side);
    onnx_node(&graph, "square", "MatMul", "big,big", "m", NULL);
    onnx_attr_ints(&a, "axes", 2, (int64_t[]){0, 1});
    onnx_attr_int(&a, "keepdims", 0);
    onnx_node(&graph, "mean", "ReduceMean", "m", "one", &a);
    onnx_node(&graph, "mul", "Mul", "x,one", "y", NULL);
    wick_buf bytes = onnx_model(&graph, 17);
    wick_graph *out;
    assert_int_equal(helper_read(&bytes, &out, NULL), WICK_OK);
    assert_int_equal(out->n_nodes, 3);
    wick_graph_free(out);
    wick_buf_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read_raw),
        cmocka_unit_test(typed_lists_are_read),
        cmocka_unit_test(data_beside_the_model_are_read),
        cmocka_unit_test(nothing_outside_the_folder_is_read),
        cmocka_unit_test(shape_arithmetic_vanishes),
        cmocka_unit_test(folding_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
