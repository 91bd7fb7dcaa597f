/* The tests that the ONNX project publishes for backends, by path: each either gives the expected
   numbers or is refused with the reason; the counts may not go down. */
#include "helper_backend.h"
#include "helper_onnx.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_TENSORS = 16, MAX_ELEMENTS = 1 << 22 };

/* What passes today. Raise it with every operator; it may not go down. */
enum { FLOOR_NODE = 431, FLOOR_CONVERTED = 64, FLOOR_OPERATOR = 26, FLOOR_SIMPLE = 5 };

typedef enum verdict { PASSED, REFUSED, WRONG } verdict;

typedef struct result {
    verdict verdict;
    char *why; /* in the arena */
} result;

static bool is_real(int type) {
    return type == 1 || type == 10 || type == 11 || type == 16; /* float, half, double, bfloat16 */
}

/* Half and bfloat16 have 11 and 8 bits; the expected values were computed in them. */
static bool near(double got, double want, int type) {
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got))
        return got >= want && got <= want;
    double relative = type == 10 ? 4e-3 : type == 16 ? 2e-2 : 1e-3;
    return fabs(got - want) <= (type == 10 || type == 16 ? 1e-3 : 1e-6) + relative * fabs(want);
}

static double element(const wick_tensor *t, const void *data, int64_t i) {
    switch (t->dtype) {
    case WICK_F32:
        return (double)((const float *)data)[i];
    case WICK_S8:
        return ((const int8_t *)data)[i];
    case WICK_U8:
        return ((const uint8_t *)data)[i];
    case WICK_S16:
        return ((const int16_t *)data)[i];
    case WICK_S32:
        return ((const int32_t *)data)[i];
    default:
        return (double)((const int64_t *)data)[i];
    }
}

static char *differs(wick_arena *arena, const wick_graph *graph, void **values,
                     const backend_tensor *want) {
    int head = graph->family.heads[0];
    const wick_tensor *got = &graph->tensors[head];
    if (!wick_shape_equal(got->shape, want->shape))
        return wick_arena_printf(arena, "%s instead of %s", wick_shape_text(arena, got->shape),
                                 wick_shape_text(arena, want->shape));
    for (int64_t i = 0, n = wick_shape_count(got->shape); i < n; i++) {
        double value = element(got, values[head], i);
        if (!near(value, want->values[i], want->type))
            return wick_arena_printf(arena, "element %lld is %g instead of %g", (long long)i, value,
                                     want->values[i]);
    }
    return NULL;
}

static float *image_of(const wick_graph *graph, const backend_tensor *input) {
    size_t count = (size_t)wick_shape_count(graph->tensors[graph->input].shape);
    float *image = wick_xalloc(count * sizeof *image);
    for (size_t i = 0; input && i < count; i++)
        image[i] = (float)input->values[i];
    return image;
}

/* Too large for the loops of the reference? */
static bool is_small(const wick_graph *graph) {
    int64_t work = 0;
    for (int n = 0; n < graph->n_nodes; n++)
        work += wick_node_counts(graph, n).macs +
                wick_shape_count(graph->tensors[graph->nodes[n].output].shape);
    return work < MAX_ELEMENTS * 16;
}

/* With WICK_FUZZ_CORPUS=folder every model and expected tensor is left there, for scripts/fuzz.sh.
 */
static void keep(const void *bytes, size_t len, const char *ending) {
    const char *folder = getenv("WICK_FUZZ_CORPUS");
    if (!folder)
        return;
    wick_hash hash = wick_hash_bytes(bytes, len);
    char path[512];
    snprintf(path, sizeof path, "%s/%.12s.%s", folder, hash.hex, ending);
    assert_int_equal(wick_file_write(path, bytes, len, NULL), WICK_OK);
}

static result run_output(wick_arena *arena, const backend_model *model, const backend_tensor *input,
                         const backend_tensor *want) {
    keep(model->bytes.data, model->bytes.len, "onnx");
    keep(want->bytes, want->len, "pb");
    wick_diag diag = {0};
    wick_graph *graph;
    void **values;
    wick_onnx_options options = {.keep_batch = true};
    result r = {PASSED, NULL};
    wick_status status = wick_onnx_read_bytes((const uint8_t *)model->bytes.data, model->bytes.len,
                                              "model.onnx", &options, &graph, &diag);
    if (status != WICK_OK) {
        assert_true(diag.count > 0);
        r = (result){REFUSED, wick_arena_printf(arena, "%s%s%s", diag.items[0].reason,
                                                diag.items[0].hint ? "; " : "",
                                                diag.items[0].hint ? diag.items[0].hint : "")};
    } else if (!is_small(graph)) {
        r = (result){REFUSED, "too large for this test"};
    } else if (input && wick_shape_count(graph->tensors[graph->input].shape) !=
                            wick_shape_count(input->shape)) {
        r = (result){WRONG, "the input has another size"};
    } else {
        float *image = image_of(graph, input);
        assert_int_equal(wick_graph_eval(graph, image, &values, NULL), WICK_OK);
        r.why = differs(arena, graph, values, want);
        r.verdict = r.why ? WRONG : PASSED;
        wick_values_free(graph, values);
        free(image);
    }
    wick_graph_free(graph);
    wick_diag_free(&diag);
    return r;
}

