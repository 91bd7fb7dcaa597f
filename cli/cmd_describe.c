/* wick describe: what a recipe or a model consists of. */
#include "cli.h"
#include "describe_device.h"
#include "graph/graph.h"
#include "onnx/onnx.h"
#include "recipe_args.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    const char *model, *device;
    wick_recipe_options recipe;
    const char *recipe_option; /* the last option given that only a recipe understands */
    bool json;
} arguments;

enum { KEY_CLASSES = 256, KEY_BATCH_NORM, KEY_BASELINE, KEY_JSON, KEY_DEVICE };

static const struct argp_option option_table[] = {
    {"width", 'w', "FACTOR", 0, "multiplies every layer's width (recipes; default 1)", 0},
    {"input", 'i', "HxW[xC]", 0, "input size (recipes; default 32x32x3)", 0},
    {"classes", KEY_CLASSES, "N", 0, "number of classes (recipes; default 10)", 0},
    {"batch-norm", KEY_BATCH_NORM, "0|1", OPTION_ARG_OPTIONAL,
     "batch norm after every convolution, or none (recipes; default: as the recipe says)", 0},
    CLI_RECIPE_OPTIONS(0),
    {"baseline", KEY_BASELINE, 0, 0, "every module with an extractor of its own (recipes)", 0},
    {"device", KEY_DEVICE, "NAME", 0,
     "instead of a recipe or a model: a device profile, with what its kernels take", 0},
    {"json", KEY_JSON, 0, 0, "results as JSON", 0},
    {0}};

/* "64", "64x48" or "64x48x1". */
static void parse_input(struct argp_state *state, const char *text, wick_recipe_options *recipe) {
    int height = 0, width = 0, channels = recipe->channels, used = 0;
    bool good = sscanf(text, "%5dx%5dx%5d%n", &height, &width, &channels, &used) == 3;
    if (!good) {
        channels = recipe->channels;
        good = sscanf(text, "%5dx%5d%n", &height, &width, &used) == 2;
    }
    if (!good) {
        good = sscanf(text, "%5d%n", &height, &used) == 1;
        width = height;
    }
    if (!good || text[used])
        argp_error(state, "--input: '%s' is not a size such as 64x64 or 28x28x1", text);
    recipe->height = height;
    recipe->width_px = width;
    recipe->channels = channels;
}

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    if (cli_recipe_option(state, key, text, &a->recipe, &a->recipe_option))
        return 0;
    switch (key) {
    case 'w':
        a->recipe.width = cli_number(state, "width", text, 0.001, 8);
        a->recipe_option = "--width";
        break;
    case 'i':
        parse_input(state, text, &a->recipe);
        a->recipe_option = "--input";
        break;
    case KEY_CLASSES:
        a->recipe.classes = (int)cli_integer(state, "classes", text, 2, 10000);
        a->recipe_option = "--classes";
        break;
    case KEY_BATCH_NORM:
        a->recipe.batch_norm = text ? (int)cli_integer(state, "batch-norm", text, 0, 1) : 1;
        a->recipe_option = "--batch-norm";
        break;
    case KEY_BASELINE:
        a->recipe.shared = false;
        a->recipe_option = "--baseline";
        break;
    case KEY_DEVICE:
        a->device = text;
        break;
    case KEY_JSON:
        a->json = true;
        break;
    case ARGP_KEY_ARG:
        if (a->model)
            argp_error(state, "one recipe or model, please");
        a->model = text;
        break;
    case ARGP_KEY_END:
        if (!a->model == !a->device)
            argp_error(state, "name a recipe or a model (or a --device)");
        if (a->device && a->recipe_option)
            argp_error(state, "%s is for recipes", a->recipe_option);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    option_table,
    parse,
    "RECIPE|MODEL.onnx",
    "Lists the layers of a network family: output shapes, parameters, multiply-accumulates (MACs) and "
    "activation sizes, module by module. MACs are true ones: a depthwise convolution is not counted "
    "as a dense one; products with padding are counted."
    "\vExample: wick describe vgg16 --width 0.25 --input 32x32\n"
    "         wick describe resnet --depth 56 --shortcut projection\n"
    "         wick describe family.onnx --json\n"
    "         wick describe --device m7-mram\n"
    "A recipe is a JSON file or the name of one in share/recipes (vgg16, mobilenetv1, resnet, "
    "densenet, sensor).\n"
    "Exit status: 0 done, 2 usage, 3 bad input, 4 failure.",
    0,
    0,
    0};

