/* A sheet of sample images, one row for each class, as a PNG. */
#include "data/data_parts.h"

#include <assert.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

/* MAX_LABEL letters of a class name are shown; images are enlarged to about ENLARGED_SIDE pixels.
 */
enum { GAP = 2, MAX_SIDE = 16384, ENLARGED_SIDE = 64, MAX_LABEL = 16, PAPER = 32, INK = 235 };
enum { GLYPH_WIDTH = 5, GLYPH_HEIGHT = 7, GLYPH_STEP = 6 };

/* 5 x 7 letters, one byte a row, the leftmost pixel in bit 4; what is not here stays blank. */
static const struct glyph {
    char letter;
    uint8_t rows[GLYPH_HEIGHT];
} glyphs[] = {
    {'A', {14, 17, 17, 31, 17, 17, 17}}, {'B', {30, 17, 17, 30, 17, 17, 30}},
    {'C', {14, 17, 16, 16, 16, 17, 14}}, {'D', {30, 17, 17, 17, 17, 17, 30}},
    {'E', {31, 16, 16, 30, 16, 16, 31}}, {'F', {31, 16, 16, 30, 16, 16, 16}},
    {'G', {14, 17, 16, 23, 17, 17, 15}}, {'H', {17, 17, 17, 31, 17, 17, 17}},
    {'I', {14, 4, 4, 4, 4, 4, 14}},      {'J', {7, 2, 2, 2, 2, 18, 12}},
    {'K', {17, 18, 20, 24, 20, 18, 17}}, {'L', {16, 16, 16, 16, 16, 16, 31}},
    {'M', {17, 27, 21, 21, 17, 17, 17}}, {'N', {17, 25, 21, 19, 17, 17, 17}},
    {'O', {14, 17, 17, 17, 17, 17, 14}}, {'P', {30, 17, 17, 30, 16, 16, 16}},
    {'Q', {14, 17, 17, 17, 21, 18, 13}}, {'R', {30, 17, 17, 30, 20, 18, 17}},
    {'S', {15, 16, 16, 14, 1, 1, 30}},   {'T', {31, 4, 4, 4, 4, 4, 4}},
    {'U', {17, 17, 17, 17, 17, 17, 14}}, {'V', {17, 17, 17, 17, 17, 10, 4}},
    {'W', {17, 17, 17, 21, 21, 27, 17}}, {'X', {17, 17, 10, 4, 10, 17, 17}},
    {'Y', {17, 17, 10, 4, 4, 4, 4}},     {'Z', {31, 1, 2, 4, 8, 16, 31}},
    {'0', {14, 17, 19, 21, 25, 17, 14}}, {'1', {4, 12, 4, 4, 4, 4, 14}},
    {'2', {14, 17, 1, 6, 8, 16, 31}},    {'3', {30, 1, 1, 14, 1, 1, 30}},
    {'4', {2, 6, 10, 18, 31, 2, 2}},     {'5', {31, 16, 30, 1, 1, 17, 14}},
    {'6', {14, 16, 30, 17, 17, 17, 14}}, {'7', {31, 1, 2, 4, 4, 4, 4}},
    {'8', {14, 17, 17, 14, 17, 17, 14}}, {'9', {14, 17, 17, 15, 1, 1, 14}},
    {'-', {0, 0, 0, 14, 0, 0, 0}},       {'_', {0, 0, 0, 0, 0, 0, 31}},
    {'.', {0, 0, 0, 0, 0, 12, 12}},
};

typedef struct sheet {
    int width, height, channels;        /* 1 or 3 */
    int zoom, label_width, cell_height; /* of a row with the gap below it */
    uint8_t *pixels;                    /* [height, width, channels] */
} sheet;

static uint8_t *at(const sheet *s, int y, int x) {
    return s->pixels + ((size_t)y * (size_t)s->width + (size_t)x) * (size_t)s->channels;
}

static void write_letter(const sheet *s, char letter, int top, int left) {
    char upper = letter >= 'a' && letter <= 'z' ? (char)(letter - 'a' + 'A') : letter;
    for (size_t g = 0; g < WICK_LEN(glyphs); g++)
        for (int y = 0; y < GLYPH_HEIGHT && glyphs[g].letter == upper; y++)
            for (int x = 0; x < GLYPH_WIDTH; x++)
                if (glyphs[g].rows[y] >> (GLYPH_WIDTH - 1 - x) & 1)
                    memset(at(s, top + y, left + x), INK, (size_t)s->channels);
}

static int label_length(const char *name) {
    size_t length = strlen(name);
    return length > MAX_LABEL ? MAX_LABEL : (int)length;
}

