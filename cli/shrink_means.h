/* Options of wick shrink that say how channels are scored and how many bits weights get. */
#ifndef WICK_CLI_SHRINK_MEANS_H
#define WICK_CLI_SHRINK_MEANS_H

#include "shrink/shrink.h"
#include "shrink_rewrite.h"

#include <argp.h>

typedef enum cli_channel_score { CLI_SCORE_MAGNITUDE, CLI_SCORE_TAYLOR } cli_channel_score;

typedef struct cli_means {
    cli_channel_score score;
    bool narrows;            /* some weights get 4 bits */
    int64_t bits_budget;     /* bytes of all weights; -1: 4 bits everywhere */
    const char *activations; /* "8", "16" or names of those with 16 bits; NULL = 8 */
} cli_means;

enum { CLI_KEY_CHANNEL_SCORE = 600, CLI_KEY_BITS, CLI_KEY_ACTIVATIONS };

#define CLI_MEANS_OPTIONS                                                                           \
    {"channel-score",                                                                               \
     CLI_KEY_CHANNEL_SCORE,                                                                         \
     "HOW",                                                                                         \
     0,                                                                                             \
     "which channels --channels takes first: those with the smallest filters (magnitude, the "      \
     "default), or with the least effect on the loss of --images training images, gradient times "  \
     "activation (taylor)",                                                                         \
     0},                                                                                            \
        {"bits",                                                                                    \
         CLI_KEY_BITS,                                                                              \
         "4|auto=BYTES",                                                                            \
         0,                                                                                         \
         "put weights on grids of 4 bits: all of them, or of the layers that bring all weights, "   \
         "stored dense, to BYTES with the least increase of the loss of --images training "         \
         "images; after --channels and --separate",                                                 \
         0},                                                                                        \
    {                                                                                               \
        "activations", CLI_KEY_ACTIVATIONS, "8|16|NAME,...", 0,                                     \
            "--int8 with so many bits for what is between input and logits; or the names of those " \
            "activations that get 16, of the others 8 (default 8)",                                 \
            0                                                                                       \
    }

/* What quantization is told of --activations, in `arena`. NOT_FOUND: `graph` has no such activation
   that may have 16 bits. */
wick_status cli_choose_activations(const cli_means *means, const wick_graph *graph,
                                   wick_arena *arena, wick_quantize_options *options,
                                   wick_diag *diag);
/* False when the key is not one of them. */
bool cli_parse_means(struct argp_state *state, int key, char *text, cli_means *means);
/* Whether they look at images. */
bool cli_means_need_data(const cli_means *means);

/* Scores the channels of `graph` by something else than magnitude where that was asked for, on
   images chosen as for calibration. */
wick_status cli_score_channels(const cli_means *means, const wick_graph *graph,
                               const wick_data *data, const wick_quantize_options *choice,
                               wick_channels *channels, wick_diag *diag);
/* Chooses bits and rounds the weights of `graph`, in place; what was chosen goes into done->bits,
   in done->arena. */
wick_status cli_narrow(const cli_means *means, wick_graph *graph, const wick_data *data,
                       const wick_quantize_options *choice, cli_rewritten *done, wick_diag *diag);

#endif
