/* What the commands share. A command is `int cmd_<name>(int argc, char **argv)` in cmd_<name>.c:
   argv[0] is "wick <name>", it parses its options with argp (so --help, --usage and errors look
   alike), prints results on stdout and everything else on stderr, and returns the exit status of
   the program. */
#ifndef WICK_CLI_H
#define WICK_CLI_H

#include "base/base.h"

#include <argp.h>
#include <stdbool.h>

#define WICK_COMMAND(name) int cmd_##name(int argc, char **argv);
#include "commands.inc"
#undef WICK_COMMAND

/* Runs argp with exit status 2 on usage errors; false when the command must return *exit_status now
 * (--help, error). */
bool cli_parse(const struct argp *argp, int argc, char **argv, void *input, int *exit_status);

/* Prints the diagnostics on stderr, frees them, and returns the exit status for `status`; 4 when
   the results could not be written to stdout. */
int cli_finish(wick_status status, wick_diag *diag);

/* Gives the diagnostics that name no file this one: for stages that know only the graph. */
void cli_name_file(wick_diag *diag, const char *file);

/* Strict numbers for option arguments: on nonsense or out of [min, max], argp_error (exit status
 * 2). */
double cli_number(struct argp_state *state, const char *option, const char *text, double min,
                  double max);
long cli_integer(struct argp_state *state, const char *option, const char *text, long min,
                 long max);

/* Prints a JSON document (--json) on stdout and releases it. Returns false when stdout cannot be
 * written. */
bool cli_print_json(json_t *root);

/* Aligned tables on stdout: columns separated by two spaces, numbers right-aligned. cells:
   [rows][columns], NULL = ""; row 0 is the header (bold on a terminal). */
void cli_print_table(const char *const *cells, int rows, int columns);

/* In quotes where a shell needs them; in `arena`, or the text itself. */
const char *cli_quoted(wick_arena *arena, const char *text);
/* The whole command line, quoted, for stamps; in `arena`. */
char *cli_command_line(wick_arena *arena, int argc, char **argv);

#endif
