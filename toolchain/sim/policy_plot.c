#include "sim/sim.h"

/* In pixels; a map's are within its field. */
enum {
    FIELD_WIDTH = 318,
    FIELD_HEIGHT = 260,
    MAP_LEFT = 76,
    MAP_RIGHT = 14,
    MAP_TOP = 64,
    MAP_BOTTOM = 52,
    LEGEND_TOP = 42,
    LEGEND_LINE = 26
};
/* Beside modules, as numbers of colours. */
enum { END = 0, WAIT = 1 + WICK_MAX_HEADS, GO_ON, SWITCH_OFF, ACTIONS };

static const char *const colours[ACTIONS] = {"#f3f4f6", "#fca5a5", "#fdba74", "#86efac",
                                             "#93c5fd", "#c4b5fd", "#67e8f9", "#fde047",
                                             "#f9a8d4", "#9ca3af", "#ffffff", "#64748b"};

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

int wick_policy_legend(const wick_policy_table *t, wick_policy_sign *out) {
    int n = 0, modules = t->n_modules;
    out[n++] = (wick_policy_sign){colours[END], ".", "end the input"};
    for (int k = 1; k <= modules; k++, n++) {
        const char *which = modules == 1   ? ""
                            : k == 1       ? " (largest)"
                            : k == modules ? " (smallest)"
                                           : "";
        out[n] = (wick_policy_sign){.colour = colours[k]};
        out[n].sign[0] = (char)('0' + k); /* WICK_MAX_MODULES is below ten */
        snprintf(out[n].meaning, sizeof out[n].meaning, "module %d%s", k, which);
    }
    out[n++] = (wick_policy_sign){colours[WAIT], "w", "wait for charge"};
    out[n++] = (wick_policy_sign){colours[GO_ON], ">", "go on with what is in work"};
    out[n++] = (wick_policy_sign){colours[SWITCH_OFF], "o", "switched off"};
    return n;
}

/* Fields beside each other, which a legend's lines have too. */
static int fields_of(const wick_policy_table *t, int columns) {
    int shown = columns_of(t, columns);
    return shown > 3 ? shown : 3;
}

static int legend_height(const wick_policy_table *t, int columns) {
    wick_policy_sign signs[WICK_POLICY_SIGNS];
    int fields = fields_of(t, columns);
    return LEGEND_TOP + LEGEND_LINE * ((wick_policy_legend(t, signs) + fields - 1) / fields);
}

void wick_policy_maps_picture(const wick_policy_table *t, int columns, int *width, int *height) {
    rung rungs[MOST_RUNGS] = {0};
    *width = FIELD_WIDTH * fields_of(t, columns);
    *height = FIELD_HEIGHT * rungs_of(t, rungs);
}

void wick_policy_picture(const wick_policy_table *t, int columns, int *width, int *height) {
    wick_policy_maps_picture(t, columns, width, height);
    *height += legend_height(t, columns);
}

/* Thresholds stand between their bins; so many of them that their numbers keep apart. One bin has
   none, and an empty list would be gnuplot's own numbers. */
static void tics(wick_buf *script, const char *axis, const uint32_t *thresholds, int bins, int most,
                 double of_unit) {
    int each = (bins - 2 + most) / most;
    if (bins == 1) {
        wick_buf_printf(script, "unset %stics\n", axis);
        return;
    }
    wick_buf_printf(script, "set %stics (", axis);
    for (int i = 0; i < bins - 1; i += each)
        wick_buf_printf(script, "%s'%.4g' %g", i ? ", " : "", thresholds[i] * of_unit, i + 0.5);
    wick_buf_puts(script, ")\n");
}

static int action_of(const rung *r, int decided) {
    if (decided == WICK_POLICY_WAIT)
        return WAIT;
    if (decided == WICK_POLICY_OFF)
        return SWITCH_OFF;
    return decided && (r->working < 0 || decided == r->working) ? GO_ON : decided;
}

