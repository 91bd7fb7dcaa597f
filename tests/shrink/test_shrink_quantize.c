/* Quantization from data, and int8 accuracy. */
#include "helper_qdq.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { IMAGES = HELPER_IMAGES, CLASSES = 5 };

/* Through the training library, in batches and two passes: the ranges of the plain reference. */
static void calibration_sees_every_value(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_graph *graph = helper_family(5), *prepared;
    wick_data *data = helper_data(graph, CLASSES, arena);
    wick_diag diag = {0};
    assert_int_equal(wick_qdq_prepare(graph, &prepared, &diag), WICK_OK);
    int *tensors, n = wick_qdq_observed(prepared, arena, &tensors);
    wick_histogram *histograms = wick_new(arena, wick_histogram, n);
    wick_range *expected = wick_new(arena, wick_range, prepared->n_tensors);
    wick_quantize_options options = wick_quantize_defaults();
    wick_status status = wick_calibrate(prepared, data, &options, tensors, n, histograms, &diag);
    wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
    for (int image = 0; image < IMAGES; image++) {
        void **values;
        float *x = helper_normalised(graph, data, WICK_TRAIN, image, arena);
        assert_int_equal(wick_graph_eval(prepared, x, &values, NULL), WICK_OK);
        for (int i = 0; i < n; i++) {
            wick_range *range = &expected[tensors[i]];
            int64_t count = wick_shape_count(prepared->tensors[tensors[i]].shape);
            for (int64_t j = 0; j < count; j++) {
                range->low = fmin(range->low, (double)((float *)values[tensors[i]])[j]);
                range->high = fmax(range->high, (double)((float *)values[tensors[i]])[j]);
            }
        }
        wick_values_free(prepared, values);
    }
    for (int i = 0; i < n; i++) {
        double span = expected[tensors[i]].high - expected[tensors[i]].low;
        assert_true(span > 0);
        assert_true(fabs(histograms[i].seen.low - expected[tensors[i]].low) < 1e-4 * span);
        assert_true(fabs(histograms[i].seen.high - expected[tensors[i]].high) < 1e-4 * span);
    }
    wick_graph_free(prepared);
    wick_graph_free(graph);
    wick_arena_free(arena);
}

/* Of the integer network that comes of these options. */
static char *hash_of(const wick_graph *graph, const wick_data *data,
                     const wick_quantize_options *options, wick_arena *arena) {
    wick_graph *qdq;
    wick_qnet *net;
    assert_int_equal(wick_quantize(graph, data, options, &qdq, NULL), WICK_OK);
    assert_int_equal(wick_qnet_lower(qdq, &net, NULL), WICK_OK);
    char *hash = wick_arena_strdup(arena, net->hash.hex);
    wick_qnet_free(net);
    wick_graph_free(qdq);
    return hash;
}

/* int8 logits stay close to the float ones, whatever the calibration; the seed chooses the images.
 */
static void quantized_logits_are_close_to_float(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_graph *graph = helper_family(6);
    wick_data *data = helper_data(graph, CLASSES, arena);
    char hashes[6][65];
    wick_quantize_report automatic = {0};
    for (int trial = 0; trial < 6; trial++) {
        wick_quantize_options options = wick_quantize_defaults();
        options.calibration = trial == 5 ? WICK_CALIBRATE_MSE : (wick_calibration)trial;
        options.images = trial == 5 ? 7 : 30;
        options.report = trial == WICK_CALIBRATE_AUTO ? &automatic : NULL;
        wick_diag diag = {0};
        wick_graph *qdq;
        wick_qnet *net;
        wick_status status = wick_quantize(graph, data, &options, &qdq, &diag);
        wick_diag_print(&diag, stderr);
        assert_int_equal(status, WICK_OK);
        assert_int_equal(wick_qnet_lower(qdq, &net, &diag), WICK_OK);
        memcpy(hashes[trial], net->hash.hex, 65);
        int8_t **values = wick_qnet_buffers(net, arena);
        double error = 0, power = 0;
        for (int i = 0; i < IMAGES; i++) {
            void **reference;
            float *x = helper_normalised(graph, data, WICK_TEST, i, arena);
            assert_int_equal(wick_graph_eval(graph, x, &reference, NULL), WICK_OK);
            size_t bytes = (size_t)(data->height * data->width * data->channels);
            wick_qnet_run(net, data->split[WICK_TEST].pixels + (size_t)i * bytes, 3, values);
            for (int k = 0; k < 2; k++)
                for (int j = 0; j < CLASSES; j++) {
                    const wick_qtensor *t = &net->tensors[net->logits[k]];
                    double y = (double)t->scale * (values[net->logits[k]][j] - t->zero_point);
                    double f = (double)((float *)reference[graph->family.heads[k]])[j];
                    error += (y - f) * (y - f);
                    power += f * f;
                }
            wick_values_free(graph, reference);
        }
        assert_true(error < 0.01 * power);
        wick_qnet_free(net);
        wick_graph_free(qdq);
    }
    assert_string_not_equal(hashes[0], hashes[2]);
    assert_string_not_equal(hashes[2], hashes[5]);
    /* AUTO is what it says it chose, which differs least from the float logits. */
    double least = automatic.noise[automatic.equalised][automatic.corrected][automatic.chosen];
    for (int i = 0; i < 4 * WICK_CALIBRATE_AUTO; i++) {
        double noise = automatic.noise[i / 8][i / 4 % 2][i % 4];
        assert_true(noise > 0 && least <= noise);
    }
    wick_quantize_options chosen = wick_quantize_defaults();
    chosen.images = 30;
    chosen.calibration = automatic.chosen;
    chosen.equalise = automatic.equalised;
    chosen.correct_bias = automatic.corrected;
    assert_string_equal(hash_of(graph, data, &chosen, arena), hashes[WICK_CALIBRATE_AUTO]);
    wick_graph_free(graph);
    wick_arena_free(arena);
}

