/* Sensor windows from NumPy files to integers: one-dimensional convolutions train, quantize and run
   as the device will run them. */
#include "emit/emit.h"
#include "train/train.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 600, SAMPLES = 64, CHANNELS = 3 };

static void write_file(const char *path, const char *descr, const char *shape, const void *values,
                       size_t bytes) {
    char header[128];
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10);
    int len = snprintf(header + 10, sizeof header - 10,
                       "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape);
    header[10 + len] = ' ';
    header[127] = '\n';
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(header, 1, sizeof header, file), sizeof header);
    assert_int_equal(fwrite(values, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

/* Three activities: slow swing, fast swing, a single knock; phase, axis and strength at random. */
static void make_windows(wick_arena *arena, const char *dir) {
    float *x = wick_new(arena, float, N *SAMPLES *CHANNELS);
    uint8_t *y = wick_new(arena, uint8_t, N);
    wick_rng rng = wick_rng_seed(9, 0);
    for (int i = 0; i < N; i++) {
        y[i] = (uint8_t)(i % 3);
        float phase = 6.28f * wick_rng_uniform(&rng), strength = 2 + 6 * wick_rng_uniform(&rng);
        int axis = (int)wick_rng_below(&rng, CHANNELS), knock = (int)wick_rng_below(&rng, 60);
        for (int t = 0; t < SAMPLES; t++)
            for (int c = 0; c < CHANNELS; c++) {
                float v = 0.5f * wick_rng_normal(&rng);
                if (c == axis && y[i] < 2)
                    v += strength * sinf(phase + (y[i] ? 0.9f : 0.3f) * (float)t);
                if (c == axis && y[i] == 2 && t >= knock && t < knock + 3)
                    v += 2 * strength;
                x[(i * SAMPLES + t) * CHANNELS + c] = v;
            }
    }
    write_file(wick_path_join(arena, dir, "X.npy"), "<f4", "(600, 64, 3)", x,
               sizeof(float) * N * SAMPLES * CHANNELS);
    write_file(wick_path_join(arena, dir, "y.npy"), "|u1", "(600,)", y, N);
}

static void windows_reach_the_device(void **state) {
    (void)state;
    char dir[] = "/tmp/wick-test-sensor-XXXXXX";
    assert_non_null(mkdtemp(dir));
    wick_arena *arena = wick_arena_new();
    wick_diag diag = {0};
    wick_data *data;
    wick_graph *family, *qdq;
    wick_qnet *net;
    make_windows(arena, dir);
    assert_int_equal(wick_data_open(dir, NULL, &data, &diag), WICK_OK);
    wick_recipe_options build = wick_recipe_defaults();
    build.height = 1;
    build.width_px = SAMPLES;
    build.channels = CHANNELS;
    build.classes = 3;
    build.width = 0.25;
    assert_int_equal(wick_recipe_build("sensor", &build, &family, &diag), WICK_OK);
    wick_train_options train = wick_train_defaults();
    wick_train_result result;
    train.epochs = 6;
    train.batch = 32;
    train.threads = 1;
    train.quiet = true;
    train.augment.flip = false;
    train.augment.shift = 4;
    assert_int_equal(wick_train_run(family, data, &train, &result, &diag), WICK_OK);
    int64_t floats[WICK_MAX_HEADS], bytes[WICK_MAX_HEADS];
    int n = data->split[WICK_TEST].n;
    assert_int_equal(wick_eval_float(family, data, WICK_TEST, 1, floats, NULL, &diag), WICK_OK);
    wick_quantize_options quantize = wick_quantize_defaults();
    assert_int_equal(wick_quantize(family, data, &quantize, &qdq, &diag), WICK_OK);
    assert_int_equal(wick_qnet_lower(qdq, &net, &diag), WICK_OK);
    assert_int_equal(wick_eval_int8(net, data, WICK_TEST, 1, 0, bytes, NULL, &diag), WICK_OK);
    for (int k = 0; k < net->n_modules; k++) {
        double accuracy = (double)floats[k] / n;
        if (k == 0 && !(accuracy > 0.9))
            fail_msg("%s answers %.2f right", family->family.head_names[k], accuracy);
        assert_true(accuracy > 0.5); /* 0.33 is chance */
        assert_true(fabs(accuracy - (double)bytes[k] / n) < 0.05);
    }
    wick_device *device;
    wick_plan *plan;
    wick_plan_options options = wick_plan_defaults();
    assert_int_equal(wick_device_load(arena, "m4-fram", &device, &diag), WICK_OK);
    assert_int_equal(wick_plan_make(net, device, &options, NULL, &plan, &diag), WICK_OK);
    wick_plan_free(plan);
    wick_qnet_free(net);
    wick_graph_free(qdq);
    wick_graph_free(family);
    wick_data_free(data);
    wick_diag_free(&diag);
    wick_arena_free(arena);
    wick_path_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(windows_reach_the_device)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
