/* From bytes to network input: normalisation, flip, shift; and the contact sheet. */
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

enum { IMAGES = 1200, HEIGHT = 5, WIDTH = 7, CHANNELS = 3, SIZE = CHANNELS * HEIGHT * WIDTH };

/* A data set made by hand: every byte of an image differs from its neighbours. */
static wick_data *hand_made(void) {
    wick_data *data = wick_xalloc(sizeof *data);
    data->arena = wick_arena_new();
    data->height = HEIGHT;
    data->width = WIDTH;
    data->channels = CHANNELS;
    data->n_classes = 2;
    data->class_names = wick_new(data->arena, const char *, 2);
    data->class_names[0] = "left";
    data->class_names[1] = "a-rather-long-class-name";
    wick_images *train = &data->split[WICK_TRAIN];
    train->n = IMAGES;
    train->pixels = wick_xalloc((size_t)IMAGES * SIZE);
    train->labels = wick_xalloc(IMAGES * sizeof *train->labels);
    for (int i = 0; i < IMAGES; i++) {
        train->labels[i] = (uint16_t)(i % 2);
        for (int p = 0; p < SIZE; p++)
            train->pixels[i * SIZE + p] = (uint8_t)(1 + (p * 2 + i * 13) % 250);
    }
    return data;
}

static uint8_t byte_at(const wick_data *data, uint32_t i, int c, int y, int x) {
    return data->split[WICK_TRAIN]
        .pixels[i * SIZE + ((uint32_t)(y * WIDTH + x)) * CHANNELS + (uint32_t)c];
}

static bool near(float a, float b) {
    return fabsf(a - b) < 1e-5f;
}

static void normalised_channel_by_channel(void **state) {
    (void)state;
    wick_data *data = hand_made();
    const uint32_t indices[] = {3, 0, 1199};
    const float mean[] = {0.1f, 0.5f, 0.9f}, std[] = {0.2f, 0.25f, 2.0f};
    float out[3 * SIZE];
    for (int given = 0; given < 2; given++) {
        wick_data_batch(data, WICK_TRAIN, indices, 3, NULL, 1, 0, given ? mean : NULL,
                        given ? std : NULL, out);
        for (int i = 0; i < 3; i++)
            for (int c = 0; c < CHANNELS; c++)
                for (int y = 0; y < HEIGHT; y++)
                    for (int x = 0; x < WIDTH; x++) {
                        float byte = byte_at(data, indices[i], c, y, x);
                        float want =
                            given ? (byte / 255.0f - mean[c]) / std[c] : (byte - 128.0f) / 128.0f;
                        assert_true(near(out[((i * CHANNELS + c) * HEIGHT + y) * WIDTH + x], want));
                    }
    }
    wick_data_free(data);
}

/* True when `got` [3, 5, 7] is image i flipped, then moved down by dy and right by dx. */
static bool is_moved(const wick_data *data, uint32_t i, bool flip, int dy, int dx,
                     const float *got) {
    for (int c = 0; c < CHANNELS; c++)
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++) {
                int sy = y - dy, sx = x - dx;
                bool inside = sy >= 0 && sy < HEIGHT && sx >= 0 && sx < WIDTH;
                float want = 0;
                if (inside)
                    want = (byte_at(data, i, c, sy, flip ? WIDTH - 1 - sx : sx) - 128.0f) / 128.0f;
                if (!near(want, got[(c * HEIGHT + y) * WIDTH + x]))
                    return false;
            }
    return true;
}

/* The one augmentation in [2][5][5] that image i got; asserts that it is one. */
static int which_move(const wick_data *data, uint32_t i, const float *got) {
    int found = -1, count = 0;
    for (int m = 0; m < 50; m++)
        if (is_moved(data, i, m >= 25, m / 5 % 5 - 2, m % 5 - 2, got)) {
            found = m;
            count++;
        }
    assert_int_equal(count, 1);
    return found;
}

static void every_augmentation_occurs_equally_often(void **state) {
    (void)state;
    wick_data *data = hand_made();
    const wick_augment augment = {.flip = true, .shift = 2};
    int counts[50] = {0};
    float out[SIZE];
    for (uint32_t epoch = 0; epoch < 3; epoch++)
        for (uint32_t i = 0; i < IMAGES; i++) {
            wick_data_batch(data, WICK_TRAIN, &i, 1, &augment, 1, epoch, NULL, NULL, out);
            counts[which_move(data, i, out)]++;
        }
    /* 72 expected, standard deviation 8.4. */
    for (int m = 0; m < 50; m++)
        assert_in_range(counts[m], 35, 110);
    wick_data_free(data);
}

