/* Runs as JSON and CSV. */
#include "runs_output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *runs_real_or_null(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *runs_json(const wick_run_info *r) {
    json_t *modules = json_array();
    for (int k = 0; k < r->n_modules; k++) {
        const wick_run_module *m = &r->modules[k];
        json_array_append_new(modules,
                              json_pack("{s:s, s:I, s:I, s:o, s:o}", "name", m->name, "parameters",
                                        (json_int_t)m->parameters, "macs", (json_int_t)m->macs,
                                        "validation", runs_real_or_null(m->validation), "test",
                                        runs_real_or_null(m->test)));
    }
    json_t *options = json_loads(r->options, 0, NULL);
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:i, s:o, "
                     "s:o}",
                     "id", (json_int_t)r->id, "name", r->name, "status", r->status, "strategy",
                     r->strategy, "recipe", r->recipe, "data", r->data, "data_sha256",
                     r->data_sha256, "graph_sha256", r->graph_sha256, "version", r->version,
                     "backend", r->backend, "started", r->started, "finished", r->finished,
                     "seconds", r->seconds, "epochs", r->epochs, "modules", modules, "options",
                     options ? options : json_null());
}

json_t *runs_points_json(const wick_run_info *run, const wick_run_point *points, int n) {
    json_t *array = json_array();
    for (int i = 0; i < n; i++) {
        const wick_run_point *p = &points[i];
        json_t *modules = json_array();
        for (int k = 0; k < run->n_modules; k++)
            json_array_append_new(
                modules, json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", run->modules[k].name,
                                   "train_loss", runs_real_or_null(p->train_loss[k]),
                                   "train_accuracy", runs_real_or_null(p->train_accuracy[k]),
                                   "kd_loss", runs_real_or_null(p->kd_loss[k]), "validation",
                                   runs_real_or_null(p->validation[k])));
        json_array_append_new(array, json_pack("{s:i, s:i, s:o, s:o, s:o, s:o}", "stage", p->stage,
                                               "epoch", p->epoch, "learning_rate",
                                               runs_real_or_null(p->learning_rate), "loss",
                                               runs_real_or_null(p->loss), "seconds",
                                               runs_real_or_null(p->seconds), "modules", modules));
    }
    return array;
}

/* A field of CSV (RFC 4180): quoted, quotes doubled, where it needs to be. */
static void put_text(wick_buf *out, const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        wick_buf_printf(out, "%s,", text);
        return;
    }
    wick_buf_puts(out, "\"");
    for (; *text; text++)
        wick_buf_printf(out, *text == '"' ? "\"%c" : "%c", *text);
    wick_buf_puts(out, "\",");
}

/* Nothing where it was not measured. */
static void put_number(wick_buf *out, double value, const char *after) {
    if (isfinite(value))
        wick_buf_printf(out, "%.10g", value);
    wick_buf_puts(out, after);
}

static void put_csv(wick_buf *out, const wick_run_info *run, const wick_run_point *points, int n) {
    for (int i = 0; i < n; i++)
        for (int k = 0; k < run->n_modules; k++) {
            const wick_run_point *p = &points[i];
            if (isnan(p->train_loss[k]))
                continue; /* another stage's */
            wick_buf_printf(out, "%lld,", (long long)run->id);
            put_text(out, run->name);
            put_text(out, run->strategy);
            put_text(out, run->recipe);
            put_text(out, run->data);
            wick_buf_printf(out, "%d,%d,", p->stage, p->epoch);
            put_number(out, p->learning_rate, ",");
            put_number(out, p->loss, ",");
            put_number(out, p->seconds, ",");
            put_text(out, run->modules[k].name);
            put_number(out, p->train_loss[k], ",");
            put_number(out, p->train_accuracy[k], ",");
            put_number(out, p->kd_loss[k], ",");
            put_number(out, p->validation[k], ",");
            put_number(out, run->modules[k].validation, ",");
            put_number(out, run->modules[k].test, "\n");
        }
}

static wick_status collect(const char *db, const int64_t *ids, int n, bool json, wick_arena *arena,
                           wick_buf *out, wick_diag *diag) {
    json_t *array = json_array();
    wick_status status = WICK_OK;
    if (!json)
        wick_buf_puts(out, "run,name,strategy,recipe,data,stage,epoch,learning_rate,loss,seconds,"
                           "module,train_loss,train_accuracy,kd_loss,validation,best_validation,"
                           "test\n");
    for (int i = 0; i < n && status == WICK_OK; i++) {
        wick_run_info run;
        wick_run_point *points;
        int n_points;
        status = wick_runs_read(db, ids[i], arena, &run, &points, &n_points, diag);
        if (status == WICK_OK && json) {
            json_t *object = runs_json(&run);
            json_object_set_new(object, "curve", runs_points_json(&run, points, n_points));
            json_array_append_new(array, object);
        } else if (status == WICK_OK) {
            put_csv(out, &run, points, n_points);
        }
    }
    if (json && status == WICK_OK) {
        char *text = json_dumps(array, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
        wick_buf_printf(out, "%s\n", text ? text : "[]");
        free(text);
    }
    json_decref(array);
    return status;
}

wick_status runs_export(const char *db, const int64_t *ids, int n, bool json, const char *path,
                        wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_buf out = {0};
    wick_status status = WICK_OK;
    if (n == 0) {
        wick_run_info *runs;
        status = wick_runs_list(db, arena, &runs, &n, diag);
        int64_t *all = wick_new(arena, int64_t, n > 0 ? n : 1);
        for (int i = 0; i < n; i++)
            all[i] = runs[i].id;
        ids = all;
    }
    if (status == WICK_OK)
        status = collect(db, ids, n, json, arena, &out, diag);
    if (status == WICK_OK && path)
        status = wick_file_write(path, out.data, out.len, diag);
    else if (status == WICK_OK && fwrite(out.data, 1, out.len, stdout) != out.len)
        status = WICK_OUTPUT;
    wick_buf_free(&out);
    wick_arena_free(arena);
    return status;
}
