/* wick sim: a plan on a harvest trace with scheduling policies. */
#include "sim_compare.h"
#include "sim_notes.h"

#include <math.h>
#include <string.h>

enum { MAX_POLICIES = 16 };

typedef struct arguments {
    sim_args sim;
    const char *plan, *policies[MAX_POLICIES];
    int n_policies;
    bool firmware, compare, json;
    double effort; /* of what is usual; below 0: not given */
} arguments;

enum { KEY_FIRMWARE = 256, KEY_COMPARE, KEY_TIMELINE, KEY_EFFORT, KEY_JSON };

static const struct argp_option option_table[] = {
    {"policy", 'p', "POLICY", 0,
     "fixed:TM1, greedy, threshold:LOW_UW,HIGH_UW,CHARGE_UJ, edf:RESERVE_UJ, or a file of wick policy; may be given "
     "several times (default: greedy, threshold and every module fixed)",
     0},
    {"firmware", KEY_FIRMWARE, 0, 0,
     "run the device's own engine and kernels on the account of energy instead of simulating them: "
     "slower, the same sequence of boots, modules and answers",
     0},
    {"compare", KEY_COMPARE, 0, 0,
     "expected accuracies of the policies beside the best fixed module in hindsight and two bounds "
     "that no policy can pass: the harvest is known in advance (a policy that looks at how sure answers are may pass this "
     "one); and which modules are right, too (inputs at multiples of the period; with others no bounds)",
     0},
    {"effort", KEY_EFFORT, "F", 0,
     "with --compare: how much longer than usual, half a minute, the bounds may take; a finer grid "
     "makes them tighter, a longer search finds better schedules (0: as long as it takes; default 1)",
     0},
    {"timeline", KEY_TIMELINE, 0, 0,
     "with --json: every boot, failure, module and answer with its voltage", 0},
    {"json", KEY_JSON, 0, 0, "results as JSON", 0},
    {0}};

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->sim;
        break;
    case 'p':
        if (a->n_policies == MAX_POLICIES)
            argp_error(state, "at most %d policies", MAX_POLICIES);
        a->policies[a->n_policies++] = text;
        break;
    case KEY_FIRMWARE:
        a->firmware = true;
        break;
    case KEY_COMPARE:
        a->compare = true;
        break;
    case KEY_EFFORT:
        a->effort = cli_number(state, "effort", text, 0, 1e6);
        break;
    case KEY_TIMELINE:
        a->sim.options.record = true;
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
        if (!a->plan || !a->sim.n_traces || !a->sim.data)
            argp_error(state, "a plan, --trace and --data are needed");
        if (a->sim.n_traces > 1)
            argp_error(state, "one --trace, please; A+B splices");
        if (a->compare && (a->firmware || a->sim.options.record))
            argp_error(state, "--compare goes without --firmware and --timeline");
        if (a->sim.options.record && !a->json)
            argp_error(state, "--timeline needs --json");
        if (a->effort >= 0 && !a->compare)
            argp_error(state, "--effort needs --compare");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_child children[] = {{&sim_argp, 0, 0, 0}, {0}};
static const struct argp argp = {
    option_table,
    parse,
    "PLAN.json",
    "Plays a harvest trace: the capacitor charges, the planned spans run, the policy chooses modules, power fails. Prints "
    "answers, accuracy within the deadline, missed inputs, power failures and energy by cause, for each policy."
    "\vExample: wick sim build/plan.json --trace builtin:office --data builtin:shapes10 --period 120 --policy greedy "
    "--policy fixed:TM4\n"
    "All energies and times are modelled for the plan's device.\n"
    "Exit status: 0 done, 1 the capacitor does not carry a step (of --sense or --send, say), 2 usage, 3 bad input, 4 failure.",
    children,
    0,
    0};