static bool scales_only(const wick_node *node) {
    return node->op == WICK_OP_QUANTIZE || node->op == WICK_OP_DEQUANTIZE;
}

/* What a quantized model's activations take on the device: 1 or, where some have 16 bits, 2; else
   4. */
static int64_t activation_bytes(const wick_graph *graph) {
    const char *precision = wick_graph_precision(graph);
    return !strcmp(precision, "float") ? 4 : !strcmp(precision, "int8") ? 1 : 2;
}

static const char *segment_name(const wick_graph *graph, int segment) {
    return segment ? graph->family.head_names[segment - 1] : "extractor";
}

/* Indices of the layers of one segment in list (n_nodes long); returns how many. */
static int layers_of(const wick_graph *graph, int segment, int *list) {
    int count = 0;
    for (int n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n].segment == segment && !scales_only(&graph->nodes[n]))
            list[count++] = n;
    return count;
}

/* "Conv 3x3 stride 2 depthwise". */
static const char *operator_text(wick_arena *arena, const wick_graph *graph,
                                 const wick_node *node) {
    const wick_attrs *a = &node->attrs;
    const char *name = wick_op_name(node->op);
    if (node->op != WICK_OP_CONV && node->op != WICK_OP_MAX_POOL && node->op != WICK_OP_AVG_POOL)
        return name;
    wick_buf buf = {0};
    wick_buf_printf(&buf, "%s %dx%d", name, a->kernel[0], a->kernel[1]);
    if (a->stride[0] != a->stride[1])
        wick_buf_printf(&buf, " stride %dx%d", a->stride[0], a->stride[1]);
    else if (a->stride[0] > 1)
        wick_buf_printf(&buf, " stride %d", a->stride[0]);
    if (node->op == WICK_OP_CONV && a->groups > 1) {
        bool depthwise = a->groups == graph->tensors[node->inputs[0]].shape.dim[1];
        if (depthwise)
            wick_buf_puts(&buf, " depthwise");
        else
            wick_buf_printf(&buf, " %d groups", a->groups);
    }
    char *text = wick_arena_strdup(arena, buf.data);
    wick_buf_free(&buf);
    return text;
}

static void print_layers(const wick_graph *graph, int segment, int *list) {
    wick_arena *arena = wick_arena_new();
    enum { COLUMNS = 6 };
    int count = layers_of(graph, segment, list);
    const char **cells = wick_new(arena, const char *, COLUMNS *(count + 1));
    const char *const header[COLUMNS] = {"layer",      "operator", "output",
                                         "parameters", "MACs",     "bytes"};
    memcpy(cells, header, sizeof header);
    for (int i = 0; i < count; i++) {
        const wick_node *node = &graph->nodes[list[i]];
        const wick_shape shape = graph->tensors[node->output].shape;
        wick_counts counts = wick_node_counts(graph, list[i]);
        const char **row = cells + COLUMNS * (i + 1);
        row[0] = node->name;
        row[1] = operator_text(arena, graph, node);
        row[2] = wick_shape_text(arena, shape);
        row[3] = counts.parameters ? wick_text_count(arena, counts.parameters) : "-";
        row[4] = counts.macs ? wick_text_count(arena, counts.macs) : "-";
        row[5] = wick_text_count(arena, wick_shape_count(shape) * activation_bytes(graph));
    }
    printf("\n%s%s\n", segment ? "module " : "", segment_name(graph, segment));
    cli_print_table(cells, count + 1, COLUMNS);
    wick_arena_free(arena);
}

