#include "base/gnuplot.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PICTURE_BYTES = 64 << 20 };

static bool ends_with(const char *text, const char *end) {
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && !strcmp(text + len - end_len, end);
}

bool wick_gnuplot_draws(const char *path) {
    return ends_with(path, ".svg") || ends_with(path, ".png");
}

void wick_gnuplot_begin(wick_buf *script, const char *path, int width, int height) {
    wick_buf_printf(script, "set terminal %s size %d,%d noenhanced\nset output 'plot'\nset grid\n",
                    ends_with(path, ".svg") ? "svg background 'white'" : "pngcairo", width, height);
}

void wick_gnuplot_quote(wick_buf *script, const char *text) {
    wick_buf_puts(script, "'");
    for (; *text; text++)
        wick_buf_printf(script, *text == '\'' ? "''" : "%c",
                        (unsigned char)*text < ' ' ? ' ' : *text);
    wick_buf_puts(script, "'");
}

static wick_status missing(wick_diag *diag) {
    return wick_fail(diag, WICK_NOT_FOUND, "gnuplot", NULL,
                     "install it (Debian: apt-get install gnuplot-nox)",
                     "the program that draws the curves is not there");
}

wick_status wick_gnuplot_check(const char *path, wick_diag *diag) {
    WICK_TRY(wick_file_check_output(path, diag));
    return wick_process_exists("gnuplot") ? WICK_OK : missing(diag);
}

static wick_status run_in(wick_arena *arena, const char *dir, const wick_buf *script,
                          const char *path, wick_diag *diag) {
    /* gnuplot has no option for its working folder; the shell has. */
    const char *const argv[] = {"sh", "-c", "cd \"$0\" && exec gnuplot script", dir, NULL};
    wick_process process = {.argv = argv, .timeout_s = 120};
    wick_bytes picture;
    WICK_TRY(
        wick_file_write(wick_path_join(arena, dir, "script"), script->data, script->len, diag));
    WICK_TRY(wick_process_run(&process, 1, 1, NULL, NULL, diag));
    wick_status status = WICK_OK;
    if (process.exit_status == 127)
        status = missing(diag);
    else if (process.exit_status != 0)
        status = wick_fail(diag, WICK_TOOL, "gnuplot", NULL, NULL, "%s",
                           process.errors.len ? process.errors.data : "it failed");
    wick_process_free(&process);
    if (status == WICK_OK)
        status = wick_file_read(arena, wick_path_join(arena, dir, "plot"), MAX_PICTURE_BYTES,
                                &picture, diag);
    if (status == WICK_OK)
        status = wick_file_write(path, picture.data, picture.len, diag);
    return status;
}

wick_status wick_gnuplot_run(const wick_buf *script, const char *path, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    const char *tmp = getenv("TMPDIR");
    char *dir = wick_arena_printf(arena, "%s/wick-plot-XXXXXX", tmp ? tmp : "/tmp");
    wick_status status;
    if (mkdtemp(dir)) {
        status = run_in(arena, dir, script, path, diag);
        wick_path_remove(dir);
    } else {
        status = wick_fail(diag, WICK_OUTPUT, dir, NULL, "set TMPDIR", "cannot make a folder: %s",
                           strerror(errno));
    }
    wick_arena_free(arena);
    return status;
}
