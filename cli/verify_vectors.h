/* wick verify MODEL.onnx|FIRMWARE-DIR --against DIR: stored vectors, stage by stage. */
#ifndef WICK_CLI_VERIFY_VECTORS_H
#define WICK_CLI_VERIFY_VECTORS_H

#include "cli.h"

typedef struct cli_vectors {
    const char *model; /* float, quantized, or an emitted folder */
    const char *plan;  /* of the folder */
    const char *exact; /* float model beside a quantized one, or NULL */
    const char *against, *device;
    double tolerance_db; /* of int8; of float where there is nothing else; 0 = the defaults */
    bool on_device, json;
} cli_vectors;

/* Prints each stage: the float model, the integer network, the emulated device. DIFFERS names the
   first layer that is not within the tolerance. */
wick_status cli_verify_vectors(const cli_vectors *v, wick_diag *diag);

#endif
