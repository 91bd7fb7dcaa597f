/* Stored vectors: inputs of a model and what it should make of them, as another program computed
   it. */
#ifndef WICK_VECTORS_H
#define WICK_VECTORS_H

#include "shrink/shrink.h"

/* What one tensor of a graph should hold: [n][its elements], row-major as the graph has it. */
typedef struct wick_expected {
    int tensor;
    float *values;
} wick_expected;

typedef struct wick_vectors {
    int n;         /* inputs, >= 1 */
    float *inputs; /* [n][elements of the graph's input] */
    int n_expected;
    wick_expected *expected; /* in the order of the files' names */
    int n_unknown;
    const char **unknown; /* files that name no tensor that the graph (still) has */
} wick_vectors;

/* Reads folder `dir`, which holds input_0.npy or .pb and any of
     output_K.npy|.pb   what module K (from 0) should answer: the graph's result K
     NAME.npy|.pb       what tensor NAME should be; characters but letters, digits, '.', '-' and '_'
                        of the name stand there as '_'
   or folders test_data_set_<n> with the same files, as ONNX's tests have them: their inputs follow
   each other. .npy: numpy.save; .pb: a TensorProto. A file holds its tensor for any number of
   inputs in a row (its first dimension), dimensions of 1 apart in the graph's shape, or [N,H,W,C]
   for an image. only_inputs: what is expected is another model's (quantization leaves out a Softmax
   or ArgMax at the end), so files that do not fit are unknown, and none need fit. Everything is in
   `arena`. NOT_FOUND: no folder, no input, nothing expected, or files that one set has and another
   lacks; SHAPE names the file; else as the readers of the files.
 */
wick_status wick_vectors_read(const char *dir, const wick_graph *graph, bool only_inputs,
                              wick_arena *arena, wick_vectors *out, wick_diag *diag);
/* What `tensor` should hold, or NULL. */
const float *wick_vectors_of(const wick_vectors *vectors, int tensor);

/* The reference evaluation of the graph that the vectors were read for, against all that they
   expect; *out in node order, in `arena`. Errors as wick_graph_eval. */
wick_status wick_vectors_float(const wick_graph *graph, const wick_vectors *vectors,
                               wick_arena *arena, wick_layer_noise **out, int *n, wick_diag *diag);

typedef struct wick_vectors_int8 {
    const wick_graph *qdq;
    const wick_qnet *net;        /* lowered from it */
    const wick_vectors *vectors; /* read for it */
    const wick_graph *exact;     /* the float model, or NULL */
} wick_vectors_int8;
typedef struct wick_int8_comparison {
    int n;
    wick_layer_noise *tensors;
    int answers, same_class; /* results of modules that the vectors have; with the same largest */
} wick_int8_comparison;
/* The integer network from the inputs, rounded to its scale, against what the vectors expect of a
   tensor or else what the float model has there; *out in layer order, in `arena`. SHAPE: nothing to
   compare, or models that do not belong together. */
wick_status wick_vectors_int8_run(const wick_vectors_int8 *v, wick_arena *arena,
                                  wick_int8_comparison *out, wick_diag *diag);
/* The inputs as the device gets them: [n][H,W,C] in `arena`. */
int8_t *wick_vectors_inputs(const wick_qnet *net, const wick_vectors *vectors, wick_arena *arena);

#endif
