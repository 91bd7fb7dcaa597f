/* wick fleet: many devices with parts, ages and places of their own. */
#include "outputs.h"
#include "sim_notes.h"
#include "train/train.h"

#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    sim_args sim;
    wick_fleet_options fleet;
    wick_target target;
    const char *plan, *policy, *target_text;
    bool json;
} arguments;

enum {
    KEY_CAPACITOR = 256,
    KEY_PANEL,
    KEY_THRESHOLD,
    KEY_LEAKAGE,
    KEY_YEARS,
    KEY_CAPACITOR_FADE,
    KEY_PANEL_FADE,
    KEY_LEAKAGE_GROWTH,
    KEY_TARGET,
    KEY_JSON
};

static const struct argp_option option_table[] = {
    {0, 0, 0, 0, "Fleet:", 1},
    {"devices", 'n', "N", 0, "how many (default 1000)", 0},
    {"output", 'o', "FILE", 0,
     "one row for each device, as CSV; saved now and then, and gone on with when it is there: also with more devices",
     0},
    {"policy", 'p', "POLICY", 0, "as for wick sim (default greedy)", 0},
    {"capacitor-tolerance", KEY_CAPACITOR, "F", 0,
     "a device's capacitor is within nominal * (1 +- F) (default 0.2)", 0},
    {"panel-tolerance", KEY_PANEL, "F", 0, "the same for its harvest (default 0.1)", 0},
    {"threshold-tolerance", KEY_THRESHOLD, "F", 0,
     "the same for wake, brown-out and clamp voltage, each by itself (default 0.02); where the part resets above its "
     "brown-out voltage (nvm.reset_v), it ends there",
     0},
    {"leakage-factor", KEY_LEAKAGE, "F", 0, "leakage is up to F times more or less (default 3)", 0},
    {"years", KEY_YEARS, "Y", 0, "devices are 0 to Y years old (default 0: new)", 0},
    {"capacitor-fade", KEY_CAPACITOR_FADE, "F", 0,
     "share of its capacitance that a year takes (default 0)", 0},
    {"panel-fade", KEY_PANEL_FADE, "F", 0, "share of its harvest that a year takes (default 0)", 0},
    {"leakage-growth", KEY_LEAKAGE_GROWTH, "F", 0, "share that leakage grows in a year (default 0)",
     0},
    {"target", KEY_TARGET, "GOALS", 0,
     "tell how many devices reach this, such as \"accuracy>=80%,answers>=95%\"", 0},
    {"json", KEY_JSON, 0, 0, "results as JSON", 0},
    {0}};

/* Options of the spread; false: it is another one. */
static bool parse_spread(int key, char *text, struct argp_state *state) {
    wick_fleet_options *o = &((arguments *)state->input)->fleet;
    static const struct {
        int key;
        const char *name;
        double min, max;
    } numbers[] = {{KEY_CAPACITOR, "capacitor-tolerance", 0, 0.999},
                   {KEY_PANEL, "panel-tolerance", 0, 0.999},
                   {KEY_THRESHOLD, "threshold-tolerance", 0, 0.999},
                   {KEY_LEAKAGE, "leakage-factor", 1, 1e6},
                   {KEY_YEARS, "years", 0, 1000},
                   {KEY_CAPACITOR_FADE, "capacitor-fade", 0, 0.999},
                   {KEY_PANEL_FADE, "panel-fade", 0, 0.999},
                   {KEY_LEAKAGE_GROWTH, "leakage-growth", 0, 1000}};
    double *const values[] = {&o->capacitor_tolerance, &o->panel_tolerance, &o->threshold_tolerance,
                              &o->leakage_factor,      &o->years,           &o->capacitor_fade,
                              &o->panel_fade,          &o->leakage_growth};
    for (size_t i = 0; i < WICK_LEN(numbers); i++)
        if (key == numbers[i].key) {
            *values[i] = cli_number(state, numbers[i].name, text, numbers[i].min, numbers[i].max);
            return true;
        }
    return false;
}

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    if (parse_spread(key, text, state))
        return 0;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->sim;
        break;
    case 'n':
        a->fleet.n = (int)cli_integer(state, "devices", text, 1, WICK_FLEET_MAX);
        break;
    case 'o':
        a->fleet.file = text;
        break;
    case 'p':
        a->policy = text;
        break;
    case KEY_TARGET:
        a->target_text = text;
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
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_child children[] = {{&sim_argp, 0, "Simulation:", 2}, {0}};

