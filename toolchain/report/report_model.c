/* What was made: the family, its training, its energy and its memory. */
#include "report/report_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *percent(page *p, double accuracy) {
    return isnan(accuracy) ? "-" : wick_arena_printf(p->arena, "%.1f %%", 100 * accuracy);
}

wick_status report_family(page *p) {
    const wick_plan *plan = p->plan;
    html_section(&p->html, "family", "Family");
    if (p->graph) {
        const wick_family *f = &p->graph->family;
        wick_buf_puts(&p->html, "<p>");
        html_textf(&p->html, "%s, %s, trained on %s. ", f->recipe[0] ? f->recipe : "imported model",
                   f->strategy[0] ? f->strategy : "strategy unknown",
                   f->data[0] ? f->data : "unknown data");
        html_text(&p->html,
                  f->features >= 0
                      ? "All modules start from the features of one shared extractor, which is "
                        "computed and committed once."
                      : "Every module has an extractor of its own.");
        wick_buf_puts(&p->html, "</p>\n");
        report_say_family_macs(p);
    }
    wick_buf_puts(&p->html, "<div class=\"wide\"><table>\n");
    static const char *const header[] = {"part",          "parameters", "MACs", "float accuracy",
                                         "int8 accuracy", "energy",     "time", "charges"};
    html_head(&p->html, header, 8, 1);
    for (int k = 0; k < plan->n_segments; k++) {
        const wick_plan_segment *s = &plan->segments[k];
        const char *cells[8] = {s->name, "-", wick_text_count(p->arena, s->macs), "-", "-"};
        if (p->graph && k <= p->graph->family.n_heads) {
            wick_counts counts = wick_graph_counts(p->graph, k);
            cells[1] = wick_text_count(p->arena, counts.parameters);
            if (k > 0) {
                double test = p->graph->family.accuracy[k - 1];
                double validation = p->graph->family.validation[k - 1];
                cells[3] = !isnan(test) ? percent(p, test)
                                        : wick_arena_printf(p->arena, "%s (validation)",
                                                            percent(p, validation));
            }
        }
        if (k > 0)
            cells[4] = percent(p, p->net->accuracy[k - 1]);
        cells[5] = wick_text_energy(p->arena, s->cost.energy_uj);
        cells[6] = wick_arena_printf(p->arena, "%.1f ms", s->cost.time_us / 1e3);
        cells[7] = wick_arena_printf(p->arena, "%.1f", s->charges);
        html_row(&p->html, cells, 8, 1);
    }
    wick_buf_puts(&p->html, "</table></div>\n<p class=\"note\">");
    html_textf(
        &p->html,
        "Accuracies are on the test set unless they say otherwise; '-' was not measured. Energy "
        "and time are modelled for %s, without boots. A module runs after the extractor.",
        plan->device->name);
    wick_buf_puts(&p->html, "</p>\n");
    return WICK_OK;
}

/* gnuplot would put ticks at parts of few epochs, and has no axis of one. */
static void epoch_tics(const wick_run_point *points, int n, wick_buf *script) {
    int last = 1;
    for (int i = 0; i < n; i++)
        last = points[i].epoch > last ? points[i].epoch : last;
    if (last <= 20)
        wick_buf_printf(script, "set xtics %d\n", last <= 10 ? 1 : 2);
    if (last == 1)
        wick_buf_puts(script, "set xrange [0:2]\n");
}

/* Validation accuracy of every module over the epochs, one line each. */
static wick_status plot_curves(page *p, const wick_run_info *info, const wick_run_point *points,
                               int n) {
    wick_buf script = {0};
    for (int k = 0; k < info->n_modules; k++) {
        wick_buf_printf(&script, "$d%d << EOD\n", k);
        for (int i = 0; i < n; i++)
            if (!isnan(points[i].validation[k]))
                wick_buf_printf(&script, "%d %.4f\n", points[i].epoch,
                                100 * points[i].validation[k]);
        wick_buf_puts(&script, "EOD\n");
    }
    epoch_tics(points, n, &script);
    wick_buf_puts(&script, "set xlabel 'epoch'\nset ylabel 'validation accuracy, %'\n"
                           "set yrange [0:100]\nplot ");
    for (int k = 0; k < info->n_modules; k++)
        wick_buf_printf(&script, "%s$d%d using 1:2 with linespoints pt 7 ps 0.4 lw 2 lc rgb '%s'",
                        k ? ", " : "", k, html_colour(k + 1));
    char *caption = wick_arena_printf(
        p->arena,
        "Convergence of each module on the validation split: %s, %s, "
        "%.0f s of training.",
        info->strategy, html_count(p->arena, info->epochs, "epoch", "epochs"), info->seconds);
    wick_status status =
        html_plot_twice(&p->html, script.data, 760, HTML_NARROW, 360, caption, p->diag);
    wick_buf_free(&script);
    html_key keys[WICK_MAX_HEADS];
    for (int k = 0; k < info->n_modules; k++)
        keys[k] = (html_key){.colour = html_colour(k + 1), .meaning = info->modules[k].name};
    html_keys(&p->html, keys, info->n_modules);
    return status;
}

