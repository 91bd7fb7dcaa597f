/* The intermediate representation: tensors and nodes in topological order, one graph for a whole
   family of modules. Float tensors are [N,C,H,W]; N is 1 in a stored graph and set by
   wick_graph_set_batch for a program. */
#ifndef WICK_GRAPH_H
#define WICK_GRAPH_H

#include "base/base.h"

#include <stdbool.h>
#include <stdint.h>

enum { WICK_MAX_RANK = 6, WICK_MAX_HEADS = 8, WICK_MAX_CHANNELS_META = 16 };

typedef enum wick_dtype { WICK_F32, WICK_S8, WICK_U8, WICK_S32, WICK_S64, WICK_S16 } wick_dtype;
/* Bytes of one element: 4, 1, 1, 4, 8, 2. */
size_t wick_dtype_bytes(wick_dtype dtype);

typedef struct wick_shape {
    int rank;
    int64_t dim[WICK_MAX_RANK];
} wick_shape;

/* Product of the dimensions (1 for rank 0). Shapes that pass wick_graph_infer have at most 2^31 - 1
 * elements. */
int64_t wick_shape_count(wick_shape shape);
bool wick_shape_equal(wick_shape a, wick_shape b);
/* [N,C,H,W] as it is; [N,H,W] and [N,W] (features of a sensor) as images of one channel. */
wick_shape wick_image_shape(wick_shape shape);
/* "[1,3,32,32]" in `arena`. */
char *wick_shape_text(wick_arena *arena, wick_shape shape);

/* X(enum, rule, ONNX name), those of one tensor element by element from RELU to ROUND;
   op_<family>.c has the rule: arity, shapes, reference evaluation. Inputs in order, with the
   attributes that count: CONV x [N,C,H,W], w [O,C/g,kh,kw], b? [O]    CONV_TRANSPOSE x, w
   [C,O/g,kh,kw], b? (output_pad) GEMM x [N,K], w [M,K], b? [M] (y = x w^T + b)   MATMUL a, b
   (numpy's matmul) BATCH_NORM x, scale, bias, mean, var [C] MAX_POOL, AVG_POOL x [N,C,H,W]
   GLOBAL_AVG_POOL, GLOBAL_MAX_POOL x [N,C,...] ADD, SUB, MUL, DIV, POW, MIN, MAX, PRELU a, b
   (numpy's broadcasting; PRELU: b are slopes) RELU, CLIP (clip_min, clip_max), LEAKY_RELU, ELU,
   THRESHOLDED_RELU (alpha), SELU, HARD_SIGMOID (alpha, beta), SIGMOID, TANH, HARD_SWISH, SOFTPLUS,
   SOFTSIGN, EXP, LOG, SQRT, RECIPROCAL, ABS, NEG, ERF, FLOOR, CEIL, ROUND x CONCAT a, b, ... (axis)
   SLICE x (begin, end, step)   GATHER x, indices (axis) TRANSPOSE x (dims: the permutation) RESHAPE
   x (dims: the shape; 0 in place of N) FLATTEN x (axis 1)   IDENTITY x   RESIZE x [N,C,H,W]
   (kernel: every pixel so often) PAD x (pad_channels of zeros behind those of x)   BORDER x (begin,
   end, pad_mode, pad_value): any other Pad   SOFTMAX, LOG_SOFTMAX x (axis)   ARG_MAX, ARG_MIN x
   (axis, keep_dims, last_index) REDUCE_MEAN, REDUCE_SUM, REDUCE_MAX, REDUCE_MIN x (axes, keep_dims)
   QUANTIZE x, scale, zero_point   DEQUANTIZE q, scale, zero_point (axis)   DROPOUT x (alpha):
   passes x on but in a training program */
