/* The database of runs: what is written is read back, and files of others are left alone. */
#include "train/runs_db.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/wick-test-runs-XXXXXX";
static char path[64];

static int make_folder(void **state) {
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/runs.db", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    return wick_path_remove(folder) ? 0 : -1;
}

static wick_run_info example(void) {
    wick_run_info info = {.name = "n",
                          .strategy = "l2s",
                          .recipe = "vgg16",
                          .data = "d",
                          .data_sha256 = "aa",
                          .graph_sha256 = "bb",
                          .options = "{\"epochs\":2}",
                          .version = "0",
                          .backend = "b",
                          .n_modules = 2};
    for (int k = 0; k < 2; k++)
        info.modules[k] = (wick_run_module){.name = k ? "TM2" : "TM1",
                                            .parameters = 1000 + k,
                                            .macs = INT64_C(1) << 40,
                                            .validation = (double)NAN,
                                            .test = (double)NAN};
    return info;
}

static wick_run_point point(int stage, int epoch) {
    wick_run_point p = {.stage = stage, .epoch = epoch, .loss = 0.1 * epoch, .seconds = 2};
    for (int k = 0; k < WICK_MAX_HEADS; k++)
        p.train_loss[k] = p.train_accuracy[k] = p.kd_loss[k] = p.validation[k] = (double)NAN;
    int k = stage - 1;
    p.train_loss[k] = 1.0 / 3;
    p.train_accuracy[k] = 0.5;
    p.kd_loss[k] = 0;
    p.validation[k] = 0.25 * epoch;
    return p;
}

static void what_is_written_is_read(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_runs runs;
    wick_run_info info = example();
    for (int r = 1; r <= 2; r++) {
        assert_int_equal(wick_runs_open(path, true, &runs, NULL), WICK_OK);
        assert_int_equal(wick_runs_begin(&runs, &info, 1, 1, NULL), WICK_OK);
        assert_int_equal(runs.run_id, r);
        for (int stage = 1; stage <= 2; stage++)
            for (int epoch = 1; epoch <= 2; epoch++) {
                wick_run_point p = point(stage, epoch);
                assert_int_equal(wick_runs_add(&runs, &p, 2.0 * epoch, NULL), WICK_OK);
            }
        const double validation[2] = {0.5, (double)NAN};
        assert_int_equal(wick_runs_end(&runs, "done", validation, NULL), WICK_OK);
        wick_runs_close(&runs);
    }
    const double test[2] = {0.75, 0.625};
    assert_int_equal(wick_runs_set_test(path, 1, test, 2, NULL), WICK_OK);
    wick_run_info *all, one;
    wick_run_point *points;
    int n;
    assert_int_equal(wick_runs_list(path, arena, &all, &n, NULL), WICK_OK);
    assert_int_equal(n, 2);
    assert_true(fabs(all[0].modules[1].test - 0.625) < 1e-12 && isnan(all[1].modules[1].test));
    assert_int_equal(wick_runs_read(path, 1, arena, &one, &points, &n, NULL), WICK_OK);
    assert_int_equal(n, 4);
    assert_string_equal(one.status, "done");
    assert_int_equal(strlen(one.started), 19);
    assert_int_equal(strlen(one.finished), 19);
    assert_true(fabs(one.seconds - 4) < 1e-12);
    assert_true(fabs(one.modules[0].validation - 0.5) < 1e-12 && isnan(one.modules[1].validation));
    assert_true(one.modules[1].macs == INT64_C(1) << 40);
    assert_int_equal(points[2].stage, 2);
    assert_true(isnan(points[2].validation[0]) && fabs(points[3].validation[1] - 0.5) < 1e-12);
    assert_true(fabs(points[1].train_loss[0] - 1.0 / 3) < 1e-15);
    /* One file and nothing beside it. */
    char **names;
    size_t count;
    assert_int_equal(wick_dir_list(arena, folder, &names, &count, NULL), WICK_OK);
    assert_int_equal(count, 1);
    wick_arena_free(arena);
}

