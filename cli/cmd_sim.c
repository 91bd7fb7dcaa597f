/* wick sim: a plan on a harvest trace with scheduling policies. */
#include "cli.h"
#include "sim/sim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_POLICIES = 16 };

typedef struct arguments {
    const char *plan, *trace, *data, *harvester, *arrivals, *policies[MAX_POLICIES];
    int n_policies, samples;
    wick_trace_options trace_options;
    wick_sim_options options;
    bool firmware, json;
} arguments;

enum {
    KEY_SCALE = 256,
    KEY_LOAD,
    KEY_AREA,
    KEY_PANEL,
    KEY_HARVESTER,
    KEY_SOURCE,
    KEY_FROM,
    KEY_TO,
    KEY_REPEAT,
    KEY_ENTER,
    KEY_ARRIVALS,
    KEY_PHASE,
    KEY_RULE,
    KEY_WAITING,
    KEY_SENSE,
    KEY_SEND,
    KEY_FRESH,
    KEY_NO_CLOCK,
    KEY_NEEDS_POWER,
    KEY_MIN_ACCURACY,
    KEY_SAMPLES,
    KEY_START,
    KEY_SEED,
    KEY_TIMELINE,
    KEY_FIRMWARE,
    KEY_NO_VOLTAGE,
    KEY_WAIT,
    KEY_JSON
};

static const struct argp_option option_table[] = {
    {"trace", 't', "FILE", 0,
     "harvest trace: CSV with time_s and a quantity with its unit (docs/guide.md lists them), or builtin:rf, "
     "builtin:office; A+B splices (required)",
     0},
    {"harvester", KEY_HARVESTER, "NAME", 0,
     "harvester profile, such as harvester-boost-panel: panel, converter, MPPT, cold start, diode "
     "(default: the device's panel and efficiency)",
     0},
    {"from", KEY_FROM, "S", 0, "begin the trace here", 0},
    {"to", KEY_TO, "S", 0, "end the trace here", 0},
    {"repeat", KEY_REPEAT, "N", 0, "play the trace N times (default 1)", 0},
    {"enter", KEY_ENTER, "S", 0, "start the run at this time of the trace (default 0)", 0},
    {"data", 'd', "SPEC", 0, "images of its validation split are the inputs (required)", 0},
    {"policy", 'p', "POLICY", 0,
     "fixed:TM1, greedy, or threshold:LOW_UW,HIGH_UW,CHARGE_UJ; may be given several times (default: greedy, threshold and "
     "every module fixed)",
     0},
    {"period", 'T', "S", 0, "seconds from input to input (default 60)", 0},
    {"deadline", 'D', "S", 0,
     "seconds from an input's arrival to its deadline (default: the period)", 0},
    {"duration", 'l', "S", 0,
     "seconds to simulate; a shorter trace is repeated (default: the trace's length)", 0},
    {"arrivals", KEY_ARRIVALS, "WHEN", 0,
     "when inputs come: periodic (default), poisson (the period apart on average), or a CSV with "
     "time_s",
     0},
    {"phase", KEY_PHASE, "S", 0, "time of the first input (default 0)", 0},
    {"rule", KEY_RULE, "RULE", 0,
     "an input that comes while another is in work: replace (default: only the newest counts), "
     "drop-new or drop-old (it waits; when --waiting wait already, it or the oldest is dropped)",
     0},
    {"waiting", KEY_WAITING, "N", 0, "inputs that may wait (default 0)", 0},
    {"sense", KEY_SENSE, "UJ,US", 0, "energy and time of taking an input (default 0,0)", 0},
    {"send", KEY_SEND, "UJ,US", 0, "energy and time of sending an answer (default 0,0)", 0},
    {"fresh", KEY_FRESH, "S", 0,
     "features older than this are not used any more: the input is given up (default: never)", 0},
    {"no-clock", KEY_NO_CLOCK, 0, 0,
     "no clock survives a power failure: with --fresh, features from before one are stale", 0},
    {"needs-power", KEY_NEEDS_POWER, 0, 0,
     "inputs that come while the device is off are lost (default: the sensor holds them)", 0},
    {"min-accuracy", KEY_MIN_ACCURACY, "F", 0,
     "what the application asks of an answer, 0 to 1: a policy may take the cheapest module that "
     "has it (default 0: the best that energy allows)",
     0},
    {"scale", KEY_SCALE, "F", 0, "multiplies the harvested power (default 1)", 0},
    {"load-ohm", KEY_LOAD, "OHM", 0, "resistance of a voltage trace (default 30000)", 0},
    {"source-ohm", KEY_SOURCE, "OHM", 0,
     "resistance behind an open-circuit voltage (default: the harvester's)", 0},
    {"area", KEY_AREA, "CM2", 0, "panel area (default: the device's)", 0},
    {"panel-efficiency", KEY_PANEL, "F", 0, "panel efficiency (default: the device's)", 0},
    {"samples", KEY_SAMPLES, "N", 0, "images to draw the inputs from (default 200)", 0},
    {"start-v", KEY_START, "V", 0,
     "capacitor voltage at the start (default: the brown-out voltage)", 0},
    {"seed", KEY_SEED, "N", 0, "which image each input is (default 1)", 0},
    {"no-voltage", KEY_NO_VOLTAGE, 0, 0,
     "the device cannot read its capacitor: every span commits, nothing waits for charge", 0},
    {"wait", KEY_WAIT, "S", 0, "one sleep of a device that waits for charge (default 1)", 0},
    {"firmware", KEY_FIRMWARE, 0, 0,
     "run the device's own engine and kernels on the account of energy instead of simulating them: "
     "slower, the same sequence of boots, modules and answers",
     0},
    {"timeline", KEY_TIMELINE, 0, 0,
     "with --json: every boot, failure, module and answer with its voltage", 0},
    {"json", KEY_JSON, 0, 0, "results as JSON", 0},
    {0}};

