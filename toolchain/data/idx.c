/* IDX files as MNIST has them (LeCun, Cortes and Burges,
   http://yann.lecun.com/exdb/mnist/): big-endian header 0x00000803, count, rows, columns, then the
   pixels; 0x00000801, count, then the labels. Also gzipped, as they are distributed. */
#include "data/data_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { IMAGES_MAGIC = 0x803, LABELS_MAGIC = 0x801 };

/* The four files; '.' for the second '-' is found on the net as well. */
static const char *const stems[2] = {"train", "t10k"};

/* DIR/STEM-KIND-idxN-ubyte, also with ".idxN", also with ".gz"; NULL when there is none. */
static char *find_file(wick_arena *arena, const char *dir, const char *stem, const char *kind,
                       int rank) {
    static const char *const separators[] = {"-", "."}, *const endings[] = {"", ".gz"};
    for (size_t s = 0; s < 2; s++)
        for (size_t e = 0; e < 2; e++) {
            char *path = wick_path_join(arena, dir,
                                        wick_arena_printf(arena, "%s-%s%sidx%d-ubyte%s", stem, kind,
                                                          separators[s], rank, endings[e]));
            if (wick_path_is_file(path))
                return path;
        }
    return NULL;
}

bool data_is_idx(wick_arena *arena, const char *dir) {
    return find_file(arena, dir, stems[0], "images", 3) ||
           find_file(arena, dir, stems[0], "labels", 1);
}

static wick_status read_bytes(gzFile file, const char *path, void *dst, size_t bytes,
                              wick_diag *diag) {
    uint8_t *at = dst;
    size_t want = bytes;
    while (want) {
        unsigned chunk = want > (1u << 30) ? 1u << 30 : (unsigned)want;
        int got = gzread(file, at, chunk);
        if (got <= 0) {
            int code;
            const char *text = gzerror(file, &code);
            bool cut = got == 0 || code == Z_BUF_ERROR;
            return wick_fail(diag, cut ? WICK_TRUNCATED : WICK_SYNTAX, path, NULL,
                             "fetch the file again",
                             cut ? "it ends %zu bytes early%s" : "%zu bytes are unreadable: %s",
                             want, cut ? "" : text);
        }
        at += got;
        want -= (size_t)got;
    }
    return WICK_OK;
}

/* Reads the header and checks magic; sizes receives `rank` numbers. */
static wick_status read_header(gzFile file, const char *path, uint32_t magic, uint32_t *sizes,
                               int rank, wick_diag *diag) {
    uint8_t header[16];
    size_t bytes = 4 + 4 * (size_t)rank;
    WICK_TRY(read_bytes(file, path, header, bytes, diag));
    uint32_t words[4];
    for (size_t w = 0; w < bytes / 4; w++)
        words[w] = (uint32_t)header[4 * w] << 24 | (uint32_t)header[4 * w + 1] << 16 |
                   (uint32_t)header[4 * w + 2] << 8 | header[4 * w + 3];
    if (words[0] != magic)
        return wick_fail(diag, WICK_SYNTAX, path, NULL, NULL,
                         "it begins with 0x%08x, not 0x%08x: not an IDX file of %s", words[0],
                         magic, rank == 3 ? "images" : "labels");
    memcpy(sizes, words + 1, 4 * (size_t)rank);
    return WICK_OK;
}

static wick_status check_end(gzFile file, const char *path, wick_diag *diag) {
    uint8_t more;
    if (gzread(file, &more, 1) != 0)
        return wick_fail(diag, WICK_RANGE, path, NULL, "fetch the file again",
                         "it is longer than its header says");
    return WICK_OK;
}

static wick_status open_file(const char *path, gzFile *file, wick_diag *diag) {
    errno = 0;
    *file = gzopen(path, "rb");
    if (!*file)
        return wick_fail(diag, WICK_NOT_FOUND, path, NULL, NULL, "cannot open: %s",
                         errno ? strerror(errno) : "out of memory");
    return WICK_OK;
}