static void accuracy_counts_the_largest_logit(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_graph *graph = helper_family(7), *qdq = helper_quantize(graph, 7, 4);
    wick_data *data = helper_data(graph, CLASSES, arena);
    wick_qnet *net;
    assert_int_equal(wick_qnet_lower(qdq, &net, NULL), WICK_OK);
    int8_t **values = wick_qnet_buffers(net, arena);
    int64_t expected[2] = {0};
    uint16_t labels[2][IMAGES];
    float confidence[2][IMAGES];
    size_t bytes = (size_t)(data->height * data->width * data->channels);
    for (int i = 0; i < IMAGES; i++) {
        wick_qnet_run(net, data->split[WICK_TEST].pixels + (size_t)i * bytes, 3, values);
        for (int k = 0; k < 2; k++) {
            uint16_t best = 0;
            for (uint16_t j = 1; j < CLASSES; j++)
                if (values[net->logits[k]][j] > values[net->logits[k]][best])
                    best = j;
            labels[k][i] = best;
            double sum = 0, scale = (double)net->tensors[net->logits[k]].scale;
            for (int j = 0; j < CLASSES; j++)
                sum += exp(scale * values[net->logits[k]][j]);
            confidence[k][i] = (float)(exp(scale * values[net->logits[k]][best]) / sum);
            expected[k] += best == data->split[WICK_TEST].labels[i];
        }
    }
    for (int threads = 0; threads < 4; threads++) {
        int64_t correct[2];
        uint16_t predictions[2 * IMAGES];
        assert_int_equal(
            wick_eval_int8(net, data, WICK_TEST, threads, 0, correct, predictions, NULL, NULL),
            WICK_OK);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(correct[k], expected[k]);
            assert_memory_equal(predictions + k * IMAGES, labels[k], sizeof labels[k]);
        }
        float sure[2 * IMAGES];
        memset(predictions, 0, sizeof predictions);
        assert_int_equal(wick_answers_int8(net, data, WICK_TEST, threads,
                                           (wick_answers){predictions, sure}, NULL),
                         WICK_OK);
        assert_memory_equal(predictions, labels, sizeof labels);
        for (int i = 0; i < 2 * IMAGES; i++)
            assert_true(fabsf(sure[i] - confidence[i / IMAGES][i % IMAGES]) < 1e-6f);
    }
    int64_t correct[2];
    uint16_t predictions[2 * 11];
    assert_int_equal(wick_eval_int8(net, data, WICK_TEST, 2, 11, correct, predictions, NULL, NULL),
                     WICK_OK);
    assert_memory_equal(predictions + 11, labels[1], 11 * sizeof *predictions);
    assert_int_equal(wick_eval_int8(net, data, WICK_TEST, 2, 0, correct, NULL, NULL, NULL),
                     WICK_OK);
    assert_int_equal(correct[1], expected[1]);
    wick_diag diag = {0};
    data->width++;
    assert_int_equal(wick_eval_int8(net, data, WICK_TEST, 2, 0, correct, NULL, NULL, &diag),
                     WICK_SHAPE);
    assert_true(wick_diag_contains(&diag, "random"));
    wick_diag_free(&diag);
    wick_qnet_free(net);
    wick_graph_free(qdq);
    wick_graph_free(graph);
    wick_arena_free(arena);
}

static int descending(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x < y) - (x > y);
}

