/* Shrinking: layer separation (separate.h), post-training int8 quantization, and the integer
   network that plan, emit and sim share. */
#ifndef WICK_SHRINK_H
#define WICK_SHRINK_H

#include "data/data.h"
#include "graph/graph.h"
#include "train/train.h"

#include <wick/kernels.h>
#include <wick/model.h>

typedef enum wick_calibration {
    WICK_CALIBRATE_MINMAX,
    WICK_CALIBRATE_PERCENTILE, /* (100 - percentile) % of the values lie outside at each end */
    WICK_CALIBRATE_MSE,        /* range with the least mean squared error */
    WICK_CALIBRATE_KL,         /* range with the least Kullback-Leibler divergence */
    WICK_CALIBRATE_AUTO        /* of those, with and without equalisation and bias correction, what
                                  changes the logits of the calibration images least */
} wick_calibration;

/* What each way does to the logits of the calibration images: energy of the difference to the float
   logits over that of the float logits, mean of the modules; NAN = not tried. */
typedef struct wick_quantize_report {
    wick_calibration chosen;
    bool equalised, corrected;
    double noise[2][2][WICK_CALIBRATE_AUTO]; /* [equalised][corrected][calibration] */
} wick_quantize_report;

typedef struct wick_quantize_options {
    wick_calibration calibration; /* default MSE */
    double percentile;            /* (50, 100], default 99.99 */
    int images;                   /* >= 1 calibration images from the training part, default 256 */
    uint64_t seed;                /* which images, default 1 */
    bool equalise;       /* cross-layer equalisation first (wick_equalise), default false */
    bool correct_bias;   /* the mean that rounding the weights adds to each channel, with the mean
                            inputs of the calibration images, is taken off its bias (Nagel et al.,
                            ICCV 2019, section 4.2, eq. 17), default false */
    int activation_bits; /* 8 (default), or 16: of every activation that wick_quantize_activations
                            lists; the input always has 8 */
    const char *const *wide; /* [n_wide] names of those that have 16 bits even so (may be NULL);
                                others are passed over. Any mixture runs: every kernel reads and
                                writes either width, and no layers are added. */
    int n_wide;
    wick_quantize_report *report; /* receives what AUTO found; may be NULL */
} wick_quantize_options;
wick_quantize_options wick_quantize_defaults(void);

/* Float family -> the same graph, batch norm folded, with QuantizeLinear/DequantizeLinear around
   every operator: weights int8 per output channel symmetric, activations int8 per tensor
   asymmetric or int16 symmetric, biases int32 at scale s_x * s_w (docs/numbers.md). What comes out
   can be lowered. Metadata is kept, the accuracies are NAN. `graph` is inferred. UNSUPPORTED lists
   every node that the device cannot run; SHAPE: the images do not fit; RANGE: activations are not
   finite. */
wick_status wick_quantize(const wick_graph *graph, const wick_data *data,
                          const wick_quantize_options *options, wick_graph **out, wick_diag *diag);

/* The activations of a float family that can have 16 bits, in node order, `*n` names in `arena`:
   logits included: all but the input, and what an operator computes by a table or feeds (functions,
   Softmax). A pool's or move's output has the width of its input and is not listed. */
wick_status wick_quantize_activations(const wick_graph *graph, wick_arena *arena,
                                      const char ***names, int *n, wick_diag *diag);

/* The same function as a float graph, batch norm folded, whose activations have channels of like
   ranges (equalise.h); *layers counts those whose outputs were scaled. Tensors in between that no
   longer hold what they did are called NAME/equalised; a Softmax at the end is left out, as
   quantization does. Errors as wick_quantize. */
wick_status wick_equalise(const wick_graph *graph, const wick_data *data,
                          const wick_quantize_options *options, wick_graph **out, int *layers,
                          wick_diag *diag);

/* True when some node quantizes. */
bool wick_qdq_is_quantized(const wick_graph *graph);

