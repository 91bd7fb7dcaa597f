#include "helper_drawn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void assert_drawn(const wick_buf *script, const char *suffix, int width, int height) {
    char path[64];
    wick_buf whole = {0};
    if (!wick_process_exists("gnuplot"))
        return;
    snprintf(path, sizeof path, "/tmp/wick-drawn-XXXXXX%s", suffix);
    int file = mkstemps(path, (int)strlen(suffix));
    assert_true(file >= 0);
    close(file);
    wick_gnuplot_begin(&whole, path, width, height);
    wick_buf_append(&whole, script->data, script->len);
    assert_int_equal(wick_gnuplot_run(&whole, path, NULL), WICK_OK);
    unlink(path);
    wick_buf_free(&whole);
}
