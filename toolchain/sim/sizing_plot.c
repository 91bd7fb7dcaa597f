/* Sizing as a picture. */
#include "sim/sim.h"

#include <math.h>
#include <string.h>

void wick_sizing_maps(const wick_sizing *s, int *columns, int *rows) {
    int maps = s->on_v.n * s->off_v.n;
    *columns = maps > 1 ? 2 : 1;
    *rows = (maps + *columns - 1) / *columns;
}

/* Of many values so few that their labels keep apart. */
static void axis_tics(wick_buf *script, const char *axis, int digits, int most,
                      const wick_size_axis *values) {
    int each = (values->n + most - 1) / most;
    wick_buf_printf(script, "set %stics (", axis);
    for (int i = 0; i < values->n; i += each)
        wick_buf_printf(script, "%s'%.*g' %d", i ? ", " : "", digits, values->value[i], i);
    wick_buf_printf(script, ")\nset %srange [-0.5:%g]\n", axis, values->n - 0.5);
}

/* Whole percents around the accuracies of all maps, so that these differ in colour. */
static void colour_range(const wick_sizing *s, wick_buf *script) {
    double low = 100, high = 0;
    for (int i = 0; i < s->n; i++) {
        double accuracy = 100 * s->points[i].figures[WICK_FIGURE_ACCURACY];
        if (!s->points[i].fits || isnan(accuracy))
            continue;
        low = fmin(low, accuracy);
        high = fmax(high, accuracy);
    }
    if (low > high) /* nothing has an accuracy */
        low = 0, high = 100;
    low = floor(low);
    high = fmax(ceil(high), low + 1);
    wick_buf_printf(script, "set cbrange [%g:%g]\n", low, high);
    if (high - low <= 5)
        wick_buf_puts(script, "set cbtics 1\n");
}

/* The cell at (x, y) of the map that begins at `first`; beyond the map none is feasible. */
static bool is_feasible(const wick_sizing *s, int first, int x, int y) {
    int columns = s->capacitor_uf.n;
    return x >= 0 && x < columns && y >= 0 && y < s->panel.n &&
           s->points[first + y * columns + x].feasible;
}

static void line(wick_buf *script, double x0, double y0, double x1, double y1) {
    wick_buf_printf(script, "%g %g\n%g %g\n\n", x0, y0, x1, y1);
}

/* Around the feasible region: a line between each of its cells and a neighbour that is not in it.
   Frames of single cells would hide the colour of small ones. */
static void outline(const wick_sizing *s, int first, wick_buf *script) {
    wick_buf_puts(script, "$outline << EOD\n");
    for (int y = 0; y < s->panel.n; y++)
        for (int x = 0; x < s->capacitor_uf.n; x++) {
            double left = x - 0.5, right = x + 0.5, low = y - 0.5, high = y + 0.5;
            if (!is_feasible(s, first, x, y))
                continue;
            if (!is_feasible(s, first, x - 1, y))
                line(script, left, low, left, high);
            if (!is_feasible(s, first, x + 1, y))
                line(script, right, low, right, high);
            if (!is_feasible(s, first, x, y - 1))
                line(script, left, low, right, low);
            if (!is_feasible(s, first, x, y + 1))
                line(script, left, high, right, high);
        }
    wick_buf_puts(script, "NaN NaN\nEOD\n");
}

static bool does_fit(const wick_sizing *s, int first, int x, int y) {
    return x < s->capacitor_uf.n && y < s->panel.n &&
           s->points[first + y * s->capacitor_uf.n + x].fits;
}

/* Cells next to each other in a row that look alike are one box. It goes on a little below the next
   ones, which are drawn later: no seam between them. */
