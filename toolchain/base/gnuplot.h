/* Pictures by gnuplot, which is looked for when one is asked for. */
#ifndef WICK_GNUPLOT_H
#define WICK_GNUPLOT_H

#include "base/buf.h"
#include "base/diag.h"

#include <stdbool.h>

/* Appends the head of a script that draws to `path`, .svg or .png by its ending, in pixels. */
void wick_gnuplot_begin(wick_buf *script, const char *path, int width, int height);
/* Appends text as a quoted string; control characters become blanks. */
void wick_gnuplot_quote(wick_buf *script, const char *text);
/* True for names that wick_gnuplot_begin draws to. */
bool wick_gnuplot_draws(const char *path);

/* Before any work: whether gnuplot is there (NOT_FOUND) and `path` can be written (OUTPUT). */
wick_status wick_gnuplot_check(const char *path, wick_diag *diag);
/* Runs the script and puts the picture in place atomically. NOT_FOUND: gnuplot is not there; TOOL
   with its message; OUTPUT, IO. */
wick_status wick_gnuplot_run(const wick_buf *script, const char *path, wick_diag *diag);

#endif