#define WICK_OP_TABLE(X)                                                                           \
    X(CONV, conv, "Conv")                                                                          \
    X(CONV_TRANSPOSE, conv_transpose, "ConvTranspose")                                             \
    X(GEMM, gemm, "Gemm")                                                                          \
    X(MATMUL, matmul, "MatMul")                                                                    \
    X(BATCH_NORM, batch_norm, "BatchNormalization")                                                \
    X(MAX_POOL, max_pool, "MaxPool")                                                               \
    X(AVG_POOL, avg_pool, "AveragePool")                                                           \
    X(GLOBAL_AVG_POOL, global_avg_pool, "GlobalAveragePool")                                       \
    X(GLOBAL_MAX_POOL, global_max_pool, "GlobalMaxPool")                                           \
    X(ADD, add, "Add")                                                                             \
    X(SUB, sub, "Sub")                                                                             \
    X(MUL, mul, "Mul")                                                                             \
    X(DIV, div, "Div")                                                                             \
    X(POW, pow, "Pow")                                                                             \
    X(MIN, min, "Min")                                                                             \
    X(MAX, max, "Max")                                                                             \
    X(PRELU, prelu, "PRelu")                                                                       \
    X(RELU, relu, "Relu")                                                                          \
    X(CLIP, clip, "Clip")                                                                          \
    X(LEAKY_RELU, leaky_relu, "LeakyRelu")                                                         \
    X(ELU, elu, "Elu")                                                                             \
    X(THRESHOLDED_RELU, thresholded_relu, "ThresholdedRelu")                                       \
    X(SELU, selu, "Selu")                                                                          \
    X(HARD_SIGMOID, hard_sigmoid, "HardSigmoid")                                                   \
    X(SIGMOID, sigmoid, "Sigmoid")                                                                 \
    X(TANH, tanh, "Tanh")                                                                          \
    X(HARD_SWISH, hard_swish, "HardSwish")                                                         \
    X(SOFTPLUS, softplus, "Softplus")                                                              \
    X(SOFTSIGN, softsign, "Softsign")                                                              \
    X(EXP, exp, "Exp")                                                                             \
    X(LOG, log, "Log")                                                                             \
    X(SQRT, sqrt, "Sqrt")                                                                          \
    X(RECIPROCAL, reciprocal, "Reciprocal")                                                        \
    X(ABS, abs, "Abs")                                                                             \
    X(NEG, neg, "Neg")                                                                             \
    X(ERF, erf, "Erf")                                                                             \
    X(FLOOR, floor, "Floor")                                                                       \
    X(CEIL, ceil, "Ceil")                                                                          \
    X(ROUND, round, "Round")                                                                       \
    X(CONCAT, concat, "Concat")                                                                    \
    X(SLICE, slice, "Slice")                                                                       \
    X(GATHER, gather, "Gather")                                                                    \
    X(TRANSPOSE, transpose, "Transpose")                                                           \
    X(RESHAPE, reshape, "Reshape")                                                                 \
    X(FLATTEN, flatten, "Flatten")                                                                 \
    X(IDENTITY, identity, "Identity")                                                              \
    X(RESIZE, resize, "Resize")                                                                    \
    X(PAD, pad, "Pad")                                                                             \
    X(BORDER, border, "Pad")                                                                       \
    X(SOFTMAX, softmax, "Softmax")                                                                 \
    X(LOG_SOFTMAX, log_softmax, "LogSoftmax")                                                      \
    X(ARG_MAX, arg_max, "ArgMax")                                                                  \
    X(ARG_MIN, arg_min, "ArgMin")                                                                  \
    X(REDUCE_MEAN, reduce_mean, "ReduceMean")                                                      \
    X(REDUCE_SUM, reduce_sum, "ReduceSum")                                                         \
    X(REDUCE_MAX, reduce_max, "ReduceMax")                                                         \
    X(REDUCE_MIN, reduce_min, "ReduceMin")                                                         \
    X(QUANTIZE, quantize, "QuantizeLinear")                                                        \
    X(DEQUANTIZE, dequantize, "DequantizeLinear")                                                  \
    X(DROPOUT, dropout, "Dropout")

typedef enum wick_op {
#define X(upper, rule, onnx) WICK_OP_##upper,
    WICK_OP_TABLE(X)
#undef X
        WICK_OP_COUNT
} wick_op;

/* ONNX operator name, e.g. "Conv". */
const char *wick_op_name(wick_op op);
/* The oneDNN program has it, forward and backward; what it does not have is evaluated by reference.
 */
bool wick_op_trains(wick_op op);
typedef enum wick_on_device {
    WICK_DEVICE_NO,    /* no integer kernel */
    WICK_DEVICE_LAYER, /* int8, one or more kernels */
    WICK_DEVICE_FREE /* int8, and nothing is computed: part of another layer, or of how numbers lie
                      */
} wick_on_device;
wick_on_device wick_op_device(wick_op op);

