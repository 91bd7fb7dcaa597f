/* wick check: does a model run on a device, what keeps it from that, what does it take. */
#include "cli.h"
#include "onnx/onnx.h"
#include "plan/plan.h"
#include "shrink/shrink.h"

#include <stdio.h>
#include <string.h>

typedef struct arguments {
    const char *model, *device;
    bool json, operators;
} arguments;

enum { KEY_JSON = 256, KEY_OPERATORS };

static const struct argp_option option_table[] = {
    {"device", 'd', "NAME", 0,
     "also: does it fit this device, and the energy and time of each layer", 0},
    {"json", KEY_JSON, 0, 0, "results as JSON", 0},
    {"operators", KEY_OPERATORS, 0, 0, "print the table of ONNX operators and exit", 0},
    {0}};

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    switch (key) {
    case 'd':
        a->device = text;
        break;
    case KEY_JSON:
        a->json = true;
        break;
    case KEY_OPERATORS:
        a->operators = true;
        break;
    case ARGP_KEY_ARG:
        if (a->model)
            argp_error(state, "one model, please");
        a->model = text;
        break;
    case ARGP_KEY_END:
        if (!a->model && !a->operators)
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
    "MODEL.onnx [--device NAME]\n--operators",
    "Lists all nodes of a model, float or quantized, that the device cannot run, each with the reason "
    "and the way out; and what the model takes as int8: bytes of weights, the layer with the largest "
    "input and output, MACs. With --device, whether it fits (as wick plan finds it), and the modelled "
    "energy and time of each layer."
    "\vExample: wick check model.onnx\n"
    "         wick check model.onnx --device m4-fram\n"
    "Exit status: 0 it runs (and fits), 1 it does not, 2 usage, 3 bad input, 4 failure.",
    0,
    0,
    0};

/* What was found out: NULL where that could not be reached. */
typedef struct findings {
    wick_graph *graph; /* NULL: reading stopped at nodes that wick does not know */
    wick_qnet *net;    /* NULL: some node does not run */
    wick_plan *plan;   /* NULL: not asked for, or it does not fit */
    wick_device *device;
} findings;

static wick_counts total_counts(const wick_graph *graph) {
    wick_counts total = {0};
    for (int s = 0; s <= graph->family.n_heads; s++) {
        wick_counts counts = wick_graph_counts(graph, s);
        total.parameters += counts.parameters;
        total.macs += counts.macs;
    }
    return total;
}

/* Layer of the network with the most bytes of inputs and output; -1 in an empty one. */
static int peak_layer(const wick_qnet *net, int64_t *bytes) {
    int peak = -1;
    *bytes = 0;
    for (int l = 0; l < net->n_layers; l++) {
        const wick_layer *layer = &net->layers[l];
        const wick_qtensor *t = &net->tensors[layer->dst];
        int64_t sum = wick_qtensor_bytes(t);
        for (int i = 0; i < layer->n_operands; i++) {
            t = &net->tensors[layer->operands[i].tensor];
            sum += wick_qtensor_bytes(t);
        }
        if (sum > *bytes) {
            *bytes = sum;
            peak = l;
        }
    }
    return peak;
}

/* The same by name; of a graph that does not run, one byte for each element. */
static const char *peak_of(const findings *f, int64_t *bytes) {
    if (f->net) {
        int layer = peak_layer(f->net, bytes);
        return layer >= 0 ? f->net->info[layer].name : "";
    }
    int node = wick_graph_peak_node(f->graph);
    *bytes = node >= 0 ? wick_node_counts(f->graph, node).peak_activation_elements : 0;
    return node >= 0 ? f->graph->nodes[node].name : "";
}

/* --- as JSON --- */

static json_t *cost_json(wick_cost cost) {
    return json_pack("{s:f,s:f,s:f,s:f}", "energy_uj", cost.energy_uj, "compute_uj",
                     cost.compute_uj, "nvm_uj", cost.nvm_uj, "time_us", cost.time_us);
}

static json_t *layers_json(const findings *f) {
    json_t *layers = json_array();
    for (int l = 0; l < f->net->n_layers; l++) {
        wick_plan_layer info = wick_plan_layer_of(f->plan, l);
        json_array_append_new(layers, json_pack("{s:s,s:i,s:I,s:o}", "name", f->net->info[l].name,
                                                "segment", f->net->info[l].segment, "macs",
                                                (json_int_t)f->net->info[l].macs, "cost",
                                                cost_json(info.cost)));
    }
    return layers;
}

static json_t *device_json(const findings *f) {
    json_t *device =
        json_pack("{s:s,s:b}", "modelled_for", f->device->name, "fits", f->plan != NULL);
    if (!f->plan)
        return device;
    json_object_set_new(device, "ram_bytes", json_integer(f->plan->totals.ram_bytes));
    json_object_set_new(device, "nvm_bytes", json_integer(f->plan->totals.nvm_bytes));
    json_object_set_new(device, "flash_bytes", json_integer(f->plan->totals.flash_bytes));
    json_object_set_new(device, "layers", layers_json(f));
    return device;
}

