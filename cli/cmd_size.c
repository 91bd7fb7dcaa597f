/* wick size: memory of a plan, buffer by buffer; with --target, its capacitor and panel. */
#include "size_target.h"

#include <stdio.h>
#include <string.h>

typedef struct arguments {
    size_target_args target;
    const char *plan;
    bool json;
} arguments;

enum { KEY_JSON = 256 };

static const struct argp_option option_table[] = {{"json", KEY_JSON, 0, 0, "results as JSON", 0},
                                                  {0}};

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->target;
        break;
    case KEY_JSON:
        a->json = a->target.json = true;
        break;
    case ARGP_KEY_ARG:
        if (a->plan)
            argp_error(state, "one plan, please");
        a->plan = text;
        break;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name a plan");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_child children[] = {{&size_target_argp, 0, 0, 0}, {0}};

static const struct argp argp = {
    option_table,
    parse,
    "PLAN.json",
    "Lists what lies where: every tensor in NVM with its bytes, offset and lifetime, the constants "
    "of every layer in flash, the SRAM of the engine, and which layer makes each peak. With "
    "--target it sizes the hardware instead: simulates every combination of capacitor, panel and "
    "thresholds, prints what reaches the target and the cheapest that does, what commits cost, "
    "whether energy is thrown away at a full capacitor, and whether another one would help."
    "\vExample: wick size plan.json\n"
    "         wick size plan.json --target \"accuracy>=80%,answers>=95%\" --trace builtin:office "
    "--data builtin:shapes10 --plot region.png\n"
    "Exit status: 0 done, 1 nothing reaches the target, 2 usage, 3 bad input or none that comes "
    "within the run, 4 failure.",
    children,
    0,
    0};

static const char *layer_name(const wick_plan *plan, int layer) {
    return layer < 0 ? "-" : plan->net->info[layer].name;
}

/* When a tensor's bytes matter, in words. */
static const char *lifetime(const wick_plan *plan, int t, wick_arena *arena) {
    const wick_plan_life *life = &plan->life[t];
    if (t == plan->net->input)
        return "always, for two inputs";
    if (life->always)
        return "until the next input";
    if (life->shared)
        return wick_arena_printf(arena, "%s until all modules are done",
                                 layer_name(plan, life->first_layer));
    if (life->first_layer == life->last_layer)
        return layer_name(plan, life->first_layer);
    return wick_arena_printf(arena, "%s to %s", layer_name(plan, life->first_layer),
                             layer_name(plan, life->last_layer));
}

static int64_t place_bytes(const wick_plan *plan, int t) {
    return (int64_t)plan->model.tensors[t].bytes * (t == plan->net->input ? 2 : 1);
}

typedef struct peaks {
    int ram_layer, nvm_layer;
    int64_t ram_bytes, nvm_bytes;
} peaks;

static peaks find_peaks(const wick_plan *plan) {
    peaks p = {0};
    for (int l = 0; l < plan->net->n_layers; l++) {
        wick_plan_layer row = wick_plan_layer_of(plan, l);
        if (row.scratch_bytes > p.ram_bytes)
            p.ram_bytes = row.scratch_bytes, p.ram_layer = l;
        if (row.live_bytes > p.nvm_bytes)
            p.nvm_bytes = row.live_bytes, p.nvm_layer = l;
    }
    return p;
}

static void print_nvm(const wick_plan *plan, wick_arena *arena) {
    enum { COLUMNS = 4 };
    int n = plan->net->n_tensors;
    const char **cells = wick_new(arena, const char *, COLUMNS *(n + 3));
    static const char *const header[COLUMNS] = {"NVM buffer", "offset", "bytes", "needed by"};
    memcpy(cells, header, sizeof header);
    for (int i = 0; i < 2; i++) {
        const char **row = cells + COLUMNS * (i + 1);
        row[0] = wick_arena_printf(arena, "progress record %d", i + 1);
        row[1] = wick_arena_printf(arena, "%u", plan->model.record_offset[i]);
        row[2] = wick_arena_printf(arena, "%u", plan->model.record_bytes);
        row[3] = "always";
    }
    for (int t = 0; t < n; t++) {
        const char **row = cells + COLUMNS * (t + 3);
        row[0] = plan->net->tensors[t].name;
        row[1] = wick_arena_printf(arena, "%u", plan->model.tensors[t].offset);
        row[2] = wick_arena_printf(arena, "%lld", (long long)place_bytes(plan, t));
        row[3] = lifetime(plan, t, arena);
    }
    cli_print_table(cells, n + 3, COLUMNS);
}

