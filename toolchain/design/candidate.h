/* A combination of means, from the mildest to the hardest: whole channels, layer separation, bits
   of the weights, density and its pattern. */
#ifndef WICK_CANDIDATE_H
#define WICK_CANDIDATE_H

#include "design/budgets.h"
#include "design/channel_cost.h"
#include "design/fragile.h"

typedef enum wick_thinning {
    WICK_THIN_EVENLY,   /* of every layer the same share: the filters with the largest magnitudes */
    WICK_THIN_TAYLOR,   /* the same share, of what the loss needs most (wick_channels_taylor) */
    WICK_THIN_BY_ENERGY /* over all layers (channel_cost.h, with Taylor scores) */
} wick_thinning;

typedef enum wick_separating {
    WICK_WHOLE,
    WICK_SEPARATED_TUCKER, /* 1x1, KxK, 1x1 */
    WICK_SEPARATED_SPATIAL /* Kx1, 1xK */
} wick_separating;

enum {
    WICK_BITS_MIXED = 0, /* 8 or 4 by layer (bits.h) */
    WICK_BLOCK_ROWS = 4  /* channels that share positions in the pattern of the *_block kernels */
};

typedef struct wick_candidate {
    wick_thinning thinning;
    double channels; /* share that stays of every layer, or of the energy; (0, 1] */
    wick_separating separated;
    int bits;                    /* 8, 4 or MIXED */
    int64_t bits_bytes;          /* MIXED: of all weights, at most */
    double density;              /* of all weights, fragile ones aside, (0, 1] */
    int block;                   /* 1, or BLOCK_ROWS: the pattern of what density < 1 leaves */
    const wick_fragile *fragile; /* [n_fragile], in the material's arena: what keeps more */
    int n_fragile;
    double loss;         /* what the weights lose: sum over arrays of -log(|w'|^2 / |w|^2) along the
                            way; what orders candidates before they are tried */
    wick_demand figures; /* of its plan, before training */
} wick_candidate;

/* "channels 0.75, separated, 4 bits, density 0.31"; "energy 0.6, 8 and 4 bits (9.1 KB)"; "channels
   0.5 by Taylor, separated spatially, 8 bits"; "4 bits, density 0.1, 2 fragile layers denser"; "8
   bits" when nothing else; in `arena`. */
char *wick_candidate_text(wick_arena *arena, const wick_candidate *candidate);

/* What candidates are made of. */
typedef struct wick_material {
    const wick_graph *network; /* float, collapsed */
    const wick_data *data;
    const wick_device *device;
    const wick_plan_options *plan;
    const wick_quantize_options *quantize; /* images that effects on the loss are measured on */
    const wick_separate_options *separate; /* which layers are split; how is the candidate's */
    double fragile_points;                 /* of accuracy, that make a layer fragile; 0: none is */
    bool scored;                           /* channels are there, with Taylor scores */
    bool weighed;                          /* and cuts */
    wick_channels channels;
    wick_channel_cuts cuts;
    wick_arena *arena; /* of these */
} wick_material;
/* Finds channels and their Taylor scores, once. */
wick_status wick_material_score(wick_material *material, wick_diag *diag);
/* EVENLY or TAYLOR: what leaves the network with less loss on validation images (at most so many as
   calibrate) when this share of every layer's channels, below 1, stays. Needs scores. NO_FIT: no
   such channels can go. */
wick_status wick_material_thin(const wick_material *material, double channels,
                               wick_thinning *thinning, wick_diag *diag);
/* Weighs channels down to the share `keep` of the energy, or as near as they come. */
wick_status wick_material_weigh(wick_material *material, double keep, wick_diag *diag);

/* A network with the first two of these means, and what it takes to weigh the others. */
typedef struct wick_structure {
    wick_graph *graph;
    wick_densities *densities;
    double loss;           /* so far, as above */
    bool changed;          /* separation split some layer; spatially: one that Tucker does not split
                              alike */
    wick_bits_layer *bits; /* [n_bits] once measured */
    int n_bits;
    wick_arena *arena; /* of bits */
} wick_structure;
/* That of a candidate; with MIXED bits measured. TAYLOR needs a scored material, BY_ENERGY a
   weighed one. NO_FIT: no such channels can go. Free with wick_structure_free. */
wick_status wick_structure_make(const wick_material *material, const wick_candidate *candidate,
                                wick_structure *out, wick_diag *diag);
/* What 4 bits in each layer do to the loss, for MIXED. */
wick_status wick_structure_measure(wick_structure *structure, const wick_material *material,
                                   wick_diag *diag);
/* Bytes of all its weights with 4 bits (narrow) or 8, once measured. */
int64_t wick_structure_bytes(const wick_structure *structure, bool narrow);
void wick_structure_free(wick_structure *structure);

/* The layers that are fragile under this candidate's zeros, beside those that it knows already,
   which keep at least as much: *more says whether there are any that it did not know, and *known,
   [*n] in the material's arena, are all of them. */
wick_status wick_candidate_find_fragile(const wick_candidate *candidate,
                                        const wick_structure *structure,
                                        const wick_material *material, wick_fragile **known, int *n,
                                        bool *more, wick_diag *diag);

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