static bool any_measured(const wick_graph *graph) {
    for (int k = 0; k < graph->family.n_heads; k++)
        if (!isnan(graph->family.accuracy[k]))
            return true;
    return false;
}

/* One row for the extractor (when there is one) and one for each module. */
static void print_totals(const wick_graph *graph, int *list) {
    wick_arena *arena = wick_arena_new();
    enum { COLUMNS = 8 };
    bool measured = any_measured(graph);
    int columns = measured ? COLUMNS : COLUMNS - 1, rows = 1;
    wick_counts shared = wick_graph_counts(graph, 0);
    const char **cells = wick_new(arena, const char *, columns *(graph->family.n_heads + 2));
    const char *const header[COLUMNS] = {"module",
                                         "layers",
                                         "parameters",
                                         "MACs",
                                         "parameters with extractor",
                                         "MACs with extractor",
                                         "peak activation bytes",
                                         "accuracy"};
    memcpy(cells, header, (size_t)columns * sizeof *header);
    for (int segment = 0; segment <= graph->family.n_heads; segment++) {
        int layers = layers_of(graph, segment, list);
        if (segment == 0 && layers == 0)
            continue;
        wick_counts counts = wick_graph_counts(graph, segment);
        const char **row = cells + columns * rows++;
        row[0] = segment_name(graph, segment);
        row[1] = wick_arena_printf(arena, "%d", layers);
        row[2] = wick_text_count(arena, counts.parameters);
        row[3] = wick_text_count(arena, counts.macs);
        row[4] = wick_text_count(arena, counts.parameters + (segment ? shared.parameters : 0));
        row[5] = wick_text_count(arena, counts.macs + (segment ? shared.macs : 0));
        row[6] = wick_text_count(arena, counts.peak_activation_elements * activation_bytes(graph));
        double accuracy = segment ? graph->family.accuracy[segment - 1] : (double)NAN;
        if (measured)
            row[7] = isnan(accuracy) ? "-" : wick_arena_printf(arena, "%.2f %%", 100 * accuracy);
    }
    putchar('\n');
    cli_print_table(cells, rows, columns);
    wick_arena_free(arena);
}

static void print_text(const wick_graph *graph) {
    wick_arena *arena = wick_arena_new();
    int *list = wick_new(arena, int, graph->n_nodes);
    const wick_family *family = &graph->family;
    printf("%s: input %s, %lld classes, %d module%s, %s\n",
           family->recipe[0] ? family->recipe : graph->name,
           wick_shape_text(arena, graph->tensors[graph->input].shape),
           (long long)graph->tensors[family->heads[0]].shape.dim[1], family->n_heads,
           family->n_heads > 1 ? "s" : "",
           wick_arena_printf(arena, "%s activations (%s%d byte%s each)",
                             wick_graph_precision(graph),
                             activation_bytes(graph) == 2 ? "reckoned with " : "",
                             (int)activation_bytes(graph), activation_bytes(graph) > 1 ? "s" : ""));
    if (family->features >= 0)
        printf("features %s, %s bytes\n",
               wick_shape_text(arena, graph->tensors[family->features].shape),
               wick_text_count(arena, wick_shape_count(graph->tensors[family->features].shape) *
                                          activation_bytes(graph)));
    else
        printf("no shared extractor\n");
    for (int c = 0; family->ranged && c < family->n_channels; c++)
        printf("%s%g to %g%s", c ? ", " : "8 bits of each sensor channel stand for ",
               (double)family->low[c], (double)family->high[c],
               c + 1 < family->n_channels ? "" : "\n");
    for (int segment = 0; segment <= family->n_heads; segment++)
        if (layers_of(graph, segment, list) > 0)
            print_layers(graph, segment, list);
    print_totals(graph, list);
    wick_arena_free(arena);
}

static json_t *shape_json(wick_shape shape) {
    json_t *array = json_array();
    for (int i = 0; i < shape.rank; i++)
        json_array_append_new(array, json_integer(shape.dim[i]));
    return array;
}

