/* Cross-layer equalisation and bias correction. */
#include "helper_qdq.h"

#include "shrink/equalise.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { C = 8, CLASSES = 4 };

/* Makes the channels of a layer's output very unlike, which the rows after it undo. */
static void unbalance(wick_graph *g, const char *layer, const char *next, int columns) {
    int w = wick_graph_find(g, wick_arena_printf(g->arena, "%s.w", layer));
    int b = wick_graph_find(g, wick_arena_printf(g->arena, "%s.b", layer));
    int w2 = wick_graph_find(g, wick_arena_printf(g->arena, "%s.w", next));
    assert_true(w >= 0 && b >= 0 && w2 >= 0);
    wick_shape shape = g->tensors[w].shape, shape2 = g->tensors[w2].shape;
    int64_t row = wick_shape_count(shape) / shape.dim[0];
    int64_t row2 = wick_shape_count(shape2) / shape2.dim[0];
    bool depthwise = shape2.rank == 4 && shape2.dim[1] == 1;
    for (int64_t c = 0; c < shape.dim[0]; c++) {
        float gain = powf(2, (float)(c % 6) - 3);
        for (int64_t i = 0; i < row; i++)
            ((float *)g->tensors[w].data)[c * row + i] *= gain;
        ((float *)g->tensors[b].data)[c] *= gain;
        for (int64_t o = 0; o < shape2.dim[0]; o++)
            for (int64_t i = 0; i < columns; i++)
                if (!depthwise)
                    ((float *)g->tensors[w2].data)[o * row2 + c * columns + i] /= gain;
                else if (o == c)
                    ((float *)g->tensors[w2].data)[o * row2 + i] /= gain;
    }
}

/* a -> relu -> dw -> leaky relu -> pool -> b -> relu -> flatten -> fc; beside it a sum and a result
   that may not be scaled. */
static wick_graph *unlike(void) {
    wick_graph *g = helper_graph(3, 12, 10);
    wick_rng rng = wick_rng_seed(3, 0);
    wick_attrs depthwise = helper_window(3, 1, 1), pool = helper_window(2, 2, 0), leaky;
    depthwise.groups = C;
    leaky = wick_attrs_default();
    leaky.alpha = 0.1F;
    int t = helper_conv(g, &rng, g->input, "a", 3, C, helper_window(3, 1, 1));
    t = helper_unary(g, WICK_OP_RELU, t, "a_relu");
    t = helper_conv(g, &rng, t, "dw", C, C, depthwise);
    t = wick_graph_node(g, "leaky", WICK_OP_LEAKY_RELU, &t, 1, "leaky.y", &leaky);
    t = wick_graph_node(g, "pool", WICK_OP_AVG_POOL, &t, 1, "pool.y", &pool);
    int b = helper_unary(g, WICK_OP_RELU,
                         helper_conv(g, &rng, t, "b", C, C, helper_window(1, 1, 0)), "b_relu");
    int both[2] = {t, b};
    int parts = wick_graph_node(g, "join", WICK_OP_CONCAT, both, 2, "join.y", NULL);
    int flat = helper_unary(g, WICK_OP_FLATTEN, parts, "flat");
    int fc = helper_unary(g, WICK_OP_RELU, helper_gemm(g, &rng, flat, "fc", 2 * C * 6 * 5, C),
                          "fc_relu");
    int head = helper_gemm(g, &rng, fc, "out", C, CLASSES);
    helper_finish(g, -1, &head, 1);
    unbalance(g, "a", "dw", 9);
    unbalance(g, "fc", "out", 1);
    return g;
}

static wick_graph *equalised(const wick_graph *g, const wick_data *data, int *layers) {
    wick_graph *out;
    wick_quantize_options options = wick_quantize_defaults();
    wick_diag diag = {0};
    wick_status status = wick_equalise(g, data, &options, &out, layers, &diag);
    wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
    return out;
}

/* Largest over smallest range of a tensor's living channels over the calibration images. */
static double unlikeness(const wick_graph *g, const char *tensor, const wick_data *data) {
    wick_arena *arena = wick_arena_new();
    wick_channel_stats *stats;
    wick_quantize_options options = wick_quantize_defaults();
    int t = wick_graph_find(g, tensor);
    assert_true(t >= 0);
    assert_int_equal(wick_channel_stats_measure(g, data, &options, arena, &stats, NULL), WICK_OK);
    double low = INFINITY, high = 0;
    for (int64_t c = 0; c < stats[t].channels; c++) {
        low = stats[t].largest[c] > 0 ? fmin(low, stats[t].largest[c]) : low;
        high = fmax(high, stats[t].largest[c]);
    }
    wick_arena_free(arena);
    return high / low;
}

