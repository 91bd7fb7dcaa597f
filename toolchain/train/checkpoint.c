#include "train/checkpoint.h"
#include "train/optimiser.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char magic[8] = {'W', 'I', 'C', 'K', 'T', 'R', 'N', 3};
enum { HEAD_BYTES = 16, HASH_BYTES = 32, MAX_NAME = 4096 };
static const size_t MAX_FILE_BYTES = (size_t)64 << 30;

/* --- writing -----------------------------------------------------------------------------------*/

static void put_u64(wick_buf *buf, uint64_t value) {
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> 8 * i);
    wick_buf_append(buf, bytes, 8);
}

static void put_u32(wick_buf *buf, uint32_t value) {
    unsigned char bytes[4];
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(value >> 8 * i);
    wick_buf_append(buf, bytes, 4);
}

static void put_f64(wick_buf *buf, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_u64(buf, bits);
}

static void put_text(wick_buf *buf, const char *text) {
    size_t len = strlen(text);
    put_u32(buf, (uint32_t)len);
    wick_buf_append(buf, text, len);
}

/* Floats go as the machine has them: the backend's description, which names the processor, is part
   of the identity and keeps other machines out. */
static void put_array(wick_buf *buf, const char *name, const float *data, size_t count) {
    put_text(buf, name);
    put_u64(buf, count);
    wick_buf_append(buf, data, count * sizeof *data);
}

static bool is_state(const wick_tensor *tensor) {
    return tensor->data && tensor->dtype == WICK_F32;
}

static void put_constants(wick_buf *buf, const wick_graph *graph) {
    uint32_t count = 0;
    for (int t = 0; t < graph->n_tensors; t++)
        count += is_state(&graph->tensors[t]);
    put_u32(buf, count);
    for (int t = 0; t < graph->n_tensors; t++) {
        const wick_tensor *tensor = &graph->tensors[t];
        if (is_state(tensor))
            put_array(buf, tensor->name, tensor->data, (size_t)wick_shape_count(tensor->shape));
    }
}

static size_t slot_count(const wick_stage *stage, int s) {
    return (size_t)wick_shape_count(stage->graph->tensors[stage->slots[s].param->tensor].shape);
}

/* The optimiser's arrays of a slot, each under the parameter's name and a suffix. */
enum { SLOT_STATES = 4 };
static float *slot_state(const wick_slot *slot, int i) {
    float *const states[SLOT_STATES] = {slot->momentum, slot->second, slot->average, slot->master};
    return states[i];
}
static const char *const state_suffix[SLOT_STATES] = {"", "#second", "#average", "#master"};

static wick_status put_slot(wick_buf *buf, wick_stage *stage, int s, int state, wick_diag *diag) {
    const wick_slot *slot = &stage->slots[s];
    size_t n = slot_count(stage, s);
    float *plain = wick_xalloc(wick_size_mul(n, sizeof *plain));
    wick_status status =
        wick_program_plain(stage->program, s, slot_state(slot, state), plain, diag);
    wick_buf name = {0};
    wick_buf_printf(&name, "%s%s", slot->param->name, state_suffix[state]);
    put_array(buf, name.data, plain, n);
    wick_buf_free(&name);
    free(plain);
    return status;
}

static wick_status put_states(wick_buf *buf, wick_stage *stage, wick_diag *diag) {
    uint32_t count = 0;
    for (int s = 0; s < stage->n_slots; s++)
        for (int i = 0; i < SLOT_STATES; i++)
            count += slot_state(&stage->slots[s], i) != NULL;
    put_u32(buf, count);
    wick_status status = WICK_OK;
    for (int s = 0; s < stage->n_slots; s++)
        for (int i = 0; i < SLOT_STATES && status == WICK_OK; i++)
            if (slot_state(&stage->slots[s], i))
                status = put_slot(buf, stage, s, i, diag);
    return status;
}

