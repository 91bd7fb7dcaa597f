/* What quantization made of a network: measured, written, shown. */
#ifndef WICK_CLI_SHRINK_RESULTS_H
#define WICK_CLI_SHRINK_RESULTS_H

#include "shrink/shrink.h"

extern const char *const cli_calibrations[WICK_CALIBRATE_AUTO + 1];

typedef struct cli_quantized {
    const char *model, *output;
    const wick_quantize_options *options; /* with a report */
    const wick_widths *widths;            /* how 16-bit activations were chosen; n = 0: they were
                                             not */
    const wick_data *data;
    int threads;
    bool test, json;
} cli_quantized;

/* Measures every module of the float graph and the quantized one, stores the accuracies in the
   latter, writes it and prints. */
wick_status cli_shrink_results(const cli_quantized *q, const wick_graph *graph,
                               wick_graph *quantized, wick_diag *diag);

#endif
