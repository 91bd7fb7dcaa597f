/* The oneDNN program, inside: one list of steps, forward first and backward after it, over buffers
   whose place in memory follows from their first and last use in that list. Rebuilt as a whole by
   wick_program_refreeze; parameters, input, outputs and output gradients stay where they are.

   For each activation tensor there is one *value* slot in the layout that its producer chose, and
   while the backward list is made one *gradient* slot in the same layout. Reorders appear only
   where a consumer wants another layout, and at the edges. */
#ifndef WICK_ONEDNN_PROGRAM_H
#define WICK_ONEDNN_PROGRAM_H

#include "train/onednn/onednn_norm.h"
#include "train/onednn/onednn_point.h"
#include "train/onednn/onednn_shim.h"
#include "train/program.h"

enum { WICK_DN_MAX_ARGS = 12 };

/* Bytes somewhere. Places are planned unless `data` is set while the lists are made. */
typedef struct wick_dn_buffer {
    size_t bytes, offset;
    int first, last; /* steps; first > last: unused */
    bool read_only; /* gradients that several readers share, or the caller's: never written again */
    void *data;
} wick_dn_buffer;

/* A tensor in a buffer. Several slots may share one (views, in-place operators). */
typedef struct wick_dn_slot {
    dnnl_memory_t memory;
    wick_dn_md md;
    wick_dn_buffer *buffer;
} wick_dn_slot;

/* The same contents in another layout: see wick_dn_as. */
typedef struct wick_dn_variant {
    wick_dn_slot *of, *copy;
} wick_dn_variant;

typedef enum wick_dn_kernel {
    WICK_DN_ONEDNN,
    WICK_DN_ADD,           /* args: dst, a, b; any layout, the same for all */
    WICK_DN_PAD,           /* args: dst, src; row-major: each image's numbers, then zeros */
    WICK_DN_DEPTHWISE,     /* args: dw, x, dy, db?; all row-major */
    WICK_DN_STATISTICS,    /* args: running mean, running variance, batch mean, batch variance */
    WICK_DN_NORM,          /* args: x, scale, bias, mean, variance, y */
    WICK_DN_NORM_BACKWARD, /* args: x, scale, bias, mean, variance, dy, dx, (dscale, dbias)?, index?
                            */
    WICK_DN_DROPOUT,       /* args: dst, src; row-major */
    WICK_DN_UNARY,         /* args: y, x */
    WICK_DN_UNARY_BACKWARD,   /* args: dx, x, y, dy */
    WICK_DN_BINARY,           /* args: y, operands that are no constants; row-major, as all below */
    WICK_DN_BINARY_BACKWARD,  /* args: dx, dy, operands that are no constants */
    WICK_DN_MOVE,             /* args: y, x */
    WICK_DN_MOVE_BACKWARD,    /* args: dx, dy */
    WICK_DN_SHARE_STATISTICS, /* see onednn_shared_norm.c */
    WICK_DN_SHARE_GRADIENTS
} wick_dn_kernel;

/* A depthwise convolution: x [N,in,H,W], dy [N,out,OH,OW], dw [out,1,kh,kw]; out = multiple of in.
 */
typedef struct wick_dn_depthwise {
    long batch, in_channels, in_h, in_w, out_channels, out_h, out_w;
    long kernel[2], stride[2], dilation[2] /* >= 1 */, pad[2] /* top, left */;
} wick_dn_depthwise;

typedef struct wick_dn_step {
    const char *kind; /* "conv forward", ... */
    const char *node, *impl;
    wick_dn_kernel kernel;
    dnnl_primitive_t primitive;
    int n_args;
    wick_dn_slot *slots[WICK_DN_MAX_ARGS];
    dnnl_exec_arg_t args[WICK_DN_MAX_ARGS];
    const wick_dn_depthwise *depthwise;
    const wick_dn_norm *norm;
    const wick_dn_point *point;
    const wick_dn_move *move;
    double seconds; /* spent here while the program is profiled, in `runs` executions */
    int runs;
    float momentum, unbias; /* STATISTICS: running = m running + (1 - m) batch; variance * unbias */
    double drop;            /* DROPOUT: share */
    uint64_t stream;        /* DROPOUT: of this node */
    double epsilon, count;  /* SHARE_GRADIENTS: numbers of a channel, of all ranks */
} wick_dn_step;

