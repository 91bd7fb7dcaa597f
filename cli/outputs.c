#include "outputs.h"
#include "plan/plan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* ---- which files are one ---- */

static bool same_inode(const char *a, const char *b, mode_t kind) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && (x.st_mode & S_IFMT) == kind &&
           x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* A file that is not there yet is known by its folder and its own name. Devices and pipes keep
   nothing that could be lost. */
static bool same_file(const char *a, const char *b) {
    struct stat info;
    if (stat(a, &info) == 0 || stat(b, &info) == 0)
        return same_inode(a, b, S_IFREG);
    wick_arena *arena = wick_arena_new();
    bool same = !strcmp(wick_path_base(a), wick_path_base(b)) &&
                same_inode(wick_path_dir(arena, a), wick_path_dir(arena, b), S_IFDIR);
    wick_arena_free(arena);
    return same || !strcmp(a, b);
}

/* What follows FOLDER/ in the real path of something in that folder; NULL: it is not in there. */
static const char *inside(const char *folder, const char *path, char real[PATH_MAX]) {
    char top[PATH_MAX];
    if (!realpath(folder, top) || !realpath(path, real))
        return NULL;
    size_t len = strlen(top);
    return !strncmp(real, top, len) && real[len] == '/' ? real + len + 1 : NULL;
}

/* ---- outputs ---- */

static void refuse(cli_outputs *o, int i, const char *what) {
    if (o->of[i].folder)
        o->status = wick_fail(o->diag, WICK_OUTPUT, o->of[i].path, o->of[i].option,
                              "name a folder that holds nothing the command reads",
                              "the folder would be replaced, and the command reads a file in it "
                              "(%s)",
                              what);
    else
        o->status = wick_fail(o->diag, WICK_OUTPUT, o->of[i].path, o->of[i].option,
                              "name another file to write",
                              "the command reads this file (%s), which would be overwritten", what);
}

static void add(cli_outputs *o, const char *option, const char *path, bool folder) {
    if (!path || o->status != WICK_OK || o->n == CLI_MAX_OUTPUTS)
        return;
    for (int i = 0; i < o->n; i++)
        if (same_file(o->of[i].path, path)) {
            o->status = wick_fail(o->diag, WICK_OUTPUT, path, option, "name two files",
                                  "%s writes the same file: one would overwrite the other",
                                  o->of[i].option);
            return;
        }
    o->of[o->n].option = option;
    o->of[o->n].path = path;
    o->of[o->n++].folder = folder;
}

void cli_writes(cli_outputs *o, const char *option, const char *path) {
    add(o, option, path, false);
}

void cli_writes_folder(cli_outputs *o, const char *option, const char *path) {
    add(o, option, path, true);
}

/* ---- inputs ---- */

void cli_reads(cli_outputs *o, const char *what, const char *path) {
    char real[PATH_MAX];
    for (int i = 0; path && i < o->n && o->status == WICK_OK; i++)
        if (o->of[i].folder ? inside(o->of[i].path, path, real) != NULL
                            : same_inode(o->of[i].path, path, S_IFREG))
            refuse(o, i, what);
}

void cli_reads_trace(cli_outputs *o, const char *what, const char *spec) {
    if (!spec || !strchr(spec, '+') || wick_path_is_file(spec)) {
        cli_reads(o, what, spec);
        return;
    }
    char *list = wick_xstrdup(spec), *rest = list;
    for (char *part; (part = strsep(&rest, "+")) != NULL;)
        cli_reads(o, what, part);
    free(list);
}

void cli_reads_plan(cli_outputs *o, const char *path) {
    cli_reads(o, "the plan", path);
    if (!path || o->status != WICK_OK)
        return;
    wick_arena *arena = wick_arena_new();
    const char *model, *device;
    /* Whoever loads the plan says what is wrong with it. */
    if (wick_plan_references(path, arena, &model, &device, NULL) == WICK_OK) {
        cli_reads(o, "the plan's model", model);
        cli_reads_share(o, "the plan's device profile", "profiles", device);
    }
    wick_arena_free(arena);
}

void cli_reads_share(cli_outputs *o, const char *what, const char *folder, const char *name) {
    wick_arena *arena = wick_arena_new();
    char *path;
    if (name && wick_share_find(arena, folder, name, &path, NULL) == WICK_OK)
        cli_reads(o, what, path);
    wick_arena_free(arena);
}

/* Whether a data set in `dir` is read from this file in it: pictures lie in the folders of their
   classes, other layouts have their files on top. */
static bool holds_data(const char *dir, const char *file) {
    static const char *const pictures[] = {".png", ".jpg", ".jpeg"},
                             *const tables[] = {".npy", ".bin"},
                             *const splits[] = {"train/", "test/", "val/"};
    const char *dot = strrchr(file, '.');
    char train[PATH_MAX + 8];
    if (!strchr(file, '/'))
        return strstr(file, "-ubyte") || strstr(file, "-idx") ||
               (dot && (!strcmp(dot, tables[0]) || !strcmp(dot, tables[1])));
    snprintf(train, sizeof train, "%s/train", dir);
    bool listed = !wick_path_is_dir(train), picture = false;
    for (int i = 0; i < 3; i++) {
        listed = listed || !strncmp(file, splits[i], strlen(splits[i]));
        picture = picture || (dot && !strcasecmp(dot, pictures[i]));
    }
    return listed && picture;
}

void cli_reads_data(cli_outputs *o, const char *spec) {
    static const char *const layouts[] = {"cifar10:", "cifar100:", "folder:", "idx:", "npy:"};
    const char *dir = spec, *in;
    char real[PATH_MAX];
    if (!spec || !strncmp(spec, "builtin:", 8))
        return;
    for (size_t i = 0; i < WICK_LEN(layouts); i++)
        if (!strncmp(spec, layouts[i], strlen(layouts[i])))
            dir = spec + strlen(layouts[i]);
    for (int i = 0; i < o->n && o->status == WICK_OK; i++)
        if (o->of[i].folder
                ? same_inode(o->of[i].path, dir, S_IFDIR) ||
                      inside(o->of[i].path, dir, real) != NULL
                : (in = inside(dir, o->of[i].path, real)) != NULL && holds_data(dir, in))
            refuse(o, i, "--data");
}

void cli_reads_sim(cli_outputs *o, const sim_args *sim, const char *plan, const char *policy) {
    cli_reads_plan(o, plan);
    for (int i = 0; i < sim->n_traces; i++)
        cli_reads_trace(o, "--trace", sim->traces[i]);
    cli_reads_share(o, "--harvester", "profiles", sim->harvester);
    if (sim->arrivals && strcmp(sim->arrivals, "periodic") && strcmp(sim->arrivals, "poisson"))
        cli_reads(o, "--arrivals", sim->arrivals);
    const char *dot = policy ? strrchr(policy, '.') : NULL;
    if (dot && !strcmp(dot, ".json"))
        cli_reads(o, "--policy", policy);
    cli_reads_data(o, sim->data);
}
