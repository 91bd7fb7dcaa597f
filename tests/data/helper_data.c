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
#include <jpeglib.h>
#include <png.h>

static char folder[64];
static wick_arena *paths;

int helper_make_folder(void **state) {
    (void)state;
    paths = wick_arena_new();
    strcpy(folder, "/tmp/wick-test-data-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

int helper_remove_folder(void **state) {
    (void)state;
    wick_arena_free(paths);
    return wick_path_remove(folder) ? 0 : -1;
}

const char *helper_path(const char *format, ...) {
    char path[512];
    int len = snprintf(path, sizeof path, "%s/", folder);
    va_list args;
    va_start(args, format);
    vsnprintf(path + len, sizeof path - (size_t)len, format, args);
    va_end(args);
    return wick_arena_strdup(paths, path);
}

const char *helper_folder(const char *name) {
    const char *path = helper_path("%s", name);
    assert_true(wick_path_remove(path));
    assert_int_equal(wick_dir_make(path, NULL), WICK_OK);
    return path;
}

void helper_write(const char *path, const void *data, size_t len) {
    wick_arena *arena = wick_arena_new();
    assert_int_equal(wick_dir_make(wick_path_dir(arena, path), NULL), WICK_OK);
    wick_arena_free(arena);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

void helper_cut(const char *path, size_t bytes) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    fclose(file);
    assert_true(size >= (long)bytes);
    assert_int_equal(truncate(path, size - (long)bytes), 0);
}

void helper_poke(const char *path, size_t at, uint8_t value) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_equal(fputc(value, file), value);
    assert_int_equal(fclose(file), 0);
}

uint8_t helper_cifar_pixel(int i, int channel, int y, int x) {
    return (uint8_t)(i * 7 + channel * 85 + y * 3 + x);
}

void helper_write_cifar(const char *path, int count, int n_classes, int label_bytes) {
    wick_buf buf = {0};
    for (int i = 0; i < count; i++) {
        uint8_t labels[2] = {1, (uint8_t)(i % n_classes)};
        wick_buf_append(&buf, labels + 2 - label_bytes, (size_t)label_bytes);
        for (int c = 0; c < 3; c++)
            for (int y = 0; y < 32; y++)
                for (int x = 0; x < 32; x++) {
                    uint8_t pixel = helper_cifar_pixel(i, c, y, x);
                    wick_buf_append(&buf, &pixel, 1);
                }
    }
    helper_write(path, buf.data, buf.len);
    wick_buf_free(&buf);
}

uint8_t helper_idx_pixel(int i, int y, int x) {
    return (uint8_t)(i * 11 + y * 5 + x * 3);
}

static void append_word(wick_buf *buf, uint32_t word) {
    uint8_t bytes[4] = {(uint8_t)(word >> 24), (uint8_t)(word >> 16), (uint8_t)(word >> 8),
                        (uint8_t)word};
    wick_buf_append(buf, bytes, 4);
}

void helper_write_idx(const char *dir, int n_train, int n_test, int height, int width,
                      int n_classes) {
    for (int part = 0; part < 2; part++) {
        const char *stem = part ? "t10k" : "train";
        int n = part ? n_test : n_train;
        wick_buf images = {0}, labels = {0};
        append_word(&images, 0x803);
        append_word(&images, (uint32_t)n);
        append_word(&images, (uint32_t)height);
        append_word(&images, (uint32_t)width);
        append_word(&labels, 0x801);
        append_word(&labels, (uint32_t)n);
        for (int i = 0; i < n; i++) {
            uint8_t label = (uint8_t)(i % n_classes);
            wick_buf_append(&labels, &label, 1);
            for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++) {
                    uint8_t pixel = helper_idx_pixel(i + 1000 * part, y, x);
                    wick_buf_append(&images, &pixel, 1);
                }
        }
        char path[512];
        snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte", dir, stem);
        helper_write(path, images.data, images.len);
        snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte", dir, stem);
        helper_write(path, labels.data, labels.len);
        wick_buf_free(&images);
        wick_buf_free(&labels);
    }
}

