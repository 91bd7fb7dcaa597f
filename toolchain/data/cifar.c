/* CIFAR-10 and CIFAR-100 in the official binary layout (Krizhevsky 2009,
   https://www.cs.toronto.edu/~kriz/cifar.html): records of one label byte (CIFAR-100: coarse, then
   fine) and 3072 pixel bytes [3, 32, 32]. */
#include "data/data_parts.h"

#include <string.h>

enum { SIDE = 32, PIXEL_BYTES = 3 * SIDE * SIDE, MAX_FILE_BYTES = 1 << 30, BATCHES = 5 };

static const char *const cifar10_names[10] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                              "dog",      "frog",       "horse", "ship", "truck"};

typedef struct layout {
    const char *title;
    const char *folder;     /* of the official archive */
    const char *names_file; /* one class name a line; need not be there */
    int n_classes;
    int label_bytes; /* the last one is the label */
} layout;

static const layout cifar10 = {"CIFAR-10", "cifar-10-batches-bin", "batches.meta.txt", 10, 1};
static const layout cifar100 = {"CIFAR-100", "cifar-100-binary", "fine_label_names.txt", 100, 2};
enum { COARSE_CLASSES = 20 };

/* DIR, or the folder of the official archive in it. */
static char *find_folder(wick_arena *arena, const char *dir, const char *folder) {
    char *inner = wick_path_join(arena, dir, folder);
    return wick_path_is_dir(inner) ? inner : wick_arena_strdup(arena, dir);
}

static char *batch_path(wick_arena *arena, const char *dir, int batch) {
    return wick_path_join(arena, dir, wick_arena_printf(arena, "data_batch_%d.bin", batch));
}

bool data_is_cifar10(wick_arena *arena, const char *dir) {
    char *folder = find_folder(arena, dir, cifar10.folder);
    bool found = wick_path_is_file(wick_path_join(arena, folder, "test_batch.bin"));
    for (int b = 1; b <= BATCHES && !found; b++)
        found = wick_path_is_file(batch_path(arena, folder, b));
    return found;
}

bool data_is_cifar100(wick_arena *arena, const char *dir) {
    char *folder = find_folder(arena, dir, cifar100.folder);
    return wick_path_is_file(wick_path_join(arena, folder, "train.bin"));
}

/* Class names from the names file; without one CIFAR-10 has its own names, CIFAR-100 numbers. */
static wick_status read_names(wick_data *data, const layout *l, const char *dir, wick_diag *diag) {
    data->n_classes = l->n_classes;
    data->class_names = wick_new(data->arena, const char *, l->n_classes);
    char *path = wick_path_join(data->arena, dir, l->names_file);
    if (!wick_path_is_file(path)) {
        for (int c = 0; c < l->n_classes; c++)
            data->class_names[c] = l->n_classes == 10
                                       ? cifar10_names[c]
                                       : wick_arena_printf(data->arena, "class-%02d", c);
        return WICK_OK;
    }
    wick_bytes text;
    WICK_TRY(wick_file_read(data->arena, path, 1 << 16, &text, diag));
    int count = 0;
    char *rest = NULL;
    for (char *line = strtok_r((char *)text.data, "\r\n", &rest); line;
         line = strtok_r(NULL, "\r\n", &rest)) {
        if (count < l->n_classes)
            data->class_names[count] = line;
        count++;
    }
    if (count != l->n_classes)
        return wick_fail(diag, WICK_SYNTAX, path, NULL, "one class name a line, or no such file",
                         "it holds %d class names, not %d", count, l->n_classes);
    return WICK_OK;
}

/* [3, 32, 32] -> [32, 32, 3]. */
static void channels_last(const uint8_t *src, uint8_t *dst) {
    for (int p = 0; p < SIDE * SIDE; p++)
        for (int c = 0; c < 3; c++)
            dst[3 * p + c] = src[c * SIDE * SIDE + p];
}

