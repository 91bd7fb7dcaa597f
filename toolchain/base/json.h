/* JSON through jansson, with checked access: every complaint names the file, the path of the field
 * and the legal range. */
#ifndef WICK_JSON_H
#define WICK_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Parses a file of at most 64 MiB (duplicate keys rejected). *root is owned by the caller
   (json_decref). SYNTAX names line and column. */
wick_status wick_json_load(const char *path, json_t **root, wick_diag *diag);
/* The text of `root`, appended: indented, keys in insertion order, newline at the end. False: it
   cannot be formatted. */
bool wick_json_text(const json_t *root, wick_buf *out);
/* Writes that text atomically. */
wick_status wick_json_save(const char *path, const json_t *root, wick_diag *diag);

/* A place in a document: carried along so that messages can say "nvm.write_nj_per_byte". */
typedef struct wick_json_at {
    const json_t *value;
    const char *file;
    const char *path; /* "" at the root */
    wick_diag *diag;
    wick_arena *arena; /* holds the paths and strings handed out */
} wick_json_at;

wick_json_at wick_json_root(const json_t *root, const char *file, wick_arena *arena,
                            wick_diag *diag);
/* Member of an object; MISSING when absent. Type is checked by the readers below, or by
 * wick_json_object/array. */
wick_status wick_json_get(wick_json_at at, const char *key, wick_json_at *member);
/* True when the member exists and is not null. */
int wick_json_has(wick_json_at at, const char *key);
wick_status wick_json_object(wick_json_at at, const char *key, wick_json_at *member);
wick_status wick_json_array(wick_json_at at, const char *key, wick_json_at *member, size_t *count);
wick_json_at wick_json_index(wick_json_at array, size_t index);
/* Number within [min, max] (finite); a number may also be {"value": x, "source": "..."}: the value
 * is taken. */
wick_status wick_json_number(wick_json_at at, const char *key, double min, double max, double *out);
wick_status wick_json_int(wick_json_at at, const char *key, int64_t min, int64_t max, int64_t *out);
wick_status wick_json_bool(wick_json_at at, const char *key, int *out);
/* String copied into the arena. */
wick_status wick_json_string(wick_json_at at, const char *key, const char **out);
/* UNKNOWN when the object has a key that is not in the NULL-terminated list `known`; keys that
   begin with "_" are comments. */
wick_status wick_json_only(wick_json_at at, const char *const *known);
/* A diagnostic at this place. */
wick_status wick_json_fail(wick_json_at at, wick_status status, const char *hint,
                           const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