typedef struct wick_tensor {
    const char *name; /* set by wick_graph_tensor and wick_graph_rename only */
    uint32_t name_hash;
    wick_dtype dtype;
    wick_shape shape;
    void *data;   /* constants: elements in row-major order, owned by the graph's arena; NULL for
                     activations */
    int producer; /* node index; -1 for graph inputs and constants */
} wick_tensor;

/* How BORDER fills what it adds. */
typedef enum wick_pad_mode { WICK_PAD_CONSTANT, WICK_PAD_EDGE, WICK_PAD_REFLECT } wick_pad_mode;

/* Attributes of every operator; those that an operator does not have are zero. */
typedef struct wick_attrs {
    int kernel[2], stride[2], dilation[2]; /* height, width; stride and dilation >= 1 */
    int pad[4];                            /* top, left, bottom, right */
    int output_pad[2];                     /* CONV_TRANSPOSE: rows and columns more at the end */
    int groups;                            /* CONV: 1 dense, = channels depthwise */
    int axis; /* CONCAT, SOFTMAX, FLATTEN, GATHER, ARG_*; DEQUANTIZE/QUANTIZE: -1 = per
                 tensor */
    float epsilon, momentum; /* BATCH_NORM: running = momentum * running + (1 - momentum) * batch */
    float clip_min, clip_max; /* CLIP */
    float alpha, beta;      /* LEAKY_RELU, ELU, THRESHOLDED_RELU, SELU (beta = gamma), HARD_SIGMOID;
                               DROPOUT: the share of numbers that become 0, 0 <= alpha < 1 */
    bool count_include_pad; /* AVG_POOL */
    int pad_channels;       /* PAD: channels of zeros behind those of x, >= 0 */
    wick_pad_mode pad_mode; /* BORDER */
    float pad_value;        /* BORDER, constant */
    bool keep_dims;         /* REDUCE_*, ARG_*: the dimension stays, as 1 */
    bool last_index;        /* ARG_*: the last of equals instead of the first */
    unsigned axes;          /* REDUCE_*: bit d = dimension d is reduced */
    int rank;               /* RESHAPE, TRANSPOSE: of dims */
    int64_t dims[WICK_MAX_RANK]; /* RESHAPE: the shape, dims[0] = 0: N; TRANSPOSE: output dimension
                                    d is dimension dims[d] of x */
    int64_t begin[WICK_MAX_RANK], end[WICK_MAX_RANK],
        step[WICK_MAX_RANK]; /* SLICE: elements begin,
begin + step, ... before end of every dimension, begin >= 0, step != 0, end -1 = past the first
when step < 0, INT64_MAX = to the last; BORDER: elements added before and behind, below 0: cut */
} wick_attrs;

typedef struct wick_node {
    const char *name;
    wick_op op;
    int n_inputs;
    int *inputs; /* tensor indices, -1 = optional input left out */
    int output;  /* tensor index (every operator here has one output) */
    wick_attrs attrs;
    int segment; /* 0 = shared extractor, k = only head k needs it (1 = largest); set by
                    wick_graph_segment */
} wick_node;

/* What makes a graph a family (ONNX metadata, DESIGN section 2). */
typedef struct wick_family {
    int features; /* tensor z; -1 when there is no common prefix */
    bool chain; /* the modules are exits of one network: each goes on from what the next smaller one
                   has computed, so it may read every activation of that; without features */
    int n_heads;                            /* >= 1 */
    int heads[WICK_MAX_HEADS];              /* logits tensors [N,classes], large to small */
    const char *head_names[WICK_MAX_HEADS]; /* e.g. "TM1" */
    double accuracy[WICK_MAX_HEADS];        /* measured on the test set, 0..1; NAN = not measured */
    double validation[WICK_MAX_HEADS];      /* on the validation split; NAN = not measured */
    int n_channels;                         /* of the normalisation below; 0 = none given */
    float mean[WICK_MAX_CHANNELS_META];     /* x = (pixel / 255 - mean) / std */
    float std[WICK_MAX_CHANNELS_META];
    bool ranged; /* the 8-bit inputs stand for values of sensors, of which there are n_channels:
                    byte b of channel c for low + b / 255 (high - low); false: bytes are pixels */
    float low[WICK_MAX_CHANNELS_META], high[WICK_MAX_CHANNELS_META]; /* low <= high, finite */
    int n_labels;                                                    /* 0 = none */
    const char **labels;
    const char *recipe;   /* name and parameters of the recipe, e.g. "resnet depth=20 shortcut=A";
                             "" when imported */
    const char *strategy; /* how it was trained, "" when unknown */
    const char *data;     /* data set it was trained on, "" when unknown */
} wick_family;

