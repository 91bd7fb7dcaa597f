/* Which channels go first by what they take on a device. Part of design.h. */
#ifndef WICK_CHANNEL_COST_H
#define WICK_CHANNEL_COST_H

#include "plan/plan.h"

/* What the answers of all modules to one input take on a plan, the extractor's part once: without
   boots and re-execution. */
typedef struct wick_answer_cost {
    double step_uj;   /* computing, with what steps read and write of the NVM themselves */
    double commit_uj; /* records, and outputs that commits write */
    int64_t commits;
    int64_t outputs; /* preserved outputs: elements of activations that reach the NVM */
} wick_answer_cost;
wick_answer_cost wick_answer_cost_of(const wick_plan *plan);

/* What of it counts. */
typedef enum wick_channel_worth {
    WICK_WORTH_ENERGY, /* step_uj + commit_uj */
    WICK_WORTH_OUTPUTS /* outputs */
} wick_channel_worth;

/* What went of one layer of channels (wick_channel_group.layer). */
typedef struct wick_channel_cut {
    const char *name;       /* the first node that computes them */
    int before, gone;       /* groups */
    double loss;            /* sum of the scores of those that went */
    wick_answer_cost saved; /* summed over the decisions; may be below 0 in a part */
} wick_channel_cut;

typedef struct wick_channel_cuts {
    wick_answer_cost before, after;
    int n;
    wick_channel_cut *layers; /* [n] in the order of the graph; those that can lose channels */
    int n_groups, decisions;
    double *worth; /* [decisions + 1] of what is left after so many */
    int *decision; /* [n_groups] by which it went, from 1; 0: it stays */
} wick_channel_cuts;

/* Marks what went on the way to the first decision that left at most `keep` of the worth, or of all
   of them. */
void wick_channel_cuts_at(const wick_channel_cuts *cuts, double keep, bool *remove);

/* Marks groups for removal, over all layers at once, until the worth of the rest is at most
   `keep` of the network's, 0 < keep < 1. The groups' scores say what the loss gains without them,
   so they have to compare between layers (wick_channels_taylor). Of every kind of group (those of a
   layer that are alike in all tensors: sums and joins tie them) the least scored go together,
   either one or as many as leave a multiple of four, which is what kernels compute at once; the
   next to go is always what has the smallest sum of scores / worth that the plan saves without
   them, where the saving is that of planning the rewritten graph (wick_channels_remove,
   wick_qnet_sketch, wick_plan_make) with flash and NVM for all of it, and with all its commits.
   Savings are kept from earlier decisions as bounds and renewed before a decision (Minoux,
   Accelerated greedy algorithms, 1978); scores are those of the whole network throughout. Sources:
   loss per energy, Yang, Chen, Sze, Designing energy-efficient convolutional neural networks, CVPR
   2017 (there whole layers, the dearest first); preserved outputs, Lin et al., Intermittent-aware
   neural network pruning (iPrune), DAC 2023. There they are counted as accelerator outputs, each
   partial sum of a tile, all of which are preserved, and set the share that each layer loses of its
   blocks of weights, by annealing; here they are what the plan really writes, which is nothing
   where an output stays in SRAM between commits, and whole channels go. *cuts is in `arena`.
   NO_FIT: no further channel saves anything, *cuts says how near it came; INTERRUPTED on a stop
   request; errors of planning. */
wick_status wick_channels_choose_by_cost(const wick_graph *graph, const wick_channels *channels,
                                         const wick_device *device,
                                         const wick_plan_options *options, wick_channel_worth worth,
                                         double keep, wick_arena *arena, bool *remove,
                                         wick_channel_cuts *cuts, wick_diag *diag);

#endif
