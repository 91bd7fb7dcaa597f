/* wick shrink: makes a family small. Layer separation, post-training int8 quantization. */
#include "cli.h"
#include "normalisation.h"
#include "onnx/onnx.h"
#include "outputs.h"
#include "shrink/shrink.h"
#include "shrink_goal_args.h"
#include "shrink_means.h"
#include "shrink_results.h"
#include "shrink_rewrite.h"
#include "train/train.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct arguments {
    const char *model, *data, *output;
    wick_data_options data_options;
    wick_quantize_options quantize;
    wick_separate_options separate;
    cli_normalisation normalisation;
    cli_goal goal;
    cli_means means;
    int threads;
    bool int8, separates, collapses, equalises, test, json;
} arguments;

enum {
    KEY_INT8 = 256,
    KEY_CALIBRATION,
    KEY_PERCENTILE,
    KEY_EQUALISE,
    KEY_CORRECT_BIAS,
    KEY_IMAGES,
    KEY_TEST,
    KEY_LIMIT,
    KEY_VALIDATION,
    KEY_SPLIT_SEED,
    KEY_JSON,
    KEY_COLLAPSE,
    KEY_SEPARATE,
    KEY_SEPARATE_BY,
    KEY_SEPARATE_ABOVE,
    KEY_FC_RANK
};

static const struct argp_option option_table[] = {
    {"int8", KEY_INT8, 0, 0, "quantize weights and activations to 8 bits (--activations: to 16)",
     0},
    {"collapse", KEY_COLLAPSE, 0, 0,
     "linear layers without an activation between them become one, where that is smaller; before --separate",
     0},
    CLI_MEANS_OPTIONS,
    {"separate", KEY_SEPARATE, "HOW", OPTION_ARG_OPTIONAL,
     "large layers as products of small ones: tucker (default; 1x1, KxK, 1x1) or spatial (Kx1, 1xK); "
     "ranks by EVBMF",
     0},
    {"separate-above", KEY_SEPARATE_ABOVE, "BYTES", 0,
     "layers smaller than this, in float, stay whole (default 80000)", 0},
    {"separate-by", KEY_SEPARATE_BY, "WHAT", 0,
     "what that size is: parameters (default) or buffers (input and output of the layer)", 0},
    {"fc-rank", KEY_FC_RANK, "R", 0,
     "rank of a separated fully connected layer, as a share of its outputs (default 0.1)", 0},
    {"data", 'd', "SPEC", 0,
     "data to calibrate and measure with: builtin:shapes10, cifar10:DIR, cifar100:DIR, folder:DIR, "
     "idx:DIR or a folder (required)",
     0},
    {"output", 'o', "FILE", 0, "the quantized family as ONNX (required)", 0},
    {"calibration", KEY_CALIBRATION, "HOW", 0,
     "range of each activation: minmax, percentile, mse (default), kl, or auto: of these, with and without equalisation and "
     "bias correction, what changes the logits of the calibration images least",
     0},
    {"equalise", KEY_EQUALISE, 0, 0,
     "cross-layer equalisation: the channels of an activation get ranges that are alike, the next layer's weights undo it; "
     "without --int8 the float model is written so",
     0},
    {"correct-bias", KEY_CORRECT_BIAS, 0, 0,
     "with --int8: biases take off what rounding the weights adds on average", 0},
    {"percentile", KEY_PERCENTILE, "P", 0,
     "share of the values, in per cent, up to either end of the range (default 99.99)", 0},
    {"images", KEY_IMAGES, "N", 0, "training images to calibrate with (default 256)", 0},
    {"seed", 'S', "N", 0, "which training images (default 1)", 0},
    {"test", KEY_TEST, 0, 0, "measure on the test set too and store that accuracy in the model", 0},
    {"limit", KEY_LIMIT, "N", 0, "open at most so many training and test images (default all)", 0},
    {"validation", KEY_VALIDATION, "F", 0,
     "share of the training images kept for validation, up to 0.5 (default 0.1)", 0},
    {"split-seed", KEY_SPLIT_SEED, "N", 0, "seed of the validation split (default 1)", 0},
    {"threads", 'j', "N", 0, "threads (default all)", 0},
    CLI_NORMALISATION_OPTIONS,
    {"json", KEY_JSON, 0, 0, "results as JSON", 0},
    {0}};

static wick_calibration parse_calibration(struct argp_state *state, const char *text) {
    for (int i = 0; i <= WICK_CALIBRATE_AUTO; i++)
        if (!strcmp(text, cli_calibrations[i]))
            return (wick_calibration)i;
    argp_error(state, "--calibration: '%s' is not minmax, percentile, mse, kl or auto", text);
    return WICK_CALIBRATE_MSE;
}