/* What the backward half of a node needs to know from its forward half. */
typedef struct wick_dn_work {
    bool needed;   /* some output depends on it */
    bool trains;   /* has a trainable parameter that is not frozen */
    bool fused;    /* a RELU or MAX_POOL that its producer does */
    int dst;       /* tensor that it writes: node.output, or that of what it includes */
    bool relu;     /* includes the RELU that follows */
    wick_dn_pd pd; /* forward */
    wick_dn_window window;
    wick_dn_slot *src, *mean, *variance, *workspace;
    unsigned flags;           /* BATCH_NORM */
    const wick_dn_norm *norm; /* BATCH_NORM of our own, else NULL */
    bool shared;              /* BATCH_NORM: statistics of all ranks' batches */
} wick_dn_work;

/* A trainable array or a statistic beside its public face. */
typedef struct wick_dn_param {
    wick_dn_md md, plain; /* NULL until the node that uses it has chosen */
    int node;
    wick_dn_slot *value, *gradient; /* of this build; gradient is NULL for statistics */
} wick_dn_param;

struct wick_program {
    wick_arena *arena; /* lives as long as the program */
    wick_graph *graph; /* own copy, with the program's batch */
    wick_dn dn;
    int batch, threads, n_outputs;
    bool training, winograd, shared_norm, ready, profile;
    int *outputs;
    float *input, **output, **output_gradient;
    uint64_t draw_seed;
    int first_image; /* see wick_program_draw */
    int n_params;
    wick_param *params;
    wick_dn_param *infos; /* [n_params] */
    int *param_of;        /* [n_tensors], -1 = none */

    /* This build. */
    wick_arena *build;
    wick_dn_work *work;      /* [n_nodes] */
    wick_dn_slot **value;    /* [n_tensors], in the producer's layout */
    wick_dn_slot **gradient; /* [n_tensors], complete once every consumer was visited */
    bool *needs_gradient;    /* [n_tensors]: an unfrozen parameter is upstream */
    int *consumers;          /* [n_tensors]: needed nodes that read it, plus caller's reads */
    wick_dn_variant *variants;
    int n_variants, cap_variants;
    wick_dn_step *steps;
    int n_steps, cap_steps, n_forward;
    wick_dn_slot **slots;
    int n_slots, cap_slots;
    wick_dn_buffer **buffers;
    int n_buffers, cap_buffers;
    int *gradient_step; /* [n_params]: last step that writes its gradient; -1: none does */
    wick_gradient_ready *on_gradient;
    void *on_gradient_ctx;
    void *memory; /* of all planned buffers */
    size_t memory_bytes;
};

/* onednn_slots.c: slots, steps, memory */
/* A slot in a fresh buffer (data = NULL: planned) or in the buffer of another slot. */
wick_dn_slot *wick_dn_slot_new(wick_program *p, wick_dn_md md, void *data);
wick_dn_slot *wick_dn_slot_view(wick_program *p, wick_dn_md md, wick_dn_slot *other);
/* Appends a step; `pd` may be NULL after a failure, or for own kernels. */
wick_dn_step *wick_dn_step_new(wick_program *p, const char *kind, wick_dn_pd pd);
/* Adds an argument to the newest step and extends the lifetime of its buffer; NULL is ignored. */
void wick_dn_arg(wick_program *p, int index, wick_dn_slot *slot);
/* Copies between layouts in a step of its own. */
void wick_dn_copy(wick_program *p, wick_dn_slot *src, wick_dn_slot *dst);
/* `slot` in layout md: itself, or a copy made once. */
wick_dn_slot *wick_dn_as(wick_program *p, wick_dn_slot *slot, wick_dn_md md);
/* Places every buffer and hands the addresses to the memory objects. */
wick_status wick_dn_plan(wick_program *p);

/* Row-major descriptor of a graph tensor. */
wick_dn_md wick_dn_tensor_plain(wick_program *p, int tensor);
wick_dn_md wick_dn_tensor_any(wick_program *p, int tensor);

