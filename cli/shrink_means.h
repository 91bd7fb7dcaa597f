/* Options of wick shrink that say how channels are scored and how many bits weights get. */
#ifndef WICK_CLI_SHRINK_MEANS_H
#define WICK_CLI_SHRINK_MEANS_H

#include "design/design.h"
#include "shrink/shrink.h"
#include "shrink_rewrite.h"

#include <argp.h>

typedef enum cli_channel_score {
    CLI_SCORE_MAGNITUDE,
    CLI_SCORE_TAYLOR,
    CLI_SCORE_ENERGY, /* on a device */
    CLI_SCORE_OUTPUTS
} cli_channel_score;

typedef struct cli_means {
    cli_channel_score score;
    double keep_channels; /* share; 1 = all */
    const char *device;   /* of ENERGY and OUTPUTS */
    wick_plan_options plan;
    bool narrows;               /* some weights get 4 bits */
    int64_t bits_budget;        /* bytes of all weights; -1: 4 bits everywhere */
    const char *activations;    /* "8", "16", "auto" or names of those with 16 bits; NULL = 8 */
    bool measures_widths;       /* auto */
    int64_t activations_budget; /* bytes of all activations; -1: none */
} cli_means;

cli_means cli_means_defaults(void);

enum { CLI_KEY_CHANNELS = 600, CLI_KEY_CHANNEL_SCORE, CLI_KEY_BITS, CLI_KEY_ACTIVATIONS };

#define CLI_MEANS_OPTIONS                                                                                             \
    {"channels",                                                                                                      \
     CLI_KEY_CHANNELS,                                                                                                \
     "D",                                                                                                             \
     0,                                                                                                               \
     "of every layer the share D of its channels with the highest scores stays, rounded up",                          \
     0},                                                                                                              \
        {"channel-score",                                                                                             \
         CLI_KEY_CHANNEL_SCORE,                                                                                       \
         "HOW",                                                                                                       \
         0,                                                                                                           \
         "which channels --channels takes first: those with the smallest filters (magnitude, the "                    \
         "default), or with the least effect on the loss of --images training images, gradient times "                \
         "activation (taylor); or, over all layers at once until the energy of an answer on the plan "                \
         "of --device, or the outputs that it writes to NVM, is the share D of what it was, with the "                \
         "least such effect for what they save (energy, outputs)",                                                    \
         0},                                                                                                          \
        {"bits",                                                                                                      \
         CLI_KEY_BITS,                                                                                                \
         "4|auto=BYTES",                                                                                              \
         0,                                                                                                           \
         "put weights on grids of 4 bits: all of them, or of the layers that bring all weights, "                     \
         "stored dense, to BYTES with the least increase of the loss of --images training "                           \
         "images; after --channels and --separate",                                                                   \
         0},                                                                                                          \
    {                                                                                                                 \
        "activations", CLI_KEY_ACTIVATIONS, "8|16|auto[=BYTES]|NAME,...", 0,                                          \
            "--int8 with so many bits for what is behind the input; or the names of those "                           \
            "activations that get 16, of the others 8 (default 8); auto: 16 where 8 bits, measured "                  \
            "on the --images training images, move the answers most: so few that a tenth of what 8 "                  \
            "bits everywhere do is left, none below 0.001 nats, or within BYTES of all activations, each for itself", \
            0                                                                                                         \
    }

/* What quantization is told of --activations, in `arena`; what was measured for it goes into
 *widths. NOT_FOUND: `graph` has no such activation that may have 16 bits. */
wick_status cli_choose_activations(const cli_means *means, const wick_graph *graph,
                                   const wick_data *data, wick_arena *arena,
                                   wick_quantize_options *options, wick_widths *widths,
                                   wick_diag *diag);
/* False when the key is not one of them. */
bool cli_parse_means(struct argp_state *state, int key, char *text, cli_means *means);
/* Whether they look at images. */
bool cli_means_need_data(const cli_means *means);

/* Whether --device says where channels are weighed. */
bool cli_means_need_device(const cli_means *means);

/* The graph without the channels that go; scored, where magnitude is not enough, on images chosen
   as for calibration. What went goes into *done. */
wick_status cli_thin(const cli_means *means, const wick_graph *graph, const wick_data *data,
                     const wick_quantize_options *choice, wick_graph **out, cli_rewritten *done,
                     wick_diag *diag);
/* Chooses bits and rounds the weights of `graph`, in place; what was chosen goes into done->bits,
   in done->arena. */
wick_status cli_narrow(const cli_means *means, wick_graph *graph, const wick_data *data,
                       const wick_quantize_options *choice, cli_rewritten *done, wick_diag *diag);

#endif
