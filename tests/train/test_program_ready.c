/* During the backward pass every gradient is told once, when it is final and not at the end: sums
   over processes begin on it while the pass goes on. */
#include "helper_program.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_PARAMS = 32 };

typedef struct record {
    wick_program *program;
    int told[MAX_PARAMS], order[MAX_PARAMS], n;
    int open_at_first; /* parameters whose gradients were not yet written at the first call */
    float *copies[MAX_PARAMS];
} record;

static bool untouched(const wick_param *p) {
    return p->gradient && isnan(p->gradient[0]);
}

static void on_gradient(void *ctx, int param) {
    record *r = ctx;
    const wick_param *p = wick_program_param(r->program, param);
    for (int k = 0; k < wick_program_param_count(r->program) && r->n == 0; k++)
        r->open_at_first += untouched(wick_program_param(r->program, k));
    assert_true(r->n < MAX_PARAMS);
    r->order[r->n++] = param;
    r->told[param]++;
    free(r->copies[param]);
    r->copies[param] = wick_xalloc(p->count * sizeof(float));
    memcpy(r->copies[param], p->gradient, p->count * sizeof(float));
}

/* Two heads on a trunk with every kind of parameter: the trunk's gradients come last. */
static wick_program *program_of(net *n) {
    *n = net_new(3, 3, 8, 8);
    int x = net_conv(n, n->graph->input,
                     (net_conv_options){.out = 16, .kernel = 3, .stride = 1, .pad = 1});
    x = net_simple(n, net_batch_norm(n, x), WICK_OP_RELU);
    x = net_conv(n, x,
                 (net_conv_options){
                     .out = 16, .kernel = 3, .stride = 1, .pad = 1, .groups = 16, .bias = true});
    int outputs[2];
    for (int k = 0; k < 2; k++)
        outputs[k] = net_fc(n, net_simple(n, x, WICK_OP_FLATTEN), 5 + k, true);
    return net_program(n, 4, true, true, outputs, 2);
}

static void backward(record *r) {
    wick_program *p = r->program;
    for (int k = 0; k < wick_program_param_count(p); k++) {
        wick_param *param = wick_program_param(p, k);
        for (size_t i = 0; param->gradient && i < param->count; i++)
            param->gradient[i] = NAN;
    }
    r->n = r->open_at_first = 0;
    memset(r->told, 0, sizeof r->told);
    net_forward(p);
    net_backward(p);
}

static void gradients_are_told_when_final(void **state) {
    (void)state;
    net n;
    record r = {.program = program_of(&n)};
    wick_rng rng = wick_rng_seed(1, 1);
    net_random(&rng, wick_program_input(r.program), 4 * 3 * 8 * 8);
    for (int i = 0; i < 2; i++)
        net_random(&rng, wick_program_output_gradient(r.program, i),
                   wick_program_output_count(r.program, i));
    wick_program_on_gradient(r.program, on_gradient, &r);
    backward(&r);
    int trainable = 0;
    for (int k = 0; k < wick_program_param_count(r.program); k++) {
        const wick_param *p = wick_program_param(r.program, k);
        trainable += p->trainable;
        assert_int_equal(r.told[k], p->trainable ? 1 : 0);
        if (p->trainable)
            assert_memory_equal(r.copies[k], p->gradient, p->count * sizeof(float));
    }
    assert_int_equal(r.n, trainable);
    assert_int_equal(trainable, 1 + 2 + 2 + 2 * 2);
    /* One step gave the first head's weights and bias; all others were still to come. */
    assert_true(r.open_at_first >= trainable - 2);

    int order[MAX_PARAMS];
    memcpy(order, r.order, sizeof order);
    backward(&r);
    assert_memory_equal(order, r.order, (size_t)trainable * sizeof *order);

    wick_param *first = wick_program_param(r.program, 0);
    first->frozen = true;
    wick_diag diag = {0};
    assert_int_equal(wick_program_refreeze(r.program, &diag), WICK_OK);
    backward(&r);
    assert_int_equal(r.n, trainable - 1);
    assert_int_equal(r.told[0], 0);

    wick_program_on_gradient(r.program, NULL, NULL);
    backward(&r);
    assert_int_equal(r.n, 0);
    for (int k = 0; k < MAX_PARAMS; k++)
        free(r.copies[k]);
    wick_program_free(r.program);
    wick_graph_free(n.graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(gradients_are_told_when_final)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
