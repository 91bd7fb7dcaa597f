/* wick verify: the proof against power failures. */
#include "cli.h"
#include "emit/verify.h"
#include "verify_layers.h"
#include "verify_vectors.h"

#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    const char *dir, *plan, *data, *exact, *against, *device;
    double tolerance_db;
    wick_verify_options options;
    bool json;
} arguments;

enum {
    KEY_SEEDED = 256,
    KEY_SEED,
    KEY_PAIRS,
    KEY_ROUNDS,
    KEY_VOLTAGE,
    KEY_RESETS,
    KEY_QEMU,
    KEY_NO_QEMU,
    KEY_NO_EXHAUSTIVE,
    KEY_PLANT,
    KEY_REPLAY,
    KEY_RIG,
    KEY_THUMB,
    KEY_KILLS,
    KEY_MSP430,
    KEY_JSON,
    KEY_FLOAT,
    KEY_TOLERANCE,
    KEY_AGAINST,
    KEY_DEVICE,
    KEY_CC
};

static const struct argp_option option_table[] = {
    {"plan", 'p', "FILE", 0, "the plan the folder was emitted from (default: plan.json beside it)",
     0},
    {"data", 'd', "SPEC", 0, "inputs are images of its validation split; without it seeded noise",
     0},
    {"modules", 'm', "LIST", 0, "modules to verify, as 1,3 (default: all)", 0},
    {"inputs", 'n', "N", 0, "input images (default 1)", 0},
    {"seeded", KEY_SEEDED, "N", 0,
     "cuts that run to the end, for each module and input (default 1000)", 0},
    {"pairs", KEY_PAIRS, "N", 0,
     "cuts during the recovery from another cut, for each module and input; all = every pair, for "
     "small models (default 2000)",
     0},
    {"rounds", KEY_ROUNDS, "N", 0,
     "the cuts before every write and the pairs so many times, with other random bits (default 1)",
     0},
    {"voltage", KEY_VOLTAGE, "READING", 0,
     "what the capacitor's voltage reads here: unknown (default: every span commits), random (any of the optional "
     "commits are left out; slower), high or low",
     0},
    {"no-exhaustive", KEY_NO_EXHAUSTIVE, 0, 0, "leave out the cut before every single NVM write",
     0},
    {"qemu", KEY_QEMU, 0, 0, "insist on the emulated Cortex-M4 (default: when it is installed)", 0},
    {"no-qemu", KEY_NO_QEMU, 0, 0, "only on this machine", 0},
    {"resets", KEY_RESETS, "N", 0, "resets in QEMU for each module (default 100)", 0},
    {"rig", KEY_RIG, "LIST", 0,
     "where the power fails, several with commas: host (this machine), resets (QEMU's Cortex-M4), unicorn (Thumb code, "
     "before NVM stores and between instructions), qemu-kill (QEMU's process killed, M4, M7 and M55), msp430 (mspdebug; "
     "plans for it only), all (those that are installed); default host,resets",
     0},
    {"thumb-cuts", KEY_THUMB, "N", 0,
     "in Unicorn, for each module and input: before N stores, twice (in N operations of flash, in seven variants), after N "
     "instructions, and N/4 series of failures; all = every one (default 200)",
     0},
    {"kills", KEY_KILLS, "N", 0, "of QEMU, for each core and module (default 20)", 0},
    {"msp430-cuts", KEY_MSP430, "N", 0, "on the simulated MSP430 (default 100)", 0},
    {"seed", KEY_SEED, "N", 0, "of everything random (default 1)", 0},
    {"jobs", 'j', "N", 0, "processes at once (default: one for each core)", 0},
    {"float", KEY_FLOAT, "FILE", 0,
     "for a quantized MODEL.onnx: the float model that it was made of; prints what quantization does to each layer on "
     "--inputs images of --data",
     0},
    {"against", KEY_AGAINST, "DIR", 0,
     "stored vectors: input_0 and output_0, and any tensor's NAME, as .npy or .pb, or ONNX's test_data_set folders; compares "
     "the float model, int8 on this machine and int8 on the emulated device",
     0},
    {"device", KEY_DEVICE, "NAME", 0,
     "with --against and a quantized MODEL.onnx: the device that is emulated (default m4-fram)", 0},
    {"tolerance", KEY_TOLERANCE, "DB", 0,
     "with --float: exit status 1 when a layer has less signal to noise, naming the first; with --against always, default 10 "
     "(float models 60)",
     0},
    {"cc", KEY_CC, "PROGRAM", 0, "C compiler for this machine (default cc)", 0},
    {"replay", KEY_REPLAY, "ID", 0,
     "run one case again and explain the difference (of a planted fault: with --plant-war)", 0},
    {"plant-war", KEY_PLANT, 0, 0,
     "plant a write-after-read fault: the run must find it (exit status 1); in module 1 unless "
     "--modules says otherwise",
     0},
    {"json", KEY_JSON, 0, 0, "results as JSON", 0},
    {0}};

