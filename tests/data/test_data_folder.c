/* Folders of class folders with JPEG and PNG images. */
#include "helper_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <png.h>

static const uint8_t red[4] = {200, 10, 20, 255}, blue[4] = {5, 15, 210, 255};

/* `name`/{train,TEST}/{ant,bee}: `n` images of 6 x 4 (train), 2 (test); TEST NULL: name/{ant,bee}.
 */
static const char *make_set(const char *name, const char *test, int n) {
    const char *dir = helper_folder(name);
    for (int c = 0; c < 2; c++)
        for (int i = 0; i < n; i++) {
            const char *of_class = c ? "bee" : "ant";
            if (test)
                helper_write_png(helper_path("%s/train/%s/%02d.png", name, of_class, i), 6, 4,
                                 PNG_COLOR_TYPE_RGB, 8, c ? blue : red);
            else
                helper_write_png(helper_path("%s/%s/%02d.png", name, of_class, i), 6, 4,
                                 PNG_COLOR_TYPE_RGB, 8, c ? blue : red);
            if (test && i < 2)
                helper_write_jpeg(helper_path("%s/%s/%s/%d.JPG", name, test, of_class, i), 6, 4,
                                  false, c ? blue : red);
        }
    return dir;
}

static const uint8_t *pixel(const wick_data *data, wick_split split, int i) {
    return data->split[split].pixels + (size_t)(i * data->height * data->width * data->channels);
}

static void assert_colour(const uint8_t *got, const uint8_t *want, int tolerance) {
    for (int c = 0; c < 3; c++)
        assert_in_range(got[c] + 10, want[c] + 10 - tolerance, want[c] + 10 + tolerance);
}

static void train_and_test_folders(void **state) {
    (void)state;
    const char *const tests[] = {"test", "val"};
    for (int t = 0; t < 2; t++) {
        wick_data *data = helper_open(make_set("parts", tests[t], 5));
        assert_int_equal(data->width, 6);
        assert_int_equal(data->height, 4);
        assert_int_equal(data->channels, 3);
        assert_int_equal(data->n_classes, 2);
        assert_string_equal(data->class_names[0], "ant");
        assert_string_equal(data->class_names[1], "bee");
        assert_int_equal(data->split[WICK_TRAIN].n, 8);
        assert_int_equal(data->split[WICK_VALIDATION].n, 2);
        assert_int_equal(data->split[WICK_TEST].n, 4);
        assert_non_null(strstr(data->description, tests[t]));
        for (int i = 0; i < 4; i++) {
            assert_int_equal(data->split[WICK_TEST].labels[i], i / 2);
            /* Strong colours at quality 100: the conversion to YCbCr and back costs a step or two.
             */
            assert_colour(pixel(data, WICK_TEST, i), i / 2 ? blue : red, 3);
        }
        assert_colour(pixel(data, WICK_TRAIN, 7), blue, 0);
        wick_data_free(data);
    }
}

static void a_test_part_is_taken(void **state) {
    (void)state;
    const char *dir = make_set("whole", NULL, 10);
    wick_data *data = helper_open(dir);
    assert_int_equal(data->split[WICK_TEST].n, 4);
    assert_int_equal(data->split[WICK_VALIDATION].n, 2);
    assert_int_equal(data->split[WICK_TRAIN].n, 14);
    assert_non_null(strstr(data->description, "a fifth"));
    for (int s = 0; s < WICK_SPLITS; s++)
        for (int i = 0; i < data->split[s].n; i++)
            assert_colour(pixel(data, (wick_split)s, i), data->split[s].labels[i] ? blue : red, 0);
    wick_data_free(data);
}

static void the_taken_test_part_does_not_depend_on_the_seed(void **state) {
    (void)state;
    const char *dir = helper_folder("numbers");
    for (int c = 0; c < 2; c++)
        for (int i = 0; i < 20; i++)
            helper_write_png(helper_path("numbers/%d/%02d.png", c, i), 2, 2, PNG_COLOR_TYPE_RGB, 8,
                             (const uint8_t[]){(uint8_t)c, (uint8_t)i, 0, 0});
    uint8_t first[8 * 12];
    int validation_differs = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        wick_data_options options = {.seed = seed, .validation = 0.25};
        wick_data *data;
        assert_int_equal(wick_data_open(dir, &options, &data, NULL), WICK_OK);
        assert_int_equal(data->split[WICK_TEST].n, 8);
        if (seed == 1)
            memcpy(first, data->split[WICK_TEST].pixels, sizeof first);
        assert_memory_equal(first, data->split[WICK_TEST].pixels, sizeof first);
        validation_differs += pixel(data, WICK_VALIDATION, 0)[1] != 0;
        wick_data_free(data);
    }
    assert_true(validation_differs > 0);
    make_set("numbers", NULL, 1);
    helper_refuses(dir, WICK_RANGE, "ant", "too few to take test images");
}