wick_status report_training(page *p) {
    html_section(&p->html, "training", "Training");
    if (!p->options->runs) {
        wick_buf_puts(&p->html, "<p class=\"note\">No database of runs was given.</p>\n");
        return WICK_OK;
    }
    wick_run_info info;
    wick_run_point *points;
    int n;
    WICK_TRY(wick_runs_read(p->options->runs, p->options->run_id, p->arena, &info, &points, &n,
                            p->diag));
    WICK_TRY(report_check_run(p, &info));
    report_say_run_macs(p, &info);
    WICK_TRY(plot_curves(p, &info, points, n));
    wick_buf_puts(&p->html, "<p class=\"note\">");
    html_textf(&p->html, "Run %lld, %s, %s.", (long long)info.id, info.name, info.backend);
    wick_buf_puts(&p->html, "</p>\n");
    return WICK_OK;
}

/* Accuracy against energy: the ladder that the scheduler climbs. */
static wick_status plot_ladder(page *p) {
    wick_buf script = {0};
    const wick_plan *plan = p->plan;
    int known = 0;
    wick_buf_puts(&script, "$d << EOD\n");
    for (int k = 1; k < plan->n_segments; k++) {
        double accuracy = p->net->accuracy[k - 1];
        if (isnan(accuracy) && p->graph && k <= p->graph->family.n_heads)
            accuracy = p->graph->family.validation[k - 1];
        if (isnan(accuracy))
            continue;
        wick_buf_printf(&script, "%.6g %.4f \"%s\" %d\n", wick_plan_answer_uj(plan, k) / 1e3,
                        100 * accuracy, plan->segments[k].name, k % 2);
        known++;
    }
    wick_buf_puts(
        &script,
        "EOD\nset logscale x\nset xlabel 'energy of one answer, mJ (modelled)'\nset "
        "ylabel 'accuracy, %'\nunset key\nset offsets graph 0.15, graph 0.15, graph 0.12, "
        "graph 0.12\nplot $d using 1:2 with linespoints pt 7 ps 1 lw 1.5 lc rgb '#b91c1c', $d "
        "using 1:($4 > 0.5 ? $2 : NaN):3 with labels offset 0,1 tc rgb '#333333', $d using 1:($4 > 0.5 ? NaN : $2):3 with "
        "labels offset 0,-1 tc rgb '#333333'");
    wick_status status = WICK_OK;
    if (known > 1)
        status = html_plot_twice(&p->html, script.data, 760, HTML_NARROW, 340,
                                 "Accuracy against energy, with the extractor's: what each module "
                                 "buys.",
                                 p->diag);
    wick_buf_free(&script);
    return status;
}

wick_status report_energy(page *p) {
    const wick_plan *plan = p->plan;
    html_section(&p->html, "energy", "Energy");
    WICK_TRY(plot_ladder(p));
    WICK_TRY(report_layers(p));
    report_parts(p);
    wick_buf_puts(&p->html, "<p>");
    html_textf(
        &p->html,
        "One charge of the %g µF capacitor (%.2f V to %.2f V) surely gives %.1f µJ; the worst "
        "span with a boot before it takes %.1f µJ. The smallest capacitor that could carry this "
        "network is %.1f µF; with the chosen one it may wake at %.2f V.",
        plan->device->capacitor.uf, plan->device->capacitor.on_v, plan->device->capacitor.off_v,
        plan->charge_uj, plan->worst_span_uj, plan->min_capacitor_uf, plan->min_wake_v);
    wick_buf_puts(&p->html, "</p>\n");
    return WICK_OK;
}