typedef struct wick_graph {
    wick_arena *arena; /* owns everything below */
    const char *name;
    int n_tensors, cap_tensors;
    wick_tensor *tensors;
    int n_nodes, cap_nodes;
    wick_node *nodes; /* topological order */
    int input;        /* tensor index of the one graph input */
    wick_family family;
} wick_graph;

wick_graph *wick_graph_new(const char *name);
void wick_graph_free(wick_graph *graph);
/* Deep copy. */
wick_graph *wick_graph_clone(const wick_graph *graph);

/* Adds a tensor and returns its index; name is copied and must be unique (asserted). `data` (may be
 * NULL) is copied. */
int wick_graph_tensor(wick_graph *graph, const char *name, wick_dtype dtype, wick_shape shape,
                      const void *data);
/* Adds a node with a fresh output tensor called `output_name` (shape unknown until inference);
   returns the index of the output TENSOR. */
int wick_graph_node(wick_graph *graph, const char *name, wick_op op, const int *inputs,
                    int n_inputs, const char *output_name, const wick_attrs *attrs);
/* Gives a tensor another name, which is copied and must be unique (asserted). */
void wick_graph_rename(wick_graph *graph, int tensor, const char *name);
/* Index of a tensor by name, or -1. */
int wick_graph_find(const wick_graph *graph, const char *name);
/* base and suffix, and as many '_' as make it a name that no tensor has yet; in the graph's arena.
 */
char *wick_graph_fresh_name(wick_graph *graph, const char *base, const char *suffix);
/* How many inputs of nodes read the tensor, and results of the family (features, heads) that it is.
 */
int wick_graph_readers(const wick_graph *graph, int tensor);
/* Sane attributes: stride, dilation and step 1, groups 1, axis 1, epsilon 1e-5, momentum 0.9. */
wick_attrs wick_attrs_default(void);

/* Infers every activation's dtype and shape from the input's; SHAPE names the node. */
wick_status wick_graph_infer(wick_graph *graph, wick_diag *diag);
/* The same of node n alone; the nodes before it are inferred already. */
wick_status wick_node_infer(wick_graph *graph, int n, wick_diag *diag);
/* Sets the input's N and infers again. */
wick_status wick_graph_set_batch(wick_graph *graph, int batch, wick_diag *diag);
/* Removes nodes and tensors that no head needs; keeps the order, renumbers. */
void wick_graph_prune(wick_graph *graph);
/* Sets every node's segment: 0 for ancestors of the features tensor, else the head that needs it;
   in a chain the smallest one of those that need it.
   SHAPE names the node when it lies outside the extractor and serves two heads (without features
   each head must stand alone), when no head needs it, or when a module reads the input or an
   activation of the extractor other than the features: modules restart from z alone. */
wick_status wick_graph_segment(wick_graph *graph, wick_diag *diag);
/* The sub-graph that computes head k (1 = largest) alone, as a family of one head with segments 0
   (when there are features) and 1; the caller's to free. */
wick_graph *wick_graph_head(const wick_graph *graph, int head);
/* BatchNormalization folded into the convolution or fully connected layer before it (exact up to
   rounding), where that has no other reader and all parameters are float constants; in place,
   pruned. The layer's output takes over the normalisation's name. */
void wick_graph_fold_batch_norm(wick_graph *graph);
/* Simplifies what exporters leave behind (normalise.c lists the rules): pairs of reshapes and
   transposes, sums and products with constants that a convolution or fully connected layer can
   take over, padding that it can do. The results and the features keep their names; shapes stay
   inferred. */
wick_status wick_graph_normalise(wick_graph *graph, wick_diag *diag);