static json_t *timeline_json(const wick_sim_result *r) {
    json_t *list = json_array();
    for (int i = 0; i < r->n_events; i++) {
        const wick_event *e = &r->events[i];
        json_array_append_new(list, json_pack("[f, f, s, i, i]", e->time_s, e->voltage,
                                              wick_event_name(e->kind), e->module, e->input));
    }
    return list;
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
                  "answers_by_module", modules, "energy", sim_energy_json(&r->energy));
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
    if (r->urgent) {
        json_object_set_new(o, "urgent", json_integer(r->urgent));
        json_object_set_new(o, "urgent_in_time", json_integer(r->urgent_in_time));
        json_object_set_new(o, "urgent_expected_in_time",
                            json_real(r->urgent_expected / r->urgent));
    }
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
    row[3] = r->inputs ? wick_arena_printf(arena, "%.1f %%", 100.0 * r->correct_in_time / r->inputs)
                       : "-";
    row[4] = wick_arena_printf(arena, "%d", r->missed);
    row[5] = wick_arena_strdup(arena, modules.data);
    row[6] = wick_arena_printf(arena, "%d", r->power_failures);
    row[7] = r->answers ? wick_arena_printf(arena, "%.1f s", r->mean_latency_s) : "-";
    row[8] = wick_text_energy(arena, e->compute_uj + e->nvm_uj + e->commit_uj + e->sense_uj +
                                         e->boot_uj + e->reexecution_uj);
    row[9] = wick_text_energy(arena, e->reexecution_uj + e->boot_uj);
    wick_buf_free(&modules);
}

enum { URGENT_COLUMNS = 5 };

/* How urgent inputs fared beside the others. */
static void fill_urgent(wick_arena *arena, const char *policy, const wick_sim_result *r,
                        const char **row) {
    int others = r->inputs - r->urgent;
    row[0] = policy;
    row[1] = wick_arena_printf(arena, "%d of %d", r->urgent, r->inputs);
    row[2] = wick_arena_printf(arena, "%d", r->urgent_in_time);
    row[3] =
        r->urgent ? wick_arena_printf(arena, "%.1f %%", 100 * r->urgent_expected / r->urgent) : "-";
    row[4] = others ? wick_arena_printf(arena, "%.1f %%",
                                        100 * (r->expected_in_time - r->urgent_expected) / others)
                    : "-";
}

static void default_policies(arguments *a, const wick_plan *plan, wick_arena *arena) {
    if (a->n_policies)
        return;
    a->policies[a->n_policies++] = "greedy";
    /* Harvest that carries the second smallest and the largest module within the deadline; half a
     * charge. */
    int n = plan->model.n_modules;
    double low = wick_plan_answer_uj(plan, n > 1 ? n - 1 : n) / a->sim.options.workload.deadline_s;
    double high = wick_plan_answer_uj(plan, 1) / a->sim.options.workload.deadline_s;
    a->policies[a->n_policies++] = wick_arena_printf(arena, "threshold:%.0f,%.0f,%.0f", low,
                                                     fmax(low, high), plan->charge_uj / 2);
    for (int k = 1; k <= n; k++)
        a->policies[a->n_policies++] = wick_arena_printf(arena, "fixed:%s", plan->segments[k].name);
}

static wick_status run_one(const arguments *a, const wick_plan *plan, const wick_trace *trace,
                           const sim_inputs *inputs, wick_sim_result *result, wick_diag *diag) {
    wick_sim_firmware firmware = {.inputs = inputs->inputs, .labels = inputs->labels};
    if (a->firmware)
        return wick_sim_run_firmware(plan, &firmware, trace, &a->sim.options, inputs->correct,
                                     inputs->n, result, diag);
    return wick_sim_run(plan, trace, &a->sim.options, inputs->correct, inputs->n, result, diag);
}