static void shades(const wick_sizing *s, int first, wick_buf *script) {
    double right_seam = fmin(0.15, 0.005 * s->capacitor_uf.n);
    double upper_seam = fmin(0.15, 0.005 * s->panel.n);
    wick_buf_puts(script, "$shaded << EOD\n");
    for (int y = 0; y < s->panel.n; y++)
        for (int x = 0; x < s->capacitor_uf.n;) {
            const wick_sizing_point *row = &s->points[first + y * s->capacitor_uf.n];
            double accuracy = row[x].figures[WICK_FIGURE_ACCURACY];
            bool below = true;
            int from = x;
            if (!row[x++].fits)
                continue;
            while (does_fit(s, first, x, y) && row[x].figures[WICK_FIGURE_ACCURACY] == accuracy)
                x++;
            for (int i = from; i < x; i++)
                below = below && does_fit(s, first, i, y + 1);
            wick_buf_printf(script, "%g %d %g %g %g %g %.5g\n", (from + x - 1) / 2.0, y, from - 0.5,
                            x - 0.5 + (does_fit(s, first, x, y) ? right_seam : 0), y - 0.5,
                            y + 0.5 + (below ? upper_seam : 0), 100 * accuracy);
        }
    wick_buf_puts(script, "NaN NaN NaN NaN NaN NaN NaN\nEOD\n"); /* a block may not be empty */
}

/* A dot no larger than its cell would be lost among many: lines from the axes lead to it. */
static void choice(const wick_sizing *s, int first, wick_buf *script) {
    int columns = s->capacitor_uf.n, n = columns * s->panel.n, at = s->best - first;
    wick_buf_puts(script, "$lead << EOD\n");
    if (s->best >= 0 && at >= 0 && at < n) {
        int x = at % columns, y = at / columns;
        if (columns > 16 || s->panel.n > 16) {
            line(script, x, -0.5, x, y);
            line(script, -0.5, y, x, y);
        }
        wick_buf_printf(script, "EOD\n$choice << EOD\n%d %d\nEOD\n", x, y);
    } else {
        wick_buf_puts(script, "NaN NaN\nEOD\n$choice << EOD\nNaN NaN\nEOD\n");
    }
}

/* Grey is what the cells leave free. Labels and arrows are the picture's: drawn with the first
   map. */
static void map(const wick_sizing *s, wick_buf *script, int first) {
    const wick_sizing_point *p = &s->points[first];
    int most = s->capacitor_uf.n > s->panel.n ? s->capacitor_uf.n : s->panel.n;
    double size = fmin(1.3, fmax(0.5, 16.0 / most));
    wick_buf_printf(script,
                    "set title 'wakes at %.2f V, browns out at %.2f V' font small offset 0,-0.5\n",
                    p->on_v, p->off_v);
    shades(s, first, script);
    outline(s, first, script);
    choice(s, first, script);
    wick_buf_printf(
        script,
        "plot $shaded using 1:2:3:4:5:6:7 with boxxyerror fs solid noborder lc palette, "
        "$lead using 1:2 with lines lc rgb '#111111' lw 1 dt 3, "
        "$outline using 1:2 with lines lc rgb '#111111' lw 1.5, "
        "$choice using 1:2 with points pt 7 ps %.2f lc rgb '#ffffff', "
        "$choice using 1:2 with points pt 7 ps %.2f lc rgb '#c026d3'\n"
        "unset label\nunset arrow\n",
        1.5 * size, size);
}

/* Pixels of a map in the pictures of `wick size`; others are scaled. */
enum { MAP_WIDTH = 560, MAP_HEIGHT = 380, HEAD_HEIGHT = 36, LEGEND_HEIGHT = 30, TITLE_BYTES = 72 };

static void title(wick_buf *script, int line, double height, const char *text) {
    wick_buf_printf(script, "set label %d ", 10 + line); /* beside the legend's */
    wick_gnuplot_quote(script, text);
    wick_buf_printf(script, " noenhanced at screen 0.5,%.5f center font small\n",
                    1 - (18 * line - 4) / height);
}

