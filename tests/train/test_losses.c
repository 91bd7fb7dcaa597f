/* The losses against numbers worked out by hand, finite differences and PyTorch. */
#include "base/base.h"
#include "train/losses.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "data/kd_vectors.inc"

enum { N = 6, C = 5 };

static void near(double a, double b, double tolerance) {
    if (!(fabs(a - b) <= tolerance))
        fail_msg("%.10g and %.10g differ by more than %g", a, b, tolerance);
}

static void cross_entropy_by_hand(void **state) {
    (void)state;
    /* Two rows: uniform over four classes: ln 4; and logits ln 1, ln 2, ln 3, ln 4: ln(10 / 3). */
    const float logits[8] = {
        7, 7, 7, 7, 0.0f, 0.693147180559945f, 1.09861228866811f, 1.38629436111989f};
    const uint16_t labels[2] = {1, 2};
    float d[8] = {0};
    int correct = -1;
    double loss = wick_loss_cross_entropy(logits, labels, 2, 4, 2.0, d, &correct);
    near(loss, (log(4.0) + log(10.0 / 3.0)) / 2, 1e-7);
    assert_int_equal(correct, 0); /* the first of equals is class 0, the largest of row 2 class 3 */
    /* weight 2 over n = 2: (softmax - onehot) itself. */
    const double expected[8] = {0.25, -0.75, 0.25, 0.25, 0.1, 0.2, 0.3 - 1, 0.4};
    for (int i = 0; i < 8; i++)
        near((double)d[i], expected[i], 1e-6);
}

static void cross_entropy_of_huge_logits_is_finite(void **state) {
    (void)state;
    const float logits[3] = {3e4f, -3e4f, 0};
    const uint16_t label[1] = {1};
    float d[3] = {0};
    near(wick_loss_cross_entropy(logits, label, 1, 3, 1.0, d, NULL), 6e4, 1e-3);
    near((double)d[0], 1, 1e-6);
    near((double)d[1], -1, 1e-6);
}

static void distance_by_hand(void **state) {
    (void)state;
    /* Differences (3, 4) and (0, 0): roots sqrt(25 + 0.0001) and 0.01. */
    const float a[4] = {3, 5, 1, 1}, b[4] = {0, 1, 1, 1};
    float da[4] = {0}, db[4] = {0};
    double loss = wick_loss_distance(a, b, 2, 2, 1e-4, 10.0, da, db);
    near(loss, (sqrt(25.0001) + 0.01) / 2, 1e-9);
    const double expected[4] = {10 * 0.6 / 2, 10 * 0.8 / 2, 0, 0};
    for (int i = 0; i < 4; i++) {
        near((double)da[i], expected[i], 1e-4);
        near((double)db[i], -expected[i], 1e-4);
    }
}

static void response_by_hand(void **state) {
    (void)state;
    /* T = 2: p = softmax(2 ln 1, 2 ln 3) at T 2 = (1, 3) / 4, q = (1, 1) / 2.
       KL = 1/4 ln 1/2 + 3/4 ln 3/2; times T^2 = 4. */
    const float teacher[2] = {0, 2.19722457733622f}, student[2] = {5, 5};
    float d[2] = {0};
    double loss = wick_loss_response(teacher, student, 1, 2, 2.0, 10.0, NULL, d);
    near(loss, 4 * (0.25 * log(0.5) + 0.75 * log(1.5)), 1e-6);
    near((double)d[0], 10 * 2 * (0.5 - 0.25), 1e-5);
    near((double)d[1], 10 * 2 * (0.5 - 0.75), 1e-5);
}

static void gradients_are_added(void **state) {
    (void)state;
    const float a[2] = {1, 2}, b[2] = {0, 0};
    float once[2] = {0}, twice[2] = {0};
    wick_loss_distance(a, b, 1, 2, 1e-6, 1.0, once, NULL);
    wick_loss_distance(a, b, 1, 2, 1e-6, 1.0, twice, NULL);
    wick_loss_distance(a, b, 1, 2, 1e-6, 1.0, twice, NULL);
    for (int i = 0; i < 2; i++)
        near((double)twice[i], 2 * (double)once[i], 1e-6);
}