static int read_tensors(wick_arena *arena, const char *set, const char *what,
                        backend_tensor *tensors) {
    int n = 0;
    for (; n < MAX_TENSORS; n++) {
        char *path = wick_arena_printf(arena, "%s/%s_%d.pb", set, what, n);
        if (!wick_path_is_file(path))
            break;
        tensors[n] = backend_read_tensor(arena, path);
    }
    return n;
}

/* Doubles beyond float32 cannot be right. */
static bool beyond_float(const backend_tensor *tensors, int n) {
    for (int i = 0; i < n; i++)
        for (int64_t k = 0; tensors[i].type && k < wick_shape_count(tensors[i].shape); k++)
            if (isfinite(tensors[i].values[k]) && fabs(tensors[i].values[k]) > 3e38)
                return true;
    return false;
}

/* One data set: each output by itself, so that modules need not share. */
static result run_set(wick_arena *arena, const char *folder, const char *set, const char **ops) {
    backend_tensor inputs[MAX_TENSORS], outputs[MAX_TENSORS];
    char *path = wick_arena_printf(arena, "%s/model.onnx", folder);
    int n_inputs = read_tensors(arena, set, "input", inputs);
    int n_outputs = read_tensors(arena, set, "output", outputs);
    int activation = n_inputs > 0 && is_real(inputs[0].type) ? 0 : -1;
    result r = {REFUSED, "no tensors of a known type"};
    if (beyond_float(inputs, n_inputs) || beyond_float(outputs, n_outputs))
        return (result){REFUSED, "numbers beyond float32"};
    for (int k = 0; k < n_outputs; k++) {
        backend_model m = backend_bind(arena, path, inputs, n_inputs, activation, k);
        *ops = m.ops;
        if (outputs[k].type)
            r = run_output(arena, &m, activation >= 0 ? &inputs[0] : NULL, &outputs[k]);
        else
            r = (result){REFUSED, "no tensors of a known type"};
        wick_buf_free(&m.bytes);
        if (r.verdict != PASSED)
            break;
    }
    return r;
}

static void run_folder(const char *root, const char *folder, int floor) {
    wick_arena *all = wick_arena_new();
    char **names;
    size_t count, counts[3] = {0};
    char *base = wick_arena_printf(all, "%s/onnx/backend/test/data/%s", root, folder);
    assert_int_equal(wick_dir_list(all, base, &names, &count, NULL), WICK_OK);
    for (size_t i = 0; i < count; i++) {
        wick_arena *arena = wick_arena_new();
        char *test = wick_path_join(arena, base, names[i]);
        const char *ops = "";
        result r = {REFUSED, "no data set"};
        for (int s = 0;; s++) {
            char *set = wick_arena_printf(arena, "%s/test_data_set_%d", test, s);
            if (!wick_path_is_dir(set))
                break;
            r = run_set(arena, test, set, &ops);
            if (r.verdict != PASSED)
                break;
        }
        counts[r.verdict]++;
        if (r.verdict == REFUSED)
            print_message("unsupported %s (%s): %.160s\n", names[i], ops, r.why);
        if (r.verdict == WRONG)
            print_message("WRONG %s (%s): %s\n", names[i], ops, r.why);
        wick_arena_free(arena);
    }
    print_message("%s: %zu passed, %zu unsupported, %zu wrong of %zu\n", folder, counts[PASSED],
                  counts[REFUSED], counts[WRONG], count);
    wick_arena_free(all);
    assert_int_equal(counts[WRONG], 0);
    assert_true((int)counts[PASSED] >= floor);
}

static int unpack(void **state) {
    *state = backend_unpack();
    return 0;
}

static int clean_up(void **state) {
    if (*state)
        wick_path_remove(*state);
    free(*state);
    return 0;
}

static void needs_data(void **state) {
    if (*state)
        return;
    print_message("SKIP: no onnx-backend-test-data.tar.zst in $WICK_ONNX_DATA, or no zstd\n");
    skip();
}

static void node_tests(void **state) {
    needs_data(state);
    run_folder(*state, "node", FLOOR_NODE);
}

static void pytorch_tests(void **state) {
    needs_data(state);
    run_folder(*state, "pytorch-converted", FLOOR_CONVERTED);
    run_folder(*state, "pytorch-operator", FLOOR_OPERATOR);
    run_folder(*state, "simple", FLOOR_SIMPLE);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(node_tests),
                                       cmocka_unit_test(pytorch_tests)};
    return cmocka_run_group_tests(tests, unpack, clean_up);
}
