/* Ten steps of SGD on a small family equal PyTorch's (make_program_vectors.py), and so do the
   logits in inference afterwards. Tolerance 1e-4: both sides sum in float, in other orders, and ten
   steps amplify that to about 1e-5. */
#include "helper_program.h"

#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 32, STEPS = 10, CLASSES = 10, SIZE = 12, HEADS = 3 };
enum { INPUT_ARRAY = 1000, LABEL_ARRAY = 2000 };
static const float RATE = 0.05f, MOMENTUM = 0.9f, DECAY = 5e-4f;

/* The formula of the script. */
static uint32_t draw(uint32_t *s) {
    *s = 1664525u * *s + 1013904223u;
    return *s >> 8;
}
static void array(int k, float *values, size_t count, double scale, double mean) {
    uint32_t s = 12345u + 1000u * (uint32_t)k;
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((2.0 * ((double)draw(&s) * 0x1p-24) - 1.0) * scale + mean);
}

static int last(const net *n) {
    return n->graph->nodes[n->graph->n_nodes - 1].output;
}
static void norm_relu(net *n) {
    net_batch_norm(n, last(n));
    net_simple(n, last(n), WICK_OP_RELU);
}

static net family(int outputs[HEADS]) {
    net n = net_new(1, 3, SIZE, SIZE);
    net_conv_options k3 = {.kernel = 3, .stride = 1, .pad = 1}, o = k3;
    o.out = 8;
    net_conv(&n, n.graph->input, o);
    norm_relu(&n);
    o.out = 32, o.bias = true;
    net_conv(&n, last(&n), o);
    int z = net_simple(&n, last(&n), WICK_OP_RELU);

    o.bias = false; /* 32 channels: Winograd, where asked for */
    net_conv(&n, net_pool(&n, z, WICK_OP_MAX_POOL, 2, 2, 0, false), o);
    norm_relu(&n);
    o.groups = 32, o.stride = 2;
    net_conv(&n, last(&n), o);
    norm_relu(&n);
    net_conv(&n, last(&n), (net_conv_options){.out = 40, .kernel = 1, .stride = 1, .bias = true});
    net_simple(&n, last(&n), WICK_OP_RELU);
    net_simple(&n, last(&n), WICK_OP_GLOBAL_AVG_POOL);
    net_simple(&n, last(&n), WICK_OP_FLATTEN);
    outputs[0] = net_fc(&n, last(&n), CLASSES, true);

    o = k3;
    o.out = 12, o.bias = true;
    net_conv(&n, net_pool(&n, z, WICK_OP_MAX_POOL, 2, 2, 0, false), o);
    net_simple(&n, last(&n), WICK_OP_RELU);
    net_pool(&n, last(&n), WICK_OP_MAX_POOL, 2, 2, 0, false);
    net_simple(&n, last(&n), WICK_OP_FLATTEN);
    net_fc(&n, last(&n), 20, true);
    net_simple(&n, last(&n), WICK_OP_RELU);
    outputs[1] = net_fc(&n, last(&n), CLASSES, true);

    net_simple(&n, z, WICK_OP_GLOBAL_AVG_POOL);
    net_simple(&n, last(&n), WICK_OP_FLATTEN);
    outputs[2] = net_fc(&n, last(&n), CLASSES, true);
    return n;
}

/* Weights in the order of the program's parameters, which is that of the nodes. */
static void initialise(net *n, wick_program *program) {
    for (int k = 0; k < wick_program_param_count(program); k++) {
        const wick_param *param = wick_program_param(program, k);
        const wick_tensor *tensor = &n->graph->tensors[param->tensor];
        size_t count = (size_t)wick_shape_count(tensor->shape);
        const char *role = strrchr(param->name, '.') + 1;
        if (!strcmp(role, "weight"))
            array(k, tensor->data, count,
                  sqrt(6.0 / ((double)count / (double)tensor->shape.dim[0])), 0);
        else if (!strcmp(role, "bias"))
            array(k, tensor->data, count, 0.1, 0);
        else if (!strcmp(role, "scale"))
            array(k, tensor->data, count, 0.2, 1);
        else
            for (size_t i = 0; i < count; i++)
                ((float *)tensor->data)[i] = strcmp(role, "var") ? 0.0f : 1.0f;
    }
    assert_int_equal(wick_program_import(program, n->graph, NULL), WICK_OK);
}