static uint32_t parse_modules(struct argp_state *state, const char *text) {
    uint32_t mask = 0;
    if (!*text)
        argp_error(state, "--modules: '%s' is not a list such as 1,3", text);
    for (const char *p = text; *p;) {
        char *end;
        long k = strtol(p, &end, 10);
        if (end == p || k < 1 || k > WICK_MAX_HEADS || (*end && *end != ','))
            argp_error(state, "--modules: '%s' is not a list such as 1,3", text);
        mask |= 1u << (k - 1);
        p = *end ? end + 1 : end;
    }
    return mask;
}

static void parse_rigs(struct argp_state *state, const char *text, wick_verify_options *options) {
    static const struct {
        const char *name;
        unsigned bit;
    } names[] = {{"host", 8},
                 {"resets", 16},
                 {"unicorn", WICK_RIG_UNICORN},
                 {"qemu-kill", WICK_RIG_KILL},
                 {"msp430", WICK_RIG_MSP430},
                 {"all", ~0u}};
    unsigned rigs = 0;
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, ","), i = 0;
        while (i < sizeof names / sizeof *names &&
               (strlen(names[i].name) != len || strncmp(p, names[i].name, len) != 0))
            i++;
        if (i == sizeof names / sizeof *names)
            argp_error(state,
                       "--rig: '%.*s' is not host, resets, unicorn, qemu-kill, msp430 or all",
                       (int)len, p);
        rigs |= names[i].bit;
        p += len + (p[len] == ',');
    }
    options->host = rigs & 8;
    options->what_is_there = rigs == ~0u;
    options->qemu = rigs & 16 && (!options->what_is_there || options->qemu);
    options->rigs = rigs & (WICK_RIG_UNICORN | WICK_RIG_KILL | WICK_RIG_MSP430);
}

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    switch (key) {
    case 'p':
        a->plan = text;
        break;
    case 'd':
        a->data = text;
        break;
    case 'm':
        a->options.modules = parse_modules(state, text);
        break;
    case 'n':
        a->options.inputs = (int)cli_integer(state, "inputs", text, 1, 1000);
        break;
    case 'j':
        a->options.jobs = (int)cli_integer(state, "jobs", text, 1, 64);
        break;
    case KEY_SEEDED:
        a->options.seeded = (int)cli_integer(state, "seeded", text, 0, 100000000);
        break;
    case KEY_PAIRS:
        a->options.pairs = !strcmp(text, "all") ? WICK_VERIFY_ALL
                                                : cli_integer(state, "pairs", text, 0, 4000000000);
        break;
    case KEY_VOLTAGE:
        if (strcmp(text, "unknown") && strcmp(text, "random") && strcmp(text, "high") &&
            strcmp(text, "low"))
            argp_error(state, "--voltage: '%s' is not unknown, random, high or low", text);
        a->options.voltage = text;
        break;
    case KEY_ROUNDS:
        a->options.rounds = (int)cli_integer(state, "rounds", text, 1, 1000000);
        break;
    case KEY_RESETS:
        a->options.resets = (int)cli_integer(state, "resets", text, 1, 1000000);
        break;
    case KEY_SEED:
        a->options.seed = (uint64_t)cli_integer(state, "seed", text, 0, 0x7fffffff);
        break;
    case KEY_NO_EXHAUSTIVE:
        a->options.exhaustive = false;
        break;
    case KEY_QEMU:
        a->options.qemu = true;
        break;
    case KEY_NO_QEMU:
        a->options.qemu = false;
        break;
    case KEY_PLANT:
        a->options.plant_war = true;
        a->options.qemu = false;
        break;
    case KEY_RIG:
        parse_rigs(state, text, &a->options);
        break;
    case KEY_THUMB:
        a->options.thumb_cuts = !strcmp(text, "all")
                                    ? WICK_VERIFY_ALL
                                    : cli_integer(state, "thumb-cuts", text, 1, 1000000000);
        break;
    case KEY_KILLS:
        a->options.kills = (int)cli_integer(state, "kills", text, 1, 1000000);
        break;
    case KEY_MSP430:
        a->options.msp430_cuts = (int)cli_integer(state, "msp430-cuts", text, 1, 1000000);
        break;
    case KEY_REPLAY:
        a->options.replay = text;
        break;
    case KEY_FLOAT:
        a->exact = text;
        break;
    case KEY_TOLERANCE:
        a->tolerance_db = cli_number(state, "tolerance", text, 0.1, 200);
        break;
    case KEY_AGAINST:
        a->against = text;
        break;
    case KEY_DEVICE:
        a->device = text;
        break;
    case KEY_CC:
        a->options.compiler = text;
        break;
    case KEY_JSON:
        a->json = true;
        break;
    case ARGP_KEY_ARG:
        if (a->dir)
            argp_error(state, "one folder, please");
        a->dir = text;
        break;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name the emitted folder");
        break;
    case ARGP_KEY_END:
        if (a->exact && !a->data && !a->against)
            argp_error(state, "--float needs --data or --against");
        /* Small modules have no layer that could overwrite its own input. */
        if (a->options.plant_war && !a->options.modules)
            a->options.modules = 1;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    option_table,
    parse,
    "FIRMWARE-DIR\nQUANTIZED.onnx --float MODEL.onnx\nMODEL.onnx|FIRMWARE-DIR --against DIR",
    "Builds an emitted folder for this machine and for emulated cores and cuts its power: before every single NVM write "
    "(seven variants each: clean, torn, reordered, weak, garbage, half erased, unreadable), again during recovery, at seeded places with the run going on to the end, and by real "
    "resets in the emulator; --rig names further places. Everything must equal the uninterrupted run, and that the PC's own int8 run."
    "\vExample: wick verify build/fw --plan build/plan.json --data builtin:shapes10\n"
    "         wick verify family-int8.onnx --float family.onnx --data builtin:shapes10 --tolerance 20\n"
    "         wick verify family-int8.onnx --float family.onnx --against vectors\n"
    "A difference prints a replay id:  wick verify build/fw --replay 1.0.1.e:1234:1\n"
    "Exit status: 0 no difference, 1 some, 2 usage, 3 bad input, 4 failure.",
    0,
    0,
    0};

