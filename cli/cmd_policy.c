/* wick policy: makes, shows and judges scheduling policies. */
#include "outputs.h"
#include "sim/sim.h"
#include "sim_world.h"
#include "world_args.h"

#include <math.h>
#include <string.h>

enum { MOST = 32 };

typedef struct arguments {
    sim_args world; /* of which the options of world_argp are given */
    const char *what, *file, *policies[MOST], *output, *c_file, *plot, *kind;
    const char *line;                                /* the command line */
    int n_policies, phases, slots, periods, samples; /* samples 0: the default */
    double wait_s;
    bool json, power_switch;
    unsigned given; /* bit i: option_uses[i] */
} arguments;

enum {
    KEY_PHASES = 256,
    KEY_SLOTS,
    KEY_AHEAD,
    KEY_WAIT,
    KEY_SWITCH,
    KEY_C,
    KEY_PLOT,
    KEY_JSON,
    KEY_SAMPLES
};

static const struct argp_option option_table[] = {
    {"kind", 'k', "KIND", 0, "synth: table (default), threshold, edf or fixed", 0},
    {"policy", 'p', "FILE", 0,
     "eval: a policy's file, or as for wick sim; may be given several times", 0},
    {"output", 'o', "FILE", 0, "synth: where the policy goes", 0},
    {"c", KEY_C, "FILE", 0, "synth: the policy as C source too, for firmware", 0},
    {"data", 'd', "SPEC", 0,
     "synth, eval: images of its validation split are the inputs, as for wick sim; with it, the confidence of "
     "answers may end an input (where that helps)",
     0},
    {"samples", KEY_SAMPLES, "N", 0, "synth, eval: images to draw the inputs from (default 2000)",
     0},
    {"plot", KEY_PLOT, "FILE", 0, "show: draw the decision regions, .svg or .png", 0},
    {"phases", KEY_PHASES, "N", 0,
     "start phases of each trace; synth: runs of it and of others drawn from it (default 10)", 0},
    {"wait", KEY_WAIT, "S", 0,
     "one sleep of a device that waits for charge (default: 1/50 of the period)", 0},
    {"power-switch", KEY_SWITCH, 0, 0,
     "synth: the device can cut its own power until the capacitor reaches the wake voltage, so the "
     "policy may say so",
     0},
    {"slots", KEY_SLOTS, "N", 0, "synth: a period is divided in so many (default 40)", 0},
    {"ahead", KEY_AHEAD, "N", 0, "synth: periods looked ahead (default 10)", 0},
    {"json", KEY_JSON, 0, 0, "results as JSON", 0},
    {0}};

/* Which commands an option is for, those of the world (world_argp) for SYNTH and EVAL; TABLE:
   synth, for that kind alone. */
enum { SYNTH = 1, SHOW = 2, EVAL = 4, TABLE = 8 };
static const struct {
    int key;
    const char *name;
    int uses;
} option_uses[] = {{'k', "kind", SYNTH},
                   {'p', "policy", EVAL},
                   {'o', "output", SYNTH},
                   {KEY_C, "c", SYNTH},
                   {'d', "data", SYNTH | EVAL},
                   {KEY_SAMPLES, "samples", SYNTH | EVAL},
                   {KEY_PLOT, "plot", SHOW},
                   {KEY_PHASES, "phases", SYNTH | EVAL},
                   {KEY_WAIT, "wait", SYNTH | EVAL},
                   {KEY_SWITCH, "power-switch", SYNTH | TABLE},
                   {KEY_SLOTS, "slots", SYNTH | TABLE},
                   {KEY_AHEAD, "ahead", SYNTH | TABLE}};

static void add(struct argp_state *state, const char **list, int *n, char *text) {
    if (*n == MOST)
        argp_error(state, "at most %d of a kind", MOST);
    list[(*n)++] = text;
}

static void positional(struct argp_state *state, arguments *a, char *text) {
    if (!a->what)
        a->what = text;
    else if (!a->file)
        a->file = text;
    else
        argp_error(state, "one file, please");
}

