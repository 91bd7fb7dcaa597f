/* Runs side by side. */
#include "runs_output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAMES = WICK_MAX_HEADS * WICK_PLOT_MAX_RUNS };

typedef struct comparison {
    wick_arena *arena;
    int n;
    wick_run_info *runs;
    json_t **settings; /* of each run: key -> value, training options among them */
    int n_names;
    const char *names[MAX_NAMES]; /* of all modules, in order of appearance */
} comparison;

/* What a run was made of and with. */
static json_t *settings_of(const wick_run_info *r) {
    json_t *options = json_loads(r->options, 0, NULL);
    json_t *all =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", r->name, "status", r->status,
                  "recipe", r->recipe, "data", r->data, "data_sha256", r->data_sha256,
                  "graph_sha256", r->graph_sha256, "version", r->version, "backend", r->backend);
    if (json_is_object(options))
        json_object_update(all, options);
    json_decref(options);
    return all;
}

static void add_name(comparison *c, const char *name) {
    for (int i = 0; i < c->n_names; i++)
        if (!strcmp(c->names[i], name))
            return;
    c->names[c->n_names++] = name;
}

static wick_status read_all(comparison *c, const char *db, const int64_t *ids, wick_diag *diag) {
    for (int i = 0; i < c->n; i++) {
        wick_run_point *points;
        int n_points;
        WICK_TRY(wick_runs_read(db, ids[i], c->arena, &c->runs[i], &points, &n_points, diag));
        c->settings[i] = settings_of(&c->runs[i]);
        for (int k = 0; k < c->runs[i].n_modules; k++)
            add_name(c, c->runs[i].modules[k].name);
    }
    return WICK_OK;
}

/* {key: [value of each run]} of the settings that are not the same in all; null where a run lacks
   it. */
static json_t *differences(const comparison *c) {
    json_t *result = json_object();
    for (int i = 0; i < c->n; i++) {
        const char *key;
        json_t *value;
        json_object_foreach(c->settings[i], key, value) {
            bool same = true;
            for (int j = 0; j < c->n; j++) {
                const json_t *other = json_object_get(c->settings[j], key);
                same = same && other && json_equal(value, other);
            }
            if (same || json_object_get(result, key))
                continue;
            json_t *row = json_array();
            for (int j = 0; j < c->n; j++) {
                json_t *other = json_object_get(c->settings[j], key);
                json_array_append(row, other ? other : json_null());
            }
            json_object_set_new(result, key, row);
        }
    }
    return result;
}

/* The accuracy of a run's module of that name; NAN when it has none or it was not measured. */
static double accuracy_of(const wick_run_info *run, const char *name, bool test) {
    for (int k = 0; k < run->n_modules; k++)
        if (!strcmp(run->modules[k].name, name))
            return test ? run->modules[k].test : run->modules[k].validation;
    return (double)NAN;
}

/* "83.10 (+1.20)": in %, and points of difference to the first run. */
static const char *cell_of(wick_arena *arena, double value, double first, bool is_first) {
    if (isnan(value))
        return "-";
    if (is_first || isnan(first))
        return wick_arena_printf(arena, "%.2f", 100 * value);
    return wick_arena_printf(arena, "%.2f (%+.2f)", 100 * value, 100 * (value - first));
}

/* The header of both tables: `label`, then the runs' numbers. */
static const char **begin_table(const comparison *c, int rows, const char *label) {
    const char **cells = wick_new(c->arena, const char *, rows *(c->n + 1));
    cells[0] = label;
    for (int i = 0; i < c->n; i++)
        cells[1 + i] = wick_arena_printf(c->arena, "run %lld", (long long)c->runs[i].id);
    return cells;
}

static const char *text_of(wick_arena *arena, const json_t *value) {
    enum { LONGEST = 40 };
    if (json_is_null(value))
        return "-";
    char *text = json_is_string(value)
                     ? NULL
                     : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    const char *full = text ? text : json_is_string(value) ? json_string_value(value) : "";
    const char *shown = strlen(full) <= LONGEST
                            ? wick_arena_strdup(arena, full)
                            : wick_arena_printf(arena, "%.*s...", LONGEST - 3, full);
    free(text);
    return shown;
}