static json_t *case_json(const wick_plan *plan, const wick_verify_case *c) {
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {
        {"nvm_writes", c->writes},
        {"commits", c->commits},
        {"most_writes_of_a_unit", c->most_writes},
        {"declared_writes_of_a_unit", c->declared_writes},
        {"variants", c->variants},
        {"exhaustive_cuts", c->exhaustive_cuts},
        {"exhaustive_differences", c->exhaustive_differences},
        {"barrier_cuts", c->barrier_cuts},
        {"barrier_differences", c->barrier_differences},
        {"pair_cuts", c->pair_cuts},
        {"pair_differences", c->pair_differences},
        {"seeded_cuts", c->seeded_cuts},
        {"seeded_differences", c->seeded_differences},
        {"record_flips", c->record_flips},
        {"record_flip_differences", c->record_flip_differences},
        {"next_input_cuts", c->next_cuts},
        {"next_input_differences", c->next_differences},
        {"worst_commits", c->worst_commits},
    };
    json_t *o = json_pack("{s:s, s:i, s:b}", "module", plan->segments[c->module].name, "input",
                          c->input, "host_equal", (int)c->host_equal);
    for (size_t i = 0; o && i < sizeof counts / sizeof counts[0]; i++)
        json_object_set_new(o, counts[i].name, json_integer(counts[i].value));
    if (o && c->qemu_run)
        json_object_set_new(
            o, "qemu",
            json_pack("{s:b, s:I, s:I, s:I, s:I, s:I}", "equal", (int)c->qemu_equal, "resets",
                      (json_int_t)c->qemu_resets, "boots", (json_int_t)c->qemu_boots, "rounds",
                      (json_int_t)c->qemu_rounds, "wrong", (json_int_t)c->qemu_wrong,
                      "longest_span_instructions", (json_int_t)c->qemu_longest_span_insns));
    if (o && c->replay[0])
        json_object_set_new(o, "replay", json_string(c->replay));
    return o;
}

static json_t *rig_json(const wick_verify_rig *rig) {
    if (rig->missing)
        return json_pack("{s:s, s:s}", "rig", rig->name, "left_out", rig->missing);
    json_t *o = json_pack("{s:s, s:s, s:i, s:I, s:I, s:s}", "rig", rig->name, "core", rig->core,
                          "module", rig->module, "experiments", (json_int_t)rig->experiments,
                          "differences", (json_int_t)rig->differences, "what", rig->what);
    if (o && rig->replay[0])
        json_object_set_new(o, "replay", json_string(rig->replay));
    return o;
}

