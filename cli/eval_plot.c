/* The picture of wick eval: each module a row of three plots. */
#include "eval_output.h"

enum { PLOT_WIDTH = 360, PLOT_HEIGHT = 300, LABELLED_CLASSES = 20 };

/* Shares of each class, a row for what it is, so that rare classes show as well. */
static void put_confusion(wick_buf *script, const eval_results *r, int k) {
    const wick_quality *q = &r->modules[k];
    wick_buf_printf(script, "$m%d << EOD\n", k);
    for (int c = 0; c < q->classes; c++) {
        int64_t images = 0;
        for (int as = 0; as < q->classes; as++)
            images += q->confusion[c * q->classes + as];
        for (int as = 0; as < q->classes; as++) {
            double share = images ? (double)q->confusion[c * q->classes + as] / (double)images : 0;
            wick_buf_printf(script, "%d %d %.6g\n", as, c, 100 * share);
        }
        wick_buf_puts(script, "\n");
    }
    wick_buf_puts(script, "EOD\n");
    wick_buf_printf(script,
                    "set title '%s: rows are, columns called, %% of row'\n"
                    "set xrange [-0.5:%d.5]\nset yrange [%d.5:-0.5]\nset cbrange [0:100]\n",
                    r->graph->family.head_names[k], q->classes - 1, q->classes - 1);
    wick_buf_puts(script, "unset xtics\nunset ytics\n");
    if (q->classes <= LABELLED_CLASSES) {
        wick_buf_puts(script, "set ytics (");
        for (int c = 0; c < q->classes; c++) {
            wick_gnuplot_quote(script, r->data->class_names[c]);
            wick_buf_printf(script, " %d%s", c, c + 1 < q->classes ? ", " : ")\n");
        }
        wick_buf_puts(script, "set xtics 1\n");
    }
    /* Few cells as rectangles: viewers of an SVG blur a small picture that they enlarge. */
    wick_buf_printf(script, "plot $m%d using 1:2:3 with image%s notitle\n", k,
                    q->classes <= LABELLED_CLASSES ? " pixels" : "");
}

/* Bins with images: where the bars are below the line, the module is too sure of itself. */
static void put_calibration(wick_buf *script, const eval_results *r, int k) {
    const wick_quality *q = &r->modules[k];
    wick_buf_printf(script, "$c%d << EOD\n", k);
    for (int b = 0; b < q->n_bins; b++) {
        const wick_confidence_bin *bin = &q->bins[b];
        double images = (double)(bin->right + bin->wrong);
        if (images > 0)
            wick_buf_printf(script, "%.6g %.6g %.6g\n", 100 * (b + 0.5) / q->n_bins,
                            100 * (double)bin->right / images, 100 * bin->confidence);
    }
    wick_buf_printf(script,
                    "EOD\nset title 'calibration error %.1f %%'\nset xrange [0:100]\n"
                    "set yrange [0:100]\nset xtics 20\nset ytics 20\nset xlabel 'confidence in "
                    "%%'\nset ylabel 'right in %%'\nset key top left\nset boxwidth %.6g\n"
                    "plot $c%d using 1:2 with boxes fs solid 0.5 lc rgb '#1d4ed8' notitle, "
                    "$c%d using 3:3 with linespoints pt 7 ps 0.4 lc rgb '#333333' title "
                    "'if calibrated'\n",
                    100 * q->calibration_error, 90.0 / q->n_bins, k, k);
}

static void put_histograms(wick_buf *script, const eval_results *r, int k) {
    const wick_quality *q = &r->modules[k];
    wick_buf_printf(script, "$h%d << EOD\n", k);
    for (int b = 0; b < q->n_bins; b++)
        wick_buf_printf(script, "%.6g %lld %lld\n", 100 * (b + 0.5) / q->n_bins,
                        (long long)q->bins[b].right, (long long)q->bins[b].wrong);
    wick_buf_printf(
        script,
        "EOD\nset title 'right %.2f %% of %lld images'\nset xrange [0:100]\n"
        "set yrange [0:*]\nset key top right\nset xtics 20\nset ytics auto\nset xlabel 'confidence in "
        "%%'\nset ylabel 'images'\n"
        "plot $h%d using 1:($2+$3) with boxes fs solid 0.7 lc rgb '#b91c1c' title "
        "'wrong', $h%d using 1:2 with boxes fs solid 0.7 lc rgb '#15803d' title "
        "'right'\n",
        100 * (double)q->right / (double)q->images, (long long)q->images, k, k);
}

void eval_plot_script(const eval_results *results, const char *path, wick_buf *script) {
    int modules = results->graph->family.n_heads;
    wick_gnuplot_begin(script, path, 3 * PLOT_WIDTH, modules * PLOT_HEIGHT);
    wick_buf_printf(script,
                    "set encoding utf8\nunset grid\nset multiplot layout %d,3\n"
                    "set palette defined (0 '#ffffff', 100 '#1d4ed8')\n",
                    modules);
    for (int k = 0; k < modules; k++) {
        wick_buf_puts(script, "unset xlabel\nunset ylabel\n");
        put_confusion(script, results, k);
        put_calibration(script, results, k);
        put_histograms(script, results, k);
    }
    wick_buf_puts(script, "unset multiplot\n");
}
