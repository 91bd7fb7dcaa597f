/* What a command writes, held against all that it reads: a file that is both would be lost. Name
   the outputs first, then every input; the first file that is both is refused. Paths may be NULL.
 */
#ifndef WICK_CLI_OUTPUTS_H
#define WICK_CLI_OUTPUTS_H

#include "sim_args.h"

enum { CLI_MAX_OUTPUTS = 4 };

typedef struct cli_outputs {
    wick_diag *diag;
    wick_status status; /* OUTPUT when one was refused */
    int n;
    struct {
        const char *option, *path;
        bool folder; /* replaced with all that is in it */
    } of[CLI_MAX_OUTPUTS];
} cli_outputs;

void cli_writes(cli_outputs *o, const char *option, const char *path);
void cli_writes_folder(cli_outputs *o, const char *option, const char *path);

/* `what`: the option that names the file, or what it is. */
void cli_reads(cli_outputs *o, const char *what, const char *path);
/* FILE, or FILE+FILE: each of them. */
void cli_reads_trace(cli_outputs *o, const char *what, const char *spec);
/* The plan, and the model and the device profile that it names. */
void cli_reads_plan(cli_outputs *o, const char *path);
/* A path, or a name in share/<folder>. */
void cli_reads_share(cli_outputs *o, const char *what, const char *folder, const char *name);
/* A data set's files. */
void cli_reads_data(cli_outputs *o, const char *spec);
/* What a simulation reads; `policy` as for sim_policy. */
void cli_reads_sim(cli_outputs *o, const sim_args *sim, const char *plan, const char *policy);

#endif
