/* wick eval: how well every module of a model answers, and how much its confidence is worth. */
#include "class_note.h"
#include "cli.h"
#include "eval_output.h"
#include "normalisation.h"
#include "onnx/onnx.h"
#include "outputs.h"
#include "shrink/shrink.h"
#include "train/train.h"

#include <stdio.h>
#include <string.h>

typedef struct arguments {
    const char *model, *data, *plot;
    wick_data_options data_options;
    cli_normalisation normalisation;
    wick_split split;
    int threads, bins;
    bool detail, json;
} arguments;

enum {
    KEY_SPLIT = 256,
    KEY_LIMIT,
    KEY_VALIDATION,
    KEY_SPLIT_SEED,
    KEY_BINS,
    KEY_DETAIL,
    KEY_PLOT,
    KEY_JSON
};
enum { DEFAULT_BINS = 15 };

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
    {"detail", KEY_DETAIL, 0, 0,
     "for each module: precision and recall of every class, confusion matrix, confidences", 0},
    {"bins", KEY_BINS, "N", 0,
     "equal bins of confidence for calibration and histograms (default 15)", 0},
    {"plot", KEY_PLOT, "FILE", 0,
     "draw confusion, calibration and confidences of each module with gnuplot: .svg or .png", 0},
    {"threads", 'j', "N", 0, "threads (default all)", 0},
    CLI_NORMALISATION_OPTIONS,
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
    if (cli_parse_normalisation(state, key, text, &a->normalisation))
        return 0;
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
    case KEY_BINS:
        a->bins = (int)cli_integer(state, "bins", text, 1, 1000);
        break;
    case KEY_DETAIL:
        a->detail = true;
        break;
    case KEY_PLOT:
        if (!wick_gnuplot_draws(text))
            argp_error(state, "--plot needs FILE.svg or FILE.png");
        a->plot = text;
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
    "Counts how many images every module of a family answers rightly, and how far its confidence "
    "can be trusted. A float model runs on the training library; a quantized one (with "
    "QuantizeLinear nodes) on the device's own kernels, bit for bit as on the device."
    "\vExample: wick eval family.onnx --data builtin:shapes10\n"
    "         wick eval family.int8.onnx --data cifar10:DIR --split test --detail --plot test.svg\n"
    "Confidence is the largest probability, softmax of the logits. The calibration error (expected "
    "calibration error) is the mean distance between confidence and share of right answers over "
    "bins of equal width, weighted by their images. JSON always has every detail.\n"
    "The default is the validation split: look at the test set once, at the end.\n"
    "Exit status: 0 done, 2 usage, 3 bad input or gnuplot is missing, 4 failure.",
    0,
    0,
    0};

static wick_status answer(const arguments *a, const wick_graph *graph, const wick_data *data,
                          wick_answers answers, wick_diag *diag) {
    if (!wick_qdq_is_quantized(graph))
        return wick_answers_float(graph, data, a->split, a->threads, answers, diag);
    wick_qnet *net = NULL;
    WICK_TRY(wick_qnet_lower(graph, &net, diag));
    wick_status status = wick_answers_int8(net, data, a->split, a->threads, answers, diag);
    wick_qnet_free(net);
    return status;
}

static wick_status show(const arguments *a, const eval_results *results, wick_diag *diag) {
    if (a->json && !cli_print_json(eval_json(results)))
        return WICK_OUTPUT;
    if (!a->json)
        eval_print(results, a->detail);
    if (!a->plot)
        return WICK_OK;
    wick_buf script = {0};
    eval_plot_script(results, a->plot, &script);
    wick_status status = wick_gnuplot_run(&script, a->plot, diag);
    wick_buf_free(&script);
    return status;
}

static wick_status evaluate(const arguments *a, const wick_graph *graph, const wick_data *data,
                            wick_arena *arena, wick_diag *diag) {
    const wick_images *images = &data->split[a->split];
    size_t n = (size_t)images->n, heads = (size_t)graph->family.n_heads;
    if (n < 1)
        return wick_fail(diag, WICK_SHAPE, data->spec, NULL, "take another --split",
                         "there are no %s images", split_names[a->split]);
    wick_answers answers = {.labels = wick_new(arena, uint16_t, heads * n),
                            .confidence = wick_new(arena, float, heads *n)};
    WICK_TRY(answer(a, graph, data, answers, diag));
    eval_results results = {.model = a->model,
                            .precision = wick_graph_precision(graph),
                            .split = split_names[a->split],
                            .graph = graph,
                            .data = data};
    for (size_t k = 0; k < heads; k++)
        results.modules[k] =
            wick_quality_of(arena, images->labels, answers.labels + k * n,
                            answers.confidence + k * n, images->n, data->n_classes, a->bins);
    return show(a, &results, diag);
}

static wick_status run(const arguments *a, wick_diag *diag) {
    wick_graph *graph = NULL;
    wick_data *data = NULL;
    cli_outputs o = {.diag = diag};
    cli_writes(&o, "--plot", a->plot);
    cli_reads(&o, "the model", a->model);
    cli_reads_data(&o, a->data);
    WICK_TRY(o.status);
    if (a->plot)
        WICK_TRY(wick_gnuplot_check(a->plot, diag));
    WICK_TRY(wick_onnx_read(a->model, &graph, diag));
    wick_arena *arena = wick_arena_new();
    wick_data_options options = a->data_options;
    options.n_ranges = graph->family.ranged ? graph->family.n_channels : 0;
    options.low = graph->family.low;
    options.high = graph->family.high;
    wick_status status = cli_normalise(&a->normalisation, graph, diag);
    cli_name_file(diag, a->model);
    if (status == WICK_OK)
        status = wick_data_open(a->data, &options, &data, diag);
    if (status == WICK_OK)
        cli_note_classes(graph->family.labels, graph->family.n_labels, data);
    if (status == WICK_OK)
        status = evaluate(a, graph, data, arena, diag);
    if (data)
        wick_data_free(data);
    wick_arena_free(arena);
    wick_graph_free(graph);
    return status;
}

int cmd_eval(int argc, char **argv) {
    arguments a = {
        .split = WICK_VALIDATION, .data_options = wick_data_defaults(), .bins = DEFAULT_BINS};
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_status status = run(&a, &diag);
    return cli_finish(status, &diag);
}
