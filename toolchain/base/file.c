#include "base/file.h"
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

wick_status wick_file_read(wick_arena *arena, const char *path, size_t max_bytes, wick_bytes *out,
                           wick_diag *diag) {
    *out = (wick_bytes){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return wick_fail(diag, WICK_NOT_FOUND, path, NULL, NULL, "cannot open: %s",
                         strerror(errno));
    struct stat info;
    wick_status status = WICK_OK;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        status = wick_fail(diag, WICK_NOT_FOUND, path, NULL, "name a file", "not a regular file");
    else if ((uintmax_t)info.st_size > max_bytes)
        status = wick_fail(diag, WICK_RANGE, path, NULL, "cut it, or name another file",
                           "%jd bytes are more than the %zu that are read", (intmax_t)info.st_size,
                           max_bytes);
    if (status != WICK_OK) {
        close(fd);
        return status;
    }
    size_t size = (size_t)info.st_size;
    out->data = wick_arena_alloc(arena, size + 1);
    while (out->len < size) {
        ssize_t got = read(fd, out->data + out->len, size - out->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            status = wick_fail(diag, WICK_IO, path, NULL, NULL, "cannot read: %s",
                               got < 0 ? strerror(errno) : "it shrank while being read");
            break;
        }
        out->len += (size_t)got;
    }
    close(fd);
    return status;
}

static wick_status write_all(int fd, const char *path, const char *data, size_t len,
                             wick_diag *diag) {
    while (len) {
        ssize_t put = write(fd, data, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return wick_fail(diag, WICK_IO, path, NULL, "free some space or write elsewhere",
                             "cannot write: %s", strerror(errno));
        data += put;
        len -= (size_t)put;
    }
    if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
        return wick_fail(diag, WICK_IO, path, NULL, "free some space or write elsewhere",
                         "cannot write: %s", strerror(errno));
    return WICK_OK;
}

/* Devices and pipes: there is no place to be atomic in. */
static bool is_special(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

static wick_status write_special(const wick_file *file, wick_diag *diag) {
    int fd = open(file->path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return wick_fail(diag, WICK_OUTPUT, file->path, NULL, NULL, "cannot open for writing: %s",
                         strerror(errno));
    wick_status status = write_all(fd, file->path, file->data, file->len, diag);
    close(fd);
    return status;
}

static wick_status create(const char *path, int *fd, wick_buf *temporary, wick_diag *diag) {
    if (wick_path_is_dir(path))
        return wick_fail(diag, WICK_OUTPUT, path, NULL, "name a file", "it is a folder");
    wick_buf_printf(temporary, "%s.tmp.XXXXXX", path);
    *fd = mkstemp(temporary->data);
    if (*fd >= 0)
        return WICK_OK;
    wick_buf_free(temporary);
    return wick_fail(diag, WICK_OUTPUT, path, NULL,
                     "check that the folder exists and may be written to",
                     "cannot create the file: %s", strerror(errno));
}

/* The whole content in a file beside its place. On failure nothing is left. */
static wick_status write_beside(const wick_file *file, wick_buf *temporary, wick_diag *diag) {
    int fd;
    WICK_TRY(create(file->path, &fd, temporary, diag));
    mode_t mask = umask(0);
    umask(mask);
    wick_status status = write_all(fd, file->path, file->data, file->len, diag);
    if (fchmod(fd, 0666 & ~mask) != 0 && status == WICK_OK)
        status = wick_fail(diag, WICK_IO, file->path, NULL, NULL, "cannot set the mode: %s",
                           strerror(errno));
    if (close(fd) != 0 && status == WICK_OK)
        status =
            wick_fail(diag, WICK_IO, file->path, NULL, NULL, "cannot write: %s", strerror(errno));
    if (status != WICK_OK) {
        unlink(temporary->data);
        wick_buf_free(temporary);
    }
    return status;
}

typedef struct placing {
    wick_buf temporary; /* empty: a special file, or in place already */
    wick_buf older;     /* a second name of what was there before; empty: nothing was */
    bool placed;
} placing;

static wick_status place(const char *path, placing *p, bool keep_older, wick_diag *diag) {
    if (keep_older) {
        wick_buf_printf(&p->older, "%s.old", p->temporary.data);
        /* Where there are no hard links, it is moved; a folder that came meanwhile is not ours. */
        if (link(path, p->older.data) != 0 &&
            (errno == ENOENT || wick_path_is_dir(path) || rename(path, p->older.data) != 0))
            wick_buf_free(&p->older);
    }
    if (rename(p->temporary.data, path) != 0)
        return wick_fail(diag, WICK_OUTPUT, path, NULL, NULL, "cannot put the file in place: %s",
                         strerror(errno));
    p->placed = true;
    return WICK_OK;
}

/* Takes back what a failure leaves half done, and every other name. */
static void clean_up(const wick_file *files, placing *p, int n, bool failed, wick_diag *diag) {
    for (int i = 0; i < n; i++) {
        if (failed && p[i].older.len && rename(p[i].older.data, files[i].path) != 0)
            wick_fail(diag, WICK_OUTPUT, files[i].path, NULL, NULL, "the older file is now %s",
                      p[i].older.data);
        else if (failed && p[i].placed && !p[i].older.len)
            unlink(files[i].path);
        if (!p[i].placed && p[i].temporary.len)
            unlink(p[i].temporary.data);
        if (p[i].older.len && !failed)
            unlink(p[i].older.data);
        wick_buf_free(&p[i].temporary);
        wick_buf_free(&p[i].older);
    }
}

wick_status wick_files_write(const wick_file *files, int n, wick_diag *diag) {
    placing *p = wick_xalloc((size_t)n * sizeof *p);
    wick_status status = WICK_OK;
    for (int i = 0; i < n; i++) {
        p[i] = (placing){.placed = false};
        if (status == WICK_OK && !is_special(files[i].path))
            status = write_beside(&files[i], &p[i].temporary, diag);
    }
    for (int i = 0; i < n && status == WICK_OK; i++)
        if (!p[i].temporary.len)
            status = write_special(&files[i], diag);
    for (int i = 0; i < n && status == WICK_OK; i++)
        if (p[i].temporary.len)
            status = place(files[i].path, &p[i], n > 1, diag);
    clean_up(files, p, n, status != WICK_OK, diag);
    free(p);
    return status;
}

wick_status wick_file_write(const char *path, const void *data, size_t len, wick_diag *diag) {
    return wick_files_write(&(wick_file){path, data, len}, 1, diag);
}

wick_status wick_file_check_output(const char *path, wick_diag *diag) {
    int fd;
    wick_buf probe = {0};
    if (is_special(path))
        return access(path, W_OK) == 0
                   ? WICK_OK
                   : wick_fail(diag, WICK_OUTPUT, path, NULL, "name a file that may be written to",
                               "cannot open for writing: %s", strerror(errno));
    WICK_TRY(create(path, &fd, &probe, diag));
    close(fd);
    unlink(probe.data);
    wick_buf_free(&probe);
    return WICK_OK;
}
