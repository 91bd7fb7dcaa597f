/* wick report: one HTML file. */
#include "cli.h"
#include "report/report.h"

enum { MAX_SIMS = 16 };

typedef struct arguments {
    wick_report_options options;
    const char *sims[MAX_SIMS], *output;
} arguments;

enum { KEY_TITLE = 256, KEY_RUN };

static const struct argp_option option_table[] = {
    {"output", 'o', "FILE", 0, "the HTML file (default report.html)", 0},
    {"model", 'm', "FILE", 0, "float family (ONNX): parameters and float accuracies", 0},
    {"runs", 'r', "FILE", 0, "database of training runs: convergence curves", 0},
    {"run", KEY_RUN, "ID", 0, "which run (default: the newest)", 0},
    {"verify", 'v', "FILE", 0, "output of `wick verify --json`: guarantees", 0},
    {"sim", 's', "FILE", 0, "output of `wick sim --json --timeline`; may be given several times",
     0},
    {"title", KEY_TITLE, "TEXT", 0, "title of the page", 0},
    {0}};

static error_t parse(int key, char *text, struct argp_state *state) {
    arguments *a = state->input;
    switch (key) {
    case 'o':
        a->output = text;
        break;
    case 'm':
        a->options.model = text;
        break;
    case 'r':
        a->options.runs = text;
        break;
    case KEY_RUN:
        a->options.run_id = cli_integer(state, "run", text, 1, 0x7fffffff);
        break;
    case 'v':
        a->options.verify = text;
        break;
    case 's':
        if (a->options.n_sims == MAX_SIMS)
            argp_error(state, "at most %d simulations", MAX_SIMS);
        a->sims[a->options.n_sims++] = text;
        break;
    case KEY_TITLE:
        a->options.title = text;
        break;
    case ARGP_KEY_ARG:
        if (a->options.plan)
            argp_error(state, "one plan, please");
        a->options.plan = text;
        break;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name the plan");
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
    "Writes one self-contained HTML file: family, convergence, accuracy against energy, memory map, voltage over time, "
    "guarantees. Sections without input say so."
    "\vExample: wick report build/plan.json --model build/family.onnx --runs build/runs.sqlite --verify build/verify.json "
    "--sim build/sim.json -o build/report.html\n"
    "Exit status: 0 done, 2 usage, 3 bad input or output, 4 failure.",
    0,
    0,
    0};

int cmd_report(int argc, char **argv) {
    arguments a = {.output = "report.html"};
    a.options.sims = a.sims;
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_status status = wick_report_write(&a.options, a.output, &diag);
    if (status == WICK_OK)
        printf("%s\n", a.output);
    return cli_finish(status, &diag);
}
