#include "helper_gradients.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double steps[] = {0.25, 0.25, 0.03, 2e-3}, tolerances[] = {1e-4, 1e-3, 1e-3, 5e-3};
enum { BATCH = 3, WINOGRAD_BATCH = 32, PROBES = 40 };

typedef struct subject {
    wick_program *program;
    int n_outputs, param;
    float *plain, *gradient;
} subject;

static double loss_at(subject *s, size_t i, double value) {
    float old = s->plain[i];
    s->plain[i] = (float)value;
    wick_param *param = wick_program_param(s->program, s->param);
    assert_int_equal(wick_program_unplain(s->program, s->param, s->plain, param->value, NULL),
                     WICK_OK);
    net_forward(s->program);
    s->plain[i] = old;
    return net_loss(s->program, s->n_outputs);
}

/* 1 = agrees, 0 = at a kink; fails when it differs. */
static int probe(subject *s, size_t i, smoothness kind, double loss) {
    double h = steps[kind], x = (double)s->plain[i], analytic = (double)s->gradient[i];
    double up = loss_at(s, i, x + h), down = loss_at(s, i, x - h);
    double numeric = (up - down) / (2 * h), scale = 1 + fabs(numeric);
    if (kind == SMOOTH) {
        double up2 = loss_at(s, i, x + 2 * h), down2 = loss_at(s, i, x - 2 * h);
        numeric = (8 * (up - down) - (up2 - down2)) / (12 * h);
    }
    if (kind == KINKED && fabs((up - loss) - (loss - down)) / h > 2 * tolerances[kind] * scale)
        return 0;
    if (!(fabs(numeric - analytic) <= tolerances[kind] * scale))
        fail_msg("%s[%zu]: gradient %.6g, differences %.6g",
                 wick_program_param(s->program, s->param)->name, i, analytic, numeric);
    return 1;
}

static double squares(const float *values, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    return sum;
}

static void check_param(const net *n, wick_program *program, int n_outputs, int index,
                        smoothness kind) {
    wick_param *param = wick_program_param(program, index);
    subject s = {program, n_outputs, index, wick_xalloc(param->count * sizeof(float)),
                 wick_xalloc(param->count * sizeof(float))};
    float *original = wick_xalloc(param->count * sizeof(float));
    memcpy(original, param->value, param->count * sizeof(float));
    assert_int_equal(wick_program_plain(program, index, param->value, s.plain, NULL), WICK_OK);
    assert_int_equal(wick_program_plain(program, index, param->gradient, s.gradient, NULL),
                     WICK_OK);
    wick_rng rng = wick_rng_seed(3, (uint64_t)index);
    size_t count = (size_t)wick_shape_count(n->graph->tensors[param->tensor].shape);
    /* The padding of the backend's layout has no gradient. */
    double padded = squares(param->gradient, param->count), all = squares(s.gradient, count);
    assert_true(fabs(padded - all) <= 1e-9 * (1 + all));
    double loss = net_loss(program, n_outputs);
    int agree = 0;
    for (int k = 0; k < PROBES; k++)
        agree += probe(&s, wick_rng_below(&rng, (uint32_t)count), kind, loss);
    assert_true(agree >= PROBES * 4 / 5);
    memcpy(param->value, original, param->count * sizeof(float));
    net_forward(program);
    free(s.plain);
    free(s.gradient);
    free(original);
}

void net_check(net *n, const int *outputs, int n_outputs, smoothness kind) {
    int batch = kind == WINOGRAD ? WINOGRAD_BATCH : BATCH;
    wick_program *program = net_program(n, batch, true, kind == WINOGRAD, outputs, n_outputs);
    wick_rng rng = wick_rng_seed(7, 0);
    wick_shape in = n->graph->tensors[n->graph->input].shape;
    net_random(&rng, wick_program_input(program), (size_t)(batch * wick_shape_count(in)));
    for (int i = 0; i < n_outputs; i++)
        net_random(&rng, wick_program_output_gradient(program, i),
                   wick_program_output_count(program, i));
    net_forward(program);
    net_backward(program);
    for (int i = 0; i < wick_program_param_count(program); i++)
        if (wick_program_param(program, i)->trainable)
            check_param(n, program, n_outputs, i, kind);
    wick_program_free(program);
    wick_graph_free(n->graph);
}
