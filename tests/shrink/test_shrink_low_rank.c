/* Decompositions of matrices and kernels of known rank, the rank of a signal in noise, and graphs
   whose layers are taken apart. */
#include "shrink/collapse.h"
#include "shrink/low_rank.h"
#include "shrink/separate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static double *normal(wick_arena *arena, wick_rng *rng, int count) {
    double *a = wick_new(arena, double, count);
    for (int i = 0; i < count; i++)
        a[i] = (double)wick_rng_normal(rng);
    return a;
}

/* a += left [rows,rank] right [rank,cols]. */
static void add_product(double *a, const double *left, const double *right, int rows, int rank,
                        int cols) {
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < rank; k++)
            for (int j = 0; j < cols; j++)
                a[i * cols + j] += left[i * rank + k] * right[k * cols + j];
}

static void decomposition_gives_the_matrix_back(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_rng rng = wick_rng_seed(1, 1);
    static const int sizes[][2] = {{1, 1}, {7, 3}, {3, 7}, {20, 20}};
    for (size_t n = 0; n < WICK_LEN(sizes); n++) {
        int rows = sizes[n][0], cols = sizes[n][1];
        double *a = normal(arena, &rng, rows * cols);
        wick_svd svd;
        assert_int_equal(wick_svd_of(a, rows, cols, arena, &svd, NULL), WICK_OK);
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < cols; j++) {
                double sum = 0;
                for (int k = 0; k < svd.k; k++)
                    sum += svd.u[i * svd.k + k] * svd.s[k] * svd.v[j * svd.k + k];
                assert_true(fabs(sum - a[i * cols + j]) < 1e-12);
            }
        for (int k = 1; k < svd.k; k++)
            assert_true(svd.s[k] <= svd.s[k - 1]);
    }
    wick_diag diag = {0};
    wick_svd svd;
    assert_int_equal(wick_svd_of((double[]){1, (double)NAN}, 1, 2, arena, &svd, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "element 1 is not finite"));
    wick_diag_free(&diag);
    wick_arena_free(arena);
}

/* Two singular values in a 2 x 8 matrix: a = 1/4, t = 1.25645, bound = 2.25645 (1 + 0.25 / 1.25645)
   = 2.70543. With variance 1, s^2 / 8 = 8 and 0.5: 0.5 - log 0.5 for the noise; b = 6.75, tau =
   (6.75 + sqrt(44.5625)) / 2 = 6.712754 and 8 - log 8 + log(7.712754) + log(27.851016) / 4
   - 6.712754 for the signal. */
static void energy_is_the_formula(void **state) {
    (void)state;
    double s[2] = {8, 2};
    double noise = 0.5 + 0.693147181;
    double signal = 8 - 2.079441542 + 2.042875488 + 0.831711 - 6.712754;
    assert_true(fabs(wick_evbmf_energy(s, 2, 8, 1) - (noise + signal)) < 1e-5);
    assert_true(wick_evbmf_energy(s, 8, 2, 1) == wick_evbmf_energy(s, 2, 8, 1));
    /* 20 / 8 = 2.5 is below the bound, and so all noise */
    double just_below[2] = {sqrt(20), 2};
    assert_true(fabs(wick_evbmf_energy(just_below, 2, 8, 1) - (2.5 - log(2.5) + noise)) < 1e-9);
}

/* Noise alone has no rank; signals well above the edge of the noise, 1 + sqrt(a), are counted one
 * by one. */
static void rank_of_a_signal_in_noise(void **state) {
    (void)state;
    static const int sizes[][2] = {{40, 160}, {160, 40}, {64, 64}, {30, 300}};
    for (size_t n = 0; n < WICK_LEN(sizes); n++)
        for (int rank = 0; rank <= 8; rank += 2) {
            int rows = sizes[n][0], cols = sizes[n][1];
            wick_arena *arena = wick_arena_new();
            wick_rng rng = wick_rng_seed((uint64_t)(100 * n) + (uint64_t)rank, 2);
            double *a = normal(arena, &rng, rows * cols);
            for (int i = 0; i < rows * cols; i++)
                a[i] *= 0.1;
            add_product(a, normal(arena, &rng, rows * rank), normal(arena, &rng, rank * cols), rows,
                        rank, cols);
            wick_svd svd;
            assert_int_equal(wick_svd_of(a, rows, cols, arena, &svd, NULL), WICK_OK);
            assert_int_equal(wick_evbmf_rank(svd.s, rows, cols), rank);
            wick_arena_free(arena);
        }
    assert_int_equal(wick_evbmf_rank((double[]){0, 0}, 2, 5), 0);
}