static void print_settings(const comparison *c, json_t *different) {
    size_t count = json_object_size(different);
    if (count == 0) {
        printf("the same settings\n");
        return;
    }
    const char **cells = begin_table(c, (int)count + 1, "setting");
    int row = 0;
    const char *key;
    json_t *values;
    json_object_foreach(different, key, values) {
        const char **line = cells + ++row * (c->n + 1);
        line[0] = key;
        for (int i = 0; i < c->n; i++)
            line[1 + i] = text_of(c->arena, json_array_get(values, (size_t)i));
    }
    cli_print_table(cells, (int)count + 1, c->n + 1);
}

static void print_accuracies(const comparison *c) {
    const char **cells = begin_table(c, 2 * c->n_names + 3, "accuracy in %");
    int rows = 1;
    for (int test = 0; test < 2; test++)
        for (int m = 0; m < c->n_names; m++) {
            const char **line = cells + rows * (c->n + 1);
            bool any = false;
            line[0] =
                wick_arena_printf(c->arena, "%s %s", c->names[m], test ? "test" : "validation");
            for (int i = 0; i < c->n; i++) {
                double value = accuracy_of(&c->runs[i], c->names[m], test);
                line[1 + i] =
                    cell_of(c->arena, value, accuracy_of(&c->runs[0], c->names[m], test), i == 0);
                any = any || !isnan(value);
            }
            rows += any;
        }
    const char **epochs = cells + rows * (c->n + 1), **seconds = epochs + c->n + 1;
    epochs[0] = "epochs";
    seconds[0] = "seconds";
    for (int i = 0; i < c->n; i++) {
        epochs[1 + i] = wick_arena_printf(c->arena, "%d", c->runs[i].epochs);
        seconds[1 + i] = wick_arena_printf(c->arena, "%.1f", c->runs[i].seconds);
    }
    printf("\n");
    cli_print_table(cells, rows + 2, c->n + 1);
}

static json_t *modules_json(const comparison *c) {
    json_t *modules = json_array();
    for (int m = 0; m < c->n_names; m++) {
        json_t *module = json_pack("{s:s}", "name", c->names[m]);
        for (int test = 0; test < 2; test++) {
            json_t *values = json_array(), *deltas = json_array();
            double first = accuracy_of(&c->runs[0], c->names[m], test);
            for (int i = 0; i < c->n; i++) {
                double value = accuracy_of(&c->runs[i], c->names[m], test);
                json_array_append_new(values, runs_real_or_null(value));
                json_array_append_new(deltas, runs_real_or_null(value - first));
            }
            json_object_set_new(module, test ? "test" : "validation", values);
            json_object_set_new(module, test ? "test_delta" : "validation_delta", deltas);
        }
        json_array_append_new(modules, module);
    }
    return modules;
}

static bool print_json(const comparison *c, json_t *different) {
    json_t *runs = json_array();
    for (int i = 0; i < c->n; i++)
        json_array_append_new(runs,
                              json_pack("{s:I, s:s, s:i, s:o}", "id", (json_int_t)c->runs[i].id,
                                        "name", c->runs[i].name, "epochs", c->runs[i].epochs,
                                        "seconds", runs_real_or_null(c->runs[i].seconds)));
    return cli_print_json(json_pack("{s:o, s:O, s:o}", "runs", runs, "settings", different,
                                    "modules", modules_json(c)));
}

wick_status runs_compare(const char *db, const int64_t *ids, int n, bool json, wick_diag *diag) {
    comparison c = {.arena = wick_arena_new(), .n = n};
    c.runs = wick_new(c.arena, wick_run_info, n);
    c.settings = wick_new(c.arena, json_t *, n);
    wick_status status = read_all(&c, db, ids, diag);
    if (status == WICK_OK) {
        json_t *different = differences(&c);
        if (json) {
            status = print_json(&c, different) ? WICK_OK : WICK_OUTPUT;
        } else {
            print_settings(&c, different);
            print_accuracies(&c);
        }
        json_decref(different);
    }
    for (int i = 0; i < n; i++)
        json_decref(c.settings[i]);
    wick_arena_free(c.arena);
    return status;
}
