/* Pairs of NumPy files: what the bytes stand for, splits, and every way to be wrong. */
#include "helper_data.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* An .npy of version 1 as numpy.save writes it: the header padded with blanks to 64 bytes. */
static const char *write_npy(const char *path, const char *descr, const char *shape,
                             const void *values, size_t bytes) {
    wick_buf file = {0};
    char dict[200];
    int len = snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                       descr, shape);
    size_t padded = ((size_t)(10 + len + 1) + 63) / 64 * 64 - 10;
    const uint8_t start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)padded, 0};
    wick_buf_append(&file, start, sizeof start);
    wick_buf_puts(&file, dict);
    while (file.len < 10 + padded - 1)
        wick_buf_puts(&file, " ");
    wick_buf_puts(&file, "\n");
    wick_buf_append(&file, values, bytes);
    helper_write(path, file.data, file.len);
    wick_buf_free(&file);
    return path;
}

static const char *tagged(const char *name) {
    static char spec[200];
    snprintf(spec, sizeof spec, "npy:%s", helper_path("%s", name));
    return spec;
}

enum { N = 20, L = 3, C = 2 };

/* Window i, sample l: channel 0 is i + l / 10, channel 1 its negative times 100. */
static void write_floats(const char *name) {
    float x[N][L][C];
    int64_t y[N];
    for (int i = 0; i < N; i++) {
        y[i] = i % 2;
        for (int l = 0; l < L; l++) {
            x[i][l][0] = (float)i + (float)l / 10;
            x[i][l][1] = -100 * x[i][l][0];
        }
    }
    helper_folder(name);
    write_npy(helper_path("%s/X.npy", name), "<f4", "(20, 3, 2)", x, sizeof x);
    write_npy(helper_path("%s/y.npy", name), "<i8", "(20,)", y, sizeof y);
}

static void floats_become_bytes_between_the_extremes(void **state) {
    (void)state;
    write_floats("floats");
    wick_data *data = helper_open(tagged("floats"));
    assert_int_equal(data->height, 1);
    assert_int_equal(data->width, L);
    assert_int_equal(data->channels, C);
    assert_int_equal(data->n_classes, 2);
    assert_int_equal(data->split[WICK_TEST].n, 4);
    assert_true(fabsf(data->low[0]) < 1e-6f && fabsf(data->high[0] - 19.2f) < 1e-5f);
    assert_true(fabsf(data->low[1] + 1920) < 1e-3f && fabsf(data->high[1]) < 1e-6f);
    /* Every byte is the nearest to its value; the two channels mirror each other. */
    const wick_images *train = &data->split[WICK_TRAIN];
    for (int p = 0; p < train->n * L; p++) {
        double value = train->pixels[2 * p] / 255.0 * 19.2;
        double nearest = round(value * 10) / 10;
        assert_true(fabs(value - nearest) <= 19.2 / 255 / 2 + 1e-6);
        assert_in_range(train->pixels[2 * p] + train->pixels[2 * p + 1], 254, 256);
    }
    wick_data_free(data);
    /* A plain folder is recognised. */
    data = helper_open(helper_path("floats"));
    assert_int_equal(data->width, L);
    wick_data_free(data);
}

static void bytes_stay_and_test_files_are_used(void **state) {
    (void)state;
    uint8_t x[6][2][2][1], y[6] = {0, 1, 2, 0, 1, 2};
    for (int i = 0; i < 24; i++)
        ((uint8_t *)x)[i] = (uint8_t)(i * 10);
    helper_folder("bytes");
    write_npy(helper_path("bytes/X.npy"), "|u1", "(6, 2, 2, 1)", x, sizeof x);
    write_npy(helper_path("bytes/y.npy"), "|u1", "(6,)", y, sizeof y);
    write_npy(helper_path("bytes/X_test.npy"), "|u1", "(3, 2, 2, 1)", x, 12);
    write_npy(helper_path("bytes/y_test.npy"), "|u1", "(3,)", y, 3);
    wick_data_options options = wick_data_defaults();
    wick_data *data;
    options.validation = 0.5;
    assert_int_equal(wick_data_open(helper_path("bytes"), &options, &data, NULL), WICK_OK);
    assert_null(data->low);
    assert_int_equal(data->height, 2);
    assert_int_equal(data->split[WICK_TEST].n, 3);
    for (int i = 0; i < 12; i++)
        assert_int_equal(data->split[WICK_TEST].pixels[i], i * 10);
    wick_data_free(data);
}

/* Time does not run backwards: a window is moved, and never reversed, whatever `flip` says. */
static void windows_are_not_flipped(void **state) {
    (void)state;
    write_floats("flip");
    wick_data *data = helper_open(helper_path("flip"));
    const wick_augment augment = {.flip = true, .shift = 1};
    int moved = 0;
    for (uint32_t epoch = 0; epoch < 40; epoch++) {
        float plain[C * L], got[C * L];
        const uint32_t index = epoch % (uint32_t)data->split[WICK_TRAIN].n;
        wick_data_batch(data, WICK_TRAIN, &index, 1, NULL, 1, 0, NULL, NULL, plain);
        wick_data_batch(data, WICK_TRAIN, &index, 1, &augment, 1, epoch, NULL, NULL, got);
        bool found = false;
        for (int dx = -1; dx <= 1 && !found; dx++) {
            found = true;
            for (int i = 0; i < C * L; i++) {
                int from = i % L - dx;
                float want = from >= 0 && from < L ? plain[i - dx] : 0.0f;
                found = found && fabsf(got[i] - want) < 1e-6f;
            }
            moved += found && dx != 0;
        }
        assert_true(found);
    }
    assert_true(moved > 10);
    wick_data_free(data);
}

