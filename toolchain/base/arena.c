#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, BLOCK_BYTES = 1 << 16 };

typedef struct block {
    struct block *next;
    size_t used, size; /* bytes after the header */
} block;

struct wick_arena {
    block *blocks;
    size_t used;
};

static _Noreturn void out_of_memory(size_t bytes) {
    fprintf(stderr, "wick: out of memory: %zu bytes more were wanted\n", bytes);
    exit(4);
}

static size_t round_up(size_t bytes) {
    if (bytes > SIZE_MAX - 4 * ALIGNMENT)
        out_of_memory(bytes);
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void *wick_try_alloc(size_t bytes) {
    if (bytes > SIZE_MAX - 4 * ALIGNMENT)
        return NULL;
    size_t size = round_up(bytes ? bytes : 1);
    void *memory = aligned_alloc(ALIGNMENT, size);
    if (memory)
        memset(memory, 0, size);
    return memory;
}

wick_arena *wick_arena_new(void) {
    return wick_xalloc(sizeof(wick_arena));
}

void wick_arena_free(wick_arena *arena) {
    if (!arena)
        return;
    for (block *b = arena->blocks; b;) {
        block *next = b->next;
        free(b);
        b = next;
    }
    free(arena);
}

void *wick_arena_alloc(wick_arena *arena, size_t bytes) {
    size_t want = round_up(bytes ? bytes : 1);
    block *head = arena->blocks;
    if (!head || head->size - head->used < want) {
        size_t size = want > BLOCK_BYTES ? want : BLOCK_BYTES;
        block *fresh = wick_try_alloc(ALIGNMENT + size);
        if (!fresh)
            out_of_memory(size);
        fresh->size = size;
        /* A block made for one large request is full at once: keep filling the old one. */
        if (head && want > BLOCK_BYTES / 2) {
            fresh->next = head->next;
            head->next = fresh;
        } else {
            fresh->next = head;
            arena->blocks = fresh;
        }
        head = fresh;
    }
    void *memory = (char *)head + ALIGNMENT + head->used;
    head->used += want;
    arena->used += want;
    return memory;
}

char *wick_arena_strdup(wick_arena *arena, const char *text) {
    if (!text)
        return NULL;
    size_t len = strlen(text) + 1;
    return memcpy(wick_arena_alloc(arena, len), text, len);
}

char *wick_arena_printf(wick_arena *arena, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = wick_arena_alloc(arena, len < 0 ? 1 : (size_t)len + 1);
    if (len >= 0)
        vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}

size_t wick_arena_used(const wick_arena *arena) {
    return arena->used;
}

size_t wick_size_mul(size_t a, size_t b) {
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        out_of_memory(SIZE_MAX);
    return product;
}

void *wick_xalloc(size_t bytes) {
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory)
        out_of_memory(bytes);
    return memory;
}

void *wick_xrealloc(void *old, size_t bytes) {
    void *memory = realloc(old, bytes ? bytes : 1);
    if (!memory)
        out_of_memory(bytes);
    return memory;
}

char *wick_xstrdup(const char *text) {
    size_t len = strlen(text) + 1;
    return memcpy(wick_xalloc(len), text, len);
}
