/* How results look on a terminal. */
#include "cli.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Columns on the screen: UTF-8 continuation bytes take none. */
static int screen_width(const char *text) {
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static bool looks_numeric(const char *text) {
    return isdigit((unsigned char)text[0]) ||
           ((text[0] == '-' || text[0] == '+') && isdigit((unsigned char)text[1]));
}

static bool column_is_numeric(const char *const *cells, int rows, int columns, int column) {
    bool any = false;
    for (int r = 1; r < rows; r++) {
        const char *cell = cells[r * columns + column];
        if (!cell || !cell[0] || !strcmp(cell, "-"))
            continue;
        if (!looks_numeric(cell))
            return false;
        any = true;
    }
    return any;
}

void cli_print_table(const char *const *cells, int rows, int columns) {
    /* mpirun lends its processes a terminal, whatever its own output goes to. */
    bool bold = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && !getenv("OMPI_COMM_WORLD_SIZE");
    for (int r = 0; r < rows; r++) {
        if (r == 0 && bold)
            fputs("\033[1m", stdout);
        for (int c = 0; c < columns; c++) {
            int width = 0;
            for (int i = 0; i < rows; i++) {
                const char *cell = cells[i * columns + c];
                int w = cell ? screen_width(cell) : 0;
                width = w > width ? w : width;
            }
            const char *cell = cells[r * columns + c] ? cells[r * columns + c] : "";
            int pad = width - screen_width(cell);
            bool right = column_is_numeric(cells, rows, columns, c);
            if (right)
                printf("%*s", pad, "");
            fputs(cell, stdout);
            if (!right && c + 1 < columns)
                printf("%*s", pad, "");
            if (c + 1 < columns)
                fputs("  ", stdout);
        }
        if (r == 0 && bold)
            fputs("\033[0m", stdout);
        putchar('\n');
    }
}

const char *cli_quoted(wick_arena *arena, const char *text) {
    if (text[0] && !strpbrk(text, " \t\n'\"\\$*?[]{}()<>|&;#~!`"))
        return text;
    wick_buf buf = {0};
    wick_buf_puts(&buf, "'");
    for (; *text; text++)
        wick_buf_printf(&buf, *text == '\'' ? "'\\''" : "%c", *text);
    wick_buf_puts(&buf, "'");
    char *quoted = wick_arena_strdup(arena, buf.data);
    wick_buf_free(&buf);
    return quoted;
}

char *cli_command_line(wick_arena *arena, int argc, char **argv) {
    wick_buf buf = {0};
    for (int i = 0; i < argc; i++)
        wick_buf_printf(&buf, "%s%s", i ? " " : "", i ? cli_quoted(arena, argv[i]) : argv[i]);
    char *text = wick_arena_strdup(arena, buf.data ? buf.data : "");
    wick_buf_free(&buf);
    return text;
}