/* The integer network: what the device computes. Lowered from a QDQ graph; layers point into the
 * arena. */
typedef struct wick_qtensor {
    const char *name; /* of the QuantizeLinear output that it is in the QDQ graph; a tensor that
                         lowering had to add: name of a reader + "/pooled" */
    int h, w, c;      /* [H,W,C] */
    float scale;
    int8_t zero_point; /* 0 where it is wide */
    bool wide;         /* int16; else int8 */
} wick_qtensor;

typedef struct wick_qlayer_info {
    const char *name; /* node name */
    int segment;      /* 0 extractor, k module */
    int64_t macs;     /* padding taps included */
} wick_qlayer_info;

typedef struct wick_qnet {
    wick_arena *arena;
    int n_layers, n_tensors, n_modules, n_classes;
    bool chain;             /* the modules are exits of one network (graph/exits.h) */
    wick_layer *layers;     /* extractor first, then module by module, each topological; in a chain
                               module k reads what module k + 1 and those behind it compute */
    wick_qlayer_info *info; /* [n_layers] */
    wick_qtensor *tensors;
    int input;                  /* tensor index */
    int features;               /* tensor index of z; = input when there is no extractor */
    int logits[WICK_MAX_HEADS]; /* tensor index for each module */
    const char *module_names[WICK_MAX_HEADS];
    double accuracy[WICK_MAX_HEADS]; /* int8, from metadata; NAN = unknown */
    uint8_t input_channels;
    int8_t pixel_to_input[WICK_MAX_CHANNELS_META]
                         [256]; /* device input value of pixel p in channel c */
    bool ranged; /* pixels stand for values of sensors, byte b of channel c for low + b / 255 (high
                    - low): what low and high, [input_channels], hold then */
    float low[WICK_MAX_CHANNELS_META], high[WICK_MAX_CHANNELS_META];
    const char **labels; /* n_classes or NULL */
    wick_hash hash;      /* over everything that the device computes */
    /* The layers as the PC runs them: the same numbers by kernels for its processor, with weights
       in their layouts. NULL: by `layers`, with the portable kernels. */
    const wick_layer *prepared;
    uint32_t scratch_bytes; /* that they work in */
} wick_qnet;

/* Lowers a QDQ graph (inferred for N = 1 and segmented, as wick_onnx_read and wick_quantize give
   it), also one that another tool quantized: activations int8 or uint8 per tensor, weights int8
   (or uint8 around 128) symmetric, per tensor or per output channel. A Relu, Clip or rescaling that
   cannot be fused becomes a concat layer of one operand.
   UNSUPPORTED lists every node that the device cannot run, with the reason. Proves for every
   channel that acc << shift does not overflow. Free with wick_qnet_free; *out is NULL on failure.
 */
wick_status wick_qnet_lower(const wick_graph *qdq, wick_qnet **out, wick_diag *diag);
void wick_qnet_free(wick_qnet *net); /* NULL is allowed */

/* Lists every node that keeps a graph, float or QDQ, from running on the device: the diagnostics
   that wick_quantize or wick_qnet_lower would give, without data. */
wick_status wick_qnet_check(const wick_graph *graph, wick_diag *diag);
/* The network that the device would get: of a QDQ graph the real one, of a float graph its layers
   with made-up ranges, good for what depends on shapes alone: memory, time, energy. Errors as
   wick_qnet_check. Free with wick_qnet_free; *out is NULL on failure. */
wick_status wick_qnet_sketch(const wick_graph *graph, wick_qnet **out, wick_diag *diag);

/* Elements of layer->bias: out_c, or what a move or softmax has there; 0 without one. */
int64_t wick_qlayer_bias_count(const wick_layer *layer);
/* Bytes of weights, biases, multipliers and shifts of one layer as the emitter stores them. */
int64_t wick_qlayer_constant_bytes(const wick_layer *layer);
/* Of all layers. */
int64_t wick_qnet_constant_bytes(const wick_qnet *net);