/* Values of the test part outside the training part's range are clipped. */
static void integers_of_every_size(void **state) {
    (void)state;
    const int16_t x16[4] = {-300, 500, 100, -100};
    const int8_t x8[4] = {-128, 127, 0, -1};
    const int32_t x32[4] = {-2000000000, 2000000000, 0, 1};
    const uint16_t xu16[4] = {0, 65535, 32768, 1};
    const double x64[4] = {-1e-9, 1e-9, 0, 5e-10};
    const struct {
        const char *descr;
        const void *x;
        size_t bytes;
        int expected[4];
    } cases[] = {{"<i2", x16, sizeof x16, {0, 255, 128, 64}},
                 {"|i1", x8, sizeof x8, {0, 255, 128, 127}},
                 {"<i4", x32, sizeof x32, {0, 255, 128, 128}},
                 {"<u2", xu16, sizeof xu16, {0, 255, 128, 0}},
                 {"<f8", x64, sizeof x64, {0, 255, 128, 191}}};
    const int32_t y[4] = {0, 0, 0, 0};
    helper_folder("integers");
    write_npy(helper_path("integers/y.npy"), "<i4", "(4,)", y, sizeof y);
    write_npy(helper_path("integers/y_test.npy"), "<i4", "(4,)", y, sizeof y);
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        write_npy(helper_path("integers/X.npy"), cases[i].descr, "(4, 1)", cases[i].x,
                  cases[i].bytes);
        write_npy(helper_path("integers/X_test.npy"), cases[i].descr, "(4, 1)", cases[i].x,
                  cases[i].bytes);
        wick_data *data = helper_open(helper_path("integers"));
        for (int k = 0; k < 4; k++)
            assert_int_equal(data->split[WICK_TEST].pixels[k], cases[i].expected[k]);
        wick_data_free(data);
    }
    const int16_t wild[4] = {-1000, 1000, 100, -300};
    write_npy(helper_path("integers/X.npy"), "<i2", "(4, 1)", x16, sizeof x16);
    write_npy(helper_path("integers/X_test.npy"), "<i2", "(4, 1)", wild, sizeof wild);
    wick_data *data = helper_open(helper_path("integers"));
    const uint8_t clipped[4] = {0, 255, 128, 0};
    assert_memory_equal(data->split[WICK_TEST].pixels, clipped, 4);
    wick_data_free(data);
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    const char *spec = tagged("wrong");
    const char *x = NULL, *y = NULL;
    float nan_x[N * L * C] = {0};
    int32_t labels[N] = {0};
    for (int i = 0; i < 11; i++) {
        write_floats("wrong");
        x = helper_path("wrong/X.npy");
        y = helper_path("wrong/y.npy");
        switch (i) {
        case 0:
            helper_cut(x, 1);
            helper_refuses(spec, WICK_TRUNCATED, "X.npy", "479");
            break;
        case 1:
            helper_poke(x, 0, 'P');
            helper_refuses(spec, WICK_SYNTAX, "X.npy", "not an .npy");
            break;
        case 2:
            nan_x[77] = NAN;
            write_npy(x, "<f4", "(20, 3, 2)", nan_x, sizeof nan_x);
            helper_refuses(spec, WICK_RANGE, "element 77", "X.npy");
            break;
        case 3:
            write_npy(y, "<i4", "(19,)", labels, 19 * 4);
            helper_refuses(spec, WICK_SHAPE, "19 labels", "y.npy");
            break;
        case 4:
            labels[3] = -1;
            write_npy(y, "<i4", "(20,)", labels, sizeof labels);
            helper_refuses(spec, WICK_RANGE, "label -1 of window 4", "y.npy");
            break;
        case 5:
            write_npy(x, ">f4", "(20, 3, 2)", nan_x, sizeof nan_x);
            helper_refuses(spec, WICK_UNSUPPORTED, ">f4", "astype");
            break;
        case 6:
            write_npy(x, "<f4", "(120,)", nan_x, sizeof nan_x);
            helper_refuses(spec, WICK_SHAPE, "1 dimension", "X.npy");
            break;
        case 7:
            write_npy(x, "<f4", "(20, 3, 2", nan_x, sizeof nan_x);
            helper_refuses(spec, WICK_SYNTAX, "tuple", "X.npy");
            break;
        case 8:
            write_npy(x, "<f4", "(99999999, 99999999, 99999999, 99999999)", nan_x, sizeof nan_x);
            helper_refuses(spec, WICK_RANGE, "X.npy", "dimension");
            break;
        case 9:
            helper_write(x, "\x93NUMPY\x01\x00\xff\xff{'descr'", 18);
            helper_refuses(spec, WICK_TRUNCATED, "within its header", "X.npy");
            break;
        case 10:
            helper_write(y, "", 0);
            helper_refuses(spec, WICK_SYNTAX, "y.npy", "not an .npy");
            break;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_become_bytes_between_the_extremes),
        cmocka_unit_test(bytes_stay_and_test_files_are_used),
        cmocka_unit_test(windows_are_not_flipped),
        cmocka_unit_test(integers_of_every_size),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, helper_make_folder, helper_remove_folder);
}