/* Mean cross-entropy of one head; its gradient goes to the program. */
static double cross_entropy(wick_program *program, int head, const int *labels) {
    const float *y = wick_program_output(program, head);
    float *dy = wick_program_output_gradient(program, head);
    double loss = 0;
    for (int i = 0; i < BATCH; i++) {
        double sum = 0;
        for (int c = 0; c < CLASSES; c++)
            sum += exp((double)y[i * CLASSES + c]);
        for (int c = 0; c < CLASSES; c++) {
            double p = exp((double)y[i * CLASSES + c]) / sum;
            dy[i * CLASSES + c] = (float)((p - (c == labels[i])) / BATCH);
            loss -= c == labels[i] ? log(p) / BATCH : 0;
        }
    }
    return loss;
}

static void update(wick_program *program, float **velocity) {
    for (int k = 0; k < wick_program_param_count(program); k++) {
        const wick_param *param = wick_program_param(program, k);
        for (size_t i = 0; i < param->count && param->trainable; i++) {
            float g = param->gradient[i] + (param->decay ? DECAY * param->value[i] : 0);
            velocity[k][i] = MOMENTUM * velocity[k][i] + g;
            param->value[i] -= RATE * velocity[k][i];
        }
    }
}

static void load_batch(wick_program *program, int step, int *labels) {
    array(INPUT_ARRAY + step, wick_program_input(program), BATCH * 3 * SIZE * SIZE, 1, 0);
    uint32_t s = 12345u + 1000u * (uint32_t)(LABEL_ARRAY + step);
    for (int i = 0; i < BATCH; i++)
        labels[i] = (int)(draw(&s) % CLASSES);
}

static double expected(FILE *file) {
    double value;
    assert_int_equal(fscanf(file, "%lf", &value), 1);
    return value;
}

static void expect(FILE *file, const char *what) {
    char word[16];
    assert_int_equal(fscanf(file, "%15s", word), 1);
    assert_string_equal(word, what);
}

static void check_inference(net *n, const int *outputs, FILE *file, bool winograd) {
    int labels[BATCH];
    wick_program *program = net_program(n, BATCH, false, winograd, outputs, HEADS);
    load_batch(program, STEPS, labels);
    net_forward(program);
    for (int head = 0; head < HEADS; head++)
        for (int i = 0; i < BATCH; i++) {
            expect(file, "logits");
            for (int c = 0; c < CLASSES; c++) {
                double want = expected(file),
                       got = (double)wick_program_output(program, head)[i * CLASSES + c];
                if (!(fabs(got - want) <= 1e-4 * (1 + fabs(want))))
                    fail_msg("logits of head %d, image %d: %.8g, PyTorch %.8g", head, i, got, want);
            }
        }
    wick_program_free(program);
}

static void trace(bool winograd) {
    int outputs[HEADS], labels[BATCH];
    net n = family(outputs);
    wick_program *program = net_program(&n, BATCH, true, winograd, outputs, HEADS);
    initialise(&n, program);
    int params = wick_program_param_count(program);
    float **velocity = wick_xalloc((size_t)params * sizeof *velocity);
    for (int k = 0; k < params; k++)
        velocity[k] = wick_xalloc(wick_program_param(program, k)->count * sizeof(float));
    FILE *file = fopen(WICK_TEST_DATA "/program_trace.txt", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "#%*[^\n]"), 0);
    for (int step = 0; step < STEPS; step++) {
        load_batch(program, step, labels);
        net_forward(program);
        expect(file, "loss");
        for (int head = 0; head < HEADS; head++) {
            double want = expected(file), got = cross_entropy(program, head, labels);
            if (!(fabs(got - want) <= 1e-4))
                fail_msg("step %d, head %d: loss %.8g, PyTorch %.8g", step, head, got, want);
        }
        net_backward(program);
        update(program, velocity);
    }
    assert_int_equal(wick_program_export(program, n.graph, NULL), WICK_OK);
    check_inference(&n, outputs, file, winograd);
    fclose(file);
    for (int k = 0; k < params; k++)
        free(velocity[k]);
    free(velocity);
    wick_program_free(program);
    wick_graph_free(n.graph);
}

static void ten_steps_equal_pytorch(void **state) {
    (void)state;
    trace(false);
}

static void ten_steps_with_winograd_equal_pytorch(void **state) {
    (void)state;
    trace(true);
}

int main(void) {
    omp_set_num_threads(1); /* small layers: a second thread only waits */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_steps_equal_pytorch),
        cmocka_unit_test(ten_steps_with_winograd_equal_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
