#include "sim_args.h"
#include "world_args.h"

enum {
    KEY_ENTER = 512, /* beyond the keys of the commands */
    KEY_PHASE,
    KEY_SAMPLES,
    KEY_START,
    KEY_SEED,
    KEY_NO_VOLTAGE,
    KEY_WAIT
};

static const struct argp_option option_table[] = {
    {"enter", KEY_ENTER, "S", 0, "start the run at this time of the trace (default 0)", 0},
    {"data", 'd', "SPEC", 0, "images of its validation split are the inputs (required)", 0},
    {"duration", 'l', "S", 0,
     "seconds to simulate; a shorter trace is repeated (default: the trace's length)", 0},
    {"phase", KEY_PHASE, "S", 0, "time of the first input (default 0)", 0},
    {"samples", KEY_SAMPLES, "N", 0, "images to draw the inputs from (default 200)", 0},
    {"start-v", KEY_START, "V", 0,
     "capacitor voltage at the start (default: the brown-out voltage)", 0},
    {"seed", KEY_SEED, "N", 0, "which image each input is (default 1)", 0},
    {"no-voltage", KEY_NO_VOLTAGE, 0, 0,
     "the device cannot read its capacitor: every span commits, nothing waits for charge", 0},
    {"wait", KEY_WAIT, "S", 0, "one sleep of a device that waits for charge (default 1)", 0},
    {0}};

static error_t parse(int key, char *text, struct argp_state *state) {
    sim_args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = a;
        break;
    case 'd':
        a->data = text;
        break;
    case 'l':
        a->options.duration_s = cli_number(state, "duration", text, 1e-3, 1e10);
        break;
    case KEY_ENTER:
        a->options.trace_start_s = cli_number(state, "enter", text, 0, 1e10);
        break;
    case KEY_PHASE:
        a->options.workload.phase_s = cli_number(state, "phase", text, 0, 1e9);
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
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_child children[] = {{&world_argp, 0, 0, 0}, {0}};
const struct argp sim_argp = {option_table, parse, 0, 0, children, 0, 0};

sim_args sim_args_defaults(void) {
    sim_args a = {
        .samples = 200, .trace_options = wick_trace_defaults(), .options = wick_sim_defaults()};
    a.options.workload.deadline_s = -1; /* until the period is known */
    return a;
}