/* Element i of a tensor's array, whatever its width; what it stands for; and the bytes of all
   elements, as the device has them. */
int32_t wick_qtensor_at(const wick_qtensor *tensor, const int8_t *values, size_t i);
double wick_qtensor_real(const wick_qtensor *tensor, const int8_t *values, size_t i);
/* The place of its largest element, the first of equals, as the engine finds an answer. */
int wick_qtensor_argmax(const wick_qtensor *tensor, const int8_t *values);
/* How far it is above the second largest, in quanta, at most UINT16_MAX: as the engine finds an
   answer's margin. 0 where two are equal, UINT16_MAX with one element. */
uint16_t wick_qtensor_margin(const wick_qtensor *tensor, const int8_t *values);
int64_t wick_qtensor_bytes(const wick_qtensor *tensor);

/* One int8 run on the PC, bit-equal to the device's. pixels [H,W,C] uint8. values[t] (n_tensors
   arrays, caller's, each of h*w*c int8, or int16 where the tensor is wide, allocated by
   wick_qnet_buffers, and scratch_bytes of scratch behind them) receives every tensor; runs segment
   0 and the modules in `modules` (bit k-1). Threads may share the network, each with buffers of its
   own. */
int8_t **wick_qnet_buffers(const wick_qnet *net, wick_arena *arena);
void wick_qnet_run(const wick_qnet *net, const uint8_t *pixels, uint32_t modules, int8_t **values);
/* The same from an input that is in values[net->input] already, as wick_qnet_take puts it there:
   x [1,C,H,W], the float graph's input, rounded to the input's scale. */
void wick_qnet_run_layers(const wick_qnet *net, uint32_t modules, int8_t **values);
void wick_qnet_take(const wick_qnet *net, const float *x, int8_t **values);

/* int8 accuracy on a split: correct[k] of the first `limit` images (0 = all) for each module;
   predictions and margins (may be NULL) receive [n_modules][images] argmax labels and logits'
   margins. Results do not depend on `threads`; 0 = one for each processor, two at least. SHAPE: the
   images do not fit. */
wick_status wick_eval_int8(const wick_qnet *net, const wick_data *data, wick_split split,
                           int threads, int limit, int64_t *correct, uint16_t *predictions,
                           uint16_t *margins, wick_diag *diag);
/* The answers of all images of a split, with the confidence that the logits' real values give. */
wick_status wick_answers_int8(const wick_qnet *net, const wick_data *data, wick_split split,
                              int threads, wick_answers answers, wick_diag *diag);

/* How far one tensor is from what it should be: signal to noise over all elements and images,
   infinite where nothing differs, and the element that differs most. */
typedef struct wick_layer_noise {
    const char *name;
    wick_shape shape; /* [1,C,H,W] */
    int tensor;       /* of the graph that has the name; of the integer network where that ran */
    double snr_db;
    double signal, noise; /* sums of squares: what should be, the difference */
    int worst_image;
    int64_t worst_element; /* row-major in `shape` */
    double worst_exact, worst_quantized;
} wick_layer_noise;
/* An element as its place in the shape: "[0,3,12,7]" in `arena`. */
char *wick_element_text(wick_arena *arena, wick_shape shape, int64_t element);
/* Both graphs, inferred for N = 1, evaluated by the reference on the first validation images; every
   activation that the quantized one restores and the float one has by name, in node order, in
   `arena`. SHAPE: images or models do not belong together. */
wick_status wick_layer_noises(const wick_graph *exact, const wick_graph *qdq, const wick_data *data,
                              int images, wick_arena *arena, wick_layer_noise **out, int *n,
                              wick_diag *diag);

#include "shrink/bits.h"
#include "shrink/channels.h"
#include "shrink/collapse.h"
#include "shrink/separate.h"
#include "shrink/vectors.h"
#include "shrink/widths.h"

#endif