/* "UJ,US": an energy and its time. */
static void energy_and_time(struct argp_state *state, const char *option, const char *text,
                            double *uj, double *us) {
    int used = 0;
    if (sscanf(text, "%lf,%lf%n", uj, us, &used) != 2 || text[used] || !(*uj >= 0) || !(*us >= 0) ||
        (*uj > 0) != (*us > 0))
        argp_error(state, "--%s takes an energy in uJ and its time in us, such as 12,2000", option);
}

static wick_input_rule rule(struct argp_state *state, const char *text) {
    static const char *const names[] = {"replace", "drop-new", "drop-old"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(text, names[i]))
            return (wick_input_rule)i;
    argp_error(state, "--rule is replace, drop-new or drop-old");
    return WICK_INPUT_REPLACE;
}

/* Options of the workload; false: it is another one. */
static bool parse_workload(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    wick_workload *w = &a->options.workload;
    switch (key) {
    case 'T':
        w->period_s = cli_number(state, "period", text, 1e-3, 1e9);
        return true;
    case 'D':
        w->deadline_s = cli_number(state, "deadline", text, 1e-3, 1e9);
        return true;
    case KEY_ARRIVALS:
        a->arrivals = text;
        return true;
    case KEY_PHASE:
        w->phase_s = cli_number(state, "phase", text, 0, 1e9);
        return true;
    case KEY_RULE:
        w->rule = rule(state, text);
        return true;
    case KEY_WAITING:
        w->max_waiting = (int)cli_integer(state, "waiting", text, 0, WICK_MAX_WAITING);
        return true;
    case KEY_SENSE:
        energy_and_time(state, "sense", text, &w->sense_uj, &w->sense_us);
        return true;
    case KEY_SEND:
        energy_and_time(state, "send", text, &w->send_uj, &w->send_us);
        return true;
    case KEY_FRESH:
        w->fresh_s = cli_number(state, "fresh", text, 1e-3, 1e9);
        return true;
    case KEY_NO_CLOCK:
        w->clock_survives = false;
        return true;
    case KEY_NEEDS_POWER:
        w->needs_power = true;
        return true;
    default:
        return false;
    }
}

