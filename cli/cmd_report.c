/* wick report: one HTML file. */
#include "outputs.h"
#include "report/report.h"

enum { MOST = 16 };

typedef struct arguments {
    wick_report_options options;
    const char *sims[MOST], *policies[MOST], *sizings[MOST], *output;
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
    {"policy", 'p', "FILE", 0,
     "a policy of `wick policy synth`: its map; may be given several times", 0},
    {"sizing", 'z', "FILE", 0,
     "output of `wick size --target ... --json`: the feasible region; may be given several times",
     0},
    {"title", KEY_TITLE, "TEXT", 0, "title of the page", 0},
    {0}};

static void add(struct argp_state *state, const char **list, int *n, const char *text) {
    if (*n == MOST)
        argp_error(state, "at most %d of a kind", MOST);
    list[(*n)++] = text;
}

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
        add(state, a->sims, &a->options.n_sims, text);
        break;
    case 'p':
        add(state, a->policies, &a->options.n_policies, text);
        break;
    case 'z':
        add(state, a->sizings, &a->options.n_sizings, text);
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
    "Writes one self-contained HTML file: family, convergence, accuracy against energy, energy of each layer, memory map, "
    "voltage over time, where the harvest went, maps of policies, sizing, guarantees. Sections without input say so."
    "\vExample: wick report build/plan.json --model build/family.onnx --runs build/runs.sqlite --verify build/verify.json "
    "--sim build/sim.json -o build/report.html\n"
    "Exit status: 0 done, 2 usage, 3 bad input or output, 4 failure.",
    0,
    0,
    0};

static wick_status check_output(const arguments *a, wick_diag *diag) {
    const wick_report_options *r = &a->options;
    cli_outputs o = {.diag = diag};
    cli_writes(&o, "--output", a->output);
    cli_reads_plan(&o, r->plan);
    cli_reads(&o, "--model", r->model);
    cli_reads(&o, "--runs", r->runs);
    cli_reads(&o, "--verify", r->verify);
    for (int i = 0; i < r->n_sims; i++)
        cli_reads(&o, "--sim", r->sims[i]);
    for (int i = 0; i < r->n_policies; i++)
        cli_reads(&o, "--policy", r->policies[i]);
    for (int i = 0; i < r->n_sizings; i++)
        cli_reads(&o, "--sizing", r->sizings[i]);
    return o.status;
}

int cmd_report(int argc, char **argv) {
    arguments a = {.output = "report.html"};
    a.options.sims = a.sims;
    a.options.policies = a.policies;
    a.options.sizings = a.sizings;
    int exit_status;
    if (!cli_parse(&argp, argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_status status = check_output(&a, &diag);
    if (status == WICK_OK)
        status = wick_report_write(&a.options, a.output, &diag);
    if (status == WICK_OK)
        printf("%s\n", a.output);
    return cli_finish(status, &diag);
}
