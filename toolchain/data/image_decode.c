/* JPEG and PNG files to RGB bytes. libjpeg and libpng leave through longjmp on errors; nothing is
   printed by them, every fault becomes one diagnostic that names the file. */
#include "data/data_parts.h"

#include <assert.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>
#include <png.h>

enum { MAX_FILE_BYTES = 64 << 20, MAX_TEXT = 256 };
static const char TOO_LARGE[] = "more than 2048 pixels wide or high";
static_assert(DATA_MAX_SIDE == 2048, "the text above names the limit");

/* --- JPEG --- */

typedef struct jpeg_state {
    struct jpeg_error_mgr manager; /* first: libjpeg hands back a pointer to it */
    jmp_buf leave;
    char text[MAX_TEXT];
    bool cut; /* the data end early */
    uint8_t *pixels;
} jpeg_state;

static _Noreturn void jpeg_fault(j_common_ptr info) {
    jpeg_state *state = (jpeg_state *)info->err;
    char text[JMSG_LENGTH_MAX];
    state->manager.format_message(info, text);
    snprintf(state->text, sizeof state->text, "%s", text);
    longjmp(state->leave, 1);
}

/* libjpeg fills the missing part of a damaged file with grey and warns: for training data that is
   an error. Warnings about bytes between markers and odd colour tags leave the pixels whole. */
static void jpeg_message(j_common_ptr info, int level) {
    jpeg_state *state = (jpeg_state *)info->err;
    if (level >= 0)
        return;
    switch (state->manager.msg_code) {
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
        return;
    default:
        state->cut = state->manager.msg_code == JWRN_JPEG_EOF;
        jpeg_fault(info);
    }
}

/* Grey rows become RGB in place, from the right. */
static void repeat_grey(uint8_t *row, int width) {
    for (int x = width - 1; x >= 0; x--)
        row[3 * x] = row[3 * x + 1] = row[3 * x + 2] = row[x];
}

static void read_jpeg(struct jpeg_decompress_struct *info, jpeg_state *state,
                      const wick_bytes *file, data_picture *picture) {
    jpeg_create_decompress(info);
    jpeg_mem_src(info, file->data, (unsigned long)file->len);
    jpeg_read_header(info, TRUE);
    picture->grey = info->jpeg_color_space == JCS_GRAYSCALE;
    info->out_color_space = picture->grey ? JCS_GRAYSCALE : JCS_RGB;
    picture->width = (int)info->image_width;
    picture->height = (int)info->image_height;
    if (picture->width > DATA_MAX_SIDE || picture->height > DATA_MAX_SIDE) {
        snprintf(state->text, sizeof state->text, "%s", TOO_LARGE);
        longjmp(state->leave, 1);
    }
    size_t row_bytes = 3 * (size_t)picture->width;
    state->pixels = wick_xalloc(row_bytes * (size_t)picture->height);
    jpeg_start_decompress(info);
    while (info->output_scanline < info->output_height) {
        uint8_t *row = state->pixels + row_bytes * info->output_scanline;
        jpeg_read_scanlines(info, &row, 1);
        if (picture->grey)
            repeat_grey(row, picture->width);
    }
    jpeg_finish_decompress(info);
}

static wick_status decode_jpeg(const char *path, const wick_bytes *file, data_picture *picture,
                               wick_diag *diag) {
    /* In memory, not in registers, so that they survive longjmp. */
    struct {
        struct jpeg_decompress_struct info;
        jpeg_state state;
    } *job = wick_xalloc(sizeof *job);
    job->info.err = jpeg_std_error(&job->state.manager);
    job->state.manager.error_exit = jpeg_fault;
    job->state.manager.emit_message = jpeg_message;
    wick_status status = WICK_OK;
    if (setjmp(job->state.leave) == 0) {
        read_jpeg(&job->info, &job->state, file, picture);
        picture->pixels = job->state.pixels;
    } else {
        status =
            wick_fail(diag, job->state.cut ? WICK_TRUNCATED : WICK_SYNTAX, path, NULL,
                      "replace or remove the file", "not a readable JPEG: %s", job->state.text);
        free(job->state.pixels);
    }
    jpeg_destroy_decompress(&job->info);
    free(job);
    return status;
}

/* --- PNG --- */