static void the_function_stays_and_channels_become_alike(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_graph *g = unlike();
    wick_data *data = helper_data(g, CLASSES, arena);
    int layers = 0;
    wick_graph *e = equalised(g, data, &layers);
    assert_int_equal(layers, 4); /* a, dw, b and fc; not out, whose output is the result */
    for (int i = 0; i < 5; i++) {
        void **before, **after;
        float *x = helper_normalised(g, data, WICK_TEST, i, arena);
        assert_int_equal(wick_graph_eval(g, x, &before, NULL), WICK_OK);
        assert_int_equal(wick_graph_eval(e, x, &after, NULL), WICK_OK);
        const float *y = before[g->family.heads[0]], *z = after[e->family.heads[0]];
        for (int k = 0; k < CLASSES; k++)
            assert_true(fabsf(y[k] - z[k]) < 1e-4F * (1 + fabsf(y[k])));
        wick_values_free(g, before);
        wick_values_free(e, after);
    }
    assert_true(unlikeness(g, "a_relu.y", data) > 20);
    assert_true(unlikeness(e, "a_relu.y/equalised", data) < 1.01); /* depthwise: for nothing */
    assert_true(unlikeness(g, "fc_relu.y", data) > 20);
    assert_true(unlikeness(e, "fc_relu.y/equalised", data) < 4);
    assert_true(wick_graph_find(e, "out.y") >= 0 && wick_graph_find(e, "a_relu.y") < 0);
    wick_graph_free(e);
    wick_graph_free(g);
    wick_arena_free(arena);
}

/* A sum, a clip and a result do not let the channels through. */
static void what_cannot_follow_stays(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_graph *g = helper_graph(3, 8, 8);
    wick_rng rng = wick_rng_seed(4, 0);
    wick_attrs clip = wick_attrs_default();
    clip.clip_min = 0;
    clip.clip_max = 1;
    int a = helper_conv(g, &rng, g->input, "a", 3, C, helper_window(3, 1, 1));
    int b = helper_conv(g, &rng, a, "b", C, C, helper_window(1, 1, 0));
    int both[2] = {a, b};
    int sum = wick_graph_node(g, "sum", WICK_OP_ADD, both, 2, "sum.y", NULL);
    int c = helper_conv(g, &rng, sum, "c", C, C, helper_window(1, 1, 0));
    c = wick_graph_node(g, "clip", WICK_OP_CLIP, &c, 1, "clip.y", &clip);
    int d = helper_conv(g, &rng, c, "d", C, C, helper_window(3, 2, 1));
    int flat = helper_unary(g, WICK_OP_FLATTEN, d, "flat");
    int out = helper_gemm(g, &rng, flat, "out", C * 16, CLASSES);
    int heads[1] = {out};
    helper_finish(g, -1, heads, 1);
    wick_data *data = helper_data(g, CLASSES, arena);
    int layers = 0;
    wick_graph *e = equalised(g, data, &layers);
    assert_int_equal(layers, 1); /* d alone */
    for (int t = 0; t < e->n_tensors; t++) {
        bool scaled = strstr(e->tensors[t].name, "/equalised") != NULL;
        bool may =
            !strncmp(e->tensors[t].name, "d.y", 3) || !strncmp(e->tensors[t].name, "flat", 4);
        assert_int_equal(scaled, may);
    }
    wick_graph_free(e);
    wick_graph_free(g);
    wick_arena_free(arena);
}

/* Features that one module hands on as its result, whatever another does with them. */
static void a_result_is_not_scaled(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_graph *g = helper_graph(3, 8, 8);
    wick_rng rng = wick_rng_seed(7, 0);
    int z = helper_conv(g, &rng, g->input, "a", 3, CLASSES, helper_window(3, 1, 1));
    int flat = helper_unary(g, WICK_OP_FLATTEN, z, "flat");
    int large = helper_gemm(g, &rng, flat, "large", CLASSES * 64, CLASSES);
    int small = helper_unary(g, WICK_OP_FLATTEN,
                             helper_unary(g, WICK_OP_GLOBAL_AVG_POOL, z, "mean"), "small");
    int heads[2] = {large, small};
    helper_finish(g, z, heads, 2);
    wick_data *data = helper_data(g, CLASSES, arena);
    int layers = -1;
    wick_graph *e = equalised(g, data, &layers);
    assert_int_equal(layers, 0);
    wick_graph_free(e);
    wick_graph_free(g);
    wick_arena_free(arena);
}

