/* Low-rank factors of matrices and convolution kernels: plain numbers, no graph. Double precision,
 * by LAPACK. All matrices row-major. */
#ifndef WICK_LOW_RANK_H
#define WICK_LOW_RANK_H

#include "base/base.h"

#include <stdint.h>

/* A thin singular value decomposition a = u diag(s) v^T, k = min(rows, cols), s falling. */
typedef struct wick_svd {
    int rows, cols, k;
    double *u; /* [rows,k] */
    double *s; /* [k] >= 0 */
    double *v; /* [cols,k] */
} wick_svd;
/* Of a [rows,cols], which keeps its values; u, s and v live in the arena. RANGE: a value is not
   finite; BACKEND: LAPACK did not converge; MEMORY. */
wick_status wick_svd_of(const double *a, int rows, int cols, wick_arena *arena, wick_svd *svd,
                        wick_diag *diag);

/* Rank of the signal in a noisy L x M matrix with the singular values s[0..k) (falling, k =
   min(L,M)): the empirical variational Bayes solution with the noise's variance estimated
   (Nakajima, Sugiyama, Babacan, Tomioka 2013, theorems 2 and 3; papers/3-freeml): with a = L/M (L
   <= M), t = 2.5129 sqrt(a), sigma^2 the minimum of the free energy, rank = #{ s > sqrt(M sigma^2
   (1 + t)(1 + a/t)) }. 0 = nothing stands out of the noise. */
int wick_evbmf_rank(const double *s, int rows, int cols);
/* The free energy of that noise (eq. 19 there, constants left out): for tests. */
double wick_evbmf_energy(const double *s, int rows, int cols, double variance);

/* A kernel w[o,c,y,x] as a 1x1 convolution c -> r_in, one of the old size r_in -> r_out, and a 1x1
   one r_out -> o (Tucker-2: Kim et al. 2016, section 3.1). */
typedef struct wick_tucker2 {
    int out, in, taps, r_out, r_in;
    double *first; /* [r_in,in] */
    double *core;  /* [r_out,r_in,taps] */
    double *last;  /* [out,r_out] */
} wick_tucker2;
/* By higher-order orthogonal iteration from the truncated decompositions of the unfoldings. 1 <=
   r_out <= out, 1 <= r_in <= in; ranks that an unfolding cannot have (r_out > in * taps ...) are
   cut. Errors as wick_svd_of. */
wick_status wick_tucker2_of(const double *w, int out, int in, int taps, int r_out, int r_in,
                            wick_arena *arena, wick_tucker2 *tucker, wick_diag *diag);
/* Singular values of the unfoldings of w along the outputs [min(out, in taps)] and the inputs
 * [min(in, out taps)]. */
wick_status wick_tucker2_spectra(const double *w, int out, int in, int taps, wick_arena *arena,
                                 double **of_out, double **of_in, wick_diag *diag);

/* A kernel w[o,c,y,x] as a column convolution c -> rank (high x 1) and a row one rank -> o (1 x
   wide): the best such pair (Jaderberg et al. 2014, scheme 2; Tai et al. 2016, theorem 1). */
typedef struct wick_spatial {
    int out, in, high, wide, rank;
    double *column; /* [rank,in,high] */
    double *row;    /* [out,rank,wide] */
} wick_spatial;
/* 1 <= rank <= min(in * high, out * wide). Errors as wick_svd_of. */
wick_status wick_spatial_of(const double *w, int out, int in, int high, int wide, int rank,
                            wick_arena *arena, wick_spatial *spatial, wick_diag *diag);
/* Singular values of the matrix that it is the best rank-`rank` approximation of, min(in high, out
 * wide). */
wick_status wick_spatial_spectrum(const double *w, int out, int in, int high, int wide,
                                  wick_arena *arena, double **s, wick_diag *diag);

#endif
