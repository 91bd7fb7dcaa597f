/* libFuzzer entry for the reader; not part of the build: scripts/fuzz.sh (make fuzz) builds and
   runs it. */
#include "onnx/onnx.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Rough work of one evaluation, in elements; large when it would take long. */
static int64_t work(const wick_graph *graph) {
    enum { MAX = 1 << 20 };
    int64_t sum = wick_shape_count(graph->tensors[graph->input].shape);
    for (int n = 0; n < graph->n_nodes && sum < MAX; n++) {
        const wick_node *node = &graph->nodes[n];
        int64_t macs = wick_node_counts(graph, n).macs;
        int64_t out = wick_shape_count(graph->tensors[node->output].shape);
        int64_t in = wick_shape_count(graph->tensors[node->inputs[0]].shape);
        int64_t window = (int64_t)node->attrs.kernel[0] * node->attrs.kernel[1];
        if (macs > MAX || out > MAX || in > MAX || window > MAX)
            return MAX;
        sum += macs + in + out * window;
    }
    return sum < MAX ? sum : MAX;
}

static void evaluate(const wick_graph *graph) {
    if (work(graph) >= 1 << 20)
        return;
    size_t count = (size_t)wick_shape_count(graph->tensors[graph->input].shape);
    float *image = calloc(count, sizeof *image);
    void **values;
    for (size_t i = 0; image && i < count; i++)
        image[i] = (float)(i % 7) - 3;
    if (image && wick_graph_eval(graph, image, &values, NULL) == WICK_OK)
        wick_values_free(graph, values);
    free(image);
}

/* The same bytes as a tensor: an error or all of its values. */
static void read_tensor(const uint8_t *data, size_t size) {
    wick_arena *arena = wick_arena_new();
    wick_diag diag = {0};
    wick_onnx_tensor tensor;
    wick_status status = wick_onnx_tensor_read_bytes(data, size, "fuzz", arena, &tensor, &diag);
    if ((status == WICK_OK) != (tensor.values != NULL) || (status == WICK_OK) != (diag.count == 0))
        abort();
    float sum = 0;
    for (int64_t i = 0; status == WICK_OK && i < wick_shape_count(tensor.shape); i++)
        sum += tensor.values[i];
    volatile float used = sum;
    (void)used;
    wick_diag_free(&diag);
    wick_arena_free(arena);
}

/* Whatever is read can be evaluated, written and read again, to the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    wick_graph *graph, *again;
    wick_diag diag = {0};
    wick_buf first = {0}, second = {0};
    wick_onnx_options options = {.keep_batch = size & 1};
    wick_status status = wick_onnx_read_bytes(data, size, "fuzz", &options, &graph, &diag);
    if ((status == WICK_OK) != (graph != NULL) || (status == WICK_OK) != (diag.count == 0))
        abort();
    if (graph) {
        evaluate(graph);
        if (wick_onnx_write_bytes(graph, "fuzz", &first, NULL) != WICK_OK ||
            wick_onnx_read_bytes((const uint8_t *)first.data, first.len, "again", &options, &again,
                                 NULL) != WICK_OK ||
            wick_onnx_write_bytes(again, "again", &second, NULL) != WICK_OK ||
            first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
            abort();
        wick_graph_free(again);
    }
    if (!graph)
        read_tensor(data, size);
    wick_graph_free(graph);
    wick_buf_free(&first);
    wick_buf_free(&second);
    wick_diag_free(&diag);
    return 0;
}
