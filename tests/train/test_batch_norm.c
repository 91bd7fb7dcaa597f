/* Batch norm of our own against its formulas in double, with and without ReLU, pool and batch
   statistics, in blocks of 16 and 8 channels; every instruction set and any number of threads give
   the same bits. Inside programs: test_program.c and test_program_gradients.c. */
#include "train/onednn/onednn_norm.h"

#include "base/base.h"

#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 19, C = 21, H = 6, W = 10, CASES = 16 };

typedef struct subject {
    wick_dn_norm norm;
    int blocks;
    size_t large, small; /* numbers of x and of y */
    float *x, *y, *dy, *dx;
    float scale[C], bias[C], mean[C], variance[C], dscale[C], dbias[C];
} subject;

static float *aligned(size_t count) {
    size_t bytes = (count * sizeof(float) + 63) / 64 * 64;
    float *array = aligned_alloc(64, bytes);
    assert_non_null(array);
    return memset(array, 0, bytes);
}

/* Number of channel c, image n, pixel i in blocks. */
static size_t at(const subject *s, int n, int c, int i, int pixels) {
    int lanes = s->norm.kernels->lanes;
    return (((size_t)n * (size_t)s->blocks + (size_t)(c / lanes)) * (size_t)pixels + (size_t)i) *
               (size_t)lanes +
           (size_t)(c % lanes);
}

/* Case bits: ReLU, pool, batch statistics, 8 instead of 16 channels. Values are eighths, so that
   equal numbers meet in a pool; a large mean must not spoil the variance. */
static subject subject_new(int number, const wick_dn_lanes *kernels) {
    subject s = {.norm = {.kernels = kernels,
                          .batch = N,
                          .channels = C,
                          .height = H,
                          .width = W,
                          .epsilon = 1e-3f,
                          .relu = number & 1,
                          .pool = number & 2,
                          .batch_statistics = number & 4,
                          .trains = number & 4}};
    s.blocks = (C + kernels->lanes - 1) / kernels->lanes;
    s.large = (size_t)(N * s.blocks * kernels->lanes * H * W);
    s.small = s.norm.pool ? s.large / 4 : s.large;
    s.norm.scratch = wick_xalloc(wick_dn_norm_scratch(&s.norm));
    s.x = aligned(s.large), s.dx = aligned(s.large);
    s.y = aligned(s.small), s.dy = aligned(s.small);
    wick_rng rng = wick_rng_seed(5, (uint64_t)number & 7);
    for (int c = 0; c < C; c++) {
        s.scale[c] = c == 3 ? -0.5f : 0.5f + wick_rng_uniform(&rng);
        s.bias[c] = wick_rng_normal(&rng);
        s.mean[c] = wick_rng_normal(&rng);
        s.variance[c] = 0.5f + wick_rng_uniform(&rng);
        for (int n = 0; n < N; n++) {
            for (int i = 0; i < H * W; i++)
                s.x[at(&s, n, c, i, H * W)] =
                    rintf(8 * wick_rng_normal(&rng)) / 8 + (c == 5 ? 300 : 0);
            for (int i = 0; i < (s.norm.pool ? H * W / 4 : H * W); i++)
                s.dy[at(&s, n, c, i, s.norm.pool ? H * W / 4 : H * W)] = wick_rng_normal(&rng);
        }
    }
    return s;
}

static void run(subject *s) {
    wick_dn_norm_run(&s->norm, s->x, s->scale, s->bias, s->mean, s->variance, s->y);
    wick_dn_norm_run_backward(&s->norm, s->x, s->scale, s->bias, s->mean, s->variance, s->dy, s->dx,
                              s->norm.trains ? s->dscale : NULL, s->norm.trains ? s->dbias : NULL);
}

static void subject_free(subject *s) {
    free(s->norm.scratch);
    free(s->x), free(s->y), free(s->dy), free(s->dx);
}

static void near(double expected, float got, double tolerance, const char *what, int c) {
    if (!(fabs(expected - (double)got) <= tolerance * (1 + fabs(expected))))
        fail_msg("%s, channel %d: %.8g instead of %.8g", what, c, (double)got, expected);
}

/* One channel by the formulas of onednn_norm.h. */
typedef struct channel {
    double mean, variance, r, gradient[N][H * W] /* behind ReLU and pool */;
} channel;

static void expect_statistics(const subject *s, int c, channel *e) {
    double sum = 0, square = 0, m = N * H * W;
    for (int n = 0; n < N; n++)
        for (int i = 0; i < H * W; i++)
            sum += (double)s->x[at(s, n, c, i, H * W)];
    for (int n = 0; n < N; n++)
        for (int i = 0; i < H * W; i++) {
            double a = (double)s->x[at(s, n, c, i, H * W)] - sum / m;
            square += a * a;
        }
    e->mean = s->norm.batch_statistics ? sum / m : (double)s->mean[c];
    e->variance = s->norm.batch_statistics ? square / m : (double)s->variance[c];
    e->r = 1 / sqrt(e->variance + (double)s->norm.epsilon);
}

/* The largest of a pool's four pixels, the first of equal ones. */
static int winner(const subject *s, int n, int c, int i) {
    static const int offsets[4] = {0, 1, W, W + 1};
    int corner = i / (W / 2) * 2 * W + i % (W / 2) * 2, best = corner;
    for (int j = 1; j < 4; j++) {
        float a = s->x[at(s, n, c, corner + offsets[j], H * W)];
        float b = s->x[at(s, n, c, best, H * W)];
        if (s->scale[c] > 0 ? a > b : a < b)
            best = corner + offsets[j];
    }
    return best;
}

