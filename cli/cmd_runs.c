/* wick runs: what training recorded. */
#include "cli.h"
#include "plot.h"
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RUNS = 16 };

/* X(name on the command line, axis label, of each module?, expression of a point p, module k) */
#define METRIC_TABLE(X)                                                                            \
    X("validation", "validation accuracy in %", true, 100 * p->validation[k])                      \
    X("train-accuracy", "accuracy while training in %", true, 100 * p->train_accuracy[k])          \
    X("train-loss", "cross-entropy", true, p->train_loss[k])                                       \
    X("kd-loss", "distillation loss", true, p->kd_loss[k])                                         \
    X("loss", "total loss", false, p->loss)                                                        \
    X("lr", "learning rate", false, p->learning_rate)

static const struct metric {
    const char *name, *label;
    bool of_modules;
} metrics[] = {
#define X(name, label, of_modules, expression) {name, label, of_modules},
    METRIC_TABLE(X)
#undef X
};

static double metric_value(size_t metric, const wick_run_point *p, int k) {
    size_t i = 0;
#define X(name, label, of_modules, expression)                                                     \
    if (i++ == metric)                                                                             \
        return expression;
    METRIC_TABLE(X)
#undef X
    return (double)NAN;
}

typedef struct arguments {
    const char *verb, *db, *output;
    int64_t ids[MAX_RUNS];
    int n_ids;
    size_t metric;
    bool json;
} arguments;

enum { KEY_METRIC = 256, KEY_JSON };

static const struct argp_option option_table[] = {
    {"db", 'd', "FILE", 0, "the file that wick train --runs wrote (required)", 0},
    {"output", 'o', "FILE", 0, "where plot puts the curves: .svg or .png (required for plot)", 0},
    {"metric", KEY_METRIC, "NAME", 0,
     "what plot shows: validation, train-accuracy, train-loss, kd-loss, loss or lr (default "
     "validation)",
     0},
    {"json", KEY_JSON, 0, 0, "results as JSON", 0},
    {0}};

static size_t parse_metric(struct argp_state *state, const char *text) {
    for (size_t i = 0; i < WICK_LEN(metrics); i++)
        if (!strcmp(metrics[i].name, text))
            return i;
    argp_error(state, "--metric: there is no '%s'", text);
    return 0;
}

static void parse_word(struct argp_state *state, arguments *a, const char *text) {
    if (!a->verb) {
        if (strcmp(text, "list") && strcmp(text, "show") && strcmp(text, "plot"))
            argp_error(state, "there is no 'wick runs %s': list, show or plot", text);
        a->verb = text;
        return;
    }
    if (a->n_ids == MAX_RUNS)
        argp_error(state, "more than %d runs", MAX_RUNS);
    char *end;
    long id = strtol(text, &end, 10);
    if (end == text || *end || id < 1 || id > 0x7fffffff)
        argp_error(state, "'%s' is not the number of a run; 'wick runs list' shows them", text);
    a->ids[a->n_ids++] = id;
}

static void check_words(struct argp_state *state, arguments *a) {
    if (!a->verb)
        a->verb = "list";
    if (!a->db)
        argp_error(state, "--db is required: the file that wick train --runs wrote");
    if (!strcmp(a->verb, "list") && a->n_ids)
        argp_error(state, "list takes no run ids");
    if (!strcmp(a->verb, "show") && a->n_ids > 1)
        argp_error(state, "show takes one run id");
    if (!strcmp(a->verb, "plot") && (!a->output || !cli_plot_can(a->output)))
        argp_error(state, "plot needs --output FILE.svg or FILE.png");
    if (a->n_ids == 0)
        a->ids[a->n_ids++] = 0; /* the newest */
}

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    switch (key) {
    case 'd':
        a->db = text;
        break;
    case 'o':
        a->output = text;
        break;
    case KEY_METRIC:
        a->metric = parse_metric(state, text);
        break;
    case KEY_JSON:
        a->json = true;
        break;
    case ARGP_KEY_ARG:
        parse_word(state, a, text);
        break;
    case ARGP_KEY_END:
        check_words(state, a);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    option_table,
    parse,
    "[list]\nshow [ID]\nplot [ID...]",
    "Lists the recorded trainings, shows one epoch by epoch, or plots the curves of several with "
    "gnuplot. Without ID: the newest run."
    "\vExample: wick runs --db runs.db\n"
    "         wick runs show 3 --db runs.db --json\n"
    "         wick runs plot 1 3 --db runs.db -o curves.svg\n"
    "Exit status: 0 done, 2 usage, 3 bad input or gnuplot is missing, 4 failure.",
    0,
    0,
    0};

static const char *percent(wick_arena *arena, double accuracy) {
    return isnan(accuracy) ? "-" : wick_arena_printf(arena, "%.2f %%", 100 * accuracy);
}

static json_t *real_or_null(double value) {
    return isnan(value) ? json_null() : json_real(value);
}

/* --- list --------------------------------------------------------------------------------------*/

