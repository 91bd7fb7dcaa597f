/* Confusion, precision, recall and calibration against numbers worked out by hand. */
#include "helper_program.h"

#include "data/data.h"
#include "train/train.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_near(double got, double expected) {
    if (!(fabs(got - expected) <= 1e-7))
        fail_msg("%.9g is not %.9g", got, expected);
}

static void confidence_is_the_largest_probability(void **state) {
    (void)state;
    /* exp: 1, 2, 5 of 8; the same far up and far down. */
    const float l2 = 0.693147181f, l5 = 1.609437912f;
    assert_near((double)wick_confidence((float[]){0, l2, l5}, 3), 0.625);
    assert_near((double)wick_confidence((float[]){l5, 0, l2}, 3), 0.625);
    assert_near((double)wick_confidence((float[]){3000, 3000, -3000}, 3), 0.5);
    assert_near((double)wick_confidence((float[]){-5000, -5000}, 2), 0.5);
    assert_near((double)wick_confidence((float[]){7}, 1), 1);
}

/* Ten images of classes 0 (4), 1 (5), 2 (none) and 3 (1); nothing is called 3.
     truth       0    0    0    0    1    1    1    1     1    3
     called      0    0    1    2    1    1    1    0     1    0
     confidence  0.9  0.5  0.5  0.3  0.8  0.75 1.0  0.51  0.1  0.25
   Four bins, (0, 0.25], (0.25, 0.5], (0.5, 0.75], (0.75, 1]:
     bin 0  0.1 right, 0.25 wrong (on the border)    mean 0.175,  share right 1/2
     bin 1  0.5 right, 0.5 wrong, 0.3 wrong          mean 1.3/3,  share right 1/3
     bin 2  0.75 right, 0.51 wrong                   mean 0.63,   share right 1/2
     bin 3  0.9, 0.8, 1.0 right                      mean 0.9,    share right 1
   error = (2 * 0.325 + 3 * 0.1 + 2 * 0.13 + 3 * 0.1) / 10 = 0.151 */
static void a_small_table_by_hand(void **state) {
    (void)state;
    static const uint16_t truth[10] = {0, 0, 0, 0, 1, 1, 1, 1, 1, 3};
    static const uint16_t called[10] = {0, 0, 1, 2, 1, 1, 1, 0, 1, 0};
    static const float confidence[10] = {0.9f,  0.5f, 0.5f,  0.3f, 0.8f,
                                         0.75f, 1.0f, 0.51f, 0.1f, 0.25f};
    static const int64_t confusion[4][4] = {{2, 1, 1, 0}, {1, 4, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 0}};
    static const int64_t bins[4][2] = {{1, 1}, {1, 2}, {1, 1}, {3, 0}};
    static const double means[4] = {0.175, 1.3 / 3, 0.63, 0.9};
    wick_arena *arena = wick_arena_new();
    wick_quality q = wick_quality_of(arena, truth, called, confidence, 10, 4, 4);
    assert_int_equal(q.images, 10);
    assert_int_equal(q.right, 6);
    assert_memory_equal(q.confusion, confusion, sizeof confusion);
    assert_near(q.precision[0], 2.0 / 4);
    assert_near(q.recall[0], 2.0 / 4);
    assert_near(q.precision[1], 4.0 / 5);
    assert_near(q.recall[1], 4.0 / 5);
    assert_near(q.precision[2], 0);
    assert_true(isnan(q.recall[2]));
    assert_true(isnan(q.precision[3]));
    assert_near(q.recall[3], 0);
    for (int b = 0; b < 4; b++) {
        assert_int_equal(q.bins[b].right, bins[b][0]);
        assert_int_equal(q.bins[b].wrong, bins[b][1]);
        assert_near(q.bins[b].confidence, means[b]);
    }
    assert_near(q.calibration_error, 0.151);
    assert_near(q.confidence_right, (0.9 + 0.5 + 0.8 + 0.75 + 1.0 + 0.1) / 6);
    assert_near(q.confidence_wrong, (0.5 + 0.3 + 0.51 + 0.25) / 4);
    /* One bin: |6/10 - 5.61/10|. */
    q = wick_quality_of(arena, truth, called, confidence, 10, 4, 1);
    assert_near(q.calibration_error, 0.039);
    wick_arena_free(arena);
}

static void what_is_always_right_or_wrong(void **state) {
    (void)state;
    static const uint16_t truth[2] = {1, 0}, wrong[2] = {0, 1};
    static const float confidence[2] = {1.0f, 1.0f};
    wick_arena *arena = wick_arena_new();
    wick_quality q = wick_quality_of(arena, truth, truth, confidence, 2, 2, 15);
    assert_near(q.calibration_error, 0);
    assert_true(isnan(q.confidence_wrong));
    assert_true(isnan(q.bins[0].confidence));
    assert_int_equal(q.bins[14].right, 2);
    q = wick_quality_of(arena, truth, wrong, confidence, 2, 2, 15);
    assert_near(q.calibration_error, 1);
    assert_true(isnan(q.confidence_right));
    assert_near(q.confidence_wrong, 1);
    wick_arena_free(arena);
}