static void flip_and_shift_do_not_disturb_each_other(void **state) {
    (void)state;
    wick_data *data = hand_made();
    const wick_augment both = {.flip = true, .shift = 2}, flip = {.flip = true},
                       shift = {.shift = 2};
    float out[SIZE];
    for (uint32_t i = 0; i < 50; i++) {
        wick_data_batch(data, WICK_TRAIN, &i, 1, &both, 1, 4, NULL, NULL, out);
        int m = which_move(data, i, out);
        wick_data_batch(data, WICK_TRAIN, &i, 1, &flip, 1, 4, NULL, NULL, out);
        assert_int_equal(which_move(data, i, out), m / 25 * 25 + 12);
        wick_data_batch(data, WICK_TRAIN, &i, 1, &shift, 1, 4, NULL, NULL, out);
        assert_int_equal(which_move(data, i, out), m % 25);
    }
    wick_data_free(data);
}

static void an_image_does_not_see_its_batch(void **state) {
    (void)state;
    wick_data *data = hand_made();
    const wick_augment augment = {.flip = true, .shift = 2};
    const uint32_t first[] = {7, 3, 900, 7}, second[] = {900, 11};
    float a[4 * SIZE], b[2 * SIZE], c[4 * SIZE];
    wick_data_batch(data, WICK_TRAIN, first, 4, &augment, 5, 2, NULL, NULL, a);
    wick_data_batch(data, WICK_TRAIN, second, 2, &augment, 5, 2, NULL, NULL, b);
    assert_memory_equal(a, a + 3 * SIZE, SIZE * sizeof *a);
    assert_memory_equal(a + 2 * SIZE, b, SIZE * sizeof *a);
    /* Seed and epoch each make a difference. */
    wick_data_batch(data, WICK_TRAIN, first, 4, &augment, 6, 2, NULL, NULL, c);
    assert_memory_not_equal(a, c, sizeof a);
    wick_data_batch(data, WICK_TRAIN, first, 4, &augment, 5, 3, NULL, NULL, c);
    assert_memory_not_equal(a, c, sizeof a);
    wick_data_free(data);
}

static void a_shift_may_exceed_the_image(void **state) {
    (void)state;
    wick_data *data = hand_made();
    const wick_augment augment = {.shift = 20};
    float out[SIZE];
    int empty = 0;
    for (uint32_t i = 0; i < 60; i++) {
        wick_data_batch(data, WICK_TRAIN, &i, 1, &augment, 1, 0, NULL, NULL, out);
        bool any = false;
        for (int p = 0; p < SIZE; p++)
            any = any || fabsf(out[p]) > 0;
        empty += !any;
    }
    assert_in_range(empty, 30, 59);
    wick_data_free(data);
}

static void the_sheet_shows_the_images(void **state) {
    (void)state;
    wick_data *data = hand_made();
    const char *path = helper_path("sheet.png");
    assert_int_equal(wick_data_contact_sheet(data, WICK_TRAIN, 3, path, NULL), WICK_OK);
    int width, height, zoom = 64 / WIDTH, label = 2 + 16 * 6 + 2;
    uint8_t *sheet = helper_read_png(path, &width, &height);
    assert_int_equal(width, label + 3 * (WIDTH * zoom + 2));
    assert_int_equal(height, 2 + 2 * (HEIGHT * zoom + 2));
    for (int row = 0; row < 2; row++)
        for (int k = 0; k < 3; k++)
            for (int y = 0; y < HEIGHT * zoom; y++)
                for (int x = 0; x < WIDTH * zoom; x++)
                    for (int c = 0; c < 3; c++) {
                        int top = 2 + row * (HEIGHT * zoom + 2),
                            left = label + k * (WIDTH * zoom + 2);
                        assert_int_equal(
                            sheet[((top + y) * width + left + x) * 3 + c],
                            byte_at(data, (uint32_t)(2 * k + row), c, y / zoom, x / zoom));
                    }
    int ink = 0;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < label; x++)
            ink += sheet[(y * width + x) * 3] > 200;
    assert_in_range(ink, 100, 400); /* twenty letters */
    free(sheet);
    wick_data_free(data);
}

