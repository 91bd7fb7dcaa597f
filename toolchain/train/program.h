/* The training program: a graph turned once into static lists of forward, backward and update work
   with planned memory. Internal to toolchain/train; backends (onednn/, later cuda/) implement it.
   Values cross its edges in plain layouts; inside, the backend chooses. */
#ifndef WICK_PROGRAM_H
#define WICK_PROGRAM_H

#include "graph/graph.h"

typedef struct wick_program wick_program;

typedef struct wick_program_options {
    int batch;     /* fixed; the last, smaller batch of an evaluation is padded by the caller */
    bool training; /* batch statistics and backward; false: running statistics, forward only */
    bool winograd; /* dnnl_convolution_auto; false = direct */
    int n_outputs; /* tensors the caller reads, and (training) gives gradients for */
    const int *outputs;
} wick_program_options;

/* One trainable array or (trainable = false) a running statistic. */
typedef struct wick_param {
    const char *name;      /* of the graph tensor */
    int tensor;            /* graph tensor index */
    bool trainable, decay; /* decay: weight decay applies (weights yes; biases, scales no) */
    bool frozen; /* set by the caller: no update, and no backward work where nothing upstream needs
                    it */
    float *value, *gradient; /* backend layout, `count` floats (padding included, always zero) */
    size_t count;
} wick_param;

/* Builds for `graph` (batch and constants are taken from it; it must outlive the program).
 * UNSUPPORTED names the node. */
wick_status wick_program_build(const wick_graph *graph, const wick_program_options *options,
                               wick_program **out, wick_diag *diag);
void wick_program_free(wick_program *program);

/* [batch,C,H,W] plain; fill before forward. */
float *wick_program_input(wick_program *program);
/* Output i in plain layout, valid after forward. */
const float *wick_program_output(wick_program *program, int i);
/* Gradient of the loss for output i, plain layout; fill (or zero) before backward. */
float *wick_program_output_gradient(wick_program *program, int i);
size_t wick_program_output_count(const wick_program *program, int i);

wick_status wick_program_forward(wick_program *program, wick_diag *diag);
/* Fills the gradient of every trainable, unfrozen parameter (overwrites). */
wick_status wick_program_backward(wick_program *program, wick_diag *diag);

int wick_program_param_count(const wick_program *program);
wick_param *wick_program_param(wick_program *program, int i);
/* After the caller changed `frozen` flags: rebuilds the backward list. */
wick_status wick_program_refreeze(wick_program *program, wick_diag *diag);

/* Parameters to and from plain arrays in graph order (row-major as the graph's constants):
 * bit-exact both ways. */
wick_status wick_program_export(wick_program *program, wick_graph *graph, wick_diag *diag);
wick_status wick_program_import(wick_program *program, const wick_graph *graph, wick_diag *diag);
/* One parameter's gradient in plain layout (for tests and for parameter-shaped state): dst has the
 * tensor's count. */
wick_status wick_program_plain(wick_program *program, int param, const float *backend_layout,
                               float *plain, wick_diag *diag);
wick_status wick_program_unplain(wick_program *program, int param, const float *plain,
                                 float *backend_layout, wick_diag *diag);

/* One line for each primitive: operator, node, implementation (impl_info_str). For --verbose and
 * tests. */
void wick_program_describe(const wick_program *program, wick_buf *out);
/* "oneDNN 2.6.3, 2 threads, avx512_core". */
const char *wick_backend_version(void);

#endif
