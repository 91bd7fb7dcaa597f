#include "shrink/vectors.h"

#include "data/data.h"
#include "onnx/onnx.h"

#include <stdlib.h>
#include <string.h>

typedef struct reader {
    const wick_graph *graph;
    wick_arena *arena;
    const char *dir;
    bool only_inputs; /* results of another kind than expected are left out */
    char **sets;      /* folders */
    size_t n_sets;
    int *per_set; /* [n_sets] inputs; 0 until the first file of a set is read */
    wick_diag *diag;
} reader;

typedef struct array {
    wick_shape shape;
    const float *values;
} array;

static bool ends_in(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n > m && !strcmp(name + n - m, end);
}

/* The sets: `dir` itself, or its folders test_data_set_<n>. */
static wick_status find_sets(reader *r) {
    char **names;
    size_t count;
    if (!wick_path_is_dir(r->dir))
        return wick_fail(r->diag, WICK_NOT_FOUND, r->dir, NULL,
                         "name a folder with input_0.npy and output_0.npy",
                         "there is no such folder");
    WICK_TRY(wick_dir_list(r->arena, r->dir, &names, &count, r->diag));
    r->sets = wick_new(r->arena, char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        char *path = wick_path_join(r->arena, r->dir, names[i]);
        if (!strncmp(names[i], "test_data_set_", 14) && wick_path_is_dir(path))
            r->sets[r->n_sets++] = path;
    }
    if (r->n_sets == 0)
        r->sets[r->n_sets++] = wick_arena_strdup(r->arena, r->dir);
    r->per_set = wick_new(r->arena, int, r->n_sets);
    return WICK_OK;
}

static wick_status read_array(reader *r, const char *path, array *out) {
    if (ends_in(path, ".pb")) {
        wick_onnx_tensor tensor;
        WICK_TRY(wick_onnx_tensor_read(path, r->arena, &tensor, r->diag));
        *out = (array){tensor.shape, tensor.values};
        return WICK_OK;
    }
    wick_array numbers;
    WICK_TRY(wick_npy_read(path, r->arena, &numbers, r->diag));
    *out = (array){numbers.shape, numbers.values};
    return WICK_OK;
}

/* The dimensions that are not 1, from dimension `first` on. */
static wick_shape bare(wick_shape shape, int first) {
    wick_shape out = {0};
    for (int d = first; d < shape.rank; d++)
        if (shape.dim[d] != 1)
            out.dim[out.rank++] = shape.dim[d];
    return out;
}

static bool same_bare(wick_shape a, int first_a, wick_shape b, int first_b) {
    return wick_shape_equal(bare(a, first_a), bare(b, first_b));
}

/* Whether a file's [N,...], or [...] for one input, is in the graph's shape [1,...]. */
static bool in_graph_order(wick_shape file, wick_shape graph, int64_t n) {
    return (file.rank && file.dim[0] == n && same_bare(file, 1, graph, 1)) ||
           (n == 1 && same_bare(file, 0, graph, 1));
}

/* [N,H,W,C] of the graph's [1,C,H,W]. */
static bool channels_last(wick_shape file, wick_shape graph, int64_t n) {
    return file.rank == 4 && graph.rank == 4 && file.dim[0] == n && file.dim[1] == graph.dim[2] &&
           file.dim[2] == graph.dim[3] && file.dim[3] == graph.dim[1];
}

static void to_channels_first(const float *src, wick_shape graph, int64_t n, float *dst) {
    int64_t channels = graph.dim[1], pixels = graph.dim[2] * graph.dim[3];
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t p = 0; p < pixels; p++)
                dst[(i * channels + c) * pixels + p] = src[(i * pixels + p) * channels + c];
}

/* Appends the elements of set `s` to dst. */
static wick_status arrange(reader *r, const char *path, const array *file, int tensor, size_t s,
                           float *dst) {
    wick_shape want = r->graph->tensors[tensor].shape;
    int64_t each = wick_shape_count(want), n = wick_shape_count(file->shape) / each;
    if (n > 0 && n * each == wick_shape_count(file->shape) && n <= 1000000 &&
        (r->per_set[s] == 0 || r->per_set[s] == n)) {
        bool last = !in_graph_order(file->shape, want, n);
        if (!last || channels_last(file->shape, want, n)) {
            r->per_set[s] = (int)n;
            if (dst && last)
                to_channels_first(file->values, want, n, dst);
            else if (dst)
                memcpy(dst, file->values, (size_t)(n * each) * sizeof *dst);
            return WICK_OK;
        }
    }
    return wick_fail(r->diag, WICK_SHAPE, path, NULL,
                     r->per_set[s] ? "give as many as there are inputs" : NULL,
                     "it is %s; tensor '%s' of the model is %s, for %d input%s",
                     wick_shape_text(r->arena, file->shape), r->graph->tensors[tensor].name,
                     wick_shape_text(r->arena, want), r->per_set[s] ? r->per_set[s] : 1,
                     r->per_set[s] > 1 ? "s" : "");
}

