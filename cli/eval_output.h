/* What wick eval shows: text, JSON, a gnuplot script. */
#ifndef WICK_EVAL_OUTPUT_H
#define WICK_EVAL_OUTPUT_H

#include "cli.h"
#include "data/data.h"
#include "graph/graph.h"
#include "train/train.h"

typedef struct eval_results {
    const char *model, *precision, *split; /* "float" or "int8"; "train", "validation", "test" */
    const wick_graph *graph;
    const wick_data *data;
    wick_quality modules[WICK_MAX_HEADS];
} eval_results;

/* One table; with `detail` three more for each module. */
void eval_print(const eval_results *results, bool detail);
json_t *eval_json(const eval_results *results);
/* Each module a row of three: confusion matrix, calibration, histograms of confidence. */
void eval_plot_script(const eval_results *results, const char *path, wick_buf *script);

#endif
