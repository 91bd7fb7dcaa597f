/* Pictures made by gnuplot. */
#ifndef WICK_PLOT_H
#define WICK_PLOT_H

#include "base/base.h"

#include <stdbool.h>

/* ".svg" and ".png" are what can be made. */
bool cli_plot_can(const char *path);
/* Adds a text in single quotes; control characters (a name may hold any) become blanks. */
void cli_plot_quote(wick_buf *script, const char *text);
/* Before any work: whether gnuplot is there and `path` can be written. */
wick_status cli_plot_check(const char *path, wick_diag *diag);
/* Runs a script (without terminal and output) and writes the picture atomically. NOT_FOUND without
   gnuplot; TOOL with its words when it fails. */
wick_status cli_plot(const char *script, const char *path, int width, int height, wick_diag *diag);

#endif
