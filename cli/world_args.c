#include "world_args.h"

#include <math.h>
#include <string.h>

enum {
    KEY_SCALE = 768, /* beyond the keys of the commands and of sim_argp */
    KEY_LOAD,
    KEY_AREA,
    KEY_PANEL,
    KEY_HARVESTER,
    KEY_SOURCE,
    KEY_FROM,
    KEY_TO,
    KEY_REPEAT,
    KEY_ARRIVALS,
    KEY_RULE,
    KEY_WAITING,
    KEY_SENSE,
    KEY_SEND,
    KEY_FRESH,
    KEY_NO_CLOCK,
    KEY_NEEDS_POWER,
    KEY_MIN_ACCURACY,
    KEY_URGENT
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
    {"period", 'T', "S", 0, "seconds from input to input (default 60)", 0},
    {"deadline", 'D', "S", 0,
     "seconds from an input's arrival to its deadline (default: the period)", 0},
    {"arrivals", KEY_ARRIVALS, "WHEN", 0,
     "when inputs come: periodic (default), poisson (the period apart on average), or a CSV with "
     "time_s and perhaps urgent (1: see --urgent; 0)",
     0},
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
    {"urgent", KEY_URGENT, "N", 0,
     "every Nth input, from the first on, has priority: for it, policies spend what they save for "
     "later ones (default: none)",
     0},
    {"scale", KEY_SCALE, "F", 0, "multiplies the harvested power (default 1)", 0},
    {"load-ohm", KEY_LOAD, "OHM", 0, "resistance of a voltage trace (default 30000)", 0},
    {"source-ohm", KEY_SOURCE, "OHM", 0,
     "resistance behind an open-circuit voltage (default: the harvester's)", 0},
    {"area", KEY_AREA, "CM2", 0, "panel area (default: the device's)", 0},
    {"panel-efficiency", KEY_PANEL, "F", 0, "panel efficiency (default: the device's)", 0},
    {0}};

/* "UJ,US": an energy and its time. */
static void energy_and_time(struct argp_state *state, const char *option, const char *text,
                            double *uj, double *us) {
    double pair[2];
    if (!wick_parse_numbers(text, 2, pair) || !(pair[0] >= 0) || !(pair[1] >= 0) ||
        (pair[0] > 0) != (pair[1] > 0))
        argp_error(state,
                   "--%s takes an energy in uJ and its time in us, both above 0 or both 0, such as "
                   "12,2000: not '%s'",
                   option, text);
    *uj = pair[0];
    *us = pair[1];
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
    sim_args *a = state->input;
    wick_workload *w = &a->options.workload;
    switch (key) {
    case 'T':
        w->period_s = cli_number(state, "period", text, 1e-3, 1e9);
        a->given.period = true;
        return true;
    case 'D':
        w->deadline_s = cli_number(state, "deadline", text, 1e-3, 1e9);
        a->given.deadline = true;
        return true;
    case KEY_ARRIVALS:
        a->arrivals = text;
        return true;
    case KEY_RULE:
        w->rule = rule(state, text);
        a->given.rule = true;
        return true;
    case KEY_URGENT:
        w->urgent_every = (int)cli_integer(state, "urgent", text, 1, 1000000);
        return true;
    case KEY_WAITING:
        w->max_waiting = (int)cli_integer(state, "waiting", text, 0, WICK_MAX_WAITING);
        a->given.waiting = w->max_waiting > 0;
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
    sim_args *a = state->input;
    wick_trace_options *t = &a->trace_options;
    switch (key) {
    case KEY_SCALE:
        t->scale = cli_number(state, "scale", text, 1e-9, 1e9);
        return true;
    case KEY_LOAD:
        t->load_ohm = cli_number(state, "load-ohm", text, 1e-3, 1e12);
        a->given.load_ohm = true;
        return true;
    case KEY_SOURCE:
        t->source_ohm = cli_number(state, "source-ohm", text, 1e-3, 1e12);
        a->given.source_ohm = true;
        return true;
    case KEY_AREA:
        t->area_cm2 = cli_number(state, "area", text, 1e-6, 1e6);
        a->given.area = true;
        return true;
    case KEY_PANEL:
        t->panel_efficiency = cli_number(state, "panel-efficiency", text, 1e-6, 1);
        a->given.panel_efficiency = true;
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

void world_args_say(sim_args *a, const char *name, const char *value) {
    int i = strcmp(name, "trace") != 0 ? 0 : a->n_said;
    while (i < a->n_said && strcmp(a->said[i].name, name) != 0)
        i++;
    if (i == SIM_MAX_SAID)
        return;
    a->said[i].name = name;
    a->said[i].value = value;
    a->n_said += i == a->n_said;
}

static void note(sim_args *a, int key, const char *text) {
    const struct argp_option *o = option_table;
    while (o->name && o->key != key)
        o++;
    if (o->name)
        world_args_say(a, o->name, text);
}

const char *world_args_text(const sim_args *a, wick_arena *arena) {
    const char *text = "";
    for (int i = 0; i < a->n_said; i++)
        text = wick_arena_printf(arena, "%s%s--%s%s%s", text, i ? " " : "", a->said[i].name,
                                 a->said[i].value ? " " : "",
                                 a->said[i].value ? cli_quoted(arena, a->said[i].value) : "");
    return text;
}

static error_t parse(int key, char *text, struct argp_state *state) {
    sim_args *a = state->input;
    note(a, key, text);
    if (parse_workload(key, text, state) || parse_trace(key, text, state))
        return 0;
    switch (key) {
    case 't':
        if (a->n_traces == SIM_MAX_TRACES)
            argp_error(state, "at most %d traces", SIM_MAX_TRACES);
        a->traces[a->n_traces++] = text;
        break;
    case KEY_HARVESTER:
        a->harvester = text;
        break;
    case KEY_MIN_ACCURACY:
        a->options.min_accuracy_permille =
            (uint16_t)lround(1000 * cli_number(state, "min-accuracy", text, 0, 1));
        break;
    case ARGP_KEY_END:
        if (a->options.workload.deadline_s < 0)
            a->options.workload.deadline_s = a->options.workload.period_s;
        if (a->given.waiting && a->options.workload.rule == WICK_INPUT_REPLACE)
            argp_error(state,
                       "--waiting needs --rule drop-new or drop-old: nothing waits where a new "
                       "input replaces the old one");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

const struct argp world_argp = {option_table, parse, 0, 0, 0, 0, 0};
