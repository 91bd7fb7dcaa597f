/* Arena: memory that lives as long as a graph, a plan or a data set, freed at once.
   Out of memory: wick_arena_alloc, wick_new and wick_xalloc report the size wanted and end the
   program with exit status 4; outputs are written to temporary files first, so nothing half-written
   is left. Sizes that come from untrusted input or grow with data sets go through wick_try_alloc,
   which returns NULL and is checked. */
#ifndef WICK_ARENA_H
#define WICK_ARENA_H

#include <stddef.h>

typedef struct wick_arena wick_arena;

/* New, empty arena; free with wick_arena_free. */
wick_arena *wick_arena_new(void);
/* Frees the arena and everything allocated from it. NULL is allowed. */
void wick_arena_free(wick_arena *arena);
/* `bytes` zeroed bytes aligned to 64; never NULL, even for 0 bytes. */
void *wick_arena_alloc(wick_arena *arena, size_t bytes);
/* Copies a string (NULL gives NULL). */
char *wick_arena_strdup(wick_arena *arena, const char *text);
/* printf into the arena. */
char *wick_arena_printf(wick_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Total bytes handed out. */
size_t wick_arena_used(const wick_arena *arena);

#define wick_new(arena, type, count)                                                               \
    ((type *)wick_arena_alloc((arena), wick_size_mul((size_t)(count), sizeof(type))))

/* a * b; ends the program (status 4) on overflow. */
size_t wick_size_mul(size_t a, size_t b);
/* Zeroed heap memory, never NULL; release with free. */
void *wick_xalloc(size_t bytes);
void *wick_xrealloc(void *old, size_t bytes);
char *wick_xstrdup(const char *text);
/* Zeroed heap memory aligned to 64 bytes or NULL; release with free. */
void *wick_try_alloc(size_t bytes);

#endif
