/* Diagnostics: what a user reads when something is wrong. Each names the place, the reason and the
 * way out. */
#ifndef WICK_DIAG_H
#define WICK_DIAG_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct wick_diag_item {
    wick_status status;
    char *file;   /* path as the user gave it, or NULL */
    char *place;  /* node, field, line: whatever locates the fault in the file, or NULL */
    char *reason; /* never NULL */
    char *hint;   /* what to do, or NULL */
} wick_diag_item;

/* A list of diagnostics. Zero-initialise, pass down, print once, free. A NULL wick_diag * is
   allowed everywhere below and drops the text. */
typedef struct wick_diag {
    wick_diag_item *items;
    size_t count;
} wick_diag;

/* Appends one diagnostic (all strings are copied) and returns `status`, so that `return
   wick_fail(...)` reads well. file, place and hint may be NULL. `format` and what follows give the
   reason, as printf. */
wick_status wick_fail(wick_diag *diag, wick_status status, const char *file, const char *place,
                      const char *hint, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* Appends the items of `from`, which becomes empty. */
void wick_diag_move(wick_diag *to, wick_diag *from);

/* Prints one line for each item as "wick: FILE: PLACE: REASON" with an indented "hint: ..." below,
   in colour when `stream` is a terminal and NO_COLOR is unset. */
void wick_diag_print(const wick_diag *diag, FILE *stream);

/* True when some item's reason, place, file or hint contains `text`: for tests. */
bool wick_diag_contains(const wick_diag *diag, const char *text);

/* Frees the items and makes the list empty. */
void wick_diag_free(wick_diag *diag);

/* Returns from the calling function with the status of `call` unless it is WICK_OK. */
#define WICK_TRY(call)                                                                             \
    do {                                                                                           \
        wick_status wick_try_status_ = (call);                                                     \
        if (wick_try_status_ != WICK_OK)                                                           \
            return wick_try_status_;                                                               \
    } while (0)

#endif
