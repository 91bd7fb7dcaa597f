#include "report/html.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void html_text(wick_buf *out, const char *text) {
    for (; *text; text++)
        switch (*text) {
        case '&':
            wick_buf_puts(out, "&amp;");
            break;
        case '<':
            wick_buf_puts(out, "&lt;");
            break;
        case '>':
            wick_buf_puts(out, "&gt;");
            break;
        case '"':
            wick_buf_puts(out, "&quot;");
            break;
        default:
            wick_buf_append(out, text, 1);
        }
}

void html_textf(wick_buf *out, const char *format, ...) {
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    html_text(out, text);
}

void html_section(wick_buf *out, const char *id, const char *title) {
    wick_buf_printf(out, "<h2 id=\"%s\">", id);
    html_text(out, title);
    wick_buf_puts(out, "</h2>\n");
}

static void row(wick_buf *out, const char *const *cells, int n, int texts, const char *tag) {
    wick_buf_puts(out, "<tr>");
    for (int i = 0; i < n; i++) {
        wick_buf_printf(out, "<%s%s>", tag, i < texts ? "" : " class=\"n\"");
        html_text(out, cells[i] ? cells[i] : "");
        wick_buf_printf(out, "</%s>", tag);
    }
    wick_buf_puts(out, "</tr>\n");
}

void html_head(wick_buf *out, const char *const *cells, int n, int texts) {
    row(out, cells, n, texts, "th");
}

void html_row(wick_buf *out, const char *const *cells, int n, int texts) {
    row(out, cells, n, texts, "td");
}

const char *html_count(wick_arena *arena, int64_t n, const char *one, const char *many) {
    return wick_arena_printf(arena, "%lld %s", (long long)n, n == 1 ? one : many);
}

static void base64(wick_buf *out, const unsigned char *data, size_t len) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t word = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                        (left > 2 ? data[i + 2] : 0);
        char four[4] = {digits[word >> 18], digits[word >> 12 & 63],
                        left > 1 ? digits[word >> 6 & 63] : '=',
                        left > 2 ? digits[word & 63] : '='};
        wick_buf_append(out, four, 4);
    }
}

/* The picture as a data URL. */
static wick_status draw(wick_buf *url, const char *script, int width, int height, wick_diag *diag) {
    wick_buf input = {0};
    wick_buf_printf(&input,
                    "set encoding utf8\nset terminal svg size %d,%d dynamic noenhanced font "
                    "'sans-serif,12' background '#ffffff'\n"
                    "set border 3 lc rgb '#888888'\nset tics nomirror textcolor rgb '#333333'\n"
                    "set grid lc rgb '#e4e4e4' lt 1\nunset key\n%s\n",
                    width, height, script);
    static const char *const argv[] = {"gnuplot", NULL};
    wick_process process = {.argv = argv, .input = input.data, .timeout_s = 60};
    wick_status status = wick_process_run(&process, 1, 1, NULL, NULL, diag);
    if (status == WICK_OK && (process.exit_status != 0 || !process.output.len))
        status = wick_fail(diag, WICK_TOOL, "gnuplot", NULL, NULL, "the plot failed: %.400s",
                           process.errors.data ? process.errors.data : "no output");
    wick_buf_puts(url, "data:image/svg+xml;base64,");
    if (status == WICK_OK)
        base64(url, (const unsigned char *)process.output.data, process.output.len);
    wick_process_free(&process);
    wick_buf_free(&input);
    return status;
}

wick_status html_plot(wick_buf *out, const char *script, int width, int height, const char *caption,
                      wick_diag *diag) {
    return html_plot_twice(out, script, width, 0, height, caption, diag);
}

wick_status html_plot_twice(wick_buf *out, const char *script, int width, int narrow, int height,
                            const char *caption, wick_diag *diag) {
    wick_buf wide = {0}, small = {0};
    wick_status status = WICK_OK;
    wick_buf_puts(out, "<figure>");
    if (!wick_process_exists("gnuplot")) {
        wick_buf_puts(out, "<p class=\"note\">This plot is missing: gnuplot is not installed.</p>");
    } else {
        status = draw(&wide, script, width, height, diag);
        if (status == WICK_OK && narrow)
            status = draw(&small, script, narrow, height, diag);
        wick_buf_puts(out, "<picture>");
        if (narrow)
            wick_buf_printf(out,
                            "<source media=\"(max-width:40rem)\" width=\"%d\" height=\"%d\" "
                            "srcset=\"%s\">",
                            narrow, height, small.data ? small.data : "");
        wick_buf_printf(out, "<img width=\"%d\" height=\"%d\" alt=\"", width, height);
        html_text(out, caption);
        wick_buf_printf(out, "\" src=\"%s\"></picture>", wide.data);
    }
    wick_buf_free(&wide);
    wick_buf_free(&small);
    WICK_TRY(status);
    wick_buf_puts(out, "<figcaption>");
    html_text(out, caption);
    wick_buf_puts(out, "</figcaption></figure>\n");
    return WICK_OK;
}

void html_keys(wick_buf *out, const html_key *keys, int n) {
    if (!wick_process_exists("gnuplot"))
        return; /* there is no picture */
    wick_buf_puts(out, "<p class=\"keys\">");
    for (int i = 0; i < n; i++) {
        wick_buf_printf(out,
                        keys[i].boxed ? "<span><b class=\"box\" style=\"background:%s\">"
                                      : "<span><b style=\"color:%s\">",
                        keys[i].colour);
        html_text(out, keys[i].mark ? keys[i].mark : "■");
        wick_buf_puts(out, "</b> ");
        html_text(out, keys[i].meaning);
        wick_buf_puts(out, "</span> ");
    }
    wick_buf_puts(out, "</p>\n");
}

char *html_label(wick_arena *arena, const char *text) {
    char *label = wick_arena_strdup(arena, text);
    for (char *c = label; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
            *c = ' ';
    return label;
}

const char *html_colour(int module) {
    static const char *const colours[] = {"#6b7280", "#b91c1c", "#ea7317", "#15803d", "#1d4ed8",
                                          "#7c3aed", "#0e7490", "#a16207", "#be185d"};
    return colours[(size_t)module % WICK_LEN(colours)];
}
