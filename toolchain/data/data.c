/* Opens a data set: finds its layout, has it loaded, takes the splits, stamps it with a hash. */
#include "data/data_parts.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { HELD_OUT_SEED = 1 };
/* Share of each class that becomes the test set where a layout has none. */
static const double HELD_OUT = 0.2;

wick_data_options wick_data_defaults(void) {
    return (wick_data_options){.seed = 1, .validation = 0.1};
}

/* "shapes10" or "shapes10:SEED", 0 <= SEED < 2^64. */
static wick_status load_builtin(wick_data *data, const char *name, int limit, wick_diag *diag) {
    static const char hint[] = "the built-in data set is builtin:shapes10 or builtin:shapes10:SEED";
    size_t len = strlen("shapes10");
    if (strncmp(name, "shapes10", len) != 0 || (name[len] != '\0' && name[len] != ':'))
        return wick_fail(diag, WICK_UNKNOWN, data->spec, NULL, hint,
                         "there is no built-in data set '%s'", name);
    uint64_t seed = 1;
    if (name[len] == ':') {
        const char *digits = name + len + 1;
        char *end;
        errno = 0;
        seed = strtoull(digits, &end, 10);
        if (digits[0] < '0' || digits[0] > '9' || *end || errno)
            return wick_fail(diag, WICK_RANGE, data->spec, NULL, hint,
                             "'%s' is not a seed (a whole number below 2^64)", digits);
    }
    return data_load_shapes10(data, seed, limit, diag);
}

static wick_status load_plain(wick_data *data, const char *dir, const wick_data_options *options,
                              wick_diag *diag) {
    if (data_is_cifar10(data->arena, dir))
        return data_load_cifar10(data, dir, diag);
    if (data_is_cifar100(data->arena, dir))
        return data_load_cifar100(data, dir, diag);
    if (data_is_npy(data->arena, dir))
        return data_load_npy(data, dir, options, diag);
    if (data_is_idx(data->arena, dir))
        return data_load_idx(data, dir, diag);
    return data_load_folder(data, dir, options->limit, diag);
}

static wick_status load(wick_data *data, const wick_data_options *options, wick_diag *diag) {
    const char *colon = strchr(data->spec, ':'), *rest = colon ? colon + 1 : NULL;
    size_t len = colon ? (size_t)(colon - data->spec) : 0;
    if (len == 7 && !memcmp(data->spec, "builtin", len))
        return load_builtin(data, rest, options->limit, diag);
    bool tagged = true, npy = len == 3 && !memcmp(data->spec, "npy", len);
    const char *dir = rest;
    wick_status (*loader)(wick_data *, const char *, wick_diag *) = NULL;
    if (len == 7 && !memcmp(data->spec, "cifar10", len))
        loader = data_load_cifar10;
    else if (len == 8 && !memcmp(data->spec, "cifar100", len))
        loader = data_load_cifar100;
    else if (len == 3 && !memcmp(data->spec, "idx", len))
        loader = data_load_idx;
    else if (!npy && !(len == 6 && !memcmp(data->spec, "folder", len))) {
        tagged = false;
        dir = data->spec;
    }
    if (!wick_path_is_dir(dir))
        return wick_fail(diag, WICK_NOT_FOUND, dir, NULL,
                         "name a folder, or builtin:shapes10, cifar10:DIR, cifar100:DIR, "
                         "folder:DIR, idx:DIR, npy:DIR",
                         "there is no such folder");
    if (loader)
        return loader(data, dir, diag);
    if (npy)
        return data_load_npy(data, dir, options, diag);
    return tagged ? data_load_folder(data, dir, options->limit, diag)
                  : load_plain(data, dir, options, diag);
}

static void apply_limit(wick_data *data, int limit) {
    for (int s = WICK_TRAIN; s <= WICK_TEST; s += WICK_TEST - WICK_TRAIN) {
        wick_images *images = &data->split[s];
        if (limit <= 0 || images->n <= limit)
            continue;
        size_t count;
        uint32_t *chosen = data_pick_limited(images->labels, (size_t)images->n, data->n_classes,
                                             (size_t)limit, &count);
        data_keep(data, images, chosen, count);
        free(chosen);
    }
}

