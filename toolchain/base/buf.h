/* Growing byte buffer for text and binary output. */
#ifndef WICK_BUF_H
#define WICK_BUF_H

#include <stddef.h>

/* Zero-initialise; `data` is always NUL-terminated once something was appended. */
typedef struct wick_buf {
    char *data;
    size_t len, cap;
} wick_buf;

void wick_buf_append(wick_buf *buf, const void *data, size_t len);
void wick_buf_puts(wick_buf *buf, const char *text);
void wick_buf_printf(wick_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends text that may stand in a comment of C, CMake or HTML: what would end the comment or its
   line, begin another, or be a trigraph is taken apart by a blank. */
void wick_buf_comment(wick_buf *buf, const char *text);
void wick_buf_free(wick_buf *buf);

#endif