/* Energy of what quantization adds to the logits of the test images, over that of the logits; with
   mean_only, of its mean over the images. */
static double noise_of(const wick_graph *g, const wick_data *data, wick_quantize_options options,
                       bool mean_only) {
    wick_arena *arena = wick_arena_new();
    wick_graph *qdq;
    wick_qnet *net;
    assert_int_equal(wick_quantize(g, data, &options, &qdq, NULL), WICK_OK);
    assert_int_equal(wick_qnet_lower(qdq, &net, NULL), WICK_OK);
    int8_t **values = wick_qnet_buffers(net, arena);
    const wick_qtensor *t = &net->tensors[net->logits[0]];
    double noise = 0, signal = 0, mean[CLASSES] = {0};
    for (int i = 0; i < HELPER_IMAGES; i++) {
        void **exact;
        float *x = helper_normalised(g, data, WICK_TEST, i, arena);
        assert_int_equal(wick_graph_eval(g, x, &exact, NULL), WICK_OK);
        wick_qnet_take(net, x, values);
        wick_qnet_run_layers(net, 1, values);
        for (int k = 0; k < CLASSES; k++) {
            double y = (double)((float *)exact[g->family.heads[0]])[k];
            double q = (double)t->scale * (values[net->logits[0]][k] - t->zero_point);
            noise += (q - y) * (q - y);
            signal += y * y;
            mean[k] += (q - y) / HELPER_IMAGES;
        }
        wick_values_free(g, exact);
    }
    if (mean_only) {
        noise = 0;
        for (int k = 0; k < CLASSES; k++)
            noise += mean[k] * mean[k] * HELPER_IMAGES;
    }
    wick_qnet_free(net);
    wick_graph_free(qdq);
    wick_arena_free(arena);
    return noise / signal;
}

static void equalised_networks_quantize_better(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_graph *g = unlike();
    wick_data *data = helper_data(g, CLASSES, arena);
    wick_quantize_options plain = wick_quantize_defaults(), better = plain, automatic = plain;
    wick_quantize_report report;
    better.equalise = true;
    automatic.calibration = WICK_CALIBRATE_AUTO;
    automatic.report = &report;
    double before = noise_of(g, data, plain, false), after = noise_of(g, data, better, false);
    assert_true(after < before / 4);
    assert_true(noise_of(g, data, automatic, false) < before / 4);
    assert_true(report.equalised);
    wick_graph_free(g);
    wick_arena_free(arena);
}

/* One layer whose weights all round the same way: the mean of the error is taken off. */
static void a_mean_error_goes_into_the_bias(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_graph *g = helper_graph(2, 6, 6);
    wick_rng rng = wick_rng_seed(6, 0);
    wick_attrs grouped = helper_window(3, 1, 0);
    grouped.groups = 2;
    int a = helper_unary(g, WICK_OP_RELU,
                         helper_conv(g, &rng, g->input, "a", 2, 4, helper_window(1, 1, 0)), "r");
    int b = helper_conv(g, &rng, a, "b", 4, 4, grouped);
    int flat = helper_unary(g, WICK_OP_FLATTEN, b, "flat");
    int out = helper_gemm(g, &rng, flat, "out", 64, CLASSES);
    helper_finish(g, -1, &out, 1);
    float *w = g->tensors[wick_graph_find(g, "b.w")].data;
    float *bias = g->tensors[wick_graph_find(g, "a.b")].data;
    for (int i = 0; i < 4 * 18; i++)
        w[i] = i % 18 == 0 ? 1.27F : 0.0149F; /* a step is 0.01: 1 step, and nearly a half lost */
    for (int c = 0; c < 4; c++)
        bias[c] = (float)(2 + 3 * c); /* groups see other means */
    wick_data *data = helper_data(g, CLASSES, arena);
    wick_quantize_options plain = wick_quantize_defaults(), corrected = plain;
    plain.calibration = corrected.calibration = WICK_CALIBRATE_MINMAX;
    corrected.correct_bias = true;
    double before = noise_of(g, data, plain, true), after = noise_of(g, data, corrected, true);
    assert_true(after < before / 20);
    wick_graph_free(g);
    wick_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_function_stays_and_channels_become_alike),
        cmocka_unit_test(what_cannot_follow_stays), cmocka_unit_test(a_result_is_not_scaled),
        cmocka_unit_test(equalised_networks_quantize_better),
        cmocka_unit_test(a_mean_error_goes_into_the_bias)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