wick_status wick_checkpoint_write(const char *path, const wick_identity *identity,
                                  const wick_position *position, wick_stage *stage,
                                  const wick_graph *best, wick_diag *diag) {
    wick_buf buf = {0};
    wick_buf_append(&buf, magic, sizeof magic);
    put_u64(&buf, 0); /* payload bytes, below */
    wick_buf_append(&buf, identity->options.bytes, HASH_BYTES);
    wick_buf_append(&buf, identity->data.bytes, HASH_BYTES);
    wick_buf_append(&buf, identity->graph.bytes, HASH_BYTES);
    put_text(&buf, identity->backend);
    put_u32(&buf, (uint32_t)identity->ranks);
    put_u32(&buf, (uint32_t)position->stage);
    put_u32(&buf, (uint32_t)position->epochs_done);
    put_f64(&buf, position->seconds);
    put_u64(&buf, (uint64_t)position->run_id);
    for (int k = 0; k < WICK_MAX_HEADS; k++) {
        put_f64(&buf, position->best_validation[k]);
        put_u32(&buf, (uint32_t)position->best_epoch[k]);
        put_f64(&buf, position->best_score[k]);
    }
    put_constants(&buf, stage->graph);
    wick_status status = put_states(&buf, stage, diag);
    put_constants(&buf, best);
    uint64_t payload = buf.len - HEAD_BYTES;
    for (int i = 0; i < 8; i++)
        buf.data[8 + i] = (char)(unsigned char)(payload >> 8 * i);
    wick_hash hash = wick_hash_bytes(buf.data, buf.len);
    wick_buf_append(&buf, hash.bytes, HASH_BYTES);
    if (status == WICK_OK)
        status = wick_file_write(path, buf.data, buf.len, diag);
    wick_buf_free(&buf);
    return status;
}

/* --- reading -----------------------------------------------------------------------------------*/

typedef struct saved_array {
    const char *name; /* in the arena */
    const uint8_t *data;
    size_t count;
} saved_array;

typedef struct saved_list {
    size_t n;
    saved_array *arrays;
} saved_list;

struct wick_checkpoint {
    wick_arena *arena;
    const char *path;
    wick_position position;
    wick_hash options, data, graph;
    const char *backend;
    int ranks;
    saved_list current, states, best;
};

/* The checksum was right, so a read past the end is a file that somebody built by hand: `bad` is
   looked at once at the end. */
typedef struct reader {
    wick_arena *arena;
    const uint8_t *at, *end;
    bool bad;
} reader;

static const uint8_t *take(reader *r, size_t bytes) {
    if (r->bad || (size_t)(r->end - r->at) < bytes) {
        r->bad = true;
        return NULL;
    }
    r->at += bytes;
    return r->at - bytes;
}

static uint64_t get_integer(reader *r, size_t bytes) {
    const uint8_t *from = take(r, bytes);
    uint64_t value = 0;
    for (size_t i = 0; from && i < bytes; i++)
        value |= (uint64_t)from[i] << 8 * i;
    return value;
}

static uint32_t get_u32(reader *r) {
    return (uint32_t)get_integer(r, 4);
}

