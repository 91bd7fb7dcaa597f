#include "plot.h"

#include <string.h>

enum { TIMEOUT_S = 120 };

static bool ends_with(const char *text, const char *end) {
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && !strcmp(text + len - end_len, end);
}

bool cli_plot_can(const char *path) {
    return ends_with(path, ".svg") || ends_with(path, ".png");
}

void cli_plot_quote(wick_buf *script, const char *text) {
    wick_buf_puts(script, "'");
    for (; *text; text++)
        wick_buf_printf(script, *text == '\'' ? "''" : "%c",
                        (unsigned char)*text < ' ' ? ' ' : *text);
    wick_buf_puts(script, "'");
}

wick_status cli_plot_check(const char *path, wick_diag *diag) {
    WICK_TRY(wick_file_check_output(path, diag));
    if (wick_process_exists("gnuplot"))
        return WICK_OK;
    return wick_fail(diag, WICK_NOT_FOUND, "gnuplot", NULL,
                     "install it (Debian: apt-get install gnuplot-nox)",
                     "the program that draws the curves is not there");
}

wick_status cli_plot(const char *script, const char *path, int width, int height, wick_diag *diag) {
    WICK_TRY(cli_plot_check(path, diag));
    wick_buf input = {0};
    wick_buf_printf(&input, "set encoding utf8\nset terminal %s size %d,%d noenhanced\n%s\n",
                    ends_with(path, ".svg") ? "svg background 'white'" : "pngcairo", width, height,
                    script);
    static const char *const argv[] = {"gnuplot", NULL};
    wick_process process = {.argv = argv, .input = input.data, .timeout_s = TIMEOUT_S};
    wick_status status = wick_process_run(&process, 1, 1, NULL, NULL, diag);
    if (status == WICK_OK && (process.exit_status != 0 || !process.output.len))
        status = wick_fail(diag, WICK_TOOL, "gnuplot", NULL, NULL, "%.400s",
                           process.errors.len ? process.errors.data : "it failed");
    if (status == WICK_OK)
        status = wick_file_write(path, process.output.data, process.output.len, diag);
    wick_process_free(&process);
    wick_buf_free(&input);
    return status;
}
