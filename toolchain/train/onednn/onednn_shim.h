/* One thin layer over oneDNN's C API, the only place that knows its version: 2.6 has memory
   descriptors as structs and an operation descriptor before each primitive descriptor, 3.x has both
   opaque and in one call.

   Errors are sticky: after the first failure every function below does nothing and returns NULL,
   and the diagnostic names the node of that moment. So a builder reads straight through and looks
   at `status` once. Whatever a function returns belongs to the wick_dn and lives until
   wick_dn_release (or wick_dn_free when `keep` was set at its creation). */
#ifndef WICK_ONEDNN_SHIM_H
#define WICK_ONEDNN_SHIM_H

#include "base/base.h"

#include <dnnl.h>
#include <dnnl_version.h>

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t wick_dn_md;
#else
typedef const dnnl_memory_desc_t *wick_dn_md;
#endif
typedef dnnl_primitive_desc_t wick_dn_pd;

typedef struct wick_dn_object {
    void *object;
    enum { WICK_DN_MD, WICK_DN_PD, WICK_DN_PRIMITIVE, WICK_DN_MEMORY } kind;
    bool keep;
} wick_dn_object;

typedef struct wick_dn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    wick_dn_object *objects; /* in order of creation */
    size_t n_objects, cap_objects;
    bool keep;  /* objects created now survive wick_dn_release */
    bool quiet; /* a failing creation gives NULL and is no error: the caller has another way */
    const char *node; /* named in diagnostics */
    wick_diag *diag;
    wick_status status;
} wick_dn;

void wick_dn_open(wick_dn *dn, wick_diag *diag);
/* Destroys every object that is not kept. */
void wick_dn_release(wick_dn *dn);
void wick_dn_free(wick_dn *dn);
/* Records a failure of oneDNN ("cannot <what>: <reason>"); true when `result` is success. */
bool wick_dn_check(wick_dn *dn, dnnl_status_t result, const char *what);
/* Name of the instruction set that the primitives use, e.g. "avx512_core". */
const char *wick_dn_isa(void);

/* Takes ownership of an object of kind WICK_DN_...; NULL gives NULL. Returns it. */
void *wick_dn_own(wick_dn *dn, void *object, int kind);

/* Memory descriptors, float. Plain is row-major of rank 1 to 5, any lets the primitive choose. */
wick_dn_md wick_dn_plain(wick_dn *dn, int rank, const dnnl_dim_t *dims);
wick_dn_md wick_dn_any(wick_dn *dn, int rank, const dnnl_dim_t *dims);
/* Images [N,C,H,W] with 16 or 8 channels together: nChw16c, nChw8c. */
wick_dn_md wick_dn_blocked(wick_dn *dn, const dnnl_dim_t *dims, int lanes);
wick_dn_md wick_dn_clone(wick_dn *dn, wick_dn_md md);
/* The part of `md` of size dims that starts at offsets; NULL when its layout cannot be cut there.
 */
wick_dn_md wick_dn_part(wick_dn *dn, wick_dn_md md, const dnnl_dim_t *dims,
                        const dnnl_dim_t *offsets);
wick_dn_md wick_dn_query(wick_dn *dn, wick_dn_pd pd, dnnl_query_t what);
size_t wick_dn_bytes(wick_dn_md md);
bool wick_dn_same(wick_dn_md a, wick_dn_md b);

/* A memory object without data, a primitive, and its implementation's name. */
dnnl_memory_t wick_dn_memory(wick_dn *dn, wick_dn_md md);
dnnl_primitive_t wick_dn_primitive(wick_dn *dn, wick_dn_pd pd);
const char *wick_dn_impl(wick_dn_pd pd);

/* What follows makes primitive descriptors: onednn_v2.c and onednn_v3.c, of which one compiles. */

/* Geometry of convolutions and poolings: [height, width]. */
typedef struct wick_dn_window {
    dnnl_alg_kind_t algorithm;
    dnnl_dims_t kernel, stride, dilation /* minus one */, pad_begin, pad_end;
    bool relu; /* convolution forward: ReLU on the result */
} wick_dn_window;

/* `bias` NULL: without. */
wick_dn_pd wick_dn_conv_forward(wick_dn *dn, const wick_dn_window *window, wick_dn_md src,
                                wick_dn_md weights, wick_dn_md bias, wick_dn_md dst);
wick_dn_pd wick_dn_conv_backward_data(wick_dn *dn, const wick_dn_window *window,
                                      wick_dn_md diff_src, wick_dn_md weights, wick_dn_md diff_dst,
                                      wick_dn_pd forward);
wick_dn_pd wick_dn_conv_backward_weights(wick_dn *dn, const wick_dn_window *window, wick_dn_md src,
                                         wick_dn_md diff_weights, wick_dn_md diff_bias,
                                         wick_dn_md diff_dst, wick_dn_pd forward);
wick_dn_pd wick_dn_fc_forward(wick_dn *dn, wick_dn_md src, wick_dn_md weights, wick_dn_md bias,
                              wick_dn_md dst);
wick_dn_pd wick_dn_fc_backward_data(wick_dn *dn, wick_dn_md diff_src, wick_dn_md weights,
                                    wick_dn_md diff_dst, wick_dn_pd forward);
wick_dn_pd wick_dn_fc_backward_weights(wick_dn *dn, wick_dn_md src, wick_dn_md diff_weights,
                                       wick_dn_md diff_bias, wick_dn_md diff_dst,
                                       wick_dn_pd forward);
/* flags: dnnl_use_scale | dnnl_use_shift | dnnl_use_global_stats | dnnl_fuse_norm_relu. */
wick_dn_pd wick_dn_norm_forward(wick_dn *dn, bool training, wick_dn_md src, float epsilon,
                                unsigned flags);
/* weights: scale and shift gradients too. */
wick_dn_pd wick_dn_norm_backward(wick_dn *dn, bool weights, wick_dn_md src, float epsilon,
                                 unsigned flags, wick_dn_pd forward);
/* True when batch-norm backward takes DNNL_ARG_SHIFT (2.x requires it, 3.x rejects it). */
bool wick_dn_norm_backward_takes_shift(void);
wick_dn_pd wick_dn_eltwise_forward(wick_dn *dn, dnnl_alg_kind_t algorithm, wick_dn_md src,
                                   float alpha, float beta);
/* `data` is src or dst, as the algorithm wants. */
wick_dn_pd wick_dn_eltwise_backward(wick_dn *dn, dnnl_alg_kind_t algorithm, wick_dn_md data,
                                    float alpha, float beta, wick_dn_pd forward);
wick_dn_pd wick_dn_pool_forward(wick_dn *dn, bool training, const wick_dn_window *window,
                                wick_dn_md src, wick_dn_md dst);
wick_dn_pd wick_dn_pool_backward(wick_dn *dn, const wick_dn_window *window, wick_dn_md diff_src,
                                 wick_dn_md diff_dst, wick_dn_pd forward);
wick_dn_pd wick_dn_softmax_forward(wick_dn *dn, wick_dn_md src, int axis);
wick_dn_pd wick_dn_softmax_backward(wick_dn *dn, wick_dn_md dst, int axis, wick_dn_pd forward);
wick_dn_pd wick_dn_concat(wick_dn *dn, int axis, int n, const wick_dn_md *srcs, wick_dn_md dst);
wick_dn_pd wick_dn_reorder(wick_dn *dn, wick_dn_md src, wick_dn_md dst);

#endif
