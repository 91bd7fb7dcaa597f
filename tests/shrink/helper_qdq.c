#include "helper_qdq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int helper_constant(wick_graph *graph, const char *name, wick_shape shape, const float *values) {
    return wick_graph_tensor(graph, name, WICK_F32, shape, values);
}

int helper_normal(wick_graph *graph, wick_rng *rng, const char *name, wick_shape shape,
                  double gain) {
    int64_t count = wick_shape_count(shape);
    float *values = wick_xalloc((size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] = wick_rng_normal(rng) * (float)gain;
    int tensor = helper_constant(graph, name, shape, values);
    free(values);
    return tensor;
}

static char *suffixed(wick_graph *graph, const char *name, const char *suffix) {
    return wick_arena_printf(graph->arena, "%s%s", name, suffix);
}

int helper_conv(wick_graph *graph, wick_rng *rng, int x, const char *name, int in_c, int out_c,
                wick_attrs attrs) {
    int per_group = in_c / attrs.groups;
    wick_shape shape = {4, {out_c, per_group, attrs.kernel[0], attrs.kernel[1]}};
    double gain = 1.4 / (double)(per_group * attrs.kernel[0]);
    int inputs[3] = {
        x, helper_normal(graph, rng, suffixed(graph, name, ".w"), shape, gain),
        helper_normal(graph, rng, suffixed(graph, name, ".b"), (wick_shape){1, {out_c}}, 0.3)};
    return wick_graph_node(graph, name, WICK_OP_CONV, inputs, 3, suffixed(graph, name, ".y"),
                           &attrs);
}

int helper_gemm(wick_graph *graph, wick_rng *rng, int x, const char *name, int in_c, int out_c) {
    int inputs[3] = {
        x,
        helper_normal(graph, rng, suffixed(graph, name, ".w"), (wick_shape){2, {out_c, in_c}},
                      1.0 / in_c),
        helper_normal(graph, rng, suffixed(graph, name, ".b"), (wick_shape){1, {out_c}}, 0.1)};
    return wick_graph_node(graph, name, WICK_OP_GEMM, inputs, 3, suffixed(graph, name, ".y"), NULL);
}

int helper_unary(wick_graph *graph, wick_op op, int x, const char *name) {
    return wick_graph_node(graph, name, op, &x, 1, suffixed(graph, name, ".y"), NULL);
}

wick_attrs helper_window(int kernel, int stride, int pad) {
    wick_attrs attrs = wick_attrs_default();
    for (int i = 0; i < 2; i++) {
        attrs.kernel[i] = kernel;
        attrs.stride[i] = stride;
    }
    for (int i = 0; i < 4; i++)
        attrs.pad[i] = pad;
    return attrs;
}

wick_graph *helper_graph(int c, int h, int w) {
    wick_graph *graph = wick_graph_new("random");
    graph->input = wick_graph_tensor(graph, "x", WICK_F32, (wick_shape){4, {1, c, h, w}}, NULL);
    graph->family.n_channels = c;
    for (int i = 0; i < c; i++) {
        graph->family.mean[i] = 128.0F / 255;
        graph->family.std[i] = 0.5F;
    }
    return graph;
}

void helper_finish(wick_graph *graph, int features, const int *heads, int n_heads) {
    wick_diag diag = {0};
    graph->family.features = features;
    graph->family.n_heads = n_heads;
    for (int k = 0; k < n_heads; k++) {
        graph->family.heads[k] = heads[k];
        graph->family.head_names[k] = wick_arena_printf(graph->arena, "TM%d", k + 1);
    }
    wick_status status = wick_graph_infer(graph, &diag);
    if (status == WICK_OK)
        status = wick_graph_segment(graph, &diag);
    wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
}

/* Two convolutions of the same input, added, with a Relu, then joined with the first. The second
   one has two readers, so its Relu cannot be fused. */
static int residual_and_dense(wick_graph *g, wick_rng *rng, int x, int c) {
    int a = helper_unary(g, WICK_OP_RELU,
                         helper_conv(g, rng, x, "branch1", c, c, helper_window(3, 1, 1)), "relu1");
    wick_attrs one = helper_window(1, 1, 0);
    int b = helper_conv(g, rng, x, "branch2", c, c, one);
    int both[2] = {a, b};
    int sum = wick_graph_node(g, "sum", WICK_OP_ADD, both, 2, "sum.y", NULL);
    int parts[4] = {a, helper_unary(g, WICK_OP_RELU, sum, "relu2"), x,
                    helper_unary(g, WICK_OP_RELU, b, "relu3")};
    return wick_graph_node(g, "join", WICK_OP_CONCAT, parts, 4, "join.y", NULL);
}

static int64_t dim(const wick_graph *g, int tensor, int i) {
    return g->tensors[tensor].shape.dim[i];
}

/* TM1: convolution, Flatten of an image, two fully connected layers. */
static int large_head(wick_graph *g, wick_rng *rng, int z, int z_c, int classes) {
    int c = 3 + (int)wick_rng_below(rng, 6);
    int y = helper_conv(g, rng, z, "deep", z_c, c, helper_window(3, 1, 1));
    y = helper_unary(g, WICK_OP_RELU, y, "deep_relu");
    (void)wick_graph_infer(g, NULL);
    int count = c * (int)(dim(g, y, 2) * dim(g, y, 3));
    y = helper_unary(g, WICK_OP_FLATTEN, y, "flat");
    y = helper_unary(g, WICK_OP_RELU, helper_gemm(g, rng, y, "fc1", count, 17), "fc1_relu");
    return helper_gemm(g, rng, y, "fc2", 17, classes);
}

/* TM2: after an average pool, global average pool and one fully connected layer. */
static int small_head(wick_graph *g, wick_rng *rng, int averaged, int z_c, int classes) {
    int y = helper_unary(g, WICK_OP_GLOBAL_AVG_POOL, averaged, "global");
    y = helper_unary(g, WICK_OP_FLATTEN, y, "flat2");
    return helper_gemm(g, rng, y, "fc3", z_c, classes);
}

wick_graph *helper_family(uint64_t seed) {
    wick_rng rng = wick_rng_seed(seed, 7);
    int in_c = 1 + (int)wick_rng_below(&rng, 4), c = 4 + (int)wick_rng_below(&rng, 9);
    wick_graph *g =
        helper_graph(in_c, 9 + (int)wick_rng_below(&rng, 8), 9 + (int)wick_rng_below(&rng, 8));
    wick_attrs first = helper_window(3 + 2 * (int)wick_rng_below(&rng, 2), 1, 1);
    first.kernel[1] = 3;
    first.pad[0] = (int)wick_rng_below(&rng, 3);
    first.pad[3] = (int)wick_rng_below(&rng, 3);
    int x = helper_conv(g, &rng, g->input, "first", in_c, c, first);
    x = helper_unary(g, WICK_OP_RELU, x, "first_relu");
    wick_attrs depthwise = helper_window(3, 1 + (int)wick_rng_below(&rng, 2), 1);
    depthwise.groups = c;
    x = helper_conv(g, &rng, x, "depthwise", c, c, depthwise);
    wick_attrs clip = wick_attrs_default();
    clip.clip_min = 0;
    clip.clip_max = 0.9F;
    x = wick_graph_node(g, "clip", WICK_OP_CLIP, &x, 1, "clip.y", &clip);
    x = residual_and_dense(g, &rng, x, c);
    wick_attrs pool = helper_window(3, 2, 1);
    int z = wick_graph_node(g, "max", WICK_OP_MAX_POOL, &x, 1, "z", &pool);
    /* The modules' nodes take turns, as they may in a file. */
    wick_attrs window = helper_window(2, 1 + (int)wick_rng_below(&rng, 2), 0);
    int averaged = wick_graph_node(g, "average", WICK_OP_AVG_POOL, &z, 1, "average.y", &window);
    int large = large_head(g, &rng, z, 4 * c, 5);
    int heads[2] = {large, small_head(g, &rng, averaged, 4 * c, 5)};
    helper_finish(g, z, heads, 2);
    return g;
}

void helper_image(const wick_graph *graph, wick_rng *rng, uint8_t *pixels, float *input) {
    const wick_shape shape = graph->tensors[graph->input].shape;
    int64_t channels = shape.dim[1], count = shape.dim[2] * shape.dim[3];
    for (int64_t p = 0; p < count; p++)
        for (int64_t c = 0; c < channels; c++) {
            uint8_t pixel = (uint8_t)wick_rng_below(rng, 256);
            pixels[p * channels + c] = pixel;
            input[c * count + p] =
                ((float)pixel / 255 - graph->family.mean[c]) / graph->family.std[c];
        }
}

wick_data *helper_data(const wick_graph *graph, int classes, wick_arena *arena) {
    wick_shape x = graph->tensors[graph->input].shape;
    wick_data *data = wick_new(arena, wick_data, 1);
    *data = (wick_data){.spec = "random",
                        .channels = (int)x.dim[1],
                        .height = (int)x.dim[2],
                        .width = (int)x.dim[3],
                        .n_classes = classes,
                        .arena = arena};
    size_t bytes = (size_t)wick_shape_count(x);
    wick_rng rng = wick_rng_seed(12, 0);
    for (int s = 0; s < WICK_SPLITS; s++) {
        wick_images *images = &data->split[s];
        images->n = HELPER_IMAGES;
        images->pixels = wick_new(arena, uint8_t, HELPER_IMAGES * bytes);
        images->labels = wick_new(arena, uint16_t, HELPER_IMAGES);
        for (size_t i = 0; i < HELPER_IMAGES * bytes; i++)
            images->pixels[i] = (uint8_t)wick_rng_below(&rng, 256);
        for (int i = 0; i < HELPER_IMAGES; i++)
            images->labels[i] = (uint16_t)wick_rng_below(&rng, (uint32_t)classes);
    }
    return data;
}

float *helper_normalised(const wick_graph *graph, const wick_data *data, wick_split split, int i,
                         wick_arena *arena) {
    size_t area = (size_t)data->height * (size_t)data->width, channels = (size_t)data->channels;
    const uint8_t *pixels = data->split[split].pixels + (size_t)i * area * channels;
    float *x = wick_new(arena, float, area *channels);
    for (size_t c = 0; c < channels; c++)
        for (size_t p = 0; p < area; p++)
            x[c * area + p] = ((float)pixels[p * channels + c] / 255 - graph->family.mean[c]) /
                              graph->family.std[c];
    return x;
}

wick_graph *helper_quantize(const wick_graph *graph, uint64_t seed, int images) {
    return helper_quantize_wide(graph, seed, images, NULL);
}

wick_graph *helper_quantize_wide(const wick_graph *graph, uint64_t seed, int images,
                                 const wick_quantize_options *options) {
    wick_diag diag = {0};
    wick_graph *prepared, *qdq;
    assert_int_equal(wick_qdq_prepare(graph, &prepared, &diag), WICK_OK);
    wick_arena *arena = wick_arena_new();
    int *tensors, n = wick_qdq_observed(prepared, arena, &tensors);
    wick_range *ranges = wick_new(arena, wick_range, prepared->n_tensors);
    bool *wide = wick_new(arena, bool, n + 1);
    if (options)
        wick_qdq_widths(prepared, options, tensors, n, wide);
    for (int i = 0; i < n; i++)
        ranges[tensors[i]].wide = wide[i];
    size_t count = (size_t)wick_shape_count(prepared->tensors[prepared->input].shape);
    uint8_t *pixels = wick_new(arena, uint8_t, count);
    float *input = wick_new(arena, float, count);
    wick_rng rng = wick_rng_seed(seed, 8);
    for (int image = 0; image < images; image++) {
        void **values;
        helper_image(prepared, &rng, pixels, input);
        assert_int_equal(wick_graph_eval(prepared, input, &values, &diag), WICK_OK);
        for (int i = 0; i < n; i++) {
            const float *y = values[tensors[i]];
            wick_range *range = &ranges[tensors[i]];
            int64_t outputs = wick_shape_count(prepared->tensors[tensors[i]].shape);
            for (int64_t j = 0; j < outputs; j++) {
                range->low = (double)y[j] < range->low ? (double)y[j] : range->low;
                range->high = (double)y[j] > range->high ? (double)y[j] : range->high;
            }
        }
        wick_values_free(prepared, values);
    }
    wick_status status = wick_qdq_insert(prepared, ranges, NULL, &qdq, &diag);
    wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
    wick_arena_free(arena);
    wick_graph_free(prepared);
    return qdq;
}

void helper_to_device(const wick_qtensor *tensor, const void *src, wick_dtype dtype, int8_t *dst) {
    size_t channels = (size_t)tensor->c, count = (size_t)tensor->h * (size_t)tensor->w;
    for (size_t c = 0; c < channels; c++)
        for (size_t p = 0; p < count; p++) {
            size_t from = c * count + p;
            if (dtype == WICK_S16) {
                ((int16_t *)(void *)dst)[p * channels + c] = ((const int16_t *)src)[from];
                continue;
            }
            dst[p * channels + c] = dtype == WICK_U8 ? (int8_t)(((const uint8_t *)src)[from] - 128)
                                                     : ((const int8_t *)src)[from];
        }
}

/* Reference values of every device tensor; NULL where the graph has no such tensor. */
static int8_t **device_values(const wick_graph *qdq, const wick_qnet *net, void **values,
                              wick_arena *arena) {
    int8_t **reference = wick_qnet_buffers(net, arena);
    for (int t = 0; t < net->n_tensors; t++) {
        int source = wick_graph_find(qdq, net->tensors[t].name);
        if (source >= 0)
            helper_to_device(&net->tensors[t], values[source], qdq->tensors[source].dtype,
                             reference[t]);
        else
            reference[t] = NULL;
    }
    return reference;
}

void helper_compare(const wick_graph *qdq, const wick_qnet *net, const float *input,
                    helper_difference *difference) {
    void **values;
    assert_int_equal(wick_graph_eval(qdq, input, &values, NULL), WICK_OK);
    wick_arena *arena = wick_arena_new();
    int8_t **reference = device_values(qdq, net, values, arena);
    for (int l = 0; l < net->n_layers; l++) {
        const wick_layer *layer = &net->layers[l];
        const int8_t *src[WICK_MAX_OPERANDS];
        uint32_t count = (uint32_t)layer->out_h * layer->out_w * layer->out_c;
        int8_t *y = (int8_t *)wick_new(arena, int16_t, count);
        for (int i = 0; i < layer->n_operands; i++) {
            src[i] = reference[layer->operands[i].tensor];
            assert_non_null(src[i]);
        }
        wick_layer_run(layer, src, 0, 0, count, y, NULL);
        if (!reference[layer->dst]) {
            reference[layer->dst] =
                y; /* a tensor that only the device has: compared by its reader */
            continue;
        }
        for (uint32_t i = 0; i < count; i++) {
            const wick_qtensor *t = &net->tensors[layer->dst];
            int64_t d = llabs((long long)wick_qtensor_at(t, y, i) -
                              wick_qtensor_at(t, reference[layer->dst], i));
            difference->outputs++;
            difference->by_kind[layer->kind]++;
            difference->different += d > 0;
            if (d > difference->largest[layer->kind])
                difference->largest[layer->kind] = d;
        }
    }
    wick_arena_free(arena);
    wick_values_free(qdq, values);
}

void helper_compare_images(const wick_graph *qdq, const wick_qnet *net, uint64_t seed, int images,
                           helper_difference *difference) {
    size_t count = (size_t)wick_shape_count(qdq->tensors[qdq->input].shape);
    uint8_t *pixels = wick_xalloc(count);
    float *input = wick_xalloc(count * sizeof *input);
    wick_rng rng = wick_rng_seed(seed, 9);
    for (int i = 0; i < images; i++) {
        helper_image(qdq, &rng, pixels, input);
        helper_compare(qdq, net, input, difference);
    }
    free(pixels);
    free(input);
}
