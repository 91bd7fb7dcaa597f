/* wick eval: accuracy of every module of a model. */
#include "cli.h"
#include "onnx/onnx.h"
#include "shrink/shrink.h"
#include "train/train.h"

#include <stdio.h>
#include <string.h>

typedef struct arguments {
    const char *model, *data;
    wick_data_options data_options;
    wick_split split;
    int threads;
    bool json;
} arguments;

enum { KEY_SPLIT = 256, KEY_LIMIT, KEY_VALIDATION, KEY_SPLIT_SEED, KEY_JSON };

static const char *const split_names[WICK_SPLITS] = {"train", "validation", "test"};

static const struct argp_option option_table[] = {
    {"data", 'd', "SPEC", 0,
     "builtin:shapes10, cifar10:DIR, cifar100:DIR, folder:DIR, idx:DIR, npy:DIR or a folder (required)",
     0},
    {"split", KEY_SPLIT, "NAME", 0, "train, validation or test (default validation)", 0},
    {"limit", KEY_LIMIT, "N", 0, "open at most so many training and test images (default all)", 0},
    {"validation", KEY_VALIDATION, "F", 0,
     "share of the training images kept for validation, up to 0.5 (default 0.1)", 0},
    {"split-seed", KEY_SPLIT_SEED, "N", 0, "seed of the validation split (default 1)", 0},
    {"threads", 'j', "N", 0, "threads (default all)", 0},
    {"json", KEY_JSON, 0, 0, "results as JSON", 0},
    {0}};

static wick_split parse_split(struct argp_state *state, const char *text) {
    for (int s = 0; s < WICK_SPLITS; s++)
        if (!strcmp(text, split_names[s]))
            return (wick_split)s;
    argp_error(state, "--split: '%s' is not train, validation or test", text);
    return WICK_VALIDATION;
}

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    switch (key) {
    case 'd':
        a->data = text;
        break;
    case KEY_SPLIT:
        a->split = parse_split(state, text);
        break;
    case KEY_LIMIT:
        a->data_options.limit = (int)cli_integer(state, "limit", text, 1, 0x7fffffff);
        break;
    case KEY_VALIDATION:
        a->data_options.validation = cli_number(state, "validation", text, 1e-6, 0.5);
        break;
    case KEY_SPLIT_SEED:
        a->data_options.seed = (uint64_t)cli_integer(state, "split-seed", text, 0, 0x7fffffff);
        break;
    case 'j':
        a->threads = (int)cli_integer(state, "threads", text, 1, 1024);
        break;
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
        if (!a->data)
            argp_error(state, "--data is required, e.g. --data builtin:shapes10");
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
    "Counts how many images every module of a family answers rightly. A float model runs on the "
    "training library; a quantized one (with QuantizeLinear nodes) on the device's own int8 "
    "kernels, bit for bit as on the device."
    "\vExample: wick eval family.onnx --data builtin:shapes10\n"
    "         wick eval family.int8.onnx --data cifar10:DIR --split test --json\n"
    "The default is the validation split: look at the test set once, at the end.\n"
    "Exit status: 0 done, 2 usage, 3 bad input, 4 failure.",
    0,
    0,
    0};

static bool is_quantized(const wick_graph *graph) {
    for (int n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n].op == WICK_OP_QUANTIZE)
            return true;
    return false;
}

static wick_status count(const arguments *a, const wick_graph *graph, const wick_data *data,
                         int64_t *correct, wick_diag *diag) {
    if (!is_quantized(graph))
        return wick_eval_float(graph, data, a->split, a->threads, correct, NULL, diag);
    wick_qnet *net = NULL;
    WICK_TRY(wick_qnet_lower(graph, &net, diag));
    wick_status status = wick_eval_int8(net, data, a->split, a->threads, 0, correct, NULL, diag);
    wick_qnet_free(net);
    return status;
}

static void print_table(const wick_graph *graph, const int64_t *correct, int n) {
    wick_arena *arena = wick_arena_new();
    const wick_family *family = &graph->family;
    enum { COLUMNS = 4 };
    const char **cells = wick_new(arena, const char *, (family->n_heads + 1) * COLUMNS);
    const char *const header[COLUMNS] = {"module", "right", "images", "accuracy"};
    memcpy(cells, header, sizeof header);
    for (int k = 0; k < family->n_heads; k++) {
        const char **row = cells + (k + 1) * COLUMNS;
        row[0] = family->head_names[k];
        row[1] = wick_arena_printf(arena, "%lld", (long long)correct[k]);
        row[2] = wick_arena_printf(arena, "%d", n);
        row[3] = wick_arena_printf(arena, "%.2f %%", 100.0 * (double)correct[k] / n);
    }
    cli_print_table(cells, family->n_heads + 1, COLUMNS);
    wick_arena_free(arena);
}

static json_t *results_json(const arguments *a, const wick_graph *graph, const wick_data *data,
                            const int64_t *correct, int n) {
    json_t *modules = json_array();
    for (int k = 0; k < graph->family.n_heads; k++)
        json_array_append_new(
            modules, json_pack("{s:s, s:I, s:f}", "name", graph->family.head_names[k], "right",
                               (json_int_t)correct[k], "accuracy", (double)correct[k] / n));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:o}", "model", a->model, "precision",
                     is_quantized(graph) ? "int8" : "float", "data", data->spec, "data_sha256",
                     data->hash.hex, "split", split_names[a->split], "images", n, "modules",
                     modules);
}

static wick_status evaluate(const arguments *a, const wick_graph *graph, const wick_data *data,
                            wick_diag *diag) {
    int64_t correct[WICK_MAX_HEADS] = {0};
    int n = data->split[a->split].n;
    if (n < 1)
        return wick_fail(diag, WICK_SHAPE, data->spec, NULL, "take another --split",
                         "there are no %s images", split_names[a->split]);
    WICK_TRY(count(a, graph, data, correct, diag));
    if (a->json)
        return cli_print_json(results_json(a, graph, data, correct, n)) ? WICK_OK : WICK_OUTPUT;
    print_table(graph, correct, n);
    return WICK_OK;
}

static wick_status run(const arguments *a, wick_diag *diag) {
    wick_graph *graph = NULL;
    wick_data *data = NULL;
    WICK_TRY(wick_onnx_read(a->model, &graph, diag));
    wick_status status = wick_data_open(a->data, &a->data_options, &data, diag);
    if (status == WICK_OK)
        status = evaluate(a, graph, data, diag);
    if (data)
        wick_data_free(data);
    wick_graph_free(graph);
    return status;
}

int cmd_eval(int argc, char **argv) {
    arguments a = {.split = WICK_VALIDATION, .data_options = wick_data_defaults()};
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_status status = run(&a, &diag);
    return cli_finish(status, &diag);
}