static wick_separate_kernel parse_kernel(struct argp_state *state, const char *text) {
    if (text && strcmp(text, "tucker") && strcmp(text, "spatial"))
        argp_error(state, "--separate: '%s' is not tucker or spatial", text);
    return text && !strcmp(text, "spatial") ? WICK_SEPARATE_SPATIAL : WICK_SEPARATE_TUCKER;
}

static wick_separate_by parse_criterion(struct argp_state *state, const char *text) {
    if (strcmp(text, "parameters") && strcmp(text, "buffers"))
        argp_error(state, "--separate-by: '%s' is not parameters or buffers", text);
    return strcmp(text, "buffers") ? WICK_SEPARATE_BY_PARAMETERS : WICK_SEPARATE_BY_BUFFERS;
}

static bool rewrites(const arguments *a) {
    return a->collapses || a->separates || a->means.keep_channels < 1 || a->means.narrows;
}

/* --device says what channels are worth, and no budget is meant. */
static void weigh_on_device(arguments *a, struct argp_state *state) {
    if (!a->goal.device)
        argp_error(state, "--channel-score energy and outputs need --device, e.g. m4-fram");
    a->means.device = a->goal.device;
    a->means.plan = a->goal.options.plan;
    a->goal.device = NULL;
    a->goal.plans = NULL;
}

static void check_complete(arguments *a, struct argp_state *state) {
    if (!a->model)
        argp_error(state, "name a model");
    if (cli_means_need_device(&a->means))
        weigh_on_device(a, state);
    bool budgeted = a->goal.device != NULL;
    a->int8 |= a->means.activations != NULL;
    if (!a->int8 && !rewrites(a) && !a->equalises && !budgeted)
        argp_error(state, "say how to shrink: --collapse, --channels, --separate, --bits, "
                          "--equalise, --activations or --int8, or to what: --device and budgets");
    if (budgeted && a->means.activations)
        argp_error(state, "--activations does not go with --device, which plans activations of 8 "
                          "bits: wider ones take memory and energy, and spare no budget. Shrink "
                          "to budgets without it, or say --activations and the means by hand");
    if (budgeted && (a->int8 || rewrites(a)))
        argp_error(state, "--device chooses the means by itself: leave out --int8, --collapse, "
                          "--channels, --separate and --bits");
    const char *alone = a->goal.other ? a->goal.other : a->goal.plans;
    if (!budgeted && alone)
        argp_error(state,
                   a->means.device ? "--%s does not go with --channel-score and --channels"
                                   : "--%s belongs to --device",
                   alone);
    if (!a->int8 && !budgeted && a->test)
        argp_error(state, "--test measures the quantized model: add --int8, or use wick eval");
    if (!a->int8 && !budgeted && a->quantize.correct_bias)
        argp_error(state, "--correct-bias needs --int8");
    if (a->means.narrows && (a->equalises || a->quantize.calibration == WICK_CALIBRATE_AUTO))
        argp_error(state,
                   "--bits goes without --equalise and --calibration auto: equalised weights "
                   "lie on no grid");
    if (a->means.narrows && a->means.activations && !strcmp(a->means.activations, "16"))
        argp_error(state, "--activations 16 goes without --bits: kernels for weights of 4 bits "
                          "read activations of 8");
    if (a->means.score != CLI_SCORE_MAGNITUDE && !(a->means.keep_channels < 1))
        argp_error(state, "--channel-score does nothing without --channels");
    if (!a->data && (a->int8 || a->equalises || budgeted || cli_means_need_data(&a->means)))
        argp_error(state, "--data is required, e.g. --data builtin:shapes10");
    if (!a->output)
        argp_error(state, "--output is required, e.g. -o family.int8.onnx");
}

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    if (cli_parse_normalisation(state, key, text, &a->normalisation) ||
        cli_parse_means(state, key, text, &a->means))
        return 0;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->goal;
        break;
    case KEY_INT8:
        a->int8 = true;
        break;
    case KEY_COLLAPSE:
        a->collapses = true;
        break;
    case KEY_SEPARATE:
        a->separates = true;
        a->separate.kernel = parse_kernel(state, text);
        break;
    case KEY_SEPARATE_BY:
        a->separate.by = parse_criterion(state, text);
        break;
    case KEY_SEPARATE_ABOVE:
        a->separate.limit_bytes = cli_integer(state, "separate-above", text, 1, 0x7fffffff);
        break;
    case KEY_FC_RANK:
        a->separate.fc_rank = cli_number(state, "fc-rank", text, 1e-6, 1);
        break;
    case 'd':
        a->data = text;
        break;
    case 'o':
        a->output = text;
        break;
    case KEY_CALIBRATION:
        a->quantize.calibration = parse_calibration(state, text);
        break;
    case KEY_EQUALISE:
        a->equalises = a->quantize.equalise = true;
        break;
    case KEY_CORRECT_BIAS:
        a->quantize.correct_bias = true;
        break;
    case KEY_PERCENTILE:
        a->quantize.percentile = cli_number(state, "percentile", text, 50.001, 100);
        a->quantize.calibration = WICK_CALIBRATE_PERCENTILE;
        break;
    case KEY_IMAGES:
        a->quantize.images = (int)cli_integer(state, "images", text, 1, 0x7fffffff);
        break;
    case 'S':
        a->quantize.seed = (uint64_t)cli_integer(state, "seed", text, 0, 0x7fffffff);
        break;
    case KEY_TEST:
        a->test = true;
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
        check_complete(a, state);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_child children[] = {{&cli_goal_argp, 0, 0, 0}, {0}};
