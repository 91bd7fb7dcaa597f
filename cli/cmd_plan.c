/* wick plan: what a model takes on a device, step by step. */
#include "cli.h"
#include "onnx/onnx.h"
#include "outputs.h"
#include "plan/plan.h"
#include "plan_deadline.h"
#include "plan_explain.h"
#include "plan_published.h"
#include "weights/weights.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct arguments {
    const char *model, *device, *out, *cost_model;
    cli_published_options published; /* what of --margin and --capacitor was given */
    wick_plan_options options;
    cli_deadline deadline;
    cli_endurance endurance;
    bool explain, proof, json;
} arguments;

enum {
    KEY_APP_BYTES = 256,
    KEY_CHECKSUMS,
    KEY_EXPLAIN,
    KEY_JSON,
    KEY_OPTIMISE,
    KEY_FEATURES,
    KEY_COST_MODEL,
    KEY_HARVEST_MIN,
    KEY_DEADLINE,
    KEY_EAGER,
    KEY_MODULE,
    KEY_LATENCY_WEIGHT,
    KEY_PROOF,
    KEY_RATE,
    KEY_LIFETIME,
    KEY_FLASH,
    KEY_RAM,
    KEY_NVM
};

static const struct argp_option option_table[] = {
    {"device", 'd', "NAME", 0, "device profile: a name in share/profiles or a JSON file", 0},
    {"capacitor", 'c', "UF", 0, "capacitor in µF (default: the profile's)", 0},
    {"margin", 'm', "SHARE", 0, "share of one charge that a span may use (default 0.8)", 0},
    {"optimise", KEY_OPTIMISE, "GOAL", 0,
     "energy, latency (or speed) or size: which kernels compute the layers, how long spans are, and whether "
     "buffers of a segment share NVM (default energy)",
     0},
    {"latency-weight", KEY_LATENCY_WEIGHT, "W", 0,
     "minimise (1 - W) * energy + W * active power * time, repeated work included, 0 to 1 (default 0)",
     0},
    {"features", KEY_FEATURES, "HOW", 0,
     "what the extractor computes for the modules: stored (once, and after a reboot every module "
     "starts from it), recomputed (by every module, unless an earlier one of the same boot has left "
     "it in SRAM), or auto: whichever takes less (default)",
     0},
    {"app-bytes", KEY_APP_BYTES, "N", 0,
     "room for N bytes of the application's own variables, which join every commit (default 0)", 0},
    {"flash", KEY_FLASH, "SIZE", 0,
     "use at most so much of the device's flash, such as 64K (default: all)", 0},
    {"ram", KEY_RAM, "SIZE", 0, "the same of its SRAM", 0},
    {"nvm", KEY_NVM, "SIZE", 0, "the same of its NVM", 0},
    {"checksums", KEY_CHECKSUMS, "BLOCK", OPTION_ARG_OPTIONAL,
     "a checksum beside each block of the engine's memory (8, 16, 32 or 64 bytes, default 32), for "
     "memory whose bits may decay: what is damaged is reported, never used (default: none)",
     0},
    {"harvest-min", KEY_HARVEST_MIN, "POWER", 0,
     "harvest that is always there, with its unit (0.5mW): states the worst time from an input to each "
     "module's answer, recharges included",
     0},
    {"deadline", KEY_DEADLINE, "TIME", 0,
     "with --harvest-min: is that time always within this (30s)? Exit status 1 says no", 0},
    {"module", KEY_MODULE, "NAME", 0, "with --harvest-min: of this module only (default: all)", 0},
    {"eager", KEY_EAGER, 0, 0,
     "with --harvest-min: for firmware that commits every span and waits for no charge", 0},
    {"rate", KEY_RATE, "N/UNIT", 0, "answers a time (1/min, 4/h): how many years the NVM lasts", 0},
    {"lifetime", KEY_LIFETIME, "YEARS", 0, "with --rate: refuse NVM that wears out earlier", 0},
    {"cost-model", KEY_COST_MODEL, "NAME", 0,
     "instead of a device, to compare searches: a published cost model (published-inas, "
     "published-tinas) with its own search; no plan is made",
     0},
    {"output", 'o', "FILE", 0, "write the plan (plan.json)", 0},
    {"explain", KEY_EXPLAIN, 0, 0, "one row for each layer", 0},
    {"proof", KEY_PROOF, 0, 0, "what each span reads and writes in NVM, and why it can be repeated",
     0},
    {"json", KEY_JSON, 0, 0, "results as JSON", 0},
    {0}};