static wick_status check_classes(const wick_data *data, wick_diag *diag) {
    uint8_t *seen = wick_xalloc((size_t)data->n_classes);
    for (int i = 0; i < data->split[WICK_TRAIN].n; i++)
        seen[data->split[WICK_TRAIN].labels[i]] = 1;
    wick_status status = WICK_OK;
    for (int c = 0; c < data->n_classes && status == WICK_OK; c++)
        if (!seen[c])
            status = wick_fail(diag, WICK_RANGE, data->spec, data->class_names[c],
                               "add some, remove the class, or raise the limit",
                               "the class has no training images");
    free(seen);
    return status;
}

static wick_status take_splits(wick_data *data, const wick_data_options *options, wick_diag *diag) {
    if (data->split[WICK_TRAIN].n == 0)
        return wick_fail(diag, WICK_RANGE, data->spec, NULL, NULL, "there are no training images");
    if (data->split[WICK_TEST].n == 0)
        WICK_TRY(data_split_off(data, WICK_TEST, HELD_OUT, HELD_OUT_SEED, diag));
    apply_limit(data, options->limit);
    WICK_TRY(check_classes(data, diag));
    return data_split_off(data, WICK_VALIDATION, options->validation, options->seed, diag);
}

static void put_u32(wick_buf *buf, uint32_t value) {
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                        (uint8_t)(value >> 24)};
    wick_buf_append(buf, bytes, sizeof bytes);
}

/* A hash of hashes: the images are not copied into one piece. Byte order is fixed. */
static wick_hash stamp(const wick_data *data) {
    wick_buf all = {0};
    const int sizes[] = {data->height, data->width, data->channels, data->n_classes};
    for (size_t i = 0; i < WICK_LEN(sizes); i++)
        put_u32(&all, (uint32_t)sizes[i]);
    for (int c = 0; c < data->n_classes; c++)
        wick_buf_append(&all, data->class_names[c], strlen(data->class_names[c]) + 1);
    for (int c = 0; data->low && c < data->channels; c++) {
        wick_buf_append(&all, &data->low[c], sizeof data->low[c]);
        wick_buf_append(&all, &data->high[c], sizeof data->high[c]);
    }
    for (int s = 0; s < WICK_SPLITS; s++) {
        const wick_images *images = &data->split[s];
        wick_hash pixels =
            wick_hash_bytes(images->pixels, (size_t)images->n * data_image_bytes(data));
        put_u32(&all, (uint32_t)images->n);
        wick_buf_append(&all, pixels.bytes, sizeof pixels.bytes);
        for (int i = 0; i < images->n; i++)
            put_u32(&all, images->labels[i]);
    }
    wick_hash hash = wick_hash_bytes(all.data, all.len);
    wick_buf_free(&all);
    return hash;
}

wick_status wick_data_open(const char *spec, const wick_data_options *options, wick_data **out,
                           wick_diag *diag) {
    *out = NULL;
    wick_data_options chosen = options ? *options : wick_data_defaults();
    if (!(chosen.validation > 0 && chosen.validation <= 0.5))
        return wick_fail(diag, WICK_RANGE, spec, "validation", NULL,
                         "%g is not a fraction above 0 and at most 0.5", chosen.validation);
    if (chosen.limit < 0)
        return wick_fail(diag, WICK_RANGE, spec, "limit", NULL, "%d is negative", chosen.limit);
    wick_arena *arena = wick_arena_new();
    wick_data *data = wick_xalloc(sizeof *data);
    data->arena = arena;
    data->spec = wick_arena_strdup(arena, spec);
    wick_status status = load(data, &chosen, diag);
    if (status == WICK_OK)
        status = take_splits(data, &chosen, diag);
    if (status != WICK_OK) {
        wick_data_free(data);
        return status;
    }
    data->hash = stamp(data);
    *out = data;
    return WICK_OK;
}

void wick_data_free(wick_data *data) {
    if (!data)
        return;
    for (int s = 0; s < WICK_SPLITS; s++) {
        free(data->split[s].pixels);
        free(data->split[s].labels);
    }
    wick_arena_free(data->arena);
    free(data);
}
