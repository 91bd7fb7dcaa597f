/* Calibration ranges and the QDQ graph that they give. */
#include "helper_qdq.h"
#include "shrink/fixed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static wick_range range_of(const float *values, size_t n, wick_calibration calibration,
                           double percentile) {
    wick_histogram *histogram = wick_xalloc(sizeof *histogram);
    wick_quantize_options options = wick_quantize_defaults();
    options.calibration = calibration;
    options.percentile = percentile;
    /* In two parts, as batches come. */
    assert_true(wick_histogram_bounds(histogram, values, n / 3));
    assert_true(wick_histogram_bounds(histogram, values + n / 3, n - n / 3));
    wick_histogram_count(histogram, values, n / 3);
    wick_histogram_count(histogram, values + n / 3, n - n / 3);
    wick_range range = wick_histogram_range(histogram, options.calibration, options.percentile);
    free(histogram);
    return range;
}

static void close_to(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%g is not %g", value, expected);
}

enum { SAMPLES = 100000 };

static void ranges_of_known_distributions(void **state) {
    (void)state;
    float *x = wick_xalloc(SAMPLES * sizeof *x);
    wick_rng rng = wick_rng_seed(1, 0);
    for (int i = 0; i < SAMPLES; i++)
        x[i] = 4 * wick_rng_uniform(&rng) - 1; /* uniform on [-1, 3) */
    wick_range r = range_of(x, SAMPLES, WICK_CALIBRATE_MINMAX, 0);
    close_to(r.low, -1, 1e-3);
    close_to(r.high, 3, 1e-3);
    r = range_of(x, SAMPLES, WICK_CALIBRATE_PERCENTILE, 90);
    close_to(r.low, -0.6, 0.02);
    close_to(r.high, 2.6, 0.02);
    r = range_of(x, SAMPLES, WICK_CALIBRATE_PERCENTILE, 100);
    close_to(r.low, -1, 1e-3);
    close_to(r.high, 3, 1e-3);
    /* Uniform values are best left whole. */
    r = range_of(x, SAMPLES, WICK_CALIBRATE_MSE, 0);
    close_to(r.high - r.low, 4, 0.05);
    /* The best clips at 8 bits: 3.92 sigma for a normal distribution, 9.89 b for a Laplace one
       (Banner et al., 2019, table of ACIQ); the sample moves them a little. */
    for (int i = 0; i < SAMPLES; i++) {
        double u = wick_rng_uniform_double(&rng) - 0.5;
        x[i] = (float)(-copysign(log(1 - 2 * fabs(u)), u));
    }
    r = range_of(x, SAMPLES, WICK_CALIBRATE_MSE, 0);
    close_to(r.high, 9.89, 1);
    close_to(r.low, -9.89, 1);
    for (int i = 0; i < SAMPLES; i++)
        x[i] = wick_rng_normal(&rng);
    r = range_of(x, SAMPLES, WICK_CALIBRATE_MSE, 0);
    close_to(r.high, 3.92, 0.3);
    close_to(r.low, -3.92, 0.3);
    /* One far outlier decides min-max, not the percentile: 10 values may lie outside. */
    x[77] = 12;
    r = range_of(x, SAMPLES, WICK_CALIBRATE_MINMAX, 0);
    close_to(r.high, 12, 1e-9);
    r = range_of(x, SAMPLES, WICK_CALIBRATE_PERCENTILE, 99.99);
    close_to(r.high, 3.72, 0.2);
    close_to(r.low, -3.72, 0.2);
    /* Nor does it decide the divergence, which gives up the tail for finer steps where values are.
     */
    r = range_of(x, SAMPLES, WICK_CALIBRATE_KL, 0);
    close_to(r.high, 4.5, 1.5);
    close_to(r.low, -4.5, 1.5);
    /* After a Relu: half the values are exactly 0, and 0 stays the low end. Zeros are held by every
       quantization, so they do not make the divergence give up the others. */
    for (int i = 0; i < SAMPLES; i++)
        x[i] = x[i] > 0 ? x[i] : 0;
    r = range_of(x, SAMPLES, WICK_CALIBRATE_KL, 0);
    close_to(r.high, 4.5, 1.5);
    for (int c = WICK_CALIBRATE_MINMAX; c < WICK_CALIBRATE_AUTO; c++) {
        r = range_of(x, SAMPLES, (wick_calibration)c, 99.9);
        close_to(r.low, 0, 0);
        assert_int_equal(wick_range_qparams(r).zero_point, -128);
    }
    free(x);
}