static int64_t parse_bytes(struct argp_state *state, const char *option, const char *text) {
    int64_t bytes = 0;
    if (!wick_parse_bytes(text, &bytes))
        argp_error(state, "--%s: '%s' is no size, such as 64K or 9782", option, text);
    return bytes;
}

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    switch (key) {
    case 'd':
        a->device = text;
        break;
    case 'c':
        a->options.capacitor_uf = cli_number(state, "capacitor", text, 1e-6, 1e9);
        a->published.capacitor_uf = a->options.capacitor_uf;
        break;
    case 'm':
        a->options.margin = cli_number(state, "margin", text, 0.01, 1);
        a->published.margin = a->options.margin;
        break;
    case KEY_OPTIMISE:
        if (!strcmp(text, "energy"))
            a->options.optimise = WICK_OPTIMISE_ENERGY;
        else if (!strcmp(text, "speed") || !strcmp(text, "latency"))
            a->options.optimise = WICK_OPTIMISE_SPEED;
        else if (!strcmp(text, "size"))
            a->options.optimise = WICK_OPTIMISE_SIZE;
        else
            argp_error(state, "--optimise takes energy, latency or size");
        break;
    case KEY_LATENCY_WEIGHT:
        a->options.latency_weight = cli_number(state, "latency-weight", text, 0, 1);
        break;
    case KEY_FEATURES:
        if (!strcmp(text, "auto"))
            a->options.features = WICK_FEATURES_AUTO;
        else if (!strcmp(text, "stored"))
            a->options.features = WICK_FEATURES_STORED;
        else if (!strcmp(text, "recomputed"))
            a->options.features = WICK_FEATURES_RECOMPUTED;
        else
            argp_error(state, "--features takes auto, stored or recomputed");
        break;
    case KEY_APP_BYTES:
        a->options.app_bytes =
            (int)cli_integer(state, "app-bytes", text, 0, WICK_PLAN_MAX_APP_BYTES);
        break;
    case KEY_CHECKSUMS:
        a->options.checksum_block =
            text ? (int)cli_integer(state, "checksums", text, 8, WICK_PLAN_MAX_CHECKSUM_BLOCK) : 32;
        if (a->options.checksum_block & (a->options.checksum_block - 1))
            argp_error(state, "--checksums takes 8, 16, 32 or 64 bytes");
        break;
    case KEY_FLASH:
        a->options.flash_bytes = parse_bytes(state, "flash", text);
        break;
    case KEY_RAM:
        a->options.sram_bytes = parse_bytes(state, "ram", text);
        break;
    case KEY_NVM:
        a->options.nvm_bytes = parse_bytes(state, "nvm", text);
        break;
    case 'o':
        a->out = text;
        break;
    case KEY_PROOF:
        a->proof = true;
        break;
    case KEY_RATE:
        if (!wick_parse_rate_hz(text, &a->endurance.rate_hz))
            argp_error(state, "--rate: '%s' is not how often, such as 1/min or 4/h", text);
        break;
    case KEY_LIFETIME:
        a->endurance.lifetime_years = cli_number(state, "lifetime", text, 1e-6, 1e6);
        break;
    case KEY_HARVEST_MIN:
        a->deadline.asked = true;
        if (!wick_parse_power_uw(text, &a->deadline.harvest_uw))
            argp_error(state, "--harvest-min: '%s' is no power with its unit, such as 0.5mW", text);
        break;
    case KEY_DEADLINE:
        if (!wick_parse_time_s(text, &a->deadline.deadline_s) || !(a->deadline.deadline_s > 0))
            argp_error(state, "--deadline: '%s' is no time with its unit, such as 30s", text);
        break;
    case KEY_MODULE:
        a->deadline.module = text;
        break;
    case KEY_EAGER:
        a->deadline.eager = true;
        break;
    case KEY_COST_MODEL:
        a->cost_model = text;
        break;
    case KEY_EXPLAIN:
        a->explain = true;
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
        if (!a->model || !a->device == !a->cost_model)
            argp_error(state, "name a quantized model and a --device (or a --cost-model)");
        if (a->endurance.lifetime_years > 0 && !(a->endurance.rate_hz > 0))
            argp_error(state, "--lifetime needs --rate");
        if (!a->deadline.asked &&
            (a->deadline.deadline_s > 0 || a->deadline.eager || a->deadline.module))
            argp_error(state, "--deadline, --eager and --module need --harvest-min");
        if (a->cost_model && a->deadline.asked)
            argp_error(state, "--harvest-min: no plan is made for a published cost model");
        if (a->cost_model && a->out)
            argp_error(state, "--output: no plan is made for a published cost model");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    option_table,
    parse,
    "MODEL-int8.onnx --device NAME",
    "Divides a quantized family into steps and spans that one charge of the capacitor surely "
    "carries, lays out its memory, and says what it takes: SRAM, NVM, flash, energy, time. Refuses "
    "(exit status 1) what does not fit, with the smallest budget that would do. All energies and "
    "times are modelled from the device profile."
    "\vExample: wick plan family-int8.onnx --device m4-fram -o plan.json\n"
    "         wick plan family-int8.onnx --device m4-fram --capacitor 100 --explain\n"
    "         wick plan family-int8.onnx --device m4-fram --harvest-min 0.5mW --deadline 30s\n"
    "         wick plan family-int8.onnx --cost-model published-tinas\n"
    "Exit status: 0 it fits, 1 it does not (or may miss the deadline), 2 usage, 3 bad input or output, 4 failure.",
    0,
    0,
    0};

