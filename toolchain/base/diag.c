#include "base/diag.h"
#include "base/arena.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *copy_or_null(const char *text) {
    return text ? wick_xstrdup(text) : NULL;
}

wick_status wick_fail(wick_diag *diag, wick_status status, const char *file, const char *place,
                      const char *hint, const char *format, ...) {
    if (!diag)
        return status;
    va_list args;
    va_start(args, format);
    char reason[1024];
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    diag->items = wick_xrealloc(diag->items, (diag->count + 1) * sizeof *diag->items);
    diag->items[diag->count++] = (wick_diag_item){.status = status,
                                                  .file = copy_or_null(file),
                                                  .place = copy_or_null(place),
                                                  .reason = wick_xstrdup(reason),
                                                  .hint = copy_or_null(hint)};
    return status;
}

void wick_diag_move(wick_diag *to, wick_diag *from) {
    if (!to || from->count == 0) {
        wick_diag_free(from);
        return;
    }
    to->items = wick_xrealloc(to->items, (to->count + from->count) * sizeof *to->items);
    memcpy(to->items + to->count, from->items, from->count * sizeof *to->items);
    to->count += from->count;
    free(from->items);
    *from = (wick_diag){0};
}

void wick_diag_print(const wick_diag *diag, FILE *stream) {
    if (!diag)
        return;
    bool colour = isatty(fileno(stream)) && !getenv("NO_COLOR");
    const char *bold = colour ? "\033[1m" : "", *red = colour ? "\033[31m" : "";
    const char *end = colour ? "\033[0m" : "";
    for (size_t i = 0; i < diag->count; i++) {
        const wick_diag_item *item = &diag->items[i];
        fprintf(stream, "%swick: %s", red, end);
        if (item->file)
            fprintf(stream, "%s%s%s: ", bold, item->file, end);
        if (item->place && item->place[0])
            fprintf(stream, "%s: ", item->place);
        fprintf(stream, "%s\n", item->reason);
        if (item->hint)
            fprintf(stream, "      hint: %s\n", item->hint);
    }
}

static bool has(const char *text, const char *part) {
    return text && strstr(text, part) != NULL;
}

bool wick_diag_contains(const wick_diag *diag, const char *text) {
    for (size_t i = 0; i < diag->count; i++) {
        const wick_diag_item *item = &diag->items[i];
        if (has(item->reason, text) || has(item->place, text) || has(item->file, text) ||
            has(item->hint, text))
            return true;
    }
    return false;
}

void wick_diag_free(wick_diag *diag) {
    for (size_t i = 0; i < diag->count; i++) {
        free(diag->items[i].file);
        free(diag->items[i].place);
        free(diag->items[i].reason);
        free(diag->items[i].hint);
    }
    free(diag->items);
    *diag = (wick_diag){0};
}