static wick_status read_images(wick_data *data, wick_split split, const char *path,
                               wick_diag *diag) {
    gzFile file;
    WICK_TRY(open_file(path, &file, diag));
    uint32_t sizes[3] = {0}; /* count, rows, columns */
    wick_status status = read_header(file, path, IMAGES_MAGIC, sizes, 3, diag);
    if (status == WICK_OK &&
        (sizes[0] == 0 || sizes[0] > DATA_MAX_IMAGES || sizes[1] == 0 || sizes[1] > DATA_MAX_SIDE ||
         sizes[2] == 0 || sizes[2] > DATA_MAX_SIDE))
        status = wick_fail(diag, WICK_RANGE, path, "header", NULL,
                           "%u images of %u x %u are outside 1 to %d images of 1 to %d", sizes[0],
                           sizes[1], sizes[2], DATA_MAX_IMAGES, DATA_MAX_SIDE);
    if (status == WICK_OK && split == WICK_TEST &&
        ((int)sizes[1] != data->height || (int)sizes[2] != data->width))
        status = wick_fail(diag, WICK_SHAPE, path, "header", NULL,
                           "its images are %u x %u, the training images %d x %d", sizes[1],
                           sizes[2], data->height, data->width);
    if (status == WICK_OK) {
        data->height = (int)sizes[1];
        data->width = (int)sizes[2];
        data->channels = 1;
        status = data_allocate(data, sizes[0], &data->split[split], diag);
    }
    if (status == WICK_OK)
        status = read_bytes(file, path, data->split[split].pixels,
                            sizes[0] * data_image_bytes(data), diag);
    if (status == WICK_OK)
        status = check_end(file, path, diag);
    gzclose(file);
    return status;
}

/* Labels of a split whose images are there; *highest grows to the largest label. */
static wick_status read_labels(wick_data *data, wick_split split, const char *path, int *highest,
                               wick_diag *diag) {
    gzFile file;
    WICK_TRY(open_file(path, &file, diag));
    wick_images *images = &data->split[split];
    uint32_t count = 0;
    uint8_t *labels = NULL;
    wick_status status = read_header(file, path, LABELS_MAGIC, &count, 1, diag);
    if (status == WICK_OK && count != (uint32_t)images->n)
        status = wick_fail(diag, WICK_SHAPE, path, "header", NULL, "%u labels for %d images", count,
                           images->n);
    if (status == WICK_OK) {
        labels = wick_xalloc(count);
        status = read_bytes(file, path, labels, count, diag);
    }
    if (status == WICK_OK)
        status = check_end(file, path, diag);
    for (uint32_t i = 0; i < count && status == WICK_OK; i++) {
        images->labels[i] = labels[i];
        if (labels[i] <= *highest)
            continue;
        if (split == WICK_TEST)
            status = wick_fail(diag, WICK_RANGE, path, NULL, NULL,
                               "label %d of image %u does not occur among the training images",
                               labels[i], i + 1);
        *highest = labels[i];
    }
    free(labels);
    gzclose(file);
    return status;
}

wick_status data_load_idx(wick_data *data, const char *dir, wick_diag *diag) {
    static const wick_split splits[2] = {WICK_TRAIN, WICK_TEST};
    int highest = -1;
    for (int part = 0; part < 2; part++) {
        char *images = find_file(data->arena, dir, stems[part], "images", 3);
        char *labels = find_file(data->arena, dir, stems[part], "labels", 1);
        if (!images || !labels)
            return wick_fail(diag, WICK_NOT_FOUND, dir, NULL,
                             "the folder must hold train-images-idx3-ubyte, "
                             "train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
                             "t10k-labels-idx1-ubyte, each plain or .gz",
                             "there is no %s-%s-ubyte", stems[part],
                             images ? "labels-idx1" : "images-idx3");
        WICK_TRY(read_images(data, splits[part], images, diag));
        WICK_TRY(read_labels(data, splits[part], labels, &highest, diag));
    }
    data->n_classes = highest + 1;
    data->class_names = wick_new(data->arena, const char *, data->n_classes);
    for (int c = 0; c < data->n_classes; c++)
        data->class_names[c] = wick_arena_printf(data->arena, "%d", c);
    data->description = wick_arena_strdup(data->arena, "IDX (MNIST layout)");
    return WICK_OK;
}
