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

/* A run with its epochs. */
typedef struct recorded {
    wick_run_info info;
    wick_run_point *points;
    int n;
} recorded;

typedef struct picture {
    const wick_runs_plot_options *options;
    recorded *runs; /* [options->n_runs] */
    wick_buf script, bands, clauses;
    int curves, groups; /* a group: one run, or those that are drawn together */
} picture;

/* Run i belongs to the curve that run `first` begins. */
static bool together(const picture *p, int first, int i) {
    return i == first || (p->options->mean && i > first &&
                          !strcmp(p->runs[i].info.strategy, p->runs[first].info.strategy));
}

/* Lines "epoch mean lowest highest" of the epochs that all runs of the curve have; x counts the
   epochs of all stages. Returns how many runs there are. */
static int add_rows(const picture *p, int first, int k, wick_buf *rows) {
    int n_runs = 0;
    for (int r = first; r < p->options->n_runs; r++)
        n_runs += together(p, first, r);
    for (int i = 0; i < p->runs[first].n; i++) {
        double sum = 0, low = INFINITY, high = -INFINITY;
        int found = 0;
        for (int r = first; r < p->options->n_runs; r++) {
            const recorded *run = &p->runs[r];
            if (!together(p, first, r) || i >= run->n || k >= run->info.n_modules)
                continue;
            double y = value_of(p->options->metric, &run->points[i], k);
            found += !isnan(y);
            sum += y;
            low = fmin(low, y);
            high = fmax(high, y);
        }
        if (found == n_runs)
            wick_buf_printf(rows, "%d %.17g %.17g %.17g\n", i + 1, sum / n_runs, low, high);
    }
    return n_runs;
}

/* Adds one curve: a data block `$cN`, its plot clause and, for several runs, its band. Colour tells
   what differs: the module, or with one module the run. */
static void add_curve(picture *p, int first, int k) {
    const struct metric *metric = &metrics[p->options->metric];
    const wick_run_info *info = &p->runs[first].info;
    wick_buf rows = {0}, title = {0};
    int n_runs = add_rows(p, first, k, &rows);
    if (rows.len) {
        bool one = p->options->module >= 0;
        int colour = (one ? p->groups : k) + 1;
        wick_buf_printf(&p->script, "$c%d << EOD\n%sEOD\n", p->curves, rows.data);
        if (n_runs > 1)
            wick_buf_printf(&p->bands,
                            "$c%d using 1:3:4 with filledcurves lc %d fs transparent solid 0.2 "
                            "noborder notitle, ",
                            p->curves, colour);
        wick_buf_printf(&p->clauses,
                        "%s$c%d using 1:2 with linespoints lw 2 pt 7 ps 0.4 lc %d dt %d title ",
                        p->curves ? ", " : "", p->curves, colour, one ? 1 : p->groups + 1);
        if (n_runs > 1)
            wick_buf_printf(&title, "%s, %d runs", info->strategy, n_runs);
        else
            wick_buf_printf(&title, "%lld %s", (long long)info->id, info->name);
        if (metric->of_modules && !one)
            wick_buf_printf(&title, ": %s", info->modules[k].name);
        wick_gnuplot_quote(&p->clauses, title.data);
        p->curves++;
    }
    wick_buf_free(&rows);
    wick_buf_free(&title);
}

static wick_status add_curves(picture *p, wick_arena *arena, wick_diag *diag) {
    const wick_runs_plot_options *options = p->options;
    p->runs = wick_new(arena, recorded, options->n_runs);
    for (int r = 0; r < options->n_runs; r++)
        WICK_TRY(wick_runs_read(options->db, options->ids[r], arena, &p->runs[r].info,
                                &p->runs[r].points, &p->runs[r].n, diag));
    for (int r = 0; r < options->n_runs; r++) {
        bool drawn = false;
        for (int first = 0; first < r; first++)
            drawn = drawn || together(p, first, r);
        int modules = metrics[options->metric].of_modules ? p->runs[r].info.n_modules : 1;
        for (int k = 0; k < modules && !drawn; k++)
            if (options->module < 0 || options->module == k)
                add_curve(p, r, k);
        p->groups += !drawn;
    }
    if (p->curves == 0)
        return wick_fail(diag, WICK_MISSING, options->db, NULL, NULL,
                         "no epoch is recorded to plot");
    return WICK_OK;
}

wick_status wick_runs_plot(const wick_runs_plot_options *options, const char *path,
                           wick_diag *diag) {
    picture p = {.options = options};
    wick_arena *arena = wick_arena_new();
    wick_gnuplot_begin(&p.script, path, 900, 560);
    wick_buf_puts(&p.script, "set xlabel 'epoch'\nset key outside right\nset ylabel ");
    wick_gnuplot_quote(&p.script, metrics[options->metric].label);
    if (options->title) {
        wick_buf_puts(&p.script, "\nset title ");
        wick_gnuplot_quote(&p.script, options->title);
    }
    wick_buf_puts(&p.script, "\n");
    wick_status status = add_curves(&p, arena, diag);
    if (status == WICK_OK) {
        wick_buf_printf(&p.script, "plot %s%s\n", p.bands.len ? p.bands.data : "", p.clauses.data);
        status = wick_gnuplot_run(&p.script, path, diag);
    }
    wick_buf_free(&p.script);
    wick_buf_free(&p.bands);
    wick_buf_free(&p.clauses);
    wick_arena_free(arena);
    return status;
}