static char *macs_text(wick_arena *arena, int64_t macs) {
    if (macs == 0)
        return wick_arena_strdup(arena, "-");
    return macs >= 1000000 ? wick_arena_printf(arena, "%.2f M", (double)macs / 1e6)
                           : wick_arena_printf(arena, "%.1f k", (double)macs / 1e3);
}

static char *time_text(wick_arena *arena, double us) {
    return us >= 1e6 ? wick_arena_printf(arena, "%.2f s", us / 1e6)
                     : wick_arena_printf(arena, "%.1f ms", us / 1e3);
}

/* Layers and steps of one segment. */
static void count_segment(const wick_plan *plan, int segment, int *layers, int *steps) {
    const wick_plan_segment *row = &plan->segments[segment];
    *layers = *steps = 0;
    for (int l = 0; l < plan->net->n_layers; l++)
        *layers += plan->net->info[l].segment == segment;
    for (int s = row->first_span; s < row->first_span + row->n_spans; s++)
        *steps += plan->model.spans[s].n_steps;
}

static void print_segments(const wick_plan *plan, wick_arena *arena) {
    enum { COLUMNS = 11 };
    static const char *const header[COLUMNS] = {"segment", "layers",  "MACs",      "spans",
                                                "steps",   "compute", "NVM",       "energy",
                                                "time",    "charges", "worst span"};
    const char **cells = wick_new(arena, const char *, COLUMNS *(plan->n_segments + 1));
    memcpy(cells, header, sizeof header);
    int rows = 1;
    for (int s = 0; s < plan->n_segments; s++) {
        const wick_plan_segment *segment = &plan->segments[s];
        if (segment->n_spans == 0)
            continue;
        const char **row = cells + COLUMNS * rows++;
        int layers, steps;
        count_segment(plan, s, &layers, &steps);
        row[0] = segment->name;
        row[1] = wick_arena_printf(arena, "%d", layers);
        row[2] = macs_text(arena, segment->macs);
        row[3] = wick_arena_printf(arena, "%d", segment->n_spans);
        row[4] = wick_arena_printf(arena, "%d", steps);
        row[5] = wick_text_energy(arena, segment->cost.compute_uj);
        row[6] = wick_text_energy(arena, segment->cost.nvm_uj);
        row[7] = wick_text_energy(arena, segment->cost.energy_uj);
        row[8] = time_text(arena, segment->cost.time_us);
        row[9] = wick_arena_printf(arena, "%.2f", segment->charges);
        row[10] = wick_text_energy(arena, segment->worst_span_uj);
    }
    cli_print_table(cells, rows, COLUMNS);
}