/* Of sorted logits, in either width. */
static void margins_are_of_the_two_largest_logits(void **state) {
    (void)state;
    for (int bits = 8; bits <= 16; bits += 8) {
        wick_arena *arena = wick_arena_new();
        wick_quantize_options options = {.activation_bits = bits};
        wick_graph *graph = helper_family(7), *qdq = helper_quantize_wide(graph, 7, 4, &options);
        wick_data *data = helper_data(graph, CLASSES, arena);
        wick_qnet *net;
        assert_int_equal(wick_qnet_lower(qdq, &net, NULL), WICK_OK);
        int8_t **values = wick_qnet_buffers(net, arena);
        uint16_t expected[2][IMAGES], margins[2 * IMAGES], few[2 * 11];
        int different = 0;
        size_t bytes = (size_t)(data->height * data->width * data->channels);
        for (int i = 0; i < IMAGES; i++) {
            wick_qnet_run(net, data->split[WICK_TEST].pixels + (size_t)i * bytes, 3, values);
            for (int k = 0; k < 2; k++) {
                int32_t sorted[CLASSES];
                assert_int_equal(net->tensors[net->logits[k]].wide, bits == 16);
                for (int c = 0; c < CLASSES; c++)
                    sorted[c] = bits == 8 ? values[net->logits[k]][c]
                                          : ((int16_t *)(void *)values[net->logits[k]])[c];
                qsort(sorted, CLASSES, sizeof *sorted, descending);
                expected[k][i] = (uint16_t)(sorted[0] - sorted[1]);
                different += expected[k][i] != expected[k][0];
            }
        }
        assert_true(different > IMAGES / 2);
        for (int threads = 0; threads < 4; threads++) {
            int64_t correct[2];
            memset(margins, 0, sizeof margins);
            assert_int_equal(
                wick_eval_int8(net, data, WICK_TEST, threads, 0, correct, NULL, margins, NULL),
                WICK_OK);
            assert_memory_equal(margins, expected, sizeof expected);
            assert_int_equal(
                wick_eval_int8(net, data, WICK_TEST, threads, 11, correct, NULL, few, NULL),
                WICK_OK);
            assert_memory_equal(few, expected[0], sizeof few / 2);
            assert_memory_equal(few + 11, expected[1], sizeof few / 2);
        }
        wick_qnet_free(net);
        wick_graph_free(qdq);
        wick_graph_free(graph);
        wick_arena_free(arena);
    }
}

/* The whole width, equal ones, in any order; one class has no second. */
static void margins_at_the_ends_of_the_range(void **state) {
    (void)state;
    static const struct {
        int16_t logits[4];
        uint16_t margin;
        bool wide;
        uint8_t n;
    } cases[] = {{{-128, 127, -128}, 255, false, 3},
                 {{127, 127, -128}, 0, false, 3},
                 {{-128, -128, -128}, 0, false, 3},
                 {{5, -7, 9, 8}, 1, false, 4},
                 {{9, 8, 5, 8}, 1, false, 4},
                 {{-128}, UINT16_MAX, false, 1},
                 {{INT16_MIN, INT16_MAX}, UINT16_MAX, true, 2},
                 {{INT16_MAX, INT16_MIN + 1, INT16_MIN}, UINT16_MAX - 1, true, 3},
                 {{-300, 2, -300, 2}, 0, true, 4},
                 {{-300, 2, -44, -300}, 46, true, 4},
                 {{3}, UINT16_MAX, true, 1}};
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        wick_qtensor t = {.h = 1, .w = 1, .c = cases[i].n, .scale = 0.1f, .wide = cases[i].wide};
        int16_t wide[4];
        int8_t narrow[4];
        memcpy(wide, cases[i].logits, sizeof wide);
        for (int c = 0; c < 4; c++)
            narrow[c] = (int8_t)cases[i].logits[c];
        uint16_t got = wick_qtensor_margin(&t, t.wide ? (int8_t *)(void *)wide : narrow);
        if (got != cases[i].margin)
            fail_msg("case %zu: %u", i, got);
    }
}

static void wrong_inputs_are_refused(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_graph *graph = helper_family(8), *qdq = helper_quantize(graph, 8, 1), *out;
    wick_data *data = helper_data(graph, CLASSES, arena);
    wick_quantize_options options = wick_quantize_defaults();
    wick_diag diag = {0};
    assert_int_equal(wick_quantize(qdq, data, &options, &out, &diag), WICK_UNSUPPORTED);
    assert_null(out);
    assert_true(wick_diag_contains(&diag, "quantized already"));
    data->height--;
    assert_int_equal(wick_quantize(graph, data, &options, &out, &diag), WICK_SHAPE);
    assert_true(wick_diag_contains(&diag, "the images of random are"));
    data->height++;
    data->split[WICK_TRAIN].n = 0;
    assert_int_equal(wick_quantize(graph, data, &options, &out, &diag), WICK_RANGE);
    data->split[WICK_TRAIN].n = IMAGES;
    /* Finite weights, but activations beyond float. */
    const wick_tensor *w = &graph->tensors[wick_graph_find(graph, "branch2.w")];
    for (int64_t i = 0; i < wick_shape_count(w->shape); i++)
        ((float *)w->data)[i] = 3e38F;
    assert_int_equal(wick_quantize(graph, data, &options, &out, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "not finite"));
    wick_diag_free(&diag);
    wick_graph_free(qdq);
    wick_graph_free(graph);
    wick_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calibration_sees_every_value),
        cmocka_unit_test(quantized_logits_are_close_to_float),
        cmocka_unit_test(accuracy_counts_the_largest_logit),
        cmocka_unit_test(margins_are_of_the_two_largest_logits),
        cmocka_unit_test(margins_at_the_ends_of_the_range),
        cmocka_unit_test(wrong_inputs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