static bool print_json(const arguments *a, const wick_plan *plan,
                       const wick_verify_result *result) {
    json_t *cases = json_array(), *guarantees = json_array(), *rigs = json_array();
    for (int i = 0; i < result->n_rigs; i++)
        json_array_append_new(rigs, rig_json(&result->rigs[i]));
    for (int i = 0; i < result->n_cases; i++)
        json_array_append_new(cases, case_json(plan, &result->cases[i]));
    wick_guarantee g[WICK_GUARANTEES];
    wick_verify_guarantees(plan, &a->options, result, g);
    for (int i = 0; i < WICK_GUARANTEES; i++)
        json_array_append_new(guarantees,
                              json_pack("{s:s, s:s, s:s, s:s}", "id", g[i].id, "text", g[i].text,
                                        "status", g[i].status, "evidence", g[i].evidence));
    return cli_print_json(json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o}", "device", plan->device->name, "id",
        plan->net->hash.hex, "plan_sha256", plan->hash.hex, "seed", (json_int_t)a->options.seed,
        "experiments", (json_int_t)wick_verify_experiments(result), "differences",
        (json_int_t)result->differences, "cases", cases, "rigs", rigs, "guarantees", guarantees));
}

static bool print_replay(const arguments *a, const wick_plan *plan,
                         const wick_verify_result *result) {
    if (a->json)
        return cli_print_json(json_pack("{s:s, s:s, s:s, s:b, s:s}", "device", plan->device->name,
                                        "id", plan->net->hash.hex, "replay", a->options.replay,
                                        "differs", result->differences > 0, "explanation",
                                        result->explanation ? result->explanation : ""));
    printf("%s: %s\n%s", a->options.replay, result->differences ? "differs" : "no difference",
           result->explanation ? result->explanation : "");
    return true;
}

static void print_rigs(const wick_plan *plan, const wick_verify_result *result) {
    for (int i = 0; i < result->n_rigs; i++) {
        const wick_verify_rig *rig = &result->rigs[i];
        if (rig->missing)
            printf("%-10s left out: %s\n", rig->name, rig->missing);
        else
            printf("%-10s %-7s %-6s %lld %s: %lld differences\n", rig->name, rig->core,
                   plan->segments[rig->module].name, (long long)rig->experiments, rig->what,
                   (long long)rig->differences);
    }
    printf("%s%lld experiments, %lld differences\n", result->n_rigs ? "\n" : "",
           (long long)wick_verify_experiments(result), (long long)result->differences);
}

static void print_tables(const arguments *a, const wick_plan *plan,
                         const wick_verify_result *result) {
    wick_arena *arena = wick_arena_new();
    enum { COLUMNS = 9 };
    const char **cells = wick_new(arena, const char *, COLUMNS *(result->n_cases + 1));
    const char *const header[COLUMNS] = {"module",     "input",     "C on PC = PC",
                                         "NVM writes", "cuts",      "pairs",
                                         "cut to end", "M4 resets", "differences"};
    memcpy(cells, header, sizeof header);
    for (int i = 0; i < result->n_cases; i++) {
        const wick_verify_case *c = &result->cases[i];
        const char **row = cells + COLUMNS * (i + 1);
        row[0] = plan->segments[c->module].name;
        row[1] = wick_arena_printf(arena, "%d", c->input);
        row[2] = !c->host_run ? "-" : c->host_equal ? "equal" : "DIFFERENT";
        row[3] = wick_arena_printf(arena, "%lld", (long long)c->writes);
        row[4] =
            wick_arena_printf(arena, "%lld", (long long)(c->exhaustive_cuts + c->barrier_cuts));
        row[5] = wick_arena_printf(arena, "%lld", (long long)c->pair_cuts);
        row[6] = wick_arena_printf(arena, "%lld", (long long)c->seeded_cuts);
        row[7] = c->qemu_run ? wick_arena_printf(arena, "%lld", (long long)c->qemu_resets) : "-";
        int64_t differences =
            c->exhaustive_differences + c->barrier_differences + c->pair_differences +
            c->seeded_differences + c->record_flip_differences + c->next_differences +
            (c->most_writes > c->declared_writes) + (c->qemu_run ? c->qemu_wrong : 0) +
            (c->host_run && !c->host_equal) + (c->qemu_run && !c->qemu_equal);
        row[8] = wick_arena_printf(arena, "%lld", (long long)differences);
    }
    if (a->options.host || a->options.qemu) {
        cli_print_table(cells, result->n_cases + 1, COLUMNS);
        putchar('\n');
    }
    print_rigs(plan, result);
    wick_guarantee g[WICK_GUARANTEES];
    wick_verify_guarantees(plan, &a->options, result, g);
    putchar('\n');
    for (int i = 0; i < WICK_GUARANTEES; i++)
        printf("%s  %-20s %s\n%25s(%s)\n", g[i].id, g[i].status, g[i].text, "", g[i].evidence);
    wick_arena_free(arena);
}