static json_t *results_json(const arguments *a, const findings *f, const wick_diag *diag) {
    json_t *problems = json_array();
    for (size_t i = 0; i < diag->count; i++) {
        const wick_diag_item *item = &diag->items[i];
        json_array_append_new(problems, json_pack("{s:s?, s:s, s:s?}", "place", item->place,
                                                  "reason", item->reason, "hint", item->hint));
    }
    json_t *root = json_pack("{s:s, s:b, s:o}", "model", a->model, "runs", f->net != NULL,
                             "problems", problems);
    if (f->graph) {
        wick_counts counts = total_counts(f->graph);
        int64_t bytes;
        const char *peak = peak_of(f, &bytes);
        json_object_set_new(root, "precision", json_string(wick_graph_precision(f->graph)));
        json_object_set_new(root, "modules", json_integer(f->graph->family.n_heads));
        json_object_set_new(root, "nodes", json_integer(f->graph->n_nodes));
        json_object_set_new(root, "parameters", json_integer(counts.parameters));
        json_object_set_new(root, "macs", json_integer(counts.macs));
        json_object_set_new(root, "peak",
                            json_pack("{s:s,s:I}", "layer", peak, "bytes", (json_int_t)bytes));
    }
    if (f->net)
        json_object_set_new(root, "constant_bytes", json_integer(wick_qnet_constant_bytes(f->net)));
    if (f->net && f->device)
        json_object_set_new(root, "device", device_json(f));
    return root;
}

/* --- as text --- */

static void print_layers(const findings *f, wick_arena *arena) {
    enum { COLUMNS = 5 };
    static const char *const header[COLUMNS] = {"layer", "output", "MACs", "energy", "time"};
    int n = f->net->n_layers;
    const char **cells = wick_new(arena, const char *, COLUMNS *(n + 1));
    memcpy(cells, header, sizeof header);
    for (int l = 0; l < n; l++) {
        const wick_layer *layer = &f->net->layers[l];
        wick_plan_layer info = wick_plan_layer_of(f->plan, l);
        const char **row = cells + COLUMNS * (l + 1);
        row[0] = f->net->info[l].name;
        row[1] = wick_arena_printf(arena, "%ux%ux%u", layer->out_h, layer->out_w, layer->out_c);
        row[2] = wick_arena_printf(arena, "%lld", (long long)f->net->info[l].macs);
        row[3] = wick_text_energy(arena, info.cost.energy_uj);
        row[4] = wick_arena_printf(arena, "%.2f ms", info.cost.time_us / 1e3);
    }
    printf("\nmodelled for %s (%s)\n", f->device->name, f->device->core);
    cli_print_table(cells, n + 1, COLUMNS);
    printf("fits: SRAM %s of %s, NVM %s of %s, flash %s of %s\n",
           wick_text_bytes(arena, (double)f->plan->totals.ram_bytes),
           wick_text_bytes(arena, (double)f->device->sram_bytes),
           wick_text_bytes(arena, (double)f->plan->totals.nvm_bytes),
           wick_text_bytes(arena, (double)f->device->nvm.bytes),
           wick_text_bytes(arena, (double)f->plan->totals.flash_bytes),
           wick_text_bytes(arena, (double)f->device->flash_bytes));
}

static void print_text(const arguments *a, const findings *f, size_t problems) {
    wick_arena *arena = wick_arena_new();
    if (f->graph) {
        wick_counts counts = total_counts(f->graph);
        int64_t bytes;
        const char *peak = peak_of(f, &bytes);
        printf("%s: %s, %d module%s, %d nodes, %lld parameters, %lld MACs\n", a->model,
               wick_graph_precision(f->graph), f->graph->family.n_heads,
               f->graph->family.n_heads == 1 ? "" : "s", f->graph->n_nodes,
               (long long)counts.parameters, (long long)counts.macs);
        if (f->net)
            printf("constants %s as int8\n",
                   wick_text_bytes(arena, (double)wick_qnet_constant_bytes(f->net)));
        printf("activations: at most %s at once, input and output of '%s'\n",
               wick_text_bytes(arena, (double)bytes), peak);
    }
    if (f->plan)
        print_layers(f, arena);
    if (f->net && f->device && !f->plan)
        printf("does not fit %s\n", f->device->name);
    else if (problems)
        printf("%zu problem%s\n", problems, problems == 1 ? "" : "s");
    else
        printf("every node runs on the device%s\n",
               wick_qdq_is_quantized(f->graph) ? "" : " once it is quantized (wick shrink)");
    wick_arena_free(arena);
}

/* --- */

static wick_status find(const arguments *a, wick_arena *arena, findings *f, wick_diag *diag) {
    if (a->device)
        WICK_TRY(wick_device_load(arena, a->device, &f->device, diag));
    WICK_TRY(wick_onnx_read(a->model, &f->graph, diag));
    WICK_TRY(wick_qnet_sketch(f->graph, &f->net, diag));
    if (!f->device)
        return WICK_OK;
    wick_plan_options options = wick_plan_defaults();
    return wick_plan_make(f->net, f->device, &options, NULL, &f->plan, diag);
}

static wick_status print_operators(void) {
    wick_buf table = {0};
    wick_onnx_operators(&table);
    fwrite(table.data, 1, table.len, stdout);
    wick_buf_free(&table);
    return WICK_OK;
}

/* UNSUPPORTED nodes and what does not fit are this command's answer, not a failure: exit status 1.
 */
static wick_status run(const arguments *a, wick_diag *diag) {
    if (a->operators)
        return print_operators();
    wick_arena *arena = wick_arena_new();
    findings f = {0};
    wick_status status = find(a, arena, &f, diag);
    cli_name_file(diag, a->model);
    if (status == WICK_OK || status == WICK_UNSUPPORTED || status == WICK_NO_FIT) {
        if (!a->json)
            print_text(a, &f, diag->count);
        else if (!cli_print_json(results_json(a, &f, diag)))
            status = WICK_OUTPUT;
        if (status == WICK_UNSUPPORTED)
            status = WICK_NO_FIT;
    }
    wick_plan_free(f.plan);
    wick_qnet_free(f.net);
    wick_graph_free(f.graph);
    wick_arena_free(arena);
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