static void every_kind_of_png(void **state) {
    (void)state;
    const struct {
        int type, depth;
        uint8_t colour[4], want[3];
    } kinds[] = {
        {PNG_COLOR_TYPE_GRAY, 8, {90, 0, 0, 0}, {90, 90, 90}},
        {PNG_COLOR_TYPE_GRAY, 16, {91, 0, 0, 0}, {91, 91, 91}},
        {PNG_COLOR_TYPE_GRAY_ALPHA, 8, {100, 0, 0, 128}, {50, 50, 50}},
        {PNG_COLOR_TYPE_RGB, 8, {1, 2, 3, 0}, {1, 2, 3}},
        {PNG_COLOR_TYPE_RGB, 16, {7, 8, 9, 0}, {7, 8, 9}},
        {PNG_COLOR_TYPE_RGB_ALPHA, 8, {200, 100, 50, 0}, {0, 0, 0}},
        {PNG_COLOR_TYPE_RGB_ALPHA, 16, {255, 100, 51, 51}, {51, 20, 10}},
        {PNG_COLOR_TYPE_PALETTE, 8, {11, 22, 33, 0}, {11, 22, 33}},
    };
    const char *dir = make_set("kinds", "test", 2);
    for (size_t k = 0; k < WICK_LEN(kinds); k++) {
        helper_write_png(helper_path("kinds/test/ant/0.JPG"), 6, 4, kinds[k].type, kinds[k].depth,
                         kinds[k].colour);
        wick_data *data = helper_open(dir);
        assert_int_equal(data->channels, 3);
        assert_colour(pixel(data, WICK_TEST, 0), kinds[k].want, 0);
        assert_colour(pixel(data, WICK_TEST, 1) - 3, kinds[k].want, 0); /* the last pixel */
        wick_data_free(data);
    }
}

static void grey_images_have_one_channel(void **state) {
    (void)state;
    const char *dir = helper_folder("grey");
    for (int c = 0; c < 2; c++)
        for (int i = 0; i < 5; i++) {
            uint8_t level[4] = {(uint8_t)(100 * c + 20), 0, 0, 0};
            helper_write_png(helper_path("grey/%d/%d.png", c, i), 5, 3, PNG_COLOR_TYPE_GRAY, 8,
                             level);
        }
    helper_write_jpeg(helper_path("grey/1/5.jpeg"), 5, 3, true, (const uint8_t[]){120, 0, 0});
    wick_data *data = helper_open(dir);
    assert_int_equal(data->channels, 1);
    for (int s = 0; s < WICK_SPLITS; s++)
        for (int i = 0; i < data->split[s].n; i++)
            for (int p = 0; p < 15; p++)
                assert_int_equal(pixel(data, (wick_split)s, i)[p],
                                 100 * data->split[s].labels[i] + 20);
    wick_data_free(data);
    /* One coloured image, and all become RGB. */
    helper_write_png(helper_path("grey/1/6.png"), 5, 3, PNG_COLOR_TYPE_RGB, 8, blue);
    data = helper_open(dir);
    assert_int_equal(data->channels, 3);
    assert_colour(pixel(data, WICK_TRAIN, 0), (const uint8_t[]){20, 20, 20}, 0);
    wick_data_free(data);
}

static void mixed_sizes_name_the_first_odd_file(void **state) {
    (void)state;
    const char *dir = make_set("mixed", "test", 40);
    helper_write_png(helper_path("mixed/train/bee/31.png"), 4, 6, PNG_COLOR_TYPE_RGB, 8, red);
    helper_write_png(helper_path("mixed/train/ant/07.png"), 6, 5, PNG_COLOR_TYPE_RGB, 8, red);
    for (int i = 0; i < 20; i++)
        helper_refuses(dir, WICK_SHAPE, "mixed/train/ant/07.png",
                       "6 x 5 pixels, the first image is 6 x 4");
    dir = make_set("mixed", "test", 4);
    helper_write_jpeg(helper_path("mixed/test/bee/1.JPG"), 3, 2, false, red);
    helper_refuses(dir, WICK_SHAPE, "mixed/test/bee/1.JPG", "3 x 2");
}

