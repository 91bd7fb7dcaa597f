/* Sensor windows from NumPy files to integers: one-dimensional convolutions train, quantize and run
   as the device will run them. */
#include "emit/emit.h"
#include "emit/verify.h"
#include "onnx/onnx.h"
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

/* The network as its file brings it back. */
static wick_graph *through_a_file(const wick_graph *graph) {
    wick_buf bytes = {0};
    wick_graph *back;
    assert_int_equal(wick_onnx_write_bytes(graph, "m", &bytes, NULL), WICK_OK);
    assert_int_equal(
        wick_onnx_read_bytes((const uint8_t *)bytes.data, bytes.len, "m", NULL, &back, NULL),
        WICK_OK);
    wick_buf_free(&bytes);
    return back;
}

static void ranges_upside_down_are_refused(const wick_graph *family) {
    wick_buf bytes = {0};
    wick_graph *wrong = wick_graph_clone(family), *back;
    wrong->family.high[1] = wrong->family.low[1] - 1;
    assert_int_equal(wick_onnx_write_bytes(wrong, "m", &bytes, NULL), WICK_OK);
    assert_int_equal(
        wick_onnx_read_bytes((const uint8_t *)bytes.data, bytes.len, "m", NULL, &back, NULL),
        WICK_RANGE);
    wick_buf_free(&bytes);
    wick_graph_free(wrong);
}

static void same_ranges(const wick_data *data, bool ranged, int channels, const float *low,
                        const float *high) {
    assert_true(ranged);
    assert_int_equal(channels, data->channels);
    assert_memory_equal(low, data->low, CHANNELS * sizeof *low);
    assert_memory_equal(high, data->high, CHANNELS * sizeof *high);
}

/* Windows whose values do not reach the ends that training saw: on their own they become other
   bytes, and the network refuses those. With the model's ranges they are what they were. */
static void other_windows_keep_the_ranges(wick_arena *arena, const char *dir,
                                          const wick_graph *family, const wick_data *data) {
    wick_data *alone, *told;
    const char *part = wick_path_join(arena, dir, "part");
    assert_int_equal(wick_dir_make(part, NULL), WICK_OK);
    float *x = wick_new(arena, float, 30 * SAMPLES * CHANNELS);
    uint8_t *y = wick_new(arena, uint8_t, 30);
    for (int i = 0; i < 30 * SAMPLES * CHANNELS; i++)
        x[i] = data->low[i % CHANNELS] +
               (float)(i % 200) / 255 * (data->high[i % CHANNELS] - data->low[i % CHANNELS]);
    for (int i = 0; i < 30; i++)
        y[i] = (uint8_t)(i % 3);
    write_file(wick_path_join(arena, part, "X.npy"), "<f4", "(30, 64, 3)", x,
               sizeof(float) * 30 * SAMPLES * CHANNELS);
    write_file(wick_path_join(arena, part, "y.npy"), "|u1", "(30,)", y, 30);
    int64_t correct[WICK_MAX_HEADS];
    assert_int_equal(wick_data_open(part, NULL, &alone, NULL), WICK_OK);
    assert_int_equal(wick_eval_float(family, alone, WICK_TEST, 1, correct, NULL, NULL),
                     WICK_MISMATCH);
    wick_data_options options = wick_data_defaults();
    options.n_ranges = CHANNELS;
    options.low = family->family.low;
    options.high = family->family.high;
    assert_int_equal(wick_data_open(part, &options, &told, NULL), WICK_OK);
    assert_int_equal(wick_eval_float(family, told, WICK_TEST, 1, correct, NULL, NULL), WICK_OK);
    size_t bytes = (size_t)told->split[WICK_TEST].n * SAMPLES * CHANNELS;
    int highest = 0;
    for (size_t i = 0; i < bytes; i++)
        highest =
            told->split[WICK_TEST].pixels[i] > highest ? told->split[WICK_TEST].pixels[i] : highest;
    assert_int_equal(highest, 199);
    options.n_ranges = CHANNELS - 1;
    wick_data *none;
    assert_int_equal(wick_data_open(part, &options, &none, NULL), WICK_SHAPE);
    wick_data_free(told);
    wick_data_free(alone);
}

