#include "train/runs_plot.h"

#include <math.h>
#include <string.h>

static const struct metric {
    const char *name, *label;
    bool of_modules;
} metrics[] = {
#define X(upper, name, label, of_modules) {name, label, of_modules},
    WICK_RUN_METRIC_TABLE(X)
#undef X
};

bool wick_run_metric_find(const char *name, wick_run_metric *metric) {
    for (int i = 0; i < WICK_RUN_METRICS; i++)
        if (!strcmp(metrics[i].name, name)) {
            *metric = (wick_run_metric)i;
            return true;
        }
    return false;
}

static double value_of(wick_run_metric metric, const wick_run_point *p, int k) {
    switch (metric) {
    case WICK_RUN_METRIC_VALIDATION:
        return 100 * p->validation[k];
    case WICK_RUN_METRIC_TRAIN_ACCURACY:
        return 100 * p->train_accuracy[k];
    case WICK_RUN_METRIC_TRAIN_LOSS:
        return p->train_loss[k];
    case WICK_RUN_METRIC_KD_LOSS:
        return p->kd_loss[k];
    case WICK_RUN_METRIC_LOSS:
        return p->loss;
    case WICK_RUN_METRIC_RATE:
        return p->learning_rate;
    case WICK_RUN_METRICS:
        break;
    }
    return (double)NAN;
}

typedef struct picture {
    const wick_runs_plot_options *options;
    wick_buf script, clauses;
    int curves;
} picture;

/* Adds one curve: a data block `$cN` and its plot clause. x counts the epochs of all stages. Colour
   tells what differs: the module, or with one module the run. */
static void add_curve(picture *p, const wick_run_info *info, const wick_run_point *points, int n,
                      int run, int k) {
    const struct metric *metric = &metrics[p->options->metric];
    wick_buf rows = {0}, title = {0};
    for (int i = 0; i < n; i++) {
        double y = value_of(p->options->metric, &points[i], k);
        if (!isnan(y))
            wick_buf_printf(&rows, "%d %.17g\n", i + 1, y);
    }
    if (rows.len) {
        bool one = p->options->module >= 0;
        wick_buf_printf(&p->script, "$c%d << EOD\n%sEOD\n", p->curves, rows.data);
        wick_buf_printf(
            &p->clauses, "%s$c%d using 1:2 with linespoints lw 2 pt 7 ps 0.4 lc %d dt %d title ",
            p->curves ? ", " : "plot ", p->curves, one ? run + 1 : k + 1, one ? 1 : run + 1);
        wick_buf_printf(&title, "%lld %s", (long long)info->id, info->name);
        if (metric->of_modules && !one)
            wick_buf_printf(&title, ": %s", info->modules[k].name);
        wick_gnuplot_quote(&p->clauses, title.data);
        p->curves++;
    }
    wick_buf_free(&rows);
    wick_buf_free(&title);
}

static wick_status add_run(picture *p, wick_arena *arena, int run, wick_diag *diag) {
    const wick_runs_plot_options *options = p->options;
    wick_run_info info;
    wick_run_point *points;
    int n;
    WICK_TRY(wick_runs_read(options->db, options->ids[run], arena, &info, &points, &n, diag));
    int modules = metrics[options->metric].of_modules ? info.n_modules : 1;
    for (int k = 0; k < modules; k++)
        if (options->module < 0 || options->module == k)
            add_curve(p, &info, points, n, run, k);
    return WICK_OK;
}

wick_status wick_runs_plot(const wick_runs_plot_options *options, const char *path,
                           wick_diag *diag) {
    picture p = {.options = options};
    wick_arena *arena = wick_arena_new();
    wick_status status = WICK_OK;
    wick_gnuplot_begin(&p.script, path, 900, 560);
    wick_buf_puts(&p.script, "set xlabel 'epoch'\nset key outside right\nset ylabel ");
    wick_gnuplot_quote(&p.script, metrics[options->metric].label);
    if (options->title) {
        wick_buf_puts(&p.script, "\nset title ");
        wick_gnuplot_quote(&p.script, options->title);
    }
    wick_buf_puts(&p.script, "\n");
    for (int r = 0; r < options->n_runs && status == WICK_OK; r++)
        status = add_run(&p, arena, r, diag);
    if (status == WICK_OK && p.curves == 0)
        status =
            wick_fail(diag, WICK_MISSING, options->db, NULL, NULL, "no epoch is recorded to plot");
    if (status == WICK_OK) {
        wick_buf_printf(&p.script, "%s\n", p.clauses.data);
        status = wick_gnuplot_run(&p.script, path, diag);
    }
    wick_buf_free(&p.script);
    wick_buf_free(&p.clauses);
    wick_arena_free(arena);
    return status;
}