/* Runs helper_refuses with stderr in a file and asserts that the libraries printed nothing. */
static void refuses_silently(const char *dir, wick_status status, const char *text,
                             const char *more) {
    const char *log = helper_path("stderr.txt");
    fflush(stderr);
    int keep = dup(STDERR_FILENO);
    assert_non_null(freopen(log, "w", stderr));
    helper_refuses(dir, status, text, more);
    fflush(stderr);
    assert_int_equal(dup2(keep, STDERR_FILENO), STDERR_FILENO);
    close(keep);
    wick_arena *arena = wick_arena_new();
    wick_bytes bytes;
    assert_int_equal(wick_file_read(arena, log, 1 << 20, &bytes, NULL), WICK_OK);
    assert_string_equal((char *)bytes.data, "");
    wick_arena_free(arena);
}

static void damaged_images_are_named(void **state) {
    (void)state;
    const char *dir = make_set("damage", "test", 3);
    const char *jpeg = helper_path("damage/test/bee/1.JPG");
    helper_write_jpeg(jpeg, 6, 4, false, red);
    helper_cut(jpeg, 30); /* in the compressed pixels: libjpeg alone would only warn */
    refuses_silently(dir, WICK_TRUNCATED, "bee/1.JPG", "not a readable JPEG");
    helper_write(jpeg, "\xff\xd8\xff\xe0", 4);
    refuses_silently(dir, WICK_TRUNCATED, "bee/1.JPG", "not a readable JPEG");
    helper_write(jpeg, "\xff\xd8\xff\xd9garbage", 11);
    refuses_silently(dir, WICK_SYNTAX, "bee/1.JPG", "not a readable JPEG");
    helper_write_jpeg(jpeg, 6, 4, false, red);
    const char *png = helper_path("damage/train/ant/00.png"); /* sets the size, too */
    const size_t cuts[] = {1, 14, 40, 60};
    for (size_t i = 0; i < WICK_LEN(cuts); i++) {
        helper_write_png(png, 6, 4, PNG_COLOR_TYPE_RGB, 8, red);
        helper_cut(png, cuts[i]);
        refuses_silently(dir, WICK_TRUNCATED, "ant/00.png", "ends early");
    }
    helper_write_png(png, 6, 4, PNG_COLOR_TYPE_RGB, 8, red);
    helper_poke(png, 45, 0x5a); /* in IDAT: its checksum no longer fits */
    refuses_silently(dir, WICK_SYNTAX, "ant/00.png", "not a readable PNG");
    helper_write_png(png, 6, 4, PNG_COLOR_TYPE_RGB, 8, red);
    wick_data_free(helper_open(dir));
}

static void what_is_no_image_is_named(void **state) {
    (void)state;
    const char *dir = make_set("other", "test", 3), *odd = helper_path("other/train/bee/03.png");
    helper_write(odd, "hello", 5);
    helper_refuses(dir, WICK_SYNTAX, "bee/03.png", "not a JPEG or PNG");
    helper_write(odd, "", 0);
    helper_refuses(dir, WICK_TRUNCATED, "bee/03.png", "empty");
    wick_path_remove(odd);
    odd = helper_path("other/train/bee/notes.txt");
    helper_write(odd, "hello", 5);
    helper_refuses(dir, WICK_SYNTAX, "bee/notes.txt", "not an image");
    wick_path_remove(odd);
    helper_write(helper_path("other/train/bee/.hidden"), "hello", 5);
    helper_write(helper_path("other/classes.tsv"), "hello", 5);
    wick_data_free(helper_open(dir));
    odd = helper_path("other/train/bee/04.png");
    assert_int_equal(wick_dir_make(odd, NULL), WICK_OK); /* a folder with a picture's name */
    helper_refuses(dir, WICK_NOT_FOUND, "bee/04.png", "not a regular file");
}

static void too_large_images_are_refused(void **state) {
    (void)state;
    const char *dir = make_set("large", "test", 3), *odd = helper_path("large/train/ant/00.png");
    helper_write_png(odd, 2049, 1, PNG_COLOR_TYPE_GRAY, 8, red);
    helper_refuses(dir, WICK_SYNTAX, "ant/00.png", "2048");
    helper_write_jpeg(odd, 1, 2049, true, red);
    helper_refuses(dir, WICK_SYNTAX, "ant/00.png", "2048");
}

