#include "helper_backend.h"

#include "helper_onnx.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- the archive --- */

const char *backend_data_folder(void) {
    const char *folder = getenv("WICK_ONNX_DATA");
    return folder && wick_path_is_dir(folder) ? folder : NULL;
}

char *backend_unpack(void) {
    wick_arena *arena = wick_arena_new();
    const char *folder = backend_data_folder();
    char *archive = folder ? wick_path_join(arena, folder, "onnx-backend-test-data.tar.zst") : NULL;
    char *to = wick_xstrdup("/tmp/wick-onnx-XXXXXX");
    bool done = archive && wick_path_is_file(archive) && wick_process_exists("zstd") && mkdtemp(to);
    if (done) {
        const char *argv[] = {"tar", "--zstd", "-xf", archive, "-C", to, NULL};
        wick_process tar = {.argv = argv, .timeout_s = 300};
        done = wick_process_run(&tar, 1, 1, NULL, NULL, NULL) == WICK_OK && tar.exit_status == 0;
        wick_process_free(&tar);
        if (!done)
            wick_path_remove(to);
    }
    wick_arena_free(arena);
    if (done)
        return to;
    free(to);
    return NULL;
}

/* --- the wire format --- */

typedef struct field {
    int number, wire;
    uint64_t value;      /* varint */
    const uint8_t *data; /* the content of a field with a length, or of fixed size */
    size_t len;
} field;

