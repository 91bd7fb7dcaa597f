/* What collapsing and separating layers did, for people and programs. */
#ifndef WICK_CLI_SHRINK_REWRITE_H
#define WICK_CLI_SHRINK_REWRITE_H

#include "design/design.h"
#include "shrink/shrink.h"

typedef struct cli_rewritten {
    wick_arena *arena; /* of what follows */
    int collapsed_pairs, channels_removed;
    const char *device; /* that channels were weighed on; NULL: none */
    wick_channel_worth worth;
    wick_channel_cuts cuts;
    wick_separation separation;
    int n_bits;
    wick_bits_layer *bits; /* chosen layer by layer */
    wick_bits_effect bits_effect;
} cli_rewritten;

/* On stdout: pairs that became one layer, channels that went, a table of the layers that were large
 * enough to be separated, and the sums. */
void cli_print_rewritten(const wick_graph *before, const wick_graph *after,
                         const cli_rewritten *done);
/* The same as JSON; the caller's. */
json_t *cli_rewritten_json(const wick_graph *before, const wick_graph *after,
                           const cli_rewritten *done, const char *output);

#endif