static double get_f64(reader *r) {
    uint64_t bits = get_integer(r, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static const char *get_text(reader *r) {
    size_t len = get_u32(r);
    const uint8_t *from = len <= MAX_NAME ? take(r, len) : NULL;
    if (!from) {
        r->bad = true;
        return "";
    }
    char *text = wick_arena_alloc(r->arena, len + 1);
    memcpy(text, from, len);
    return text;
}

static wick_hash get_hash(reader *r) {
    wick_hash hash = {{0}, {0}};
    const uint8_t *from = take(r, HASH_BYTES);
    if (from)
        memcpy(hash.bytes, from, HASH_BYTES);
    return hash;
}

static saved_list get_arrays(reader *r) {
    saved_list list = {.n = get_u32(r)};
    if (list.n > (size_t)(r->end - r->at) / 12) /* each takes that many bytes at least */
        r->bad = true;
    if (r->bad)
        return (saved_list){0};
    list.arrays = wick_new(r->arena, saved_array, list.n);
    for (size_t i = 0; i < list.n && !r->bad; i++) {
        saved_array *array = &list.arrays[i];
        array->name = get_text(r);
        uint64_t count = get_integer(r, 8);
        if (count > (uint64_t)(r->end - r->at) / sizeof(float))
            r->bad = true;
        array->count = (size_t)count;
        array->data = r->bad ? NULL : take(r, array->count * sizeof(float));
    }
    return list;
}

static wick_status damaged(const char *path, wick_diag *diag) {
    return wick_fail(diag, WICK_SYNTAX, path, NULL, "remove it and start the training again",
                     "the training state is damaged");
}

static wick_status parse(wick_checkpoint *c, wick_bytes bytes, wick_diag *diag) {
    reader r = {.arena = c->arena,
                .at = bytes.data + HEAD_BYTES,
                .end = bytes.data + bytes.len - HASH_BYTES};
    c->options = get_hash(&r);
    c->data = get_hash(&r);
    c->graph = get_hash(&r);
    c->backend = get_text(&r);
    c->ranks = (int)get_u32(&r);
    wick_position *p = &c->position;
    p->stage = (int)get_u32(&r);
    p->epochs_done = (int)get_u32(&r);
    p->seconds = get_f64(&r);
    p->run_id = (int64_t)get_integer(&r, 8);
    for (int k = 0; k < WICK_MAX_HEADS; k++) {
        p->best_validation[k] = get_f64(&r);
        p->best_epoch[k] = (int)get_u32(&r);
        p->best_score[k] = get_f64(&r);
    }
    c->current = get_arrays(&r);
    c->states = get_arrays(&r);
    c->best = get_arrays(&r);
    if (r.bad || r.at != r.end || p->stage < 0 || p->stage > 1 || p->epochs_done < 0 ||
        c->ranks < 1)
        return damaged(c->path, diag);
    return WICK_OK;
}

/* Magic, length and checksum. */
static wick_status check_frame(const char *path, wick_bytes bytes, wick_diag *diag) {
    const char *again = "remove it and start the training again";
    if (bytes.len < HEAD_BYTES + HASH_BYTES)
        return wick_fail(diag, WICK_TRUNCATED, path, NULL, again, "only %zu bytes of it are there",
                         bytes.len);
    if (memcmp(bytes.data, magic, sizeof magic - 1))
        return wick_fail(diag, WICK_SYNTAX, path, NULL, again, "it is not a training state");
    if (bytes.data[7] != (uint8_t)magic[7])
        return wick_fail(
            diag, WICK_UNSUPPORTED, path, NULL, "go on with the version of wick that wrote it",
            "version %d of the training state, this program reads %d", bytes.data[7], magic[7]);
    uint64_t payload = 0;
    for (int i = 0; i < 8; i++)
        payload |= (uint64_t)bytes.data[8 + i] << 8 * i;
    size_t there = bytes.len - HEAD_BYTES - HASH_BYTES;
    if (there < payload)
        return wick_fail(diag, WICK_TRUNCATED, path, NULL, again,
                         "cut off: %zu of %llu bytes are there", there,
                         (unsigned long long)payload);
    size_t hashed = bytes.len - HASH_BYTES;
    wick_hash hash = wick_hash_bytes(bytes.data, hashed);
    if (there > payload || memcmp(hash.bytes, bytes.data + hashed, HASH_BYTES))
        return damaged(path, diag);
    return WICK_OK;
}

/* "oneDNN 2.6.3, 2 threads, avx512_core": other ranks have other shares of the processors, and
   other bits anyway. */
static bool same_but_threads(const char *a, const char *b) {
    size_t len = strcspn(a, ",");
    const char *a_end = strrchr(a, ','), *b_end = strrchr(b, ',');
    return len == strcspn(b, ",") && !memcmp(a, b, len) && a_end && b_end && !strcmp(a_end, b_end);
}

static wick_status check_identity(const wick_checkpoint *c, const wick_identity *identity,
                                  wick_diag *diag) {
    const struct {
        const uint8_t *saved, *now;
        const char *what;
    } hashes[] = {
        {c->options.bytes, identity->options.bytes, "other training options"},
        {c->data.bytes, identity->data.bytes, "other data"},
        {c->graph.bytes, identity->graph.bytes, "another network or other initial weights"},
    };
    for (size_t i = 0; i < WICK_LEN(hashes); i++)
        if (memcmp(hashes[i].saved, hashes[i].now, HASH_BYTES))
            return wick_fail(diag, WICK_MISMATCH, c->path, NULL,
                             "repeat the first command with --resume, or remove the file to start "
                             "again",
                             "this training state was made with %s", hashes[i].what);
    bool same = c->ranks == identity->ranks ? !strcmp(c->backend, identity->backend)
                                            : same_but_threads(c->backend, identity->backend);
    if (!same)
        return wick_fail(diag, WICK_MISMATCH, c->path, NULL,
                         "go on with the same library, processor type and --threads, or remove the "
                         "file to start again",
                         "this training state was made with %s; here is %s, which computes other "
                         "bits",
                         c->backend, identity->backend);
    return WICK_OK;
}

wick_status wick_checkpoint_read(const char *path, wick_arena *arena, wick_bytes *bytes,
                                 wick_diag *diag) {
    return wick_file_read(arena, path, MAX_FILE_BYTES, bytes, diag);
}

wick_status wick_checkpoint_open(const char *path, wick_arena *arena, wick_bytes bytes,
                                 const wick_identity *identity, wick_checkpoint **out,
                                 wick_diag *diag) {
    *out = NULL;
    wick_checkpoint *c = wick_new(arena, wick_checkpoint, 1);
    c->arena = arena;
    c->path = wick_arena_strdup(arena, path);
    wick_status status = check_frame(path, bytes, diag);
    if (status == WICK_OK)
        status = parse(c, bytes, diag);
    if (status == WICK_OK)
        status = check_identity(c, identity, diag);
    if (status == WICK_OK)
        *out = c;
    else
        wick_arena_free(arena);
    return status;
}

void wick_checkpoint_free(wick_checkpoint *checkpoint) {
    if (checkpoint)
        wick_arena_free(checkpoint->arena);
}

int wick_checkpoint_ranks(const wick_checkpoint *checkpoint) {
    return checkpoint->ranks;
}

wick_position wick_checkpoint_position(const wick_checkpoint *checkpoint) {
    return checkpoint->position;
}

/* --- applying ----------------------------------------------------------------------------------*/

/* The array `name` of exactly `count` floats into dst. */
static wick_status fetch(const wick_checkpoint *c, saved_list list, const char *name, size_t count,
                         float *dst, wick_diag *diag) {
    for (size_t i = 0; i < list.n; i++) {
        if (strcmp(list.arrays[i].name, name))
            continue;
        if (list.arrays[i].count != count)
            break;
        memcpy(dst, list.arrays[i].data, count * sizeof *dst);
        return WICK_OK;
    }
    return wick_fail(diag, WICK_MISMATCH, c->path, name, "remove it and start the training again",
                     "the training state holds no such array of %zu numbers", count);
}

static wick_status fetch_constants(const wick_checkpoint *c, saved_list list, wick_graph *graph,
                                   wick_diag *diag) {
    for (int t = 0; t < graph->n_tensors; t++) {
        const wick_tensor *tensor = &graph->tensors[t];
        if (is_state(tensor))
            WICK_TRY(fetch(c, list, tensor->name, (size_t)wick_shape_count(tensor->shape),
                           tensor->data, diag));
    }
    return WICK_OK;
}

wick_status wick_checkpoint_best(const wick_checkpoint *checkpoint, wick_graph *best,
                                 wick_diag *diag) {
    return fetch_constants(checkpoint, checkpoint->best, best, diag);
}

static wick_status fetch_slot(const wick_checkpoint *checkpoint, wick_stage *stage, int s,
                              int state, wick_diag *diag) {
    const wick_slot *slot = &stage->slots[s];
    size_t n = slot_count(stage, s);
    float *plain = wick_xalloc(wick_size_mul(n, sizeof *plain));
    wick_buf name = {0};
    wick_buf_printf(&name, "%s%s", slot->param->name, state_suffix[state]);
    wick_status status = fetch(checkpoint, checkpoint->states, name.data, n, plain, diag);
    if (status == WICK_OK)
        status = wick_program_unplain(stage->program, s, plain, slot_state(slot, state), diag);
    wick_buf_free(&name);
    free(plain);
    return status;
}

wick_status wick_checkpoint_apply(const wick_checkpoint *checkpoint, wick_stage *stage,
                                  wick_diag *diag) {
    WICK_TRY(fetch_constants(checkpoint, checkpoint->current, stage->graph, diag));
    WICK_TRY(wick_program_import(stage->program, stage->graph, diag));
    for (int s = 0; s < stage->n_slots; s++)
        for (int i = 0; i < SLOT_STATES; i++)
            if (slot_state(&stage->slots[s], i))
                WICK_TRY(fetch_slot(checkpoint, stage, s, i, diag));
    wick_optimiser_resume(stage);
    return WICK_OK;
}

/* --- identity of a graph -----------------------------------------------------------------------*/

/* What only some operators have, and nothing where they do not. */
static void put_rest(wick_buf *buf, const wick_attrs *a) {
    if (a->alpha != 0 || a->beta != 0)
        wick_buf_printf(buf, "f%a,%a:", (double)a->alpha, (double)a->beta);
    if (a->pad_value != 0 || a->pad_mode)
        wick_buf_printf(buf, "v%a,%d:", (double)a->pad_value, (int)a->pad_mode);
    for (int d = 0; d < WICK_MAX_RANK; d++)
        if (a->dims[d] || a->begin[d] || a->end[d] || a->step[d] > 1 || a->step[d] < 0)
            wick_buf_printf(buf, "%d=%lld,%lld,%lld,%lld:", d, (long long)a->dims[d],
                            (long long)a->begin[d], (long long)a->end[d], (long long)a->step[d]);
}

wick_hash wick_graph_identity(const wick_graph *graph) {
    wick_buf buf = {0};
    for (int t = 0; t < graph->n_tensors; t++) {
        const wick_tensor *tensor = &graph->tensors[t];
        put_text(&buf, tensor->name);
        put_u32(&buf, (uint32_t)tensor->dtype);
        put_u32(&buf, (uint32_t)tensor->shape.rank);
        for (int d = 0; d < tensor->shape.rank; d++)
            put_u64(&buf, (uint64_t)tensor->shape.dim[d]);
        if (tensor->data)
            wick_buf_append(&buf, tensor->data,
                            (size_t)wick_shape_count(tensor->shape) *
                                wick_dtype_bytes(tensor->dtype));
    }
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *node = &graph->nodes[n];
        const wick_attrs *a = &node->attrs;
        wick_buf_printf(
            &buf, "%d>%d %d,%d %d,%d %d,%d %d,%d,%d,%d g%d a%d %a %a %a %a %d:", (int)node->op,
            node->output, a->kernel[0], a->kernel[1], a->stride[0], a->stride[1], a->dilation[0],
            a->dilation[1], a->pad[0], a->pad[1], a->pad[2], a->pad[3], a->groups, a->axis,
            (double)a->epsilon, (double)a->momentum, (double)a->clip_min, (double)a->clip_max,
            a->count_include_pad);
        if (node->op == WICK_OP_PAD)
            wick_buf_printf(&buf, "p%d:", a->pad_channels);
        put_rest(&buf, a);
        for (int i = 0; i < node->n_inputs; i++)
            put_u32(&buf, (uint32_t)node->inputs[i]);
    }
    const wick_family *family = &graph->family;
    wick_buf_printf(&buf, "%d %d", graph->input, family->features);
    for (int k = 0; k < family->n_heads; k++)
        wick_buf_printf(&buf, " %d", family->heads[k]);
    for (int c = 0; c < family->n_channels; c++)
        wick_buf_printf(&buf, " %a %a", (double)family->mean[c], (double)family->std[c]);
    wick_hash hash = wick_hash_bytes(buf.data, buf.len);
    wick_buf_free(&buf);
    return hash;
}