/* --- finite differences ------------------------------------------------------------------------*/

typedef struct variant {
    int kind; /* 0 cross-entropy, 1 distance, 2 outputs as probabilities, 3 as logits, 4 response */
    uint16_t labels[N];
} variant;

/* Weighted loss of (a, b); gradients where asked. */
static double evaluate(const variant *v, const float *a, const float *b, float *da, float *db) {
    const double weight = 0.7, epsilon = 1e-3;
    float scratch[4 * N * C];
    if (v->kind == 0)
        return weight * wick_loss_cross_entropy(b, v->labels, N, C, weight, db, NULL);
    if (v->kind == 1)
        return weight * wick_loss_distance(a, b, N, C, epsilon, weight, da, db);
    if (v->kind == 4)
        return weight * wick_loss_response(a, b, N, C, 3.0, weight, da, db);
    return weight * wick_loss_outputs(a, b, N, C, v->kind == 3, epsilon, weight, da, db, scratch);
}

static void compare_slopes(const variant *v, float *a, float *b, float *x, const float *gradient) {
    const float step = 1e-2f;
    for (int i = 0; i < N * C; i++) {
        float old = x[i], h = step;
        double slope = 0;
        /* Fourth-order central difference: the losses are smooth at this distance. */
        const int at[4] = {-2, -1, 1, 2};
        const double factor[4] = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12};
        for (int s = 0; s < 4; s++) {
            x[i] = old + (float)at[s] * h;
            slope += factor[s] * evaluate(v, a, b, NULL, NULL) / (double)h;
        }
        x[i] = old;
        near((double)gradient[i], slope, 2e-5);
    }
}

static void gradients_equal_finite_differences(void **state) {
    (void)state;
    wick_rng rng = wick_rng_seed(3, 0);
    for (int kind = 0; kind < 5; kind++) {
        variant v = {.kind = kind};
        float a[N * C], b[N * C], da[N * C] = {0}, db[N * C] = {0};
        for (int i = 0; i < N * C; i++) {
            a[i] = 2 * wick_rng_normal(&rng);
            b[i] = 2 * wick_rng_normal(&rng);
        }
        for (int i = 0; i < N; i++)
            v.labels[i] = (uint16_t)wick_rng_below(&rng, C);
        evaluate(&v, a, b, da, db);
        compare_slopes(&v, a, b, b, db); /* student, through the softmax for kinds 0 and 2 */
        if (kind > 0)
            compare_slopes(&v, a, b, a, da); /* teacher that is not detached */
    }
}

/* --- PyTorch -----------------------------------------------------------------------------------*/

enum { KN = 5, KC = 4, K_VALUES = 3 * KN * KC + KN * (6 + 5 + 3) + 6 * 5 + 6 * 3 + 5 * 3 };
static const int features[3] = {6, 5, 3};

/* Where y_k, phi_k and P_jk stand in one flat array, in the order of make_kd_vectors.py. */
typedef struct layout {
    float *y[3], *phi[3], *p[3][3];
} layout;

static layout lay_out(float *values) {
    layout l;
    for (int k = 0; k < 3; k++, values += KN * KC)
        l.y[k] = values;
    for (int k = 0; k < 3; values += KN * features[k], k++)
        l.phi[k] = values;
    for (int j = 0; j < 3; j++)
        for (int k = j + 1; k < 3; values += features[j] * features[k], k++)
            l.p[j][k] = values;
    return l;
}

/* P phi for a batch, and its gradients from d [KN, rows]. */
static void project(const float *phi, const float *p, int rows, int columns, float *out) {
    for (int i = 0; i < KN; i++)
        for (int r = 0; r < rows; r++) {
            double sum = 0;
            for (int c = 0; c < columns; c++)
                sum += (double)p[r * columns + c] * (double)phi[i * columns + c];
            out[i * rows + r] = (float)sum;
        }
}

static void project_backward(const float *phi, const float *p, int rows, int columns,
                             const float *d, float *d_phi, float *d_p) {
    for (int i = 0; i < KN; i++)
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++) {
                d_phi[i * columns + c] += d[i * rows + r] * p[r * columns + c];
                d_p[r * columns + c] += d[i * rows + r] * phi[i * columns + c];
            }
}