/* onednn_param.c */
/* UNSUPPORTED, with node, operator and why it cannot be trained; sets p->dn.status. */
wick_status wick_dn_refuse(wick_program *p, const wick_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
wick_status wick_dn_params_collect(wick_program *p);
/* Fixes the layout of a parameter (at the first build) and makes its slots for this build. */
void wick_dn_param_bind(wick_program *p, int tensor, wick_dn_md md, wick_dn_md plain);
wick_dn_param *wick_dn_param_of(wick_program *p, int tensor);
void wick_dn_params_free(wick_program *p);

/* onednn_depthwise.c: gradients of weights and (unless NULL) bias */
void wick_dn_depthwise_weights(const wick_dn_depthwise *d, const float *x, const float *dy,
                               float *dw, float *db);

/* onednn_dropout.c: the value of a DROPOUT of x, or its gradient from dy, which may be overwritten;
   src: row-major */
wick_dn_slot *wick_dn_dropout(wick_program *p, const wick_node *node, const char *kind,
                              wick_dn_slot *src, wick_dn_slot *dst);
void wick_dn_run_dropout(const wick_program *p, const wick_dn_step *step);

/* onednn_point.c: functions of one tensor and of two; oneDNN's own come first, see below */
bool wick_dn_is_unary(wick_op op);
bool wick_dn_is_binary(wick_op op);
void wick_dn_unary(wick_program *p, const wick_node *node, wick_dn_work *work);
void wick_dn_unary_backward(wick_program *p, const wick_node *node, const wick_dn_work *work,
                            wick_dn_slot *dy);
void wick_dn_binary(wick_program *p, const wick_node *node, wick_dn_work *work);
void wick_dn_binary_backward(wick_program *p, const wick_node *node, const wick_dn_work *work,
                             wick_dn_slot *dy);
void wick_dn_run_unary(const wick_dn_step *step);
void wick_dn_run_unary_backward(const wick_dn_step *step);
void wick_dn_run_binary(const wick_program *p, const wick_dn_step *step);
void wick_dn_run_binary_backward(const wick_program *p, const wick_dn_step *step);

/* onednn_move.c: operators that move numbers within an image */
bool wick_dn_is_move(wick_op op);
/* Why this one cannot be built; NULL when it can. */
const char *wick_dn_move_misfit(const wick_program *p, const wick_node *node);
void wick_dn_move_forward(wick_program *p, const wick_node *node, wick_dn_work *work);
void wick_dn_move_backward(wick_program *p, const wick_node *node, const wick_dn_work *work,
                           wick_dn_slot *dy);
void wick_dn_run_move(const wick_program *p, const wick_dn_step *step);
void wick_dn_run_move_backward(const wick_program *p, const wick_dn_step *step);

/* onednn_forward.c: oneDNN's function for a RELU, CLIP and others, whose backward half needs y
   alone (for any other node: RELU's); false: it has none. */
typedef struct wick_dn_function {
    dnnl_alg_kind_t algorithm;
    float alpha, beta;
} wick_dn_function;
const char *wick_dn_function_name(const wick_node *node, const char *clip, const char *relu,
                                  const char *other);
/* Both inputs of an ADD are activations of one shape. */
bool wick_dn_alike(const wick_program *p, const wick_node *node);
bool wick_dn_function_of(const wick_node *node, wick_dn_function *out);

/* onednn_shared_norm.c: steps for a batch norm whose statistics are those of all ranks' batches */
/* Appends what makes `mean` and `variance` of x those of all batches. */
void wick_dn_shared_statistics(wick_program *p, const wick_node *node, wick_dn_slot *x,
                               wick_dn_slot *mean, wick_dn_slot *variance);
/* Appends what completes dx, which holds the gradient for given statistics, in place. */
void wick_dn_shared_gradients(wick_program *p, const wick_node *node, const wick_dn_work *work,
                              wick_dn_slot *dx);
void wick_dn_run_share_statistics(const wick_dn_step *step);
void wick_dn_run_share_gradients(const wick_dn_step *step);

/* onednn_norm_steps.c */
void wick_dn_batch_norm(wick_program *p, const wick_node *node, wick_dn_work *work);
void wick_dn_batch_norm_backward(wick_program *p, const wick_node *node, const wick_dn_work *work,
                                 wick_dn_slot *dy);
void wick_dn_run_norm(const wick_dn_step *step);
void wick_dn_run_norm_backward(const wick_dn_step *step);

/* onednn_backward.c: a contribution to the gradient of a tensor, which takes the slot over; and
   where an element-wise backward step may put its result: over dy unless others still read that. */
void wick_dn_contribute(wick_program *p, int tensor, wick_dn_slot *slot);
wick_dn_slot *wick_dn_over(wick_program *p, wick_dn_slot *dy);

/* onednn_forward.c, onednn_backward.c: append their halves of the list; failures in p->dn.status */
void wick_dn_build_forward(wick_program *p);
void wick_dn_build_backward(wick_program *p);

#endif