/* The search must end at a range that no nearby one beats. */
static void mse_is_a_minimum(void **state) {
    (void)state;
    float *x = wick_xalloc(SAMPLES * sizeof *x);
    wick_rng rng = wick_rng_seed(2, 0);
    for (int i = 0; i < SAMPLES; i++) {
        float u = wick_rng_normal(&rng);
        x[i] = u * u * u; /* long tails */
    }
    wick_range best = range_of(x, SAMPLES, WICK_CALIBRATE_MSE, 0);
    double errors[3];
    for (int trial = 0; trial < 3; trial++) {
        double factor = trial == 0 ? 1 : trial == 1 ? 0.7 : 1.4;
        wick_qparams q =
            wick_range_qparams((wick_range){.low = best.low * factor, .high = best.high * factor});
        errors[trial] = 0;
        for (int i = 0; i < SAMPLES; i++) {
            int8_t step = wick_quantize_value((double)x[i], (double)q.scale, q.zero_point);
            double d = (double)x[i] - (double)q.scale * (step - q.zero_point);
            errors[trial] += d * d;
        }
    }
    assert_true(errors[0] < errors[1] && errors[0] < errors[2]);
    free(x);
}

static void values_that_are_not_finite_are_noticed(void **state) {
    (void)state;
    wick_histogram *histogram = wick_xalloc(sizeof *histogram);
    const float bad[3] = {1, (float)NAN, 2}, worse[1] = {(float)-INFINITY};
    assert_false(wick_histogram_bounds(histogram, bad, 3));
    assert_false(wick_histogram_bounds(histogram, worse, 1));
    free(histogram);
}

static void zero_is_always_exact(void **state) {
    (void)state;
    wick_qparams q = wick_range_qparams((wick_range){.low = -1.00392163, .high = 0.99607843});
    close_to((double)q.scale, 1 / 127.5, 1e-8);
    assert_int_equal(q.zero_point, 0);
    q = wick_range_qparams((wick_range){.low = 0, .high = 2.55});
    assert_int_equal(q.zero_point, -128);
    q = wick_range_qparams((wick_range){.low = -2.55, .high = 0});
    assert_int_equal(q.zero_point, 127);
    q = wick_range_qparams((wick_range){.low = 0, .high = 0});
    assert_true(q.scale > 0.99F && q.scale < 1.01F);
    wick_rng rng = wick_rng_seed(3, 0);
    for (int i = 0; i < 1000; i++) {
        wick_range range = {.low = -exp2(20 * wick_rng_uniform_double(&rng) - 10),
                            .high = exp2(20 * wick_rng_uniform_double(&rng) - 10)};
        q = wick_range_qparams(range);
        double s = (double)q.scale;
        /* Both ends are within one step of what int8 reaches. */
        close_to(s * (-128 - q.zero_point), range.low, s);
        close_to(s * (127 - q.zero_point), range.high, s);
    }
}

static const void *data_of(const wick_graph *graph, const char *name) {
    int tensor = wick_graph_find(graph, name);
    if (tensor < 0)
        fail_msg("there is no tensor '%s'", name);
    return graph->tensors[tensor].data;
}

static float float_at(const wick_graph *graph, const char *name, int i) {
    return ((const float *)data_of(graph, name))[i];
}

/* conv 1x1, two channels in, three out, worked out by hand (docs/numbers.md has the first). */
static wick_graph *tiny(void) {
    wick_graph *g = helper_graph(2, 2, 2);
    const float w[6] = {0.5F, -1.27F, 0.254F, 0.1F, 0, 0}, b[3] = {0.1F, -0.2F, 0.3F};
    int inputs[3] = {g->input, helper_constant(g, "w", (wick_shape){4, {3, 2, 1, 1}}, w),
                     helper_constant(g, "b", (wick_shape){1, {3}}, b)};
    wick_attrs attrs = wick_attrs_default();
    int y = wick_graph_node(g, "conv", WICK_OP_CONV, inputs, 3, "y", &attrs);
    y = helper_unary(g, WICK_OP_RELU, y, "relu");
    y = helper_unary(g, WICK_OP_GLOBAL_AVG_POOL, y, "gap");
    y = helper_unary(g, WICK_OP_FLATTEN, y, "flat");
    helper_finish(g, -1, &y, 1);
    return g;
}

