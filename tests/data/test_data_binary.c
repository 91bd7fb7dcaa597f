/* CIFAR and IDX files: what is read, and what is refused. */
#include "helper_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

enum { RECORD = 3073 };

static int count_of(const wick_images *images, int label) {
    int count = 0;
    for (int i = 0; i < images->n; i++)
        count += images->labels[i] == label;
    return count;
}

static void cifar10_is_read_channels_last(void **state) {
    (void)state;
    const char *dir = helper_folder("c10");
    helper_write_cifar(helper_path("c10/data_batch_1.bin"), 20, 10, 1);
    helper_write_cifar(helper_path("c10/data_batch_3.bin"), 10, 10, 1);
    helper_write_cifar(helper_path("c10/test_batch.bin"), 10, 10, 1);
    wick_data *data = helper_open(dir); /* recognised */
    assert_int_equal(data->height, 32);
    assert_int_equal(data->width, 32);
    assert_int_equal(data->channels, 3);
    assert_int_equal(data->n_classes, 10);
    assert_string_equal(data->class_names[9], "truck");
    assert_non_null(strstr(data->description, "2 of 5"));
    assert_non_null(strstr(data->description, "1, 3"));
    assert_int_equal(data->split[WICK_TRAIN].n, 20);
    assert_int_equal(data->split[WICK_VALIDATION].n, 10);
    assert_int_equal(data->split[WICK_TEST].n, 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(data->split[WICK_TEST].labels[i], i);
        for (int y = 0; y < 32; y++)
            for (int x = 0; x < 32; x++)
                for (int c = 0; c < 3; c++)
                    assert_int_equal(data->split[WICK_TEST].pixels[((i * 32 + y) * 32 + x) * 3 + c],
                                     helper_cifar_pixel(i, c, y, x));
    }
    wick_data_free(data);
}

static void cifar10_official_folder_and_names(void **state) {
    (void)state;
    helper_folder("archive");
    for (int b = 1; b <= 5; b++)
        helper_write_cifar(helper_path("archive/cifar-10-batches-bin/data_batch_%d.bin", b), 10, 10,
                           1);
    helper_write_cifar(helper_path("archive/cifar-10-batches-bin/test_batch.bin"), 10, 10, 1);
    const char *names = helper_path("archive/cifar-10-batches-bin/batches.meta.txt");
    helper_write(names, "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n", 21);
    char spec[600];
    snprintf(spec, sizeof spec, "cifar10:%s", helper_path("archive"));
    wick_data *data = helper_open(spec);
    assert_string_equal(data->class_names[0], "a");
    assert_string_equal(data->class_names[9], "j");
    assert_non_null(strstr(data->description, "all 5"));
    assert_int_equal(data->split[WICK_TRAIN].n + data->split[WICK_VALIDATION].n, 50);
    wick_data_free(data);
    helper_write(names, "a\nb\n", 4);
    helper_refuses(spec, WICK_SYNTAX, "batches.meta.txt", "2 class names");
}

static void cifar10_refuses_damage(void **state) {
    (void)state;
    char spec[600];
    snprintf(spec, sizeof spec, "cifar10:%s", helper_folder("bad"));
    const char *batch = helper_path("bad/data_batch_1.bin"),
               *test = helper_path("bad/test_batch.bin");
    helper_refuses(spec, WICK_NOT_FOUND, "bad", "data_batch_N.bin");
    helper_write_cifar(batch, 30, 10, 1);
    helper_refuses(spec, WICK_NOT_FOUND, "test_batch.bin", "cannot open");
    helper_write_cifar(test, 10, 10, 1);
    wick_data_free(helper_open(spec));
    helper_poke(batch, 4 * RECORD, 10);
    helper_refuses(spec, WICK_RANGE, "data_batch_1.bin", "record 5");
    helper_write_cifar(batch, 30, 10, 1);
    helper_cut(batch, 1);
    helper_refuses(spec, WICK_TRUNCATED, "data_batch_1.bin", "29");
    helper_write_cifar(batch, 30, 10, 1);
    helper_cut(test, 10 * RECORD);
    helper_refuses(spec, WICK_TRUNCATED, "test_batch.bin", "0 bytes");
    /* Nine of ten classes, or a class with one image: no validation image can be taken. */
    helper_write_cifar(test, 10, 10, 1);
    helper_write_cifar(batch, 9, 10, 1);
    helper_refuses(spec, WICK_RANGE, "truck", "no training images");
    helper_write_cifar(batch, 11, 10, 1);
    helper_refuses(spec, WICK_RANGE, "automobile", "too few");
}