static FILE *open_for_writing(const char *path) {
    helper_write(path, "", 0);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    return file;
}

void helper_write_png(const char *path, int width, int height, int colour_type, int bit_depth,
                      const uint8_t rgba[4]) {
    FILE *file = open_for_writing(path);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_init_io(png, file);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, bit_depth, colour_type,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (colour_type == PNG_COLOR_TYPE_PALETTE) {
        png_color palette[2] = {{1, 2, 3}, {rgba[0], rgba[1], rgba[2]}};
        png_set_PLTE(png, info, palette, 2);
    }
    png_write_info(png, info);
    int channels = png_get_channels(png, info), bytes = bit_depth / 8;
    uint8_t *row = wick_xalloc((size_t)(width * channels * bytes));
    for (int x = 0; x < width; x++)
        for (int c = 0; c < channels; c++) {
            bool alpha = (colour_type & PNG_COLOR_MASK_ALPHA) && c == channels - 1;
            uint8_t value = colour_type == PNG_COLOR_TYPE_PALETTE ? 1 : rgba[alpha ? 3 : c];
            memset(row + (x * channels + c) * bytes, value, (size_t)bytes);
        }
    for (int y = 0; y < height; y++)
        png_write_row(png, row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    free(row);
    assert_int_equal(fclose(file), 0);
}

void helper_write_jpeg(const char *path, int width, int height, bool grey, const uint8_t rgb[3]) {
    FILE *file = open_for_writing(path);
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr manager;
    info.err = jpeg_std_error(&manager);
    jpeg_create_compress(&info);
    jpeg_stdio_dest(&info, file);
    info.image_width = (JDIMENSION)width;
    info.image_height = (JDIMENSION)height;
    info.input_components = grey ? 1 : 3;
    info.in_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 100, TRUE);
    jpeg_start_compress(&info, TRUE);
    size_t channels = grey ? 1 : 3;
    uint8_t *row = wick_xalloc((size_t)width * channels);
    for (size_t x = 0; x < (size_t)width; x++)
        memcpy(row + x * channels, rgb, channels);
    while (info.next_scanline < info.image_height)
        jpeg_write_scanlines(&info, &row, 1);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    free(row);
    assert_int_equal(fclose(file), 0);
}

wick_data *helper_open(const char *spec) {
    wick_diag diag = {0};
    wick_data *data;
    wick_status status = wick_data_open(spec, NULL, &data, &diag);
    wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
    assert_int_equal(diag.count, 0);
    assert_non_null(data);
    return data;
}

void helper_refuses(const char *spec, wick_status status, const char *text, const char *more) {
    wick_diag diag = {0};
    wick_data *data;
    wick_status got = wick_data_open(spec, NULL, &data, &diag);
    if (got != status || !wick_diag_contains(&diag, text) || !wick_diag_contains(&diag, more)) {
        print_message("%s: wanted %s, '%s' and '%s'; got %s\n", spec, wick_status_name(status),
                      text, more, wick_status_name(got));
        wick_diag_print(&diag, stderr);
    }
    assert_int_equal(got, status);
    assert_null(data);
    assert_int_equal(diag.count, 1);
    assert_true(wick_diag_contains(&diag, text));
    assert_true(wick_diag_contains(&diag, more));
    wick_diag_free(&diag);
}

uint8_t *helper_read_png(const char *path, int *width, int *height) {
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_file(&image, path));
    image.format = PNG_FORMAT_RGB;
    *width = (int)image.width;
    *height = (int)image.height;
    uint8_t *pixels = wick_xalloc(PNG_IMAGE_SIZE(image));
    assert_true(png_image_finish_read(&image, NULL, pixels, 0, NULL));
    return pixels;
}
