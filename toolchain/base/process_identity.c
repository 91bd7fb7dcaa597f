/* Whether a process that is known from a file still runs, from what Linux tells in /proc. */
#include "base/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORD = 80 };

typedef struct identity {
    char machine[WORD], boot[WORD], names[WORD]; /* "-" where the system does not tell */
    long pid;
    unsigned long long start; /* clock ticks after the boot */
} identity;

/* The first word of a file, "-" without one. */
static void first_word(const char *path, char word[WORD]) {
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%79s", word) != 1)
        strcpy(word, "-");
    if (file)
        fclose(file);
}

/* Start time of a process; 0 where none with this PID runs. The name, field 2, may hold anything,
   so fields are counted behind its bracket: 3 is the state, 22 the start. */
static unsigned long long start_of(long pid) {
    char path[WORD], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[n] = '\0';
    char *at = strrchr(text, ')'), state;
    unsigned long long start;
    if (!at || sscanf(at + 1,
                      " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
                      " %llu",
                      &state, &start) != 2)
        return 0;
    return state == 'Z' || state == 'X' ? 0 : start;
}

static identity own_identity(void) {
    identity own = {.pid = (long)getpid()};
    first_word("/etc/machine-id", own.machine);
    first_word("/proc/sys/kernel/random/boot_id", own.boot);
    ssize_t n = readlink("/proc/self/ns/pid", own.names, sizeof own.names - 1);
    own.names[n > 0 ? n : 0] = '\0';
    if (n <= 0)
        strcpy(own.names, "-");
    own.start = start_of(own.pid);
    return own;
}

const char *wick_process_self(wick_arena *arena) {
    identity own = own_identity();
    return wick_arena_printf(arena, "%s %s %s %ld %llu", own.machine, own.boot, own.names, own.pid,
                             own.start);
}

static bool known_alike(const char *a, const char *b) {
    return strcmp(a, "-") != 0 && !strcmp(a, b);
}

bool wick_process_ended(const char *self) {
    identity then, own = own_identity();
    if (sscanf(self, "%79s %79s %79s %ld %llu", then.machine, then.boot, then.names, &then.pid,
               &then.start) != 5 ||
        then.start == 0 || own.start == 0)
        return false;
    if (known_alike(then.boot, own.boot))
        return known_alike(then.names, own.names) && start_of(then.pid) != then.start;
    return known_alike(then.machine, own.machine) && strcmp(own.boot, "-") != 0 &&
           strcmp(then.boot, "-") != 0;
}
