/* Sizing as a picture. */
#include "sim/sim.h"

#include <math.h>

void wick_sizing_maps(const wick_sizing *s, int *columns, int *rows) {
    int maps = s->on_v.n * s->off_v.n;
    *columns = maps > 1 ? 2 : 1;
    *rows = (maps + *columns - 1) / *columns;
}

static void axis_tics(wick_buf *script, const char *axis, int digits,
                      const wick_size_axis *values) {
    wick_buf_printf(script, "set %stics (", axis);
    for (int i = 0; i < values->n; i++)
        wick_buf_printf(script, "%s'%.*g' %d", i ? ", " : "", digits, values->value[i], i);
    wick_buf_printf(script, ")\nset %srange [-0.5:%g]\n", axis, values->n - 0.5);
}

typedef enum cell_kind { CELL_SHADED, CELL_GREY, CELL_FRAMED, CELL_CHOSEN, CELL_KINDS } cell_kind;

static bool is_kind(const wick_sizing *s, int point, cell_kind kind) {
    const wick_sizing_point *p = &s->points[point];
    switch (kind) {
    case CELL_SHADED:
        return p->fits;
    case CELL_GREY:
        return !p->fits;
    case CELL_FRAMED:
        return p->feasible;
    case CELL_CHOSEN:
        return point == s->best;
    case CELL_KINDS:
        break;
    }
    return false;
}

/* A frame is a line around the cell (a box's border has no colour of its own everywhere). */
static void write_cell(wick_buf *script, int x, int y, cell_kind kind, double accuracy) {
    double left = x - 0.46, right = x + 0.46, low = y - 0.46, high = y + 0.46;
    if (kind == CELL_FRAMED)
        wick_buf_printf(script, "%g %g\n%g %g\n%g %g\n%g %g\n%g %g\n\n", left, low, right, low,
                        right, high, left, high, left, low);
    else
        wick_buf_printf(script, "%d %d %g %g %g %g %.4g\n", x, y, left, right, low, high,
                        100 * accuracy);
}

/* Cells of one kind of the map that begins at `first`, as a data block; false: there are none. */
static bool write_cells(const wick_sizing *s, wick_buf *script, int first, cell_kind kind) {
    int columns = s->capacitor_uf.n, cells = columns * s->panel.n, n = 0;
    for (int i = 0; i < cells; i++) {
        int x = i % columns, y = i / columns;
        if (!is_kind(s, first + i, kind))
            continue;
        if (!n++)
            wick_buf_printf(script, "$c%d << EOD\n", kind);
        write_cell(script, x, y, kind, s->points[first + i].figures[WICK_FIGURE_ACCURACY]);
    }
    if (n)
        wick_buf_puts(script, "EOD\n");
    return n > 0;
}

static void map(const wick_sizing *s, wick_buf *script, int first) {
    static const char *const how[CELL_KINDS] = {
        "1:2:3:4:5:6:7 with boxxyerror fs solid noborder lc palette",
        "1:2:3:4:5:6 with boxxyerror fs solid noborder lc rgb '#dddddd'",
        "1:2 with lines lc rgb '#111111' lw 2", "1:2 with points pt 7 ps 1.6 lc rgb '#d946ef'"};
    const wick_sizing_point *p = &s->points[first];
    bool there[CELL_KINDS];
    wick_buf_printf(script, "set title 'wakes at %.2f V, browns out at %.2f V'\n", p->on_v,
                    p->off_v);
    for (int k = 0; k < CELL_KINDS; k++)
        there[k] = write_cells(s, script, first, (cell_kind)k);
    const char *join = "plot";
    for (int k = 0; k < CELL_KINDS; k++)
        if (there[k]) {
            wick_buf_printf(script, "%s $c%d using %s", join, k, how[k]);
            join = ",";
        }
    wick_buf_puts(script, "\n");
}

void wick_sizing_script(const wick_sizing *s, wick_buf *script) {
    int columns, rows, cells = s->capacitor_uf.n * s->panel.n;
    wick_sizing_maps(s, &columns, &rows);
    wick_buf_printf(script,
                    "set multiplot layout %d,%d\nunset key\nset xlabel 'capacitor, uF'\n"
                    "set ylabel 'panel'\nset cblabel 'accuracy in time, %%'\nset cbrange [0:100]\n"
                    "set palette defined (0 '#7f1d1d', 50 '#fbbf24', 100 '#15803d')\n"
                    "set xtics rotate by -60\n",
                    rows, columns);
    axis_tics(script, "x", 6, &s->capacitor_uf);
    axis_tics(script, "y", 3, &s->panel);
    for (int first = 0; first < s->n; first += cells)
        map(s, script, first);
    wick_buf_puts(script, "unset multiplot\n");
}
