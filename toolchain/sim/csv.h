/* Comma-separated files with a header, row by row, in place: complaints name file and line. */
#ifndef WICK_CSV_H
#define WICK_CSV_H

#include "base/base.h"

enum { CSV_COLUMNS = 32 };

typedef struct csv {
    const char *path;
    char *next; /* text behind the row at hand */
    int line;   /* of the row at hand, from 1 */
    int rows;   /* at most so many follow the header */
    int n_columns;
    char *names[CSV_COLUMNS];
    wick_diag *diag;
} csv;

/* Reads the file (at most 256 MiB, text) into `arena` and its header. Lines that begin with # and
   empty lines are skipped; a cell may stand in double quotes, but holds no comma. Lines end in LF,
   CRLF or CR. */
wick_status csv_open(wick_arena *arena, const char *path, csv *out, wick_diag *diag);
/* The same for a text in memory, which is changed. */
wick_status csv_open_text(char *text, const char *path, csv *out, wick_diag *diag);
/* Column of a name, -1: none. */
int csv_column(const csv *c, const char *name);
/* The next row's cells; *n is 0 at the end. Cells stay valid. */
void csv_row(csv *c, char *cells[CSV_COLUMNS], int *n);
/* The number in a cell of the row: finite, within [min, max]; and no cell stands behind the last
   column. */
wick_status csv_number(const csv *c, char *const *cells, int n, int column, double min, double max,
                       double *out);
/* A diagnostic at the row. */
wick_status csv_fail(const csv *c, wick_status status, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
