/* The integer network against onnxruntime: models and stored outputs are made by
   make_qdq_vectors.py, which calls this program with WICK_WRITE_MODELS=FOLDER first. */
#include "helper_qdq.h"
#include "onnx/onnx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { IMAGES = 2, MAX_BYTES = 1 << 20 };

/* Quantized by wick; and float models for onnxruntime's own quantizer. */
static int write_models(const char *folder) {
    wick_arena *arena = wick_arena_new();
    wick_diag diag = {0};
    wick_graph *graph = helper_family(21), *qdq = helper_quantize(graph, 21, 8);
    wick_status status =
        wick_onnx_write(qdq, wick_path_join(arena, folder, "qdq_wick.onnx"), &diag);
    wick_graph *other = helper_family(22),
               *wide = helper_quantize_wide(other, 22, 8,
                                            &(wick_quantize_options){.activation_bits = 16});
    if (status == WICK_OK)
        status = wick_onnx_write(wide, wick_path_join(arena, folder, "qdq_wick16.onnx"), &diag);
    for (int head = 1; head <= 2 && status == WICK_OK; head++) {
        wick_graph *single = wick_graph_head(graph, head);
        single->family.features = -1;
        char *name = wick_arena_printf(arena, "float_head%d.onnx", head);
        status = wick_onnx_write(single, wick_path_join(arena, folder, name), &diag);
        wick_graph_free(single);
    }
    wick_diag_print(&diag, stderr);
    return wick_status_exit(status);
}

static wick_bytes stored(wick_arena *arena, const char *name) {
    wick_bytes bytes;
    char *path = wick_path_join(arena, WICK_TEST_DATA, name);
    assert_int_equal(wick_file_read(arena, path, MAX_BYTES, &bytes, NULL), WICK_OK);
    return bytes;
}

/* Tensors that QuantizeLinear makes of activations, in node order, as the script stores them. */
static bool is_stored(const wick_graph *graph, const wick_node *node) {
    return node->op == WICK_OP_QUANTIZE && !graph->tensors[node->inputs[0]].data;
}

/* One image: reference[t] of every device tensor from the bytes that onnxruntime computed. */
static const uint8_t *read_image(const wick_graph *graph, const wick_qnet *net, const uint8_t *at,
                                 int8_t **reference, bool *known) {
    for (int n = 0; n < graph->n_nodes; n++) {
        if (!is_stored(graph, &graph->nodes[n]))
            continue;
        const wick_tensor *tensor = &graph->tensors[graph->nodes[n].output];
        for (int t = 0; t < net->n_tensors; t++)
            if (!strcmp(net->tensors[t].name, tensor->name)) {
                helper_to_device(&net->tensors[t], at, tensor->dtype, reference[t]);
                known[t] = true;
            }
        at += (size_t)wick_shape_count(tensor->shape) * wick_dtype_bytes(tensor->dtype);
    }
    return at;
}

static int compare_layers(const wick_qnet *net, int8_t **reference, const bool *known,
                          int64_t *outputs) {
    int different = 0;
    for (int l = 0; l < net->n_layers; l++) {
        const wick_layer *layer = &net->layers[l];
        const int8_t *src[WICK_MAX_OPERANDS];
        for (int i = 0; i < layer->n_operands; i++) {
            src[i] = reference[layer->operands[i].tensor];
            assert_true(known[layer->operands[i].tensor]);
        }
        assert_true(known[layer->dst]);
        uint32_t count = (uint32_t)layer->out_h * layer->out_w * layer->out_c;
        const wick_qtensor *t = &net->tensors[layer->dst];
        int8_t *y = wick_xalloc(count * sizeof(int16_t));
        wick_layer_run(layer, src, 0, 0, count, y, NULL);
        for (uint32_t i = 0; i < count; i++) {
            int got = wick_qtensor_at(t, y, i), want = wick_qtensor_at(t, reference[layer->dst], i);
            int d = got - want;
            if (d < -1 || d > 1)
                fail_msg("layer %s, output %u: %d, onnxruntime has %d", net->info[l].name, i, got,
                         want);
            different += d != 0;
        }
        *outputs += count;
        free(y);
    }
    return different;
}

static void compare_model(const char *model, const char *vectors, int least_layers) {
    wick_arena *arena = wick_arena_new();
    wick_diag diag = {0};
    wick_graph *graph;
    wick_qnet *net;
    wick_status status =
        wick_onnx_read(wick_path_join(arena, WICK_TEST_DATA, model), &graph, &diag);
    if (status == WICK_OK)
        status = wick_qnet_lower(graph, &net, &diag);
    wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
    assert_true(net->n_layers >= least_layers);
    wick_bytes bytes = stored(arena, vectors);
    const uint8_t *at = bytes.data;
    int8_t **reference = wick_qnet_buffers(net, arena), **run = wick_qnet_buffers(net, arena);
    int different = 0;
    int64_t outputs = 0;
    for (int image = 0; image < IMAGES; image++) {
        const wick_qtensor *x = &net->tensors[net->input];
        const uint8_t *pixels = at;
        bool *known = wick_new(arena, bool, net->n_tensors);
        at = read_image(graph, net, at + x->h * x->w * x->c, reference, known);
        different += compare_layers(net, reference, known, &outputs);
        /* The pixel table gives the same input, and a whole run ends within three steps. */
        wick_qnet_run(net, pixels, UINT32_MAX, run);
        assert_memory_equal(run[net->input], reference[net->input], (size_t)(x->h * x->w * x->c));
        for (int k = 0; k < net->n_modules; k++)
            for (int i = 0; i < net->n_classes; i++)
                assert_in_range(run[net->logits[k]][i] - reference[net->logits[k]][i] + 3, 0, 6);
    }
    assert_int_equal(at - bytes.data, bytes.len);
    assert_true(different * 100 < outputs);
    wick_qnet_free(net);
    wick_graph_free(graph);
    wick_arena_free(arena);
}

static void our_model_as_onnxruntime_runs_it(void **state) {
    (void)state;
    compare_model("qdq_wick.onnx", "qdq_wick.bin", 14);
}

/* The same with activations of 16 bits (opset 21). */
static void wide_activations_as_onnxruntime_runs_them(void **state) {
    (void)state;
    compare_model("qdq_wick16.onnx", "qdq_wick16.bin", 14);
}

/* onnxruntime's static quantization: int8 with a scale for each channel, uint8 with one scale. */
static void models_that_onnxruntime_quantized(void **state) {
    (void)state;
    compare_model("qdq_ort_s8.onnx", "qdq_ort_s8.bin", 10);
    compare_model("qdq_ort_u8.onnx", "qdq_ort_u8.bin", 10);
}

int main(void) {
    const char *folder = getenv("WICK_WRITE_MODELS");
    if (folder)
        return write_models(folder);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_model_as_onnxruntime_runs_it),
        cmocka_unit_test(wide_activations_as_onnxruntime_runs_them),
        cmocka_unit_test(models_that_onnxruntime_quantized),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