/* w[o,c,t] = sum over p, q of last[o,p] core[p,q,t] first[q,c]. */
static double *tucker_kernel(const wick_tucker2 *t, wick_arena *arena) {
    double *w = wick_new(arena, double, t->out * t->in * t->taps);
    for (int o = 0; o < t->out; o++)
        for (int c = 0; c < t->in; c++)
            for (int p = 0; p < t->r_out; p++)
                for (int q = 0; q < t->r_in; q++)
                    for (int i = 0; i < t->taps; i++)
                        w[(o * t->in + c) * t->taps + i] +=
                            t->last[o * t->r_out + p] * t->core[(p * t->r_in + q) * t->taps + i] *
                            t->first[q * t->in + c];
    return w;
}

static double distance(const double *a, const double *b, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum);
}

static void kernel_of_known_ranks(void **state) {
    (void)state;
    static const int cases[][5] = {/* out, in, taps, r_out, r_in */ {12, 9, 9, 4, 3},
                                   {9, 12, 9, 3, 5},
                                   {16, 8, 25, 16, 2},
                                   {5, 30, 1, 2, 2}};
    for (size_t n = 0; n < WICK_LEN(cases); n++) {
        const int *c = cases[n];
        wick_arena *arena = wick_arena_new();
        wick_rng rng = wick_rng_seed(n, 3);
        wick_tucker2 made = {.out = c[0], .in = c[1], .taps = c[2], .r_out = c[3], .r_in = c[4]},
                     found;
        made.first = normal(arena, &rng, made.r_in * made.in);
        made.core = normal(arena, &rng, made.r_out * made.r_in * made.taps);
        made.last = normal(arena, &rng, made.out * made.r_out);
        double *w = tucker_kernel(&made, arena), *of_out, *of_in;
        assert_int_equal(
            wick_tucker2_spectra(w, made.out, made.in, made.taps, arena, &of_out, &of_in, NULL),
            WICK_OK);
        assert_true(of_out[made.r_out - 1] > 1e-6);
        assert_true(made.r_out == made.out || of_out[made.r_out] < 1e-9 * of_out[0]);
        assert_true(of_in[made.r_in - 1] > 1e-6 && of_in[made.r_in] < 1e-9 * of_in[0]);
        assert_int_equal(wick_tucker2_of(w, made.out, made.in, made.taps, made.r_out, made.r_in,
                                         arena, &found, NULL),
                         WICK_OK);
        assert_int_equal(found.r_out, made.r_out);
        assert_int_equal(found.r_in, made.r_in);
        assert_true(distance(w, tucker_kernel(&found, arena), made.out * made.in * made.taps) <
                    1e-9);
        wick_arena_free(arena);
    }
}

/* Iterating must not be worse than projecting once, and a truncation is at least as far off as the
   best of either unfolding. */
static void truncated_kernel_is_near_the_bound(void **state) {
    (void)state;
    enum { OUT = 10, IN = 8, TAPS = 9, R_OUT = 4, R_IN = 3 };
    wick_arena *arena = wick_arena_new();
    wick_rng rng = wick_rng_seed(5, 4);
    double *w = normal(arena, &rng, OUT * IN * TAPS), *of_out, *of_in, bound_out = 0, bound_in = 0;
    wick_tucker2 t;
    assert_int_equal(wick_tucker2_spectra(w, OUT, IN, TAPS, arena, &of_out, &of_in, NULL), WICK_OK);
    for (int i = R_OUT; i < OUT; i++)
        bound_out += of_out[i] * of_out[i];
    for (int i = R_IN; i < IN; i++)
        bound_in += of_in[i] * of_in[i];
    assert_int_equal(wick_tucker2_of(w, OUT, IN, TAPS, R_OUT, R_IN, arena, &t, NULL), WICK_OK);
    double error = distance(w, tucker_kernel(&t, arena), OUT * IN * TAPS);
    assert_true(error >= sqrt(fmax(bound_out, bound_in)));
    assert_true(error <= sqrt(bound_out + bound_in));
    wick_arena_free(arena);
}

