/* Tiny data sets for the tests, made on the spot in a temporary folder. */
#ifndef HELPER_DATA_H
#define HELPER_DATA_H

#include "data/data.h"

/* cmocka group fixtures: a fresh folder under /tmp, removed afterwards. */
int helper_make_folder(void **state);
int helper_remove_folder(void **state);

/* printf below the temporary folder; lives until the end of the group. */
const char *helper_path(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A new, empty folder of that name. */
const char *helper_folder(const char *name);

void helper_write(const char *path, const void *data, size_t len);
/* Removes the last `bytes` of a file. */
void helper_cut(const char *path, size_t bytes);
/* Changes one byte. */
void helper_poke(const char *path, size_t at, uint8_t value);

/* `count` records with label_bytes label bytes (coarse 1, fine i % n_classes) and pixel
   helper_cifar_pixel(i, channel, y, x). */
void helper_write_cifar(const char *path, int count, int n_classes, int label_bytes);
uint8_t helper_cifar_pixel(int i, int channel, int y, int x);

/* MNIST's four files; pixel helper_idx_pixel(i, y, x) (test images: i + 1000), label
   i % n_classes. */
void helper_write_idx(const char *dir, int n_train, int n_test, int height, int width,
                      int n_classes);
uint8_t helper_idx_pixel(int i, int y, int x);

/* Images of one colour. colour_type as in png.h; grey uses r. */
void helper_write_png(const char *path, int width, int height, int colour_type, int bit_depth,
                      const uint8_t rgba[4]);
void helper_write_jpeg(const char *path, int width, int height, bool grey, const uint8_t rgb[3]);

/* Opens; asserts success. */
wick_data *helper_open(const char *spec);
/* Opens; asserts that it fails with `status`, in one diagnostic that contains both texts. */
void helper_refuses(const char *spec, wick_status status, const char *text, const char *more);

/* A PNG as [height, width, 3]; asserts that it decodes. malloc. */
uint8_t *helper_read_png(const char *path, int *width, int *height);

#endif
