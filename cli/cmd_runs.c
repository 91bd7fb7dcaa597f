/* wick runs: what training recorded. */
#include "outputs.h"
#include "runs_output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    const char *verb, *db, *output;
    int64_t ids[WICK_PLOT_MAX_RUNS];
    int n_ids;
    wick_run_metric metric;
    int module; /* 1 = largest; 0 = all */
    bool json, csv, mean;
} arguments;

enum { KEY_METRIC = 256, KEY_MODULE, KEY_MEAN, KEY_JSON, KEY_CSV };

static const struct argp_option option_table[] = {
    {"db", 'd', "FILE", 0, "the file that wick train --runs wrote (required)", 0},
    {"output", 'o', "FILE", 0,
     "where plot puts the curves: .svg or .png (required for plot), or export its table (default: stdout)",
     0},
    {"metric", KEY_METRIC, "NAME", 0,
     "what plot shows: validation, train-accuracy, train-loss, kd-loss, loss or lr (default "
     "validation)",
     0},
    {"module", KEY_MODULE, "N", 0, "plot only this module, 1 = largest (default: all)", 0},
    {"mean", KEY_MEAN, 0, 0,
     "plot: runs of one strategy are seeds: their mean, in a band from the lowest to the highest",
     0},
    {"json", KEY_JSON, 0, 0, "results as JSON", 0},
    {"csv", KEY_CSV, 0, 0, "export as CSV (default), a row for each run, epoch and module", 0},
    {0}};

static wick_run_metric parse_metric(struct argp_state *state, const char *text) {
    wick_run_metric metric;
    if (!wick_run_metric_find(text, &metric))
        argp_error(state, "--metric: there is no '%s'", text);
    return metric;
}

static void parse_word(struct argp_state *state, arguments *a, const char *text) {
    if (!a->verb) {
        static const char *const verbs[] = {"list", "show", "plot", "compare", "export"};
        bool known = false;
        for (size_t i = 0; i < WICK_LEN(verbs); i++)
            known = known || !strcmp(text, verbs[i]);
        if (!known)
            argp_error(state, "there is no 'wick runs %s': list, show, plot, compare or export",
                       text);
        a->verb = text;
        return;
    }
    if (a->n_ids == WICK_PLOT_MAX_RUNS)
        argp_error(state, "more than %d runs", WICK_PLOT_MAX_RUNS);
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
    if (!strcmp(a->verb, "plot") && (!a->output || !wick_gnuplot_draws(a->output)))
        argp_error(state, "plot needs --output FILE.svg or FILE.png");
    if (!strcmp(a->verb, "compare") && a->n_ids < 2)
        argp_error(state, "compare takes two run ids or more");
    if (a->csv && (a->json || strcmp(a->verb, "export")))
        argp_error(state, "--csv is for export, which takes it or --json");
    if ((a->mean || a->module) && strcmp(a->verb, "plot"))
        argp_error(state, "--mean and --module are for plot");
    if (a->n_ids == 0 && strcmp(a->verb, "export"))
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
    case KEY_MODULE:
        a->module = (int)cli_integer(state, "module", text, 1, WICK_MAX_HEADS);
        break;
    case KEY_MEAN:
        a->mean = true;
        break;
    case KEY_JSON:
        a->json = true;
        break;
    case KEY_CSV:
        a->csv = true;
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
    "[list]\nshow [ID]\nplot [ID...]\ncompare ID ID...\nexport [ID...]",
    "Lists the recorded trainings, shows one epoch by epoch, plots the curves of several with "
    "gnuplot, compares several (settings that differ, accuracies and their distance from the first "
    "run's), or exports all that is recorded of them. Without ID: the newest run; export: all."
    "\vExample: wick runs --db runs.db\n"
    "         wick runs show 3 --db runs.db --json\n"
    "         wick runs plot 1 3 --db runs.db -o curves.svg\n"
    "         wick runs plot 1 2 3 --mean --db runs.db -o seeds.svg\n"
    "         wick runs compare 1 3 --db runs.db\n"
    "         wick runs export --db runs.db -o runs.csv\n"
    "Exit status: 0 done, 2 usage, 3 bad input or gnuplot is missing, 4 failure.",
    0,
    0,
    0};

static const char *percent(wick_arena *arena, double accuracy) {
    return isnan(accuracy) ? "-" : wick_arena_printf(arena, "%.2f %%", 100 * accuracy);
}

/* --- list --------------------------------------------------------------------------------------*/

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
        json_array_append_new(array, runs_json(&runs[i]));
    return cli_print_json(array) ? WICK_OK : WICK_OUTPUT;
}

/* --- show --------------------------------------------------------------------------------------*/

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
        json_t *root = runs_json(&info);
        json_object_set_new(root, "curve", runs_points_json(&info, points, n));
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

static wick_status plot(const arguments *a, wick_diag *diag) {
    wick_runs_plot_options options = {.db = a->db,
                                      .n_runs = a->n_ids,
                                      .metric = a->metric,
                                      .module = a->module - 1,
                                      .mean = a->mean};
    memcpy(options.ids, a->ids, sizeof options.ids);
    return wick_runs_plot(&options, a->output, diag);
}

static wick_status run(const arguments *a, wick_arena *arena, wick_diag *diag) {
    cli_outputs o = {.diag = diag};
    cli_writes(&o, "--output", a->output);
    cli_reads(&o, "--db", a->db);
    WICK_TRY(o.status);
    if (!strcmp(a->verb, "list"))
        return list(a, arena, diag);
    if (!strcmp(a->verb, "show"))
        return show(a, arena, diag);
    if (!strcmp(a->verb, "compare"))
        return runs_compare(a->db, a->ids, a->n_ids, a->json, diag);
    if (!strcmp(a->verb, "export"))
        return runs_export(a->db, a->ids, a->n_ids, a->json, a->output, diag);
    return plot(a, diag);
}

int cmd_runs(int argc, char **argv) {
    arguments a = {0};
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_arena *arena = wick_arena_new();
    wick_status status = run(&a, arena, &diag);
    wick_arena_free(arena);
    return cli_finish(status, &diag);
}