/* Options of the trace, likewise. */
static bool parse_trace(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    wick_trace_options *t = &a->trace_options;
    switch (key) {
    case KEY_SCALE:
        t->scale = cli_number(state, "scale", text, 1e-9, 1e9);
        return true;
    case KEY_LOAD:
        t->load_ohm = cli_number(state, "load-ohm", text, 1e-3, 1e12);
        return true;
    case KEY_SOURCE:
        t->source_ohm = cli_number(state, "source-ohm", text, 1e-3, 1e12);
        return true;
    case KEY_AREA:
        t->area_cm2 = cli_number(state, "area", text, 1e-6, 1e6);
        return true;
    case KEY_PANEL:
        t->panel_efficiency = cli_number(state, "panel-efficiency", text, 1e-6, 1);
        return true;
    case KEY_FROM:
        t->from_s = cli_number(state, "from", text, 0, 1e10);
        return true;
    case KEY_TO:
        t->to_s = cli_number(state, "to", text, 1e-6, 1e10);
        return true;
    case KEY_REPEAT:
        t->repeat = (int)cli_integer(state, "repeat", text, 1, 1000000);
        return true;
    default:
        return false;
    }
}

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    if (parse_workload(key, text, state) || parse_trace(key, text, state))
        return 0;
    switch (key) {
    case 't':
        a->trace = text;
        break;
    case 'd':
        a->data = text;
        break;
    case 'p':
        if (a->n_policies == MAX_POLICIES)
            argp_error(state, "at most %d policies", MAX_POLICIES);
        a->policies[a->n_policies++] = text;
        break;
    case 'l':
        a->options.duration_s = cli_number(state, "duration", text, 1e-3, 1e10);
        break;
    case KEY_HARVESTER:
        a->harvester = text;
        break;
    case KEY_ENTER:
        a->options.trace_start_s = cli_number(state, "enter", text, 0, 1e10);
        break;
    case KEY_MIN_ACCURACY:
        a->options.min_accuracy_permille =
            (uint16_t)(1000 * cli_number(state, "min-accuracy", text, 0, 1));
        break;
    case KEY_SAMPLES:
        a->samples = (int)cli_integer(state, "samples", text, 1, 1000000);
        break;
    case KEY_START:
        a->options.start_v = cli_number(state, "start-v", text, 0, 1000);
        break;
    case KEY_SEED:
        a->options.seed = (uint64_t)cli_integer(state, "seed", text, 0, 0x7fffffff);
        break;
    case KEY_WAIT:
        a->options.wait_s = cli_number(state, "wait", text, 1e-3, 1e6);
        break;
    case KEY_NO_VOLTAGE:
        a->options.no_voltage = true;
        break;
    case KEY_FIRMWARE:
        a->firmware = true;
        break;
    case KEY_TIMELINE:
        a->options.record = true;
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
        if (!a->plan || !a->trace || !a->data)
            argp_error(state, "a plan, --trace and --data are needed");
        if (a->options.record && !a->json)
            argp_error(state, "--timeline needs --json");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    option_table,
    parse,
    "PLAN.json",
    "Plays a harvest trace: the capacitor charges, the planned spans run, the policy chooses modules, power fails. Prints "
    "answers, accuracy within the deadline, missed inputs, power failures and energy by cause, for each policy."
    "\vExample: wick sim build/plan.json --trace builtin:office --data builtin:shapes10 --period 120 --policy greedy "
    "--policy fixed:TM4\n"
    "All energies and times are modelled for the plan's device.\n"
    "Exit status: 0 done, 2 usage, 3 bad input, 4 failure.",
    0,
    0,
    0};