static void a_sheet_of_grey_images_and_missing_images(void **state) {
    (void)state;
    const char *dir = helper_folder("grey");
    helper_write_idx(dir, 12, 2, 80, 3, 3);
    wick_data *data = helper_open(dir);
    const char *path = helper_path("grey.png");
    /* Class 2 has no test image: its row stays empty. */
    assert_int_equal(wick_data_contact_sheet(data, WICK_TEST, 1, path, NULL), WICK_OK);
    int width, height;
    uint8_t *sheet = helper_read_png(path, &width, &height);
    assert_int_equal(height, 2 + 3 * 82);
    assert_int_equal(width, 2 + 6 + 2 + 5);
    for (int y = 0; y < 80; y++) {
        assert_int_equal(sheet[((2 + 82 + y) * width + 10) * 3], helper_idx_pixel(1001, y, 0));
        assert_int_equal(sheet[((2 + 164 + y) * width + 10) * 3], 32);
    }
    free(sheet);
    wick_data_free(data);
}

static void a_sheet_that_cannot_be(void **state) {
    (void)state;
    const char *dir = helper_folder("wide");
    helper_write_idx(dir, 12, 3, 1, 2000, 3);
    wick_data *data = helper_open(dir);
    wick_diag diag = {0};
    const char *path = helper_path("wide.png");
    assert_int_equal(wick_data_contact_sheet(data, WICK_TRAIN, 9, path, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "fewer images"));
    assert_false(wick_path_is_file(path));
    /* Images lower than a letter: the row has room for the label. */
    assert_int_equal(wick_data_contact_sheet(data, WICK_TRAIN, 1, path, &diag), WICK_OK);
    int width, height;
    free(helper_read_png(path, &width, &height));
    assert_int_equal(height, 2 + 3 * (7 + 2));
    assert_int_equal(
        wick_data_contact_sheet(data, WICK_TRAIN, 1, helper_path("no/such/folder.png"), &diag),
        WICK_OUTPUT);
    assert_int_equal(wick_data_contact_sheet(data, WICK_TRAIN, 1, "/dev/full", &diag), WICK_IO);
    wick_diag_free(&diag);
    wick_data_free(data);
}

/* One square of zeros, nothing else changed; its centre may be anywhere. */
static void cutout_cuts_a_square(void **state) {
    (void)state;
    wick_data *data = hand_made();
    wick_augment augment = {.cutout = 3};
    float whole[SIZE], cut[SIZE];
    int areas[10] = {0};
    for (uint32_t i = 0; i < 400; i++) {
        int top = HEIGHT, left = WIDTH, bottom = -1, right = -1, zeros = 0;
        wick_data_batch(data, WICK_TRAIN, &i, 1, NULL, 1, 0, NULL, NULL, whole);
        wick_data_batch(data, WICK_TRAIN, &i, 1, &augment, 1, 0, NULL, NULL, cut);
        for (int p = 0; p < SIZE; p++) {
            int y = p / WIDTH % HEIGHT, x = p % WIDTH;
            bool zero = !near(cut[p], whole[p]);
            assert_true(!zero || near(cut[p], 0));
            if (!zero || p >= HEIGHT * WIDTH)
                continue;
            zeros++;
            top = y < top ? y : top;
            left = x < left ? x : left;
            bottom = y > bottom ? y : bottom;
            right = x > right ? x : right;
        }
        assert_in_range(bottom - top + 1, 1, 3);
        assert_in_range(right - left + 1, 1, 3);
        /* A pixel that was zero (byte 128) already does not count. */
        assert_in_range(zeros, (bottom - top + 1) * (right - left + 1) - 1, 9);
        areas[zeros]++;
    }
    assert_true(areas[9] > 40 && areas[9] < 300); /* at the border it is smaller */
    wick_data_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cutout_cuts_a_square),
        cmocka_unit_test(normalised_channel_by_channel),
        cmocka_unit_test(every_augmentation_occurs_equally_often),
        cmocka_unit_test(flip_and_shift_do_not_disturb_each_other),
        cmocka_unit_test(an_image_does_not_see_its_batch),
        cmocka_unit_test(a_shift_may_exceed_the_image),
        cmocka_unit_test(the_sheet_shows_the_images),
        cmocka_unit_test(a_sheet_of_grey_images_and_missing_images),
        cmocka_unit_test(a_sheet_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, helper_make_folder, helper_remove_folder);
}
