/* The command line of wick train, and what its files share. */
#ifndef WICK_TRAIN_ARGS_H
#define WICK_TRAIN_ARGS_H

#include "cli.h"
#include "graph/graph.h"
#include "train/train.h"

enum {
    TRAIN_MAX_PAIRS = WICK_MAX_HEADS * (WICK_MAX_HEADS - 1) / 2,
    TRAIN_MAX_NUMBERS = TRAIN_MAX_PAIRS
};

typedef struct train_arguments {
    const char *recipe, *data, *output, *runs, *name, *teacher;
    const char *recipe_option; /* the last option given that only a recipe understands */
    wick_recipe_options build;
    wick_exits_options exits;
    bool adds_exits; /* with --exits, which exits.kind says */
    bool input_given;
    wick_data_options data_options;
    wick_train_options train;
    double alpha[TRAIN_MAX_NUMBERS], beta[TRAIN_MAX_NUMBERS];
    int n_alpha, n_beta; /* how many were given; 0 = default */
    bool test, json;
    int n_strategies; /* named with --strategy; 0 = none */
    wick_strategy strategies[WICK_STRATEGY_COUNT];
    int n_seeds;                /* 0 = one run, else a study */
    const char *published;      /* --paper: data set of Table II */
    json_t *searched;           /* what the search cost and found; NULL without one */
    wick_search_options search; /* budget_epochs 0 = no search */
} train_arguments;

/* Parses; false when the command must return *exit_status now. */
bool train_parse(int argc, char **argv, train_arguments *a, int *exit_status);
/* More than one strategy, or --seeds. */
bool train_is_study(const train_arguments *a);

/* The untrained family for a strategy and a seed (cmd_train.c). */
wick_status train_build(const train_arguments *a, const wick_data *data, bool shared, uint64_t seed,
                        wick_graph **graph, wick_diag *diag);

/* Several strategies and seeds; prints Table II's layout (train_study.c). */
wick_status train_study(train_arguments *a, const wick_data *data, wick_diag *diag);
/* Searches alpha and beta, prints what it cost, and puts the best into a->train (train_study.c). */
wick_status train_search(train_arguments *a, const wick_data *data, int n_heads, wick_diag *diag);

#endif
