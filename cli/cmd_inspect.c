/* wick inspect: what the memory of a device says. */
#include "cli.h"
#include "emit/inspect.h"

#include <math.h>
#include <stdio.h>

typedef struct arguments {
    const char *plan, *memory;
    bool json;
} arguments;

enum { KEY_JSON = 256, MAX_MEMORY = 1 << 28 };

static const struct argp_option option_table[] = {{"json", KEY_JSON, 0, 0, "results as JSON", 0},
                                                  {0}};

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    switch (key) {
    case KEY_JSON:
        a->json = true;
        break;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0)
            a->memory = text;
        else if (state->arg_num == 1)
            a->plan = text;
        else
            argp_error(state, "one memory image and its plan, please");
        break;
    case ARGP_KEY_END:
        if (!a->plan)
            argp_error(state, "name a memory image and the plan of its firmware");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    option_table,
    parse,
    "MEMORY.bin PLAN.json",
    "Reads a device's non-volatile memory back: where the engine stands, answers, counters of boots, "
    "repeated work, dropped inputs and faults, the application's variables, and how worn the "
    "records are. MEMORY.bin is wick's region from its first byte on, as a debugger reads it."
    "\vExample: wick inspect nvm.bin plan.json\n"
    "Exit status: 0 a boot would go on from it, 1 it would start afresh, or refuse, 2 usage, 3 bad "
    "input, 4 failure.",
    0,
    0,
    0};

static const char *const copy_names[] = {"intact", "blank", "damaged", "of another model"};
static const char *const phase_names[] = {"idle", "running", "deciding", "publishing"};

static const char *found_text(wick_rt_status found) {
    switch (found) {
    case WICK_RT_OK:
        return "a boot goes on from this record";
    case WICK_RT_FRESH:
        return "never used: a boot formats it";
    case WICK_RT_FOREIGN:
        return "another model's or plan's memory: a boot formats it";
    case WICK_RT_NVM:
        return "neither record can be read: a boot reports that, the application formats";
    default:
        return "both records are damaged: a boot reports that, the application formats";
    }
}

static const char *label_name(const wick_plan *plan, wick_arena *arena, int label) {
    return plan->net->labels ? plan->net->labels[label]
                             : wick_arena_printf(arena, "class %d", label);
}

static const char *segment_name(const wick_plan *plan, const wick_record *record) {
    return record->segment < plan->n_segments ? plan->segments[record->segment].name : "no segment";
}

static const char *phase_name(const wick_record *record) {
    return record->phase < WICK_LEN(phase_names) ? phase_names[record->phase] : "no phase";
}

static char *hex(wick_arena *arena, const uint8_t *bytes, uint32_t n) {
    char *text = wick_arena_strdup(arena, "");
    wick_buf buf = {0};
    for (uint32_t i = 0; i < n; i++)
        wick_buf_printf(&buf, "%02x", bytes[i]);
    if (buf.len)
        text = wick_arena_strdup(arena, buf.data);
    wick_buf_free(&buf);
    return text;
}

static void print_answers(const wick_plan *plan, const wick_inspection *in, wick_arena *arena) {
    for (int k = 0; k < plan->model.n_modules; k++)
        if (in->labels[k] >= 0)
            printf("answer   %s: %s, %s\n", plan->net->module_names[k],
                   label_name(plan, arena, in->labels[k]),
                   in->record.modules_sent >> k & 1 ? "delivered" : "not delivered yet");
}

static void print_state(const wick_plan *plan, const wick_inspection *in, wick_arena *arena) {
    const wick_record *r = &in->record;
    printf("input    number %u, %s", r->epoch, phase_name(r));
    if (r->phase == WICK_PHASE_RUN)
        printf(" %s, span %u of %u", segment_name(plan, r), r->span + 1u,
               r->segment < plan->n_segments ? plan->model.segments[r->segment].n_spans : 0u);
    printf("\n");
    if (in->stamp_whole && in->stamp.known)
        printf("taken    at %u ms of the device's clock, worth something for %u ms%s\n",
               in->stamp.time_ms, in->stamp.window_ms, in->stamp.window_ms ? "" : " (0: for ever)");
    else if (r->epoch)
        printf("taken    at an unknown time\n");
    print_answers(plan, in, arena);
    if (in->vars_whole) {
        const wick_counters *c = &in->counters;
        printf(
            "counters %u boots, %u of them found interrupted work, %u inputs dropped, %u faults\n",
            c->boots, c->replays, c->dropped, c->faults);
        if (plan->model.app_bytes)
            printf("app      %s\n", hex(arena, in->app, plan->model.app_bytes));
    } else {
        printf("counters damaged, as are the application's variables\n");
    }
    if (in->tally_whole && in->tally.split)
        printf("charge   too small for whole spans: they run in %u parts\n", 1u << in->tally.split);
    printf("wear     %.0f writes to each record", in->record_writes);
    if (isfinite(in->record_wear))
        printf(", %.2g %% of the memory's endurance", 100 * in->record_wear);
    printf("\n");
}