/* "fixed:TM1", "fixed:1", "greedy", "threshold:LOW,HIGH,CHARGE". */
static wick_status parse_policy(const char *text, const wick_plan *plan, wick_policy *out,
                                wick_diag *diag) {
    const char *hint = "use fixed:MODULE, greedy or threshold:LOW_UW,HIGH_UW,CHARGE_UJ";
    *out = (wick_policy){.kind = WICK_POLICY_GREEDY};
    if (!strcmp(text, "greedy"))
        return WICK_OK;
    if (!strncmp(text, "fixed:", 6)) {
        out->kind = WICK_POLICY_FIXED;
        for (int k = 1; k <= plan->model.n_modules; k++) {
            char number[16];
            snprintf(number, sizeof number, "%d", k);
            if (!strcmp(text + 6, plan->segments[k].name) || !strcmp(text + 6, number))
                out->module = (uint8_t)k;
        }
        if (!out->module)
            return wick_fail(diag, WICK_UNKNOWN, NULL, text, hint, "the plan has no such module");
        return WICK_OK;
    }
    if (!strncmp(text, "threshold", 9)) {
        out->kind = WICK_POLICY_THRESHOLD;
        double low, high, charge;
        int used = 0;
        if (sscanf(text, "threshold:%lf,%lf,%lf%n", &low, &high, &charge, &used) == 3 &&
            !text[used] && low >= 0 && high >= low && charge >= 0 && high < 4e9 && charge < 4e9) {
            out->harvest_low_uw = (uint32_t)low;
            out->harvest_high_uw = (uint32_t)high;
            out->charge_high_uj = (uint32_t)charge;
            return WICK_OK;
        }
        return wick_fail(diag, WICK_SYNTAX, NULL, text, hint, "these are not three thresholds");
    }
    return wick_fail(diag, WICK_UNKNOWN, NULL, text, hint, "there is no such policy");
}

/* A seeded choice of `n` validation images as a data set of their own (files may be sorted by
 * class). */
static wick_data choose_samples(const wick_data *data, uint64_t seed, int n, wick_arena *arena) {
    const wick_images *all = &data->split[WICK_VALIDATION];
    size_t bytes = (size_t)data->height * (size_t)data->width * (size_t)data->channels;
    uint32_t *order = wick_new(arena, uint32_t, all->n);
    for (int i = 0; i < all->n; i++)
        order[i] = (uint32_t)i;
    wick_rng rng = wick_rng_seed(seed, 0x73616d70);
    wick_rng_shuffle(&rng, order, (size_t)all->n);
    wick_data chosen = *data;
    wick_images *some = &chosen.split[WICK_VALIDATION];
    *some = (wick_images){.n = n,
                          .pixels = wick_arena_alloc(arena, wick_size_mul((size_t)n, bytes)),
                          .labels = wick_new(arena, uint16_t, n)};
    for (int i = 0; i < n; i++) {
        memcpy(some->pixels + (size_t)i * bytes, all->pixels + order[i] * bytes, bytes);
        some->labels[i] = all->labels[order[i]];
    }
    return chosen;
}

/* The inputs of a simulation, drawn from the data. */
typedef struct samples {
    int n;
    uint8_t
        *correct;   /* [(k-1) * n + s]: whether module k answers sample s right, by the int8 run */
    int8_t *inputs; /* [n][input bytes] quantized, and */
    const uint16_t *labels; /* [n] their answers: for runs of the firmware */
} samples;

