/* Reading side of the database of runs. */
#include "train/runs_db.h"

#include <math.h>
#include <string.h>

typedef struct query {
    const wick_runs *runs;
    sqlite3_stmt *statement;
    wick_arena *arena;
    wick_status status;
    wick_diag *diag;
} query;

static query begin(const wick_runs *runs, const char *sql, int64_t argument, wick_arena *arena,
                   wick_diag *diag) {
    query q = {.runs = runs, .arena = arena, .diag = diag};
    if (sqlite3_prepare_v2(runs->db, sql, -1, &q.statement, NULL) != SQLITE_OK ||
        (sqlite3_bind_parameter_count(q.statement) == 1 &&
         sqlite3_bind_int64(q.statement, 1, argument) != SQLITE_OK))
        q.status = wick_runs_fail(runs, "read the database of runs", diag);
    return q;
}

static bool next(query *q) {
    if (q->status != WICK_OK)
        return false;
    int code = sqlite3_step(q->statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        q->status = wick_runs_fail(q->runs, "read the database of runs", q->diag);
    return code == SQLITE_ROW;
}

static wick_status end(query *q) {
    sqlite3_finalize(q->statement);
    return q->status;
}

static const char *text(const query *q, int column) {
    const unsigned char *value = sqlite3_column_text(q->statement, column);
    return wick_arena_strdup(q->arena, value ? (const char *)value : "");
}

static double real(const query *q, int column) {
    return sqlite3_column_type(q->statement, column) == SQLITE_NULL
               ? (double)NAN
               : sqlite3_column_double(q->statement, column);
}

static wick_status read_modules(const wick_runs *runs, wick_arena *arena, wick_run_info *info,
                                wick_diag *diag) {
    query q = begin(runs,
                    "SELECT module, name, parameters, macs, validation, test FROM modules"
                    " WHERE run_id = ? ORDER BY module",
                    info->id, arena, diag);
    while (next(&q)) {
        int k = sqlite3_column_int(q.statement, 0) - 1;
        if (k < 0 || k >= WICK_MAX_HEADS)
            continue;
        info->modules[k] = (wick_run_module){.name = text(&q, 1),
                                             .parameters = sqlite3_column_int64(q.statement, 2),
                                             .macs = sqlite3_column_int64(q.statement, 3),
                                             .validation = real(&q, 4),
                                             .test = real(&q, 5)};
        info->n_modules = k + 1 > info->n_modules ? k + 1 : info->n_modules;
    }
    return end(&q);
}

#define RUN_COLUMNS                                                                                \
    "id, name, status, strategy, recipe, data, data_sha256, graph_sha256, options, version,"       \
    " backend, started, finished, seconds, (SELECT count(*) FROM epochs WHERE run_id = runs.id)"

static wick_run_info run_of_row(const query *q) {
    wick_run_info info = {.id = sqlite3_column_int64(q->statement, 0),
                          .name = text(q, 1),
                          .status = text(q, 2),
                          .strategy = text(q, 3),
                          .recipe = text(q, 4),
                          .data = text(q, 5),
                          .data_sha256 = text(q, 6),
                          .graph_sha256 = text(q, 7),
                          .options = text(q, 8),
                          .version = text(q, 9),
                          .backend = text(q, 10),
                          .started = text(q, 11),
                          .finished = text(q, 12),
                          .seconds = real(q, 13),
                          .epochs = sqlite3_column_int(q->statement, 14)};
    for (int k = 0; k < WICK_MAX_HEADS; k++)
        info.modules[k] =
            (wick_run_module){.name = "", .validation = (double)NAN, .test = (double)NAN};
    return info;
}

/* A run that was killed could not say so: its process is gone. */
static wick_status notice_killed(const wick_runs *runs, wick_arena *arena, wick_run_info *info,
                                 wick_diag *diag) {
    if (strcmp(info->status, "running") != 0)
        return WICK_OK;
    query q = begin(runs, "SELECT 1 FROM sqlite_master WHERE name = 'processes'", 0, arena, diag);
    bool recorded = next(&q);
    WICK_TRY(end(&q));
    if (!recorded)
        return WICK_OK;
    q = begin(runs, "SELECT process FROM processes WHERE run_id = ?", info->id, arena, diag);
    if (next(&q) && wick_process_ended(text(&q, 0)))
        info->status = "interrupted";
    return end(&q);
}

static wick_status read_parts(const wick_runs *runs, wick_arena *arena, wick_run_info *info,
                              wick_diag *diag) {
    WICK_TRY(notice_killed(runs, arena, info, diag));
    return read_modules(runs, arena, info, diag);
}

static wick_status list(const wick_runs *runs, wick_arena *arena, wick_run_info **out, int *n,
                        wick_diag *diag) {
    int cap = 0;
    query q = begin(runs, "SELECT " RUN_COLUMNS " FROM runs ORDER BY id", 0, arena, diag);
    while (next(&q)) {
        if (*n == cap) {
            cap = cap ? 2 * cap : 16;
            wick_run_info *larger = wick_new(arena, wick_run_info, cap);
            if (*n)
                memcpy(larger, *out, (size_t)*n * sizeof *larger);
            *out = larger;
        }
        (*out)[(*n)++] = run_of_row(&q);
    }
    WICK_TRY(end(&q));
    for (int i = 0; i < *n; i++)
        WICK_TRY(read_parts(runs, arena, &(*out)[i], diag));
    return WICK_OK;
}

wick_status wick_runs_list(const char *path, wick_arena *arena, wick_run_info **out, int *n_runs,
                           wick_diag *diag) {
    *out = NULL;
    *n_runs = 0;
    wick_runs runs;
    WICK_TRY(wick_runs_open(path, false, &runs, diag));
    wick_status status = list(&runs, arena, out, n_runs, diag);
    wick_runs_close(&runs);
    return status;
}

static wick_status find(const wick_runs *runs, int64_t id, wick_arena *arena, wick_run_info *info,
                        wick_diag *diag) {
    query q = begin(runs,
                    id ? "SELECT " RUN_COLUMNS " FROM runs WHERE id = ?"
                       : "SELECT " RUN_COLUMNS " FROM runs ORDER BY id DESC LIMIT 1",
                    id, arena, diag);
    bool found = next(&q);
    if (found)
        *info = run_of_row(&q);
    WICK_TRY(end(&q));
    if (found)
        return read_parts(runs, arena, info, diag);
    if (id == 0)
        return wick_fail(diag, WICK_NOT_FOUND, runs->path, NULL, NULL, "no run is recorded in it");
    wick_buf hint = {0};
    wick_buf_puts(&hint, "there are:");
    query ids = begin(runs, "SELECT id FROM runs ORDER BY id DESC LIMIT 20", 0, arena, diag);
    while (next(&ids))
        wick_buf_printf(&hint, " %lld", (long long)sqlite3_column_int64(ids.statement, 0));
    wick_status status = end(&ids);
    if (status == WICK_OK)
        status = wick_fail(diag, WICK_NOT_FOUND, runs->path, NULL, hint.data,
                           "there is no run %lld", (long long)id);
    wick_buf_free(&hint);
    return status;
}

static wick_run_point point_of_row(const query *q) {
    wick_run_point point = {.stage = sqlite3_column_int(q->statement, 0),
                            .epoch = sqlite3_column_int(q->statement, 1),
                            .learning_rate = real(q, 2),
                            .loss = real(q, 3),
                            .seconds = real(q, 4)};
    for (int k = 0; k < WICK_MAX_HEADS; k++)
        point.train_loss[k] = point.train_accuracy[k] = point.kd_loss[k] = point.validation[k] =
            (double)NAN;
    return point;
}

static wick_status read_points(const wick_runs *runs, const wick_run_info *info, wick_arena *arena,
                               wick_run_point **points, int *n, wick_diag *diag) {
    *points = wick_new(arena, wick_run_point, info->epochs);
    query q = begin(runs,
                    "SELECT stage, epoch, learning_rate, loss, seconds FROM epochs"
                    " WHERE run_id = ? ORDER BY stage, epoch",
                    info->id, arena, diag);
    while (*n < info->epochs && next(&q))
        (*points)[(*n)++] = point_of_row(&q);
    WICK_TRY(end(&q));
    q = begin(runs,
              "SELECT stage, epoch, module, train_loss, train_accuracy, kd_loss, validation"
              " FROM metrics WHERE run_id = ? ORDER BY stage, epoch, module",
              info->id, arena, diag);
    int at = 0; /* both lists are in the same order */
    while (next(&q)) {
        int stage = sqlite3_column_int(q.statement, 0), epoch = sqlite3_column_int(q.statement, 1);
        int k = sqlite3_column_int(q.statement, 2) - 1;
        while (at < *n && ((*points)[at].stage != stage || (*points)[at].epoch != epoch))
            at++;
        if (at == *n)
            break;
        if (k < 0 || k >= WICK_MAX_HEADS)
            continue;
        wick_run_point *point = &(*points)[at];
        point->train_loss[k] = real(&q, 3);
        point->train_accuracy[k] = real(&q, 4);
        point->kd_loss[k] = real(&q, 5);
        point->validation[k] = real(&q, 6);
    }
    return end(&q);
}

wick_status wick_runs_read(const char *path, int64_t id, wick_arena *arena, wick_run_info *info,
                           wick_run_point **points, int *n_points, wick_diag *diag) {
    *points = NULL;
    *n_points = 0;
    wick_runs runs;
    WICK_TRY(wick_runs_open(path, false, &runs, diag));
    wick_status status = find(&runs, id, arena, info, diag);
    if (status == WICK_OK)
        status = read_points(&runs, info, arena, points, n_points, diag);
    wick_runs_close(&runs);
    return status;
}
