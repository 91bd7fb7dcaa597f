#include "base/json.h"
#include "base/base.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_JSON_BYTES = 64 << 20 };

/* What a parser says of another kind of file, or of the end of one, helps nobody. */
static wick_status refuse(const char *path, wick_bytes bytes, const json_error_t *error,
                          wick_diag *diag) {
    char place[64];
    size_t first = 0;
    while (first < bytes.len && strchr(" \t\r\n", bytes.data[first]) && bytes.data[first])
        first++;
    if (first == bytes.len)
        return wick_fail(diag, WICK_TRUNCATED, path, NULL, "make it again", "the file is empty");
    if (bytes.data[first] != '{' && bytes.data[first] != '[')
        return wick_fail(diag, WICK_SYNTAX, path, NULL,
                         "give a JSON file: a plan, policy, profile or result, not a model",
                         "this is no JSON document");
    snprintf(place, sizeof place, "line %d, column %d", error->line, error->column);
    bool ends = json_error_code(error) == json_error_premature_end_of_input;
    return wick_fail(diag, WICK_SYNTAX, path, place, ends ? "it is cut off: make it again" : NULL,
                     "%s", error->text);
}

wick_status wick_json_load(const char *path, json_t **root, wick_diag *diag) {
    *root = NULL;
    wick_arena *arena = wick_arena_new();
    wick_bytes bytes;
    wick_status status = wick_file_read(arena, path, MAX_JSON_BYTES, &bytes, diag);
    static const char mark[] = "\xef\xbb\xbf"; /* some editors begin UTF-8 with it */
    size_t marked = strlen(mark);
    if (status == WICK_OK && bytes.len >= marked && !memcmp(bytes.data, mark, marked)) {
        bytes.data += marked;
        bytes.len -= marked;
    }
    if (status == WICK_OK) {
        json_error_t error;
        *root = json_loadb((const char *)bytes.data, bytes.len, JSON_REJECT_DUPLICATES, &error);
        if (!*root)
            status = refuse(path, bytes, &error, diag);
    }
    wick_arena_free(arena);
    return status;
}

bool wick_json_text(const json_t *root, wick_buf *out) {
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    if (!text)
        return false;
    wick_buf_puts(out, text);
    wick_buf_puts(out, "\n");
    free(text);
    return true;
}

wick_status wick_json_save(const char *path, const json_t *root, wick_diag *diag) {
    wick_buf buf = {0};
    if (!wick_json_text(root, &buf))
        return wick_fail(diag, WICK_MEMORY, path, NULL, NULL, "cannot format the JSON document");
    wick_status status = wick_file_write(path, buf.data, buf.len, diag);
    wick_buf_free(&buf);
    return status;
}

wick_json_at wick_json_root(const json_t *root, const char *file, wick_arena *arena,
                            wick_diag *diag) {
    return (wick_json_at){.value = root, .file = file, .path = "", .diag = diag, .arena = arena};
}

wick_status wick_json_fail(wick_json_at at, wick_status status, const char *hint,
                           const char *format, ...) {
    char reason[512];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return wick_fail(at.diag, status, at.file, at.path, hint, "%s", reason);
}

static wick_json_at member_at(wick_json_at at, const char *key) {
    wick_json_at member = at;
    member.path = wick_arena_printf(at.arena, at.path[0] ? "%s.%s" : "%s%s", at.path, key);
    member.value = json_object_get(at.value, key);
    return member;
}

wick_status wick_json_get(wick_json_at at, const char *key, wick_json_at *member) {
    if (!json_is_object(at.value))
        return wick_json_fail(at, WICK_SYNTAX, NULL, "must be an object");
    *member = member_at(at, key);
    if (!member->value)
        return wick_json_fail(*member, WICK_MISSING, "add it", "this field is missing");
    return WICK_OK;
}

int wick_json_has(wick_json_at at, const char *key) {
    const json_t *value = json_object_get(at.value, key);
    return value && !json_is_null(value);
}

