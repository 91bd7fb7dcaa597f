#include "sim/sim.h"

enum { MAP_WIDTH = 250, MAP_HEIGHT = 215, LEGEND_HEIGHT = 90 };
/* Beside modules, as numbers of colours. */
enum { END = 0, WAIT = 1 + WICK_MAX_HEADS, GO_ON, SWITCH_OFF, ACTIONS };

/* One decision on the ladder. */
typedef struct rung {
    int stage, working; /* working: -1: the extractor; 0: nothing */
    char title[64];
} rung;

static int decision(const wick_policy_table *t, int stage, int time, int harvest, int charge) {
    int row = t->row_of[(stage * t->n_time + time) * t->n_harvest + harvest];
    uint8_t pair = t->rows[row * ((t->n_charge + 1) / 2) + charge / 2];
    return charge & 1 ? pair >> 4 : pair & 15;
}

int wick_policy_first(const wick_policy_table *t, int time, int harvest, int charge) {
    int stage = (int)wick_policy_stage(t->n_modules, 0, 0, 0); /* nothing answered or in work */
    return decision(t, stage, time, harvest, charge);
}

enum { MOST_RUNGS = 2 + 2 * WICK_MAX_HEADS };

/* Module 1's answer ends the input; the smallest module cannot be given up for a smaller one. */
static int rungs_of(const wick_policy_table *t, rung *out) {
    uint32_t modules = t->n_modules;
    int n = 0;
    out[n++] = (rung){.working = -1, .title = "extractor begun"};
    out[n++] = (rung){.stage = (int)wick_policy_stage(modules, 0, 0, 0),
                      .title = "features there, nothing answered"};
    for (uint32_t k = modules; k >= 2; k--, n++) {
        out[n] = (rung){.stage = (int)wick_policy_stage(modules, k, 0, 0)};
        snprintf(out[n].title, sizeof out[n].title, "module %u has answered", k);
    }
    for (uint32_t k = 1; k < modules; k++, n++) {
        out[n] = (rung){.stage = (int)wick_policy_stage(modules, 0, k, WICK_TABLE_LEVELS / 2),
                        .working = (int)k};
        snprintf(out[n].title, sizeof out[n].title, "module %u half done, nothing answered", k);
    }
    return n;
}

static int columns_of(const wick_policy_table *t, int columns) {
    return columns < t->n_harvest ? columns : t->n_harvest;
}

void wick_policy_picture(const wick_policy_table *t, int columns, int *width, int *height) {
    rung rungs[MOST_RUNGS] = {0};
    int shown = columns_of(t, columns);
    *width = MAP_WIDTH * (shown > 3 ? shown : 3);
    *height = MAP_HEIGHT * rungs_of(t, rungs) + LEGEND_HEIGHT;
}

/* Thresholds stand between their bins; every third where there are many. One bin has none, and an
   empty list would be gnuplot's own numbers. */
static void tics(wick_buf *script, const char *axis, const uint32_t *thresholds, int bins,
                 double unit) {
    int each = bins > 7 ? 3 : 1;
    if (bins == 1) {
        wick_buf_printf(script, "unset %stics\n", axis);
        return;
    }
    wick_buf_printf(script, "set %stics (", axis);
    for (int i = 0; i < bins - 1; i += each)
        wick_buf_printf(script, "%s'%.4g' %g", i ? ", " : "", thresholds[i] * unit, i + 0.5);
    wick_buf_puts(script, ")\n");
}

static int action_of(const rung *r, int decided) {
    if (decided == WICK_POLICY_WAIT)
        return WAIT;
    if (decided == WICK_POLICY_OFF)
        return SWITCH_OFF;
    return decided && (r->working < 0 || decided == r->working) ? GO_ON : decided;
}

/* gnuplot draws no picture with less than two rows or columns: of one bin the second is a copy,
   outside of the axes. */
static int drawn(int bins) {
    return bins > 1 ? bins : 2;
}

static void data(const wick_policy_table *t, const rung *r, int harvest, wick_buf *script) {
    wick_buf_puts(script, "$map << EOD\n");
    for (int i = 0; i < drawn(t->n_time); i++) {
        int time = i % t->n_time;
        for (int c = 0; c < drawn(t->n_charge); c++)
            wick_buf_printf(script, "%d ",
                            action_of(r, decision(t, r->stage, time, harvest, c % t->n_charge)));
        wick_buf_puts(script, "\n");
    }
    wick_buf_puts(script, "EOD\n");
}

static const char *const draw =
    "plot $map matrix using 1:2:($3+0.5) with image pixels, $map matrix using 1:2:(sign($3)) with "
    "labels font ',7' tc rgb '#111111'\n";

