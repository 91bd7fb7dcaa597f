/* Lowering of a QDQ graph to the integer network, shared by its files. Internal to
   toolchain/shrink.

   The graph is walked once in topological order. Every graph tensor gets a value: what is known
   about it so far. An operator makes a draft: a layer that still lacks its output's quantization;
   Relu, Clip and Flatten only change the open value; the QuantizeLinear that follows finishes the
   draft. */
#ifndef WICK_LOWER_H
#define WICK_LOWER_H

#include "shrink/calibrate.h"
#include "shrink/fixed.h"

typedef enum value_kind {
    VALUE_BAD,      /* reported already: readers stay silent */
    VALUE_INPUT,    /* the float graph input */
    VALUE_CONSTANT, /* weights, biases, scales */
    VALUE_QUANT,    /* a device tensor, or the float numbers that it stands for */
    VALUE_OPEN      /* a draft's float result */
} value_kind;

/* A value whose elements lie elsewhere in its tensor. */
typedef struct lower_view {
    const wick_node *node; /* that moved them last */
    wick_shape shape;      /* in the graph */
    const int32_t *from;   /* [elements, graph order] place in the device tensor; -1 = zero */
    int settled;           /* the tensor of the layer that moves them; -1 = none yet */
} lower_view;

typedef struct lower_value {
    value_kind kind;
    bool flat;        /* [1, C*H*W] in graph order, of a tensor that the device keeps as [H,W,C] */
    int index;        /* QUANT: device tensor; OPEN: draft */
    lower_view *view; /* QUANT: NULL = its elements as they are */
    double low, high; /* OPEN: activation fused so far */
    const wick_tensor *data;         /* CONSTANT */
    const wick_tensor *scale, *zero; /* CONSTANT: NULL = not dequantized; zero may be NULL */
} lower_value;

/* A layer without dst, out_zp, clamps, mult and shift. */
typedef struct lower_draft {
    const wick_node *node;
    wick_layer layer;
    double *acc_scale; /* real value of one accumulator step: [out_c] conv2d, dwconv2d, fc; [1]
                          avgpool, mul, softmax; [n_operands] add (below 0: subtracted), concat
                          (0: an operand of zeros); NULL maxpool */
    int64_t macs;
    bool by_table; /* a concat of one operand: the node's function by a table */
} lower_draft;

typedef struct lowering {
    const wick_graph *graph;
    wick_qnet *net;      /* arrays have room for every node */
    wick_arena *scratch; /* until the end of the lowering */
    wick_diag *diag;
    int errors;
    lower_value *values; /* [graph->n_tensors] */
    lower_draft *drafts;
    int n_drafts;
    const wick_node *moving; /* whose elements a layer is being made for */
    bool has_input;
    bool structure_only; /* the scales are made up: nothing is proven about accumulators */
} lowering;

/* The layers alone, whatever the scales are: reports what the device cannot run. */
wick_status lower_structure(const wick_graph *qdq, wick_qnet **out, wick_diag *diag);

/* Reports that the device cannot run `node`; always false. */
bool lower_report(lowering *lw, const wick_node *node, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* False (reported) unless low <= value <= high. */
bool lower_within(lowering *lw, const wick_node *node, const char *what, int64_t value, int64_t low,
                  int64_t high);
/* Device tensor of a node's quantized input; false when it has none (reported). */
bool lower_operand(lowering *lw, const wick_node *node, int input, lower_value *out);
/* The same with its elements elsewhere, perhaps. */
bool lower_viewed_operand(lowering *lw, const wick_node *node, int input, lower_value *out);
/* A view becomes a layer, if it is more than the tensor itself; `reader` may be NULL. False when
   reported. */
bool lower_settle(lowering *lw, const wick_node *reader, lower_value *v);
/* Gives the value of a node's input the shape of its output, by numpy's rules. */
bool lower_broadcast(lowering *lw, const wick_node *node, int input, lower_value *v);
/* A scale and zero point for a whole tensor; uint8 is shifted by 128. False when reported. */
bool lower_params(lowering *lw, const wick_node *node, wick_qparams *out);

/* Fills the input and output geometry and one operand for each of the node's quantized inputs
   (NULL on failure, reported). The draft's value becomes that of the node's output. */
lower_draft *lower_new_draft(lowering *lw, const wick_node *node, wick_layer_kind kind,
                             const lower_value *operands, int n_operands);
/* Kernel, stride and padding from the node's attributes; false when reported. */
bool lower_window(lowering *lw, const wick_node *node, wick_layer *layer);

/* The operators; false when reported. */
bool lower_conv(lowering *lw, const wick_node *node);
bool lower_gemm(lowering *lw, const wick_node *node);
bool lower_pool(lowering *lw, const wick_node *node);
bool lower_sum(lowering *lw, const wick_node *node);
bool lower_product(lowering *lw, const wick_node *node);
bool lower_softmax(lowering *lw, const wick_node *node);
bool lower_reduce(lowering *lw, const wick_node *node);
bool lower_move(lowering *lw, const wick_node *node);
bool lower_concat(lowering *lw, const wick_node *node);
bool lower_pad(lowering *lw, const wick_node *node);
bool lower_activation(lowering *lw, const wick_node *node);
bool lower_function(lowering *lw, const wick_node *node);

/* Draft of a layer that only rescales and clamps: a concat of one operand. */
int lower_rescale(lowering *lw, const wick_node *node, const lower_value *operand);

/* The function of a node that works element by element, over the 256 values of its quantized input:
   [256] results between clamps, quantized with `out`; in the network's arena. */
const int8_t *lower_table(lowering *lw, const wick_node *node, const wick_qtensor *in,
                          const lower_value *open, wick_qparams out);

/* Finishes an open value: the output gets these parameters, the layer goes into the network.
   Returns the device tensor, or -1 when reported. */
int lower_finish(lowering *lw, const lower_value *open, wick_qparams params, const char *name);
/* The layer with a new tensor that it writes goes into the network; returns that. */
int lower_append(lowering *lw, const wick_layer *layer, const wick_node *node, int64_t macs,
                 wick_qparams params, const char *name);
/* The quantization of a device tensor. */
wick_qparams lower_params_of(const wick_qtensor *tensor);
/* Sets a finished layer's kernel: where one of its tensors is wide that of its kind for these.
   False (reported) where there is none. */
bool lower_choose_width(lowering *lw, const wick_node *node, wick_layer *layer);
/* Adds a device tensor of [h,w,c]. */
int lower_new_tensor(lowering *lw, const char *name, int h, int w, int c, wick_qparams params);

/* Fills net->prepared and scratch_bytes from net->layers, which must not change afterwards. */
void wick_qnet_prepare(wick_qnet *net);

/* Over everything that the device computes: geometry, constants, operands, pixel table. */
wick_hash wick_qnet_hash(const wick_qnet *net);

#endif
