/* The folder as a whole: its files in memory, stamps, then all of it put in place at once. */
#include "emit/emit_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

wick_emit_options wick_emit_defaults(void) {
    return (wick_emit_options){.vectors = 4, .command = ""};
}

wick_buf *wick_emit_file_new(wick_emit *emit, const char *name) {
    assert(emit->n_files < WICK_EMIT_MAX_FILES);
    wick_emit_file *file = &emit->files[emit->n_files++];
    file->name = wick_arena_strdup(emit->arena, name);
    return &file->text;
}

const char *wick_emit_plain(const wick_emit *emit, const char *text) {
    wick_buf buf = {0};
    wick_buf_comment(&buf, text ? text : "");
    char *copy = wick_arena_strdup(emit->arena, buf.len ? buf.data : "");
    wick_buf_free(&buf);
    return copy;
}

const char *wick_emit_literal(const wick_emit *emit, const char *text) {
    wick_buf buf = {0};
    wick_buf_puts(&buf, "\"");
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\' || *p == '?')
            wick_buf_printf(&buf, "\\%c", *p);
        else if (*p < ' ' || *p > '~')
            wick_buf_printf(&buf, "\\%03o", *p);
        else
            wick_buf_printf(&buf, "%c", *p);
    }
    wick_buf_puts(&buf, "\"");
    char *literal = wick_arena_strdup(emit->arena, buf.data);
    wick_buf_free(&buf);
    return literal;
}

void wick_emit_stamp(const wick_emit *emit, wick_buf *buf, const char *prefix) {
    const wick_plan *plan = emit->plan;
    wick_buf_printf(buf, "%sMade by wick %s; changes are lost when it is made again.\n", prefix,
                    wick_version());
    if (emit->options->command && emit->options->command[0])
        wick_buf_printf(buf, "%scommand: %s\n", prefix,
                        wick_emit_plain(emit, emit->options->command));
    wick_buf_printf(buf, "%smodel:   sha256 %s\n", prefix, plan->net->hash.hex);
    wick_buf_printf(buf, "%splan:    sha256 %s, for %s\n", prefix, plan->hash.hex,
                    wick_emit_plain(emit, plan->device->name));
}

void wick_emit_c_stamp(const wick_emit *emit, wick_buf *buf, const char *what) {
    wick_buf_printf(buf, "/* SPDX-License-Identifier: 0BSD */\n/* %s\n", what);
    wick_emit_stamp(emit, buf, "   ");
    wick_buf_puts(buf, " */\n");
}

/* Appends one number; breaks the line before column 100. */
static void put_number(wick_buf *buf, size_t *line, int32_t value) {
    char text[24];
    int len = value == INT32_MIN ? snprintf(text, sizeof text, "(-2147483647 - 1),")
                                 : snprintf(text, sizeof text, "%d,", (int)value);
    if (*line + (size_t)len > 100) {
        wick_buf_puts(buf, "\n");
        *line = 0;
    }
    wick_buf_append(buf, text, (size_t)len);
    *line += (size_t)len;
}

void wick_emit_s8(wick_buf *buf, const int8_t *values, int64_t n) {
    size_t line = 0;
    for (int64_t i = 0; i < n; i++)
        put_number(buf, &line, values[i]);
    wick_buf_puts(buf, "\n");
}

void wick_emit_u8(wick_buf *buf, const uint8_t *values, int64_t n) {
    size_t line = 0;
    for (int64_t i = 0; i < n; i++)
        put_number(buf, &line, values[i]);
    wick_buf_puts(buf, "\n");
}

void wick_emit_s32(wick_buf *buf, const int32_t *values, int64_t n) {
    size_t line = 0;
    for (int64_t i = 0; i < n; i++)
        put_number(buf, &line, values[i]);
    wick_buf_puts(buf, "\n");
}

void wick_emit_u32(wick_buf *buf, const uint32_t *values, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        wick_buf_printf(buf, "0x%08x,%s", values[i], i % 8 == 7 || i + 1 == n ? "\n" : " ");
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const wick_emit_file *)a)->name, ((const wick_emit_file *)b)->name);
}

