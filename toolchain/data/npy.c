/* Pairs of .npy files (NumPy's format, https://numpy.org/doc/stable/reference/generated/
   numpy.lib.format.html): sensor windows or images and their classes. */
#include "data/data_parts.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 1 << 16, MAX_RANK = 4, MAX_LENGTH = 65535, MAX_CHANNELS = 1024, CHUNK = 4096 };

typedef enum element { U8, I8, U16, I16, U32, I32, I64, F32, F64, ELEMENTS } element;

static const struct {
    const char *descr;
    size_t bytes;
} elements[ELEMENTS] = {[U8] = {"|u1", 1},  [I8] = {"|i1", 1},  [U16] = {"<u2", 2},
                        [I16] = {"<i2", 2}, [U32] = {"<u4", 4}, [I32] = {"<i4", 4},
                        [I64] = {"<i8", 8}, [F32] = {"<f4", 4}, [F64] = {"<f8", 8}};

typedef struct npy {
    FILE *file;
    const char *path;
    element type;
    int rank;
    size_t dim[MAX_RANK], count; /* of all elements */
} npy;

static wick_status fail_syntax(const npy *n, const char *reason, wick_diag *diag) {
    return wick_fail(diag, WICK_SYNTAX, n->path, "header",
                     "save it with numpy.save, in C order and little-endian", "%s", reason);
}

/* The text after 'key': in the header's dictionary, or NULL. */
static const char *value_of(const char *header, const char *key) {
    const char *at = strstr(header, key);
    if (!at)
        return NULL;
    at += strlen(key);
    return at + strspn(at, " :");
}

static wick_status parse_shape(npy *n, const char *text, wick_diag *diag) {
    if (*text++ != '(')
        return fail_syntax(n, "the shape is not a tuple", diag);
    n->count = 1;
    for (;;) {
        text += strspn(text, " ,");
        if (*text == ')')
            return WICK_OK;
        char *end;
        errno = 0;
        unsigned long long d = strtoull(text, &end, 10);
        if (end == text || errno || *text == '-')
            return fail_syntax(n, "the shape is not a tuple of numbers", diag);
        if (n->rank == MAX_RANK)
            return wick_fail(diag, WICK_SHAPE, n->path, "header", NULL,
                             "it has more than %d dimensions", MAX_RANK);
        if (d == 0 || d > DATA_MAX_IMAGES || n->count > (size_t)1 << 40)
            return wick_fail(diag, WICK_RANGE, n->path, "header", NULL,
                             "a dimension of %llu is outside 1 to %d", d, DATA_MAX_IMAGES);
        n->dim[n->rank++] = (size_t)d;
        n->count *= (size_t)d;
        text = end;
    }
}

static wick_status parse_header(npy *n, char *header, wick_diag *diag) {
    const char *descr = value_of(header, "'descr'"), *order = value_of(header, "'fortran_order'");
    const char *shape = value_of(header, "'shape'");
    if (!descr || !order || !shape)
        return fail_syntax(n, "it lacks 'descr', 'fortran_order' or 'shape'", diag);
    if (strncmp(order, "False", 5) != 0)
        return fail_syntax(n, "the array is in Fortran order", diag);
    int type = 0;
    while (type < ELEMENTS &&
           (*descr != '\'' || strncmp(descr + 1, elements[type].descr, 3) != 0 || descr[4] != '\''))
        type++;
    if (type == ELEMENTS)
        return wick_fail(diag, WICK_UNSUPPORTED, n->path, "header",
                         "store 8 to 32 bit integers or floats, e.g. x.astype('float32')",
                         "elements of type %.8s", descr);
    n->type = (element)type;
    return parse_shape(n, shape, diag);
}