/* Killed after the database and before the checkpoint: the epoch comes a second time. */
static void a_repeated_epoch_replaces_the_first(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_runs runs;
    wick_run_info info = example(), one;
    info.id = 1;
    assert_int_equal(wick_runs_open(path, true, &runs, NULL), WICK_OK);
    assert_int_equal(wick_runs_begin(&runs, &info, 1, 2, NULL), WICK_OK);
    assert_int_equal(runs.run_id, 1);
    wick_run_point p = point(1, 2), *points;
    p.loss = 7;
    assert_int_equal(wick_runs_add(&runs, &p, 5, NULL), WICK_OK);
    wick_runs_close(&runs);
    int n;
    assert_int_equal(wick_runs_read(path, 1, arena, &one, &points, &n, NULL), WICK_OK);
    assert_int_equal(n, 2); /* the second stage is gone as well */
    assert_true(fabs(points[1].loss - 7) < 1e-12);
    assert_string_equal(one.status, "running");
    /* The id of another network's run is not taken up. */
    info.graph_sha256 = "cc";
    assert_int_equal(wick_runs_open(path, true, &runs, NULL), WICK_OK);
    assert_int_equal(wick_runs_begin(&runs, &info, 1, 2, NULL), WICK_OK);
    assert_int_equal(runs.run_id, 3);
    wick_runs_close(&runs);
    wick_arena_free(arena);
}

static wick_status opened(const char *file, bool write, const char *word) {
    wick_runs runs;
    wick_diag diag = {0};
    wick_status status = wick_runs_open(file, write, &runs, &diag);
    assert_true(wick_diag_contains(&diag, word));
    assert_true(wick_diag_contains(&diag, file));
    wick_diag_free(&diag);
    return status;
}

static void other_files_are_left_alone(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    char *file = wick_path_join(arena, folder, "other");
    assert_int_equal(opened(file, false, "no such file"), WICK_NOT_FOUND);
    assert_int_equal(opened("/nonexistent/x.db", true, "cannot open"), WICK_OUTPUT);
    char text[2000];
    memset(text, 'x', sizeof text);
    assert_int_equal(wick_file_write(file, text, sizeof text, NULL), WICK_OK);
    assert_int_equal(opened(file, true, "not a database"), WICK_SYNTAX);
    wick_bytes bytes;
    assert_int_equal(wick_file_read(arena, file, 4000, &bytes, NULL), WICK_OK);
    assert_int_equal(bytes.len, sizeof text);
    assert_memory_equal(bytes.data, text, sizeof text);
    unlink(file);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t(x)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(opened(file, true, "something else"), WICK_MISMATCH);
    sqlite3_close(db);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 2", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(opened(path, false, "schema version 2"), WICK_UNSUPPORTED);
    wick_arena_free(arena);
}

static void a_missing_run_lists_what_there_is(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_diag diag = {0};
    wick_run_info one;
    wick_run_point *points;
    int n;
    assert_int_equal(wick_runs_read(path, 99, arena, &one, &points, &n, &diag), WICK_NOT_FOUND);
    assert_true(wick_diag_contains(&diag, "there are: 3 2 1"));
    wick_diag_free(&diag);
    wick_arena_free(arena);
}

/* A process that opens the file when the pipe `go` is closed, and records one run. */
static pid_t start_writer(const char *file, const int go[2]) {
    pid_t child = fork();
    if (child != 0)
        return child;
    char byte;
    close(go[1]);
    if (read(go[0], &byte, 1) != 0)
        _exit(2);
    wick_runs runs;
    wick_diag diag = {0};
    wick_run_info info = example();
    wick_run_point p = point(1, 1);
    wick_status status = wick_runs_open(file, true, &runs, &diag);
    if (status == WICK_OK)
        status = wick_runs_begin(&runs, &info, 1, 1, &diag);
    if (status == WICK_OK)
        status = wick_runs_add(&runs, &p, 1, &diag);
    wick_runs_close(&runs);
    wick_diag_print(&diag, stderr);
    _exit(status == WICK_OK ? 0 : 1);
}