/* The plan beside the folder, which may be named `firmware/`, `.` or by a link. */
static const char *plan_beside(wick_arena *arena, const char *dir) {
    char *real = realpath(dir, NULL);
    const char *beside =
        wick_path_join(arena, wick_path_dir(arena, real ? real : dir), "plan.json");
    free(real);
    size_t len = strlen(dir);
    if (len && dir[len - 1] != '/' && strcmp(wick_path_base(dir), ".") &&
        strcmp(wick_path_base(dir), "..")) {
        const char *named = wick_path_join(arena, wick_path_dir(arena, dir), "plan.json");
        if (wick_path_is_file(named) || !wick_path_is_file(beside))
            return named; /* as short as the user's own path */
    }
    return beside;
}

static wick_status check_modules(const arguments *a, const wick_plan *plan, wick_diag *diag) {
    int n = plan->model.n_modules;
    for (int k = n + 1; k <= WICK_MAX_HEADS; k++)
        if (a->options.modules >> (k - 1) & 1)
            return wick_fail(diag, WICK_RANGE, a->dir, "--modules", "name modules that it has",
                             "there is no module %d: it has %d", k, n);
    return WICK_OK;
}

static wick_status run(arguments *a, wick_arena *arena, wick_diag *diag) {
    if (!wick_path_is_dir(a->dir))
        return wick_fail(diag, WICK_NOT_FOUND, a->dir, NULL, "name a folder that `wick emit` made",
                         "there is no such folder");
    const char *plan_path = a->plan;
    if (!plan_path)
        plan_path = plan_beside(arena, a->dir);
    wick_plan *plan = NULL;
    wick_qnet *net = NULL;
    wick_data *data = NULL;
    wick_status status = wick_plan_load(plan_path, &plan, &net, diag);
    if (status == WICK_OK)
        status = check_modules(a, plan, diag);
    if (status == WICK_OK && a->data) {
        wick_data_options options = wick_data_defaults();
        options.n_ranges = net->ranged ? net->input_channels : 0;
        options.low = net->low;
        options.high = net->high;
        status = wick_data_open(a->data, &options, &data, diag);
    }
    wick_verify_result result = {0};
    if (status == WICK_OK)
        status = wick_verify_run(a->dir, plan, data, &a->options, &result, diag);
    if (status == WICK_OK || status == WICK_DIFFERS) {
        if (a->options.replay) {
            if (!print_replay(a, plan, &result))
                status = WICK_IO;
        } else if (a->json) {
            if (!print_json(a, plan, &result))
                status = WICK_IO;
        } else {
            print_tables(a, plan, &result);
        }
        if (result.qemu_missing)
            fprintf(stderr, "wick: the emulated Cortex-M4 was left out: %s\n", result.qemu_missing);
    }
    wick_verify_free(&result);
    wick_data_free(data);
    wick_plan_free(plan);
    wick_qnet_free(net);
    return status;
}

static wick_status verify(arguments *a, wick_arena *arena, wick_diag *diag) {
    const cli_layers layers = {.quantized = a->dir,
                               .exact = a->exact,
                               .data = a->data,
                               .images = a->options.inputs,
                               .tolerance_db = a->tolerance_db,
                               .json = a->json};
    const cli_vectors vectors = {.model = a->dir,
                                 .plan = a->plan ? a->plan : plan_beside(arena, a->dir),
                                 .exact = a->exact,
                                 .against = a->against,
                                 .device = a->device ? a->device : "m4-fram",
                                 .tolerance_db = a->tolerance_db,
                                 .on_device = a->options.qemu,
                                 .json = a->json};
    return a->against ? cli_verify_vectors(&vectors, diag)
           : a->exact ? cli_verify_layers(&layers, diag)
                      : run(a, arena, diag);
}

int cmd_verify(int argc, char **argv) {
    arguments a = {.options = wick_verify_defaults()};
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_arena *arena = wick_arena_new();
    wick_status status = verify(&a, arena, &diag);
    wick_arena_free(arena);
    return cli_finish(status, &diag);
}