/* What the firmware makes of the sensors' values is what the training saw, byte for byte. */
static void firmware_converts_alike(wick_arena *arena, const char *dir, const char *firmware,
                                    const wick_data *data) {
    static const char program[] =
        "#include \"model.h\"\n#include <stdio.h>\n"
        "int main(int argc, char **argv) {\n"
        "    float v;\n    FILE *in = fopen(argv[argc - 1], \"rb\");\n"
        "    if (!in || fseek(in, 128, SEEK_SET)) return 1;\n"
        "    for (int i = 0; fread(&v, sizeof v, 1, in) == 1; i++)\n"
        "        putchar(wick_model_pixel(i % MODEL_CHANNELS, v));\n    return 0;\n}\n";
    const char *source = wick_path_join(arena, dir, "convert.c");
    const char *made = wick_path_join(arena, dir, "pixels");
    wick_bytes pixels;
    assert_int_equal(wick_file_write(source, program, strlen(program), NULL), WICK_OK);
    const char *command = wick_arena_printf(
        arena,
        "cc -std=c99 -Wall -Wextra -Werror -I%s -I%s/include %s -o %s/convert && %s/convert "
        "%s/X.npy > %s",
        firmware, firmware, source, dir, dir, dir, made);
    assert_int_equal(system(command), 0);
    assert_int_equal(wick_file_read(arena, made, 1 << 24, &pixels, NULL), WICK_OK);
    assert_int_equal(pixels.len, N * SAMPLES * CHANNELS);
    for (int s = 0; s < WICK_SPLITS; s++)
        for (int i = 0; i < data->split[s].n; i++) {
            const uint8_t *seen = data->split[s].pixels + (size_t)i * SAMPLES * CHANNELS;
            int row = 0;
            while (row < N && memcmp(seen, pixels.data + (size_t)row * SAMPLES * CHANNELS,
                                     SAMPLES * CHANNELS) != 0)
                row++;
            assert_true(row < N);
        }
}

/* Emitted, built for this machine, its power cut everywhere. */
static void emitted_and_verified(wick_arena *arena, const char *dir, const wick_plan *plan,
                                 const wick_data *data) {
    const char *firmware = wick_path_join(arena, dir, "fw");
    wick_emit_options options = wick_emit_defaults();
    assert_int_equal(wick_emit_write(plan, data, &options, firmware, NULL), WICK_OK);
    firmware_converts_alike(arena, dir, firmware, data);
    wick_verify_options verify = wick_verify_defaults();
    wick_verify_result result;
    verify.qemu = false;
    verify.seeded = 20;
    verify.pairs = 20;
    verify.modules = 4; /* the smallest */
    assert_int_equal(wick_verify_run(firmware, plan, data, &verify, &result, NULL), WICK_OK);
    assert_int_equal(result.differences, 0);
    assert_true(result.n_cases == 1 && result.cases[0].host_equal);
    assert_true(result.cases[0].exhaustive_cuts > 0);
    wick_verify_free(&result);
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
    same_ranges(data, family->family.ranged, family->family.n_channels, family->family.low,
                family->family.high);
    ranges_upside_down_are_refused(family);
    other_windows_keep_the_ranges(arena, dir, family, data);
    int64_t floats[WICK_MAX_HEADS], bytes[WICK_MAX_HEADS];
    int n = data->split[WICK_TEST].n;
    assert_int_equal(wick_eval_float(family, data, WICK_TEST, 1, floats, NULL, &diag), WICK_OK);
    wick_quantize_options quantize = wick_quantize_defaults();
    assert_int_equal(wick_quantize(family, data, &quantize, &qdq, &diag), WICK_OK);
    wick_graph *read_back = through_a_file(qdq);
    assert_int_equal(wick_qnet_lower(read_back, &net, &diag), WICK_OK);
    same_ranges(data, net->ranged, net->input_channels, net->low, net->high);
    wick_graph_free(read_back);
    assert_int_equal(wick_eval_int8(net, data, WICK_TEST, 1, 0, bytes, NULL, NULL, &diag), WICK_OK);
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
    emitted_and_verified(arena, dir, plan, data);
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
