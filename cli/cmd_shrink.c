/* wick shrink: makes a family small. Layer separation, post-training int8 quantization. */
#include "cli.h"
#include "normalisation.h"
#include "onnx/onnx.h"
#include "shrink/shrink.h"
#include "shrink_goal_args.h"
#include "shrink_means.h"
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

static const char *const calibrations[] = {"minmax", "percentile", "mse", "kl", "auto"};

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
    for (size_t i = 0; i < WICK_LEN(calibrations); i++)
        if (!strcmp(text, calibrations[i]))
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
    if (budgeted && (a->int8 || rewrites(a)))
        argp_error(state, "--device chooses the means by itself: leave out --int8, --collapse, "
                          "--channels, --separate, --bits and --activations");
    const char *alone = a->goal.other ? a->goal.other : a->goal.plans;
    if (!budgeted && alone)
        argp_error(state,
                   a->means.device ? "%s does not go with --channel-score and --channels"
                                   : "%s belongs to --device",
                   alone);
    if (!a->int8 && !budgeted && a->test)
        argp_error(state, "--test measures the quantized model: add --int8, or use wick eval");
    if (!a->int8 && !budgeted && a->quantize.correct_bias)
        argp_error(state, "--correct-bias needs --int8");
    if (a->means.narrows && (a->equalises || a->quantize.calibration == WICK_CALIBRATE_AUTO))
        argp_error(state,
                   "--bits goes without --equalise and --calibration auto: equalised weights "
                   "lie on no grid");
    bool widens = a->means.activations && strcmp(a->means.activations, "8");
    if (widens && a->means.narrows && !strcmp(a->means.activations, "16"))
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

/* What is measured; accuracies are shares of right answers. */
typedef struct results {
    double float_accuracy[WICK_SPLITS][WICK_MAX_HEADS], int8_accuracy[WICK_SPLITS][WICK_MAX_HEADS];
    int64_t float_bytes[1 + WICK_MAX_HEADS], int8_bytes[1 + WICK_MAX_HEADS]; /* by segment */
} results;

static wick_status measure(const arguments *a, const wick_graph *graph, const wick_qnet *net,
                           const wick_data *data, wick_split split, results *r, wick_diag *diag) {
    int n = data->split[split].n;
    int64_t correct[WICK_MAX_HEADS] = {0}, correct8[WICK_MAX_HEADS] = {0};
    if (n < 1)
        return wick_fail(diag, WICK_SHAPE, data->spec, NULL, NULL, "there are no %s images",
                         split == WICK_TEST ? "test" : "validation");
    WICK_TRY(wick_eval_float(graph, data, split, a->threads, correct, NULL, diag));
    WICK_TRY(wick_eval_int8(net, data, split, a->threads, 0, correct8, NULL, diag));
    for (int k = 0; k < net->n_modules; k++) {
        r->float_accuracy[split][k] = (double)correct[k] / n;
        r->int8_accuracy[split][k] = (double)correct8[k] / n;
    }
    return WICK_OK;
}

static void measure_sizes(const wick_graph *graph, const wick_qnet *net, results *r) {
    for (int s = 0; s <= net->n_modules; s++)
        r->float_bytes[s] = 4 * wick_graph_counts(graph, s).parameters;
    for (int l = 0; l < net->n_layers; l++)
        r->int8_bytes[net->info[l].segment] += wick_qlayer_constant_bytes(&net->layers[l]);
}

static void print_results(const arguments *a, const wick_qnet *net, const results *r) {
    wick_arena *arena = wick_arena_new();
    enum { MOST = 9 };
    int columns = a->test ? MOST : 6, split_columns = 3;
    const char **cells = wick_new(arena, const char *, (net->n_modules + 2) * columns);
    const char *const header[MOST] = {"module", "float val.", "int8 val.", "change"};
    memcpy(cells, header, 4 * sizeof *header);
    const char *const test_header[3] = {"float test", "int8 test", "change"};
    if (a->test)
        memcpy(cells + 4, test_header, sizeof test_header);
    cells[columns - 2] = "float size";
    cells[columns - 1] = "int8 size";
    for (int s = 0; s <= net->n_modules; s++) {
        const char **row = cells + (s + 1) * columns;
        row[0] = s ? net->module_names[s - 1] : "extractor";
        for (int i = 0; s && i < (a->test ? 2 : 1); i++) {
            wick_split split = i ? WICK_TEST : WICK_VALIDATION;
            double before = r->float_accuracy[split][s - 1], after = r->int8_accuracy[split][s - 1];
            const char **cell = row + 1 + i * split_columns;
            cell[0] = wick_arena_printf(arena, "%.2f %%", 100 * before);
            cell[1] = wick_arena_printf(arena, "%.2f %%", 100 * after);
            cell[2] = wick_arena_printf(arena, "%+.2f", 100 * (after - before));
        }
        row[columns - 2] = wick_text_bytes(arena, (double)r->float_bytes[s]);
        row[columns - 1] = wick_text_bytes(arena, (double)r->int8_bytes[s]);
    }
    cli_print_table(cells, net->n_modules + 2, columns);
    wick_arena_free(arena);
}