static wick_status label_samples(const wick_qnet *net, const wick_data *data, uint64_t seed,
                                 int limit, samples *out, wick_arena *arena, wick_diag *diag) {
    int n = data->split[WICK_VALIDATION].n < limit ? data->split[WICK_VALIDATION].n : limit;
    wick_data chosen = choose_samples(data, seed, n, arena);
    const wick_images *images = &chosen.split[WICK_VALIDATION];
    int64_t counts[WICK_MAX_HEADS];
    size_t total = wick_size_mul((size_t)n, (size_t)net->n_modules);
    uint16_t *predictions = wick_new(arena, uint16_t, total);
    *out = (samples){.n = n, .correct = wick_new(arena, uint8_t, total), .labels = images->labels};
    WICK_TRY(wick_eval_int8(net, &chosen, WICK_VALIDATION, 0, n, counts, predictions, diag));
    for (int k = 0; k < net->n_modules; k++)
        for (int s = 0; s < n; s++)
            out->correct[k * n + s] = predictions[k * n + s] == images->labels[s];
    size_t bytes = (size_t)data->height * (size_t)data->width * (size_t)data->channels;
    out->inputs = wick_new(arena, int8_t, wick_size_mul((size_t)n, bytes));
    for (size_t i = 0; i < (size_t)n * bytes; i++)
        out->inputs[i] = net->pixel_to_input[i % net->input_channels][images->pixels[i]];
    return WICK_OK;
}

static json_t *timeline_json(const wick_sim_result *r) {
    json_t *list = json_array();
    for (int i = 0; i < r->n_events; i++) {
        const wick_event *e = &r->events[i];
        json_array_append_new(list, json_pack("[f, f, s, i, i]", e->time_s, e->voltage,
                                              wick_event_name(e->kind), e->module, e->input));
    }
    return list;
}

static json_t *energy_json(const wick_energy *e) {
    const struct {
        const char *name;
        double uj;
    } causes[] = {{"harvested_uj", e->harvested_uj},
                  {"input_loss_uj", e->input_loss_uj},
                  {"clamped_uj", e->clamped_uj},
                  {"leakage_uj", e->leakage_uj},
                  {"esr_loss_uj", e->esr_loss_uj},
                  {"converter_loss_uj", e->converter_loss_uj},
                  {"boot_uj", e->boot_uj},
                  {"sense_uj", e->sense_uj},
                  {"compute_uj", e->compute_uj},
                  {"nvm_uj", e->nvm_uj},
                  {"commit_uj", e->commit_uj},
                  {"sleep_uj", e->sleep_uj},
                  {"reexecution_uj", e->reexecution_uj},
                  {"stored_uj", e->stored_uj}};
    json_t *o = json_object();
    for (size_t i = 0; i < WICK_LEN(causes); i++)
        json_object_set_new(o, causes[i].name, json_real(causes[i].uj));
    return o;
}

static json_t *result_json(const wick_plan *plan, const char *policy, const wick_sim_result *r,
                           bool timeline) {
    json_t *modules = json_object();
    for (int k = 1; k <= plan->model.n_modules; k++)
        json_object_set_new(modules, plan->segments[k].name, json_integer(r->answers_by_module[k]));
    json_t *o =
        json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:o, s:o}", "policy", policy,
                  "inputs", r->inputs, "answers", r->answers, "in_time", r->in_time,
                  "correct_in_time", r->correct_in_time, "missed", r->missed, "power_failures",
                  r->power_failures, "boots", r->boots, "simulated_s", r->simulated_s,
                  "answers_by_module", modules, "energy", energy_json(&r->energy));
    json_object_set_new(o, "dropped", json_integer(r->dropped));
    json_object_set_new(o, "expired", json_integer(r->expired));
    json_object_set_new(o, "stale", json_integer(r->stale));
    json_object_set_new(o, "commits", json_integer(r->commits));
    json_object_set_new(o, "expected_in_time",
                        json_real(r->inputs ? r->expected_in_time / r->inputs : 0));
    if (r->answers > 0)
        json_object_set_new(o, "mean_latency_s", json_real(r->mean_latency_s));
    json_object_set_new(o, "accuracy_in_time",
                        json_real(r->inputs ? (double)r->correct_in_time / r->inputs : 0));
    if (timeline)
        json_object_set_new(o, "timeline", timeline_json(r));
    return o;
}

enum { COLUMNS = 10 };

