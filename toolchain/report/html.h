/* HTML pieces: escaped text, tables, plots made by gnuplot and embedded as images. Internal to
 * toolchain/report. */
#ifndef WICK_HTML_H
#define WICK_HTML_H

#include "base/base.h"

/* Appends text with &, <, > and quotes escaped. */
void html_text(wick_buf *out, const char *text);
/* printf, then html_text. */
void html_textf(wick_buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* <h2 id=...>title</h2> */
void html_section(wick_buf *out, const char *id, const char *title);
/* A table's head and its rows: the first `texts` of n columns are text, the others numbers, which
   stand to the right in both. */
void html_head(wick_buf *out, const char *const *cells, int n, int texts);
void html_row(wick_buf *out, const char *const *cells, int n, int texts);
/* "1 boot", "2 boots"; in `arena`. */
const char *html_count(wick_arena *arena, int64_t n, const char *one, const char *many);
/* Runs a gnuplot script (without terminal lines) and embeds the SVG as <figure> with a caption;
   without gnuplot a sentence says what is missing. TOOL when gnuplot refuses the script. */
wick_status html_plot(wick_buf *out, const char *script, int width, int height, const char *caption,
                      wick_diag *diag);
/* The same, and where the page is narrow a picture of HTML_NARROW instead, for plots whose labels
   fit it: a phone shows it whole, and others' left part. narrow 0: none. */
enum { HTML_NARROW = 344 };
wick_status html_plot_twice(wick_buf *out, const char *script, int width, int narrow, int height,
                            const char *caption, wick_diag *diag);
/* One colour of a picture and its meaning; mark: NULL = a square; boxed: the colour is behind it.
 */
typedef struct html_key {
    const char *colour, *meaning, *mark;
    bool boxed;
} html_key;
/* What the colours of a picture mean, as text below it: a phone shows the picture's left part, so
   pictures have no legend of their own. Nothing without gnuplot. */
void html_keys(wick_buf *out, const html_key *keys, int n);
/* Text that may stand between a script's double quotes: quotes, backslashes and control characters
   become blanks; in `arena`. */
char *html_label(wick_arena *arena, const char *text);
/* Colour of module k (0 = extractor), as "#rrggbb". */
const char *html_colour(int module);

#endif
