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

wick_status wick_file_write(const char *path, const void *data, size_t len, wick_diag *diag) {
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        /* /dev/stdout and pipes: there is no place to be atomic in. */
        if (S_ISDIR(info.st_mode))
            return wick_fail(diag, WICK_OUTPUT, path, NULL, "name a file", "it is a folder");
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            return wick_fail(diag, WICK_OUTPUT, path, NULL, NULL, "cannot open for writing: %s",
                             strerror(errno));
        wick_status status = write_all(fd, path, data, len, diag);
        close(fd);
        return status;
    }
    wick_buf temporary = {0};
    wick_buf_printf(&temporary, "%s.tmp.XXXXXX", path);
    int fd = mkstemp(temporary.data);
    if (fd < 0) {
        wick_status status = wick_fail(diag, WICK_OUTPUT, path, NULL,
                                       "check that the folder exists and may be written to",
                                       "cannot create the file: %s", strerror(errno));
        wick_buf_free(&temporary);
        return status;
    }
    mode_t mask = umask(0);
    umask(mask);
    wick_status status = write_all(fd, path, data, len, diag);
    if (fchmod(fd, 0666 & ~mask) != 0 && status == WICK_OK)
        status =
            wick_fail(diag, WICK_IO, path, NULL, NULL, "cannot set the mode: %s", strerror(errno));
    if (close(fd) != 0 && status == WICK_OK)
        status = wick_fail(diag, WICK_IO, path, NULL, NULL, "cannot write: %s", strerror(errno));
    if (status == WICK_OK && rename(temporary.data, path) != 0)
        status = wick_fail(diag, WICK_OUTPUT, path, NULL, NULL, "cannot put the file in place: %s",
                           strerror(errno));
    if (status != WICK_OK)
        unlink(temporary.data);
    wick_buf_free(&temporary);
    return status;
}

wick_status wick_file_check_output(const char *path, wick_diag *diag) {
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return wick_fail(diag, WICK_OUTPUT, path, NULL, "name a file", "it is a folder");
    wick_buf probe = {0};
    wick_buf_printf(&probe, "%s.tmp.XXXXXX", path);
    int fd = mkstemp(probe.data);
    wick_status status = WICK_OK;
    if (fd < 0) {
        status = wick_fail(diag, WICK_OUTPUT, path, NULL,
                           "check that the folder exists and may be written to",
                           "cannot create the file: %s", strerror(errno));
    } else {
        close(fd);
        unlink(probe.data);
    }
    wick_buf_free(&probe);
    return status;
}
