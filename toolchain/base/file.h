/* Files: whole reads with a bound, atomic writes, folders that appear whole. */
#ifndef WICK_FILE_H
#define WICK_FILE_H

#include "base/arena.h"
#include "base/diag.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct wick_bytes {
    uint8_t *data; /* NUL follows the last byte, so that text can be parsed in place */
    size_t len;
} wick_bytes;

/* Reads a whole regular file of at most `max_bytes` into memory of `arena`. NOT_FOUND, RANGE (too
 * large), IO. */
wick_status wick_file_read(wick_arena *arena, const char *path, size_t max_bytes, wick_bytes *out,
                           wick_diag *diag);

/* Writes a file atomically: temporary file beside it, fsync, rename. On failure nothing is left and
   an older file at `path` stays as it was. OUTPUT when it cannot be created, IO when writing fails
   (disk full). */
wick_status wick_file_write(const char *path, const void *data, size_t len, wick_diag *diag);

/* Several files that belong together: all are written beside their places before the first one is
   renamed, so that a failure of any leaves all as they were. What is no file but a device or a pipe
   gets its bytes between the two. */
typedef struct wick_file {
    const char *path;
    const void *data;
    size_t len;
} wick_file;
wick_status wick_files_write(const wick_file *files, int n, wick_diag *diag);

/* Before long work: OUTPUT when a file could not be created at `path` afterwards. Leaves nothing.
 */
wick_status wick_file_check_output(const char *path, wick_diag *diag);

/* A folder that appears whole: wick_dir_begin makes a temporary sibling and returns its path
   (malloc); files are put there; wick_dir_commit renames it to `path` and replaces an older folder
   there only when that holds the file `marker` (so that a user's own folder is never overwritten);
   wick_dir_abort removes it. */
wick_status wick_dir_begin(const char *path, const char *marker, char **temporary, wick_diag *diag);
wick_status wick_dir_commit(const char *path, char *temporary, wick_diag *diag);
void wick_dir_abort(char *temporary);

/* mkdir -p. */
wick_status wick_dir_make(const char *path, wick_diag *diag);
/* Removes a file or folder with everything in it; does not follow symbolic links. True when it is
 * gone. */
bool wick_path_remove(const char *path);
bool wick_path_is_dir(const char *path);
bool wick_path_is_file(const char *path);
/* dir + "/" + name, in `arena`. */
char *wick_path_join(wick_arena *arena, const char *dir, const char *name);
/* Folder part of a path ("." when there is none), in `arena`. */
char *wick_path_dir(wick_arena *arena, const char *path);
/* Last component; points into `path`. */
const char *wick_path_base(const char *path);

/* Sorted (strcmp) names of a folder's entries without "." and "..", in `arena`. */
wick_status wick_dir_list(wick_arena *arena, const char *path, char ***names, size_t *count,
                          wick_diag *diag);

/* Folder with recipes/, profiles/, boards/ and runtime/: $WICK_SHARE, or share/wick beside the
   installed program, or the source tree this was built from. Static storage. */
const char *wick_share_dir(void);
/* A file a user names: `name` itself when it holds a '/' or exists, else
   share/<folder>/<name>.json. In `arena`; NOT_FOUND lists what there is. */
wick_status wick_share_find(wick_arena *arena, const char *folder, const char *name, char **path,
                            wick_diag *diag);
/* The same where the folder has files of several kinds: those that are objects with this field are
   found and listed. A path may lead to any file. */
wick_status wick_share_find_kind(wick_arena *arena, const char *folder, const char *field,
                                 const char *name, char **path, wick_diag *diag);

#endif