static void print_layers(const wick_plan *plan, wick_arena *arena) {
    enum { COLUMNS = 11 };
    static const char *const header[COLUMNS] = {"layer",  "segment", "output",   "MACs",
                                                "kernel", "spans",   "steps",    "energy",
                                                "time",   "SRAM",    "constants"};
    int n = plan->net->n_layers;
    const char **cells = wick_new(arena, const char *, COLUMNS *(n + 1));
    memcpy(cells, header, sizeof header);
    for (int l = 0; l < n; l++) {
        const wick_layer *layer = &plan->net->layers[l];
        wick_plan_layer info = wick_plan_layer_of(plan, l);
        const char **row = cells + COLUMNS * (l + 1);
        row[0] = plan->net->info[l].name;
        row[1] = plan->segments[plan->net->info[l].segment].name;
        row[2] = wick_arena_printf(arena, "%ux%ux%u", layer->out_h, layer->out_w, layer->out_c);
        row[3] = macs_text(arena, plan->net->info[l].macs);
        row[4] = wick_kernel_name(layer->kind, plan->layers[l].kernel);
        row[5] = wick_arena_printf(arena, "%d", info.spans);
        row[6] = wick_arena_printf(arena, "%d", info.steps);
        row[7] = wick_text_energy(arena, info.cost.energy_uj);
        row[8] = time_text(arena, info.cost.time_us);
        row[9] = wick_text_bytes(arena, (double)info.scratch_bytes);
        row[10] = wick_text_bytes(arena, (double)info.constant_bytes);
    }
    putchar('\n');
    cli_print_table(cells, n + 1, COLUMNS);
}

/* What of the profile shaped the plan. */
static void print_device(const wick_device *d) {
    printf("\nNVM    %s%s: write unit %lld B", d->nvm.kind, d->nvm.mapped ? ", mapped" : "",
           (long long)d->nvm.write_unit_bytes);
    if (d->nvm.checksum_block)
        printf(", a checksum for each %lld B", (long long)d->nvm.checksum_block);
    else if (d->nvm.ecc_bytes)
        printf(", ECC word %lld B", (long long)d->nvm.ecc_bytes);
    if (d->cache.line_bytes)
        printf(", write-back cache line %lld B (cleaning takes %g cycles and %g a line)",
               (long long)d->cache.line_bytes, d->cache.clean_cycles,
               d->cache.clean_cycles_per_line);
    printf("; committed and in-flight bytes share no %lld B\n",
           (long long)wick_device_unit_bytes(d));
    if (d->nvm.reset_v > 0)
        printf("supply writes are weak below %.2f V, the reset comes at %.2f V\n",
               d->nvm.weak_below_v, d->nvm.reset_v);
    if (d->cycles_source)
        printf("cycles %s: %s\n", d->kernels, d->cycles_source);
}