/* The same file of all sets, one behind the other. */
static wick_status read_all(reader *r, const char *file, int tensor, float **out) {
    array *arrays = wick_new(r->arena, array, r->n_sets);
    int64_t each = wick_shape_count(r->graph->tensors[tensor].shape), total = 0;
    for (size_t s = 0; s < r->n_sets; s++) {
        char *path = wick_path_join(r->arena, r->sets[s], file);
        if (!wick_path_is_file(path))
            return wick_fail(r->diag, WICK_NOT_FOUND, r->sets[s], file, NULL,
                             "another set has this file");
        WICK_TRY(read_array(r, path, &arrays[s]));
        WICK_TRY(arrange(r, path, &arrays[s], tensor, s, NULL));
        total += r->per_set[s];
    }
    float *dst = *out = wick_new(r->arena, float, total *each);
    for (size_t s = 0; s < r->n_sets; dst += r->per_set[s++] * each)
        WICK_TRY(arrange(r, file, &arrays[s], tensor, s, dst));
    return WICK_OK;
}

/* A tensor's name as a file can have it, against `stem` of `len` characters. */
static bool names_file(const char *name, const char *stem, size_t len) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    if (strlen(name) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (stem[i] != (strchr(plain, name[i]) ? name[i] : '_'))
            return false;
    return true;
}

/* The tensor that a file stands for: -1 none. */
static int tensor_of(const reader *r, const char *file) {
    const wick_family *family = &r->graph->family;
    size_t len = (size_t)(strrchr(file, '.') - file);
    char *end;
    if (!strncmp(file, "output_", 7) && file[7] >= '0' && file[7] <= '9') {
        long k = strtol(file + 7, &end, 10);
        if (end == file + len)
            return k < family->n_heads ? family->heads[k] : -1;
    }
    for (int t = 0; t < r->graph->n_tensors; t++) {
        const wick_tensor *tensor = &r->graph->tensors[t];
        if (!tensor->data && t != r->graph->input && tensor->dtype == WICK_F32 &&
            names_file(tensor->name, file, len))
            return t;
    }
    return -1;
}

static wick_status read_inputs(reader *r, wick_vectors *out) {
    static const char *const names[] = {"input_0.npy", "input_0.pb"};
    for (size_t i = 0; i < WICK_LEN(names); i++)
        if (wick_path_is_file(wick_path_join(r->arena, r->sets[0], names[i])))
            return read_all(r, names[i], r->graph->input, &out->inputs);
    return wick_fail(r->diag, WICK_NOT_FOUND, r->sets[0], NULL,
                     "save the inputs with numpy.save('input_0.npy', x), x of shape [N,C,H,W]",
                     "it holds neither input_0.npy nor input_0.pb");
}

static wick_status read_expected(reader *r, wick_vectors *out) {
    char **names;
    size_t count;
    WICK_TRY(wick_dir_list(r->arena, r->sets[0], &names, &count, r->diag));
    out->expected = wick_new(r->arena, wick_expected, count);
    out->unknown = wick_new(r->arena, const char *, count);
    for (size_t i = 0; i < count; i++) {
        if ((!ends_in(names[i], ".npy") && !ends_in(names[i], ".pb")) ||
            !strncmp(names[i], "input_", 6))
            continue;
        int t = tensor_of(r, names[i]);
        if (t < 0) {
            out->unknown[out->n_unknown++] = names[i];
            continue;
        }
        if (wick_vectors_of(out, t))
            return wick_fail(r->diag, WICK_SYNTAX, r->sets[0], names[i], "remove one",
                             "tensor '%s' is expected twice", r->graph->tensors[t].name);
        float *values;
        wick_diag *diag = r->diag;
        r->diag = r->only_inputs ? NULL : diag;
        wick_status status = read_all(r, names[i], t, &values);
        r->diag = diag;
        if (status == WICK_SHAPE && r->only_inputs) {
            out->unknown[out->n_unknown++] = names[i];
            continue;
        }
        if (status != WICK_OK)
            return r->only_inputs ? read_all(r, names[i], t, &values) : status;
        out->expected[out->n_expected++] = (wick_expected){t, values};
    }
    if (out->n_expected || r->only_inputs)
        return WICK_OK;
    return wick_fail(r->diag, WICK_NOT_FOUND, r->sets[0], NULL,
                     "save what the model should answer as output_0.npy",
                     out->n_unknown ? "no file holds a result or another tensor of this model"
                                    : "nothing is expected of the model there");
}

wick_status wick_vectors_read(const char *dir, const wick_graph *graph, bool only_inputs,
                              wick_arena *arena, wick_vectors *out, wick_diag *diag) {
    reader r = {
        .graph = graph, .arena = arena, .dir = dir, .only_inputs = only_inputs, .diag = diag};
    *out = (wick_vectors){0};
    WICK_TRY(find_sets(&r));
    WICK_TRY(read_inputs(&r, out));
    for (size_t s = 0; s < r.n_sets; s++)
        out->n += r.per_set[s];
    return read_expected(&r, out);
}

const float *wick_vectors_of(const wick_vectors *vectors, int tensor) {
    for (int i = 0; i < vectors->n_expected; i++)
        if (vectors->expected[i].tensor == tensor)
            return vectors->expected[i].values;
    return NULL;
}
