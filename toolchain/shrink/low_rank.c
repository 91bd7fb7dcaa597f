/* Truncated decompositions of matrices and kernels; see low_rank.h. */
#include "shrink/low_rank.h"

#include <assert.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int min(int a, int b) {
    return a < b ? a : b;
}

static wick_status check_finite(const double *a, size_t count, wick_diag *diag) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(a[i]))
            return wick_fail(diag, WICK_RANGE, NULL, NULL,
                             "the training diverged, or the file is damaged",
                             "element %zu is not finite", i);
    return WICK_OK;
}

wick_status wick_svd_of(const double *a, int rows, int cols, wick_arena *arena, wick_svd *svd,
                        wick_diag *diag) {
    assert(rows >= 1 && cols >= 1);
    size_t count = wick_size_mul((size_t)rows, (size_t)cols);
    WICK_TRY(check_finite(a, count, diag));
    int k = min(rows, cols);
    *svd = (wick_svd){.rows = rows, .cols = cols, .k = k};
    svd->u = wick_new(arena, double, (size_t)rows *(size_t)k);
    svd->s = wick_new(arena, double, k);
    svd->v = wick_new(arena, double, (size_t)cols *(size_t)k);
    double *work = wick_try_alloc(wick_size_mul(count + (size_t)k * (size_t)cols, sizeof *work));
    if (!work)
        return wick_fail(diag, WICK_MEMORY, NULL, NULL, NULL,
                         "no memory to decompose a %d x %d matrix", rows, cols);
    double *vt = work + count;
    memcpy(work, a, count * sizeof *a);
    int info =
        LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'S', rows, cols, work, cols, svd->s, svd->u, k, vt, cols);
    for (int i = 0; i < k; i++)
        for (int j = 0; j < cols; j++)
            svd->v[(size_t)j * (size_t)k + (size_t)i] = vt[(size_t)i * (size_t)cols + (size_t)j];
    free(work);
    return info == 0
               ? WICK_OK
               : wick_fail(diag, info == LAPACK_WORK_MEMORY_ERROR ? WICK_MEMORY : WICK_BACKEND,
                           NULL, NULL, NULL,
                           "the decomposition of a %d x %d matrix failed (LAPACK: %d)", rows, cols,
                           info);
}

/* c[rows,cols] = a[rows,inner] b[inner,cols]; small next to the decompositions. */
static void multiply(const double *a, const double *b, int rows, int inner, int cols, double *c) {
    memset(c, 0, (size_t)rows * (size_t)cols * sizeof *c);
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < inner; k++) {
            double factor = a[(size_t)i * (size_t)inner + (size_t)k];
            for (int j = 0; j < cols; j++)
                c[(size_t)i * (size_t)cols + (size_t)j] +=
                    factor * b[(size_t)k * (size_t)cols + (size_t)j];
        }
}

/* w[a,b,t] -> [b,a,t]. */
static double *swap_axes(const double *w, int a, int b, int taps, wick_arena *arena) {
    double *out = wick_new(arena, double, (size_t)a *(size_t)b *(size_t)taps);
    for (int i = 0; i < a; i++)
        for (int j = 0; j < b; j++)
            memcpy(out + ((size_t)j * (size_t)a + (size_t)i) * (size_t)taps,
                   w + ((size_t)i * (size_t)b + (size_t)j) * (size_t)taps,
                   (size_t)taps * sizeof *w);
    return out;
}

/* The first `rank` left singular vectors of a [rows,cols], transposed: [rank,rows]. */
static wick_status leading(const double *a, int rows, int cols, int rank, wick_arena *arena,
                           double **basis, wick_diag *diag) {
    wick_svd svd;
    WICK_TRY(wick_svd_of(a, rows, cols, arena, &svd, diag));
    assert(rank <= svd.k);
    *basis = wick_new(arena, double, (size_t)rank *(size_t)rows);
    for (int r = 0; r < rank; r++)
        for (int i = 0; i < rows; i++)
            (*basis)[(size_t)r * (size_t)rows + (size_t)i] =
                svd.u[(size_t)i * (size_t)svd.k + (size_t)r];
    return WICK_OK;
}

/* basis[rank,in] times w along its inputs: w[out,in,taps] -> [out,rank,taps] as [rank,out,taps]. */
static double *project_inputs(const double *w_by_in, const double *basis, int rank, int in,
                              int rest, wick_arena *arena) {
    double *out = wick_new(arena, double, (size_t)rank *(size_t)rest);
    multiply(basis, w_by_in, rank, in, rest, out);
    return out;
}