static const struct argp argp = {
    option_table,
    parse,
    "MODEL.onnx",
    "Makes a float family smaller. --channels takes whole channels out, --separate replaces large layers by products of small ones; train "
    "the result before it is quantized. --int8 quantizes: folds batch norm, measures the range of each activation on "
    "training images, and writes the same graph with QuantizeLinear and DequantizeLinear, which the "
    "device, onnxruntime and viewers understand. Prints what every module loses, measured with the "
    "device's own kernels. docs/numbers.md explains the arithmetic."
    "\vExample: wick shrink family.onnx --int8 --data builtin:shapes10 -o family.int8.onnx\n"
    "         wick shrink large.onnx --separate -o separated.onnx\n"
    "         wick shrink m.onnx --channels 0.5 --channel-score taylor -d cifar10:DIR -o thin.onnx\n"
    "         wick shrink m.onnx --bits auto=20000 --int8 -d cifar10:DIR -o m.int8.onnx\n"
    "         wick shrink m.onnx --int8 -d cifar10:DIR --percentile 99.9 --test -o m.int8.onnx\n"
    "         wick shrink m.onnx --device m4-fram -d cifar10:DIR --flash 64K --ram 8K --energy 2mJ --max-drop 1 -o small.onnx\n"
    "Exit status: 0 done, 1 a budget cannot be met, 2 usage, 3 bad input or output, 4 failure.",
    children,
    0,
    0};

static wick_status open_data(const arguments *a, const wick_graph *graph, wick_data **data,
                             wick_diag *diag) {
    wick_data_options options = a->data_options;
    options.n_ranges = graph->family.ranged ? graph->family.n_channels : 0;
    options.low = graph->family.low;
    options.high = graph->family.high;
    return wick_data_open(a->data, &options, data, diag);
}

/* The float model with equalised channels: written. */
static wick_status equalise(const arguments *a, const wick_graph *graph, wick_diag *diag) {
    wick_graph *equalised = NULL;
    wick_data *data = NULL;
    int layers = 0;
    wick_status status = open_data(a, graph, &data, diag);
    if (status == WICK_OK) {
        status = wick_equalise(graph, data, &a->quantize, &equalised, &layers, diag);
        cli_name_file(diag, a->model);
    }
    if (status == WICK_OK)
        status = wick_onnx_write(equalised, a->output, diag);
    if (status == WICK_OK && !a->json)
        printf("%s: the outputs of %d layers have equalised channels\n", a->output, layers);
    else if (status == WICK_OK)
        status = cli_print_json(json_pack("{s:s, s:s, s:i}", "model", a->model, "output", a->output,
                                          "equalised_layers", layers))
                     ? WICK_OK
                     : WICK_OUTPUT;
    wick_data_free(data);
    wick_graph_free(equalised);
    return status;
}

static wick_status quantize(arguments *a, const wick_graph *graph, wick_arena *arena,
                            wick_diag *diag) {
    wick_graph *quantized = NULL;
    wick_data *data = NULL;
    wick_widths widths = {0};
    wick_status status = open_data(a, graph, &data, diag);
    if (status == WICK_OK)
        status = cli_choose_activations(&a->means, graph, data, arena, &a->quantize, &widths, diag);
    if (status == WICK_OK) {
        status = wick_quantize(graph, data, &a->quantize, &quantized, diag);
        cli_name_file(diag, a->model);
    }
    if (status == WICK_OK)
        status = cli_shrink_results(&(cli_quantized){.model = a->model,
                                                     .output = a->output,
                                                     .options = &a->quantize,
                                                     .widths = &widths,
                                                     .data = data,
                                                     .threads = a->threads,
                                                     .test = a->test,
                                                     .json = a->json},
                                    graph, quantized, diag);
    wick_data_free(data);
    wick_graph_free(quantized);
    return status;
}

/* Takes the place of *graph, which is freed unless it is `keep`. */
static void advance(wick_graph **graph, wick_graph *next, const wick_graph *keep) {
    if (*graph != keep)
        wick_graph_free(*graph);
    *graph = next;
}