static void put_image(const wick_data *data, const wick_images *images, int i, const sheet *s,
                      int top, int left) {
    size_t channels = (size_t)data->channels;
    for (int y = 0; y < data->height * s->zoom; y++)
        for (int x = 0; x < data->width * s->zoom; x++)
            memcpy(at(s, top + y, left + x),
                   images->pixels + data_offset(data, (size_t)i, y / s->zoom, x / s->zoom),
                   channels);
}

/* Row c: the class's name, then its first images. */
static void draw_rows(const wick_data *data, const wick_images *images, int per_class,
                      const sheet *s) {
    int cell_width = data->width * s->zoom + GAP, cell_height = s->cell_height;
    int *shown = wick_xalloc((size_t)data->n_classes * sizeof *shown);
    for (int c = 0; c < data->n_classes; c++)
        for (int k = 0; k < label_length(data->class_names[c]); k++)
            write_letter(s, data->class_names[c][k],
                         GAP + c * cell_height + (cell_height - GAP - GLYPH_HEIGHT) / 2,
                         GAP + k * GLYPH_STEP);
    for (int i = 0; i < images->n; i++) {
        int c = images->labels[i];
        if (shown[c] < per_class)
            put_image(data, images, i, s, GAP + c * cell_height,
                      s->label_width + shown[c]++ * cell_width);
    }
    free(shown);
}

/* --- PNG into memory --- */

static void append_bytes(png_structp png, png_bytep bytes, size_t count) {
    wick_buf_append(png_get_io_ptr(png), bytes, count);
}

static void flush_nothing(png_structp png) {
    (void)png;
}

static _Noreturn void leave(png_structp png, png_const_charp text) {
    (void)text;
    png_longjmp(png, 1);
}

static void stay_quiet(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static bool encode_png(const sheet *s, wick_buf *buf) {
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, leave, stay_quiet);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    bool done = info != NULL;
    if (done && setjmp(png_jmpbuf(png)) == 0) {
        png_set_write_fn(png, buf, append_bytes, flush_nothing);
        png_set_IHDR(png, info, (png_uint_32)s->width, (png_uint_32)s->height, 8,
                     s->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB,
                     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
        png_write_info(png, info);
        for (int y = 0; y < s->height; y++)
            png_write_row(png, at(s, y, 0));
        png_write_end(png, info);
    } else {
        done = false;
    }
    png_destroy_write_struct(&png, &info);
    return done;
}

wick_status wick_data_contact_sheet(const wick_data *data, wick_split split, int per_class,
                                    const char *path, wick_diag *diag) {
    assert(per_class >= 1 && per_class <= 100);
    sheet s = {.channels = data->channels};
    int larger = data->width > data->height ? data->width : data->height, letters = 0;
    s.zoom = larger >= ENLARGED_SIDE ? 1 : ENLARGED_SIDE / larger;
    for (int c = 0; c < data->n_classes; c++)
        letters = label_length(data->class_names[c]) > letters ? label_length(data->class_names[c])
                                                               : letters;
    /* A row is never lower than its label. */
    int image_height = data->height * s.zoom;
    s.cell_height = (image_height > GLYPH_HEIGHT ? image_height : GLYPH_HEIGHT) + GAP;
    s.label_width = GAP + letters * GLYPH_STEP + GAP;
    int64_t width = s.label_width + (int64_t)per_class * (data->width * s.zoom + GAP);
    int64_t height = GAP + (int64_t)data->n_classes * s.cell_height;
    if (width > MAX_SIDE || height > MAX_SIDE)
        return wick_fail(diag, WICK_RANGE, path, NULL, "show fewer images of each class",
                         "the sheet would be %lld x %lld pixels, more than %d", (long long)width,
                         (long long)height, MAX_SIDE);
    s.width = (int)width;
    s.height = (int)height;
    size_t bytes = (size_t)(width * height) * (size_t)s.channels;
    s.pixels = wick_try_alloc(bytes);
    if (!s.pixels)
        return wick_fail(diag, WICK_MEMORY, path, NULL, "show fewer images of each class",
                         "%zu bytes for the sheet could not be had", bytes);
    memset(s.pixels, PAPER, bytes);
    draw_rows(data, &data->split[split], per_class, &s);
    wick_buf buf = {0};
    wick_status status = encode_png(&s, &buf) ? wick_file_write(path, buf.data, buf.len, diag)
                                              : wick_fail(diag, WICK_IO, path, NULL, NULL,
                                                          "libpng could not make the image");
    wick_buf_free(&buf);
    free(s.pixels);
    return status;
}