void wick_emit_manifest(wick_emit *emit) {
    const wick_plan *plan = emit->plan;
    json_t *modules = json_array(), *files = json_array();
    for (int s = 0; s < plan->n_segments; s++)
        json_array_append_new(
            modules, json_pack("{s:s,s:i,s:I,s:I,s:i}", "name", plan->segments[s].name, "spans",
                               plan->segments[s].n_spans, "energy_nj_modelled",
                               (json_int_t)plan->model.segments[s].energy_nj, "time_us_modelled",
                               (json_int_t)plan->model.segments[s].time_us, "accuracy_permille",
                               (int)plan->model.segments[s].accuracy_permille));
    qsort(emit->files, (size_t)emit->n_files, sizeof *emit->files, by_name);
    for (int i = 0; i < emit->n_files; i++) {
        const wick_emit_file *file = &emit->files[i];
        json_array_append_new(files,
                              json_pack("{s:s,s:I,s:s}", "name", file->name, "bytes",
                                        (json_int_t)file->text.len, "sha256",
                                        wick_hash_bytes(file->text.data, file->text.len).hex));
    }
    json_t *memory = json_pack(
        "{s:I,s:I,s:I,s:I,s:I}", "ram_bytes", (json_int_t)plan->totals.ram_bytes, "scratch_bytes",
        (json_int_t)plan->totals.scratch_bytes, "nvm_bytes", (json_int_t)plan->totals.nvm_bytes,
        "constants_bytes", (json_int_t)plan->totals.constants_bytes, "code_bytes_estimated",
        (json_int_t)plan->totals.code_bytes);
    const char *model = plan->model_path ? wick_path_base(plan->model_path) : "";
    json_t *root = json_pack(
        "{s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:o,s:o,s:o}", "wick_firmware", 1, "wick",
        wick_version(), "command", emit->options->command ? emit->options->command : "", "id",
        wick_arena_printf(emit->arena, "%08x%08x", plan->model.id[0], plan->model.id[1]), "model",
        model, "model_sha256", plan->net->hash.hex, "plan_sha256", plan->hash.hex, "device",
        plan->device->name, "vectors", emit->options->vectors, "memory", memory, "modules", modules,
        "files", files);
    char *text = json_dumps(root, JSON_INDENT(2));
    json_decref(root);
    wick_buf *buf = wick_emit_file_new(emit, "manifest.json");
    wick_buf_puts(buf, text ? text : "");
    wick_buf_puts(buf, "\n");
    free(text);
}

static wick_status write_files(const wick_emit *emit, const char *folder) {
    static const char *const folders[] = {"include/wick", "wick", "host", "port", "image"};
    size_t n = WICK_LEN(folders) - (emit->plan->device->nvm.page_bytes > 0); /* no image slots */
    for (size_t i = 0; i < n; i++)
        WICK_TRY(wick_dir_make(wick_path_join(emit->arena, folder, folders[i]), emit->diag));
    for (int i = 0; i < emit->n_files; i++) {
        const wick_emit_file *file = &emit->files[i];
        WICK_TRY(wick_file_write(wick_path_join(emit->arena, folder, file->name), file->text.data,
                                 file->text.len, emit->diag));
    }
    return WICK_OK;
}

static wick_status generate(wick_emit *emit) {
    wick_emit_model(emit);
    wick_emit_weights(emit);
    WICK_TRY(wick_emit_vectors(emit));
    WICK_TRY(wick_emit_runtime(emit));
    wick_emit_build(emit);
    wick_emit_readme(emit);
    wick_emit_manifest(emit);
    return WICK_OK;
}

wick_status wick_emit_write(const wick_plan *plan, const wick_data *data,
                            const wick_emit_options *options, const char *dir, wick_diag *diag) {
    wick_emit emit = {
        .plan = plan, .data = data, .options = options, .arena = wick_arena_new(), .diag = diag};
    char *temporary = NULL;
    wick_status status = generate(&emit);
    if (status == WICK_OK)
        status = wick_dir_begin(dir, "manifest.json", &temporary, diag);
    if (status == WICK_OK)
        status = write_files(&emit, temporary);
    if (status == WICK_OK)
        status = wick_dir_commit(dir, temporary, diag);
    else
        wick_dir_abort(temporary);
    for (int i = 0; i < emit.n_files; i++)
        wick_buf_free(&emit.files[i].text);
    wick_arena_free(emit.arena);
    return status;
}