static json_t *layer_json(const wick_graph *graph, int n) {
    const wick_node *node = &graph->nodes[n];
    const wick_shape shape = graph->tensors[node->output].shape;
    wick_counts counts = wick_node_counts(graph, n);
    return json_pack("{s:s, s:s, s:o, s:I, s:I, s:I}", "name", node->name, "operator",
                     wick_op_name(node->op), "output", shape_json(shape), "parameters",
                     (json_int_t)counts.parameters, "macs", (json_int_t)counts.macs,
                     "activation_bytes",
                     (json_int_t)(wick_shape_count(shape) * activation_bytes(graph)));
}

static json_t *segment_json(const wick_graph *graph, int segment, int *list) {
    wick_counts counts = wick_graph_counts(graph, segment);
    json_t *layers = json_array();
    int count = layers_of(graph, segment, list);
    for (int i = 0; i < count; i++)
        json_array_append_new(layers, layer_json(graph, list[i]));
    json_t *object = json_pack(
        "{s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", segment_name(graph, segment),
        "segment", segment, "parameters", (json_int_t)counts.parameters, "macs",
        (json_int_t)counts.macs, "conv_parameters", (json_int_t)counts.conv_parameters, "conv_macs",
        (json_int_t)counts.conv_macs, "fc_parameters", (json_int_t)counts.fc_parameters, "fc_macs",
        (json_int_t)counts.fc_macs, "peak_activation_bytes",
        (json_int_t)(counts.peak_activation_elements * activation_bytes(graph)));
    if (segment && !isnan(graph->family.accuracy[segment - 1]))
        json_object_set_new(object, "accuracy", json_real(graph->family.accuracy[segment - 1]));
    json_object_set_new(object, "layers", layers);
    return object;
}

static bool print_json(const wick_graph *graph) {
    const wick_family *family = &graph->family;
    json_t *modules = json_array();
    int *list = wick_xalloc((size_t)graph->n_nodes * sizeof *list);
    for (int segment = 0; segment <= family->n_heads; segment++)
        if (segment > 0 || layers_of(graph, 0, list) > 0)
            json_array_append_new(modules, segment_json(graph, segment, list));
    free(list);
    json_t *features =
        family->features < 0 ? json_null() : shape_json(graph->tensors[family->features].shape);
    json_t *ranges = json_array();
    for (int c = 0; family->ranged && c < family->n_channels; c++)
        json_array_append_new(ranges,
                              json_pack("[f, f]", (double)family->low[c], (double)family->high[c]));
    return cli_print_json(
        json_pack("{s:s, s:s, s:o, s:I, s:o, s:i, s:o, s:o}", "name", graph->name, "recipe",
                  family->recipe, "input", shape_json(graph->tensors[graph->input].shape),
                  "classes", (json_int_t)graph->tensors[family->heads[0]].shape.dim[1], "features",
                  features, "bytes_per_activation", (int)activation_bytes(graph), "sensor_ranges",
                  ranges, "modules", modules));
}

static wick_status run(const arguments *a, wick_diag *diag) {
    if (a->device)
        return cli_describe_device(a->device, a->json, diag);
    size_t len = strlen(a->model);
    bool onnx = len > 5 && !strcmp(a->model + len - 5, ".onnx");
    if (onnx && a->recipe_option)
        return wick_fail(diag, WICK_USAGE, a->model, a->recipe_option, NULL,
                         "this option is for recipes; a model has its own sizes");
    wick_graph *graph = NULL;
    WICK_TRY(onnx ? wick_onnx_read(a->model, &graph, diag)
                  : wick_recipe_build(a->model, &a->recipe, &graph, diag));
    wick_status status = WICK_OK;
    if (!a->json)
        print_text(graph);
    else if (!print_json(graph))
        status = WICK_OUTPUT;
    wick_graph_free(graph);
    return status;
}

int cmd_describe(int argc, char **argv) {
    arguments a = {.recipe = wick_recipe_defaults()};
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_status status = run(&a, &diag);
    return cli_finish(status, &diag);
}
