#include "train/runs_db.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* PRAGMA application_id takes a literal: "wick" in ASCII. */
enum { APPLICATION_ID = 0x7769636B, SCHEMA_VERSION = 1, BUSY_MS = 10000 };

/* Files from before it was there have no such table: it is made when they are written to again. */
#define PROCESSES                                                                                  \
    "CREATE TABLE IF NOT EXISTS processes(run_id INTEGER PRIMARY KEY REFERENCES runs(id),"         \
    " process TEXT NOT NULL);"

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS runs(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL,"
    " status TEXT NOT NULL, strategy TEXT NOT NULL, recipe TEXT NOT NULL, data TEXT NOT NULL,"
    " data_sha256 TEXT NOT NULL, graph_sha256 TEXT NOT NULL, options TEXT NOT NULL,"
    " version TEXT NOT NULL, backend TEXT NOT NULL, started TEXT NOT NULL, finished TEXT,"
    " seconds REAL NOT NULL);"
    "CREATE TABLE IF NOT EXISTS modules(run_id INTEGER NOT NULL REFERENCES runs(id), module INTEGER NOT NULL,"
    " name TEXT NOT NULL, parameters INTEGER NOT NULL, macs INTEGER NOT NULL, validation REAL,"
    " test REAL, PRIMARY KEY(run_id, module));"
    "CREATE TABLE IF NOT EXISTS epochs(run_id INTEGER NOT NULL REFERENCES runs(id), stage INTEGER NOT NULL,"
    " epoch INTEGER NOT NULL, learning_rate REAL NOT NULL, loss REAL NOT NULL,"
    " seconds REAL NOT NULL, PRIMARY KEY(run_id, stage, epoch));"
    "CREATE TABLE IF NOT EXISTS metrics(run_id INTEGER NOT NULL REFERENCES runs(id), stage INTEGER NOT NULL,"
    " epoch INTEGER NOT NULL, module INTEGER NOT NULL, train_loss REAL, train_accuracy REAL,"
    " kd_loss REAL, validation REAL, PRIMARY KEY(run_id, stage, epoch, module));" PROCESSES
    "PRAGMA application_id = 0x7769636B;"
    "PRAGMA user_version = 1;"
    "COMMIT;";

wick_status wick_runs_fail(const wick_runs *runs, const char *doing, wick_diag *diag) {
    int code = sqlite3_errcode(runs->db) & 0xff;
    wick_status status =
        code == SQLITE_NOTADB || code == SQLITE_CORRUPT ||
                code == SQLITE_ERROR /* its tables are not ours */
            ? WICK_SYNTAX
            : code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_PERM
                  ? WICK_OUTPUT
                  : WICK_IO;
    return wick_fail(diag, status, runs->path, NULL,
                     status == WICK_SYNTAX ? "name another file: this one is no database of runs"
                                           : NULL,
                     "cannot %s: %s", doing, sqlite3_errmsg(runs->db));
}

wick_status wick_runs_exec(const wick_runs *runs, const char *sql, wick_diag *diag) {
    if (sqlite3_exec(runs->db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return WICK_OK;
    wick_status status = wick_runs_fail(runs, "use the database of runs", diag);
    if (!sqlite3_get_autocommit(runs->db)) /* best effort: closing would do it as well */
        sqlite3_exec(runs->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

static wick_status query_int(const wick_runs *runs, const char *sql, int64_t *value,
                             wick_diag *diag) {
    sqlite3_stmt *statement = NULL;
    *value = 0;
    int code = sqlite3_prepare_v2(runs->db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    wick_status status = code == SQLITE_ROW || code == SQLITE_DONE
                             ? WICK_OK
                             : wick_runs_fail(runs, "read the database of runs", diag);
    sqlite3_finalize(statement);
    return status;
}

/* Makes the tables in an empty file (two programs may do so at once); refuses files of others and
 * of newer versions. */
static wick_status check_schema(const wick_runs *runs, bool write, wick_diag *diag) {
    int64_t application, version, tables;
    /* Tables first: another program may make them between two questions, and with them comes the
       rest in one transaction. */
    WICK_TRY(query_int(runs, "SELECT count(*) FROM sqlite_master", &tables, diag));
    WICK_TRY(query_int(runs, "PRAGMA application_id", &application, diag));
    WICK_TRY(query_int(runs, "PRAGMA user_version", &version, diag));
    if (tables == 0 && application == 0 && write)
        return wick_runs_exec(runs, schema, diag);
    if (application != APPLICATION_ID)
        return wick_fail(diag, WICK_MISMATCH, runs->path, NULL, "name another file",
                         "this SQLite file holds something else than runs");
    if (version != SCHEMA_VERSION)
        return wick_fail(diag, WICK_UNSUPPORTED, runs->path, NULL,
                         "use the version of wick that wrote it, or another file",
                         "schema version %lld, this program knows %d", (long long)version,
                         SCHEMA_VERSION);
    return write ? wick_runs_exec(runs, PROCESSES, diag) : WICK_OK;
}

wick_status wick_runs_open(const char *path, bool write, wick_runs *runs, wick_diag *diag) {
    *runs = (wick_runs){.path = wick_xstrdup(path)};
    wick_status status = WICK_OK;
    if (!write && !wick_path_is_file(path))
        status = wick_fail(diag, WICK_NOT_FOUND, path, NULL,
                           "wick train --runs FILE records training runs", "there is no such file");
    int flags = write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    if (status == WICK_OK && sqlite3_open_v2(path, &runs->db, flags, NULL) != SQLITE_OK)
        status = wick_fail(
            diag, WICK_OUTPUT, path, NULL, "check that the folder exists and may be written to",
            "cannot open the database: %s", runs->db ? sqlite3_errmsg(runs->db) : "out of memory");
    if (status == WICK_OK) {
        sqlite3_busy_timeout(runs->db, BUSY_MS);
        status = check_schema(runs, write, diag);
    }
    if (status == WICK_OK && write)
        status = wick_runs_exec(runs, "PRAGMA journal_mode = DELETE", diag);
    if (status != WICK_OK)
        wick_runs_close(runs);
    return status;
}

void wick_runs_close(wick_runs *runs) {
    sqlite3_close(runs->db); /* NULL is allowed; every statement was finalised */
    free(runs->path);
    *runs = (wick_runs){0};
}

/* --- statements with values --------------------------------------------------------------------*/

/* Kinds: i int64_t, f double (NAN = NULL), s text. Runs the statement to its end. */
typedef struct value {
    char kind;
    int64_t i;
    double f;
    const char *s;
} value;
#define INT(x) ((value){.kind = 'i', .i = (x)})
#define REAL(x) ((value){.kind = 'f', .f = (x)})
#define TEXT(x) ((value){.kind = 's', .s = (x)})

static wick_status run(const wick_runs *runs, const char *sql, const value *values, int n,
                       wick_diag *diag) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(runs->db, sql, -1, &statement, NULL);
    for (int i = 0; i < n && code == SQLITE_OK; i++) {
        if (values[i].kind == 'i')
            code = sqlite3_bind_int64(statement, i + 1, values[i].i);
        else if (values[i].kind == 's')
            code = sqlite3_bind_text(statement, i + 1, values[i].s, -1, SQLITE_TRANSIENT);
        else
            code = isnan(values[i].f) ? sqlite3_bind_null(statement, i + 1)
                                      : sqlite3_bind_double(statement, i + 1, values[i].f);
    }
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    wick_status status = code == SQLITE_DONE || code == SQLITE_ROW
                             ? WICK_OK
                             : wick_runs_fail(runs, "write the database of runs", diag);
    sqlite3_finalize(statement);
    return status;
}

static wick_status finish_transaction(const wick_runs *runs, wick_status status, wick_diag *diag) {
    if (status == WICK_OK)
        return wick_runs_exec(runs, "COMMIT", diag);
    sqlite3_exec(runs->db, "ROLLBACK", NULL, NULL, NULL); /* the first failure is the one to tell */
    return status;
}

static wick_status insert_run(wick_runs *runs, const wick_run_info *info, wick_diag *diag) {
    const value row[] = {TEXT(info->name),    TEXT(info->strategy),    TEXT(info->recipe),
                         TEXT(info->data),    TEXT(info->data_sha256), TEXT(info->graph_sha256),
                         TEXT(info->options), TEXT(info->version),     TEXT(info->backend)};
    WICK_TRY(run(runs,
                 "INSERT INTO runs(name, status, strategy, recipe, data, data_sha256, graph_sha256,"
                 " options, version, backend, started, seconds)"
                 " VALUES(?, 'running', ?, ?, ?, ?, ?, ?, ?, ?, datetime('now'), 0)",
                 row, (int)WICK_LEN(row), diag));
    runs->run_id = sqlite3_last_insert_rowid(runs->db);
    for (int k = 0; k < info->n_modules; k++) {
        const wick_run_module *m = &info->modules[k];
        const value module[] = {INT(runs->run_id),  INT(k + 1),   TEXT(m->name),
                                INT(m->parameters), INT(m->macs), REAL(m->validation),
                                REAL(m->test)};
        WICK_TRY(run(runs, "INSERT INTO modules VALUES(?, ?, ?, ?, ?, ?, ?)", module,
                     (int)WICK_LEN(module), diag));
    }
    return WICK_OK;
}

/* A run killed between the database and the checkpoint has an epoch here that will be repeated. */
static wick_status continue_run(wick_runs *runs, int64_t id, int stage, int epoch,
                                wick_diag *diag) {
    runs->run_id = id;
    const value from[] = {INT(id), INT(stage), INT(stage), INT(epoch)};
    WICK_TRY(run(
        runs, "DELETE FROM epochs WHERE run_id = ? AND (stage > ? OR (stage = ? AND epoch >= ?))",
        from, 4, diag));
    WICK_TRY(run(
        runs, "DELETE FROM metrics WHERE run_id = ? AND (stage > ? OR (stage = ? AND epoch >= ?))",
        from, 4, diag));
    return run(runs, "UPDATE runs SET status = 'running', finished = NULL WHERE id = ?", from, 1,
               diag);
}

/* By which a reader sees that the run was killed. */
static wick_status name_process(const wick_runs *runs, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    const value row[] = {INT(runs->run_id), TEXT(wick_process_self(arena))};
    wick_status status = run(runs, "INSERT OR REPLACE INTO processes VALUES(?, ?)", row, 2, diag);
    wick_arena_free(arena);
    return status;
}

wick_status wick_runs_begin(wick_runs *runs, const wick_run_info *info, int stage, int epoch,
                            wick_diag *diag) {
    runs->n_modules = info->n_modules;
    WICK_TRY(wick_runs_exec(runs, "BEGIN IMMEDIATE", diag));
    char *sql = sqlite3_mprintf("SELECT count(*) FROM runs WHERE id = %lld AND graph_sha256 = %Q"
                                " AND data_sha256 = %Q",
                                (long long)info->id, info->graph_sha256, info->data_sha256);
    int64_t there = 0;
    wick_status status = sql ? query_int(runs, sql, &there, diag) : WICK_MEMORY;
    sqlite3_free(sql);
    if (status == WICK_OK)
        status =
            there ? continue_run(runs, info->id, stage, epoch, diag) : insert_run(runs, info, diag);
    if (status == WICK_OK)
        status = name_process(runs, diag);
    return finish_transaction(runs, status, diag);
}

static wick_status add_epoch(wick_runs *runs, const wick_run_point *p, double seconds_total,
                             wick_diag *diag) {
    const value epoch[] = {INT(runs->run_id),      INT(p->stage), INT(p->epoch),
                           REAL(p->learning_rate), REAL(p->loss), REAL(p->seconds)};
    WICK_TRY(run(runs, "INSERT OR REPLACE INTO epochs VALUES(?, ?, ?, ?, ?, ?)", epoch,
                 (int)WICK_LEN(epoch), diag));
    for (int k = 0; k < runs->n_modules; k++) {
        if (isnan(p->train_loss[k]))
            continue;
        const value metrics[] = {INT(runs->run_id),      INT(p->stage),
                                 INT(p->epoch),          INT(k + 1),
                                 REAL(p->train_loss[k]), REAL(p->train_accuracy[k]),
                                 REAL(p->kd_loss[k]),    REAL(p->validation[k])};
        WICK_TRY(run(runs, "INSERT OR REPLACE INTO metrics VALUES(?, ?, ?, ?, ?, ?, ?, ?)", metrics,
                     (int)WICK_LEN(metrics), diag));
    }
    const value total[] = {REAL(seconds_total), INT(runs->run_id)};
    return run(runs, "UPDATE runs SET seconds = ? WHERE id = ?", total, 2, diag);
}

wick_status wick_runs_add(wick_runs *runs, const wick_run_point *point, double seconds_total,
                          wick_diag *diag) {
    WICK_TRY(wick_runs_exec(runs, "BEGIN IMMEDIATE", diag));
    return finish_transaction(runs, add_epoch(runs, point, seconds_total, diag), diag);
}

static wick_status set_accuracy(const wick_runs *runs, const char *sql, const double *accuracy,
                                int n_modules, wick_diag *diag) {
    for (int k = 0; k < n_modules; k++) {
        const value row[] = {REAL(accuracy[k]), INT(runs->run_id), INT(k + 1)};
        if (!isnan(accuracy[k]))
            WICK_TRY(run(runs, sql, row, 3, diag));
    }
    return WICK_OK;
}

wick_status wick_runs_end(wick_runs *runs, const char *status_name, const double *validation,
                          wick_diag *diag) {
    WICK_TRY(wick_runs_exec(runs, "BEGIN IMMEDIATE", diag));
    const value row[] = {TEXT(status_name), INT(runs->run_id)};
    wick_status status = run(
        runs, "UPDATE runs SET status = ?, finished = datetime('now') WHERE id = ?", row, 2, diag);
    if (status == WICK_OK && validation)
        status =
            set_accuracy(runs, "UPDATE modules SET validation = ? WHERE run_id = ? AND module = ?",
                         validation, runs->n_modules, diag);
    return finish_transaction(runs, status, diag);
}

wick_status wick_runs_set_test(const char *path, int64_t id, const double *accuracy, int n_modules,
                               wick_diag *diag) {
    wick_runs runs;
    WICK_TRY(wick_runs_open(path, true, &runs, diag));
    runs.run_id = id;
    wick_status status = wick_runs_exec(&runs, "BEGIN IMMEDIATE", diag);
    if (status == WICK_OK)
        status = finish_transaction(
            &runs,
            set_accuracy(&runs, "UPDATE modules SET test = ? WHERE run_id = ? AND module = ?",
                         accuracy, n_modules, diag),
            diag);
    wick_runs_close(&runs);
    return status;
}