static void check_uses(struct argp_state *state, const arguments *a, int what) {
    if (what == SHOW && a->world.n_said)
        argp_error(state, "--%s is not for %s", a->world.said[0].name, a->what);
    for (size_t i = 0; i < WICK_LEN(option_uses); i++) {
        if (!(a->given >> i & 1))
            continue;
        if (!(option_uses[i].uses & what))
            argp_error(state, "--%s is not for %s", option_uses[i].name, a->what);
        if (option_uses[i].uses & TABLE && strcmp(a->kind, "table") != 0)
            argp_error(state, "--%s is for --kind table", option_uses[i].name);
    }
}

static void complete(struct argp_state *state, const arguments *a) {
    bool show = a->what && !strcmp(a->what, "show");
    bool synth = a->what && !strcmp(a->what, "synth");
    if (!show && !synth && (!a->what || strcmp(a->what, "eval") != 0))
        argp_error(state, "say synth, show or eval");
    if (!a->file)
        argp_error(state, show ? "name a policy's file" : "name a plan");
    check_uses(state, a, show ? SHOW : synth ? SYNTH : EVAL);
    if (!show && !a->world.n_traces)
        argp_error(state, "--trace is needed");
    if (synth && !a->output)
        argp_error(state, "--output is needed");
    if (a->samples && !a->world.data)
        argp_error(state, "--samples needs --data: they are drawn from it");
    if (!show && !synth && !a->n_policies)
        argp_error(state, "--policy is needed");
}

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    for (size_t i = 0; i < WICK_LEN(option_uses); i++)
        a->given |= (unsigned)(key == option_uses[i].key) << i;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->world;
        break;
    case KEY_PHASES:
        a->phases = (int)cli_integer(state, "phases", text, 1, 10000);
        break;
    case KEY_WAIT:
        a->wait_s = cli_number(state, "wait", text, 1e-3, 1e6);
        break;
    case 'p':
        add(state, a->policies, &a->n_policies, text);
        break;
    case 'k':
        a->kind = text;
        break;
    case 'o':
        a->output = text;
        break;
    case KEY_C:
        a->c_file = text;
        break;
    case 'd':
        a->world.data = text;
        world_args_say(&a->world, "data", text);
        break;
    case KEY_SAMPLES:
        a->world.samples = a->samples = (int)cli_integer(state, "samples", text, 1, 1000000);
        world_args_say(&a->world, "samples", text);
        break;
    case KEY_PLOT:
        if (!wick_gnuplot_draws(text))
            argp_error(state, "--plot writes .svg or .png: %s", text);
        a->plot = text;
        break;
    case KEY_SWITCH:
        a->power_switch = true;
        break;
    case KEY_SLOTS:
        a->slots = (int)cli_integer(state, "slots", text, 4, 100);
        break;
    case KEY_AHEAD:
        a->periods = (int)cli_integer(state, "ahead", text, 1, 1000);
        break;
    case KEY_JSON:
        a->json = true;
        break;
    case ARGP_KEY_ARG:
        positional(state, a, text);
        break;
    case ARGP_KEY_END:
        complete(state, a);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_child children[] = {
    {&world_argp, 0, "The world (synth, eval), as for wick sim:", 2}, {0}};

static const struct argp argp = {
    option_table,
    parse,
    "synth PLAN.json\nshow POLICY.json\neval PLAN.json",
    "Makes a scheduling policy from harvest traces (synth), shows what it decides (show), and judges policies by the expected "
    "accuracy within the deadline (eval), from start phases all over the traces (--trace, several times)."
    "\vExample: wick policy synth plan.json --trace office.csv --period 60 -o policy.json --c model_policy.c\n"
    "         wick policy eval plan.json --trace other.csv --period 60 --policy policy.json\n"
    "With --data the answers to its images are known, and a policy may end an input with one that is sure enough. It pays where a "
    "cheap module answers first and little energy is left over for the larger one; show tells the margins.\n"
    "Say the world as to wick sim. Without --rule, inputs whose deadline is beyond the period wait, as many as come until then, "
    "and a new one is dropped when all those wait. An answer of a module that has not the --min-accuracy counts nothing. Listed "
    "inputs come at their times of each trace, wherever a run enters it; with them the period is by default their mean distance.\n"
    "The decision process that tables come from takes inputs for periodic, waiting in turn and never too old or lost; the runs by "
    "which synth tunes, chooses and scores have them as they are.\n"
    "All energies and times are modelled for the plan's device.\n"
    "Exit status: 0 done, 1 the capacitor does not carry a step (of --sense or --send, say), or no module has the accuracy, 2 usage, "
    "3 bad input, 4 failure.",
    children,
    0,
    0};