/* Bits of the weights that are left, on a graph of its own. */
static wick_status narrow(const arguments *a, const wick_graph *graph, const wick_data *data,
                          wick_graph **out, cli_rewritten *done, wick_diag *diag) {
    *out = wick_graph_clone(graph);
    wick_status status = cli_narrow(&a->means, *out, data, &a->quantize, done, diag);
    if (status == WICK_OK)
        return WICK_OK;
    wick_graph_free(*out);
    *out = NULL;
    return status;
}

/* Collapses, thins, separates and narrows; the result takes the graph's place, NULL on failure. */
static wick_status rewrite(const arguments *a, wick_graph **graph, const wick_data *data,
                           cli_rewritten *done, wick_diag *diag) {
    const wick_graph *from = *graph;
    wick_graph *next;
    wick_status status = WICK_OK;
    if (a->collapses) {
        status = wick_collapse(*graph, &next, &done->collapsed_pairs, diag);
        advance(graph, next, from);
    }
    if (status == WICK_OK && a->means.keep_channels < 1) {
        status = cli_thin(&a->means, *graph, data, &a->quantize, &next, done, diag);
        advance(graph, next, from);
    }
    if (status == WICK_OK && a->separates) {
        status = wick_separate(*graph, &a->separate, &next, &done->separation, diag);
        advance(graph, next, from);
    }
    if (status == WICK_OK && a->means.narrows) {
        status = narrow(a, *graph, data, &next, done, diag);
        advance(graph, next, from);
    }
    cli_name_file(diag, a->model);
    return status;
}

/* What came of the graph without quantization: written and printed. */
static wick_status write_rewritten(const arguments *a, const wick_graph *from,
                                   const wick_graph *graph, const cli_rewritten *done,
                                   wick_diag *diag) {
    bool last = !a->int8 && !a->equalises;
    if (last)
        WICK_TRY(wick_onnx_write(graph, a->output, diag));
    if (!a->json)
        cli_print_rewritten(from, graph, done);
    else if (last && !cli_print_json(cli_rewritten_json(from, graph, done, a->output)))
        return WICK_OUTPUT;
    return WICK_OK;
}

static wick_status shrink_to_budgets(arguments *a, const wick_graph *graph, wick_diag *diag) {
    cli_goal_job job = {.model = a->model,
                        .data = a->data,
                        .output = a->output,
                        .test = a->test,
                        .json = a->json,
                        .threads = a->threads};
    wick_data *data = NULL;
    a->goal.options.quantize = a->quantize;
    a->goal.options.quantize.report = NULL;
    a->goal.options.separate = a->separate;
    wick_status status = open_data(a, graph, &data, diag);
    if (status == WICK_OK)
        status = cli_goal_run(&a->goal, &job, graph, data, diag);
    wick_data_free(data);
    return status;
}

static wick_status run(arguments *a, wick_arena *arena, wick_diag *diag) {
    wick_graph *from = NULL, *graph;
    cli_outputs o = {.diag = diag};
    cli_writes(&o, "--output", a->output); /* a model may take its own place */
    cli_reads_share(&o, "--device", "profiles", a->goal.device ? a->goal.device : a->means.device);
    cli_reads_data(&o, a->data);
    WICK_TRY(o.status);
    WICK_TRY(wick_file_check_output(a->output, diag));
    WICK_TRY(wick_onnx_read(a->model, &from, diag));
    graph = from;
    wick_status status = cli_normalise(&a->normalisation, from, diag);
    cli_name_file(diag, a->model);
    if (status == WICK_OK && rewrites(a)) {
        cli_rewritten done = {.arena = arena};
        wick_data *data = NULL;
        if (cli_means_need_data(&a->means))
            status = open_data(a, from, &data, diag);
        if (status == WICK_OK)
            status = rewrite(a, &graph, data, &done, diag);
        if (status == WICK_OK)
            status = write_rewritten(a, from, graph, &done, diag);
        wick_data_free(data);
    }
    if (status == WICK_OK && a->goal.device)
        status = shrink_to_budgets(a, from, diag);
    else if (status == WICK_OK && a->int8)
        status = quantize(a, graph, arena, diag);
    else if (status == WICK_OK && a->equalises)
        status = equalise(a, graph, diag);
    if (graph != from)
        wick_graph_free(graph);
    wick_graph_free(from);
    return status;
}

int cmd_shrink(int argc, char **argv) {
    wick_quantize_report report = {0};
    arguments a = {.means = cli_means_defaults(),
                   .data_options = wick_data_defaults(),
                   .quantize = wick_quantize_defaults(),
                   .separate = wick_separate_defaults(),
                   .goal = cli_goal_defaults()};
    int exit_status;
    a.quantize.report = &report;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_arena *arena = wick_arena_new();
    wick_status status = run(&a, arena, &diag);
    wick_arena_free(arena);
    return cli_finish(status, &diag);
}
