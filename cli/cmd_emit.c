/* wick emit: the firmware as portable C. */
#include "cli.h"
#include "emit/emit.h"
#include "outputs.h"

#include <stdio.h>
#include <string.h>

typedef struct arguments {
    const char *plan, *out, *data;
    wick_emit_options options;
    bool json;
} arguments;

enum { KEY_VECTORS = 256, KEY_JSON };

static const struct argp_option option_table[] = {
    {"output", 'o', "DIR", 0, "folder to make; replaced when `wick emit` made it", 0},
    {"data", 'd', "SPEC", 0,
     "self-test images are taken from its validation split (default: seeded noise)", 0},
    {"vectors", KEY_VECTORS, "N", 0, "self-test images (default 4)", 0},
    {"json", KEY_JSON, 0, 0, "results as JSON", 0},
    {0}};

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    switch (key) {
    case 'o':
        a->out = text;
        break;
    case 'd':
        a->data = text;
        break;
    case KEY_VECTORS:
        a->options.vectors = (int)cli_integer(state, "vectors", text, 1, 1000);
        break;
    case KEY_JSON:
        a->json = true;
        break;
    case ARGP_KEY_ARG:
        if (a->plan)
            argp_error(state, "one plan, please");
        a->plan = text;
        break;
    case ARGP_KEY_END:
        if (!a->plan || !a->out)
            argp_error(state, "name a plan and the folder to make (-o)");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    option_table,
    parse,
    "PLAN.json -o DIR",
    "Writes the planned model as a folder of C99 that builds with any compiler: the model, the "
    "runtime without what it does not use, a self-test, a template for your board, CMake files and "
    "a README. The bytes depend only on the plan, the data and these options."
    "\vExample: wick emit plan.json -o firmware --data builtin:shapes10\n"
    "         cmake -S firmware -B build && cmake --build build && build/selftest\n"
    "Exit status: 0 done, 2 usage, 3 bad input or output, 4 failure.",
    0,
    0,
    0};

/* The command for the stamps, without the output folder: what is made does not depend on it. */
static const char *stamp_command(wick_arena *arena, const arguments *a) {
    char vectors[32], *argv[8];
    int n = 0;
    snprintf(vectors, sizeof vectors, "%d", a->options.vectors);
    argv[n++] = wick_arena_strdup(arena, "wick emit");
    argv[n++] = wick_arena_strdup(arena, a->plan);
    if (a->data) {
        argv[n++] = wick_arena_strdup(arena, "--data");
        argv[n++] = wick_arena_strdup(arena, a->data);
    }
    argv[n++] = wick_arena_strdup(arena, "--vectors");
    argv[n++] = vectors;
    return cli_command_line(arena, n, argv);
}

static void report(const arguments *a, const wick_plan *plan, wick_arena *arena) {
    printf("%s: %d module%s for %s\n", a->out, plan->net->n_modules,
           plan->net->n_modules > 1 ? "s" : "", plan->device->name);
    printf("SRAM %s, NVM %s, flash %s (constants %s, code about %s)\n",
           wick_text_bytes(arena, (double)plan->totals.ram_bytes),
           wick_text_bytes(arena, (double)plan->totals.nvm_bytes),
           wick_text_bytes(arena, (double)plan->totals.flash_bytes),
           wick_text_bytes(arena, (double)plan->totals.constants_bytes),
           wick_text_bytes(arena, (double)plan->totals.code_bytes));
    printf("%d self-test vectors, %s\n", a->options.vectors,
           a->data ? a->data : "seeded noise; --data gives images");
}

static bool report_json(const arguments *a, const wick_plan *plan, wick_arena *arena) {
    return cli_print_json(json_pack(
        "{s:s,s:s,s:s,s:i,s:I,s:I,s:I,s:i}", "folder", a->out, "device", plan->device->name, "id",
        wick_arena_printf(arena, "%08x%08x", plan->model.id[0], plan->model.id[1]), "modules",
        plan->net->n_modules, "ram_bytes", (json_int_t)plan->totals.ram_bytes, "nvm_bytes",
        (json_int_t)plan->totals.nvm_bytes, "flash_bytes", (json_int_t)plan->totals.flash_bytes,
        "vectors", a->options.vectors));
}

static wick_status run(arguments *a, wick_arena *arena, wick_diag *diag) {
    wick_plan *plan;
    wick_qnet *net;
    wick_data *data = NULL;
    cli_outputs o = {.diag = diag};
    cli_writes_folder(&o, "--output", a->out);
    cli_reads_plan(&o, a->plan);
    cli_reads_data(&o, a->data);
    WICK_TRY(o.status);
    WICK_TRY(wick_plan_load(a->plan, &plan, &net, diag));
    wick_status status = WICK_OK;
    if (a->data) {
        wick_data_options options = wick_data_defaults();
        options.n_ranges = net->ranged ? net->input_channels : 0;
        options.low = net->low;
        options.high = net->high;
        status = wick_data_open(a->data, &options, &data, diag);
    }
    a->options.command = stamp_command(arena, a);
    if (status == WICK_OK)
        status = wick_emit_write(plan, data, &a->options, a->out, diag);
    if (status == WICK_OK && !a->json)
        report(a, plan, arena);
    else if (status == WICK_OK && !report_json(a, plan, arena))
        status = WICK_IO;
    if (data)
        wick_data_free(data);
    wick_plan_free(plan);
    wick_qnet_free(net);
    return status;
}

int cmd_emit(int argc, char **argv) {
    arguments a = {.options = wick_emit_defaults()};
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_arena *arena = wick_arena_new();
    wick_status status = run(&a, arena, &diag);
    wick_arena_free(arena);
    return cli_finish(status, &diag);
}
