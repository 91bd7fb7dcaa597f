/* Status codes of the toolchain: one table gives the enum, its names, its texts and the exit status
 * of the program. */
#ifndef WICK_STATUS_H
#define WICK_STATUS_H

/* X(name, exit status, text). Exit status: 0 done, 1 the answer is no, 2 usage, 3 bad input, 4
 * failure. */
#define WICK_STATUS_TABLE(X)                                                                       \
    X(OK, 0, "done")                                                                               \
    X(NO_FIT, 1, "does not fit")                                                                   \
    X(DIFFERS, 1, "differs")                                                                       \
    X(USAGE, 2, "usage")                                                                           \
    X(NOT_FOUND, 3, "not found")                                                                   \
    X(SYNTAX, 3, "malformed")                                                                      \
    X(TRUNCATED, 3, "cut off")                                                                     \
    X(RANGE, 3, "out of range")                                                                    \
    X(MISSING, 3, "missing field")                                                                 \
    X(UNKNOWN, 3, "unknown name")                                                                  \
    X(SHAPE, 3, "shapes do not match")                                                             \
    X(UNSUPPORTED, 3, "unsupported")                                                               \
    X(MISMATCH, 3, "belongs to something else")                                                    \
    X(OUTPUT, 3, "cannot write")                                                                   \
    X(IO, 4, "input/output failed")                                                                \
    X(MEMORY, 4, "out of memory")                                                                  \
    X(INTERRUPTED, 4, "interrupted")                                                               \
    X(BACKEND, 4, "backend failed")                                                                \
    X(TOOL, 4, "external tool failed")

typedef enum wick_status {
#define X(name, exit_status, text) WICK_##name,
    WICK_STATUS_TABLE(X)
#undef X
        WICK_STATUS_COUNT
} wick_status;

/* Name such as "NO_FIT"; static storage. */
const char *wick_status_name(wick_status status);
/* Short text such as "does not fit"; static storage. */
const char *wick_status_text(wick_status status);
/* Exit status of the program, 0 to 4. */
int wick_status_exit(wick_status status);

#endif