/* ---- the world that a policy is for ---- */

typedef struct place {
    sim_world world;
    wick_judged on;
} place;

/* A run lasts until the last input's deadline, and plays the trace again and again until then. */
static wick_status check_length(const wick_workload *w, const wick_trace *trace, wick_diag *diag) {
    enum { MOST_PLAYS = 1000 };
    bool period = w->period_s >= w->deadline_s;
    double longest_s = period ? w->period_s : w->deadline_s;
    if (longest_s <= MOST_PLAYS * trace->end_s)
        return WICK_OK;
    return wick_fail(diag, WICK_RANGE, trace->path, period ? "--period" : "--deadline",
                     "ask for less, or give a longer trace (--trace A+A splices)",
                     "a run would last %g s and play this trace of %g s more than %d times",
                     longest_s, trace->end_s, MOST_PLAYS);
}

/* A policy's file tells a world of which more was said than a harvest and a period; *text NULL: it
   was not. */
static wick_status recorded(const sim_args *world, wick_arena *arena, const char **text,
                            wick_diag *diag) {
    static const char *const plain[] = {"trace", "scale", "harvester", "period", "deadline"};
    bool more = false;
    for (int i = 0; i < world->n_said; i++) {
        bool is_plain = false;
        for (size_t k = 0; k < WICK_LEN(plain); k++)
            is_plain = is_plain || !strcmp(world->said[i].name, plain[k]);
        more = more || !is_plain;
    }
    *text = more ? world_args_text(world, arena) : NULL;
    json_t *readable = more ? json_string(*text) : NULL;
    if (more && !readable)
        return wick_fail(diag, WICK_SYNTAX, NULL, "--trace, --arrivals, --harvester, --data",
                         "rename the file", "a name that is no UTF-8 cannot go into the policy");
    json_decref(readable);
    return WICK_OK;
}

/* What was not given follows from the rest. */
static void complete_workload(const sim_args *world, wick_workload *w) {
    if (w->arrivals == WICK_ARRIVALS_LISTED && w->n_times > 1 && !world->given.period)
        w->period_s = (w->times_s[w->n_times - 1] - w->times_s[0]) / (w->n_times - 1);
    if (!world->given.deadline)
        w->deadline_s = w->period_s;
    if (world->given.rule || w->deadline_s <= w->period_s)
        return;
    w->rule = WICK_INPUT_DROP_NEW;
    w->max_waiting = (int)fmin(w->deadline_s / w->period_s, WICK_MAX_WAITING);
}

/* With data the modules' answers to its images count, and their margins, and not what the model
   says of its accuracies. */
static wick_status open_answers(arguments *a, wick_arena *arena, place *p, wick_diag *diag) {
    enum { USUAL = 2000 };
    a->world.others = !strcmp(a->what, "eval"); /* not those that a policy was made of */
    a->world.samples = a->samples ? a->samples : USUAL;
    WICK_TRY(sim_world_open_data(&a->world, arena, &p->world, diag));
    p->on.correct = p->world.inputs.correct;
    p->on.margins = p->world.inputs.margins;
    p->on.n_samples = p->world.inputs.n;
    p->on.halves = !strcmp(a->what, "synth");
    enum { FEW = 500 };
    if (p->on.halves && p->on.n_samples < FEW)
        fprintf(stderr,
                "wick: note: %d images say little of how sure answers are: --samples takes more\n",
                p->on.n_samples);
    for (int k = 0; k < p->world.net->n_modules; k++) {
        int right = 0;
        for (int s = 0; s < p->on.n_samples; s++)
            right += p->on.correct[k * p->on.n_samples + s];
        p->on.accuracy[k] = (double)right / p->on.n_samples;
    }
    return WICK_OK;
}