static double loss_and_gradient(float *values, float *gradient, bool logits, bool detach) {
    const double alpha[3] = {1.0, 0.5, 2.0}, epsilon = 1e-6;
    const double beta[3][3] = {{0, 0.3, 0.7}, {0, 0, 0.2}};
    layout v = lay_out(values), d = lay_out(gradient);
    memset(gradient, 0, K_VALUES * sizeof *gradient);
    float scratch[4 * KN * KC], projected[KN * 6];
    double total = 0;
    for (int k = 0; k < 3; k++)
        total +=
            alpha[k] * wick_loss_cross_entropy(v.y[k], kd_labels, KN, KC, alpha[k], d.y[k], NULL);
    for (int j = 0; j < 3; j++)
        for (int k = j + 1; k < 3; k++) {
            float d_projected[KN * 6] = {0};
            project(v.phi[k], v.p[j][k], features[j], features[k], projected);
            total +=
                beta[j][k] * wick_loss_distance(v.phi[j], projected, KN, features[j], epsilon,
                                                beta[j][k], detach ? NULL : d.phi[j], d_projected);
            project_backward(v.phi[k], v.p[j][k], features[j], features[k], d_projected, d.phi[k],
                             d.p[j][k]);
            total +=
                beta[j][k] * wick_loss_outputs(v.y[j], v.y[k], KN, KC, logits, epsilon, beta[j][k],
                                               detach ? NULL : d.y[j], d.y[k], scratch);
        }
    return total;
}

static void check_trace(bool logits, bool detach, const double *losses, const float *first,
                        const float *last) {
    const struct {
        const float *data;
        size_t bytes;
    } start[] = {{kd_start_y0, sizeof kd_start_y0},     {kd_start_y1, sizeof kd_start_y1},
                 {kd_start_y2, sizeof kd_start_y2},     {kd_start_phi0, sizeof kd_start_phi0},
                 {kd_start_phi1, sizeof kd_start_phi1}, {kd_start_phi2, sizeof kd_start_phi2},
                 {kd_start_p01, sizeof kd_start_p01},   {kd_start_p02, sizeof kd_start_p02},
                 {kd_start_p12, sizeof kd_start_p12}};
    float values[K_VALUES], gradient[K_VALUES];
    size_t at = 0;
    for (size_t i = 0; i < WICK_LEN(start); at += start[i].bytes, i++)
        memcpy((char *)values + at, start[i].data, start[i].bytes);
    assert_int_equal(at, sizeof values);
    for (int step = 0; step < 10; step++) {
        near(loss_and_gradient(values, gradient, logits, detach), losses[step], 1e-5);
        for (int i = 0; i < K_VALUES; i++) {
            if (step == 0)
                near((double)gradient[i], (double)first[i], 1e-6);
            values[i] -= 0.5f * gradient[i];
        }
    }
    for (int i = 0; i < K_VALUES; i++)
        near((double)values[i], (double)last[i], 1e-4);
}

static void ten_steps_equal_pytorch(void **state) {
    (void)state;
    assert_int_equal(WICK_LEN(kd_probabilities_detached_first), K_VALUES);
    assert_int_equal(WICK_LEN(kd_probabilities_detached_loss), 10);
    check_trace(false, true, kd_probabilities_detached_loss, kd_probabilities_detached_first,
                kd_probabilities_detached_last);
    check_trace(false, false, kd_probabilities_attached_loss, kd_probabilities_attached_first,
                kd_probabilities_attached_last);
    check_trace(true, true, kd_logits_detached_loss, kd_logits_detached_first,
                kd_logits_detached_last);
    check_trace(true, false, kd_logits_attached_loss, kd_logits_attached_first,
                kd_logits_attached_last);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cross_entropy_by_hand),
        cmocka_unit_test(cross_entropy_of_huge_logits_is_finite),
        cmocka_unit_test(distance_by_hand),
        cmocka_unit_test(response_by_hand),
        cmocka_unit_test(gradients_are_added),
        cmocka_unit_test(gradients_equal_finite_differences),
        cmocka_unit_test(ten_steps_equal_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
