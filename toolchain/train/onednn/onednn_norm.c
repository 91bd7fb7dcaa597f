#include "train/onednn/onednn_norm.h"

#include <math.h>
#include <string.h>

/* Images are summed in this many runs, whatever the number of threads. Blocks of channels are done
   in groups that stay in a cache between the two passes over them. */
enum { CHUNKS = 16, GROUP_BYTES = 4 << 20 };

/* What the loops need to know of a block. */
typedef struct lanes_of {
    float k[WICK_DN_MAX_LANES], o[WICK_DN_MAX_LANES], mean[WICK_DN_MAX_LANES];
    float c1[WICK_DN_MAX_LANES], c2[WICK_DN_MAX_LANES];
} lanes_of;

static long blocks_of(const wick_dn_norm *n) {
    return (n->channels + n->kernels->lanes - 1) / n->kernels->lanes;
}

/* Numbers of one block of one image, of x (and of y where there is no pool). */
static long plane_of(const wick_dn_norm *n) {
    return n->height * n->width * n->kernels->lanes;
}

static long pooled_of(const wick_dn_norm *n) {
    return n->pool ? plane_of(n) / 4 : plane_of(n);
}

static long group_of(const wick_dn_norm *n) {
    long fit = GROUP_BYTES / (n->batch * plane_of(n) * (long)sizeof(float));
    long blocks = blocks_of(n);
    return fit < 1 ? 1 : fit < blocks ? fit : blocks;
}

size_t wick_dn_norm_scratch(const wick_dn_norm *n) {
    return (size_t)group_of(n) *
           ((size_t)(CHUNKS * 2 * n->kernels->lanes) * sizeof(double) + sizeof(lanes_of));
}

static long channels_in(const wick_dn_norm *n, long block) {
    long left = n->channels - block * n->kernels->lanes;
    return left < n->kernels->lanes ? left : n->kernels->lanes;
}

static double *partial_of(const wick_dn_norm *n, long in_group, long chunk) {
    return (double *)n->scratch + (in_group * CHUNKS + chunk) * 2 * n->kernels->lanes;
}

static lanes_of *lanes_at(const wick_dn_norm *n, long in_group) {
    return (lanes_of *)(void *)partial_of(n, group_of(n), 0) + in_group;
}

/* sums[2][lanes] of a block over all chunks, in order. */
static void collect(const wick_dn_norm *n, long in_group, double *sums) {
    int count = 2 * n->kernels->lanes;
    memset(sums, 0, (size_t)count * sizeof *sums);
    for (long chunk = 0; chunk < CHUNKS; chunk++) {
        const double *partial = partial_of(n, in_group, chunk);
        for (int i = 0; i < count; i++)
            sums[i] += partial[i];
    }
}

/* y = k x + o for a block. Channels beyond the last give zero. */
static void affine(const wick_dn_norm *n, long block, const float *scale, const float *bias,
                   const float *mean, const float *variance, lanes_of *out) {
    memset(out, 0, sizeof *out);
    long first = block * n->kernels->lanes, count = channels_in(n, block);
    for (long l = 0; l < count; l++) {
        float r = 1.0f / sqrtf(variance[first + l] + n->epsilon);
        out->mean[l] = mean[first + l];
        out->k[l] = scale[first + l] * r;
        out->o[l] = bias[first + l] - out->mean[l] * out->k[l];
    }
}

static void chunk_of(const wick_dn_norm *n, long chunk, long *from, long *to) {
    *from = n->batch * chunk / CHUNKS;
    *to = n->batch * (chunk + 1) / CHUNKS;
}

/* ---- forward ---- */

static void statistics_chunk(const wick_dn_norm *n, const float *x, long block, long chunk,
                             double *partial) {
    float sums[2 * WICK_DN_MAX_LANES];
    int lanes = n->kernels->lanes;
    long from, to, plane = plane_of(n), blocks = blocks_of(n);
    chunk_of(n, chunk, &from, &to);
    memset(partial, 0, 2 * (size_t)lanes * sizeof *partial);
    for (long i = from; i < to; i++) {
        n->kernels->sums(x + (i * blocks + block) * plane, n->height * n->width, x + block * plane,
                         sums);
        for (int l = 0; l < 2 * lanes; l++)
            partial[l] += (double)sums[l];
    }
}

/* Sums are taken about the first pixel, whatever the mean is. */
static void statistics(const wick_dn_norm *n, const float *x, long block, long in_group,
                       float *mean, float *variance) {
    double sums[2 * WICK_DN_MAX_LANES], m = (double)(n->batch * n->height * n->width);
    int lanes = n->kernels->lanes;
    const float *shift = x + block * plane_of(n);
    collect(n, in_group, sums);
    for (long l = 0; l < channels_in(n, block); l++) {
        double about = sums[l] / m, square = sums[lanes + l] / m - about * about;
        mean[block * lanes + l] = (float)((double)shift[l] + about);
        variance[block * lanes + l] = square > 0 ? (float)square : 0;
    }
}

static void normalise(const wick_dn_norm *n, const float *x, long block, long image,
                      const lanes_of *lanes, float *y) {
    long at = image * blocks_of(n) + block;
    x += at * plane_of(n);
    y += at * pooled_of(n);
    if (n->pool)
        n->kernels->apply_pool(x, y, n->height, n->width, lanes->k, lanes->o, n->relu);
    else
        n->kernels->apply(x, y, n->height * n->width, lanes->k, lanes->o, n->relu);
}