/* What it was asked, and of which harvest. */
static void titles(const wick_sizing *s, double height, wick_buf *script) {
    wick_arena *arena = wick_arena_new();
    const char *target = wick_target_text(arena, &s->target), *trace = wick_path_base(s->trace);
    size_t len = strlen(trace);
    if (len > TITLE_BYTES) { /* its end tells it apart */
        for (trace += len - TITLE_BYTES; (*trace & 0xc0) == 0x80; trace++) {
        }
        trace = wick_arena_printf(arena, "...%s", trace);
    }
    title(script, 1, height,
          wick_arena_printf(arena, "Target %.*s%s", TITLE_BYTES, target,
                            strlen(target) > TITLE_BYTES ? "..." : ""));
    const char *inputs = "";
    if (s->inputs >= 0)
        inputs = wick_arena_printf(arena, ", %d input%s", s->inputs, s->inputs == 1 ? "" : "s");
    title(script, 2, height, wick_arena_printf(arena, "Trace %s%s", trace, inputs));
    wick_arena_free(arena);
}

/* What marks mean, in a line below all maps. */
static void legend(wick_buf *script, double width, double height) {
    static const struct {
        double x;
        const char *text, *mark;
    } entries[] = {{30, "reaches the target", ""},
                   {190, "cheapest", "point pt 7 ps 1.3 lc rgb '#c026d3'"},
                   {300, "does not fit", "point pt 5 ps 1.5 lc rgb '#cccccc'"}};
    double left = (width - 380) / 2, y = 14 / height;
    wick_buf_printf(script,
                    "set arrow from screen %.5f,%.5f to screen %.5f,%.5f nohead lw 1.5 lc rgb "
                    "'#111111'\n",
                    left / width, y, (left + 24) / width, y);
    for (size_t i = 0; i < WICK_LEN(entries); i++)
        wick_buf_printf(script, "set label '%s' at screen %.5f,%.5f left font small %s%s\n",
                        entries[i].text, (left + entries[i].x) / width, y, entries[i].mark,
                        entries[i].mark[0] ? " offset 1.2,-0.3" : "");
}

void wick_sizing_script(const wick_sizing *s, wick_buf *script) {
    int columns, rows, n = s->capacitor_uf.n * s->panel.n;
    wick_sizing_maps(s, &columns, &rows);
    double height = MAP_HEIGHT * rows, across = 1.0 / columns;
    double down = (height - HEAD_HEIGHT - LEGEND_HEIGHT) / height / rows;
    /* Fonts in pixels on every terminal: those of a PNG count points. */
    wick_buf_printf(
        script,
        "small = sprintf(',%%g', GPVAL_TERM eq 'pngcairo' ? 9 : 12)\n"
        "set multiplot\nunset grid\nset border 15\n"
        "unset key\nset tmargin 2.2\n"
        "set xlabel 'capacitor, µF' font small\nset ylabel 'panel' font small\n"
        "set cblabel 'accuracy in time, %%' font small\nset tics font small\n"
        "set palette defined (0 '#7f1d1d', 50 '#fbbf24', 100 '#15803d')\n"
        "set object 1 rectangle from graph 0,0 to graph 1,1 behind fc rgb '#cccccc' fs "
        "solid noborder\nset tics out nomirror\nset xtics rotate by -45\nset size %.5f,%.5f\n",
        across, down);
    legend(script, MAP_WIDTH * columns, height);
    titles(s, height, script);
    colour_range(s, script);
    axis_tics(script, "x", 6, 12, &s->capacitor_uf);
    axis_tics(script, "y", 3, 9, &s->panel);
    for (int i = 0; i * n < s->n; i++) {
        wick_buf_printf(script, "set origin %.5f,%.5f\n", i % columns * across,
                        1 - HEAD_HEIGHT / height - (i / columns + 1) * down);
        map(s, script, i * n);
    }
    wick_buf_puts(script, "unset multiplot\n");
}