/* A head that is one fully connected layer over the pixels, alone, with a Softmax and with an
   ArgMax behind it: the confidences are those of the reference's logits, of each image. */
static void answers_of_a_float_network(void **state) {
    (void)state;
    wick_data_options options = wick_data_defaults();
    options.limit = 200;
    wick_data *data;
    assert_int_equal(wick_data_open("builtin:shapes10", &options, &data, NULL), WICK_OK);
    int images = data->split[WICK_VALIDATION].n;
    uint16_t *labels[3];
    float *confidence[3];
    for (int end = 0; end < 3; end++) {
        net n = net_new(3, 3, 32, 32);
        int p = net_pool(&n, n.graph->input, WICK_OP_AVG_POOL, 8, 8, 0, false);
        int logits = net_fc(&n, net_simple(&n, p, WICK_OP_FLATTEN), 10, true);
        n.graph->family.n_heads = 1;
        n.graph->family.heads[0] = end == 0   ? logits
                                   : end == 1 ? net_simple(&n, logits, WICK_OP_SOFTMAX)
                                              : net_simple(&n, logits, WICK_OP_ARG_MAX);
        labels[end] = wick_xalloc((size_t)images * sizeof(uint16_t));
        confidence[end] = wick_xalloc((size_t)images * sizeof(float));
        wick_answers answers = {labels[end], confidence[end]};
        assert_int_equal(wick_answers_float(n.graph, data, WICK_VALIDATION, 1, answers, NULL),
                         WICK_OK);
        float *input = wick_xalloc(3 * 32 * 32 * sizeof *input);
        for (uint32_t i = 0; i < (uint32_t)images; i++) {
            void **values;
            const float zeros[3] = {0}, ones[3] = {1, 1, 1}; /* pixel / 255: no metadata */
            wick_data_batch(data, WICK_VALIDATION, &i, 1, NULL, 0, 0, zeros, ones, input);
            assert_int_equal(wick_graph_eval(n.graph, input, &values, NULL), WICK_OK);
            const float *y = values[logits];
            double sum = 0;
            int best = 0;
            for (int c = 0; c < 10; c++) {
                sum += exp((double)y[c]);
                best = y[c] > y[best] ? c : best;
            }
            assert_int_equal(labels[end][i], best);
            if (!(fabs(exp((double)y[best]) / sum - (double)confidence[end][i]) < 1e-5))
                fail_msg("image %u: %g", i, (double)confidence[end][i]);
            wick_values_free(n.graph, values);
        }
        free(input);
        wick_graph_free(n.graph);
    }
    for (int end = 1; end < 3; end++) {
        assert_memory_equal(labels[0], labels[end], (size_t)images * sizeof(uint16_t));
        for (int i = 0; i < images; i++)
            assert_true(fabsf(confidence[0][i] - confidence[end][i]) < 1e-5f);
    }
    for (int i = 0; i < 3; i++) {
        free(labels[i]);
        free(confidence[i]);
    }
    wick_data_free(data);
}

/* An operator that oneDNN's program lacks: by the reference, image by image, the same answers. */
static void answers_without_the_backend(void **state) {
    (void)state;
    wick_data_options options = wick_data_defaults();
    options.limit = 200;
    wick_data *data;
    assert_int_equal(wick_data_open("builtin:shapes10", &options, &data, NULL), WICK_OK);
    int images = data->split[WICK_VALIDATION].n;
    net n = net_new(3, 3, 32, 32);
    int p = net_pool(&n, n.graph->input, WICK_OP_AVG_POOL, 8, 8, 0, false);
    int t = net_simple(&n, p, WICK_OP_ROUND);
    int logits = net_fc(&n, net_simple(&n, t, WICK_OP_FLATTEN), 10, true);
    n.graph->family.n_heads = 1;
    n.graph->family.heads[0] = logits;
    assert_false(wick_op_trains(WICK_OP_ROUND));
    uint16_t *labels = wick_xalloc((size_t)images * sizeof *labels);
    wick_answers answers = {.labels = labels};
    assert_int_equal(wick_answers_float(n.graph, data, WICK_VALIDATION, 1, answers, NULL), WICK_OK);
    float *input = wick_xalloc(3 * 32 * 32 * sizeof *input);
    const float zeros[3] = {0}, ones[3] = {1, 1, 1};
    int different = 0;
    for (uint32_t i = 0; i < (uint32_t)images; i++) {
        void **values;
        wick_data_batch(data, WICK_VALIDATION, &i, 1, NULL, 0, 0, zeros, ones, input);
        assert_int_equal(wick_graph_eval(n.graph, input, &values, NULL), WICK_OK);
        const float *y = values[logits];
        int best = 0;
        for (int c = 0; c < 10; c++)
            best = y[c] > y[best] ? c : best;
        assert_int_equal(labels[i], best);
        different += best != labels[0];
        wick_values_free(n.graph, values);
    }
    assert_true(different > 0);
    free(input);
    free(labels);
    wick_graph_free(n.graph);
    wick_data_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(confidence_is_the_largest_probability),
        cmocka_unit_test(a_small_table_by_hand),
        cmocka_unit_test(what_is_always_right_or_wrong),
        cmocka_unit_test(answers_of_a_float_network),
        cmocka_unit_test(answers_without_the_backend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