static void check_forward(const subject *s, int c, channel *e) {
    expect_statistics(s, c, e);
    near(e->mean, s->mean[c], 1e-6, "mean", c);
    near(e->variance, s->variance[c], 1e-5, "variance", c);
    memset(e->gradient, 0, sizeof e->gradient);
    int pixels = s->norm.pool ? H * W / 4 : H * W;
    for (int n = 0; n < N; n++)
        for (int i = 0; i < pixels; i++) {
            int from = s->norm.pool ? winner(s, n, c, i) : i;
            double x = (double)s->x[at(s, n, c, from, H * W)];
            double y = (double)s->scale[c] * (x - e->mean) * e->r + (double)s->bias[c];
            bool stopped = s->norm.relu && y <= 0;
            near(stopped ? 0 : y, s->y[at(s, n, c, i, pixels)], c == 5 ? 1e-3 : 1e-5, "y", c);
            e->gradient[n][from] += stopped ? 0 : (double)s->dy[at(s, n, c, i, pixels)];
        }
}

static void check_backward(const subject *s, int c, const channel *e) {
    double dbias = 0, product = 0, m = N * H * W;
    for (int n = 0; n < N; n++)
        for (int i = 0; i < H * W; i++) {
            dbias += e->gradient[n][i];
            product += e->gradient[n][i] * ((double)s->x[at(s, n, c, i, H * W)] - e->mean);
        }
    if (s->norm.trains) {
        near(dbias, s->dbias[c], 1e-5, "dbias", c);
        near(e->r * product, s->dscale[c], 1e-4, "dscale", c);
    }
    for (int n = 0; n < N; n++)
        for (int i = 0; i < H * W; i++) {
            double a = (double)s->x[at(s, n, c, i, H * W)] - e->mean, dx = e->gradient[n][i];
            if (s->norm.batch_statistics)
                dx -= dbias / m + a * e->r * e->r * product / m;
            near((double)s->scale[c] * e->r * dx, s->dx[at(s, n, c, i, H * W)], 1e-4, "dx", c);
        }
}

static void follows_the_formulas(void **state) {
    (void)state;
    for (int number = 0; number < CASES; number++) {
        const wick_dn_lanes *variants[WICK_DN_MAX_VARIANTS];
        int lanes = number & 8 ? 8 : 16;
        assert_true(wick_dn_lanes_variants(lanes, variants) >= 1);
        subject s = subject_new(number, variants[0]);
        run(&s);
        for (int c = 0; c < C; c++) {
            channel e;
            check_forward(&s, c, &e);
            check_backward(&s, c, &e);
        }
        for (int c = C; c < s.blocks * lanes; c++) /* what fills the last block stays zero */
            for (int n = 0; n < N; n++)
                for (int i = 0; i < H * W; i++) {
                    assert_true(fabsf(s.dx[at(&s, n, c, i, H * W)]) <= 0);
                    if (!s.norm.pool)
                        assert_true(fabsf(s.y[at(&s, n, c, i, H * W)]) <= 0);
                }
        subject_free(&s);
    }
}

static void assert_same(const subject *a, const subject *b) {
    assert_memory_equal(a->y, b->y, a->small * sizeof(float));
    assert_memory_equal(a->dx, b->dx, a->large * sizeof(float));
    assert_memory_equal(a->mean, b->mean, sizeof a->mean);
    assert_memory_equal(a->variance, b->variance, sizeof a->variance);
    assert_memory_equal(a->dscale, b->dscale, sizeof a->dscale);
    assert_memory_equal(a->dbias, b->dbias, sizeof a->dbias);
}

static void always_the_same_bits(void **state) {
    (void)state;
    for (int number = 0; number < CASES; number++) {
        const wick_dn_lanes *variants[WICK_DN_MAX_VARIANTS];
        int count = wick_dn_lanes_variants(number & 8 ? 8 : 16, variants);
        omp_set_num_threads(1);
        subject first = subject_new(number, variants[0]);
        run(&first);
        for (int v = 0; v < count; v++)
            for (int threads = 1; threads <= 3; threads++) {
                omp_set_num_threads(threads);
                subject s = subject_new(number, variants[v]);
                run(&s);
                assert_same(&first, &s);
                subject_free(&s);
            }
        subject_free(&first);
    }
}

/* Without a pool the gradient may be overwritten. */
static void works_in_place(void **state) {
    (void)state;
    for (int number = 0; number < CASES; number++) {
        const wick_dn_lanes *variants[WICK_DN_MAX_VARIANTS];
        wick_dn_lanes_variants(number & 8 ? 8 : 16, variants);
        subject a = subject_new(number, variants[0]), b = subject_new(number, variants[0]);
        if (!a.norm.pool) {
            run(&a);
            free(b.dx);
            b.dx = b.dy;
            run(&b);
            assert_memory_equal(a.dx, b.dx, a.large * sizeof(float));
            b.dx = NULL;
        }
        subject_free(&a);
        subject_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_formulas),
        cmocka_unit_test(always_the_same_bits),
        cmocka_unit_test(works_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
