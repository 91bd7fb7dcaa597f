/* The training program: a graph turned once into static lists of forward, backward and update work
   with planned memory. Internal to toolchain/train; backends (onednn/, later cuda/) implement it.
   Values cross its edges in plain layouts; inside, the backend chooses. */
#ifndef WICK_PROGRAM_H
#define WICK_PROGRAM_H

#include "graph/graph.h"

/* One program belongs to one thread at a time; it computes with as many OpenMP threads as
   omp_get_max_threads() gave when it was built. The same build, threads, instruction set and
   library version give the same bits. */
typedef struct wick_program wick_program;

typedef struct wick_program_options {
    int batch;        /* fixed; the last, smaller batch of an evaluation is padded by the caller */
    bool training;    /* batch statistics and backward; false: running statistics, forward only */
    bool winograd;    /* Winograd's algorithm for the convolutions where it pays and is there */
    bool shared_norm; /* training: statistics of batch norm over the batches of all ranks
                         (parallel.h), which must run the same program in step */
    int n_outputs;    /* tensors the caller reads, and (training) gives gradients for; nodes that no
                         output needs are not run. A tensor may be named twice. */
    const int *outputs;
} wick_program_options;

/* One trainable array or (trainable = false) a running statistic. The arrays stay where they are
   until the program is freed. */
typedef struct wick_param {
    const char *name;      /* of the graph tensor; the program's own copy */
    int tensor;            /* graph tensor index */
    bool trainable, decay; /* decay: weight decay applies (weights yes; biases, scales no) */
    bool frozen; /* set by the caller, followed by wick_program_refreeze: no update, and no backward
                    work where nothing upstream needs it. A batch norm whose scale and bias are both
                    frozen is finished: it computes with its running statistics and leaves them as
                    they are. */
    float *value, *gradient; /* backend layout, `count` floats (padding included, always zero);
                                gradient is NULL in inference and for running statistics */
    size_t count;
} wick_param;

/* Builds for `graph`, of which it keeps a copy with the batch of `options`; tensor indices are the
   graph's. UNSUPPORTED names the node (integer operators, a parameter that is computed or belongs
   to two nodes, a constant among the activations); BACKEND, MEMORY. */
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

/* What the next forward and backward pass drop (DROPOUT, training): a function of seed, step, node
   and the image's number, the first of which is `first_image`, so that parts of a batch can be
   computed apart. Zeros before the first call. */
void wick_program_draw(wick_program *program, uint64_t seed, uint64_t step, int first_image);
wick_status wick_program_forward(wick_program *program, wick_diag *diag);
/* Fills the gradient of every trainable, unfrozen parameter (overwrites; zero where no output
   depends on it). Once after each forward: it reuses the memory of activations. */
wick_status wick_program_backward(wick_program *program, wick_diag *diag);

/* Called in each backward pass, on the caller's thread, as soon as a parameter's gradient is
   complete: once for each one that is written, in an order that is the same every time. NULL: no
   calls. */
typedef void wick_gradient_ready(void *ctx, int param);
void wick_program_on_gradient(wick_program *program, wick_gradient_ready *ready, void *ctx);

int wick_program_param_count(const wick_program *program);
wick_param *wick_program_param(wick_program *program, int i);
/* After the caller changed `frozen` flags: rebuilds the lists and zeroes all gradients. Parameters,
   input, outputs and output gradients keep their place and values. */
wick_status wick_program_refreeze(wick_program *program, wick_diag *diag);

/* All parameters and running statistics to and from the constants of `graph` (row-major): the same
   tensor index when the name agrees there, else found by name. Bit-exact both ways. MISMATCH names
   the first that `graph` does not have in this shape; then nothing was copied. */
wick_status wick_program_export(wick_program *program, wick_graph *graph, wick_diag *diag);
wick_status wick_program_import(wick_program *program, const wick_graph *graph, wick_diag *diag);
/* One parameter's gradient in plain layout (for tests and for parameter-shaped state): dst has the
 * tensor's count. */
wick_status wick_program_plain(wick_program *program, int param, const float *backend_layout,
                               float *plain, wick_diag *diag);
wick_status wick_program_unplain(wick_program *program, int param, const float *plain,
                                 float *backend_layout, wick_diag *diag);

/* One line for each step: operator and direction, node, oneDNN's implementation (impl_info_str;
   "ref:any" is the slow one) or "own"; once wick_program_profile was called also its mean ms
   of the calling thread's processor time since then. For --verbose, benchmarks and tests. Appends.
 */
void wick_program_describe(const wick_program *program, wick_buf *out);
/* Times every step from now on, from zero. */
void wick_program_profile(wick_program *program);
/* "oneDNN 2.6.3, 2 threads, avx512_core". */
const char *wick_backend_version(void);

#endif
