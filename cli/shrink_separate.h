/* What layer separation did, for people and programs. */
#ifndef WICK_CLI_SHRINK_SEPARATE_H
#define WICK_CLI_SHRINK_SEPARATE_H

#include "shrink/shrink.h"

/* A table on stdout: each layer that was large enough, and the sums. */
void cli_print_separation(const wick_graph *before, const wick_graph *after,
                          const wick_separation *separation);
/* The same as JSON; the caller's. */
json_t *cli_separation_json(const wick_graph *before, const wick_graph *after,
                            const wick_separation *separation, const char *output);

#endif