wick_status wick_json_object(wick_json_at at, const char *key, wick_json_at *member) {
    WICK_TRY(wick_json_get(at, key, member));
    if (!json_is_object(member->value))
        return wick_json_fail(*member, WICK_SYNTAX, NULL, "must be an object");
    return WICK_OK;
}

wick_status wick_json_array(wick_json_at at, const char *key, wick_json_at *member, size_t *count) {
    WICK_TRY(wick_json_get(at, key, member));
    if (!json_is_array(member->value))
        return wick_json_fail(*member, WICK_SYNTAX, NULL, "must be an array");
    *count = json_array_size(member->value);
    return WICK_OK;
}

wick_json_at wick_json_index(wick_json_at array, size_t index) {
    wick_json_at element = array;
    element.path = wick_arena_printf(array.arena, "%s[%zu]", array.path, index);
    element.value = json_array_get(array.value, index);
    return element;
}

wick_status wick_json_number(wick_json_at at, const char *key, double min, double max,
                             double *out) {
    wick_json_at member;
    WICK_TRY(wick_json_get(at, key, &member));
    const json_t *value = member.value;
    if (json_is_object(value))
        value = json_object_get(value, "value");
    if (!json_is_number(value))
        return wick_json_fail(member, WICK_SYNTAX, "write a number, without quotes",
                              "must be a number");
    double number = json_number_value(value);
    if (!isfinite(number) || number < min || number > max)
        return wick_json_fail(member, WICK_RANGE,
                              "correct the number; its unit is the end of the field's name",
                              "%g is not within %g to %g", number, min, max);
    *out = number;
    return WICK_OK;
}

wick_status wick_json_int(wick_json_at at, const char *key, int64_t min, int64_t max,
                          int64_t *out) {
    wick_json_at member;
    WICK_TRY(wick_json_get(at, key, &member));
    const json_t *value = member.value;
    if (json_is_object(value))
        value = json_object_get(value, "value");
    if (!json_is_integer(value))
        return wick_json_fail(member, WICK_SYNTAX, "write a whole number, without quotes",
                              "must be a whole number");
    json_int_t number = json_integer_value(value);
    if (number < min || number > max)
        return wick_json_fail(member, WICK_RANGE, "correct the number",
                              "%lld is not within %lld to %lld", (long long)number, (long long)min,
                              (long long)max);
    *out = number;
    return WICK_OK;
}

wick_status wick_json_bool(wick_json_at at, const char *key, int *out) {
    wick_json_at member;
    WICK_TRY(wick_json_get(at, key, &member));
    if (!json_is_boolean(member.value))
        return wick_json_fail(member, WICK_SYNTAX, NULL, "must be true or false");
    *out = json_is_true(member.value);
    return WICK_OK;
}

wick_status wick_json_string(wick_json_at at, const char *key, const char **out) {
    wick_json_at member;
    WICK_TRY(wick_json_get(at, key, &member));
    if (!json_is_string(member.value))
        return wick_json_fail(member, WICK_SYNTAX, NULL, "must be a string");
    *out = wick_arena_strdup(at.arena, json_string_value(member.value));
    return WICK_OK;
}

wick_status wick_json_only(wick_json_at at, const char *const *known) {
    if (!json_is_object(at.value))
        return wick_json_fail(at, WICK_SYNTAX, NULL, "must be an object");
    const char *key;
    json_t *value;
    wick_buf hint = {0};
    wick_status status = WICK_OK;
    json_object_foreach((json_t *)(uintptr_t)at.value, key, value) {
        bool found = key[0] == '_';
        for (size_t i = 0; known[i] && !found; i++)
            found = !strcmp(known[i], key);
        if (found)
            continue;
        wick_buf_puts(&hint, "known fields:");
        for (size_t i = 0; known[i]; i++)
            wick_buf_printf(&hint, " %s", known[i]);
        status =
            wick_json_fail(member_at(at, key), WICK_UNKNOWN, hint.data, "this field is not known");
        break;
    }
    wick_buf_free(&hint);
    return status;
}