static wick_status open_place(arguments *a, wick_arena *arena, place *p, wick_diag *diag) {
    sim_world *world = &p->world;
    WICK_TRY(sim_world_open_harvest(&a->world, a->file, arena, world, diag));
    wick_workload *w = &a->world.options.workload;
    complete_workload(&a->world, w);
    WICK_TRY(wick_workload_check(w, diag));
    for (int i = 0; i < world->n_traces; i++)
        WICK_TRY(check_length(w, world->traces[i], diag));
    p->on = (wick_judged){.plan = world->plan,
                          .traces = (const wick_trace *const *)world->traces,
                          .n_traces = world->n_traces,
                          .harvester = a->world.options.harvester,
                          .workload = *w,
                          .min_accuracy_permille = a->world.options.min_accuracy_permille,
                          .phases = a->phases,
                          .wait_s = a->wait_s > 0 ? a->wait_s : w->period_s / 50};
    for (int k = 0; k < world->net->n_modules; k++)
        p->on.accuracy[k] = world->net->accuracy[k];
    if (a->world.data)
        return open_answers(a, arena, p, diag);
    for (int k = 0; k < world->net->n_modules; k++)
        if (isnan(p->on.accuracy[k]))
            return wick_fail(diag, WICK_MISSING, world->plan->model_path,
                             world->plan->segments[k + 1].name,
                             "measure it: wick shrink --int8 --test writes accuracies into the "
                             "model; or give --data",
                             "the accuracy of this module is not known");
    return WICK_OK;
}

static wick_status kind_of(const char *text, wick_policy_kind *kind, wick_diag *diag) {
    for (*kind = WICK_POLICY_FIXED; *kind <= WICK_POLICY_TABLE; ++*kind)
        if (!strcmp(text, wick_policy_name(*kind)))
            return WICK_OK;
    return wick_fail(diag, WICK_UNKNOWN, NULL, text, "use table, threshold, edf or fixed",
                     "there is no such kind of policy");
}

static wick_status check_outputs(const arguments *a, wick_diag *diag) {
    cli_outputs o = {.diag = diag};
    cli_writes(&o, "--output", a->output);
    cli_writes(&o, "--c", a->c_file);
    cli_reads_sim(&o, &a->world, a->file, NULL);
    return o.status;
}

static void print_sure(const wick_policy *p) {
    const char *what = " (largest logit less the second largest, in quanta)";
    for (int k = 1; k <= WICK_MAX_MODULES; k++) {
        if (!p->sure[k - 1])
            continue;
        printf("module %d ends the input where its margin%s is at least %u\n", k, what,
               p->sure[k - 1]);
        what = "";
    }
}

static wick_status synth(arguments *a, wick_arena *arena, place *p, wick_diag *diag) {
    wick_policy_kind kind;
    wick_policy policy = {0};
    wick_synthesised made = {0};
    double score;
    wick_synth_options options = wick_synth_defaults();
    options.slots = a->slots;
    options.periods = a->periods;
    options.may_switch_off = a->power_switch;
    const char *told;
    WICK_TRY(kind_of(a->kind, &kind, diag));
    WICK_TRY(recorded(&a->world, arena, &told, diag));
    WICK_TRY(check_outputs(a, diag)); /* all before the search */
    WICK_TRY(wick_file_check_output(a->output, diag));
    if (a->c_file)
        WICK_TRY(wick_file_check_output(a->c_file, diag));
    WICK_TRY(open_place(a, arena, p, diag));
    WICK_TRY(wick_policy_best(arena, &p->on, kind, &options, &policy, &score, &made, diag));
    WICK_TRY(wick_policy_write(&policy, p->world.plan, told, a->output, a->c_file, a->line, diag));
    if (a->json) {
        json_t *root =
            json_pack("{s:s, s:f, s:i, s:i, s:f}", "kind",
                      wick_policy_name((wick_policy_kind)policy.kind), "score", score, "bytes",
                      made.bytes, "states", made.n_states, "expected", made.expected);
        return cli_print_json(root) ? WICK_OK : WICK_OUTPUT;
    }
    printf(
        "%s: %.2f %% expected accuracy within the deadline on the traces that it was made from\n",
        wick_policy_name((wick_policy_kind)policy.kind), 100 * score);
    if (made.n_states)
        printf("%d bytes, %d rows; the decision process has %d states and expects %.2f %%\n",
               made.bytes, made.table.n_rows, made.n_states, 100 * made.expected);
    else if (made.bytes && made.table.n_charge > 1)
        printf("%d bytes, %d rows, by a rule on the energy until the deadline\n", made.bytes,
               made.table.n_rows);
    else if (made.bytes)
        printf("%d bytes: nothing was better enough than always the same module\n", made.bytes);
    else if (kind == WICK_POLICY_TABLE)
        printf("no table was better\n");
    print_sure(&policy);
    return WICK_OK;
}

