/* Batch norm of our own over blocked channels (nChw16c, nChw8c), with the ReLU and the 2x2 maximum
   pool behind it in the same pass. Per channel over the m = N H W pixels (Ioffe and Szegedy, Batch
   normalization, ICML 2015):
     mean = sum x / m,   variance = sum (x - mean)^2 / m,   r = 1 / sqrt(variance + epsilon)
     y = scale (x - mean) r + bias
     dbias = sum dy,   dscale = r sum dy (x - mean)
     dx = scale r (dy - dbias / m - (x - mean) r dscale / m)
   and with running instead of batch statistics dx = scale r dy. Against oneDNN's: one pass less
   over x for the statistics, no mask of ReLU in memory, and behind a pool neither the full-size
   result nor its gradient. */
#ifndef WICK_ONEDNN_NORM_H
#define WICK_ONEDNN_NORM_H

#include <stdbool.h>
#include <stddef.h>

enum { WICK_DN_MAX_VARIANTS = 3, WICK_DN_MAX_LANES = 16 };

/* The inner loops in one instruction set; arguments in onednn_lanes.h. */
typedef struct wick_dn_lanes {
    int lanes; /* channels of a block: 16 or 8 */
    void (*sums)(const float *x, long count, const float *shift, float *sums);
    void (*apply)(const float *x, float *y, long count, const float *k, const float *o, bool relu);
    void (*apply_pool)(const float *x, float *y, long h, long w, const float *k, const float *o,
                       bool relu);
    void (*grad_sums)(const float *x, const float *dy, long count, const float *k, const float *o,
                      const float *mean, bool relu, float *sums);
    void (*grad_apply)(const float *x, const float *dy, float *dx, long count, const float *k,
                       const float *o, const float *mean, const float *c1, const float *c2,
                       bool relu);
    void (*pool_grad_sums)(const float *x, const float *dy, long h, long w, const float *k,
                           const float *o, const float *mean, bool relu, float *sums);
    void (*pool_grad_apply)(const float *x, const float *dy, float *dx, long h, long w,
                            const float *k, const float *o, const float *mean, const float *c1,
                            const float *c2, bool relu);
} wick_dn_lanes;
/* Those that this machine can run, the fastest first; `lanes` 16 or 8. Returns how many (>= 1). All
   give the same bits. */
int wick_dn_lanes_variants(int lanes, const wick_dn_lanes *variants[WICK_DN_MAX_VARIANTS]);

/* One batch norm, [batch, channels, height, width]. */
typedef struct wick_dn_norm {
    const wick_dn_lanes *kernels;
    long batch, channels, height, width;
    float epsilon;
    bool relu, pool;
    bool batch_statistics; /* else mean and variance are given and do not depend on x */
    bool trains;           /* backward fills dscale and dbias */
    void *scratch;         /* wick_dn_norm_scratch bytes, aligned as double */
} wick_dn_norm;
size_t wick_dn_norm_scratch(const wick_dn_norm *norm);

/* x, y, dy, dx: blocked, the channels that fill the last block zero (and left so); mean, variance,
   scale, bias, dscale, dbias [channels]; y and dy [N,C,H/2,W/2] where `pool` is set, of the first
   of equal numbers; all four aligned to 64 bytes. The same bits for any number of threads. */
void wick_dn_norm_run(const wick_dn_norm *norm, const float *x, const float *scale,
                      const float *bias, float *mean, float *variance, float *y);
/* dx may be dy without pool; dscale and dbias are NULL unless `trains`. */
void wick_dn_norm_run_backward(const wick_dn_norm *norm, const float *x, const float *scale,
                               const float *bias, const float *mean, const float *variance,
                               const float *dy, float *dx, float *dscale, float *dbias);

#endif