static const char *const ways[2][2] = {{"", " with bias correction"},
                                       {" with equalisation", " with both"}};

/* What AUTO found, as signal to noise of the logits. */
static void print_calibrations(const wick_quantize_report *report) {
    printf("calibration: %s%s; signal to noise of the logits:\n", calibrations[report->chosen],
           ways[report->equalised][report->corrected]);
    for (int way = 0; way < 4; way++) {
        const double *noise = report->noise[way / 2][way % 2];
        bool any = false;
        for (int i = 0; i < WICK_CALIBRATE_AUTO; i++)
            if (noise[i] > 0) {
                printf(" %s %.1f dB", calibrations[i], -10 * log10(noise[i]));
                any = true;
            }
        if (any)
            printf("%s\n", ways[way / 2][way % 2]);
    }
}

static json_t *calibrations_json(const wick_quantize_report *report) {
    static const char *const names[2][2] = {{"plain", "correct_bias"}, {"equalise", "both"}};
    json_t *all = json_object();
    for (int way = 0; way < 4; way++) {
        json_t *noise = json_object();
        for (int i = 0; i < WICK_CALIBRATE_AUTO; i++) {
            double x = report->noise[way / 2][way % 2][i];
            json_object_set_new(noise, calibrations[i], isnan(x) ? json_null() : json_real(x));
        }
        json_object_set_new(all, names[way / 2][way % 2], noise);
    }
    return json_pack("{s:s, s:b, s:b, s:o}", "chosen", calibrations[report->chosen], "equalised",
                     report->equalised, "bias_corrected", report->corrected, "logit_noise", all);
}

static json_t *accuracy_json(const results *r, wick_split split, int k) {
    return json_pack("{s:f, s:f}", "float", r->float_accuracy[split][k], "int8",
                     r->int8_accuracy[split][k]);
}

static json_t *size_json(const results *r, int segment) {
    return json_pack("{s:I, s:I}", "float", (json_int_t)r->float_bytes[segment], "int8",
                     (json_int_t)r->int8_bytes[segment]);
}

static json_t *results_json(const arguments *a, const wick_qnet *net, const wick_data *data,
                            const results *r) {
    json_t *modules = json_array();
    for (int k = 0; k < net->n_modules; k++) {
        json_t *module =
            json_pack("{s:s, s:o, s:o}", "name", net->module_names[k], "bytes", size_json(r, k + 1),
                      "validation", accuracy_json(r, WICK_VALIDATION, k));
        if (a->test)
            json_object_set_new(module, "test", accuracy_json(r, WICK_TEST, k));
        json_array_append_new(modules, module);
    }
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:o, s:o}", "model", a->model, "output", a->output,
        "data", data->spec, "data_sha256", data->hash.hex, "calibration",
        calibrations[a->quantize.calibration], "calibration_images",
        a->quantize.images < data->split[WICK_TRAIN].n ? a->quantize.images
                                                       : data->split[WICK_TRAIN].n,
        "net_sha256", net->hash.hex, "extractor_bytes", size_json(r, 0), "modules", modules);
    if (a->quantize.calibration == WICK_CALIBRATE_AUTO)
        json_object_set_new(root, "auto", calibrations_json(a->quantize.report));
    return root;
}

/* Measures, stores the accuracies in the quantized graph, writes it and prints. */
static wick_status finish(const arguments *a, const wick_graph *graph, wick_graph *quantized,
                          const wick_data *data, wick_diag *diag) {
    wick_qnet *net;
    results r = {0};
    WICK_TRY(wick_qnet_lower(quantized, &net, diag));
    measure_sizes(graph, net, &r);
    wick_status status = measure(a, graph, net, data, WICK_VALIDATION, &r, diag);
    if (status == WICK_OK && a->test)
        status = measure(a, graph, net, data, WICK_TEST, &r, diag);
    for (int k = 0; k < net->n_modules && status == WICK_OK; k++) {
        quantized->family.validation[k] = r.int8_accuracy[WICK_VALIDATION][k];
        if (a->test)
            quantized->family.accuracy[k] = r.int8_accuracy[WICK_TEST][k];
    }
    if (status == WICK_OK)
        status = wick_onnx_write(quantized, a->output, diag);
    if (status == WICK_OK && a->json)
        status = cli_print_json(results_json(a, net, data, &r)) ? WICK_OK : WICK_OUTPUT;
    else if (status == WICK_OK) {
        print_results(a, net, &r);
        if (a->quantize.calibration == WICK_CALIBRATE_AUTO)
            print_calibrations(a->quantize.report);
    }
    wick_qnet_free(net);
    return status;
}

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
    wick_status status = cli_choose_activations(&a->means, graph, arena, &a->quantize, diag);
    if (status == WICK_OK)
        status = open_data(a, graph, &data, diag);
    if (status == WICK_OK) {
        status = wick_quantize(graph, data, &a->quantize, &quantized, diag);
        cli_name_file(diag, a->model);
    }
    if (status == WICK_OK)
        status = finish(a, graph, quantized, data, diag);
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
