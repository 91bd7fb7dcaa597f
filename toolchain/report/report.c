#include "report/report.h"
#include "onnx/onnx.h"
#include "report/report_parts.h"

#include <string.h>

static const char style[] =
    ":root{color-scheme:light}body{font:15px/1.5 system-ui,sans-serif;color:#1f2328;background:#fff;margin:0}"
    "main{max-width:62rem;margin:0 auto;padding:1.5rem}h1{font-size:1.7rem;margin:.2rem 0}h2{font-size:1.2rem;"
    "margin:2.2rem 0 .6rem;border-bottom:1px solid #e4e4e4;padding-bottom:.2rem}table{border-collapse:collapse;"
    "font-size:.92rem}th,td{padding:.3rem .7rem;text-align:left;border-bottom:1px solid #eee;vertical-align:top}"
    "th{font-weight:600;color:#555}.n{text-align:right}td.n{font-variant-numeric:tabular-nums;white-space:nowrap}"
    ".wide{overflow-x:auto}figure{margin:1rem 0;overflow-x:auto}figcaption,.note,.keys{color:#666;font-size:.88rem}.keys span{white-space:nowrap;margin-right:.5rem}.keys .box{display:inline-block;min-width:1.2rem;text-align:center;color:#111;border:1px solid #999}.phone{display:none}img,svg{max-width:"
    "100%;height:auto}svg text{font:12px sans-serif;fill:#555}.bar{display:flex;gap:.8rem;align-items:center;"
    "margin:.25rem 0}.bar .label{width:3rem}.track{flex:1;max-width:30rem;height:.9rem;background:#eee;border-radius:"
    "3px;overflow:hidden}.fill{display:block;height:100%;background:#b91c1c;min-width:1px}nav a{display:inline-block;margin:.2rem 1rem .2rem 0;"
    "color:#1d4ed8;text-decoration:none}dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}dt{color:"
    "#666}dd{margin:0;overflow-wrap:anywhere}@media(max-width:40rem){main{padding:.8rem}th,td{padding:.3rem .4rem}"
    "figure img,figure svg{max-width:none}figcaption{position:sticky;left:0}dl{grid-template-columns:1fr}"
    "dt{margin-top:.3rem}.phone{display:block}}";

static void head(page *p) {
    const char *title = p->options->title ? p->options->title : "wick report";
    wick_buf_puts(&p->html,
                  "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
                  "name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>");
    html_text(&p->html, title);
    wick_buf_printf(&p->html, "</title><style>%s</style></head><body><main>\n<h1>", style);
    html_text(&p->html, title);
    wick_buf_puts(&p->html,
                  "</h1>\n<nav><a href=\"#family\">Family</a><a href=\"#training\">Training</a><a "
                  "href=\"#energy\">Energy</a><a href=\"#memory\">Memory</a><a "
                  "href=\"#simulation\">On harvested energy</a><a href=\"#policy\">Policy</a><a "
                  "href=\"#sizing\">Sizing</a><a href=\"#guarantees\">Guarantees</a>"
                  "</nav>\n<dl><dt>device</dt><dd>");
    html_textf(&p->html, "%s (%s at %g MHz), capacitor %g µF", p->plan->device->name,
               p->plan->device->core, p->plan->device->clock_hz / 1e6,
               p->plan->device->capacitor.uf);
    wick_buf_puts(&p->html, "</dd><dt>model</dt><dd>");
    html_textf(&p->html, "%.16s, %s, %s", p->net->hash.hex,
               html_count(p->arena, p->net->n_modules, "module", "modules"),
               html_count(p->arena, p->net->n_classes, "class", "classes"));
    wick_buf_puts(&p->html, "</dd><dt>made by</dt><dd>");
    html_textf(&p->html, "wick %s", wick_version());
    wick_buf_puts(&p->html,
                  "</dd></dl>\n<p class=\"note phone\">Pictures and tables that are wider "
                  "than the screen scroll sideways.</p>\n");
}

static wick_status sections(page *p) {
    head(p);
    WICK_TRY(report_family(p));
    WICK_TRY(report_training(p));
    WICK_TRY(report_energy(p));
    WICK_TRY(report_memory(p));
    WICK_TRY(report_sims(p));
    WICK_TRY(report_policies(p));
    WICK_TRY(report_sizings(p));
    WICK_TRY(report_guarantees(p));
    wick_buf_puts(&p->html, "</main></body></html>\n");
    return WICK_OK;
}

static wick_status read_family(const char *path, wick_graph **graph, wick_diag *diag) {
    WICK_TRY(wick_onnx_read(path, graph, diag));
    for (int i = 0; i < (*graph)->n_nodes; i++)
        if ((*graph)->nodes[i].op == WICK_OP_QUANTIZE)
            return wick_fail(diag, WICK_MISMATCH, path, (*graph)->nodes[i].name,
                             "give the float family; the int8 one is known from the plan",
                             "this model is quantized");
    return WICK_OK;
}

wick_status wick_report_write(const wick_report_options *options, const char *path,
                              wick_diag *diag) {
    wick_plan *plan = NULL;
    wick_qnet *net = NULL;
    wick_graph *graph = NULL;
    wick_status status = wick_plan_load(options->plan, &plan, &net, diag);
    if (status == WICK_OK && options->model)
        status = read_family(options->model, &graph, diag);
    if (status == WICK_OK) {
        page p = {.arena = wick_arena_new(),
                  .options = options,
                  .plan = plan,
                  .net = net,
                  .graph = graph,
                  .diag = diag};
        if (graph)
            status = report_check_family(&p);
        if (status == WICK_OK)
            status = sections(&p);
        if (status == WICK_OK)
            status = wick_file_write(path, p.html.data, p.html.len, diag);
        wick_buf_free(&p.html);
        wick_arena_free(p.arena);
    }
    wick_graph_free(graph);
    wick_plan_free(plan);
    wick_qnet_free(net);
    return status;
}
