/* Tensor names: open addressing, FNV-1a, at most half full. */
#include "onnx_import.h"

#include <assert.h>
#include <string.h>

typedef struct slot {
    const char *name; /* NULL = free */
    uint64_t hash;
    int index;
} slot;

struct wick_onnx_names {
    size_t capacity, used; /* capacity is a power of two */
    slot *slots;
};

struct wick_onnx_names *wick_onnx_names_new(wick_arena *arena, size_t max_names) {
    struct wick_onnx_names *names = wick_new(arena, struct wick_onnx_names, 1);
    names->capacity = 16;
    while (names->capacity < 2 * max_names)
        names->capacity *= 2;
    names->slots = wick_new(arena, slot, names->capacity);
    return names;
}

static slot *locate(const struct wick_onnx_names *names, const char *name, uint64_t *hash) {
    uint64_t h = UINT64_C(14695981039346656037);
    for (const char *c = name; *c; c++)
        h = (h ^ (uint8_t)*c) * UINT64_C(1099511628211);
    *hash = h;
    size_t i = (size_t)(h ^ h >> 32) & (names->capacity - 1);
    while (names->slots[i].name &&
           (names->slots[i].hash != h || strcmp(names->slots[i].name, name) != 0))
        i = (i + 1) & (names->capacity - 1);
    return &names->slots[i];
}

int wick_onnx_names_find(const struct wick_onnx_names *names, const char *name) {
    uint64_t hash;
    const slot *s = locate(names, name, &hash);
    return s->name ? s->index : -1;
}

bool wick_onnx_names_add(struct wick_onnx_names *names, const char *name, int index) {
    uint64_t hash;
    slot *s = locate(names, name, &hash);
    if (s->name)
        return false;
    assert(names->used < names->capacity / 2);
    names->used++;
    *s = (slot){name, hash, index};
    return true;
}

const char *wick_onnx_metadata(const Onnx__ModelProto *model, const char *key) {
    for (size_t i = 0; i < model->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *p = model->metadata_props[i];
        if (p->key && !strcmp(p->key, key))
            return p->value ? p->value : "";
    }
    return NULL;
}
