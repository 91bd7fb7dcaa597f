#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct command {
    const char *name;
    int (*run)(int argc, char **argv);
} command;

static const command commands[] = {
#define WICK_COMMAND(name) {#name, cmd_##name},
#include "commands.inc"
#undef WICK_COMMAND
};

/* In the order of the flow; one line each. */
static const char *const summaries[][2] = {
    {"data", "look at a data set: counts, splits, contact sheet"},
    {"describe", "layers, parameters, MACs and activation sizes of a recipe or model"},
    {"train", "train a family of modules with a learning strategy"},
    {"eval", "accuracy of every module of a float or int8 model"},
    {"shrink", "quantize a model to int8"},
    {"check", "list everything that keeps a model from running on a device"},
    {"plan", "steps, commits, memory and energy on a device"},
    {"emit", "write the firmware as portable C"},
    {"verify", "cut the power everywhere and compare bit for bit"},
    {"inspect", "read a device's memory back: state, counters, wear"},
    {"policy", "make and look at scheduling policies"},
    {"sim", "play a harvest trace with a scheduling policy"},
    {"fleet", "many devices with parts and ages of their own, over cores and machines"},
    {"size", "memory of a plan, buffer by buffer; capacitor and panel for a target"},
    {"design", "from an energy budget to a family"},
    {"search", "search architectures"},
    {"report", "one HTML file about a run"},
    {"runs", "list, compare and plot training runs"},
};

static const command *find(const char *name) {
    for (size_t i = 0; i < WICK_LEN(commands); i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static void print_help(FILE *stream) {
    fprintf(stream,
            "Usage: wick COMMAND [OPTION...]\n"
            "Neural networks for batteryless devices: from data to C firmware that survives "
            "power failures.\n\n");
    for (size_t i = 0; i < WICK_LEN(summaries); i++)
        if (find(summaries[i][0]))
            fprintf(stream, "  %-9s %s\n", summaries[i][0], summaries[i][1]);
    fprintf(
        stream,
        "\n`wick COMMAND --help` has the options and an example of each command.\n"
        "Example: wick train --recipe vgg16 --width 0.25 --data builtin:shapes10 -o family.onnx\n"
        "Exit status: 0 done, 1 the answer is no, 2 usage, 3 bad input or output, 4 failure.\n");
}

bool cli_parse(const struct argp *argp, int argc, char **argv, void *input, int *exit_status) {
    argp_err_exit_status = 2;
    error_t error = argp_parse(argp, argc, argv, 0, NULL, input);
    *exit_status = error ? 2 : 0;
    return error == 0;
}

int cli_finish(wick_status status, wick_diag *diag) {
    bool told = diag->count > 0;
    int error = fflush(stdout) != 0 ? errno : ferror(stdout) ? EIO : 0;
    wick_diag_print(diag, stderr);
    wick_diag_free(diag);
    if (error && status == WICK_OK)
        fprintf(stderr, "wick: cannot write the results: %s\n", strerror(error));
    if (error && !told) /* with another status, cli_print_json has said so */
        return 4;
    if (status != WICK_OK && !told)
        fprintf(stderr, "wick: %s\n", wick_status_text(status));
    return wick_status_exit(status);
}

void cli_name_file(wick_diag *diag, const char *file) {
    for (size_t i = 0; i < diag->count; i++)
        if (!diag->items[i].file)
            diag->items[i].file = wick_xstrdup(file);
}

double cli_number(struct argp_state *state, const char *option, const char *text, double min,
                  double max) {
    char *end;
    double value = wick_strtod(text, &end);
    if (end == text || *end || !(value >= min && value <= max))
        argp_error(state, "--%s: '%s' is not a number within %.9g to %.9g", option, text, min, max);
    return value;
}

long cli_integer(struct argp_state *state, const char *option, const char *text, long min,
                 long max) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end || errno || value < min || value > max)
        argp_error(state, "--%s: '%s' is not a whole number within %ld to %ld", option, text, min,
                   max);
    return value;
}

bool cli_print_json(json_t *root) {
    bool ok = json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) == 0 &&
              fputc('\n', stdout) != EOF && fflush(stdout) == 0;
    json_decref(root);
    if (!ok)
        fprintf(stderr, "wick: cannot write the results: %s\n", strerror(errno));
    return ok;
}

/* OpenMP threads that spin while they wait make a training step ten times slower on a machine that
   is not idle, and its library reads the policy before main runs: set it, once, and start again. A
   user's own setting stays. */
static void wait_without_spinning(char **argv) {
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
        return;
    if (setenv("OMP_WAIT_POLICY", "PASSIVE", 1) == 0)
        execv("/proc/self/exe", argv); /* returns only when it fails: then threads spin */
}

int main(int argc, char **argv) {
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
        !strcmp(argv[1], "help")) {
        print_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : cli_finish(WICK_OK, &(wick_diag){0});
    }
    if (!strcmp(argv[1], "--version")) {
        printf("wick %s\n", wick_version());
        return cli_finish(WICK_OK, &(wick_diag){0});
    }
    const command *chosen = find(argv[1]);
    if (!chosen) {
        fprintf(stderr, "wick: there is no command '%s'; `wick --help` lists them\n", argv[1]);
        return 2;
    }
    wait_without_spinning(argv);
    wick_stop_install();
    char name[64];
    snprintf(name, sizeof name, "wick %s", argv[1]);
    argv[1] = name;
    /* argp takes the program name of its messages from here. */
    program_invocation_name = program_invocation_short_name = name;
    return chosen->run(argc - 1, argv + 1);
}