/* Opens, reads the header, and checks that the file is exactly as long as it says. */
static wick_status npy_open(npy *n, const char *path, wick_diag *diag) {
    *n = (npy){.path = path, .file = fopen(path, "rb")};
    if (!n->file)
        return wick_fail(diag, WICK_NOT_FOUND, path, NULL, NULL, "cannot open: %s",
                         strerror(errno));
    uint8_t start[12];
    if (fread(start, 1, 10, n->file) != 10 || memcmp(start, "\x93NUMPY", 6) != 0)
        return fail_syntax(n, "it is not an .npy file", diag);
    size_t len = (size_t)start[8] | (size_t)start[9] << 8;
    if (start[6] > 1) {
        if (fread(start + 10, 1, 2, n->file) != 2)
            return wick_fail(diag, WICK_TRUNCATED, path, NULL, NULL, "it ends within its header");
        len |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    }
    if (start[6] < 1 || start[6] > 3 || len > MAX_HEADER)
        return fail_syntax(n, "its header is of an unknown kind", diag);
    char *header = wick_xalloc(len + 1);
    header[len] = '\0';
    wick_status status = WICK_OK;
    if (fread(header, 1, len, n->file) != len)
        status = wick_fail(diag, WICK_TRUNCATED, path, NULL, NULL, "it ends within its header");
    if (status == WICK_OK)
        status = parse_header(n, header, diag);
    free(header);
    WICK_TRY(status);
    long long data = ftell(n->file), want = (long long)(n->count * elements[n->type].bytes);
    if (fseek(n->file, 0, SEEK_END) != 0)
        return wick_fail(diag, WICK_IO, path, NULL, NULL, "cannot seek: %s", strerror(errno));
    long long there = ftell(n->file) - data;
    if (there != want)
        return wick_fail(diag, there < want ? WICK_TRUNCATED : WICK_SHAPE, path, NULL,
                         "save it again", "it holds %lld bytes of elements, its shape says %lld",
                         there, want);
    if (fseek(n->file, (long)data, SEEK_SET) != 0)
        return wick_fail(diag, WICK_IO, path, NULL, NULL, "cannot seek: %s", strerror(errno));
    return WICK_OK;
}

static void npy_close(npy *n) {
    if (n->file)
        fclose(n->file);
    n->file = NULL;
}

static uint64_t little(const uint8_t *p, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)p[i] << 8 * i;
    return value;
}

static double decode(element type, const uint8_t *p) {
    uint64_t bits = little(p, elements[type].bytes);
    float f;
    double d;
    switch (type) {
    case I8:
        return (int8_t)(uint8_t)bits;
    case I16:
        return (int16_t)(uint16_t)bits;
    case I32:
        return (int32_t)(uint32_t)bits;
    case I64:
        return (double)(int64_t)bits;
    case F32: {
        uint32_t word = (uint32_t)bits;
        memcpy(&f, &word, sizeof f);
        return (double)f;
    }
    case F64:
        memcpy(&d, &bits, sizeof d);
        return d;
    case U8:
    case U16:
    case U32:
    case ELEMENTS:
        break;
    }
    return (double)bits;
}

/* Calls visit(ctx, index, value) for all elements, from the file's present place to its end. */
static wick_status for_each(npy *n, wick_status (*visit)(void *ctx, size_t i, double value),
                            void *ctx, wick_diag *diag) {
    uint8_t buffer[CHUNK * 8];
    size_t bytes = elements[n->type].bytes;
    for (size_t i = 0; i < n->count;) {
        size_t want = n->count - i < CHUNK ? n->count - i : CHUNK;
        if (fread(buffer, bytes, want, n->file) != want)
            return wick_fail(diag, WICK_IO, n->path, NULL, NULL, "cannot read: %s",
                             strerror(errno));
        for (size_t k = 0; k < want; k++, i++)
            WICK_TRY(visit(ctx, i, decode(n->type, buffer + k * bytes)));
    }
    return WICK_OK;
}

/* --- X -----------------------------------------------------------------------------------------*/

typedef struct mapping {
    const npy *file;
    wick_data *data;
    float *low, *high; /* [channels] */
    uint8_t *pixels;   /* NULL: the pass that finds the ranges */
    wick_diag *diag;
} mapping;

static wick_status map_value(void *ctx, size_t i, double value) {
    mapping *m = ctx;
    size_t c = i % (size_t)m->data->channels;
    if (!isfinite(value))
        return wick_fail(m->diag, WICK_RANGE, m->file->path, NULL, "remove or repair the window",
                         "element %zu is not a finite number", i);
    if (!m->pixels) {
        m->low[c] = (float)value < m->low[c] ? (float)value : m->low[c];
        m->high[c] = (float)value > m->high[c] ? (float)value : m->high[c];
        return WICK_OK;
    }
    double low = (double)m->low[c], range = (double)m->high[c] - low;
    double byte = range > 0 ? (value - low) / range * 255 : 0;
    m->pixels[i] = (uint8_t)lround(byte < 0 ? 0 : byte > 255 ? 255 : byte);
    return WICK_OK;
}