typedef struct png_state {
    const wick_bytes *file;
    size_t at;
    char text[MAX_TEXT];
    bool cut;
    uint8_t *pixels; /* [height, width, 4] */
    png_bytep *rows;
} png_state;

static void png_source(png_structp png, png_bytep dst, size_t bytes) {
    png_state *state = png_get_io_ptr(png);
    if (bytes > state->file->len - state->at) {
        state->cut = true;
        png_error(png, "the file ends early");
    }
    memcpy(dst, state->file->data + state->at, bytes);
    state->at += bytes;
}

static _Noreturn void png_fault(png_structp png, png_const_charp text) {
    png_state *state = png_get_error_ptr(png);
    snprintf(state->text, sizeof state->text, "%s", text);
    png_longjmp(png, 1);
}

static void png_quiet(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

/* Everything becomes 8-bit RGBA; the transformations are libpng's. */
static void read_png(png_structp png, png_infop info, png_state *state, data_picture *picture) {
    /* libpng's own limit would only say "Invalid IHDR data". */
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_malloc_max(png, MAX_FILE_BYTES);
    png_set_read_fn(png, state, png_source);
    png_read_info(png, info);
    png_uint_32 width = png_get_image_width(png, info), height = png_get_image_height(png, info);
    if (width > DATA_MAX_SIDE || height > DATA_MAX_SIDE)
        png_error(png, TOO_LARGE);
    picture->grey = !(png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR);
    picture->width = (int)width;
    picture->height = (int)height;
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 255, PNG_FILLER_AFTER);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t row_bytes = png_get_rowbytes(png, info);
    if (row_bytes != 4 * (size_t)picture->width)
        png_error(png, "unknown pixel layout");
    state->pixels = wick_xalloc(row_bytes * (size_t)picture->height);
    state->rows = wick_xalloc((size_t)picture->height * sizeof *state->rows);
    for (int y = 0; y < picture->height; y++)
        state->rows[y] = state->pixels + row_bytes * (size_t)y;
    png_read_image(png, state->rows);
    png_read_end(png, NULL);
}

/* RGBA to RGB in place: transparency on black. */
static void drop_alpha(uint8_t *pixels, size_t n) {
    for (size_t i = 0; i < n; i++) {
        unsigned alpha = pixels[4 * i + 3];
        for (size_t c = 0; c < 3; c++)
            pixels[3 * i + c] = (uint8_t)((pixels[4 * i + c] * alpha + 127) / 255);
    }
}

static wick_status decode_png(const char *path, const wick_bytes *file, data_picture *picture,
                              wick_diag *diag) {
    png_state *state = wick_xalloc(sizeof *state);
    state->file = file;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, state, png_fault, png_quiet);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    wick_status status = WICK_OK;
    if (!info) {
        status = wick_fail(diag, WICK_MEMORY, path, NULL, NULL, "libpng could not be set up");
    } else if (setjmp(png_jmpbuf(png)) == 0) {
        read_png(png, info, state, picture);
        drop_alpha(state->pixels, (size_t)picture->width * (size_t)picture->height);
        picture->pixels = state->pixels;
    } else {
        status = wick_fail(diag, state->cut ? WICK_TRUNCATED : WICK_SYNTAX, path, NULL,
                           "replace or remove the file", "not a readable PNG: %s", state->text);
        free(state->pixels);
    }
    png_destroy_read_struct(&png, &info, NULL);
    free(state->rows);
    free(state);
    return status;
}

wick_status data_decode(const char *path, data_picture *picture, wick_diag *diag) {
    *picture = (data_picture){0};
    wick_arena *arena = wick_arena_new();
    wick_bytes file;
    wick_status status = wick_file_read(arena, path, MAX_FILE_BYTES, &file, diag);
    if (status == WICK_OK) {
        static const uint8_t jpeg[] = {0xff, 0xd8, 0xff},
                             png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
        if (file.len >= sizeof jpeg && !memcmp(file.data, jpeg, sizeof jpeg))
            status = decode_jpeg(path, &file, picture, diag);
        else if (file.len >= sizeof png && !memcmp(file.data, png, sizeof png))
            status = decode_png(path, &file, picture, diag);
        else
            status = wick_fail(diag, file.len ? WICK_SYNTAX : WICK_TRUNCATED, path, NULL,
                               "replace or remove the file",
                               file.len ? "not a JPEG or PNG image" : "the file is empty");
    }
    wick_arena_free(arena);
    return status;
}
