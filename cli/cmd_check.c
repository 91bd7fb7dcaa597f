/* wick check: everything that keeps a model from running on a device. */
#include "cli.h"
#include "onnx/onnx.h"
#include "shrink/shrink.h"

#include <stdio.h>
#include <string.h>

typedef struct arguments {
    const char *model;
    bool json;
} arguments;

enum { KEY_JSON = 256 };

static const struct argp_option option_table[] = {{"json", KEY_JSON, 0, 0, "results as JSON", 0},
                                                  {0}};

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    switch (key) {
    case KEY_JSON:
        a->json = true;
        break;
    case ARGP_KEY_ARG:
        if (a->model)
            argp_error(state, "one model, please");
        a->model = text;
        break;
    case ARGP_KEY_END:
        if (!a->model)
            argp_error(state, "name a model");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    option_table,
    parse,
    "MODEL.onnx",
    "Lists all nodes of a model, float or quantized, that the device cannot run, each with the reason "
    "and the way out. Whether a model fits a device's memories and capacitor is what wick plan says."
    "\vExample: wick check model.onnx\n"
    "Exit status: 0 it runs, 1 it does not, 2 usage, 3 bad input, 4 failure.",
    0,
    0,
    0};

static wick_counts total_counts(const wick_graph *graph) {
    wick_counts total = {0};
    for (int s = 0; s <= graph->family.n_heads; s++) {
        wick_counts counts = wick_graph_counts(graph, s);
        total.parameters += counts.parameters;
        total.macs += counts.macs;
    }
    return total;
}

static bool is_quantized(const wick_graph *graph) {
    for (int n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n].op == WICK_OP_QUANTIZE)
            return true;
    return false;
}

/* graph is NULL when reading stopped at nodes that wick does not know. */
static json_t *results_json(const arguments *a, const wick_graph *graph, const wick_diag *diag) {
    json_t *problems = json_array();
    for (size_t i = 0; i < diag->count; i++) {
        const wick_diag_item *item = &diag->items[i];
        json_array_append_new(problems, json_pack("{s:s?, s:s, s:s?}", "place", item->place,
                                                  "reason", item->reason, "hint", item->hint));
    }
    json_t *root = json_pack("{s:s, s:b, s:o}", "model", a->model, "runs", diag->count == 0,
                             "problems", problems);
    if (graph) {
        wick_counts counts = total_counts(graph);
        json_object_set_new(root, "precision", json_string(is_quantized(graph) ? "int8" : "float"));
        json_object_set_new(root, "modules", json_integer(graph->family.n_heads));
        json_object_set_new(root, "nodes", json_integer(graph->n_nodes));
        json_object_set_new(root, "parameters", json_integer(counts.parameters));
        json_object_set_new(root, "macs", json_integer(counts.macs));
    }
    return root;
}

static void print_summary(const arguments *a, const wick_graph *graph, size_t problems) {
    if (graph) {
        wick_counts counts = total_counts(graph);
        printf("%s: %s, %d module%s, %d nodes, %lld parameters, %lld MACs\n", a->model,
               is_quantized(graph) ? "int8" : "float", graph->family.n_heads,
               graph->family.n_heads == 1 ? "" : "s", graph->n_nodes, (long long)counts.parameters,
               (long long)counts.macs);
    }
    if (problems)
        printf("%zu problem%s\n", problems, problems == 1 ? "" : "s");
    else
        printf("every node runs on the device%s\n",
               is_quantized(graph) ? "" : " once it is quantized (wick shrink)");
}

/* UNSUPPORTED nodes are this command's answer, not a failure: exit status 1. */
static wick_status run(const arguments *a, wick_diag *diag) {
    wick_graph *graph = NULL;
    wick_status status = wick_onnx_read(a->model, &graph, diag);
    if (status == WICK_OK)
        status = wick_qnet_check(graph, diag);
    cli_name_file(diag, a->model);
    if (status == WICK_OK || status == WICK_UNSUPPORTED) {
        if (!a->json)
            print_summary(a, graph, diag->count);
        else if (!cli_print_json(results_json(a, graph, diag)))
            status = WICK_OUTPUT;
        if (status == WICK_UNSUPPORTED)
            status = WICK_NO_FIT;
    }
    wick_graph_free(graph);
    return status;
}

int cmd_check(int argc, char **argv) {
    arguments a = {0};
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_status status = run(&a, &diag);
    return cli_finish(status, &diag);
}