static void kernel_of_columns_and_rows(void **state) {
    (void)state;
    enum { OUT = 6, IN = 5, HIGH = 3, WIDE = 4, RANK = 4 };
    wick_arena *arena = wick_arena_new();
    wick_rng rng = wick_rng_seed(6, 5);
    double *column = normal(arena, &rng, RANK * IN * HIGH),
           *row = normal(arena, &rng, OUT * RANK * WIDE);
    double w[OUT][IN][HIGH][WIDE] = {0}, *s;
    for (int o = 0; o < OUT; o++)
        for (int c = 0; c < IN; c++)
            for (int r = 0; r < RANK; r++)
                for (int y = 0; y < HIGH; y++)
                    for (int x = 0; x < WIDE; x++)
                        w[o][c][y][x] +=
                            column[(r * IN + c) * HIGH + y] * row[(o * RANK + r) * WIDE + x];
    assert_int_equal(wick_spatial_spectrum(&w[0][0][0][0], OUT, IN, HIGH, WIDE, arena, &s, NULL),
                     WICK_OK);
    assert_true(s[RANK - 1] > 1e-6 && s[RANK] < 1e-12 * s[0]);
    wick_spatial p;
    assert_int_equal(wick_spatial_of(&w[0][0][0][0], OUT, IN, HIGH, WIDE, RANK, arena, &p, NULL),
                     WICK_OK);
    for (int o = 0; o < OUT; o++)
        for (int c = 0; c < IN; c++)
            for (int y = 0; y < HIGH; y++)
                for (int x = 0; x < WIDE; x++) {
                    double sum = 0;
                    for (int r = 0; r < RANK; r++)
                        sum += p.column[(r * IN + c) * HIGH + y] * p.row[(o * RANK + r) * WIDE + x];
                    assert_true(fabs(sum - w[o][c][y][x]) < 1e-10);
                }
    wick_arena_free(arena);
}

/* --- graphs --- */

/* Convolutions with strides, one-sided padding and dilation, and two fully connected layers, all of
   low rank; a depthwise layer and a small one that must stay whole. */
static void low_rank_weights(float *w, int out, int in, int taps, wick_rng *rng) {
    wick_arena *arena = wick_arena_new();
    wick_tucker2 t = {.out = out, .in = in, .taps = taps, .r_out = 2, .r_in = 2};
    t.first = normal(arena, rng, 2 * in);
    t.core = normal(arena, rng, 4 * taps);
    t.last = normal(arena, rng, out * 2);
    double *k = tucker_kernel(&t, arena);
    for (int i = 0; i < out * in * taps; i++)
        w[i] =
            (float)(k[i] / (2 * sqrt((double)(in * taps))) + 1e-5 * (double)wick_rng_normal(rng));
    wick_arena_free(arena);
}

/* Low-rank weights, which "wide" and "narrow" do not care about. */
static int linear(wick_graph *graph, const char *name, int x, wick_shape shape, wick_attrs attrs,
                  wick_rng *rng) {
    wick_arena *arena = graph->arena;
    int count = (int)wick_shape_count(shape), out = (int)shape.dim[0], in = (int)shape.dim[1];
    float *w = wick_new(arena, float, count), *b = wick_new(arena, float, out);
    low_rank_weights(w, out, in, count / out / in, rng);
    for (int o = 0; o < out; o++)
        b[o] = (float)wick_rng_normal(rng);
    int inputs[3] = {
        x,
        wick_graph_tensor(graph, wick_arena_printf(arena, "%s.weight", name), WICK_F32, shape, w),
        wick_graph_tensor(graph, wick_arena_printf(arena, "%s.bias", name), WICK_F32,
                          (wick_shape){1, {out}}, b)};
    return wick_graph_node(graph, name, shape.rank == 2 ? WICK_OP_GEMM : WICK_OP_CONV, inputs, 3,
                           name, &attrs);
}

static wick_attrs window(int high, int wide, int stride_y, int stride_x, int dilation,
                         const int pad[4]) {
    wick_attrs a = wick_attrs_default();
    a.kernel[0] = high;
    a.kernel[1] = wide;
    a.stride[0] = stride_y;
    a.stride[1] = stride_x;
    a.dilation[0] = a.dilation[1] = dilation;
    memcpy(a.pad, pad, sizeof a.pad);
    return a;
}