static wick_graph *insert(const wick_graph *graph, double high) {
    wick_graph *prepared, *qdq;
    assert_int_equal(wick_qdq_prepare(graph, &prepared, NULL), WICK_OK);
    wick_range *ranges = wick_new(prepared->arena, wick_range, prepared->n_tensors);
    for (int t = 0; t < prepared->n_tensors; t++)
        ranges[t].high = high;
    assert_int_equal(wick_qdq_insert(prepared, ranges, NULL, &qdq, NULL), WICK_OK);
    wick_graph_free(prepared);
    return qdq;
}

static void a_tiny_convolution_by_hand(void **state) {
    (void)state;
    wick_graph *g = tiny(), *q = insert(g, 2.55);
    const int8_t *w = data_of(q, "w/q");
    /* Scales 1.27/127 = 0.01, 0.254/127 = 0.002; a channel without weights: by its bias alone. */
    const int8_t expected[6] = {50, -127, 127, 50, 0, 0};
    assert_memory_equal(w, expected, 6);
    close_to((double)float_at(q, "w/scale", 0), 0.01, 1e-8);
    close_to((double)float_at(q, "w/scale", 1), 0.002, 1e-9);
    /* s_x = 1/127.5: b / (s_x * s_w) = 0.1 * 12750, -0.2 * 63750. */
    const int32_t *b = data_of(q, "b/q");
    assert_int_equal(b[0], 1275);
    assert_int_equal(b[1], -12750);
    close_to((double)b[2] * (double)float_at(q, "b/scale", 2), 0.3, 1e-6);
    for (int o = 0; o < 3; o++) {
        close_to((double)float_at(q, "b/scale", o), (double)float_at(q, "w/scale", o) / 127.5,
                 1e-9);
        assert_int_equal(((const int32_t *)data_of(q, "b/zero_point"))[o], 0);
    }
    /* The Relu is fused: no Q between conv and relu; its output 0..2.55 has scale 0.01, zero -128.
     */
    assert_int_equal(wick_graph_find(q, "y/q"), -1);
    close_to((double)float_at(q, "relu.y/scale", 0), 0.01, 1e-9);
    assert_int_equal(*(const int8_t *)data_of(q, "relu.y/zero_point"), -128);
    /* Lowered: M = s_x * s_w / s_y = 1/127.5 for channel 0; bias' = bias - 0 * sum(w). */
    wick_qnet *net;
    assert_int_equal(wick_qnet_lower(q, &net, NULL), WICK_OK);
    assert_int_equal(net->layers[0].bias[0], 1275);
    assert_in_range(net->layers[0].mult[0], 33686018 - 3, 33686018 + 3); /* 2^32 / 127.5 */
    assert_int_equal(net->layers[0].shift[0], 0);
    assert_int_equal(net->layers[0].clamp_min, -128);
    /* Pixels 228 and 100: x = 100 and -28; acc = 1275 + 5000 + 3556 = 9831; 9831 / 127.5 = 77.1. */
    const uint8_t pixels[8] = {228, 100, 228, 100, 228, 100, 228, 100};
    int8_t **values = wick_qnet_buffers(net, net->arena);
    wick_qnet_run(net, pixels, 1, values);
    assert_int_equal(values[1][0], -128 + 77);
    wick_qnet_free(net);
    wick_graph_free(q);
    wick_graph_free(g);
}

