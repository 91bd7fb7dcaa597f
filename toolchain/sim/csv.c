#include "sim/csv.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 256 << 20 };

wick_status csv_fail(const csv *c, wick_status status, const char *hint, const char *format, ...) {
    char place[32], reason[256];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    snprintf(place, sizeof place, "line %d", c->line);
    return wick_fail(c->diag, status, c->path, place, hint, "%s", reason);
}

/* Cuts a line into cells without blanks, or double quotes, around them. */
static int split(char *line, char **cells) {
    int n = 0;
    for (char *p = line; n < CSV_COLUMNS;) {
        p += strspn(p, " \t");
        cells[n++] = p;
        char *comma = strchr(p, ',');
        char *end = comma ? comma : p + strlen(p);
        while (end > p && strchr(" \t\r", end[-1]))
            end--;
        *end = '\0';
        if (*p == '"' && end > p + 1 && end[-1] == '"') {
            end[-1] = '\0';
            cells[n - 1] = p + 1;
        }
        if (!comma)
            break;
        p = comma + 1;
    }
    return n;
}

void csv_row(csv *c, char *cells[CSV_COLUMNS], int *n) {
    *n = 0;
    while (c->next && *c->next) {
        char *line = c->next, *end = strchr(line, '\n');
        c->next = end ? end + 1 : NULL;
        if (end)
            *end = '\0';
        c->line++;
        if (line[0] == '#' || !line[strspn(line, " \t\r")])
            continue;
        *n = split(line, cells);
        return;
    }
}

/* Lines of old Macs end in a carriage return alone. */
static void end_lines(char *text) {
    for (char *p = text; (p = strchr(p, '\r')) != NULL; p++)
        if (p[1] != '\n')
            *p = '\n';
}

wick_status csv_open_text(char *text, const char *path, csv *out, wick_diag *diag) {
    static const char mark[] = "\xef\xbb\xbf"; /* some programs begin UTF-8 with it */
    if (!strncmp(text, mark, strlen(mark)))
        text += strlen(mark);
    end_lines(text);
    *out = (csv){.path = path, .next = text, .diag = diag};
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        out->rows++;
    csv_row(out, out->names, &out->n_columns);
    if (out->n_columns == 0)
        return wick_fail(diag, WICK_TRUNCATED, path, NULL,
                         "the first line names the columns, such as time_s,power_uw",
                         "the file is empty");
    if (out->n_columns == 1 && strpbrk(out->names[0], ";\t"))
        return csv_fail(out, WICK_SYNTAX,
                        "put commas between the columns, and points before decimals",
                        "the columns are not separated by commas: '%.60s'", out->names[0]);
    return WICK_OK;
}

wick_status csv_open(wick_arena *arena, const char *path, csv *out, wick_diag *diag) {
    wick_bytes bytes;
    WICK_TRY(wick_file_read(arena, path, MAX_BYTES, &bytes, diag));
    if (memchr(bytes.data, '\0', bytes.len))
        return wick_fail(diag, WICK_SYNTAX, path, NULL, "give a CSV with a header",
                         "this is not a text file");
    return csv_open_text((char *)bytes.data, path, out, diag);
}

int csv_column(const csv *c, const char *name) {
    for (int i = 0; i < c->n_columns; i++)
        if (!strcmp(c->names[i], name))
            return i;
    return -1;
}

wick_status csv_number(const csv *c, char *const *cells, int n, int column, double min, double max,
                       double *out) {
    const char *name = c->names[column];
    for (int i = c->n_columns; i < n; i++)
        if (cells[i][0])
            return csv_fail(c, WICK_SHAPE, "points before decimals, and one value for each column",
                            "%d values for %d columns", n, c->n_columns);
    if (column >= n || !cells[column][0])
        return csv_fail(c, WICK_MISSING, "complete the line, or delete it",
                        "a value is missing: %.40s", name);
    char *end;
    *out = wick_strtod(cells[column], &end);
    if (end == cells[column] || *end || !isfinite(*out))
        return csv_fail(c, WICK_SYNTAX, "correct the value, or delete the line",
                        "%.40s is '%.40s', not a number", name, cells[column]);
    if (*out < 0 && min >= 0)
        return csv_fail(c, WICK_RANGE, "correct the file, or clip it at 0",
                        "%.40s is %g; it must not be negative", name, *out);
    if (*out < min || *out > max)
        return csv_fail(c, WICK_RANGE, "check the unit that the column's name says",
                        "%.40s is %g, which is not within %g to %g", name, *out, min, max);
    return WICK_OK;
}