static void print_text(const wick_plan *plan, const wick_inspection *in) {
    wick_arena *arena = wick_arena_new();
    for (int copy = 0; copy < 2; copy++) {
        printf("record %d %s", copy + 1, copy_names[in->copies[copy]]);
        if (in->copies[copy] == WICK_COPY_INTACT)
            printf(", commit number %u", in->sequences[copy]);
        printf("\n");
    }
    printf("state    %s\n", found_text(in->found));
    if (in->found == WICK_RT_OK)
        print_state(plan, in, arena);
    wick_arena_free(arena);
}

static json_t *answers_json(const wick_plan *plan, const wick_inspection *in, wick_arena *arena) {
    json_t *answers = json_array();
    for (int k = 0; k < plan->model.n_modules; k++)
        if (in->labels[k] >= 0)
            json_array_append_new(answers,
                                  json_pack("{s:s,s:i,s:s,s:b}", "module",
                                            plan->net->module_names[k], "class", in->labels[k],
                                            "label", label_name(plan, arena, in->labels[k]),
                                            "delivered", in->record.modules_sent >> k & 1));
    return answers;
}

static json_t *state_json(const wick_plan *plan, const wick_inspection *in, wick_arena *arena) {
    const wick_record *r = &in->record;
    json_t *state =
        json_pack("{s:I,s:s,s:s,s:i,s:i,s:I,s:o}", "input", (json_int_t)r->epoch, "phase",
                  phase_name(r), "segment", segment_name(plan, r), "span", r->span, "step", r->step,
                  "outputs", (json_int_t)r->outputs, "answers", answers_json(plan, in, arena));
    if (in->stamp_whole && in->stamp.known)
        json_object_set_new(state, "taken_ms", json_integer(in->stamp.time_ms));
    if (in->stamp_whole)
        json_object_set_new(state, "window_ms", json_integer(in->stamp.window_ms));
    if (in->vars_whole) {
        json_object_set_new(state, "counters",
                            json_pack("{s:I,s:I,s:I,s:I}", "boots", (json_int_t)in->counters.boots,
                                      "replays", (json_int_t)in->counters.replays, "dropped",
                                      (json_int_t)in->counters.dropped, "faults",
                                      (json_int_t)in->counters.faults));
        json_object_set_new(state, "app", json_string(hex(arena, in->app, plan->model.app_bytes)));
    }
    if (in->tally_whole)
        json_object_set_new(state, "parts_of_a_span", json_integer(1 << in->tally.split));
    json_object_set_new(state, "record_writes", json_real(in->record_writes));
    if (isfinite(in->record_wear))
        json_object_set_new(state, "record_wear", json_real(in->record_wear));
    return state;
}

static bool print_json(const wick_plan *plan, const wick_inspection *in) {
    wick_arena *arena = wick_arena_new();
    json_t *records = json_array();
    for (int copy = 0; copy < 2; copy++) {
        json_t *record = json_pack("{s:s}", "state", copy_names[in->copies[copy]]);
        if (in->copies[copy] == WICK_COPY_INTACT)
            json_object_set_new(record, "commit", json_integer(in->sequences[copy]));
        json_array_append_new(records, record);
    }
    json_t *root = json_pack("{s:o,s:b,s:s}", "records", records, "resumable",
                             in->found == WICK_RT_OK, "state", found_text(in->found));
    if (in->found == WICK_RT_OK)
        json_object_set_new(root, "engine", state_json(plan, in, arena));
    wick_arena_free(arena);
    return cli_print_json(root);
}

int cmd_inspect(int argc, char **argv) {
    arguments a = {0};
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_arena *arena = wick_arena_new();
    wick_plan *plan = NULL;
    wick_qnet *net = NULL;
    wick_bytes memory;
    wick_inspection in;
    wick_status status = wick_plan_load(a.plan, &plan, &net, &diag);
    if (status == WICK_OK)
        status = wick_file_read(arena, a.memory, MAX_MEMORY, &memory, &diag);
    if (status == WICK_OK)
        status = wick_inspect(plan, memory.data, memory.len, a.memory, arena, &in, &diag);
    if (status == WICK_OK && !a.json)
        print_text(plan, &in);
    else if (status == WICK_OK && !print_json(plan, &in))
        status = WICK_IO;
    wick_plan_free(plan);
    wick_qnet_free(net);
    wick_arena_free(arena);
    exit_status = cli_finish(status, &diag);
    return exit_status == 0 && in.found != WICK_RT_OK ? 1 : exit_status;
}