static void cifar100_has_fine_labels(void **state) {
    (void)state;
    const char *dir = helper_folder("c100");
    const char *train = helper_path("c100/train.bin"), *test = helper_path("c100/test.bin");
    helper_write_cifar(train, 200, 100, 2);
    helper_refuses(dir, WICK_NOT_FOUND, "test.bin", "cannot open");
    helper_write_cifar(test, 100, 100, 2);
    wick_data *data = helper_open(dir);
    assert_int_equal(data->n_classes, 100);
    assert_string_equal(data->class_names[42], "class-42");
    assert_int_equal(data->split[WICK_TRAIN].n, 100);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(data->split[WICK_TEST].labels[i], i);
        assert_int_equal(data->split[WICK_TEST].pixels[(size_t)i * 3072 + 2],
                         helper_cifar_pixel(i, 2, 0, 0));
    }
    wick_data_free(data);
    helper_poke(train, 7 * (RECORD + 1) + 1, 100);
    helper_refuses(dir, WICK_RANGE, "train.bin", "record 8");
    helper_poke(train, 7 * (RECORD + 1) + 1, 7);
    helper_poke(train, 7 * (RECORD + 1), 20);
    helper_refuses(dir, WICK_RANGE, "record 8", "coarse");
    helper_poke(train, 7 * (RECORD + 1), 0);
    helper_cut(test, 1000);
    helper_refuses(dir, WICK_TRUNCATED, "test.bin", "3074");
}

static void idx_is_read(void **state) {
    (void)state;
    const char *dir = helper_folder("idx");
    helper_write_idx(dir, 12, 5, 4, 7, 3);
    wick_data *data = helper_open(dir);
    assert_int_equal(data->height, 4);
    assert_int_equal(data->width, 7);
    assert_int_equal(data->channels, 1);
    assert_int_equal(data->n_classes, 3);
    assert_string_equal(data->class_names[2], "2");
    assert_int_equal(data->split[WICK_TRAIN].n, 9);
    assert_int_equal(data->split[WICK_VALIDATION].n, 3);
    for (int i = 0; i < 5; i++)
        for (int y = 0; y < 4; y++)
            for (int x = 0; x < 7; x++)
                assert_int_equal(data->split[WICK_TEST].pixels[(i * 4 + y) * 7 + x],
                                 helper_idx_pixel(i + 1000, y, x));
    for (int c = 0; c < 3; c++) {
        assert_int_equal(count_of(&data->split[WICK_TRAIN], c), 3);
        assert_int_equal(count_of(&data->split[WICK_VALIDATION], c), 1);
    }
    wick_data_free(data);
}