/* Simulates every policy; prints a table, or collects JSON in `runs`. */
static wick_status run_policies(arguments *a, const wick_plan *plan, const wick_trace *trace,
                                const sim_inputs *inputs, wick_arena *arena, json_t *runs,
                                wick_diag *diag) {
    const char **cells = wick_new(arena, const char *, COLUMNS *(a->n_policies + 1));
    const char *const header[COLUMNS] = {
        "policy",        "inputs",         "in time", "correct in time", "missed",
        "answers TM1..", "power failures", "latency", "energy used",     "of it boots + repeats"};
    const char **urgent = wick_new(arena, const char *, URGENT_COLUMNS *(a->n_policies + 1));
    const char *const urgent_header[URGENT_COLUMNS] = {
        "policy", "urgent inputs", "in time", "expected accuracy in time", "of the others"};
    memcpy(cells, header, sizeof header);
    memcpy(urgent, urgent_header, sizeof urgent_header);
    int inputs_came = 0, urgent_came = 0,
        boots = 0; /* inputs: in the same number to every policy */
    for (int p = 0; p < a->n_policies; p++) {
        WICK_TRY(sim_policy(a->policies[p], plan, arena, &a->sim.options.policy, diag));
        wick_sim_result result;
        wick_status status = run_one(a, plan, trace, inputs, &result, diag);
        if (status == WICK_OK) {
            fill_row(arena, plan, a->policies[p], &result, cells + COLUMNS * (p + 1));
            fill_urgent(arena, a->policies[p], &result, urgent + URGENT_COLUMNS * (p + 1));
            json_array_append_new(
                runs, result_json(plan, a->policies[p], &result, a->sim.options.record));
            inputs_came = result.inputs;
            urgent_came = result.urgent;
            boots += result.boots;
        }
        wick_sim_free(&result);
        WICK_TRY(status);
    }
    sim_note_inputs(inputs_came, "the run", NULL);
    if (!boots)
        WICK_TRY(sim_note_sleep("the device", plan, trace, &a->sim.options, diag));
    if (!a->json) {
        cli_print_table(cells, a->n_policies + 1, COLUMNS);
        if (urgent_came) {
            printf("\n");
            cli_print_table(urgent, a->n_policies + 1, URGENT_COLUMNS);
        }
        printf("\nTrace %s (%s), scaled by %g; modelled for %s, capacitor %g µF.\n", trace->path,
               trace->quantity, a->sim.trace_options.scale, plan->device->name,
               plan->device->capacitor.uf);
    }
    return WICK_OK;
}

static wick_status compare(arguments *a, wick_arena *arena, wick_diag *diag) {
    sim_world w;
    wick_status status = sim_world_open(&a->sim, a->plan, arena, &w, diag);
    json_t *root = a->json ? json_object() : NULL;
    if (status == WICK_OK) {
        default_policies(a, w.plan, arena);
        status = sim_compare(&a->sim, &w, a->policies, a->n_policies, a->effort < 0 ? 1 : a->effort,
                             arena, root, diag);
    }
    if (status == WICK_OK && root) {
        if (!cli_print_json(root))
            status = WICK_OUTPUT;
    } else {
        json_decref(root);
    }
    sim_world_close(&w);
    return status;
}

static wick_status run(arguments *a, wick_arena *arena, wick_diag *diag) {
    sim_world w;
    json_t *runs = json_array();
    wick_status status = sim_world_open(&a->sim, a->plan, arena, &w, diag);
    if (status == WICK_OK) {
        default_policies(a, w.plan, arena);
        status = run_policies(a, w.plan, w.traces[0], &w.inputs, arena, runs, diag);
    }
    if (status == WICK_OK && a->json) {
        json_t *root = json_pack(
            "{s:s, s:s, s:f, s:s, s:f, s:s, s:f, s:f, s:i, s:I, s:O}", "plan_sha256",
            w.plan->hash.hex, "trace", w.traces[0]->path, "scale", a->sim.trace_options.scale,
            "device", w.plan->device->name, "capacitor_uf", w.plan->device->capacitor.uf, "model",
            w.net->hash.hex, "period_s", a->sim.options.workload.period_s, "deadline_s",
            a->sim.options.workload.deadline_s, "samples", w.inputs.n, "seed",
            (json_int_t)a->sim.options.seed, "runs", runs);
        json_object_set_new(root, "on_v", json_real(w.plan->device->capacitor.on_v));
        json_object_set_new(root, "off_v", json_real(w.plan->device->capacitor.off_v));
        json_object_set_new(root, "max_v", json_real(w.plan->device->capacitor.max_v));
        if (!cli_print_json(root))
            status = WICK_OUTPUT;
    }
    json_decref(runs);
    sim_world_close(&w);
    return status;
}

int cmd_sim(int argc, char **argv) {
    arguments a = {.sim = sim_args_defaults(), .effort = -1};
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_arena *arena = wick_arena_new();
    wick_status status = a.compare ? compare(&a, arena, &diag) : run(&a, arena, &diag);
    wick_arena_free(arena);
    return cli_finish(status, &diag);
}