static void classes_must_agree(void **state) {
    (void)state;
    const char *dir = make_set("classes", "test", 3);
    helper_write_png(helper_path("classes/test/cat/0.png"), 6, 4, PNG_COLOR_TYPE_RGB, 8, red);
    helper_refuses(dir, WICK_UNKNOWN, "test/cat", "no training images of this class");
    wick_path_remove(helper_path("classes/test/cat"));
    wick_path_remove(helper_path("classes/test/bee"));
    helper_refuses(dir, WICK_NOT_FOUND, "test/bee", "no such folder");
    assert_int_equal(wick_dir_make(helper_path("classes/test/bee"), NULL), WICK_OK);
    helper_refuses(dir, WICK_RANGE, "test/bee", "no images");
    dir = make_set("classes", "test", 3);
    assert_int_equal(wick_dir_make(helper_path("classes/train/cow"), NULL), WICK_OK);
    helper_refuses(dir, WICK_RANGE, "train/cow", "no images");
    dir = make_set("classes", "test", 1);
    helper_refuses(dir, WICK_RANGE, "ant", "too few");
    helper_refuses(helper_folder("empty"), WICK_NOT_FOUND, "empty", "0 class folders");
    helper_refuses(helper_path("nowhere"), WICK_NOT_FOUND, "nowhere", "no such folder");
    char spec[600];
    snprintf(spec, sizeof spec, "folder:%s", helper_path("nowhere"));
    helper_refuses(spec, WICK_NOT_FOUND, "nowhere", "no such folder");
}

/* Tiny-ImageNet as it is distributed: boxes beside the images, a list of validation images, a test
   folder without labels. */
static void tiny_imagenet_in_its_own_layout(void **state) {
    (void)state;
    const char *dir = helper_folder("tiny");
    wick_buf list = {0};
    for (int c = 0; c < 2; c++) {
        const char *wnid = c ? "n02" : "n01";
        for (int i = 0; i < 4; i++)
            helper_write_jpeg(helper_path("tiny/train/%s/images/%s_%d.JPEG", wnid, wnid, i), 6, 4,
                              false, c ? blue : red);
        helper_write(helper_path("tiny/train/%s/%s_boxes.txt", wnid, wnid), "x", 1);
        for (int i = 0; i < 3; i++) {
            helper_write_jpeg(helper_path("tiny/val/images/val_%d.JPEG", 3 * c + i), 6, 4, false,
                              c ? blue : red);
            wick_buf_printf(&list, "val_%d.JPEG\t%s\t0\t0\t5\t3\n", 3 * c + i, wnid);
        }
    }
    helper_write_jpeg(helper_path("tiny/test/images/test_0.JPEG"), 6, 4, false, red);
    helper_write(helper_path("tiny/val/val_annotations.txt"), list.data, list.len);
    wick_data *data = helper_open(dir);
    assert_int_equal(data->n_classes, 2);
    assert_string_equal(data->class_names[1], "n02");
    assert_int_equal(data->split[WICK_TRAIN].n + data->split[WICK_VALIDATION].n, 8);
    assert_int_equal(data->split[WICK_TEST].n, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(data->split[WICK_TEST].labels[i], i / 3);
        assert_colour(pixel(data, WICK_TEST, i), i / 3 ? blue : red, 12);
    }
    wick_data_free(data);
    const char *const wrong[][2] = {{"val_0.JPEG\tn01\nval_1.JPEG\tn07\n", "n07"},
                                    {"val_0.JPEG\tn01\nval_1.JPEG\n", "no class"},
                                    {"../x.JPEG\tn01\n", "line 1"},
                                    {"", "no images"}};
    for (size_t i = 0; i < WICK_LEN(wrong); i++) {
        helper_write(helper_path("tiny/val/val_annotations.txt"), wrong[i][0], strlen(wrong[i][0]));
        helper_refuses(dir,
                       i == 1 || i == 2 ? i == 1 ? WICK_SYNTAX : WICK_UNKNOWN
                       : i == 3         ? WICK_RANGE
                                        : WICK_UNKNOWN,
                       "val_annotations.txt", wrong[i][1]);
    }
    wick_buf_free(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny_imagenet_in_its_own_layout),
        cmocka_unit_test(train_and_test_folders),
        cmocka_unit_test(a_test_part_is_taken),
        cmocka_unit_test(the_taken_test_part_does_not_depend_on_the_seed),
        cmocka_unit_test(every_kind_of_png),
        cmocka_unit_test(grey_images_have_one_channel),
        cmocka_unit_test(mixed_sizes_name_the_first_odd_file),
        cmocka_unit_test(damaged_images_are_named),
        cmocka_unit_test(what_is_no_image_is_named),
        cmocka_unit_test(too_large_images_are_refused),
        cmocka_unit_test(classes_must_agree),
    };
    return cmocka_run_group_tests(tests, helper_make_folder, helper_remove_folder);
}