static wick_graph *network(void) {
    wick_graph *g = wick_graph_new("n");
    wick_rng rng = wick_rng_seed(8, 6);
    g->input = wick_graph_tensor(g, "x", WICK_F32, (wick_shape){4, {1, 3, 14, 15}}, NULL);
    int x = linear(g, "small", g->input, (wick_shape){4, {4, 3, 3, 3}},
                   window(3, 3, 1, 1, 1, (int[]){1, 1, 1, 1}), &rng);
    x = linear(g, "strided", x, (wick_shape){4, {24, 4, 3, 5}},
               window(3, 5, 2, 1, 1, (int[]){0, 2, 1, 1}), &rng);
    x = wick_graph_node(g, "relu", WICK_OP_RELU, &x, 1, "relu", NULL);
    x = linear(g, "dilated", x, (wick_shape){4, {32, 24, 3, 3}},
               window(3, 3, 1, 1, 2, (int[]){2, 2, 2, 2}), &rng);
    x = linear(g, "point", x, (wick_shape){4, {40, 32, 1, 1}},
               window(1, 1, 1, 2, 1, (int[]){0, 0, 0, 0}), &rng);
    x = wick_graph_node(g, "pool", WICK_OP_GLOBAL_AVG_POOL, &x, 1, "pool", NULL);
    x = wick_graph_node(g, "flat", WICK_OP_FLATTEN, &x, 1, "flat", NULL);
    x = linear(g, "fc", x, (wick_shape){2, {50, 40}}, wick_attrs_default(), &rng);
    g->family.n_heads = 1;
    g->family.heads[0] = x;
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    assert_int_equal(wick_graph_segment(g, NULL), WICK_OK);
    return g;
}

static void assert_same_answers(const wick_graph *a, const wick_graph *b, double tolerance) {
    float x[3 * 14 * 15];
    wick_rng rng = wick_rng_seed(9, 7);
    for (size_t i = 0; i < WICK_LEN(x); i++)
        x[i] = (float)wick_rng_normal(&rng);
    void **values_a, **values_b;
    assert_int_equal(wick_graph_eval(a, x, &values_a, NULL), WICK_OK);
    assert_int_equal(wick_graph_eval(b, x, &values_b, NULL), WICK_OK);
    const float *ya = values_a[a->family.heads[0]], *yb = values_b[b->family.heads[0]];
    double size = 0, error = 0;
    for (int i = 0; i < 50; i++) {
        size = fmax(size, fabs((double)ya[i]));
        error = fmax(error, fabs((double)ya[i] - (double)yb[i]));
    }
    assert_true(size > 0.1);
    assert_true(error < tolerance * size);
    wick_values_free(a, values_a);
    wick_values_free(b, values_b);
}

static const wick_node *node_called(const wick_graph *graph, const char *name) {
    for (int n = 0; n < graph->n_nodes; n++)
        if (!strcmp(graph->nodes[n].name, name))
            return &graph->nodes[n];
    return NULL;
}

static void separated_graph_computes_the_same(void **state) {
    (void)state;
    wick_graph *graph = network();
    for (int kernel = 0; kernel < 2; kernel++) {
        wick_separate_options options = wick_separate_defaults();
        options.kernel = (wick_separate_kernel)kernel;
        options.limit_bytes = 2000;
        options.fc_rank = 0.04; /* 2 of 50 */
        wick_graph *out;
        wick_separation list;
        assert_int_equal(wick_separate(graph, &options, &out, &list, NULL), WICK_OK);
        assert_int_equal(list.n, 4);
        assert_same_answers(graph, out, 1e-3);
        assert_non_null(node_called(out, "fc.first"));
        assert_null(node_called(out, "small.first"));
        assert_int_equal(node_called(out, "dilated.core") != NULL, kernel == WICK_SEPARATE_TUCKER);
        int64_t saved =
            wick_graph_counts(graph, 1).parameters - wick_graph_counts(out, 1).parameters;
        for (int i = 0; i < list.n; i++) {
            assert_true(list.layers[i].after < list.layers[i].before &&
                        list.layers[i].error < 1e-3);
            assert_true(list.layers[i].parts >= 2 && list.layers[i].rank >= 2);
            saved -= (list.layers[i].before - list.layers[i].after) / 4;
        }
        assert_int_equal(saved, 0); /* what the list says is what became of the graph */
        wick_graph_free(out);
    }
    wick_graph_free(graph);
}

/* By buffers it is the maps that count: "point" reads 32 and writes 40 channels, its parts hold 2
 * between them. */