static const struct argp argp = {
    option_table,
    parse,
    "PLAN.json",
    "Simulates many devices with the same firmware: each starts anywhere in one of the traces (--trace, several times), with a "
    "capacitor, panel, thresholds and leakage within their tolerances, and of some age. Prints the inputs of a device and quantiles of every figure over "
    "the devices. The result depends on the seed alone, not on threads or processes: mpirun -np N wick fleet ... shares the work out."
    "\vExample: wick fleet plan.json --trace monday.csv --trace tuesday.csv --data builtin:shapes10 -n 2000 --years 10 "
    "--capacitor-fade 0.02 --target \"answers>=90%\" -o fleet.csv\n"
    "The tolerances are assumptions until yours are given; all energies and times are modelled for the plan's device.\n"
    "Exit status: 0 done, 2 usage, 3 bad input or output, 4 failure.",
    children,
    0,
    0};

/* ---- results ---- */

static const double shares[] = {0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1};
enum { SHARES = 9, COLUMNS = 1 + SHARES };

static void count(const arguments *a, const wick_fleet *fleet, int *dead, int *reach) {
    *dead = *reach = 0;
    for (int i = 0; i < fleet->n; i++) {
        *dead += !fleet->devices[i].works;
        *reach += wick_target_met(&a->target, fleet->devices[i].figures);
    }
}

/* What comes to a device, least and median, and devices that run but never wake. */
typedef struct tally {
    int least, median, asleep;
} tally;

