/* Batches prepared by a thread of their own, beside the training step. */
#ifndef WICK_LOADER_H
#define WICK_LOADER_H

#include "train/batches.h"
#include "train/train.h"

enum { WICK_LOADER_INPUTS = 2 };

/* What is to be loaded. Everything it points to must outlive the loader. */
typedef struct wick_loader_spec {
    const wick_data *data;
    const wick_train_options *options; /* batch, ahead, mixup, augment and seed count */
    const uint32_t *order;             /* [n] training images in the order of this epoch */
    int n;
    uint32_t epoch_of_all; /* counted over all stages: which augmentation an image gets */
    int first, count;      /* part of the batch that is wanted: images first .. first + count - 1 */
    int n_inputs;          /* programs that see the images: 1, or 2 with a teacher */
    wick_normalise normalise[WICK_LOADER_INPUTS];
} wick_loader_spec;

/* One batch, [count] of the wanted part. */
typedef struct wick_loaded {
    const float *inputs[WICK_LOADER_INPUTS]; /* [count, C, H, W], augmented and mixed */
    const uint16_t *labels, *others;         /* others NULL: not mixed */
    double lambda;                           /* share of the image itself where it is mixed */
    uint64_t step_of_all;                    /* another number for every step of the training */
} wick_loaded;

typedef struct wick_loader wick_loader;

/* Starts on the epoch's ceil(n / batch) batches. At most options->ahead of them are ready and not
   yet asked for; with 0, or where no thread is to be had, wick_loader_next makes them itself. A
   batch depends on the spec and its number alone, so timing changes no bit. MEMORY where the
   buffers cannot be had. */
wick_status wick_loader_start(const wick_loader_spec *spec, wick_loader **out, wick_diag *diag);
/* The next batch, valid until the next call; at most as often as there are batches. */
const wick_loaded *wick_loader_next(wick_loader *loader);
/* Seconds that wick_loader_next has taken so far. */
double wick_loader_waited_s(const wick_loader *loader);
/* Ends the thread, also in the middle of an epoch: at most one batch is still made. */
void wick_loader_free(wick_loader *loader);

#endif
