/* What the files of this folder share; not for others.
   A loader fills height, width, channels, n_classes, class_names, description and the training and
   test images of `data` (no test images: some are taken from the training part afterwards). On
   failure it leaves whatever it allocated in `data`; wick_data_open frees it. */
#ifndef WICK_DATA_PARTS_H
#define WICK_DATA_PARTS_H

#include "data/data.h"

#include <stddef.h>

enum { DATA_MAX_CLASSES = 10000, DATA_MAX_SIDE = 2048, DATA_MAX_IMAGES = 100 * 1000 * 1000 };

/* Index of a pixel in wick_images.pixels: image i, row y, column x, first channel. */
static inline size_t data_offset(const wick_data *data, size_t i, int y, int x) {
    size_t row = i * (size_t)data->height + (size_t)y;
    return (row * (size_t)data->width + (size_t)x) * (size_t)data->channels;
}

static inline size_t data_image_bytes(const wick_data *data) {
    return data_offset(data, 1, 0, 0);
}

/* Room for n images of the data set's size: RANGE when the machine's memory cannot hold them. */
wick_status data_allocate(const wick_data *data, size_t n, wick_images *images, wick_diag *diag);
/* Keeps the images at `chosen` (ascending), moving them to the front. */
void data_keep(const wick_data *data, wick_images *images, const uint32_t *chosen, size_t n);

/* Indices (ascending, malloc) of at most `limit` of n labels, each class in proportion, chosen by a
   fixed seed; *count receives how many. */
uint32_t *data_pick_limited(const uint16_t *labels, size_t n, int n_classes, size_t limit,
                            size_t *count);
/* Moves round(fraction * n_c) images of each class c, at least 1, from the training part to split
   `to`; which ones depends on `seed` alone. RANGE when a class would be left without any. */
wick_status data_split_off(wick_data *data, wick_split to, double fraction, uint64_t seed,
                           wick_diag *diag);

/* Calls work(context, i) for i in [0, n) on as many threads as there are processors, in any order.
   False from `work` stops it for all larger i. Returns the smallest i that gave false, or n: the
   same whatever the threads do. */
size_t data_parallel(size_t n, bool (*work)(void *context, size_t i), void *context);

/* One decoded image: pixels [height, width, 3] (grey is repeated), malloc. */
typedef struct data_picture {
    int width, height;
    bool grey;
    uint8_t *pixels;
} data_picture;
/* JPEG or PNG, told by content. Palette becomes RGB, 16 bits become 8, transparency is put on
   black. */
wick_status data_decode(const char *path, data_picture *picture, wick_diag *diag);

/* Draws no more than `limit` training and test images (0 = all). */
wick_status data_load_shapes10(wick_data *data, uint64_t seed, int limit, wick_diag *diag);
wick_status data_load_cifar10(wick_data *data, const char *dir, wick_diag *diag);
wick_status data_load_cifar100(wick_data *data, const char *dir, wick_diag *diag);
wick_status data_load_idx(wick_data *data, const char *dir, wick_diag *diag);
wick_status data_load_npy(wick_data *data, const char *dir, const wick_data_options *options,
                          wick_diag *diag);
/* Decodes no more than `limit` training and test images (0 = all). */
wick_status data_load_folder(wick_data *data, const char *dir, int limit, wick_diag *diag);
/* True when `dir` looks like that layout. */
bool data_is_cifar10(wick_arena *arena, const char *dir);
bool data_is_cifar100(wick_arena *arena, const char *dir);
bool data_is_npy(wick_arena *arena, const char *dir);
bool data_is_idx(wick_arena *arena, const char *dir);

#endif
