/* wick verify MODEL.onnx --float MODEL.onnx: which layer quantization hurts. */
#ifndef WICK_CLI_VERIFY_LAYERS_H
#define WICK_CLI_VERIFY_LAYERS_H

#include "cli.h"

typedef struct cli_layers {
    const char *quantized, *exact, *data;
    int images;
    double tolerance_db; /* 0 = none */
    bool json;
} cli_layers;

/* Prints each layer. DIFFERS names the first one that has less signal to noise than the tolerance.
 */
wick_status cli_verify_layers(const cli_layers *l, wick_diag *diag);

#endif