static json_t *run_json(const wick_run_info *r) {
    json_t *modules = json_array();
    for (int k = 0; k < r->n_modules; k++) {
        const wick_run_module *m = &r->modules[k];
        json_array_append_new(
            modules, json_pack("{s:s, s:I, s:I, s:o, s:o}", "name", m->name, "parameters",
                               (json_int_t)m->parameters, "macs", (json_int_t)m->macs, "validation",
                               real_or_null(m->validation), "test", real_or_null(m->test)));
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

/* "TM1 83.1  TM2 70.0": test accuracies where measured, else validation. */
static const char *accuracies(wick_arena *arena, const wick_run_info *r, bool test) {
    wick_buf buf = {0};
    for (int k = 0; k < r->n_modules; k++) {
        double accuracy = test ? r->modules[k].test : r->modules[k].validation;
        if (!isnan(accuracy))
            wick_buf_printf(&buf, "%s%.1f", buf.len ? " " : "", 100 * accuracy);
    }
    const char *text = wick_arena_strdup(arena, buf.len ? buf.data : "-");
    wick_buf_free(&buf);
    return text;
}

static void print_list(wick_arena *arena, const wick_run_info *runs, int n) {
    enum { COLUMNS = 9 };
    const char *const header[COLUMNS] = {"id",      "name",    "status",       "data",  "epochs",
                                         "seconds", "started", "validation %", "test %"};
    const char **cells = wick_new(arena, const char *, (n + 1) * COLUMNS);
    memcpy(cells, header, sizeof header);
    for (int i = 0; i < n; i++) {
        const char **row = cells + (i + 1) * COLUMNS;
        row[0] = wick_arena_printf(arena, "%lld", (long long)runs[i].id);
        row[1] = runs[i].name;
        row[2] = runs[i].status;
        row[3] = runs[i].data;
        row[4] = wick_arena_printf(arena, "%d", runs[i].epochs);
        row[5] = wick_arena_printf(arena, "%.1f", runs[i].seconds);
        row[6] = runs[i].started;
        row[7] = accuracies(arena, &runs[i], false);
        row[8] = accuracies(arena, &runs[i], true);
    }
    cli_print_table(cells, n + 1, COLUMNS);
}

static wick_status list(const arguments *a, wick_arena *arena, wick_diag *diag) {
    wick_run_info *runs;
    int n;
    WICK_TRY(wick_runs_list(a->db, arena, &runs, &n, diag));
    if (!a->json) {
        print_list(arena, runs, n);
        return WICK_OK;
    }
    json_t *array = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(array, run_json(&runs[i]));
    return cli_print_json(array) ? WICK_OK : WICK_OUTPUT;
}

/* --- show --------------------------------------------------------------------------------------*/

static json_t *points_json(const wick_run_info *info, const wick_run_point *points, int n) {
    json_t *array = json_array();
    for (int i = 0; i < n; i++) {
        const wick_run_point *p = &points[i];
        json_t *modules = json_array();
        for (int k = 0; k < info->n_modules; k++)
            json_array_append_new(
                modules, json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", info->modules[k].name,
                                   "train_loss", real_or_null(p->train_loss[k]), "train_accuracy",
                                   real_or_null(p->train_accuracy[k]), "kd_loss",
                                   real_or_null(p->kd_loss[k]), "validation",
                                   real_or_null(p->validation[k])));
        json_array_append_new(array, json_pack("{s:i, s:i, s:f, s:f, s:f, s:o}", "stage", p->stage,
                                               "epoch", p->epoch, "learning_rate", p->learning_rate,
                                               "loss", p->loss, "seconds", p->seconds, "modules",
                                               modules));
    }
    return array;
}

static void print_points(wick_arena *arena, const wick_run_info *info, const wick_run_point *points,
                         int n) {
    int columns = 5 + info->n_modules;
    const char **cells = wick_new(arena, const char *, (n + 1) * columns);
    const char *const header[5] = {"stage", "epoch", "lr", "loss", "seconds"};
    memcpy(cells, header, sizeof header);
    for (int k = 0; k < info->n_modules; k++)
        cells[5 + k] = info->modules[k].name;
    for (int i = 0; i < n; i++) {
        const char **row = cells + (i + 1) * columns;
        row[0] = wick_arena_printf(arena, "%d", points[i].stage);
        row[1] = wick_arena_printf(arena, "%d", points[i].epoch);
        row[2] = wick_arena_printf(arena, "%g", points[i].learning_rate);
        row[3] = wick_arena_printf(arena, "%.4f", points[i].loss);
        row[4] = wick_arena_printf(arena, "%.1f", points[i].seconds);
        for (int k = 0; k < info->n_modules; k++)
            row[5 + k] = percent(arena, points[i].validation[k]);
    }
    cli_print_table(cells, n + 1, columns);
}

static void print_modules(wick_arena *arena, const wick_run_info *info) {
    enum { COLUMNS = 5 };
    const char *const header[COLUMNS] = {"module", "parameters", "MACs", "validation", "test"};
    const char **cells = wick_new(arena, const char *, (info->n_modules + 1) * COLUMNS);
    memcpy(cells, header, sizeof header);
    for (int k = 0; k < info->n_modules; k++) {
        const wick_run_module *m = &info->modules[k];
        const char **row = cells + (k + 1) * COLUMNS;
        row[0] = m->name;
        row[1] = wick_arena_printf(arena, "%lld", (long long)m->parameters);
        row[2] = wick_arena_printf(arena, "%lld", (long long)m->macs);
        row[3] = percent(arena, m->validation);
        row[4] = percent(arena, m->test);
    }
    cli_print_table(cells, info->n_modules + 1, COLUMNS);
}

static wick_status show(const arguments *a, wick_arena *arena, wick_diag *diag) {
    wick_run_info info;
    wick_run_point *points;
    int n;
    WICK_TRY(wick_runs_read(a->db, a->ids[0], arena, &info, &points, &n, diag));
    if (a->json) {
        json_t *root = run_json(&info);
        json_object_set_new(root, "curve", points_json(&info, points, n));
        return cli_print_json(root) ? WICK_OK : WICK_OUTPUT;
    }
    json_t *options = json_loads(info.options, 0, NULL);
    char *short_options = json_dumps(options, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(options);
    printf("run %lld: %s (%s)\nrecipe %s, data %s\nstarted %s UTC, %.1f s of training, wick %s, "
           "%s\noptions %s\n\n",
           (long long)info.id, info.name, info.status, info.recipe, info.data, info.started,
           info.seconds, info.version, info.backend, short_options ? short_options : info.options);
    free(short_options);
    print_modules(arena, &info);
    printf("\nvalidation accuracy by epoch\n");
    print_points(arena, &info, points, n);
    return WICK_OK;
}

/* --- plot --------------------------------------------------------------------------------------*/

/* Adds one curve: a data block `$cN` to `blocks` and its plot clause to `clauses`. x counts the
   epochs of all stages. */
static void add_curve(const arguments *a, const wick_run_info *info, const wick_run_point *points,
                      int n, int run, int k, int *curves, wick_buf *blocks, wick_buf *clauses) {
    wick_buf rows = {0};
    for (int i = 0; i < n; i++) {
        double y = metric_value(a->metric, &points[i], k);
        if (!isnan(y))
            wick_buf_printf(&rows, "%d %.17g\n", i + 1, y);
    }
    if (rows.len) {
        wick_buf_printf(blocks, "$c%d << EOD\n%sEOD\n", *curves, rows.data);
        wick_buf_printf(clauses,
                        "%s$c%d using 1:2 with linespoints lw 2 pt 7 ps 0.4 lc %d dt %d"
                        " title ",
                        *curves ? ", " : "plot ", *curves, k + 1, run + 1);
        wick_buf title = {0};
        wick_buf_printf(&title, "%lld %s", (long long)info->id, info->name);
        if (metrics[a->metric].of_modules)
            wick_buf_printf(&title, ": %s", info->modules[k].name);
        cli_plot_quote(clauses, title.data);
        wick_buf_free(&title);
        (*curves)++;
    }
    wick_buf_free(&rows);
}

static wick_status make_script(const arguments *a, wick_arena *arena, wick_buf *script,
                               wick_diag *diag) {
    wick_buf clauses = {0};
    int curves = 0;
    wick_status status = WICK_OK;
    wick_buf_puts(script, "set xlabel 'epoch'\nset grid\nset key outside right\nset ylabel ");
    cli_plot_quote(script, metrics[a->metric].label);
    wick_buf_puts(script, "\n");
    for (int r = 0; r < a->n_ids && status == WICK_OK; r++) {
        wick_run_info info;
        wick_run_point *points;
        int n;
        status = wick_runs_read(a->db, a->ids[r], arena, &info, &points, &n, diag);
        int modules = status != WICK_OK ? 0 : metrics[a->metric].of_modules ? info.n_modules : 1;
        for (int k = 0; k < modules; k++)
            add_curve(a, &info, points, n, r, k, &curves, script, &clauses);
    }
    if (status == WICK_OK && curves == 0)
        status = wick_fail(diag, WICK_MISSING, a->db, NULL, NULL, "no epoch is recorded to plot");
    else if (status == WICK_OK)
        wick_buf_printf(script, "%s\n", clauses.data);
    wick_buf_free(&clauses);
    return status;
}

static wick_status plot(const arguments *a, wick_arena *arena, wick_diag *diag) {
    wick_buf script = {0};
    wick_status status = make_script(a, arena, &script, diag);
    if (status == WICK_OK)
        status = cli_plot(script.data, a->output, 900, 560, diag);
    wick_buf_free(&script);
    return status;
}

int cmd_runs(int argc, char **argv) {
    arguments a = {0};
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_arena *arena = wick_arena_new();
    wick_status status = !strcmp(a.verb, "list")   ? list(&a, arena, &diag)
                         : !strcmp(a.verb, "show") ? show(&a, arena, &diag)
                                                   : plot(&a, arena, &diag);
    wick_arena_free(arena);
    return cli_finish(status, &diag);
}
