/* A budgeted search for the weights of the losses, alpha and beta, by successive halving (Jamieson
   and Talwalkar, AISTATS 2016): many candidates train briefly, the best share of them longer, and
   so on; what decides is accuracy on the validation split, never the test set. Part of train.h. */
#ifndef WICK_SEARCH_H
#define WICK_SEARCH_H

#include "train/train.h"

enum { WICK_SEARCH_MAX_TRIALS = 512 };

typedef struct wick_search_options {
    int budget_epochs; /* of all trials together; at least 2 * max_epochs */
    int max_epochs;    /* of the last rung, >= min_epochs */
    int min_epochs;    /* of the first rung, >= 1, default 2 */
    int eta; /* 1 / eta of the candidates goes on, with eta times the epochs; >= 2, default 3 */
    double alpha_range; /* alphas are drawn log-uniform from 1/range..range and scaled to a mean of
                           1; 1 keeps them all at 1; default 4 */
    double beta_low, beta_high; /* betas: log-uniform; default 0.001 to 0.3 */
    bool beta_by_pair;          /* a beta for each pair instead of one for all; default false */
    uint64_t seed;
    const char *path; /* JSON of finished trials, from which a cut search goes on; NULL = none */
} wick_search_options;
wick_search_options wick_search_defaults(void);

typedef struct wick_trial {
    int rung, candidate, epochs;
    double alpha[WICK_MAX_HEADS], beta[WICK_MAX_HEADS][WICK_MAX_HEADS];
    double score; /* mean accuracy of all modules on the validation split, best epoch, 0..1 */
    double seconds;
} wick_trial;

typedef struct wick_search {
    int n_trials, n_rungs, epochs; /* epochs: spent, of all trials */
    double seconds;
    wick_trial trials[WICK_SEARCH_MAX_TRIALS]; /* in the order they ran */
    wick_trial best;                           /* of the last rung */
} wick_search;

/* Trains with the candidate's weights for `epochs` epochs; fills score and seconds. */
typedef wick_status wick_search_run(void *ctx, const wick_trial *candidate, int epochs,
                                    double *score, double *seconds, wick_diag *diag);

/* Rungs: min_epochs * eta^i, the last one max_epochs. As many candidates start as the budget
   carries, the first of them with all alphas 1 and the default beta; every rung keeps the best
   floor(n / eta), at least 1. Ties go to the earlier candidate. RANGE: options. INTERRUPTED: the
   same call goes on where `path` says. MISMATCH: `path` belongs to another search. */
wick_status wick_search_weights(const wick_search_options *options, int n_heads,
                                wick_search_run *run, void *ctx, wick_search *out, wick_diag *diag);

#endif