static void print_layers(const wick_plan *plan, wick_arena *arena) {
    enum { COLUMNS = 5 };
    int n = plan->net->n_layers;
    const char **cells = wick_new(arena, const char *, COLUMNS *(n + 1));
    static const char *const header[COLUMNS] = {"layer", "segment", "constants (flash)",
                                                "scratch (SRAM)", "live tensors (NVM)"};
    memcpy(cells, header, sizeof header);
    for (int l = 0; l < n; l++) {
        wick_plan_layer row = wick_plan_layer_of(plan, l);
        const char **cell = cells + COLUMNS * (l + 1);
        cell[0] = layer_name(plan, l);
        cell[1] = plan->segments[plan->net->info[l].segment].name;
        cell[2] = wick_arena_printf(arena, "%lld", (long long)row.constant_bytes);
        cell[3] = wick_arena_printf(arena, "%lld", (long long)row.scratch_bytes);
        cell[4] = wick_arena_printf(arena, "%lld", (long long)row.live_bytes);
    }
    putchar('\n');
    cli_print_table(cells, n + 1, COLUMNS);
}

static void print_text(const wick_plan *plan) {
    wick_arena *arena = wick_arena_new();
    peaks p = find_peaks(plan);
    printf("planned for %s\n\n", plan->device->name);
    print_nvm(plan, arena);
    print_layers(plan, arena);
    printf("\nSRAM   %lld bytes: scratch %lld (peak in %s), stack %lld, engine %lld\n",
           (long long)plan->totals.ram_bytes, (long long)plan->totals.scratch_bytes,
           layer_name(plan, p.ram_layer), (long long)plan->totals.stack_bytes,
           (long long)plan->totals.engine_bytes);
    printf("NVM    %lld bytes: at most %lld of live tensors (peak in %s)\n",
           (long long)plan->totals.nvm_bytes, (long long)p.nvm_bytes,
           layer_name(plan, p.nvm_layer));
    printf("flash  %lld bytes: constants %lld, code about %lld\n",
           (long long)plan->totals.flash_bytes, (long long)plan->totals.constants_bytes,
           (long long)plan->totals.code_bytes);
    wick_arena_free(arena);
}

static bool print_json(const wick_plan *plan) {
    wick_arena *arena = wick_arena_new();
    peaks p = find_peaks(plan);
    json_t *buffers = json_array(), *layers = json_array();
    for (int i = 0; i < 2; i++)
        json_array_append_new(
            buffers, json_pack("{s:s,s:I,s:I,s:s}", "name", i ? "record 2" : "record 1", "offset",
                               (json_int_t)plan->model.record_offset[i], "bytes",
                               (json_int_t)plan->model.record_bytes, "needed_by", "always"));
    for (int t = 0; t < plan->net->n_tensors; t++)
        json_array_append_new(buffers,
                              json_pack("{s:s,s:I,s:I,s:s}", "name", plan->net->tensors[t].name,
                                        "offset", (json_int_t)plan->model.tensors[t].offset,
                                        "bytes", (json_int_t)place_bytes(plan, t), "needed_by",
                                        lifetime(plan, t, arena)));
    for (int l = 0; l < plan->net->n_layers; l++) {
        wick_plan_layer row = wick_plan_layer_of(plan, l);
        json_array_append_new(layers,
                              json_pack("{s:s,s:i,s:I,s:I,s:I}", "name", layer_name(plan, l),
                                        "segment", plan->net->info[l].segment, "constant_bytes",
                                        (json_int_t)row.constant_bytes, "scratch_bytes",
                                        (json_int_t)row.scratch_bytes, "live_bytes",
                                        (json_int_t)row.live_bytes));
    }
    json_t *totals = json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "ram_bytes", (json_int_t)plan->totals.ram_bytes,
        "scratch_bytes", (json_int_t)plan->totals.scratch_bytes, "stack_bytes",
        (json_int_t)plan->totals.stack_bytes, "engine_bytes", (json_int_t)plan->totals.engine_bytes,
        "nvm_bytes", (json_int_t)plan->totals.nvm_bytes, "flash_bytes",
        (json_int_t)plan->totals.flash_bytes, "constants_bytes",
        (json_int_t)plan->totals.constants_bytes, "code_bytes",
        (json_int_t)plan->totals.code_bytes);
    wick_arena_free(arena);
    return cli_print_json(json_pack("{s:s,s:o,s:o,s:o,s:s,s:s}", "planned_for", plan->device->name,
                                    "totals", totals, "buffers", buffers, "layers", layers,
                                    "ram_peak_layer", layer_name(plan, p.ram_layer),
                                    "nvm_peak_layer", layer_name(plan, p.nvm_layer)));
}

int cmd_size(int argc, char **argv) {
    arguments a = {.target = size_target_defaults()};
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    if (a.target.target)
        return cli_finish(size_target(&a.target, a.plan, &diag), &diag);
    wick_plan *plan;
    wick_qnet *net;
    wick_status status = wick_plan_load(a.plan, &plan, &net, &diag);
    if (status == WICK_OK && !a.json)
        print_text(plan);
    else if (status == WICK_OK && !print_json(plan))
        status = WICK_IO;
    wick_plan_free(plan);
    wick_qnet_free(net);
    return cli_finish(status, &diag);
}