static int ascending(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

static tally find_tally(const wick_fleet *fleet, wick_arena *arena) {
    tally o = {0};
    int *inputs = wick_new(arena, int, fleet->n);
    for (int i = 0; i < fleet->n; i++) {
        const wick_fleet_device *x = &fleet->devices[i];
        inputs[i] = x->inputs;
        o.asleep += x->works && sim_never_wakes(x->figures);
    }
    qsort(inputs, (size_t)fleet->n, sizeof *inputs, ascending);
    o.least = inputs[0];
    o.median = inputs[fleet->n / 2];
    return o;
}

static void print_text(const arguments *a, const wick_plan *plan, const wick_fleet *fleet,
                       wick_arena *arena) {
    static const char *const header[COLUMNS] = {"figure", "least", "1 %",  "5 %",  "25 %",
                                                "median", "75 %",  "95 %", "99 %", "most"};
    const char **cells = wick_new(arena, const char *, COLUMNS *(WICK_FIGURES + 1));
    memcpy(cells, header, sizeof header);
    for (int f = 0; f < WICK_FIGURES; f++) {
        double q[SHARES];
        wick_fleet_quantiles(fleet, (wick_figure)f, shares, SHARES, q);
        const char **row = cells + COLUMNS * (f + 1);
        row[0] = wick_figure_name((wick_figure)f);
        for (int i = 0; i < SHARES; i++)
            row[1 + i] = wick_figure_text(arena, (wick_figure)f, q[i]);
    }
    tally o = find_tally(fleet, arena);
    printf("inputs of a device: %d at least, %d in the median\n\n", o.least, o.median);
    cli_print_table(cells, WICK_FIGURES + 1, COLUMNS);
    int dead, reach;
    count(a, fleet, &dead, &reach);
    printf("\n%d device%s, %d trace%s, policy %s, seed %llu; modelled for %s\n", fleet->n,
           fleet->n == 1 ? "" : "s", a->sim.n_traces, a->sim.n_traces == 1 ? "" : "s", a->policy,
           (unsigned long long)a->fleet.seed, plan->device->name);
    if (dead)
        printf("%d devices cannot run: their full capacitor does not carry the plan's longest span "
               "with a boot; plan for a smaller --capacitor\n",
               dead);
    if (o.asleep)
        printf(
            "%d device%s: the capacitor does not come to the wake voltage; give more "
            "harvest (--scale), or a lower wake voltage (capacitor.on_v of the device's profile)\n",
            o.asleep, o.asleep == 1 ? " never wakes" : "s never wake");
    if (a->target_text)
        printf("%d devices (%.1f %%) reach %s\n", reach, 100.0 * reach / fleet->n,
               wick_target_text(arena, &a->target));
}

static bool print_json(const arguments *a, const wick_plan *plan, const wick_fleet *fleet,
                       wick_arena *arena) {
    json_t *figures = json_object(), *traces = json_array();
    for (int t = 0; t < a->sim.n_traces; t++)
        json_array_append_new(traces, json_string(a->sim.traces[t]));
    for (int f = 0; f < WICK_FIGURES; f++) {
        double q[SHARES];
        wick_fleet_quantiles(fleet, (wick_figure)f, shares, SHARES, q);
        json_t *list = json_array();
        for (int i = 0; i < SHARES; i++)
            json_array_append_new(list, q[i] == q[i] ? json_real(q[i]) : json_null());
        json_object_set_new(figures, wick_figure_name((wick_figure)f), list);
    }
    json_t *at = json_array();
    for (int i = 0; i < SHARES; i++)
        json_array_append_new(at, json_real(shares[i]));
    int dead, reach;
    count(a, fleet, &dead, &reach);
    tally o = find_tally(fleet, arena);
    json_t *root =
        json_pack("{s:s, s:s, s:i, s:I, s:s, s:o, s:{s:i, s:i}, s:i, s:i, s:o, s:o}", "plan_sha256",
                  plan->hash.hex, "device", plan->device->name, "devices", fleet->n, "seed",
                  (json_int_t)a->fleet.seed, "policy", a->policy, "traces", traces, "inputs",
                  "least", o.least, "median", o.median, "cannot_run", dead, "never_wake", o.asleep,
                  "quantiles", at, "figures", figures);
    if (a->target_text) {
        json_object_set_new(root, "target", json_string(a->target_text));
        json_object_set_new(root, "reach_target", json_integer(reach));
    }
    return cli_print_json(root);
}

static wick_status run(arguments *a, wick_arena *arena, wick_diag *diag) {
    sim_world w = {0};
    wick_fleet fleet;
    cli_outputs o = {.diag = diag};
    cli_writes(&o, "--output", a->fleet.file);
    cli_reads_sim(&o, &a->sim, a->plan, a->policy);
    wick_status status = o.status;
    if (a->target_text && wick_target_parse(a->target_text, &a->target, diag) != WICK_OK) {
        cli_name_file(diag, "--target");
        status = WICK_USAGE; /* as any other bad value of an option */
    }
    if (status == WICK_OK)
        status = sim_world_open(&a->sim, a->plan, arena, &w, diag);
    if (status == WICK_OK)
        status = sim_policy(a->policy, w.plan, arena, &a->sim.options.policy, diag);
    status = wick_parallel_agree(status, diag);
    a->fleet.seed = a->sim.options.seed;
    if (status == WICK_OK)
        status =
            wick_fleet_run(arena, w.plan, (const wick_trace *const *)w.traces, w.n_traces,
                           &a->sim.options, w.inputs.correct, w.inputs.n, &a->fleet, &fleet, diag);
    if (status == WICK_OK && wick_rank() == 0) {
        if (fleet.resumed)
            fprintf(stderr, "wick: %d devices were in %s already\n", fleet.resumed, a->fleet.file);
        sim_note_inputs(find_tally(&fleet, arena).least, "the run of some device",
                        a->target_text ? &a->target : NULL);
        if (!a->json)
            print_text(a, w.plan, &fleet, arena);
        else if (!print_json(a, w.plan, &fleet, arena))
            status = WICK_OUTPUT;
    }
    sim_world_close(&w);
    return status;
}

int cmd_fleet(int argc, char **argv) {
    arguments a = {.sim = sim_args_defaults(), .fleet = wick_fleet_defaults(), .policy = "greedy"};
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_arena *arena = wick_arena_new();
    wick_status status = wick_parallel_join(
        "wick: the fleet was ended from outside: another process of it died, or mpirun was stopped\n"
        "  hint: with --output the same command goes on with what was saved\n",
        &diag);
    if (status == WICK_OK)
        status = run(&a, arena, &diag);
    wick_arena_free(arena);
    if (wick_parallel_leave(status, &diag))
        return cli_finish(status, &diag);
    wick_diag_free(&diag); /* another process reports */
    return 0;
}
