#include "base/buf.h"
#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reserve(wick_buf *buf, size_t more) {
    size_t need = buf->len + more + 1;
    if (need <= buf->cap)
        return;
    size_t cap = buf->cap ? buf->cap : 256;
    while (cap < need)
        cap *= 2;
    buf->data = wick_xrealloc(buf->data, cap);
    buf->cap = cap;
}

void wick_buf_append(wick_buf *buf, const void *data, size_t len) {
    reserve(buf, len);
    if (len)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void wick_buf_puts(wick_buf *buf, const char *text) {
    wick_buf_append(buf, text, strlen(text));
}

void wick_buf_printf(wick_buf *buf, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len > 0) {
        reserve(buf, (size_t)len);
        vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

void wick_buf_comment(wick_buf *buf, const char *text) {
    static const char *const apart[] = {"*/", "/*", "??", "->"};
    for (; *text; text++) {
        bool control = (unsigned char)*text < ' ' || *text == 0x7f;
        wick_buf_append(buf, control ? " " : text, 1);
        for (size_t i = 0; i < sizeof apart / sizeof *apart; i++)
            if (text[0] == apart[i][0] && text[1] == apart[i][1])
                wick_buf_puts(buf, " ");
    }
}

void wick_buf_free(wick_buf *buf) {
    free(buf->data);
    *buf = (wick_buf){0};
}