/* Counts of one segment, for one image (whatever the graph's N). MACs are true multiply-accumulates
   of conv and fc, padding taps included; dense_macs counts a grouped or depthwise convolution as a
   dense one (the paper's habit, for the audit only). parameters = conv_ + fc_parameters; what is
   not a fully connected layer counts as conv: weights, biases, BATCH_NORM's scale and bias (mean
   and variance are statistics). QUANTIZE and DEQUANTIZE say how numbers are stored: they count
   nothing, and int8 weights behind them count like float ones. */
typedef struct wick_counts {
    int64_t parameters, macs, dense_macs, conv_parameters, conv_macs, fc_parameters, fc_macs;
    int64_t peak_activation_elements; /* largest input + output of one node, constants aside */
} wick_counts;
wick_counts wick_graph_counts(const wick_graph *graph, int segment);
/* The same of one node (0 <= node < n_nodes). */
wick_counts wick_node_counts(const wick_graph *graph, int node);
/* "float" without QUANTIZE nodes, else the type of the activations between input and heads: "int8"
   (or uint8), "int16", or "int8/16" where both occur. `graph` is inferred. */
const char *wick_graph_precision(const wick_graph *graph);
/* The node with the largest input + output (the first of equals), or -1 in an empty graph. */
int wick_graph_peak_node(const wick_graph *graph);

/* A value of one of the recipe's own parameters: {"depth", "56"}. */
typedef struct wick_recipe_value {
    const char *name, *value; /* the caller's */
} wick_recipe_value;
enum { WICK_MAX_RECIPE_VALUES = 16 };

/* Recipes: network families as data (share/recipes/<name>.json, schema in recipes/README.md). Every
   width, those of hidden fully connected layers included, is multiplied by `width`, rounded to the
   nearest whole number, at least 1; input channels and classes are not. */
typedef struct wick_recipe_options {
    double width;                   /* (0, 8], default 1 */
    int height, width_px, channels; /* input, default 32 x 32 x 3; at most 1024 x 1024 x 16 */
    int classes;                    /* 2 to 10000, default 10 */
    int batch_norm;                 /* 1 / 0 override, -1 = as the recipe says (default) */
    bool shared;   /* true (default): one extractor; false: every head its own (baseline, features =
                      -1) */
    uint64_t seed; /* of the weights, default 1 */
    int n_values;  /* parameters that the recipe has by itself, default none; of several values for
                      one name the last counts */
    wick_recipe_value values[WICK_MAX_RECIPE_VALUES];
} wick_recipe_options;
wick_recipe_options wick_recipe_defaults(void);
/* Builds the family, weights initialised (He et al. 2015, eq. 10: normal, std sqrt(2 / fan_in);
   zero biases; identity batch norm), shapes inferred for N = 1, segments set, metadata filled. A
   weight's values follow from the seed and its name alone, so they do not depend on the other
   modules. Names: nodes 'fe.conv1', 'TM1.fc2' ('TM1.fe.conv1' when not shared), constants
   '<node>.weight',
   '.bias', '.scale', '.mean', '.var', tensor z 'features', logits '<head>.logits'.
   NOT_FOUND, SYNTAX, MISSING, UNKNOWN, RANGE, SHAPE; each names the recipe's field. The caller
   frees *out with wick_graph_free. */
wick_status wick_recipe_build(const char *name_or_path, const wick_recipe_options *options,
                              wick_graph **out, wick_diag *diag);

/* Reference evaluation in plain loops, double accumulators: slow and obviously right. `graph` is
   inferred, its input float; input: [N,C,H,W] for the graph's N. values[t] receives a malloc'ed
   array (row-major, the tensor's dtype) for the input and every activation tensor t, NULL for
   constants; free with wick_values_free. Every operator above; QUANTIZE rounds half to even and
   saturates, as ONNX. MEMORY; MISSING when a tensor has neither data nor a producer. */
wick_status wick_graph_eval(const wick_graph *graph, const float *input, void ***values,
                            wick_diag *diag);
void wick_values_free(const wick_graph *graph, void **values);
/* Evaluates node n, whose inputs are all constants (asserted), into dst: zeroed, the output's
 * bytes.
 */
void wick_node_eval(const wick_graph *graph, int n, void *dst);

#include "graph/exits.h"

#endif
