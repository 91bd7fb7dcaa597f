/* wick data: what a data set holds. */
#include "cli.h"
#include "data/data.h"
#include "outputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    const char *verb, *spec, *sheet;
    wick_data_options options;
    wick_split sheet_split;
    int per_class;
    bool json;
} arguments;

enum { KEY_PER_CLASS = 256, KEY_VALIDATION, KEY_SEED, KEY_LIMIT, KEY_SPLIT, KEY_JSON };

static const char *const split_names[WICK_SPLITS] = {"train", "validation", "test"};

static const struct argp_option option_table[] = {
    {"output", 'o', "FILE", 0, "write a contact sheet (PNG) there, one row for each class", 0},
    {"per-class", KEY_PER_CLASS, "N", 0, "images of each class on the sheet, 1 to 100 (default 10)",
     0},
    {"split", KEY_SPLIT, "NAME", 0, "split on the sheet: train, validation or test (default train)",
     0},
    {"validation", KEY_VALIDATION, "F", 0,
     "share of the training images that is kept for validation, up to 0.5 (default 0.1)", 0},
    {"seed", KEY_SEED, "N", 0, "seed of the validation split (default 1)", 0},
    {"limit", KEY_LIMIT, "N", 0,
     "open at most so many training and so many test images (default all)", 0},
    {"json", KEY_JSON, 0, 0, "results as JSON", 0},
    {0}};

static wick_split parse_split(struct argp_state *state, const char *text) {
    for (int s = 0; s < WICK_SPLITS; s++)
        if (!strcmp(text, split_names[s]))
            return (wick_split)s;
    argp_error(state, "--split: '%s' is not train, validation or test", text);
    return WICK_TRAIN;
}

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    switch (key) {
    case 'o':
        a->sheet = text;
        break;
    case KEY_PER_CLASS:
        a->per_class = (int)cli_integer(state, "per-class", text, 1, 100);
        break;
    case KEY_SPLIT:
        a->sheet_split = parse_split(state, text);
        break;
    case KEY_VALIDATION:
        a->options.validation = cli_number(state, "validation", text, 1e-6, 0.5);
        break;
    case KEY_SEED:
        a->options.seed = (uint64_t)cli_integer(state, "seed", text, 0, 0x7fffffff);
        break;
    case KEY_LIMIT:
        a->options.limit = (int)cli_integer(state, "limit", text, 1, 0x7fffffff);
        break;
    case KEY_JSON:
        a->json = true;
        break;
    case ARGP_KEY_ARG:
        if (a->spec)
            argp_error(state, "one data set, please");
        else if (a->verb)
            a->spec = text;
        else if (!strcmp(text, "show"))
            a->verb = text;
        else
            argp_error(state, "there is no 'wick data %s'; there is 'wick data show SPEC'", text);
        break;
    case ARGP_KEY_END:
        if (!a->spec)
            argp_error(state, "say 'show' and name a data set, as builtin:shapes10");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    option_table,
    parse,
    "show SPEC",
    "Shows what a data set holds: size, classes, images in each split, and the hash that "
    "training runs record. SPEC is one of\n"
    "  builtin:shapes10[:SEED]  ten shapes, 32x32 RGB, drawn from a seed\n"
    "  cifar10:DIR, cifar100:DIR  official binary layout\n"
    "  folder:DIR  DIR/{train,test}/CLASS/NAME.jpg or .png, or DIR/CLASS/NAME; Tiny-ImageNet as it "
    "is distributed\n"
    "  idx:DIR  MNIST's four files\n"
    "  npy:DIR  windows of a sensor: X.npy [windows,samples,channels] and y.npy\n"
    "  DIR  any of these, recognised by its files"
    "\vThe validation images are always taken from the training part, the same share of each "
    "class.\n"
    "Example: wick data show builtin:shapes10 -o shapes.png --per-class 12\n"
    "Exit status: 0 done, 2 usage, 3 bad input or output, 4 failure.",
    0,
    0,
    0};