/* Replaces a file by its gzipped self. */
static void compress_file(const char *path, size_t cut) {
    wick_arena *arena = wick_arena_new();
    wick_bytes bytes;
    assert_int_equal(wick_file_read(arena, path, 1 << 20, &bytes, NULL), WICK_OK);
    char *packed = wick_arena_printf(arena, "%s.gz", path);
    gzFile file = gzopen(packed, "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes.data, (unsigned)bytes.len), bytes.len);
    assert_int_equal(gzclose(file), Z_OK);
    helper_cut(packed, cut);
    assert_true(wick_path_remove(path));
    wick_arena_free(arena);
}

static void idx_may_be_gzipped(void **state) {
    (void)state;
    const char *dir = helper_folder("gz");
    helper_write_idx(dir, 12, 6, 4, 7, 3);
    wick_data *plain = helper_open(dir);
    compress_file(helper_path("gz/train-images-idx3-ubyte"), 0);
    wick_data *packed = helper_open(dir);
    assert_string_equal(plain->hash.hex, packed->hash.hex);
    wick_data_free(plain);
    wick_data_free(packed);
    compress_file(helper_path("gz/t10k-images-idx3-ubyte"), 12);
    helper_refuses(dir, WICK_TRUNCATED, "t10k-images-idx3-ubyte.gz", "fetch");
}

static void idx_refuses_damage(void **state) {
    (void)state;
    char spec[600];
    snprintf(spec, sizeof spec, "idx:%s", helper_folder("idxbad"));
    const char *dir = spec + 4, *images = helper_path("idxbad/train-images-idx3-ubyte");
    const char *labels = helper_path("idxbad/train-labels-idx1-ubyte");
    const char *test_labels = helper_path("idxbad/t10k-labels-idx1-ubyte");
    helper_refuses(spec, WICK_NOT_FOUND, "idxbad", "train-images-idx3-ubyte");
    helper_write_idx(dir, 12, 6, 4, 7, 3);
    wick_path_remove(test_labels);
    helper_refuses(spec, WICK_NOT_FOUND, "idxbad", "t10k-labels-idx1-ubyte");
    helper_write_idx(dir, 12, 6, 4, 7, 3);
    helper_cut(images, 1);
    helper_refuses(spec, WICK_TRUNCATED, "train-images", "1 bytes early");
    helper_cut(images, 12 * 28 + 2);
    helper_refuses(spec, WICK_TRUNCATED, "train-images", "early");
    helper_write_idx(dir, 12, 6, 4, 7, 3);
    helper_poke(images, 7, 11); /* one image fewer than there are */
    helper_refuses(spec, WICK_RANGE, "train-images", "longer than its header");
    helper_poke(images, 7, 12);
    helper_poke(images, 4, 0xff); /* four thousand million images */
    helper_refuses(spec, WICK_RANGE, "train-images", "outside");
    helper_poke(images, 4, 0);
    helper_poke(images, 3, 1);
    helper_refuses(spec, WICK_SYNTAX, "train-images", "0x00000801");
    helper_poke(images, 3, 3);
    helper_poke(labels, 7, 11);
    helper_refuses(spec, WICK_SHAPE, "train-labels", "11 labels for 12 images");
    helper_poke(labels, 7, 12);
    helper_cut(labels, 3);
    helper_refuses(spec, WICK_TRUNCATED, "train-labels", "3 bytes early");
    helper_write_idx(dir, 12, 6, 4, 7, 3);
    helper_poke(test_labels, 9, 3);
    helper_refuses(spec, WICK_RANGE, "t10k-labels", "image 2");
    helper_write_idx(dir, 12, 6, 4, 7, 3);
    helper_poke(labels, 8, 9); /* classes 3 to 8 have no image then */
    helper_refuses(spec, WICK_RANGE, "no training images", "3");
    helper_write_idx(dir, 12, 6, 4, 7, 3);
    helper_poke(helper_path("idxbad/t10k-images-idx3-ubyte"), 11, 7);
    helper_poke(helper_path("idxbad/t10k-images-idx3-ubyte"), 15, 4);
    helper_refuses(spec, WICK_SHAPE, "t10k-images", "7 x 4");
}

static void real_cifar10_when_there_is_some(void **state) {
    (void)state;
    const char *dir = getenv("WICK_DATA_CIFAR10");
    if (!dir || !dir[0]) {
        print_message("skipped: WICK_DATA_CIFAR10 names no folder with CIFAR-10\n");
        skip();
    }
    wick_data *data = helper_open(dir);
    assert_int_equal(data->height, 32);
    assert_int_equal(data->channels, 3);
    assert_int_equal(data->n_classes, 10);
    int train = data->split[WICK_TRAIN].n + data->split[WICK_VALIDATION].n;
    for (int c = 0; c < 10; c++) {
        int all = count_of(&data->split[WICK_TRAIN], c), held;
        held = count_of(&data->split[WICK_VALIDATION], c);
        assert_in_range(held * 10, all + held - 5, all + held + 5);
        assert_in_range(all + held, train / 12, train / 8);
    }
    wick_data_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cifar10_is_read_channels_last),
        cmocka_unit_test(cifar10_official_folder_and_names),
        cmocka_unit_test(cifar10_refuses_damage),
        cmocka_unit_test(cifar100_has_fine_labels),
        cmocka_unit_test(idx_is_read),
        cmocka_unit_test(idx_may_be_gzipped),
        cmocka_unit_test(idx_refuses_damage),
        cmocka_unit_test(real_cifar10_when_there_is_some),
    };
    return cmocka_run_group_tests(tests, helper_make_folder, helper_remove_folder);
}