/* Steps of colour, one for each action. */
static void palette(wick_buf *script) {
    static const char *const colours[ACTIONS] = {"#f3f4f6", "#fca5a5", "#fdba74", "#86efac",
                                                 "#93c5fd", "#c4b5fd", "#67e8f9", "#fde047",
                                                 "#f9a8d4", "#9ca3af", "#ffffff", "#4b5563"};
    wick_buf_printf(script, "set cbrange [0:%d]\nset palette maxcolors %d defined (", ACTIONS,
                    ACTIONS);
    for (int i = 0; i < ACTIONS; i++)
        wick_buf_printf(script, "%s%d '%s', %d '%s'", i ? ", " : "", i, colours[i], i + 1,
                        colours[i]);
    wick_buf_printf(script,
                    ")\nsign(x) = x == %d ? '.' : x == %d ? 'w' : x == %d ? '>' : x == %d ? 'o' : "
                    "sprintf('%%d', x)\n",
                    END, WAIT, GO_ON, SWITCH_OFF);
}

/* A row of fields along the bottom. */
static void legend(const wick_policy_table *t, double height, wick_buf *script) {
    int n = t->n_modules, fields = n + 4;
    wick_buf_printf(
        script,
        "set size 1,%g\nset origin 0,0\nset lmargin at screen 0.02\nset rmargin at screen 0.98\n"
        "set bmargin at screen %g\nset tmargin at screen %g\nunset title\nunset ylabel\nunset ytics\n"
        "set xlabel 'what is done next' font ',9'\nset xrange [-0.5:%g]\n"
        "set yrange [-0.5:1.5]\nset xtics scale 0 font ',8' ('. end the input' 0",
        height, 0.55 * height, 0.9 * height, fields - 0.5);
    for (int k = 1; k <= n; k++)
        wick_buf_printf(script, ", '%d module %d%s' %d", k, k,
                        n == 1   ? ""
                        : k == 1 ? " (largest)"
                        : k == n ? " (smallest)"
                                 : "",
                        k);
    wick_buf_printf(script,
                    ", 'w wait for charge' %d, '> go on with what is in work' %d, 'o switched off' "
                    "%d)\n$map << EOD\n",
                    n + 1, n + 2, n + 3);
    for (int row = 0; row < 2; row++) { /* a picture has two rows at least */
        for (int i = 0; i <= n; i++)
            wick_buf_printf(script, "%d ", i);
        wick_buf_printf(script, "%d %d %d\n", WAIT, GO_ON, SWITCH_OFF);
    }
    wick_buf_puts(script, "EOD\nplot $map matrix using 1:2:($3+0.5) with image pixels\n");
}

void wick_policy_script(const wick_policy_table *t, int columns, wick_buf *script) {
    rung rungs[MOST_RUNGS] = {0};
    int n = rungs_of(t, rungs), shown = columns_of(t, columns), width, height;
    wick_policy_picture(t, columns, &width, &height);
    double across = (double)MAP_WIDTH / width, down = (double)MAP_HEIGHT / height;
    wick_buf_puts(script, "set multiplot\nunset key\nunset colorbox\nunset grid\n");
    palette(script);
    wick_buf_printf(
        script,
        "set xlabel '%s' font ',8' offset 0,0.5\n"
        "set ylabel '%s' font ',8' offset 1.5,0\n"
        "set tics font ',7'\nset lmargin 8\nset rmargin 1\nset tmargin 3\nset bmargin 3\nset xrange [-0.5:%g]\nset yrange [-0.5:%g]\n"
        "set size %g,%g\n",
        t->n_charge > 1 ? "usable charge, µJ" : "any charge",
        t->n_time > 1 ? "time left, s" : "any time left", t->n_charge - 0.5, t->n_time - 0.5,
        across, down);
    tics(script, "x", t->charge_uj, t->n_charge, 1);
    tics(script, "y", t->time_ms, t->n_time, 1e-3);
    for (int i = 0; i < n; i++)
        for (int c = 0; c < shown; c++) {
            int harvest = shown > 1 ? c * (t->n_harvest - 1) / (shown - 1) : 0;
            wick_buf_printf(script,
                            "set origin %g,%g\nset title \"%s\\nharvest from %u µW\" font ',8' "
                            "offset 0,-0.6\n",
                            c * across, 1 - (i + 1) * down, rungs[i].title,
                            harvest ? t->harvest_uw[harvest - 1] : 0);
            data(t, &rungs[i], harvest, script);
            wick_buf_puts(script, draw);
        }
    legend(t, (double)LEGEND_HEIGHT / height, script);
    wick_buf_puts(script, "unset multiplot\n");
}