/* A scale that is far too small lets the accumulator overflow: it is doubled until it cannot. */
static void the_output_scale_is_raised(void **state) {
    (void)state;
    wick_graph *g = tiny(), *q = insert(g, 2.55e-7);
    float scale = float_at(q, "relu.y/scale", 0);
    double doublings = log2((double)scale / 1e-9);
    close_to(doublings, rint(doublings), 1e-3);
    assert_true(doublings > 0.5);
    wick_qnet *net;
    assert_int_equal(wick_qnet_lower(q, &net, NULL), WICK_OK);
    wick_qnet_free(net);
    /* One doubling less is refused. */
    *(float *)q->tensors[wick_graph_find(q, "relu.y/scale")].data /= 2;
    assert_int_equal(wick_qnet_lower(q, &net, NULL), WICK_UNSUPPORTED);
    wick_graph_free(q);
    wick_graph_free(g);
}

/* A channel whose weights are next to nothing but whose bias is not, as folding leaves dead ones.
 */
static void a_dead_channel_keeps_its_bias(void **state) {
    (void)state;
    wick_graph *g = tiny();
    float *w = g->tensors[wick_graph_find(g, "w")].data;
    w[2] = 1e-30F;
    w[3] = -1e-33F;
    wick_graph *q = insert(g, 2.55);
    const int32_t *b = data_of(q, "b/q");
    close_to((double)b[1] * (double)float_at(q, "b/scale", 1), -0.2, 1e-6);
    assert_true(abs(b[1]) <= 1 << 29);
    wick_qnet *net;
    assert_int_equal(wick_qnet_lower(q, &net, NULL), WICK_OK);
    wick_qnet_free(net);
    wick_graph_free(q);
    wick_graph_free(g);
}

static void names_and_metadata_survive(void **state) {
    (void)state;
    wick_graph *g = helper_family(4);
    const char *label[2] = {"cat", "dog"};
    g->family.labels = label;
    g->family.n_labels = 2;
    g->family.accuracy[0] = g->family.validation[1] = 0.9;
    g->family.strategy = "unified-kd";
    wick_graph *q = helper_quantize(g, 4, 1);
    const wick_family *f = &q->family;
    assert_string_equal(q->tensors[f->features].name, g->tensors[g->family.features].name);
    for (int k = 0; k < 2; k++) {
        assert_string_equal(q->tensors[f->heads[k]].name, g->tensors[g->family.heads[k]].name);
        assert_string_equal(f->head_names[k], g->family.head_names[k]);
        assert_true(isnan(f->accuracy[k]) && isnan(f->validation[k]));
    }
    assert_string_equal(f->labels[1], "dog");
    assert_string_equal(f->strategy, "unified-kd");
    assert_int_equal(f->n_channels, g->family.n_channels);
    /* A MaxPool and a Flatten share the constants of what they read. */
    const wick_node *pool = NULL;
    for (int n = 0; n < q->n_nodes; n++)
        if (q->nodes[n].op == WICK_OP_MAX_POOL)
            pool = &q->nodes[n];
    assert_non_null(pool);
    const wick_node *before = &q->nodes[q->tensors[pool->inputs[0]].producer];
    for (int n = 0; n < q->n_nodes; n++)
        if (q->nodes[n].inputs[0] == pool->output) {
            assert_int_equal(q->nodes[n].inputs[1], before->inputs[1]);
            assert_int_equal(q->nodes[n].inputs[2], before->inputs[2]);
        }
    wick_graph_free(q);
    wick_graph_free(g);
}

