/* A combination of means, from the mildest to the hardest: whole channels, layer separation, bits
   of the weights, density. */
#ifndef WICK_CANDIDATE_H
#define WICK_CANDIDATE_H

#include "design/budgets.h"
#include "design/density.h"

typedef struct wick_candidate {
    double channels; /* share that stays of every layer, (0, 1] */
    bool separated;
    int bits;            /* 8 or 4 */
    double density;      /* of all weights, (0, 1] */
    double loss;         /* what the weights lose: sum over arrays of -log(|w'|^2 / |w|^2) along the
                            way; what orders candidates before they are tried */
    wick_demand figures; /* of its plan, before training */
} wick_candidate;

/* "channels 0.75, separated, 4 bits, density 0.31"; "8 bits" when nothing else; in `arena`. */
char *wick_candidate_text(wick_arena *arena, const wick_candidate *candidate);

/* A network with the first two of these means, and what it takes to weigh the others. */
typedef struct wick_structure {
    wick_graph *graph;
    wick_densities *densities;
    double loss;  /* so far, as above */
    bool changed; /* separation split some layer */
} wick_structure;
/* From the collapsed float network. `separate` says which layers are split; NULL: none. NO_FIT: no
   such channels can go. Free with wick_structure_free. */
wick_status wick_structure_make(const wick_graph *network, double channels,
                                const wick_separate_options *separate, wick_structure *out,
                                wick_diag *diag);
void wick_structure_free(wick_structure *structure);

/* The rules for sparsity and bits of a candidate of this structure. */
void wick_candidate_rules(const wick_candidate *candidate, const wick_structure *structure,
                          wick_arena *arena, wick_train_options *options);
/* Fills loss and figures: the rules are imposed on a copy of the weights, which is lowered and
   planned. Errors as wick_demand_of. */
wick_status wick_candidate_weigh(wick_candidate *candidate, const wick_structure *structure,
                                 const wick_device *device, const wick_plan_options *options,
                                 const wick_budgets *budgets, wick_diag *diag);
/* The integer network that this makes; the caller frees it. */
wick_status wick_candidate_sketch(const wick_candidate *candidate, const wick_structure *structure,
                                  double *loss, wick_qnet **out, wick_diag *diag);

#endif