wick_status wick_tucker2_of(const double *w, int out, int in, int taps, int r_out, int r_in,
                            wick_arena *arena, wick_tucker2 *tucker, wick_diag *diag) {
    enum { ITERATIONS = 6 };
    assert(r_out >= 1 && r_out <= out && r_in >= 1 && r_in <= in);
    r_in = min(r_in, out * taps);
    r_out = min(r_out, r_in * taps);
    r_in = min(r_in, r_out * taps);
    wick_arena *work = wick_arena_new();
    double *by_in = swap_axes(w, out, in, taps, work), *u_out = NULL, *u_in = NULL, *half = NULL;
    wick_status status = leading(w, out, in * taps, r_out, work, &u_out, diag);
    for (int i = 0; i < ITERATIONS && status == WICK_OK; i++) {
        /* inputs, with the outputs projected: [r_out,in,taps] by in */
        half = project_inputs(w, u_out, r_out, out, in * taps, work);
        status = leading(swap_axes(half, r_out, in, taps, work), in, r_out * taps, r_in, work,
                         &u_in, diag);
        if (status != WICK_OK)
            break;
        /* outputs, with the inputs projected: [r_in,out,taps] by out */
        half = project_inputs(by_in, u_in, r_in, in, out * taps, work);
        status = leading(swap_axes(half, r_in, out, taps, work), out, r_in * taps, r_out, work,
                         &u_out, diag);
    }
    if (status == WICK_OK) {
        *tucker = (wick_tucker2){.out = out, .in = in, .taps = taps, .r_out = r_out, .r_in = r_in};
        tucker->first = wick_new(arena, double, (size_t)r_in *(size_t)in);
        memcpy(tucker->first, u_in, (size_t)r_in * (size_t)in * sizeof *u_in);
        double *by_out = swap_axes(half, r_in, out, taps, work);
        tucker->core = project_inputs(by_out, u_out, r_out, out, r_in * taps, arena);
        tucker->last = swap_axes(u_out, r_out, out, 1, arena);
    }
    wick_arena_free(work);
    return status;
}

wick_status wick_tucker2_spectra(const double *w, int out, int in, int taps, wick_arena *arena,
                                 double **of_out, double **of_in, wick_diag *diag) {
    wick_svd svd;
    WICK_TRY(wick_svd_of(w, out, in * taps, arena, &svd, diag));
    *of_out = svd.s;
    WICK_TRY(wick_svd_of(swap_axes(w, out, in, taps, arena), in, out * taps, arena, &svd, diag));
    *of_in = svd.s;
    return WICK_OK;
}

/* w[o,c,y,x] -> [(c,y),(o,x)]. */
static double *unfold_spatial(const double *w, int out, int in, int high, int wide,
                              wick_arena *arena) {
    double *m = wick_new(arena, double, (size_t)out *(size_t)in *(size_t)high *(size_t)wide);
    for (int o = 0; o < out; o++)
        for (int cy = 0; cy < in * high; cy++)
            for (int x = 0; x < wide; x++)
                m[((size_t)cy * (size_t)out + (size_t)o) * (size_t)wide + (size_t)x] =
                    w[((size_t)o * (size_t)in * (size_t)high + (size_t)cy) * (size_t)wide +
                      (size_t)x];
    return m;
}

wick_status wick_spatial_of(const double *w, int out, int in, int high, int wide, int rank,
                            wick_arena *arena, wick_spatial *spatial, wick_diag *diag) {
    int rows = in * high, cols = out * wide;
    assert(rank >= 1 && rank <= min(rows, cols));
    wick_svd svd;
    WICK_TRY(
        wick_svd_of(unfold_spatial(w, out, in, high, wide, arena), rows, cols, arena, &svd, diag));
    *spatial = (wick_spatial){.out = out, .in = in, .high = high, .wide = wide, .rank = rank};
    spatial->column = wick_new(arena, double, (size_t)rank *(size_t)rows);
    spatial->row = wick_new(arena, double, (size_t)rank *(size_t)cols);
    for (int r = 0; r < rank; r++) {
        double root = sqrt(svd.s[r]); /* either half has the same share, so that both train alike */
        for (int i = 0; i < rows; i++)
            spatial->column[(size_t)r * (size_t)rows + (size_t)i] =
                root * svd.u[(size_t)i * (size_t)svd.k + (size_t)r];
        for (int o = 0; o < out; o++)
            for (int x = 0; x < wide; x++)
                spatial->row[((size_t)o * (size_t)rank + (size_t)r) * (size_t)wide + (size_t)x] =
                    root *
                    svd.v[((size_t)o * (size_t)wide + (size_t)x) * (size_t)svd.k + (size_t)r];
    }
    return WICK_OK;
}

wick_status wick_spatial_spectrum(const double *w, int out, int in, int high, int wide,
                                  wick_arena *arena, double **s, wick_diag *diag) {
    wick_svd svd;
    WICK_TRY(wick_svd_of(unfold_spatial(w, out, in, high, wide, arena), in * high, out * wide,
                         arena, &svd, diag));
    *s = svd.s;
    return WICK_OK;
}
