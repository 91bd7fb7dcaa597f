/* Reads the tests that the ONNX project publishes for backends: a folder has model.onnx and
   test_data_set_<n>/input_<k>.pb, output_<k>.pb. Tensors and models are taken apart field by field,
   without the reader under test. */
#ifndef HELPER_BACKEND_H
#define HELPER_BACKEND_H

#include "onnx/onnx.h"

typedef struct backend_tensor {
    const uint8_t *bytes; /* the TensorProto */
    size_t len;
    int type; /* ONNX's number; 0 = not a tensor that is understood */
    wick_shape shape;
    double *values; /* all elements as numbers, in the arena */
} backend_tensor;

/* The folder that $WICK_ONNX_DATA names, or NULL when it is not there. */
const char *backend_data_folder(void);
/* Unpacks the archive into a fresh temporary folder (malloc); NULL when there is no archive. */
char *backend_unpack(void);

/* A TensorProto file; type 0 when it is none of at most 6 dimensions, or missing. */
backend_tensor backend_read_tensor(wick_arena *arena, const char *path);

/* What a test's model needs to become one that is read: its input `activation` (-1: none) stays an
   input, the others become constants; only output `output` stays. NULL when the model is no model.
   *n_inputs, *n_outputs and the operators (first of all nodes) are told. */
typedef struct backend_model {
    wick_buf bytes;
    int n_inputs, n_outputs;
    const char *ops; /* "Conv Relu", in the arena */
} backend_model;
backend_model backend_bind(wick_arena *arena, const char *path, const backend_tensor *inputs,
                           int n_tensors, int activation, int output);

#endif
