/* Weights in a file beside the model (ONNX IR, external data): read only from regular files within
   the model's folder, through no symbolic link. */
#include "onnx_import.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct place {
    const char *location;
    long long offset, length; /* length -1: to the end of the file */
} place;

static wick_status refuse(wick_onnx_import *im, const char *name, wick_status status,
                          const char *location, const char *reason) {
    return wick_fail(im->diag, status, im->file, name,
                     "keep the model and its data files in one folder", "its data lie in '%s', %s",
                     location, reason);
}

static bool read_number(const char *text, long long *out) {
    char *end;
    if (!text[0] || strlen(text) > 18 || text[0] < '0' || text[0] > '9')
        return false;
    *out = strtoll(text, &end, 10);
    return !*end;
}

static wick_status read_place(wick_onnx_import *im, const Onnx__TensorProto *proto,
                              const char *name, place *out) {
    *out = (place){.length = -1};
    for (size_t i = 0; i < proto->n_external_data; i++) {
        const char *key = proto->external_data[i]->key, *value = proto->external_data[i]->value;
        bool good = key && value;
        if (good && !strcmp(key, "location"))
            out->location = value;
        else if (good && !strcmp(key, "offset"))
            good = read_number(value, &out->offset);
        else if (good && !strcmp(key, "length"))
            good = read_number(value, &out->length);
        if (!good)
            return wick_fail(im->diag, WICK_SYNTAX, im->file, name, "export the model again",
                             "where its data lie is malformed");
    }
    if (!wick_onnx_legal_name(out->location))
        return wick_fail(im->diag, WICK_SYNTAX, im->file, name, "export the model again",
                         "it does not say in which file its data lie");
    return WICK_OK;
}

/* Opens folder/location one component at a time; -1 when one is "..", a link, or not there. */
static int open_inside(const char *folder, const char *location) {
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *path = wick_xstrdup(location), *rest = path;
    if (location[0] == '/') {
        close(at);
        at = -1;
    }
    for (char *part; at >= 0 && (part = strsep(&rest, "/"));) {
        if (!part[0] || !strcmp(part, "."))
            continue;
        int flags = rest ? O_DIRECTORY : O_NONBLOCK;
        int next = strcmp(part, "..") != 0
                       ? openat(at, part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags)
                       : -1;
        close(at);
        at = next;
    }
    free(path);
    return at;
}

static bool read_at(int file, void *dst, size_t bytes, long long offset) {
    for (size_t got = 0; got < bytes;) {
        ssize_t n = pread(file, (char *)dst + got, bytes - got, (off_t)offset + (off_t)got);
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

wick_status wick_onnx_external_read(wick_onnx_import *im, const Onnx__TensorProto *proto,
                                    const char *name, size_t bytes, wick_arena *arena,
                                    const uint8_t **out) {
    place p;
    WICK_TRY(read_place(im, proto, name, &p));
    if (!im->folder)
        return refuse(im, name, WICK_UNSUPPORTED, p.location, "but the model is not a file");
    int file = open_inside(im->folder, p.location);
    struct stat info;
    if (file < 0 || fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
        if (file >= 0)
            close(file);
        return refuse(im, name, WICK_NOT_FOUND, p.location,
                      "which is not a file in the model's folder");
    }
    long long size = (long long)info.st_size;
    bool fits = p.offset <= size && (long long)bytes <= size - p.offset &&
                (p.length < 0 || p.length == (long long)bytes);
    uint8_t *data = fits ? wick_arena_alloc(arena, bytes) : NULL;
    bool done = fits && read_at(file, data, bytes, p.offset);
    close(file);
    if (!fits)
        return refuse(im, name, WICK_TRUNCATED, p.location, "which does not hold that many bytes");
    *out = data;
    im->memory_budget += WICK_ONNX_MEMORY_PER_BYTE * (int64_t)bytes;
    return done ? WICK_OK : refuse(im, name, WICK_IO, p.location, "which cannot be read");
}