/* Accuracies alone do not say which answers are sure. */
static wick_status check_answers(const arguments *a, const wick_policy *policy, const char *file,
                                 wick_diag *diag) {
    if (a->world.data || !wick_policy_has_sure(policy))
        return WICK_OK;
    return wick_fail(diag, WICK_MISSING, file, "--data",
                     "give --data, the images that its inputs are drawn from, as to wick sim",
                     "this policy looks at the margins of answers (sure), which only images have");
}

static wick_status eval(arguments *a, wick_arena *arena, place *p, wick_diag *diag) {
    WICK_TRY(open_place(a, arena, p, diag));
    const char **cells = wick_new(arena, const char *, 3 * (a->n_policies + 1));
    json_t *runs = json_array();
    wick_status status = WICK_OK;
    cells[0] = "policy";
    cells[1] = "kind";
    cells[2] = "expected accuracy in time";
    for (int i = 0; i < a->n_policies && status == WICK_OK; i++) {
        wick_policy policy;
        double score = 0;
        status = sim_policy(a->policies[i], p->world.plan, arena, &policy, diag);
        if (status == WICK_OK)
            status = check_answers(a, &policy, a->policies[i], diag);
        if (status == WICK_OK)
            status = wick_policy_judge(&p->on, &policy, &score, diag);
        const char **row = cells + 3 * (i + 1);
        row[0] = a->policies[i];
        row[1] = wick_policy_name((wick_policy_kind)policy.kind);
        row[2] = wick_arena_printf(arena, "%.2f %%", 100 * score);
        json_array_append_new(runs, json_pack("{s:s, s:s, s:f}", "policy", row[0], "kind", row[1],
                                              "expected_in_time", score));
    }
    if (status == WICK_OK && a->json)
        return cli_print_json(json_pack("{s:o}", "runs", runs)) ? WICK_OK : WICK_OUTPUT;
    json_decref(runs);
    if (status == WICK_OK)
        cli_print_table(cells, a->n_policies + 1, 3);
    return status;
}

/* ---- what it decides ---- */

static char letter(int choice) {
    return choice == WICK_POLICY_WAIT  ? 'w'
           : choice == WICK_POLICY_OFF ? 'o'
                                       : (char)('0' + choice);
}

/* The first decision of an input: a map for each bin of the harvest, charge to the right, time left
   downwards. */
static void print_maps(const wick_policy_table *t) {
    printf("The first decision of an input (a digit: the module, 0: none, w: wait, o: off).\n"
           "To the right: charge, bins from 0");
    for (int c = 1; c < t->n_charge; c++)
        printf(", %u", t->charge_uj[c - 1]);
    printf(" uJ.\n");
    for (int h = 0; h < t->n_harvest; h++) {
        printf("\nrecent harvest from %u uW\n", h ? t->harvest_uw[h - 1] : 0);
        for (int time = t->n_time - 1; time >= 0; time--) {
            printf("  %10.3f s left  ", time ? t->time_ms[time - 1] * 1e-3 : 0);
            for (int c = 0; c < t->n_charge; c++)
                printf("%c", letter(wick_policy_first(t, time, h, c)));
            printf("\n");
        }
    }
}

static wick_status plot_maps(const wick_policy_table *t, const char *path, wick_diag *diag) {
    enum { COLUMNS = 8 };
    int width, height;
    wick_buf script = {0};
    WICK_TRY(wick_gnuplot_check(path, diag));
    wick_policy_picture(t, COLUMNS, &width, &height);
    wick_gnuplot_begin(&script, path, width, height);
    wick_policy_script(t, COLUMNS, &script);
    wick_status status = wick_gnuplot_run(&script, path, diag);
    wick_buf_free(&script);
    return status;
}

