/* A float network over batches of images: by the backend where that has every operator, else by the
   reference evaluation, image by image on all threads. Internal to toolchain/train. */
#ifndef WICK_INFERENCE_H
#define WICK_INFERENCE_H

#include "train/program.h"

typedef struct wick_inference {
    wick_program *program; /* NULL: by reference, with what follows */
    bool borrowed;         /* the program is another's */
    wick_graph *graph;     /* of one image */
    int batch, n_outputs;
    const int *outputs; /* the caller's, as long as this is open */
    float *input;       /* [batch, ...] */
    float **output;     /* [n_outputs] each [batch, ...] */
    size_t *count;      /* [n_outputs] elements of one image */
} wick_inference;

/* `outputs` are float tensors of `graph`. UNSUPPORTED (an output is not float), MEMORY, SHAPE,
   BACKEND. To be closed whatever the status. */
wick_status wick_inference_open(const wick_graph *graph, int batch, const int *outputs,
                                int n_outputs, wick_inference *out, wick_diag *diag);
/* Around a program that stays the caller's; not to be closed. */
wick_inference wick_inference_of(wick_program *program);
void wick_inference_close(wick_inference *run);

/* [batch,C,H,W]; fill before forward. */
float *wick_inference_input(const wick_inference *run);
wick_status wick_inference_forward(wick_inference *run, wick_diag *diag);
/* Output i of the whole batch, and its number of elements. */
const float *wick_inference_output(const wick_inference *run, int i);
size_t wick_inference_output_count(const wick_inference *run, int i);

#endif