static const char *sign_of(int action) {
    static const char *const digits[] = {".", "1", "2", "3", "4", "5", "6", "7", "8"};
    return action == WAIT         ? "w"
           : action == GO_ON      ? ">"
           : action == SWITCH_OFF ? "o"
                                  : digits[action];
}

static void box(wick_buf *script, double left, double right, double low, double high, int action) {
    wick_buf_printf(script, "%g %g %g %g %g %g 0x%s %s\n", (left + right) / 2, (low + high) / 2,
                    left, right, low, high, colours[action] + 1, sign_of(action));
}

/* A box goes on below the next ones by this much less than half a cell: no seam between them. */
static const double SEAM = 0.44;

/* A map as few boxes: each takes the cells of one action to the right of its first, and then as
   many rows above as have the same there. */
static void boxes(const wick_policy_table *t, const rung *r, int harvest, wick_buf *script) {
    int action[WICK_TABLE_BINS][WICK_TABLE_BINS];
    for (int i = 0; i < t->n_time; i++)
        for (int c = 0; c < t->n_charge; c++)
            action[i][c] = action_of(r, decision(t, r->stage, i, harvest, c));
    wick_buf_puts(script, "$map << EOD\n");
    for (int i = 0; i < t->n_time; i++)
        for (int c = 0; c < t->n_charge; c++) {
            int what = action[i][c], right = c + 1, top = i + 1;
            if (what < 0) /* in a box already */
                continue;
            while (right < t->n_charge && action[i][right] == what)
                right++;
            for (bool same = true; top < t->n_time; top++) {
                for (int x = c; x < right; x++)
                    same = same && action[top][x] == what;
                if (!same)
                    break;
            }
            for (int y = i; y < top; y++)
                for (int x = c; x < right; x++)
                    action[y][x] = -1;
            box(script, c - 0.5, right - SEAM, i - 0.5, top - SEAM, what);
        }
    wick_buf_puts(script, "EOD\n");
}

static const char *const draw =
    "using 1:2:3:4:5:6:7 with boxxyerror fs solid noborder lc rgb variable, ";

/* The field's place, for a picture of that size; down: to its top. */
static void place(wick_buf *script, int right, int down, int width, int height) {
    wick_buf_printf(script,
                    "set lmargin at screen %.5f\nset rmargin at screen %.5f\n"
                    "set tmargin at screen %.5f\nset bmargin at screen %.5f\n",
                    (double)(right + MAP_LEFT) / width,
                    (double)(right + FIELD_WIDTH - MAP_RIGHT) / width,
                    1 - (double)(down + MAP_TOP) / height,
                    1 - (double)(down + FIELD_HEIGHT - MAP_BOTTOM) / height);
}

static void axes(const wick_policy_table *t, wick_buf *script) {
    wick_buf_printf(
        script,
        "set xlabel '%s' font small offset 0,0.4\nset tics scale 0.5 nomirror out font small\n"
        "set xrange [-0.5:%g]\nset yrange [-0.5:%g]\n",
        t->n_charge > 1 ? "usable charge, µJ" : "any charge", t->n_charge - 0.5, t->n_time - 0.5);
    tics(script, "x", t->charge_uj, t->n_charge, 4, 1);
    tics(script, "y", t->time_ms, t->n_time, 6, 1e-3);
}

/* One row: what the decision is stands above its first map. */
static void maps(const wick_policy_table *t, const rung *r, int columns, int down, int width,
                 int height, wick_buf *script) {
    int shown = columns_of(t, columns);
    double middle = down + (MAP_TOP + FIELD_HEIGHT - MAP_BOTTOM) / 2.0;
    wick_buf_printf(script,
                    "set label 1 '%s' at screen %.5f,%.5f left font heading\n"
                    "set label 2 '%s' at screen %.5f,%.5f center rotate by 90 font small\n",
                    r->title, 6.0 / width, 1 - (down + 27.0) / height,
                    t->n_time > 1 ? "time left, s" : "any time left", 12.0 / width,
                    1 - middle / height);
    for (int c = 0; c < shown; c++) {
        int harvest = shown > 1 ? c * (t->n_harvest - 1) / (shown - 1) : 0;
        place(script, c * FIELD_WIDTH, down, width, height);
        wick_buf_printf(script, "set title 'harvest from %u µW' font small offset 0,-0.6\n",
                        harvest ? t->harvest_uw[harvest - 1] : 0);
        boxes(t, r, harvest, script);
        wick_buf_printf(
            script, "plot $map %s$map using 1:2:8 with labels font small tc rgb '#111111'\n", draw);
        wick_buf_puts(script, "unset label\n");
    }
}

