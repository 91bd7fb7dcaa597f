/* A folder of class folders with JPEG or PNG images. */
#include "data/data_parts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_ANNOTATION_BYTES = 64 << 20 };

/* Files of one split, class by class, in order of name. */
typedef struct listing {
    char **paths;
    uint16_t *labels;
    size_t n, cap;
} listing;

/* Names of the sub-folders that are not hidden, sorted. */
static wick_status list_folders(wick_arena *arena, const char *dir, char ***names, size_t *count,
                                wick_diag *diag) {
    size_t n;
    *count = 0;
    WICK_TRY(wick_dir_list(arena, dir, names, &n, diag));
    for (size_t i = 0; i < n; i++)
        if ((*names)[i][0] != '.' && wick_path_is_dir(wick_path_join(arena, dir, (*names)[i])))
            (*names)[(*count)++] = (*names)[i];
    return WICK_OK;
}

static bool has_image_ending(const char *name) {
    static const char *const endings[] = {".jpg", ".jpeg", ".png"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < WICK_LEN(endings); i++)
        if (!strcasecmp(dot, endings[i]))
            return true;
    return false;
}

static void add(listing *list, char *path, int label) {
    if (list->n == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 1024;
        list->paths = wick_xrealloc(list->paths, list->cap * sizeof *list->paths);
        list->labels = wick_xrealloc(list->labels, list->cap * sizeof *list->labels);
    }
    list->paths[list->n] = path;
    list->labels[list->n++] = (uint16_t)label;
}

static wick_status list_class(wick_arena *arena, const char *dir, int label, listing *list,
                              wick_diag *diag) {
    char **names;
    size_t count, before = list->n;
    char *inner = wick_path_join(arena, dir, "images"); /* Tiny-ImageNet: beside a list of boxes */
    if (wick_path_is_dir(inner))
        dir = inner;
    WICK_TRY(wick_dir_list(arena, dir, &names, &count, diag));
    for (size_t i = 0; i < count; i++) {
        if (names[i][0] == '.')
            continue;
        char *path = wick_path_join(arena, dir, names[i]);
        if (!has_image_ending(names[i]))
            return wick_fail(diag, WICK_SYNTAX, path, NULL,
                             "a class folder holds .jpg, .jpeg and .png files only: move this out",
                             "not an image by its name");
        add(list, path, label);
    }
    if (list->n == before)
        return wick_fail(diag, WICK_RANGE, dir, NULL, "add images, or remove the folder",
                         "the class folder holds no images");
    return WICK_OK;
}

static int find_class(const wick_data *data, const char *name) {
    for (int c = 0; c < data->n_classes; c++)
        if (!strcmp(data->class_names[c], name))
            return c;
    return -1;
}

/* Tiny-ImageNet's own list of validation images, val/val_annotations.txt: a line for each with file
   name, class and box, separated by tabs. */
static wick_status list_annotated(wick_data *data, const char *file, listing *list,
                                  wick_diag *diag) {
    wick_bytes text;
    WICK_TRY(wick_file_read(data->arena, file, MAX_ANNOTATION_BYTES, &text, diag));
    char *images = wick_path_join(data->arena, wick_path_dir(data->arena, file), "images");
    char *rest = wick_arena_alloc(data->arena, text.len + 1), *line;
    memcpy(rest, text.data, text.len);
    for (int n = 1; (line = strsep(&rest, "\n")) != NULL; n++) {
        char *name = strsep(&line, "\t"), *class = strsep(&line, "\t\r");
        if (!*name)
            continue;
        int label = class ? find_class(data, class) : -1;
        if (label < 0 || strchr(name, '/'))
            return wick_fail(diag, class ? WICK_UNKNOWN : WICK_SYNTAX, file,
                             wick_arena_printf(data->arena, "line %d", n),
                             "a line holds a file name, a tab and the class of a training folder",
                             class ? "there are no training images of class '%s'"
                                   : "there is no class%s",
                             class ? class : "");
        add(list, wick_path_join(data->arena, images, name), label);
    }
    if (list->n == 0)
        return wick_fail(diag, WICK_RANGE, file, NULL, NULL, "it lists no images");
    return WICK_OK;
}

/* Lists one part. The training part makes the classes; the test part must have the same. */
static wick_status list_part(wick_data *data, const char *dir, bool training, listing *list,
                             wick_diag *diag) {
    char **names;
    size_t count;
    WICK_TRY(list_folders(data->arena, dir, &names, &count, diag));
    if (count == 0 || count > DATA_MAX_CLASSES)
        return wick_fail(diag, count ? WICK_RANGE : WICK_NOT_FOUND, dir, NULL,
                         "one sub-folder for each class, named like it, with its images",
                         "it holds %zu class folders, not 1 to %d", count, DATA_MAX_CLASSES);
    if (training) {
        data->n_classes = (int)count;
        data->class_names = wick_new(data->arena, const char *, count);
        for (size_t i = 0; i < count; i++)
            data->class_names[i] = names[i];
    }
    for (int c = 0; c < data->n_classes && !training; c++) {
        char *path = wick_path_join(data->arena, dir, data->class_names[c]);
        if (!wick_path_is_dir(path))
            return wick_fail(diag, WICK_NOT_FOUND, path, NULL,
                             "training and test images must have the same classes",
                             "there are training images of this class, but no such folder");
    }
    for (size_t i = 0; i < count; i++) {
        char *path = wick_path_join(data->arena, dir, names[i]);
        int label = find_class(data, names[i]);
        if (label < 0)
            return wick_fail(diag, WICK_UNKNOWN, path, NULL,
                             "training and test images must have the same classes",
                             "there are no training images of this class");
        WICK_TRY(list_class(data->arena, path, label, list, diag));
    }
    return WICK_OK;
}

