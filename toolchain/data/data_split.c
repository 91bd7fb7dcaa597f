/* Which images belong to which split: everything here is stratified and seeded. */
#include "data/data_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Streams of the seeds below, one for each class after these. */
enum { STREAM_SPLIT = 0x51000000, STREAM_LIMIT = 0x11000000, LIMIT_SEED = 1 };

wick_status data_allocate(const wick_data *data, size_t n, wick_images *images, wick_diag *diag) {
    size_t each = data_image_bytes(data), bytes;
    double machine = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (n > DATA_MAX_IMAGES || __builtin_mul_overflow(n, each, &bytes) ||
        (double)bytes > 0.75 * machine)
        return wick_fail(diag, WICK_RANGE, data->spec, NULL,
                         "open fewer images with a limit, or make them smaller",
                         "%zu images of %d x %d x %d bytes do not fit this machine's memory", n,
                         data->height, data->width, data->channels);
    images->pixels = wick_try_alloc(bytes);
    images->labels = wick_try_alloc(n * sizeof *images->labels);
    if (!images->pixels || !images->labels)
        return wick_fail(diag, WICK_MEMORY, data->spec, NULL, NULL,
                         "%zu bytes for the images could not be had", bytes);
    images->n = (int)n;
    return WICK_OK;
}

void data_keep(const wick_data *data, wick_images *images, const uint32_t *chosen, size_t n) {
    size_t bytes = data_image_bytes(data);
    for (size_t i = 0; i < n; i++) {
        memmove(images->pixels + i * bytes, images->pixels + chosen[i] * bytes, bytes);
        images->labels[i] = images->labels[chosen[i]];
    }
    images->n = (int)n;
}

/* Marks `quota[c]` images of each class, chosen by (seed, stream + c): mark[i] = 1. */
static void mark_by_class(const uint16_t *labels, size_t n, int n_classes, const size_t *quota,
                          uint64_t seed, uint64_t stream, uint8_t *mark) {
    uint32_t *members = wick_xalloc((n ? n : 1) * sizeof *members);
    size_t *start = wick_xalloc(((size_t)n_classes + 2) * sizeof *start);
    for (size_t i = 0; i < n; i++)
        start[labels[i] + 2]++;
    for (int c = 0; c < n_classes; c++)
        start[c + 2] += start[c + 1];
    for (size_t i = 0; i < n; i++)
        members[start[labels[i] + 1]++] = (uint32_t)i;
    for (int c = 0; c < n_classes; c++) {
        wick_rng rng = wick_rng_seed(seed, stream + (uint64_t)c);
        uint32_t *of_class = members + start[c];
        wick_rng_shuffle(&rng, of_class, start[c + 1] - start[c]);
        for (size_t i = 0; i < quota[c]; i++)
            mark[of_class[i]] = 1;
    }
    free(start);
    free(members);
}

static size_t *count_classes(const uint16_t *labels, size_t n, int n_classes) {
    size_t *counts = wick_xalloc((size_t)n_classes * sizeof *counts);
    for (size_t i = 0; i < n; i++)
        counts[labels[i]]++;
    return counts;
}

/* Indices with mark[i] == value, ascending. */
static uint32_t *marked(const uint8_t *mark, size_t n, uint8_t value, size_t *count) {
    uint32_t *indices = wick_xalloc((n ? n : 1) * sizeof *indices);
    *count = 0;
    for (size_t i = 0; i < n; i++)
        if (mark[i] == value)
            indices[(*count)++] = (uint32_t)i;
    return indices;
}

/* Largest remainders: quota[c] is limit * counts[c] / n rounded so that the sum is `limit`. */
static void share_out(const size_t *counts, size_t n, int n_classes, size_t limit, size_t *quota) {
    size_t given = 0;
    for (int c = 0; c < n_classes; c++) {
        quota[c] = limit * counts[c] / n;
        given += quota[c];
    }
    while (given < limit) {
        int best = -1;
        for (int c = 0; c < n_classes; c++) {
            bool rounded_down = quota[c] * n < limit * counts[c] && quota[c] < counts[c];
            if (rounded_down && (best < 0 || limit * counts[c] - quota[c] * n >
                                                 limit * counts[best] - quota[best] * n))
                best = c;
        }
        quota[best]++;
        given++;
    }
}

uint32_t *data_pick_limited(const uint16_t *labels, size_t n, int n_classes, size_t limit,
                            size_t *count) {
    uint8_t *mark = wick_xalloc(n ? n : 1);
    if (limit >= n) {
        memset(mark, 1, n);
    } else {
        size_t *counts = count_classes(labels, n, n_classes);
        size_t *quota = wick_xalloc((size_t)n_classes * sizeof *quota);
        share_out(counts, n, n_classes, limit, quota);
        mark_by_class(labels, n, n_classes, quota, LIMIT_SEED, STREAM_LIMIT, mark);
        free(quota);
        free(counts);
    }
    uint32_t *indices = marked(mark, n, 1, count);
    free(mark);
    return indices;
}

/* How many images of each class move; RANGE when a class is too small to be divided. */
static wick_status plan_quota(const wick_data *data, wick_split to, double fraction,
                              const size_t *counts, size_t *quota, wick_diag *diag) {
    for (int c = 0; c < data->n_classes; c++) {
        double wanted = round(fraction * (double)counts[c]);
        quota[c] = wanted < 1 ? 1 : (size_t)wanted;
        if (quota[c] >= counts[c])
            return wick_fail(diag, WICK_RANGE, data->spec, data->class_names[c],
                             "add training images of this class, or raise the limit",
                             "the class has %zu training images: too few to take %s images away",
                             counts[c], to == WICK_TEST ? "test" : "validation");
    }
    return WICK_OK;
}

wick_status data_split_off(wick_data *data, wick_split to, double fraction, uint64_t seed,
                           wick_diag *diag) {
    wick_images *from = &data->split[WICK_TRAIN], *target = &data->split[to];
    size_t n = (size_t)from->n, moved, kept, bytes = data_image_bytes(data);
    size_t *counts = count_classes(from->labels, n, data->n_classes);
    size_t *quota = wick_xalloc((size_t)data->n_classes * sizeof *quota);
    wick_status status = plan_quota(data, to, fraction, counts, quota, diag);
    uint8_t *mark = wick_xalloc(n ? n : 1);
    if (status == WICK_OK)
        mark_by_class(from->labels, n, data->n_classes, quota, seed,
                      STREAM_SPLIT + ((uint64_t)to << 20), mark);
    uint32_t *go = marked(mark, n, 1, &moved), *stay = marked(mark, n, 0, &kept);
    if (status == WICK_OK)
        status = data_allocate(data, moved, target, diag);
    if (status == WICK_OK) {
        for (size_t i = 0; i < moved; i++) {
            memcpy(target->pixels + i * bytes, from->pixels + go[i] * bytes, bytes);
            target->labels[i] = from->labels[go[i]];
        }
        data_keep(data, from, stay, kept);
    }
    free(stay);
    free(go);
    free(mark);
    free(quota);
    free(counts);
    return status;
}
