/* Folders and paths: the half of file.h that does not move bytes. */
#include "base/buf.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool wick_path_is_dir(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool wick_path_is_file(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

char *wick_path_join(wick_arena *arena, const char *dir, const char *name) {
    size_t len = strlen(dir);
    return wick_arena_printf(arena, len && dir[len - 1] == '/' ? "%s%s" : "%s/%s", dir, name);
}

char *wick_path_dir(wick_arena *arena, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return wick_arena_strdup(arena, ".");
    return wick_arena_printf(arena, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

const char *wick_path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool wick_path_remove(const char *path) {
    struct stat info;
    if (lstat(path, &info) != 0)
        return errno == ENOENT;
    if (!S_ISDIR(info.st_mode))
        return unlink(path) == 0;
    DIR *dir = opendir(path);
    if (!dir)
        return false;
    bool removed = true;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        wick_buf child = {0};
        wick_buf_printf(&child, "%s/%s", path, entry->d_name);
        removed = wick_path_remove(child.data) && removed;
        wick_buf_free(&child);
    }
    closedir(dir);
    return removed && rmdir(path) == 0;
}

wick_status wick_dir_make(const char *path, wick_diag *diag) {
    char *copy = wick_xstrdup(path);
    wick_status status = WICK_OK;
    for (char *p = copy + 1; status == WICK_OK; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char keep = *p;
        *p = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            status = wick_fail(diag, WICK_OUTPUT, copy, NULL, "choose a folder that may be written",
                               "cannot make the folder: %s", strerror(errno));
        *p = keep;
        if (!keep)
            break;
    }
    if (status == WICK_OK && !wick_path_is_dir(path))
        status = wick_fail(diag, WICK_OUTPUT, path, NULL, NULL, "it is not a folder");
    free(copy);
    return status;
}

wick_status wick_dir_begin(const char *path, const char *marker, char **temporary,
                           wick_diag *diag) {
    *temporary = NULL;
    struct stat info;
    if (lstat(path, &info) == 0) {
        wick_buf mark = {0};
        wick_buf_printf(&mark, "%s/%s", path, marker);
        bool ours = wick_path_is_file(mark.data);
        bool empty = S_ISDIR(info.st_mode) && rmdir(path) == 0;
        wick_buf_free(&mark);
        if (!ours && !empty)
            return wick_fail(diag, WICK_OUTPUT, path, NULL, "name a new folder, or remove this one",
                             "it exists and was not made by this command");
    }
    wick_buf name = {0};
    wick_buf_printf(&name, "%s", path);
    while (name.len > 1 && name.data[name.len - 1] == '/')
        name.data[--name.len] = '\0';
    wick_buf_puts(&name, ".tmp.XXXXXX");
    if (!mkdtemp(name.data)) {
        wick_status status = wick_fail(diag, WICK_OUTPUT, path, NULL,
                                       "check that the parent folder exists and may be written to",
                                       "cannot create the folder: %s", strerror(errno));
        wick_buf_free(&name);
        return status;
    }
    chmod(name.data, 0755);
    *temporary = name.data;
    return WICK_OK;
}

wick_status wick_dir_commit(const char *path, char *temporary, wick_diag *diag) {
    wick_status status = WICK_OK;
    wick_buf old = {0};
    wick_buf_printf(&old, "%s.old", temporary);
    bool replaced = rename(path, old.data) == 0;
    if (rename(temporary, path) != 0) {
        status = wick_fail(diag, WICK_OUTPUT, path, NULL, NULL,
                           "cannot put the folder in place: %s", strerror(errno));
        if (replaced && rename(old.data, path) != 0)
            wick_fail(diag, WICK_OUTPUT, path, NULL, NULL, "the older folder is now %s", old.data);
        wick_path_remove(temporary);
    } else if (replaced) {
        wick_path_remove(old.data);
    }
    wick_buf_free(&old);
    free(temporary);
    return status;
}

void wick_dir_abort(char *temporary) {
    if (temporary)
        wick_path_remove(temporary);
    free(temporary);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

wick_status wick_dir_list(wick_arena *arena, const char *path, char ***names, size_t *count,
                          wick_diag *diag) {
    DIR *dir = opendir(path);
    if (!dir)
        return wick_fail(diag, WICK_NOT_FOUND, path, NULL, NULL, "cannot open the folder: %s",
                         strerror(errno));
    char **list = NULL;
    size_t n = 0, cap = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (n == cap) {
            cap = cap ? 2 * cap : 64;
            list = wick_xrealloc(list, cap * sizeof *list);
        }
        list[n++] = wick_arena_strdup(arena, entry->d_name);
    }
    closedir(dir);
    if (n)
        qsort(list, n, sizeof *list, by_name);
    *names = wick_new(arena, char *, n);
    if (n)
        memcpy(*names, list, n * sizeof *list);
    *count = n;
    free(list);
    return WICK_OK;
}

const char *wick_share_dir(void) {
    static char path[PATH_MAX + 32];
    if (path[0])
        return path;
    const char *set = getenv("WICK_SHARE");
    if (set && set[0]) {
        snprintf(path, sizeof path, "%s", set);
        return path;
    }
    char program[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (len > 0) {
        program[len] = '\0';
        char *slash = strrchr(program, '/');
        if (slash) {
            *slash = '\0';
            snprintf(path, sizeof path, "%s/../share/wick", program);
            if (wick_path_is_dir(path))
                return path;
        }
    }
    snprintf(path, sizeof path, "%s", WICK_SOURCE_DIR);
    return path;
}

/* Whether a file is an object with the field; `otherwise` where it is no JSON at all. */
static bool has_field(const char *path, const char *field, bool otherwise) {
    json_t *document = json_load_file(path, 0, NULL);
    bool has = document ? json_object_get(document, field) != NULL : otherwise;
    json_decref(document);
    return has;
}

/* The names of a folder's files, without .json. */
static void list_known(wick_arena *arena, const char *dir, const char *field, wick_buf *known) {
    char **names;
    size_t count;
    wick_buf_puts(known, "give a path, or one of:");
    if (wick_dir_list(arena, dir, &names, &count, NULL) != WICK_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        char *dot = strstr(names[i], ".json");
        if (dot && !dot[5] &&
            (!field || has_field(wick_path_join(arena, dir, names[i]), field, false)))
            wick_buf_printf(known, " %.*s", (int)(dot - names[i]), names[i]);
    }
}

wick_status wick_share_find_kind(wick_arena *arena, const char *folder, const char *field,
                                 const char *name, char **path, wick_diag *diag) {
    if (strchr(name, '/') || wick_path_is_file(name)) {
        *path = wick_arena_strdup(arena, name);
        if (wick_path_is_file(name))
            return WICK_OK;
        return wick_fail(diag, WICK_NOT_FOUND, name, NULL, NULL, "there is no such file");
    }
    char *dir = wick_path_join(arena, wick_share_dir(), folder);
    *path = wick_arena_printf(arena, "%s/%s.json", dir, name);
    bool found = wick_path_is_file(*path);
    /* No JSON, or a kind that is told or asked for: whoever reads it says what is wrong. */
    bool told = found && field && (!strcmp(field, "kind") || has_field(*path, "kind", true));
    if (found && (!field || told || has_field(*path, field, true)))
        return WICK_OK;
    wick_buf known = {0};
    list_known(arena, dir, field, &known);
    if (found)
        wick_fail(diag, WICK_NOT_FOUND, name, NULL, known.data,
                  "the file in %s/ is of another kind: it has no field '%s'", folder, field);
    else
        wick_fail(diag, WICK_NOT_FOUND, name, NULL, known.data, "there is no such file in %s/",
                  folder);
    wick_buf_free(&known);
    return WICK_NOT_FOUND;
}

wick_status wick_share_find(wick_arena *arena, const char *folder, const char *name, char **path,
                            wick_diag *diag) {
    return wick_share_find_kind(arena, folder, NULL, name, path, diag);
}
