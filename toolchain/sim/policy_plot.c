#include "sim/policy_plot.h"

int wick_policy_first(const wick_policy_table *t, int time, int harvest, int charge) {
    int stage = (int)wick_policy_stage(t->n_modules, 0, 0, 0); /* nothing answered or in work */
    int row = t->row_of[(stage * t->n_time + time) * t->n_harvest + harvest];
    uint8_t pair = t->rows[row * ((t->n_charge + 1) / 2) + charge / 2];
    return charge & 1 ? pair >> 4 : pair & 15;
}

/* Thresholds stand between their bins; every third where there are many. */
static void tics(wick_buf *script, const char *axis, const uint32_t *thresholds, int bins,
                 double unit) {
    int each = bins > 7 ? 3 : 1;
    wick_buf_printf(script, "set %stics (", axis);
    for (int i = 0; i < bins - 1; i += each)
        wick_buf_printf(script, "%s'%.3g' %g", i ? ", " : "", thresholds[i] * unit, i + 0.5);
    wick_buf_puts(script, ")\n");
}

void wick_policy_script(const wick_policy_table *t, int columns, wick_buf *script) {
    wick_buf_printf(
        script,
        "set multiplot layout %d,%d\nset cbrange [0:8]\nunset key\nunset colorbox\n"
        "unset grid\nset palette maxcolors 9 defined (0 '#f3f4f6', 1 '#fca5a5', 2 '#fdba74', "
        "3 '#86efac', 4 '#93c5fd', 5 '#c4b5fd', 6 '#67e8f9', 7 '#fde047', 8 '#f9a8d4')\n"
        "set xlabel 'charge, uJ'\nset ylabel 'time left, s'\n"
        "set xrange [-0.5:%g]\nset yrange [-0.5:%g]\n",
        (t->n_harvest + columns - 1) / columns, columns, t->n_charge - 0.5, t->n_time - 0.5);
    tics(script, "x", t->charge_uj, t->n_charge, 1);
    tics(script, "y", t->time_ms, t->n_time, 1e-3);
    for (int h = 0; h < t->n_harvest; h++) {
        wick_buf_printf(script, "set title 'harvest from %u uW'\n$map%d << EOD\n",
                        h ? t->harvest_uw[h - 1] : 0, h);
        for (int time = 0; time < t->n_time; time++) {
            for (int c = 0; c < t->n_charge; c++)
                wick_buf_printf(script, "%d ", wick_policy_first(t, time, h, c));
            wick_buf_puts(script, "\n");
        }
        wick_buf_printf(
            script,
            "EOD\nplot $map%d matrix with image pixels, $map%d matrix using "
            "1:2:($3 > 8 ? 'w' : sprintf('%%d', $3)) with labels font ',8' tc rgb '#111111'\n",
            h, h);
    }
    wick_buf_puts(script, "unset multiplot\n");
}
