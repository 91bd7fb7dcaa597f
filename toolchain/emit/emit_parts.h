/* Inside of emit: the folder while it is made. */
#ifndef WICK_EMIT_PARTS_H
#define WICK_EMIT_PARTS_H

#include "emit/emit.h"
#include "weights/weights.h"

typedef struct wick_emit_file {
    const char *name; /* path within the folder */
    wick_buf text;
} wick_emit_file;

enum { WICK_EMIT_MAX_FILES = 128 };

typedef struct wick_emit {
    const wick_plan *plan;
    const wick_data *data; /* or NULL */
    const wick_emit_options *options;
    wick_arena *arena;
    wick_diag *diag;
    int n_files;
    wick_emit_file files[WICK_EMIT_MAX_FILES];
} wick_emit;

/* A new, empty file of the folder. */
wick_buf *wick_emit_file_new(wick_emit *emit, const char *name);
/* The front matter: what made this file, from what, under which licence; every line begins with
   `prefix`. */
void wick_emit_stamp(const wick_emit *emit, wick_buf *buf, const char *prefix);
/* The same as a C comment that begins with `what`. */
void wick_emit_c_stamp(const wick_emit *emit, wick_buf *buf, const char *what);
/* Text without what would end a comment or a line. */
const char *wick_emit_plain(const wick_emit *emit, const char *text);
/* A C string literal with its quotes. */
const char *wick_emit_literal(const wick_emit *emit, const char *text);
/* Comma-separated numbers, lines of at most 100 columns. */
void wick_emit_s8(wick_buf *buf, const int8_t *values, int64_t n);
void wick_emit_u8(wick_buf *buf, const uint8_t *values, int64_t n);
void wick_emit_u32(wick_buf *buf, const uint32_t *values, int64_t n);
void wick_emit_s32(wick_buf *buf, const int32_t *values, int64_t n);

void wick_emit_model(wick_emit *emit);          /* model.h, model_data.c, model_dispatch.c */
void wick_emit_weights(wick_emit *emit);        /* model_weights.h, model_weights.c */
wick_status wick_emit_vectors(wick_emit *emit); /* host/model_vectors.h, .c */
wick_status
wick_emit_runtime(wick_emit *emit); /* include/wick, wick, host/selftest.c, port, LICENSE */
void wick_emit_readme(wick_emit *emit);
void wick_emit_build(wick_emit *emit);    /* CMakeLists.txt */
void wick_emit_manifest(wick_emit *emit); /* last: lists the other files */

/* Constants that a layer has. */
int64_t wick_emit_weight_count(const wick_layer *layer);
int64_t wick_emit_multiplier_count(const wick_layer *layer);

#endif