static void buffers_as_the_criterion(void **state) {
    (void)state;
    wick_graph *graph = network(), *out;
    wick_separation list;
    wick_separate_options options = wick_separate_defaults();
    options.by = WICK_SEPARATE_BY_BUFFERS;
    options.limit_bytes = 12000;
    assert_int_equal(wick_separate(graph, &options, &out, &list, NULL), WICK_OK);
    assert_true(list.n >= 1);
    for (int i = 0; i < list.n; i++)
        assert_true(list.layers[i].before >= 12000 &&
                    list.layers[i].after <= list.layers[i].before);
    assert_string_equal(list.layers[0].name, "strided");
    assert_int_equal(list.layers[0].before, 4 * (4 * 14 * 15 + 24 * 7 * 14));
    assert_int_equal(list.layers[0].parts, 3);
    /* input, first [2,14,15], core [2,7,14], last [24,7,14]: the last two maps are the most */
    assert_int_equal(list.layers[0].after, 4 * (2 * 7 * 14 + 24 * 7 * 14));
    wick_graph_free(out);
    wick_graph_free(graph);
}

/* Points with padding and stride, then a chain of fully connected layers; the activation in
   between, and the second's stride, keep "kept" apart. */
static wick_graph *chain(void) {
    wick_graph *g = wick_graph_new("chain");
    wick_rng rng = wick_rng_seed(10, 8);
    g->input = wick_graph_tensor(g, "x", WICK_F32, (wick_shape){4, {1, 3, 14, 15}}, NULL);
    int x = linear(g, "a", g->input, (wick_shape){4, {20, 3, 1, 1}},
                   window(1, 1, 2, 1, 1, (int[]){1, 0, 0, 2}), &rng);
    x = linear(g, "b", x, (wick_shape){4, {8, 20, 1, 1}}, wick_attrs_default(), &rng);
    x = wick_graph_node(g, "relu", WICK_OP_RELU, &x, 1, "relu", NULL);
    x = linear(g, "kept", x, (wick_shape){4, {8, 8, 1, 1}},
               window(1, 1, 2, 2, 1, (int[]){0, 0, 0, 0}), &rng);
    x = wick_graph_node(g, "pool", WICK_OP_GLOBAL_AVG_POOL, &x, 1, "pool", NULL);
    x = wick_graph_node(g, "flat", WICK_OP_FLATTEN, &x, 1, "flat", NULL);
    x = linear(g, "wide", x, (wick_shape){2, {60, 8}}, wick_attrs_default(), &rng);
    x = linear(g, "narrow", x, (wick_shape){2, {5, 60}}, wick_attrs_default(), &rng);
    x = linear(g, "last", x, (wick_shape){2, {50, 5}}, wick_attrs_default(), &rng);
    g->family.n_heads = 1;
    g->family.heads[0] = x;
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    assert_int_equal(wick_graph_segment(g, NULL), WICK_OK);
    return g;
}

static void linear_chains_collapse(void **state) {
    (void)state;
    wick_graph *graph = chain(), *out;
    int pairs;
    assert_int_equal(wick_collapse(graph, &out, &pairs, NULL), WICK_OK);
    /* a and b, wide and narrow; narrow (8 -> 5) and last (5 -> 50) have fewer parameters apart: 345
     * against 450 */
    assert_int_equal(pairs, 2);
    assert_null(node_called(out, "a"));
    assert_null(node_called(out, "wide"));
    assert_non_null(node_called(out, "narrow"));
    assert_int_equal(wick_graph_counts(out, 1).parameters,
                     (8 * 3 + 8) + (8 * 8 + 8) + (5 * 8 + 5) + (50 * 5 + 50));
    assert_same_answers(graph, out, 1e-5);
    wick_graph_free(out);
    wick_graph_free(graph);
}

static void weights_that_are_not_finite(void **state) {
    (void)state;
    wick_graph *graph = network(), *out;
    wick_separation list;
    wick_separate_options options = wick_separate_defaults();
    options.limit_bytes = 2000;
    ((float *)graph->tensors[wick_graph_find(graph, "dilated.weight")].data)[3] = NAN;
    wick_diag diag = {0};
    assert_int_equal(wick_separate(graph, &options, &out, &list, &diag), WICK_RANGE);
    assert_null(out);
    assert_true(wick_diag_contains(&diag, "dilated") && wick_diag_contains(&diag, "not finite"));
    wick_diag_free(&diag);
    wick_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decomposition_gives_the_matrix_back),
        cmocka_unit_test(energy_is_the_formula),
        cmocka_unit_test(rank_of_a_signal_in_noise),
        cmocka_unit_test(kernel_of_known_ranks),
        cmocka_unit_test(truncated_kernel_is_near_the_bound),
        cmocka_unit_test(kernel_of_columns_and_rows),
        cmocka_unit_test(separated_graph_computes_the_same),
        cmocka_unit_test(buffers_as_the_criterion),
        cmocka_unit_test(linear_chains_collapse),
        cmocka_unit_test(weights_that_are_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