static bool varint(const uint8_t **at, const uint8_t *end, uint64_t *value) {
    *value = 0;
    for (int shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

static bool next_field(const uint8_t **at, const uint8_t *end, field *f) {
    uint64_t tag, len;
    if (*at >= end || !varint(at, end, &tag))
        return false;
    *f = (field){.number = (int)(tag >> 3), .wire = (int)(tag & 7), .data = *at};
    if (f->wire == 0)
        return varint(at, end, &f->value);
    len = f->wire == 1 ? 8 : 4;
    if (f->wire == 2 && !varint(at, end, &len))
        return false;
    if ((f->wire != 1 && f->wire != 2 && f->wire != 5) || len > (uint64_t)(end - *at))
        return false;
    f->data = *at;
    f->len = (size_t)len;
    *at += len;
    return true;
}

static void put_field(wick_buf *out, const field *f) {
    if (f->wire == 2)
        pb_bytes(out, f->number, f->data, f->len);
    else if (f->wire == 0)
        pb_int(out, f->number, f->value);
    else {
        pb_varint(out, (uint64_t)f->number << 3 | (uint64_t)f->wire);
        wick_buf_append(out, f->data, f->len);
    }
}

static char *text_of(wick_arena *arena, const field *f) {
    char *text = wick_arena_alloc(arena, f->len + 1);
    memcpy(text, f->data, f->len);
    return text;
}

/* The text in field `number` of a message, "" when there is none. */
static char *text_in(wick_arena *arena, const uint8_t *data, size_t len, int number) {
    const uint8_t *at = data, *end = data + len;
    char *text = wick_arena_strdup(arena, "");
    for (field f; next_field(&at, end, &f);)
        if (f.number == number && f.wire == 2)
            text = text_of(arena, &f);
    return text;
}

/* --- tensors --- */

enum { FLOAT = 1, U8, S8, U16, S16, S32, S64, TEXT, BOOL, HALF, DOUBLE, U32, U64, BF16 = 16 };

static int size_of(int type) {
    static const int sizes[] = {
        [FLOAT] = 4, [U8] = 1,   [S8] = 1,     [U16] = 2, [S16] = 2, [S32] = 4, [S64] = 8,
        [BOOL] = 1,  [HALF] = 2, [DOUBLE] = 8, [U32] = 4, [U64] = 8, [BF16] = 2};
    return type > 0 && type <= BF16 ? sizes[type] : 0;
}

static double half_of(unsigned bits) {
    int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 1023);
    double value = exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
                                  : ldexp(exponent ? 1024 + fraction : fraction,
                                          (exponent ? exponent : 1) - 25);
    return bits & 0x8000 ? -value : value;
}

static double number_of(int type, uint64_t bits) {
    uint32_t low = (uint32_t)bits;
    float narrow;
    double wide;
    switch (type) {
    case S8:
        return (int8_t)bits;
    case S16:
        return (int16_t)bits;
    case S32:
        return (int32_t)bits;
    case S64:
        return (double)(int64_t)bits;
    case HALF:
        return half_of(low & 0xffff);
    case DOUBLE:
        memcpy(&wide, &bits, sizeof wide);
        return wide;
    case BF16:
        low <<= 16;
        memcpy(&narrow, &low, sizeof narrow);
        return (double)narrow;
    case FLOAT:
        memcpy(&narrow, &low, sizeof narrow);
        return (double)narrow;
    default:
        return (double)bits;
    }
}

static uint64_t little_endian(const uint8_t *data, int size) {
    uint64_t bits = 0;
    for (int i = size - 1; i >= 0; i--)
        bits = bits << 8 | data[i];
    return bits;
}

/* Elements of a typed list: packed or one by one, in fixed size (float, double) or as varints. */
static void typed(backend_tensor *t, const field *f, int64_t count, int64_t *have) {
    const uint8_t *at = f->data, *end = f->data + f->len;
    if (f->wire == 0 && *have < count)
        t->values[(*have)++] = number_of(t->type, f->value);
    int fixed = f->number == 4 ? 4 : f->number == 10 ? 8 : 0;
    while (f->wire != 0 && at < end && *have < count) {
        uint64_t value = 0;
        if (fixed && end - at >= fixed) {
            value = little_endian(at, fixed);
            at += fixed;
        } else if (fixed || !varint(&at, end, &value)) {
            return;
        }
        t->values[(*have)++] = number_of(t->type, value);
    }
}

static void dims_of(backend_tensor *t, const field *f) {
    const uint8_t *at = f->data, *end = f->data + f->len;
    uint64_t value = f->value;
    bool more = f->wire == 0 || varint(&at, end, &value);
    while (more) {
        if (t->shape.rank == WICK_MAX_RANK) {
            t->type = 0;
            return;
        }
        t->shape.dim[t->shape.rank++] = (int64_t)value;
        more = f->wire == 2 && at < end && varint(&at, end, &value);
    }
}

backend_tensor backend_read_tensor(wick_arena *arena, const char *path) {
    backend_tensor t = {0};
    wick_bytes file;
    if (!wick_path_is_file(path) || wick_file_read(arena, path, 1 << 26, &file, NULL) != WICK_OK)
        return t;
    t.bytes = file.data;
    t.len = file.len;
    const uint8_t *at = file.data, *end = file.data + file.len;
    for (field f; next_field(&at, end, &f);)
        if (f.number == 2 && f.wire == 0)
            t.type = (int)f.value;
    if (!size_of(t.type))
        return (backend_tensor){0};
    at = file.data;
    for (field f; t.type && next_field(&at, end, &f);)
        if (f.number == 1)
            dims_of(&t, &f);
    int64_t count = 1, have = 0; /* sequences and optionals look like tensors of odd sizes */
    for (int d = 0; d < t.shape.rank; d++)
        if (t.shape.dim[d] < 0 || __builtin_mul_overflow(count, t.shape.dim[d], &count) ||
            count > 1 << 26)
            return (backend_tensor){0};
    t.values = wick_new(arena, double, count);
    at = file.data;
    for (field f; t.type && next_field(&at, end, &f);) {
        if (f.number == 4 || f.number == 5 || f.number == 7 || f.number == 10 || f.number == 11)
            typed(&t, &f, count, &have);
        if (f.number == 9)
            for (; have < count && (size_t)((have + 1) * size_of(t.type)) <= f.len; have++)
                t.values[have] = number_of(
                    t.type, little_endian(f.data + have * size_of(t.type), size_of(t.type)));
    }
    return have == count ? t : (backend_tensor){0};
}

/* --- models --- */

/* The tensor as an initialiser of this name. */
static void put_constant(wick_buf *graph, const backend_tensor *t, const char *name) {
    const uint8_t *at = t->bytes, *end = t->bytes + t->len;
    wick_buf tensor = {0};
    for (field f; next_field(&at, end, &f);)
        if (f.number != 8)
            put_field(&tensor, &f);
    pb_text(&tensor, 8, name);
    pb_message(graph, 5, &tensor);
}

static bool adds_op(wick_arena *arena, backend_model *m, const char *op) {
    for (const char *at = m->ops; (at = strstr(at, op)); at++)
        if ((at == m->ops || at[-1] == ' ') && (at[strlen(op)] == ' ' || !at[strlen(op)]))
            return false;
    m->ops = wick_arena_printf(arena, "%s%s%s", m->ops, *m->ops ? " " : "", op);
    return true;
}

static wick_buf bind_graph(wick_arena *arena, const field *graph, const backend_tensor *inputs,
                           int n_tensors, int activation, int output, backend_model *m) {
    const uint8_t *at = graph->data, *end = graph->data + graph->len;
    wick_buf out = {0};
    for (field f; next_field(&at, end, &f);) {
        bool keep = true;
        if (f.number == 1 && f.wire == 2)
            adds_op(arena, m, text_in(arena, f.data, f.len, 4));
        if (f.number == 11 && f.wire == 2) {
            int k = m->n_inputs++;
            keep = k == activation;
            if (!keep && k < n_tensors && inputs[k].type)
                put_constant(&out, &inputs[k], text_in(arena, f.data, f.len, 1));
        }
        if (f.number == 12 && f.wire == 2)
            keep = m->n_outputs++ == output;
        if (keep)
            put_field(&out, &f);
    }
    if (activation < 0)
        onnx_value(&out, GRAPH_INPUT, "wick.nothing", 2, (int64_t[]){1, 1});
    return out;
}

backend_model backend_bind(wick_arena *arena, const char *path, const backend_tensor *inputs,
                           int n_tensors, int activation, int output) {
    backend_model m = {.ops = ""};
    wick_bytes file;
    if (wick_file_read(arena, path, 1 << 28, &file, NULL) != WICK_OK)
        return m;
    const uint8_t *at = file.data, *end = file.data + file.len;
    for (field f; next_field(&at, end, &f);) {
        if (f.number != 7 || f.wire != 2) {
            put_field(&m.bytes, &f);
            continue;
        }
        wick_buf graph = bind_graph(arena, &f, inputs, n_tensors, activation, output, &m);
        pb_message(&m.bytes, 7, &graph);
    }
    return m;
}