void wick_dn_norm_run(const wick_dn_norm *n, const float *x, const float *scale, const float *bias,
                      float *mean, float *variance, float *y) {
    long blocks = blocks_of(n), group = group_of(n);
    for (long first = 0; first < blocks; first += group) {
        long here = blocks - first < group ? blocks - first : group;
        if (n->batch_statistics) {
#pragma omp parallel for collapse(2) schedule(static)
            for (long b = 0; b < here; b++)
                for (long chunk = 0; chunk < CHUNKS; chunk++)
                    statistics_chunk(n, x, first + b, chunk, partial_of(n, b, chunk));
            for (long b = 0; b < here; b++)
                statistics(n, x, first + b, b, mean, variance);
        }
        for (long b = 0; b < here; b++)
            affine(n, first + b, scale, bias, mean, variance, lanes_at(n, b));
#pragma omp parallel for schedule(static)
        for (long i = 0; i < n->batch; i++) /* backwards: the last images are still near */
            for (long b = here - 1; b >= 0; b--)
                normalise(n, x, first + b, n->batch - 1 - i, lanes_at(n, b), y);
    }
}

/* ---- backward ---- */

typedef struct gradients {
    const float *x, *scale, *bias, *mean, *variance, *dy;
    float *dx;
} gradients;

static void gradient_chunk(const wick_dn_norm *n, const gradients *g, long block, long chunk,
                           double *partial) {
    float sums[2 * WICK_DN_MAX_LANES];
    int lanes = n->kernels->lanes;
    lanes_of of;
    affine(n, block, g->scale, g->bias, g->mean, g->variance, &of);
    memset(partial, 0, 2 * (size_t)lanes * sizeof *partial);
    long from, to;
    chunk_of(n, chunk, &from, &to);
    for (long i = from; i < to; i++) {
        long at = i * blocks_of(n) + block;
        const float *x = g->x + at * plane_of(n), *dy = g->dy + at * pooled_of(n);
        if (n->pool)
            n->kernels->pool_grad_sums(x, dy, n->height, n->width, of.k, of.o, of.mean, n->relu,
                                       sums);
        else
            n->kernels->grad_sums(x, dy, n->height * n->width, of.k, of.o, of.mean, n->relu, sums);
        for (int l = 0; l < 2 * lanes; l++)
            partial[l] += (double)sums[l];
    }
}

static void gradient_apply(const wick_dn_norm *n, const gradients *g, long block, long image,
                           const lanes_of *of) {
    long at = image * blocks_of(n) + block;
    const float *x = g->x + at * plane_of(n), *dy = g->dy + at * pooled_of(n);
    float *dx = g->dx + at * plane_of(n);
    if (n->pool)
        n->kernels->pool_grad_apply(x, dy, dx, n->height, n->width, of->k, of->o, of->mean, of->c1,
                                    of->c2, n->relu);
    else
        n->kernels->grad_apply(x, dy, dx, n->height * n->width, of->k, of->o, of->mean, of->c1,
                               of->c2, n->relu);
}

/* What every pixel of a block needs: with batch statistics c1 and c2 from the sums. */
static void coefficients(const wick_dn_norm *n, const gradients *g, long block, long in_group,
                         lanes_of *of) {
    affine(n, block, g->scale, g->bias, g->mean, g->variance, of);
    if (!n->batch_statistics)
        return;
    double sums[2 * WICK_DN_MAX_LANES], m = (double)(n->batch * n->height * n->width);
    int lanes = n->kernels->lanes;
    collect(n, in_group, sums);
    for (long l = 0; l < channels_in(n, block); l++) {
        double v = (double)g->variance[block * lanes + l] + (double)n->epsilon;
        of->c1[l] = (float)(sums[l] / m);
        of->c2[l] = (float)(sums[lanes + l] / m / v);
    }
}

static void parameter_gradients(const wick_dn_norm *n, long block, long in_group,
                                const float *variance, float *dscale, float *dbias) {
    double sums[2 * WICK_DN_MAX_LANES];
    int lanes = n->kernels->lanes;
    collect(n, in_group, sums);
    for (long l = 0; l < channels_in(n, block); l++) {
        double v = (double)variance[block * lanes + l] + (double)n->epsilon;
        dbias[block * lanes + l] = (float)sums[l];
        dscale[block * lanes + l] = (float)(sums[lanes + l] / sqrt(v));
    }
}

void wick_dn_norm_run_backward(const wick_dn_norm *n, const float *x, const float *scale,
                               const float *bias, const float *mean, const float *variance,
                               const float *dy, float *dx, float *dscale, float *dbias) {
    const gradients g = {x, scale, bias, mean, variance, dy, dx};
    long blocks = blocks_of(n), group = group_of(n);
    for (long first = 0; first < blocks; first += group) {
        long here = blocks - first < group ? blocks - first : group;
        if (n->batch_statistics || n->trains) {
#pragma omp parallel for collapse(2) schedule(static)
            for (long b = 0; b < here; b++)
                for (long chunk = 0; chunk < CHUNKS; chunk++)
                    gradient_chunk(n, &g, first + b, chunk, partial_of(n, b, chunk));
        }
        for (long b = 0; b < here && n->trains; b++)
            parameter_gradients(n, first + b, b, variance, dscale, dbias);
        for (long b = 0; b < here; b++)
            coefficients(n, &g, first + b, b, lanes_at(n, b));
#pragma omp parallel for schedule(static)
        for (long i = 0; i < n->batch; i++)
            for (long b = here - 1; b >= 0; b--)
                gradient_apply(n, &g, first + b, n->batch - 1 - i, lanes_at(n, b));
    }
}