/* Signs and what they mean, in lines along the bottom; in pixels. */
static void legend(const wick_policy_table *t, int columns, int width, int height,
                   wick_buf *script) {
    wick_policy_sign signs[WICK_POLICY_SIGNS];
    int n = wick_policy_legend(t, signs), fields = fields_of(t, columns);
    int own_height = legend_height(t, columns);
    wick_buf_puts(script, "$legend << EOD\n");
    for (int i = 0; i < n; i++) {
        int x = FIELD_WIDTH * (i % fields) + 8;
        int y = own_height - LEGEND_TOP - LEGEND_LINE * (i / fields);
        wick_buf_printf(script, "%d %d %d %d %d %d 0x%s %s \"%s\"\n", x + 14, y - 10, x, x + 28,
                        y - 20, y, signs[i].colour + 1, signs[i].sign, signs[i].meaning);
    }
    wick_buf_printf(
        script,
        "EOD\nset label 1 'What is done next' at screen %.5f,%.5f left font heading\n"
        "set lmargin at screen 0\nset rmargin at screen 1\nset bmargin at screen 0\n"
        "set tmargin at screen %.5f\nunset title\nunset xlabel\nunset tics\nunset border\n"
        "set xrange [0:%d]\nset yrange [0:%d]\n"
        "plot $legend %s$legend using 3:5:($4-$3):(0) with vectors nohead lc rgb '#9ca3af', "
        "$legend using 3:6:($4-$3):(0) with vectors nohead lc rgb '#9ca3af', "
        "$legend using 3:5:(0):($6-$5) with vectors nohead lc rgb '#9ca3af', "
        "$legend using 4:5:(0):($6-$5) with vectors nohead lc rgb '#9ca3af', "
        "$legend using 1:2:8 with labels font small tc rgb '#111111', "
        "$legend using 4:2:9 with labels left offset 0.8,0 font small tc rgb '#111111'\n",
        6.0 / width, (own_height - 16.0) / height, (double)own_height / height, width, own_height,
        draw);
}

/* Fonts in pixels on every terminal: those of a PNG count points. */
static void script_of(const wick_policy_table *t, int columns, int width, int height,
                      wick_buf *script) {
    rung rungs[MOST_RUNGS] = {0};
    int n = rungs_of(t, rungs);
    wick_buf_puts(script, "pixel = GPVAL_TERM eq 'pngcairo' ? 0.75 : 1\n"
                          "small = sprintf(',%g', 12 * pixel)\n"
                          "heading = sprintf(',%g', 15 * pixel)\n"
                          "set multiplot\nunset key\nunset grid\nset border 15\n");
    axes(t, script);
    for (int i = 0; i < n; i++)
        maps(t, &rungs[i], columns, i * FIELD_HEIGHT, width, height, script);
}

void wick_policy_maps_script(const wick_policy_table *t, int columns, wick_buf *script) {
    int width, height;
    wick_policy_maps_picture(t, columns, &width, &height);
    script_of(t, columns, width, height, script);
    wick_buf_puts(script, "unset multiplot\n");
}

void wick_policy_script(const wick_policy_table *t, int columns, wick_buf *script) {
    int width, height;
    wick_policy_picture(t, columns, &width, &height);
    script_of(t, columns, width, height, script);
    legend(t, columns, width, height, script);
    wick_buf_puts(script, "unset multiplot\n");
}