static void print_text(const wick_plan *plan, bool explain) {
    wick_arena *arena = wick_arena_new();
    const wick_device *d = plan->device;
    printf("modelled for %s (%s, %.0f MHz, %s, %g µF)\n\n", d->name, d->core, d->clock_hz / 1e6,
           d->nvm.kind, d->capacitor.uf);
    print_segments(plan, arena);
    if (explain) {
        print_layers(plan, arena);
        print_device(d);
    }
    printf("\nSRAM   %s of %s: scratch %s, stack %s, engine %s\n",
           wick_text_bytes(arena, (double)plan->totals.ram_bytes),
           wick_text_bytes(arena, (double)d->sram_bytes),
           wick_text_bytes(arena, (double)plan->totals.scratch_bytes),
           wick_text_bytes(arena, (double)plan->totals.stack_bytes),
           wick_text_bytes(arena, (double)plan->totals.engine_bytes));
    printf("NVM    %s of %s\n", wick_text_bytes(arena, (double)plan->totals.nvm_bytes),
           wick_text_bytes(arena, (double)d->nvm.bytes));
    printf("flash  %s of %s: constants %s, code about %s\n",
           wick_text_bytes(arena, (double)plan->totals.flash_bytes),
           wick_text_bytes(arena, (double)d->flash_bytes),
           wick_text_bytes(arena, (double)plan->totals.constants_bytes),
           wick_text_bytes(arena, (double)plan->totals.code_bytes));
    if (wick_recomputes(&plan->model))
        printf("every module begins with the extractor: to store what it computes would take more "
               "than to compute it again (--features)\n");
    printf("charge %s from %.2f V to %.2f V; the worst span takes %s with its boot and commit\n",
           wick_text_energy(arena, plan->charge_uj), d->capacitor.on_v, d->capacitor.off_v,
           wick_text_energy(arena, plan->worst_span_uj));
    printf("admitted: with these spans the device may wake at %.2f V; the smallest capacitor that "
           "would do, with smaller spans, is %g µF\n",
           ceil(plan->min_wake_v * 100 - 1e-6) / 100, plan->min_capacitor_uf);
    printf(
        "lazy commits pay from about %s of harvest on; with less, sleeping for charge takes more "
        "than power failures: commit every span (engine.eager)\n",
        wick_text_power(arena, wick_plan_lazy_from(plan) / d->capacitor.input_efficiency));
    wick_arena_free(arena);
}

static json_t *cost_json(wick_cost cost) {
    return json_pack("{s:f,s:f,s:f,s:f}", "energy_uj", cost.energy_uj, "compute_uj",
                     cost.compute_uj, "nvm_uj", cost.nvm_uj, "time_us", cost.time_us);
}

static json_t *segments_json(const wick_plan *plan) {
    json_t *list = json_array();
    for (int s = 0; s < plan->n_segments; s++) {
        const wick_plan_segment *segment = &plan->segments[s];
        int layers, steps;
        count_segment(plan, s, &layers, &steps);
        json_array_append_new(
            list, json_pack("{s:s,s:i,s:I,s:i,s:i,s:o,s:f,s:f}", "name", segment->name, "layers",
                            layers, "macs", (json_int_t)segment->macs, "spans", segment->n_spans,
                            "steps", steps, "cost", cost_json(segment->cost), "charges",
                            segment->charges, "worst_span_uj", segment->worst_span_uj));
    }
    return list;
}

static json_t *layers_json(const wick_plan *plan) {
    json_t *list = json_array();
    for (int l = 0; l < plan->net->n_layers; l++) {
        wick_plan_layer info = wick_plan_layer_of(plan, l);
        json_array_append_new(
            list,
            json_pack("{s:s,s:s,s:i,s:I,s:i,s:i,s:o,s:I,s:I}", "name", plan->net->info[l].name,
                      "kernel", wick_kernel_name(plan->layers[l].kind, plan->layers[l].kernel),
                      "segment", plan->net->info[l].segment, "macs",
                      (json_int_t)plan->net->info[l].macs, "spans", info.spans, "steps", info.steps,
                      "cost", cost_json(info.cost), "scratch_bytes", (json_int_t)info.scratch_bytes,
                      "constant_bytes", (json_int_t)info.constant_bytes));
    }
    return list;
}

