/* Images into programs: batches of a fixed size, evaluation over a split. */
#ifndef WICK_BATCHES_H
#define WICK_BATCHES_H

#include "data/data.h"
#include "train/inference.h"
#include "train/quality.h"

/* How pixels become inputs: pointers into a family, or NULL for the data set's own default
   (pixel - 128) / 128. */
typedef struct wick_normalise {
    const float *mean, *std;
} wick_normalise;
/* What the family says; pixel / 255 when it says nothing (at most WICK_MAX_CHANNELS_META channels).
 */
wick_normalise wick_family_normalise(const wick_family *family);

/* SHAPE when images and the graph's input [N,C,H,W] differ. */
wick_status wick_check_input(const wick_graph *graph, const wick_data *data, wick_diag *diag);

/* MISMATCH when the graph is for sensors and its bytes stand for other values than the data's. */
wick_status wick_check_ranges(const wick_graph *graph, const wick_data *data, wick_diag *diag);

/* Sets the threads of the backend: 0 = all. Returns how many. */
int wick_set_threads(int threads);

/* The logits of a head: what goes into its Softmax, LogSoftmax or ArgMax where it ends in one, as
   imported models do, else the head itself. The largest number is the same, and the loss is that of
   the logits. */
int wick_logits_of(const wick_graph *graph, int head);

/* An inference program for the heads of `graph` (their logits where they end in a softmax), in
   order, with every batch norm folded into the layer before it, where there is one: no step of its
   own. It holds the graph's weights of now. */
wick_status wick_folded_build(const wick_graph *graph, int batch, bool winograd, wick_program **out,
                              wick_diag *diag);
/* Gives it the weights that `graph`, of the same structure, has now. */
wick_status wick_folded_import(wick_program *program, const wick_graph *graph, wick_diag *diag);

/* Runs a network over all images of a split (the last batch is padded with its last
   image) and counts argmax = label for the outputs 0..n_heads-1 into correct; answers [n_heads][n],
   of which both arrays may be NULL and are NULL where there are several ranks: then it is
   collective, each rank takes a share of the batches and all get the whole counts. INTERRUPTED,
   without a diagnostic, on a stop request where stoppable. */
wick_status wick_count_correct(wick_inference *run, int batch, int n_heads, int classes,
                               const wick_data *data, wick_split split, wick_normalise normalise,
                               bool stoppable, int64_t *correct, wick_answers answers,
                               wick_diag *diag);

#endif