/* What the decoding threads share. */
typedef struct decoding {
    const listing *list;
    const uint32_t *chosen; /* positions in the list */
    int width, height;
    uint8_t *pixels; /* [n, height, width, 3] */
    uint8_t *grey;   /* [n] */
} decoding;

static wick_status decode_one(decoding *d, size_t i, wick_diag *diag) {
    data_picture picture;
    const char *path = d->list->paths[d->chosen[i]];
    WICK_TRY(data_decode(path, &picture, diag));
    wick_status status = WICK_OK;
    size_t bytes = (size_t)d->width * (size_t)d->height * 3;
    if (picture.width == d->width && picture.height == d->height) {
        memcpy(d->pixels + i * bytes, picture.pixels, bytes);
        d->grey[i] = picture.grey;
    } else {
        status = wick_fail(diag, WICK_SHAPE, path, NULL, "bring all images to one size first",
                           "it is %d x %d pixels, the first image is %d x %d", picture.width,
                           picture.height, d->width, d->height);
    }
    free(picture.pixels);
    return status;
}

static bool decode_quietly(void *context, size_t i) {
    return decode_one(context, i, NULL) == WICK_OK;
}

/* Decodes one split into [n, height, width, 3]; the first image of the training part sets the
   size. */
static wick_status decode_part(wick_data *data, wick_split split, const listing *list, int limit,
                               uint8_t **grey, wick_diag *diag) {
    size_t n, most = limit > 0 ? (size_t)limit : list->n;
    uint32_t *chosen = data_pick_limited(list->labels, list->n, data->n_classes, most, &n);
    wick_images *images = &data->split[split];
    wick_status status = WICK_OK;
    if (data->width == 0) {
        data_picture first;
        status = data_decode(list->paths[0], &first, diag);
        data->width = first.width;
        data->height = first.height;
        data->channels = 3;
        free(first.pixels);
    }
    if (status == WICK_OK)
        status = data_allocate(data, n, images, diag);
    if (status == WICK_OK) {
        *grey = wick_xalloc(n);
        decoding d = {list, chosen, data->width, data->height, images->pixels, *grey};
        size_t bad = data_parallel(n, decode_quietly, &d);
        /* Once more, now in words. */
        if (bad < n && (status = decode_one(&d, bad, diag)) == WICK_OK)
            status = wick_fail(diag, WICK_IO, list->paths[chosen[bad]], NULL, "try again",
                               "it could not be read a moment ago");
        for (size_t i = 0; i < n; i++)
            images->labels[i] = list->labels[chosen[i]];
    }
    free(chosen);
    return status;
}

/* When every image is grey, one channel suffices. */
static void reduce_grey(wick_data *data, uint8_t *const grey[2]) {
    static const wick_split splits[2] = {WICK_TRAIN, WICK_TEST};
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < data->split[splits[s]].n; i++)
            if (!grey[s][i])
                return;
    for (int s = 0; s < 2; s++) {
        wick_images *images = &data->split[splits[s]];
        size_t n = (size_t)images->n * (size_t)data->width * (size_t)data->height;
        for (size_t i = 0; i < n; i++)
            images->pixels[i] = images->pixels[3 * i];
    }
    data->channels = 1;
}

/* Which sub-folders hold the parts; *test is NULL when a test part must be taken. *annotations is
   NULL, or Tiny-ImageNet's list: its images in test/ bear no labels, so val/ becomes the test set.
 */
static void find_parts(wick_data *data, const char *dir, char **train, char **test,
                       char **annotations) {
    *train = wick_path_join(data->arena, dir, "train");
    *test = wick_path_join(data->arena, dir, "val");
    *annotations = wick_path_join(data->arena, *test, "val_annotations.txt");
    if (wick_path_is_dir(*train) && wick_path_is_file(*annotations)) {
        data->description = wick_arena_strdup(
            data->arena, "Tiny-ImageNet, test images from val/val_annotations.txt");
        return;
    }
    *annotations = NULL;
    *test = wick_path_join(data->arena, dir, "test");
    if (!wick_path_is_dir(*test))
        *test = wick_path_join(data->arena, dir, "val");
    bool both = wick_path_is_dir(*train) && wick_path_is_dir(*test);
    if (!both) {
        *train = wick_path_is_dir(*train) ? *train : wick_arena_strdup(data->arena, dir);
        *test = NULL;
    }
    data->description = wick_arena_printf(
        data->arena, "class folders, %s",
        *test ? wick_arena_printf(data->arena, "test images from %s/", wick_path_base(*test))
              : "a fifth of each class taken as test images");
}

wick_status data_load_folder(wick_data *data, const char *dir, int limit, wick_diag *diag) {
    char *train, *test, *annotations;
    find_parts(data, dir, &train, &test, &annotations);
    listing lists[2] = {{0}};
    uint8_t *grey[2] = {NULL, NULL};
    wick_status status = list_part(data, train, true, &lists[0], diag);
    if (status == WICK_OK && annotations)
        status = list_annotated(data, annotations, &lists[1], diag);
    else if (status == WICK_OK && test)
        status = list_part(data, test, false, &lists[1], diag);
    if (status == WICK_OK)
        status = decode_part(data, WICK_TRAIN, &lists[0], test ? limit : 0, &grey[0], diag);
    if (status == WICK_OK && test)
        status = decode_part(data, WICK_TEST, &lists[1], limit, &grey[1], diag);
    if (status == WICK_OK)
        reduce_grey(data, grey);
    for (int s = 0; s < 2; s++) {
        free(lists[s].paths);
        free(lists[s].labels);
        free(grey[s]);
    }
    return status;
}