static void memory_bar(page *p, const char *name, double used, double total) {
    double part = total > 0 ? 100 * used / total : 0;
    wick_buf_printf(&p->html,
                    "<div class=\"bar\"><span class=\"label\">%s</span><span class=\"track\"><span "
                    "class=\"fill\" style=\"width:%.2f%%\"></span></span><span>",
                    name, part > 100 ? 100 : part);
    html_textf(&p->html, "%s of %s", wick_text_bytes(p->arena, used),
               wick_text_bytes(p->arena, total));
    wick_buf_puts(&p->html, "</span></div>\n");
}

/* Every tensor's place in NVM against the layers that need it. */
static void nvm_map(page *p) {
    const wick_model *m = &p->plan->model;
    int layers = m->n_layers > 0 ? m->n_layers : 1;
    double width = 760, height = 260, left = 70, top = 8;
    double per_byte = (height - 30) / (double)m->nvm_bytes, per_layer = (width - left) / layers;
    wick_buf_printf(
        &p->html,
        "<figure><svg viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" role=\"img\" aria-label=\"NVM map\">"
        "<rect x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.1f\" fill=\"#f6f6f4\"/>",
        width, height, width, left, top, width - left, m->nvm_bytes * per_byte);
    for (int t = 0; t < m->n_tensors; t++) {
        const wick_plan_life *life = &p->plan->life[t];
        int first = life->always || life->first_layer < 0 ? 0 : life->first_layer;
        int last = life->always || life->shared ? layers - 1 : life->last_layer;
        for (uint32_t copy = 0; copy < (m->tensors[t].stride ? 2u : 1u); copy++) {
            double y = top + (m->tensors[t].offset + copy * m->tensors[t].stride) * per_byte;
            wick_buf_printf(
                &p->html,
                "<rect x=\"%.1f\" y=\"%.2f\" width=\"%.1f\" height=\"%.2f\" fill=\"%s\" "
                "fill-opacity=\"0.75\" stroke=\"#fff\" stroke-width=\"0.5\"><title>",
                left + first * per_layer, y, (last - first + 1) * per_layer,
                fmax(0.8, m->tensors[t].bytes * per_byte), html_colour(life->segment));
            html_textf(&p->html, "%s: %u bytes at %u", p->net->tensors[t].name, m->tensors[t].bytes,
                       m->tensors[t].offset + copy * m->tensors[t].stride);
            wick_buf_puts(&p->html, "</title></rect>");
        }
    }
    wick_buf_printf(
        &p->html,
        "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">0</text><text x=\"%.0f\" y=\"%.0f\" "
        "text-anchor=\"end\">%s</text><text x=\"%.0f\" y=\"%.0f\">layers, in the order "
        "they run</text></svg><figcaption>NVM: where each tensor lives (down: address) and while "
        "which layers run (across). Tensors of different modules share addresses. Colours: ",
        left - 6, top + 10, left - 6, top + m->nvm_bytes * per_byte,
        wick_text_bytes(p->arena, m->nvm_bytes), left, height - 4);
    for (int k = 0; k < p->plan->n_segments; k++) {
        wick_buf_printf(&p->html, "<span style=\"color:%s\">■ ", html_colour(k));
        html_text(&p->html, p->plan->segments[k].name);
        wick_buf_puts(&p->html, "</span> ");
    }
    wick_buf_puts(&p->html, "</figcaption></figure>\n");
}

wick_status report_memory(page *p) {
    const wick_plan *plan = p->plan;
    html_section(&p->html, "memory", "Memory");
    memory_bar(p, "RAM", (double)plan->totals.ram_bytes, (double)plan->device->sram_bytes);
    memory_bar(p, "NVM", (double)plan->totals.nvm_bytes, (double)plan->device->nvm.bytes);
    memory_bar(p, "flash", (double)plan->totals.flash_bytes, (double)plan->device->flash_bytes);
    wick_buf_puts(&p->html, "<p class=\"note\">");
    html_textf(
        &p->html,
        "RAM: %lld B scratch, %lld B engine, %lld B stack bound. Flash: %s constants, %s code (estimate).",
        (long long)plan->totals.scratch_bytes, (long long)plan->totals.engine_bytes,
        (long long)plan->totals.stack_bytes,
        wick_text_bytes(p->arena, (double)plan->totals.constants_bytes),
        wick_text_bytes(p->arena, (double)plan->totals.code_bytes));
    wick_buf_puts(&p->html, "</p>\n");
    nvm_map(p);
    return WICK_OK;
}