/* As in its file; of a table also the first decision of an input, [harvest][time] strings over the
   charge. */
static json_t *described(const wick_policy *p, const char *world) {
    json_t *root = wick_policy_json(p, NULL, world), *maps = json_array();
    const wick_policy_table *t = p->table;
    for (int h = 0; t && h < t->n_harvest; h++) {
        json_t *map = json_array();
        for (int time = 0; time < t->n_time; time++) {
            char row[WICK_TABLE_BINS + 1] = "";
            for (int c = 0; c < t->n_charge; c++)
                row[c] = letter(wick_policy_first(t, time, h, c));
            json_array_append_new(map, json_string(row));
        }
        json_array_append_new(maps, map);
    }
    if (t)
        json_object_set(root, "first", maps);
    json_decref(maps);
    return root;
}

/* Of an untrusted file: a terminal obeys control characters. */
static const char *printable(wick_arena *arena, const char *text) {
    char *copy = wick_arena_strdup(arena, text);
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    return copy;
}

static void print_policy(const wick_policy *p, const char *world, wick_arena *arena) {
    printf("%s", wick_policy_name((wick_policy_kind)p->kind));
    if (p->kind == WICK_POLICY_FIXED)
        printf(", module %d", p->module);
    if (p->kind == WICK_POLICY_THRESHOLD)
        printf(", harvest %u and %u uW, charge %u uJ", p->harvest_low_uw, p->harvest_high_uw,
               p->charge_high_uj);
    if (p->kind == WICK_POLICY_EDF)
        printf(", keeps %u uJ", p->reserve_uj);
    printf("; recent harvest: running mean of %.3f s\n", p->memory_ms ? p->memory_ms * 1e-3 : 10);
    if (world)
        printf("made for %s\n", printable(arena, world));
    if (p->rest_uj)
        printf("switched off with nothing in work and less than %u uJ\n", p->rest_uj);
    print_sure(p);
    if (p->kind == WICK_POLICY_TABLE)
        print_maps(p->table);
}

static wick_status show(const arguments *a, wick_arena *arena, wick_diag *diag) {
    wick_policy p;
    const char *world;
    cli_outputs o = {.diag = diag};
    cli_writes(&o, "--plot", a->plot);
    cli_reads(&o, "the policy", a->file);
    WICK_TRY(o.status);
    WICK_TRY(wick_policy_load(arena, a->file, NULL, &p, diag));
    WICK_TRY(wick_policy_world(arena, a->file, &world, diag));
    if (p.kind != WICK_POLICY_TABLE && a->plot)
        return wick_fail(diag, WICK_UNSUPPORTED, a->file, "--plot", "leave it out",
                         "only a table has regions that can be drawn");
    if (a->plot)
        WICK_TRY(plot_maps(p.table, a->plot, diag));
    if (a->json)
        return cli_print_json(described(&p, world)) ? WICK_OK : WICK_OUTPUT;
    print_policy(&p, world, arena);
    return WICK_OK;
}

int cmd_policy(int argc, char **argv) {
    wick_synth_options defaults = wick_synth_defaults();
    arguments a = {.world = sim_args_defaults(),
                   .phases = 10,
                   .kind = "table",
                   .slots = defaults.slots,
                   .periods = defaults.periods};
    int exit_status;
    wick_arena *arena = wick_arena_new();
    a.line =
        cli_command_line(arena, argc, argv); /* as given: parsing sorts the options to the front */
    if (!cli_parse(&argp, argc, argv, &a, &exit_status)) {
        wick_arena_free(arena);
        return exit_status;
    }
    wick_diag diag = {0};
    place p = {0};
    wick_status status = !strcmp(a.what, "show")    ? show(&a, arena, &diag)
                         : !strcmp(a.what, "synth") ? synth(&a, arena, &p, &diag)
                                                    : eval(&a, arena, &p, &diag);
    sim_world_close(&p.world);
    wick_arena_free(arena);
    return cli_finish(status, &diag);
}