static void fill_row(wick_arena *arena, const wick_plan *plan, const char *policy,
                     const wick_sim_result *r, const char **row) {
    wick_buf modules = {0};
    for (int k = 1; k <= plan->model.n_modules; k++)
        wick_buf_printf(&modules, k > 1 ? " %d" : "%d", r->answers_by_module[k]);
    const wick_energy *e = &r->energy;
    row[0] = policy;
    row[1] = wick_arena_printf(arena, "%d", r->inputs);
    row[2] = wick_arena_printf(arena, "%d", r->in_time);
    row[3] = wick_arena_printf(arena, "%.1f %%",
                               r->inputs ? 100.0 * r->correct_in_time / r->inputs : 0.0);
    row[4] = wick_arena_printf(arena, "%d", r->missed);
    row[5] = wick_arena_strdup(arena, modules.data);
    row[6] = wick_arena_printf(arena, "%d", r->power_failures);
    row[7] = r->answers ? wick_arena_printf(arena, "%.1f s", r->mean_latency_s) : "-";
    row[8] = wick_text_energy(arena, e->compute_uj + e->nvm_uj + e->commit_uj + e->sense_uj +
                                         e->boot_uj + e->reexecution_uj);
    row[9] = wick_text_energy(arena, e->reexecution_uj + e->boot_uj);
    wick_buf_free(&modules);
}

static void default_policies(arguments *a, const wick_plan *plan, wick_arena *arena) {
    if (a->n_policies)
        return;
    a->policies[a->n_policies++] = "greedy";
    /* Harvest that carries the second smallest and the largest module within the deadline; half a
     * charge. */
    int n = plan->model.n_modules;
    const wick_cost *fe = &plan->segments[0].cost;
    double low = (fe->energy_uj + plan->segments[n > 1 ? n - 1 : n].cost.energy_uj) /
                 a->options.workload.deadline_s;
    double high =
        (fe->energy_uj + plan->segments[1].cost.energy_uj) / a->options.workload.deadline_s;
    a->policies[a->n_policies++] = wick_arena_printf(arena, "threshold:%.0f,%.0f,%.0f", low,
                                                     fmax(low, high), plan->charge_uj / 2);
    for (int k = 1; k <= n; k++)
        a->policies[a->n_policies++] = wick_arena_printf(arena, "fixed:%s", plan->segments[k].name);
}

static wick_status run_one(const arguments *a, const wick_plan *plan, const wick_trace *trace,
                           const samples *inputs, wick_sim_result *result, wick_diag *diag) {
    wick_sim_firmware firmware = {.inputs = inputs->inputs, .labels = inputs->labels};
    if (a->firmware)
        return wick_sim_run_firmware(plan, &firmware, trace, &a->options, inputs->correct,
                                     inputs->n, result, diag);
    return wick_sim_run(plan, trace, &a->options, inputs->correct, inputs->n, result, diag);
}

/* Simulates every policy; prints a table, or collects JSON in `runs`. */
static wick_status run_policies(arguments *a, const wick_plan *plan, const wick_trace *trace,
                                const samples *inputs, wick_arena *arena, json_t *runs,
                                wick_diag *diag) {
    const char **cells = wick_new(arena, const char *, COLUMNS *(a->n_policies + 1));
    const char *const header[COLUMNS] = {
        "policy",        "inputs",         "in time", "correct in time", "missed",
        "answers TM1..", "power failures", "latency", "energy used",     "of it boots + repeats"};
    memcpy(cells, header, sizeof header);
    for (int p = 0; p < a->n_policies; p++) {
        WICK_TRY(parse_policy(a->policies[p], plan, &a->options.policy, diag));
        wick_sim_result result;
        wick_status status = run_one(a, plan, trace, inputs, &result, diag);
        if (status == WICK_OK) {
            fill_row(arena, plan, a->policies[p], &result, cells + COLUMNS * (p + 1));
            json_array_append_new(runs,
                                  result_json(plan, a->policies[p], &result, a->options.record));
        }
        wick_sim_free(&result);
        WICK_TRY(status);
    }
    if (!a->json) {
        cli_print_table(cells, a->n_policies + 1, COLUMNS);
        printf("\nTrace %s (%s), scaled by %g; modelled for %s, capacitor %g µF.\n", trace->path,
               trace->quantity, a->trace_options.scale, plan->device->name,
               plan->device->capacitor.uf);
    }
    return WICK_OK;
}