/* Several programs find no file and all make one. */
static void writers_begin_a_file_together(void **state) {
    (void)state;
    enum { ROUNDS = 15, WRITERS = 4 };
    for (int round = 0; round < ROUNDS; round++) {
        char file[80];
        snprintf(file, sizeof file, "%s/together-%d.db", folder, round);
        int go[2];
        assert_int_equal(pipe(go), 0);
        pid_t writers[WRITERS];
        for (int i = 0; i < WRITERS; i++) {
            writers[i] = start_writer(file, go);
            assert_true(writers[i] > 0);
        }
        close(go[0]);
        close(go[1]);
        for (int i = 0; i < WRITERS; i++) {
            int result;
            assert_int_equal(waitpid(writers[i], &result, 0), writers[i]);
            assert_int_equal(result, 0);
        }
        sqlite3 *db;
        sqlite3_stmt *statement;
        assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
        assert_int_equal(
            sqlite3_prepare_v2(db, "SELECT count(*) FROM epochs", -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int(statement, 0), WRITERS);
        sqlite3_finalize(statement);
        sqlite3_close(db);
    }
}

static const char *status_of_last(wick_arena *arena) {
    wick_run_info info;
    wick_run_point *points;
    int n;
    assert_int_equal(wick_runs_read(path, 0, arena, &info, &points, &n, NULL), WICK_OK);
    wick_run_info *all;
    assert_int_equal(wick_runs_list(path, arena, &all, &n, NULL), WICK_OK);
    assert_string_equal(all[n - 1].status, info.status);
    return info.status;
}

/* A training that is killed cannot record it; who reads notices. */
static void a_killed_run_is_interrupted(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    int begun[2], stay[2]; /* the child ends when we do */
    char byte = 0;
    assert_int_equal(pipe(begun) | pipe(stay), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        wick_runs runs;
        wick_run_info info = example();
        if (wick_runs_open(path, true, &runs, NULL) == WICK_OK &&
            wick_runs_begin(&runs, &info, 1, 1, NULL) == WICK_OK)
            byte = 1;
        close(stay[1]);
        _exit(write(begun[1], &byte, 1) == 1 && read(stay[0], &byte, 1) == 0);
    }
    assert_int_equal(read(begun[0], &byte, 1), 1);
    assert_int_equal(byte, 1);
    assert_string_equal(status_of_last(arena), "running");
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_string_equal(status_of_last(arena), "interrupted");
    wick_runs runs; /* going on with it, then as a file from before processes were named */
    wick_run_info info = example(), *all;
    int n;
    assert_int_equal(wick_runs_list(path, arena, &all, &n, NULL), WICK_OK);
    info.id = all[n - 1].id;
    assert_int_equal(wick_runs_open(path, true, &runs, NULL), WICK_OK);
    assert_int_equal(wick_runs_begin(&runs, &info, 1, 1, NULL), WICK_OK);
    assert_string_equal(status_of_last(arena), "running");
    assert_int_equal(wick_runs_exec(&runs, "DROP TABLE processes", NULL), WICK_OK);
    assert_string_equal(status_of_last(arena), "running");
    wick_runs_close(&runs);
    for (int end = 0; end < 2; end++) {
        close(begun[end]);
        close(stay[end]);
    }
    wick_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_repeated_epoch_replaces_the_first),
        cmocka_unit_test(a_missing_run_lists_what_there_is),
        cmocka_unit_test(a_killed_run_is_interrupted),
        cmocka_unit_test(other_files_are_left_alone),
        cmocka_unit_test(writers_begin_a_file_together),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