/* counts [n_classes][WICK_SPLITS] */
static int *count_images(wick_arena *arena, const wick_data *data) {
    int *counts = wick_new(arena, int, data->n_classes *WICK_SPLITS);
    for (int s = 0; s < WICK_SPLITS; s++)
        for (int i = 0; i < data->split[s].n; i++)
            counts[data->split[s].labels[i] * WICK_SPLITS + s]++;
    return counts;
}

static bool print_json(const wick_data *data, const int *counts, const arguments *a) {
    json_t *classes = json_array();
    for (int c = 0; c < data->n_classes; c++) {
        const int *n = counts + c * WICK_SPLITS;
        json_array_append_new(classes,
                              json_pack("{s:s, s:i, s:i, s:i}", "name", data->class_names[c],
                                        "train", n[WICK_TRAIN], "validation", n[WICK_VALIDATION],
                                        "test", n[WICK_TEST]));
    }
    return cli_print_json(
        json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:s, s:s?}", "spec", data->spec,
                  "description", data->description, "height", data->height, "width", data->width,
                  "channels", data->channels, "train", data->split[WICK_TRAIN].n, "validation",
                  data->split[WICK_VALIDATION].n, "test", data->split[WICK_TEST].n, "classes",
                  classes, "sha256", data->hash.hex, "contact_sheet", a->sheet));
}

static void print_text(wick_arena *arena, const wick_data *data, const int *counts,
                       const arguments *a) {
    enum { COLUMNS = 1 + WICK_SPLITS };
    int rows = data->n_classes + 2;
    const char **cells = wick_new(arena, const char *, rows *COLUMNS);
    cells[0] = "class";
    cells[(rows - 1) * COLUMNS] = "all";
    for (int s = 0; s < WICK_SPLITS; s++) {
        cells[1 + s] = split_names[s];
        cells[(rows - 1) * COLUMNS + 1 + s] = wick_arena_printf(arena, "%d", data->split[s].n);
    }
    for (int c = 0; c < data->n_classes; c++) {
        const char **row = cells + (c + 1) * COLUMNS;
        row[0] = data->class_names[c];
        for (int s = 0; s < WICK_SPLITS; s++)
            row[1 + s] = wick_arena_printf(arena, "%d", counts[c * WICK_SPLITS + s]);
    }
    printf("%s: %s\n%d classes, ", data->spec, data->description, data->n_classes);
    if (data->low && data->height == 1) /* a sensor's values, not a picture's */
        printf("windows of %d samples, %d channel%s\n\n", data->width, data->channels,
               data->channels == 1 ? "" : "s");
    else
        printf("images of %d x %d pixels, %s\n\n", data->width, data->height,
               data->channels == 1 ? "grey" : "RGB");
    cli_print_table(cells, rows, COLUMNS);
    printf("\nsha256 %s\n", data->hash.hex);
    if (a->sheet)
        printf("contact sheet of the %s images: %s\n", split_names[a->sheet_split], a->sheet);
}

int cmd_data(int argc, char **argv) {
    arguments a = {.options = wick_data_defaults(), .per_class = 10};
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_data *data = NULL;
    cli_outputs o = {.diag = &diag};
    cli_writes(&o, "--output", a.sheet);
    cli_reads_data(&o, a.spec);
    wick_status status = o.status;
    if (status == WICK_OK)
        status = wick_data_open(a.spec, &a.options, &data, &diag);
    if (status == WICK_OK && a.sheet)
        status = wick_data_contact_sheet(data, a.sheet_split, a.per_class, a.sheet, &diag);
    if (status == WICK_OK) {
        wick_arena *arena = wick_arena_new();
        const int *counts = count_images(arena, data);
        if (!a.json)
            print_text(arena, data, counts, &a);
        else if (!print_json(data, counts, &a))
            status = WICK_IO;
        wick_arena_free(arena);
    }
    wick_data_free(data);
    return cli_finish(status, &diag);
}