static wick_status append_records(wick_data *data, const layout *l, wick_images *images,
                                  const char *path, const wick_bytes *file, wick_diag *diag) {
    size_t record = (size_t)l->label_bytes + PIXEL_BYTES, count = file->len / record;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *src = file->data + i * record;
        int label = src[l->label_bytes - 1];
        bool coarse_wrong = l->label_bytes == 2 && src[0] >= COARSE_CLASSES;
        if (label >= l->n_classes || coarse_wrong) {
            char place[48];
            snprintf(place, sizeof place, "record %zu", i + 1);
            return wick_fail(
                diag, WICK_RANGE, path, place,
                "check that this is the binary version of the data set",
                coarse_wrong ? "coarse label %d is not below %d" : "label %d is not below %d",
                coarse_wrong ? src[0] : label, coarse_wrong ? COARSE_CLASSES : l->n_classes);
        }
        size_t at = (size_t)images->n;
        images->labels[at] = (uint16_t)label;
        channels_last(src + l->label_bytes, images->pixels + data_offset(data, at, 0, 0));
        images->n++;
    }
    return WICK_OK;
}

/* Reads `n_paths` files into one split. */
static wick_status read_files(wick_data *data, const layout *l, wick_split split, char **paths,
                              int n_paths, wick_diag *diag) {
    size_t record = (size_t)l->label_bytes + PIXEL_BYTES, total = 0;
    wick_arena *arena = wick_arena_new();
    wick_bytes files[BATCHES];
    wick_status status = WICK_OK;
    for (int f = 0; f < n_paths && status == WICK_OK; f++) {
        status = wick_file_read(arena, paths[f], MAX_FILE_BYTES, &files[f], diag);
        if (status == WICK_OK && (files[f].len == 0 || files[f].len % record != 0))
            status = wick_fail(
                diag, WICK_TRUNCATED, paths[f], NULL, "fetch the file again",
                "%zu bytes are not a whole number of %zu-byte records (%zu and %zu bytes)",
                files[f].len, record, files[f].len / record, files[f].len % record);
        total += files[f].len / record;
    }
    wick_images *images = &data->split[split];
    if (status == WICK_OK)
        status = data_allocate(data, total, images, diag);
    images->n = 0;
    for (int f = 0; f < n_paths && status == WICK_OK; f++)
        status = append_records(data, l, images, paths[f], &files[f], diag);
    wick_arena_free(arena);
    return status;
}

static void set_size(wick_data *data) {
    data->height = data->width = SIDE;
    data->channels = 3;
}

wick_status data_load_cifar10(wick_data *data, const char *dir, wick_diag *diag) {
    char *folder = find_folder(data->arena, dir, cifar10.folder), *batches[BATCHES];
    wick_buf found = {0};
    int count = 0;
    for (int b = 1; b <= BATCHES; b++) {
        char *path = batch_path(data->arena, folder, b);
        if (!wick_path_is_file(path))
            continue;
        batches[count++] = path;
        wick_buf_printf(&found, "%s%d", count > 1 ? ", " : "", b);
    }
    data->description =
        count == BATCHES
            ? wick_arena_strdup(data->arena, "CIFAR-10 binary, all 5 batches")
            : wick_arena_printf(data->arena, "CIFAR-10 binary, only %d of 5 batches found (%s)",
                                count, count ? found.data : "none");
    wick_buf_free(&found);
    if (count == 0)
        return wick_fail(diag, WICK_NOT_FOUND, folder, NULL,
                         "the folder must hold data_batch_1.bin ... data_batch_5.bin (or some of "
                         "them) and test_batch.bin",
                         "there is no data_batch_N.bin");
    set_size(data);
    WICK_TRY(read_names(data, &cifar10, folder, diag));
    WICK_TRY(read_files(data, &cifar10, WICK_TRAIN, batches, count, diag));
    char *test = wick_path_join(data->arena, folder, "test_batch.bin");
    return read_files(data, &cifar10, WICK_TEST, &test, 1, diag);
}

wick_status data_load_cifar100(wick_data *data, const char *dir, wick_diag *diag) {
    char *folder = find_folder(data->arena, dir, cifar100.folder);
    char *train = wick_path_join(data->arena, folder, "train.bin");
    char *test = wick_path_join(data->arena, folder, "test.bin");
    set_size(data);
    data->description = wick_arena_strdup(data->arena, "CIFAR-100 binary, fine labels");
    WICK_TRY(read_names(data, &cifar100, folder, diag));
    WICK_TRY(read_files(data, &cifar100, WICK_TRAIN, &train, 1, diag));
    return read_files(data, &cifar100, WICK_TEST, &test, 1, diag);
}