/* Harvester, trace and arrivals. */
static wick_status load_world(arguments *a, const wick_plan *plan, wick_arena *arena,
                              wick_trace **trace, wick_diag *diag) {
    wick_harvester *harvester = NULL;
    if (a->harvester)
        WICK_TRY(wick_harvester_load(arena, a->harvester, &harvester, diag));
    a->options.harvester = a->trace_options.harvester = harvester;
    WICK_TRY(wick_trace_load(arena, a->trace, plan->device, &a->trace_options, trace, diag));
    if (!a->arrivals || !strcmp(a->arrivals, "periodic"))
        return WICK_OK;
    if (strcmp(a->arrivals, "poisson") != 0)
        return wick_workload_load(arena, a->arrivals, &a->options.workload, diag);
    a->options.workload.arrivals = WICK_ARRIVALS_POISSON;
    return WICK_OK;
}

static wick_status run(arguments *a, wick_arena *arena, wick_diag *diag) {
    wick_plan *plan = NULL;
    wick_qnet *net = NULL;
    wick_data *data = NULL;
    wick_trace *trace = NULL;
    samples inputs = {0};
    if (a->options.workload.deadline_s < 0)
        a->options.workload.deadline_s = a->options.workload.period_s;
    wick_data_options data_options = wick_data_defaults();
    json_t *runs = json_array();
    wick_status status = wick_plan_load(a->plan, &plan, &net, diag);
    if (status == WICK_OK)
        status = load_world(a, plan, arena, &trace, diag);
    if (status == WICK_OK) {
        data_options.n_ranges = net->ranged ? net->input_channels : 0;
        data_options.low = net->low;
        data_options.high = net->high;
        status = wick_data_open(a->data, &data_options, &data, diag);
    }
    if (status == WICK_OK)
        status = label_samples(net, data, a->options.seed, a->samples, &inputs, arena, diag);
    if (status == WICK_OK) {
        default_policies(a, plan, arena);
        status = run_policies(a, plan, trace, &inputs, arena, runs, diag);
    }
    if (status == WICK_OK && a->json) {
        json_t *root = json_pack(
            "{s:s, s:s, s:f, s:s, s:f, s:s, s:f, s:f, s:i, s:I, s:O}", "plan_sha256",
            plan->hash.hex, "trace", trace->path, "scale", a->trace_options.scale, "device",
            plan->device->name, "capacitor_uf", plan->device->capacitor.uf, "model", net->hash.hex,
            "period_s", a->options.workload.period_s, "deadline_s", a->options.workload.deadline_s,
            "samples", inputs.n, "seed", (json_int_t)a->options.seed, "runs", runs);
        json_object_set_new(root, "on_v", json_real(plan->device->capacitor.on_v));
        json_object_set_new(root, "off_v", json_real(plan->device->capacitor.off_v));
        json_object_set_new(root, "max_v", json_real(plan->device->capacitor.max_v));
        if (!cli_print_json(root))
            status = WICK_OUTPUT;
    }
    json_decref(runs);
    wick_data_free(data);
    wick_plan_free(plan);
    wick_qnet_free(net);
    return status;
}

int cmd_sim(int argc, char **argv) {
    arguments a = {
        .samples = 200, .trace_options = wick_trace_defaults(), .options = wick_sim_defaults()};
    a.options.workload.deadline_s = -1;
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_arena *arena = wick_arena_new();
    wick_status status = run(&a, arena, &diag);
    wick_arena_free(arena);
    return cli_finish(status, &diag);
}