static wick_status take_shape(wick_data *data, const npy *n, wick_split split, wick_diag *diag) {
    size_t h = n->rank == 4 ? n->dim[1] : 1, w = n->rank == 4 ? n->dim[2] : n->dim[1];
    size_t c = n->rank == 4 ? n->dim[3] : n->rank == 3 ? n->dim[2] : 1;
    if (n->rank < 2)
        return wick_fail(diag, WICK_SHAPE, n->path, "header", NULL,
                         "X is [N,L], [N,L,C] or [N,H,W,C], this has %d dimension%s", n->rank,
                         n->rank == 1 ? "" : "s");
    if (h > DATA_MAX_SIDE || w > MAX_LENGTH || c > MAX_CHANNELS)
        return wick_fail(diag, WICK_RANGE, n->path, "header",
                         "channels come last: [N,L,C], [N,H,W,C]",
                         "%zu x %zu with %zu channels are more than %d x %d with %d", h, w, c,
                         DATA_MAX_SIDE, MAX_LENGTH, MAX_CHANNELS);
    if (split == WICK_TEST &&
        ((int)h != data->height || (int)w != data->width || (int)c != data->channels))
        return wick_fail(diag, WICK_SHAPE, n->path, "header", NULL,
                         "its windows are %zu x %zu x %zu, those to train on %d x %d x %d", h, w, c,
                         data->height, data->width, data->channels);
    data->height = (int)h;
    data->width = (int)w;
    data->channels = (int)c;
    return WICK_OK;
}

static wick_status find_range(wick_data *data, npy *n, mapping *m, wick_diag *diag) {
    float *low = wick_new(data->arena, float, data->channels);
    float *high = wick_new(data->arena, float, data->channels);
    for (int c = 0; c < data->channels; c++) {
        low[c] = INFINITY;
        high[c] = -INFINITY;
    }
    m->low = low;
    m->high = high;
    long start = ftell(n->file);
    WICK_TRY(for_each(n, map_value, m, diag));
    data->low = low;
    data->high = high;
    if (fseek(n->file, start, SEEK_SET) != 0)
        return wick_fail(diag, WICK_IO, n->path, NULL, NULL, "cannot seek: %s", strerror(errno));
    return WICK_OK;
}

/* Ranges that were given. */
static wick_status take_ranges(wick_data *data, const npy *n, const wick_data_options *options,
                               wick_diag *diag) {
    if (options->n_ranges != data->channels)
        return wick_fail(diag, WICK_SHAPE, n->path, "header", "use windows of the model's sensors",
                         "it has %d channels, the model was trained on %d", data->channels,
                         options->n_ranges);
    size_t bytes = (size_t)data->channels * sizeof(float);
    float *low = wick_new(data->arena, float, data->channels);
    float *high = wick_new(data->arena, float, data->channels);
    memcpy(low, options->low, bytes);
    memcpy(high, options->high, bytes);
    data->low = low;
    data->high = high;
    return WICK_OK;
}

static wick_status read_windows(wick_data *data, npy *n, wick_split split, bool *bytes,
                                const wick_data_options *options, wick_diag *diag) {
    mapping m = {.file = n, .data = data, .diag = diag};
    WICK_TRY(take_shape(data, n, split, diag));
    if (split == WICK_TRAIN)
        *bytes = n->type == U8;
    else if (*bytes != (n->type == U8))
        return wick_fail(diag, WICK_SHAPE, n->path, "header", "store both in the same type",
                         "of X.npy and X_test.npy only one is uint8");
    if (split == WICK_TRAIN && !*bytes)
        WICK_TRY(options->n_ranges > 0 ? take_ranges(data, n, options, diag)
                                       : find_range(data, n, &m, diag));
    WICK_TRY(data_allocate(data, n->dim[0], &data->split[split], diag));
    m.pixels = data->split[split].pixels;
    if (*bytes) {
        if (fread(m.pixels, 1, n->count, n->file) != n->count)
            return wick_fail(diag, WICK_IO, n->path, NULL, NULL, "cannot read: %s",
                             strerror(errno));
        return WICK_OK;
    }
    m.low = (float *)(uintptr_t)data->low;
    m.high = (float *)(uintptr_t)data->high;
    return for_each(n, map_value, &m, diag);
}

