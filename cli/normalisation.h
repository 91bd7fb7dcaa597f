/* --mean and --std: what pixels mean to a model that does not say so itself. */
#ifndef WICK_CLI_NORMALISATION_H
#define WICK_CLI_NORMALISATION_H

#include "cli.h"
#include "graph/graph.h"

typedef struct cli_normalisation {
    int n_means, n_stds; /* 0 = not given */
    double mean[WICK_MAX_CHANNELS_META], std[WICK_MAX_CHANNELS_META];
} cli_normalisation;

enum { CLI_KEY_MEAN = 512, CLI_KEY_STD };
#define CLI_NORMALISATION_OPTIONS                                                                  \
    {"mean",                                                                                       \
     CLI_KEY_MEAN,                                                                                 \
     "M,...",                                                                                      \
     0,                                                                                            \
     "the model's input is (pixel / 255 - mean) / std: one number, or one for each channel; "      \
     "default what the model says, else 0",                                                        \
     0},                                                                                           \
    {                                                                                              \
        "std", CLI_KEY_STD, "S,...", 0,                                                            \
            "see --mean; above 0; default what the model says, else 1", 0                          \
    }

/* Takes the two keys; false for any other. */
bool cli_parse_normalisation(struct argp_state *state, int key, const char *text,
                             cli_normalisation *n);
/* What was given takes the place of what the graph says. SHAPE: not one number for each channel. */
wick_status cli_normalise(const cli_normalisation *n, wick_graph *graph, wick_diag *diag);

#endif
