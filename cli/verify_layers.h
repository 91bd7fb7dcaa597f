/* wick verify MODEL.onnx --float MODEL.onnx: which layer quantization hurts. */
#ifndef WICK_CLI_VERIFY_LAYERS_H
#define WICK_CLI_VERIFY_LAYERS_H

#include "cli.h"
#include "shrink/shrink.h"

typedef struct cli_layers {
    const char *quantized, *exact, *data;
    int images;
    double tolerance_db; /* 0 = none */
    bool json;
} cli_layers;

/* Prints each layer. DIFFERS names the first one that has less signal to noise than the tolerance.
 */
wick_status cli_verify_layers(const cli_layers *l, wick_diag *diag);

/* A table of tensors; the last two columns, the worst element's values, have these names. */
void cli_layers_print(const wick_layer_noise *noise, int n, const char *expected, const char *got,
                      wick_arena *arena);
json_t *cli_layers_json(const wick_layer_noise *noise, int n, const char *expected, const char *got,
                        wick_arena *arena);

#endif
