/* Data sets: images as bytes, labels, splits, augmentation, the built-in generator. */
#ifndef WICK_DATA_H
#define WICK_DATA_H

#include "graph/graph.h"

#include <stdbool.h>
#include <stdint.h>

/* pixels: [n, height, width, channels] uint8, channels last. */
typedef struct wick_images {
    int n;
    uint8_t *pixels;
    uint16_t *labels; /* [n], each < n_classes of the data set */
} wick_images;

typedef enum wick_split { WICK_TRAIN, WICK_VALIDATION, WICK_TEST, WICK_SPLITS } wick_split;

typedef struct wick_data {
    const char *spec; /* as opened */
    int height, width, channels, n_classes;
    const char **class_names; /* [n_classes] */
    wick_images split[WICK_SPLITS];
    const float *low, *high; /* [channels] what the bytes 0 and 255 stand for; NULL for images */
    const char *description; /* layout and what was found, for the user */
    wick_hash hash;          /* SHA-256 over sizes, class names, pixels, labels and the split */
    wick_arena *arena;       /* small things; pixels and labels are malloc'ed */
} wick_data;

typedef struct wick_data_options {
    uint64_t seed;     /* of the validation split, default 1 */
    double validation; /* fraction of the training part, per class, (0, 0.5], default 0.1 */
    int limit;    /* at most so many training (with validation) and so many test images, each class
                     in proportion, chosen by a fixed seed; 0 = all */
    int n_ranges; /* > 0: npy: low[n_ranges] and high[n_ranges] are what the bytes 0 and 255 stand
                     for, as a trained model has it; default 0: found in the training values */
    const float *low, *high; /* read during wick_data_open only */
} wick_data_options;
wick_data_options wick_data_defaults(void);

/* Opens "builtin:shapes10[:SEED]", "cifar10:DIR", "cifar100:DIR", "folder:DIR"
   (DIR/{train,test}/CLASS/NAME.jpg|.jpeg|.png, or DIR/CLASS/NAME with a test split taken; `val` is
   read as the test set where there is no `test`; Tiny-ImageNet's own layout with
   train/CLASS/images/ and val/val_annotations.txt as well), "npy:DIR" (X.npy and y.npy, perhaps
   X_test.npy and y_test.npy, see below), "idx:DIR" (train-images-idx3-ubyte ..., also as
   .gz), or a plain DIR whose layout is recognised. A missing seed is 1. `options` NULL gives the
   defaults. Where a layout has no test set, a fifth of each class becomes it, always the same
   images: `seed` moves only the validation images. The order of the images is the order of the
   files. Truncated, mislabelled or mixed-size input, a class without training images: one
   diagnostic that names the file or class; *out is NULL then. Free with wick_data_free.

   npy: X [N,L,C] (windows of C sensor channels, L samples: images of height 1 and width L), [N,L]
   (one channel) or [N,H,W,C], of 8 to 32 bit integers or floats, little-endian, C order; y [N] of
   integers, classes 0 to the largest. uint8 stays as it is. Anything else is put on 8 bits as the
   device will have it: channel c's smallest value in X.npy, low[c], becomes 0, the largest high[c]
   255, values outside are clipped; options->low and high take their place where they are given.
   NaN and infinities are refused. SHAPE when they are not given for every channel. */
wick_status wick_data_open(const char *spec, const wick_data_options *options, wick_data **out,
                           wick_diag *diag);
void wick_data_free(wick_data *data);

/* One array of NumPy (.npy): the types and limits of "npy:DIR", at most 4 dimensions; values, as
   floats and row-major, in `arena`. NOT_FOUND, SYNTAX, SHAPE, RANGE, TRUNCATED, UNSUPPORTED. */
typedef struct wick_array {
    wick_shape shape;
    float *values;
} wick_array;
wick_status wick_npy_read(const char *path, wick_arena *arena, wick_array *out, wick_diag *diag);

typedef struct wick_augment {
    bool flip;  /* left-right with probability 1/2; not of windows of samples (height 1) */
    int shift;  /* uniform shift by -shift..shift pixels in both directions, zero fill; 0 = none: a
                   random crop of the image padded by `shift` is the same */
    int cutout; /* a square of so many pixels, centred anywhere in the image, is filled with zero
                   (DeVries and Taylor, 2017); 0 = none */
} wick_augment;

/* Fills dst [n, C, H, W] with (pixel/255 - mean[c]) / std[c] of the images at `indices`, augmented
   where `augment` is not NULL. Which augmentation image i gets depends only on (seed, indices[i],
   epoch), so the result does not depend on threads or batches; flip comes first, then shift, then
   cutout. Pixels shifted in are 0 after normalisation (the mean). mean and std hold one value a
   channel; a NULL mean or std is 128/255 for every channel, which maps bytes to (b - 128) / 128. An
   index that is not below split[split].n is a programmer error. */
void wick_data_batch(const wick_data *data, wick_split split, const uint32_t *indices, int n,
                     const wick_augment *augment, uint64_t seed, uint32_t epoch, const float *mean,
                     const float *std, float *dst);

/* Contact sheet as a PNG, written atomically: one row for each class, with its name and its first
   `per_class` (1 to 100) images of the split. RANGE when the sheet would be larger than 16384
   pixels on a side, OUTPUT or IO when it cannot be written. */
wick_status wick_data_contact_sheet(const wick_data *data, wick_split split, int per_class,
                                    const char *path, wick_diag *diag);

#endif