/* conv -> bn, and bn alone (before a convolution, as in DenseNet): the same numbers as before. */
static void batch_norm_is_folded_or_becomes_depthwise(void **state) {
    (void)state;
    wick_rng rng = wick_rng_seed(6, 0);
    wick_graph *g = helper_graph(3, 6, 6);
    int x = helper_conv(g, &rng, g->input, "conv", 3, 4, helper_window(3, 1, 1));
    for (int i = 0; i < 2; i++) {
        int inputs[5] = {x};
        const char *const parts[] = {"scale", "bias", "mean", "var"};
        float values[4];
        for (int p = 0; p < 4; p++) {
            for (int c = 0; c < 4; c++)
                values[c] = 0.5F + wick_rng_uniform(&rng);
            inputs[p + 1] = helper_constant(g, wick_arena_printf(g->arena, "%s%d", parts[p], i),
                                            (wick_shape){1, {4}}, values);
        }
        x = wick_graph_node(g, i ? "bn1" : "bn0", WICK_OP_BATCH_NORM, inputs, 5,
                            i ? "bn1.y" : "bn0.y", NULL);
        x = helper_unary(g, WICK_OP_RELU, x, i ? "relu1" : "relu0");
    }
    x = helper_unary(g, WICK_OP_IDENTITY, x, "id");
    x = helper_unary(g, WICK_OP_GLOBAL_AVG_POOL, x, "gap");
    x = helper_unary(g, WICK_OP_FLATTEN, x, "flat");
    int logits = x;
    x = helper_unary(g, WICK_OP_SOFTMAX, x, "soft");
    helper_finish(g, -1, &x, 1);
    wick_graph *prepared;
    assert_int_equal(wick_qdq_prepare(g, &prepared, NULL), WICK_OK);
    assert_int_equal(prepared->n_nodes, 6); /* conv relu conv relu gap flat */
    assert_int_equal(prepared->nodes[2].op, WICK_OP_CONV);
    assert_int_equal(prepared->nodes[2].attrs.groups, 4);
    uint8_t pixels[108];
    float input[108];
    helper_image(g, &rng, pixels, input);
    void **before, **after;
    assert_int_equal(wick_graph_eval(g, input, &before, NULL), WICK_OK);
    assert_int_equal(wick_graph_eval(prepared, input, &after, NULL), WICK_OK);
    for (int c = 0; c < 4; c++)
        close_to((double)((float *)after[prepared->family.heads[0]])[c],
                 (double)((float *)before[logits])[c], 1e-5);
    wick_values_free(g, before);
    wick_values_free(prepared, after);
    wick_graph_free(prepared);
    wick_diag diag = {0};
    assert_int_equal(wick_qnet_check(g, &diag), WICK_OK);
    *(float *)g->tensors[wick_graph_find(g, "conv.w")].data = (float)NAN;
    assert_int_equal(wick_qnet_check(g, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "conv.w"));
    wick_diag_free(&diag);
    wick_graph_free(g);
}

/* Modules that share nothing: each gets its own pair on the input, with the same numbers. */
static void independent_modules_are_quantized_apart(void **state) {
    (void)state;
    wick_rng rng = wick_rng_seed(7, 0);
    wick_graph *g = helper_graph(3, 6, 6);
    int heads[2];
    for (int k = 0; k < 2; k++) {
        char name[4][8] = {"conv0", "relu0", "gap0", "flat0"};
        for (int i = 0; i < 4; i++)
            name[i][strlen(name[i]) - 1] = (char)('0' + k);
        int x = helper_conv(g, &rng, g->input, name[0], 3, 4, helper_window(3, 1 + k, 1));
        x = helper_unary(g, WICK_OP_RELU, x, name[1]);
        x = helper_unary(g, WICK_OP_GLOBAL_AVG_POOL, x, name[2]);
        heads[k] = helper_unary(g, WICK_OP_FLATTEN, x, name[3]);
    }
    helper_finish(g, -1, heads, 2);
    wick_graph *q = helper_quantize(g, 7, 2);
    wick_qnet *net;
    assert_int_equal(wick_qnet_lower(q, &net, NULL), WICK_OK);
    assert_int_equal(net->features, net->input);
    assert_int_equal(net->n_layers, 4);
    assert_int_equal(net->info[0].segment, 1);
    assert_int_equal(net->layers[2].operands[0].tensor, net->input);
    wick_qnet_free(net);
    wick_graph_free(q);
    wick_graph_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_of_known_distributions),
        cmocka_unit_test(mse_is_a_minimum),
        cmocka_unit_test(values_that_are_not_finite_are_noticed),
        cmocka_unit_test(zero_is_always_exact),
        cmocka_unit_test(a_tiny_convolution_by_hand),
        cmocka_unit_test(the_output_scale_is_raised),
        cmocka_unit_test(a_dead_channel_keeps_its_bias),
        cmocka_unit_test(names_and_metadata_survive),
        cmocka_unit_test(batch_norm_is_folded_or_becomes_depthwise),
        cmocka_unit_test(independent_modules_are_quantized_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