/* --- y -----------------------------------------------------------------------------------------*/

typedef struct labelling {
    const npy *file;
    wick_images *images;
    int *highest, limit; /* classes 0..limit - 1 are allowed */
    wick_diag *diag;
} labelling;

static wick_status take_label(void *ctx, size_t i, double value) {
    labelling *l = ctx;
    if (!(value >= 0 && value < l->limit) || floor(value) < value)
        return wick_fail(l->diag, WICK_RANGE, l->file->path, NULL, "number the classes from 0",
                         "label %g of window %zu is not a whole number from 0 to %d", value, i + 1,
                         l->limit - 1);
    l->images->labels[i] = (uint16_t)value;
    *l->highest = (int)value > *l->highest ? (int)value : *l->highest;
    return WICK_OK;
}

static wick_status read_labels(wick_data *data, npy *n, wick_split split, int *highest,
                               wick_diag *diag) {
    wick_images *images = &data->split[split];
    labelling l = {n, images, highest, split == WICK_TRAIN ? DATA_MAX_CLASSES : *highest + 1, diag};
    if (n->count != (size_t)images->n)
        return wick_fail(diag, WICK_SHAPE, n->path, "header", NULL, "%zu labels for %d windows",
                         n->count, images->n);
    return for_each(n, take_label, &l, diag);
}

static wick_status read_pair(wick_data *data, const char *x, const char *y, wick_split split,
                             bool *bytes, int *highest, const wick_data_options *options,
                             wick_diag *diag) {
    npy file;
    wick_status status = npy_open(&file, x, diag);
    if (status == WICK_OK)
        status = read_windows(data, &file, split, bytes, options, diag);
    npy_close(&file);
    WICK_TRY(status);
    status = npy_open(&file, y, diag);
    if (status == WICK_OK)
        status = read_labels(data, &file, split, highest, diag);
    npy_close(&file);
    return status;
}

bool data_is_npy(wick_arena *arena, const char *dir) {
    return wick_path_is_file(wick_path_join(arena, dir, "X.npy")) &&
           wick_path_is_file(wick_path_join(arena, dir, "y.npy"));
}

wick_status data_load_npy(wick_data *data, const char *dir, const wick_data_options *options,
                          wick_diag *diag) {
    bool bytes = false;
    int highest = -1;
    WICK_TRY(read_pair(data, wick_path_join(data->arena, dir, "X.npy"),
                       wick_path_join(data->arena, dir, "y.npy"), WICK_TRAIN, &bytes, &highest,
                       options, diag));
    char *x = wick_path_join(data->arena, dir, "X_test.npy");
    char *y = wick_path_join(data->arena, dir, "y_test.npy");
    bool test = wick_path_is_file(x);
    if (test)
        WICK_TRY(read_pair(data, x, y, WICK_TEST, &bytes, &highest, options, diag));
    data->n_classes = highest + 1;
    data->class_names = wick_new(data->arena, const char *, data->n_classes);
    for (int c = 0; c < data->n_classes; c++)
        data->class_names[c] = wick_arena_printf(data->arena, "%d", c);
    data->description = wick_arena_printf(
        data->arena, "NumPy arrays%s, %s", bytes ? "" : " put on 8 bits",
        test ? "test windows from X_test.npy" : "a fifth of each class taken as test windows");
    return WICK_OK;
}

/* --- any array ---------------------------------------------------------------------------------*/

static wick_status take_value(void *ctx, size_t i, double value) {
    ((float *)ctx)[i] = (float)value;
    return WICK_OK;
}

wick_status wick_npy_read(const char *path, wick_arena *arena, wick_array *out, wick_diag *diag) {
    npy file;
    *out = (wick_array){0};
    wick_status status = npy_open(&file, path, diag);
    if (status == WICK_OK && file.count > INT32_MAX)
        status = wick_fail(diag, WICK_RANGE, path, "header", NULL,
                           "%zu elements are more than 2^31 - 1", file.count);
    if (status == WICK_OK) {
        out->shape.rank = file.rank;
        for (int d = 0; d < file.rank; d++)
            out->shape.dim[d] = (int64_t)file.dim[d];
        out->values = wick_new(arena, float, file.count);
        status = for_each(&file, take_value, out->values, diag);
    }
    npy_close(&file);
    return status;
}