static json_t *plan_json(const wick_plan *plan) {
    return json_pack(
        "{s:s,s:b,s:f,s:f,s:f,s:f,s:f,s:f,s:{s:I,s:I,s:I,s:I,s:I,s:I},s:o,s:o}", "modelled_for",
        plan->device->name, "fits", 1, "capacitor_uf", plan->device->capacitor.uf, "charge_uj",
        plan->charge_uj, "worst_span_uj", plan->worst_span_uj, "expected_uj", plan->expected_uj,
        "min_capacitor_uf", plan->min_capacitor_uf, "min_wake_v", plan->min_wake_v, "totals",
        "ram_bytes", (json_int_t)plan->totals.ram_bytes, "scratch_bytes",
        (json_int_t)plan->totals.scratch_bytes, "nvm_bytes", (json_int_t)plan->totals.nvm_bytes,
        "flash_bytes", (json_int_t)plan->totals.flash_bytes, "constants_bytes",
        (json_int_t)plan->totals.constants_bytes, "code_bytes", (json_int_t)plan->totals.code_bytes,
        "segments", segments_json(plan), "layers", layers_json(plan));
}

/* The answer "no" for programs: the reason and the way out as in the message on stderr. */
static bool print_no_json(const arguments *a, const wick_device *device, const wick_diag *diag) {
    const wick_diag_item *item = diag->count ? &diag->items[diag->count - 1] : NULL;
    return cli_print_json(json_pack(
        "{s:s,s:b,s:f,s:s?,s:s?,s:s?}", "modelled_for", device->name, "fits", 0, "capacitor_uf",
        a->options.capacitor_uf > 0 ? a->options.capacitor_uf : device->capacitor.uf, "place",
        item ? item->place : NULL, "reason", item ? item->reason : NULL, "hint",
        item ? item->hint : NULL));
}

static wick_status print_plan(const arguments *a, const wick_plan *plan, wick_diag *diag) {
    json_t *json = a->json ? plan_json(plan) : NULL;
    if (json) {
        json_object_set_new(json, "endurance", cli_plan_endurance_json(plan, &a->endurance));
        if (a->proof)
            json_object_set_new(json, "proof", cli_plan_proof_json(plan));
    } else {
        print_text(plan, a->explain);
        cli_plan_print_endurance(plan, &a->endurance);
        if (a->proof)
            cli_plan_print_proof(plan);
    }
    wick_status status = cli_plan_lasts(plan, &a->endurance, diag), in_time = WICK_OK;
    if (a->deadline.asked)
        in_time = cli_plan_deadline(plan, &a->deadline, json, diag);
    status = status == WICK_OK ? in_time : status;
    return json && !cli_print_json(json) ? WICK_IO : status;
}

static wick_status run(const arguments *a, wick_arena *arena, wick_diag *diag) {
    wick_device *device = NULL;
    wick_graph *graph;
    wick_qnet *net;
    wick_plan *plan = NULL;
    cli_outputs o = {.diag = diag};
    cli_writes(&o, "--output", a->out);
    cli_reads(&o, "the model", a->model);
    cli_reads_share(&o, "--device", "profiles", a->device);
    WICK_TRY(o.status);
    if (a->device)
        WICK_TRY(wick_device_load(arena, a->device, &device, diag));
    WICK_TRY(wick_onnx_read(a->model, &graph, diag));
    wick_status status = wick_qnet_lower(graph, &net, diag);
    wick_graph_free(graph);
    if (status != WICK_OK) {
        cli_name_file(diag, a->model);
        return status;
    }
    if (a->cost_model) {
        status = cli_plan_published(a->cost_model, net, &a->published, a->explain, a->json, diag);
        wick_qnet_free(net);
        return status;
    }
    status = wick_plan_make(net, device, &a->options, a->model, &plan, diag);
    if (status == WICK_OK) {
        status = print_plan(a, plan, diag);
        if (status == WICK_OK && a->out)
            status = wick_plan_save(plan, a->out, diag);
    } else if (status == WICK_NO_FIT && a->json) {
        print_no_json(a, device, diag);
    }
    wick_plan_free(plan);
    wick_qnet_free(net);
    return status;
}

int cmd_plan(int argc, char **argv) {
    arguments a = {.options = wick_plan_defaults()};
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_arena *arena = wick_arena_new();
    wick_status status = run(&a, arena, &diag);
    wick_arena_free(arena);
    return cli_finish(status, &diag);
}
