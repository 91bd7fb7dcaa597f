/* Models that other projects published, by path: each evaluates in float to what onnxruntime gives
   (make_third_party.py, data/third_party.txt). */
#include "helper_backend.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* values[i] of the line, until it ends. */
static int numbers(const char *line, double *values, int max) {
    int n = 0;
    for (char *end; n < max; line = end) {
        values[n] = strtod(line, &end);
        if (end == line)
            break;
        n++;
    }
    return n;
}

static void compare(const char *path, const char *line) {
    wick_diag diag = {0};
    wick_graph *graph;
    void **values;
    double want[64];
    int n = numbers(line, want, 64);
    wick_status status = wick_onnx_read(path, &graph, &diag);
    wick_diag_print(&diag, stdout);
    assert_int_equal(status, WICK_OK);
    int64_t count = wick_shape_count(graph->tensors[graph->input].shape);
    float *image = wick_xalloc((size_t)count * sizeof *image);
    for (int64_t i = 0; i < count; i++)
        image[i] = (float)(((uint32_t)i * 2654435761u) >> 8) / 8388608.0f - 1;
    assert_int_equal(wick_graph_eval(graph, image, &values, NULL), WICK_OK);
    int head = graph->family.heads[0];
    const float *got = values[head];
    assert_int_equal(wick_shape_count(graph->tensors[head].shape), n);
    for (int i = 0; i < n; i++)
        if (fabs((double)got[i] - want[i]) > 2e-5 + 1e-4 * fabs(want[i]))
            fail_msg("%s: output %d is %g instead of %g", path, i, (double)got[i], want[i]);
    wick_values_free(graph, values);
    free(image);
    wick_graph_free(graph);
}

static void all_evaluate_as_onnxruntime(void **state) {
    (void)state;
    const char *folder = backend_data_folder();
    wick_arena *arena = wick_arena_new();
    wick_bytes text;
    int compared = 0;
    assert_int_equal(wick_file_read(arena, WICK_TEST_DATA "/third_party.txt", 1 << 16, &text, NULL),
                     WICK_OK);
    char *rest = (char *)text.data;
    for (char *line; folder && (line = strsep(&rest, "\n")) && *line;) {
        char *name = strsep(&line, " ");
        char *path = wick_arena_printf(arena, "%s/models/%s", folder, name);
        if (!wick_path_is_file(path))
            continue;
        compare(path, line);
        compared++;
    }
    wick_arena_free(arena);
    print_message("%d models compared\n", compared);
    if (compared == 0) {
        print_message("SKIP: no models in $WICK_ONNX_DATA\n");
        skip();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_evaluate_as_onnxruntime)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
