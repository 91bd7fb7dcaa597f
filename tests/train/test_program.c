/* Programs: forward against the reference evaluation, statistics, frozen parameters, layouts,
   repeatability, refusals. Gradients: test_program_gradients.c. */
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

static int last(const net *n) {
    return n->graph->nodes[n->graph->n_nodes - 1].output;
}

static size_t input_count(const net *n, int batch) {
    return (size_t)(batch * wick_shape_count(n->graph->tensors[n->graph->input].shape));
}

/* How often the description of a program holds `text`. */
static int count_text(const wick_program *program, const char *text) {
    wick_buf buf = {0};
    int count = 0;
    wick_program_describe(program, &buf);
    for (const char *p = buf.data; (p = strstr(p, text)); p++)
        count++;
    wick_buf_free(&buf);
    return count;
}

/* ---- forward ---- */

/* One more random node on a random tensor; returns its output or -1 when it does not fit. */
static int random_node(net *n, const int *tensors, int count) {
    wick_rng *rng = &n->rng;
    int x = tensors[wick_rng_below(rng, (uint32_t)count)];
    int y = tensors[wick_rng_below(rng, (uint32_t)count)];
    wick_shape a = n->graph->tensors[x].shape, b = n->graph->tensors[y].shape;
    bool room = a.dim[2] >= 4 && a.dim[3] >= 4;
    int channels = (int)a.dim[1], out = 1 + (int)wick_rng_below(rng, 36);
    net_conv_options o = {.out = out,
                          .kernel = 3,
                          .stride = 1 + (int)wick_rng_below(rng, 2),
                          .pad = 1,
                          .bias = wick_rng_below(rng, 2) == 0};
    switch (wick_rng_below(rng, 13)) {
    case 0:
        return net_conv(n, x, o);
    case 1:
        o.out = channels, o.groups = channels;
        return net_conv(n, x, o);
    case 2:
        o.kernel = 1, o.pad = 0;
        return net_conv(n, x, o);
    case 3:
        o.stride = 1, o.dilation = 2, o.pad = 2;
        return net_conv(n, x, o);
    case 4:
        return net_batch_norm(n, x);
    case 5:
        return net_simple(n, x, WICK_OP_RELU);
    case 6:
        return net_simple(n, x, WICK_OP_CLIP);
    case 7:
        return room ? net_pool(n, x, WICK_OP_MAX_POOL, 3, 2, 1, false) : -1;
    case 8:
        return room ? net_pool(n, x, WICK_OP_AVG_POOL, 2, 2, 1, out % 2) : -1;
    case 9:
        return wick_shape_equal(a, b) ? net_join(n, WICK_OP_ADD, (int[]){x, y}, 2) : -1;
    case 10:
        return a.dim[2] == b.dim[2] && a.dim[3] == b.dim[3] && channels < 64
                   ? net_join(n, WICK_OP_CONCAT, (int[]){x, y, x}, 3)
                   : -1;
    case 11:
        return channels < 64 ? net_pad(n, x, out) : -1;
    default:
        return net_simple(n, x, WICK_OP_IDENTITY);
    }
}

/* A net of about ten nodes with every tensor in the middle possible as an output. */
static net random_net(uint64_t seed, int *outputs, int *n_outputs) {
    net n = net_new(seed, 3, 9, 8);
    int tensors[32], count = 0;
    tensors[count++] = net_conv(
        &n, n.graph->input,
        (net_conv_options){
            .out = 1 + (int)wick_rng_below(&n.rng, 20), .kernel = 3, .stride = 1, .pad = 1});
    for (int i = 0; i < 12; i++) {
        int t = random_node(&n, tensors, count);
        if (t >= 0)
            tensors[count++] = t;
    }
    *n_outputs = 0;
    for (int i = 0; i < 3; i++)
        outputs[(*n_outputs)++] = tensors[wick_rng_below(&n.rng, (uint32_t)count)];
    int g = net_simple(&n, last(&n), WICK_OP_GLOBAL_AVG_POOL);
    int f = net_fc(&n, net_simple(&n, g, WICK_OP_FLATTEN), 7, true);
    outputs[(*n_outputs)++] = f;
    outputs[(*n_outputs)++] = net_simple(&n, net_batch_norm(&n, f), WICK_OP_SOFTMAX);
    return n;
}

static void compare_with_reference(net *n, wick_program *program, int batch, const int *outputs,
                                   int n_outputs) {
    void **values;
    assert_int_equal(wick_graph_set_batch(n->graph, batch, NULL), WICK_OK);
    assert_int_equal(wick_graph_eval(n->graph, wick_program_input(program), &values, NULL),
                     WICK_OK);
    for (int i = 0; i < n_outputs; i++) {
        const float *got = wick_program_output(program, i), *want = values[outputs[i]];
        for (size_t k = 0; k < wick_program_output_count(program, i); k++)
            if (!(fabsf(got[k] - want[k]) <= 1e-4f * (1 + fabsf(want[k]))))
                fail_msg("output %d [%zu]: %.7g, reference %.7g", i, k, (double)got[k],
                         (double)want[k]);
    }
    wick_values_free(n->graph, values);
}

static void forward_equals_the_reference(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        int outputs[8], n_outputs, batch = 1 + (int)(seed % 3);
        net n = random_net(seed, outputs, &n_outputs);
        wick_program *program = net_program(&n, batch, false, seed % 2, outputs, n_outputs);
        net_random(&n.rng, wick_program_input(program), input_count(&n, batch));
        net_forward(program);
        compare_with_reference(&n, program, batch, outputs, n_outputs);
        wick_program_free(program);
        wick_graph_free(n.graph);
    }
}

/* Nodes that differ in one attribute only are different nodes; equal ones are computed once. */
static void only_equal_nodes_are_merged(void **state) {
    (void)state;
    net n = net_new(3, 3, 8, 8);
    int x = n.graph->input, outputs[] = {
                                net_pool(&n, x, WICK_OP_AVG_POOL, 3, 2, 1, false),
                                net_pool(&n, x, WICK_OP_AVG_POOL, 3, 2, 1, false),
                                net_pool(&n, x, WICK_OP_MAX_POOL, 3, 2, 1, false),
                                net_pool(&n, x, WICK_OP_AVG_POOL, 3, 1, 1, false),
                                net_pool(&n, x, WICK_OP_AVG_POOL, 2, 2, 1, false),
                                net_pool(&n, x, WICK_OP_AVG_POOL, 3, 2, 0, false),
                                net_pool(&n, x, WICK_OP_AVG_POOL, 3, 2, 1, true),
                                net_simple(&n, x, WICK_OP_RELU),
                                net_simple(&n, x, WICK_OP_RELU),
                                net_simple(&n, x, WICK_OP_CLIP),
                                net_simple(&n, x, WICK_OP_CLIP),
                                net_simple(&n, x, WICK_OP_CLIP),
                                net_simple(&n, x, WICK_OP_SOFTMAX),
                                net_simple(&n, x, WICK_OP_SOFTMAX),
                            };
    int count = (int)WICK_LEN(outputs);
    n.graph->nodes[10].attrs.clip_min = -1;
    n.graph->nodes[11].attrs.clip_max = 1;
    n.graph->nodes[13].attrs.axis = 3;
    wick_program *program = net_program(&n, 2, false, false, outputs, count);
    assert_int_equal(count_text(program, "pool forward"), 6);
    assert_int_equal(count_text(program, "relu forward"), 1);
    assert_int_equal(count_text(program, "clip forward"), 3);
    assert_int_equal(count_text(program, "softmax forward"), 2);
    net_random(&n.rng, wick_program_input(program), input_count(&n, 2));
    net_forward(program);
    compare_with_reference(&n, program, 2, outputs, count);
    wick_program_free(program);
    wick_graph_free(n.graph);
}

/* The statistics of one channel of [N,C,H,W] in double. */
static void moments(const float *x, int n, int channels, int pixels, int c, double *mean,
                    double *variance) {
    double sum = 0, square = 0, count = (double)n * pixels;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < pixels; k++)
            sum += (double)x[(i * channels + c) * pixels + k];
    *mean = sum / count;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < pixels; k++) {
            double d = (double)x[(i * channels + c) * pixels + k] - *mean;
            square += d * d;
        }
    *variance = square / (count - 1); /* unbiased */
}

static void running_statistics_follow_the_batch(void **state) {
    (void)state;
    enum { BATCH = 4, CHANNELS = 5, PIXELS = 42 };
    net n = net_new(2, 3, 7, 6);
    int x = net_conv(&n, n.graph->input,
                     (net_conv_options){.out = CHANNELS, .kernel = 3, .stride = 1, .pad = 1});
    int y = net_simple(&n, net_batch_norm(&n, x), WICK_OP_RELU), outputs[] = {x, y};
    wick_program *program = net_program(&n, BATCH, true, false, outputs, 2);
    net_random(&n.rng, wick_program_input(program), input_count(&n, BATCH));
    int mean = wick_graph_find(n.graph, "n1.mean"), var = wick_graph_find(n.graph, "n1.var");
    float before_mean[CHANNELS], before_var[CHANNELS];
    memcpy(before_mean, n.graph->tensors[mean].data, sizeof before_mean);
    memcpy(before_var, n.graph->tensors[var].data, sizeof before_var);
    net_forward(program);
    assert_int_equal(wick_program_export(program, n.graph, NULL), WICK_OK);
    for (int c = 0; c < CHANNELS; c++) {
        double m, v;
        moments(wick_program_output(program, 0), BATCH, CHANNELS, PIXELS, c, &m, &v);
        /* The graph's momentum is 0.9. */
        double want_mean = 0.9 * (double)before_mean[c] + 0.1 * m;
        double want_var = 0.9 * (double)before_var[c] + 0.1 * v;
        assert_true(fabs((double)((float *)n.graph->tensors[mean].data)[c] - want_mean) < 1e-6);
        assert_true(fabs((double)((float *)n.graph->tensors[var].data)[c] - want_var) < 1e-6);
    }
    wick_program_free(program);
    wick_graph_free(n.graph);
}

/* ---- frozen parameters ---- */

/* Extractor of two convolutions, one with batch norm, and two heads. outputs: logits, logits. */
static net family(int *outputs) {
    net n = net_new(4, 3, 8, 8);
    net_conv(&n, n.graph->input, (net_conv_options){.out = 8, .kernel = 3, .stride = 1, .pad = 1});
    net_batch_norm(&n, last(&n));
    net_simple(&n, last(&n), WICK_OP_RELU);
    net_conv(&n, last(&n),
             (net_conv_options){.out = 20, .kernel = 3, .stride = 1, .pad = 1, .bias = true});
    int z = net_simple(&n, last(&n), WICK_OP_RELU);
    for (int head = 0; head < 2; head++) {
        int x = net_pool(&n, z, WICK_OP_MAX_POOL, 2, 2, 0, false);
        x = net_conv(&n, x, (net_conv_options){.out = 12, .kernel = 3, .stride = 1, .pad = 1});
        x = net_simple(&n, net_batch_norm(&n, x), WICK_OP_RELU);
        x = net_simple(&n, net_simple(&n, x, WICK_OP_GLOBAL_AVG_POOL), WICK_OP_FLATTEN);
        outputs[head] = net_fc(&n, x, 5 + head, true);
    }
    return n;
}

static void fill(net *n, wick_program *program, int batch, int n_outputs, uint64_t seed) {
    wick_rng rng = wick_rng_seed(seed, 9);
    net_random(&rng, wick_program_input(program), input_count(n, batch));
    for (int i = 0; i < n_outputs; i++)
        net_random(&rng, wick_program_output_gradient(program, i),
                   wick_program_output_count(program, i));
}

static float *copy(const float *values, size_t count) {
    float *out = wick_xalloc(count * sizeof *out);
    memcpy(out, values, count * sizeof *out);
    return out;
}

static bool in_extractor(const wick_param *param) {
    return strncmp(param->name, "n0.", 3) == 0 || strncmp(param->name, "n1.", 3) == 0 ||
           strncmp(param->name, "n3.", 3) == 0;
}

static void freeze_extractor(wick_program *program, bool frozen) {
    for (int i = 0; i < wick_program_param_count(program); i++)
        if (in_extractor(wick_program_param(program, i)))
            wick_program_param(program, i)->frozen = frozen;
    assert_int_equal(wick_program_refreeze(program, NULL), WICK_OK);
}

static void a_frozen_extractor_costs_nothing_and_stays(void **state) {
    (void)state;
    int outputs[2];
    net n = family(outputs);
    wick_program *program = net_program(&n, 4, true, false, outputs, 2);
    assert_int_equal(count_text(program, "conv backward weights"), 4);
    assert_int_equal(count_text(program, "conv backward data"), 3);
    assert_int_equal(count_text(program, "batch-norm statistics"), 3);
    freeze_extractor(program, true);
    assert_int_equal(count_text(program, "conv backward weights"), 2);
    assert_int_equal(count_text(program, "conv backward data"), 0);
    assert_int_equal(count_text(program, "batch-norm statistics"), 2);
    assert_int_equal(count_text(program, "pool backward"), 2); /* the global ones */
    fill(&n, program, 4, 2, 1);
    for (int step = 0; step < 2; step++) {
        net_forward(program);
        net_backward(program);
    }
    wick_graph *after = wick_graph_clone(n.graph);
    assert_int_equal(wick_program_export(program, after, NULL), WICK_OK);
    for (int i = 0; i < wick_program_param_count(program); i++) {
        const wick_param *param = wick_program_param(program, i);
        const wick_tensor *tensor = &n.graph->tensors[param->tensor];
        size_t bytes = (size_t)wick_shape_count(tensor->shape) * sizeof(float);
        bool same = !memcmp(tensor->data, after->tensors[param->tensor].data, bytes);
        assert_true(same == (in_extractor(param) || param->trainable));
    }
    wick_graph_free(after);
    wick_program_free(program);
    wick_graph_free(n.graph);
}

/* A frozen batch norm uses its running statistics: z equals that of an inference program. */
static void a_frozen_batch_norm_is_the_one_of_inference(void **state) {
    (void)state;
    int outputs[2];
    net n = family(outputs);
    int z = n.graph->nodes[4].output;
    wick_program *training = net_program(&n, 4, true, false, &z, 1);
    wick_program *inference = net_program(&n, 4, false, false, &z, 1);
    freeze_extractor(training, true);
    fill(&n, training, 4, 1, 5);
    memcpy(wick_program_input(inference), wick_program_input(training),
           input_count(&n, 4) * sizeof(float));
    net_forward(training);
    net_forward(inference);
    size_t count = wick_program_output_count(training, 0);
    for (size_t i = 0; i < count; i++)
        assert_true(fabsf(wick_program_output(training, 0)[i] -
                          wick_program_output(inference, 0)[i]) <= 1e-5f);
    wick_program_free(training);
    wick_program_free(inference);
    wick_graph_free(n.graph);
}

/* Gradients of what is not frozen do not depend on what is (no batch norm among it), arrays stay
   where they are, and thawing brings everything back. */
static void refreezing_changes_only_what_it_names(void **state) {
    (void)state;
    int outputs[2];
    net n = family(outputs);
    wick_program *program = net_program(&n, 4, true, false, outputs, 2);
    int params = wick_program_param_count(program);
    float **gradients = wick_xalloc((size_t)params * sizeof *gradients);
    const float **arrays = wick_xalloc((size_t)params * sizeof *arrays);
    fill(&n, program, 4, 2, 3);
    const float *output = wick_program_output(program, 0);
    net_forward(program);
    net_backward(program);
    for (int i = 0; i < params; i++) {
        const wick_param *param = wick_program_param(program, i);
        arrays[i] = param->value;
        gradients[i] = param->gradient ? copy(param->gradient, param->count) : NULL;
    }
    for (int round = 0; round < 2; round++) {
        bool frozen = round == 0;
        for (int i = 0; i < params; i++) {
            wick_param *param = wick_program_param(program, i);
            if (strncmp(param->name, "n0.", 3) == 0 || strncmp(param->name, "n3.", 3) == 0)
                param->frozen = frozen;
        }
        assert_int_equal(wick_program_refreeze(program, NULL), WICK_OK);
        assert_ptr_equal(output, wick_program_output(program, 0));
        net_forward(program);
        net_backward(program);
        for (int i = 0; i < params; i++) {
            const wick_param *param = wick_program_param(program, i);
            assert_ptr_equal(arrays[i], param->value);
            if (!param->gradient)
                continue;
            for (size_t k = 0; k < param->count; k++)
                assert_true(param->gradient[k] == (param->frozen ? 0.0f : gradients[i][k]));
        }
    }
    for (int i = 0; i < params; i++)
        free(gradients[i]);
    free(gradients);
    free(arrays);
    wick_program_free(program);
    wick_graph_free(n.graph);
}

/* ---- layouts, repeatability ---- */

static void export_and_import_keep_every_bit(void **state) {
    (void)state;
    int outputs[2];
    net n = family(outputs);
    wick_program *program = net_program(&n, 32, true, true, outputs, 2);
    /* Any bit pattern must survive, so also denormals, infinities and negative zeros. */
    wick_graph *original = wick_graph_clone(n.graph), *copied = wick_graph_clone(n.graph);
    static const uint32_t odd[] = {1u, 0x80000000u, 0x7f800000u, 0xff7fffffu, 0x00400001u};
    for (int i = 0; i < wick_program_param_count(program); i++) {
        int t = wick_program_param(program, i)->tensor;
        float *data = original->tensors[t].data;
        int64_t count = wick_shape_count(original->tensors[t].shape);
        net_random(&n.rng, data, (size_t)count);
        for (int64_t k = 0; k < count; k += 3)
            memcpy(&data[k], &odd[k % 5], sizeof *data);
        memset(copied->tensors[t].data, 0, (size_t)count * sizeof(float));
    }
    assert_int_equal(wick_program_import(program, original, NULL), WICK_OK);
    assert_int_equal(wick_program_export(program, copied, NULL), WICK_OK);
    for (int i = 0; i < wick_program_param_count(program); i++) {
        int t = wick_program_param(program, i)->tensor;
        assert_memory_equal(original->tensors[t].data, copied->tensors[t].data,
                            (size_t)wick_shape_count(original->tensors[t].shape) * sizeof(float));
    }
    wick_graph_free(original);
    wick_graph_free(copied);
    wick_program_free(program);
    wick_graph_free(n.graph);
}

static void import_refuses_other_graphs(void **state) {
    (void)state;
    int outputs[2];
    net n = family(outputs), other = net_new(1, 3, 8, 8);
    net_conv(&other, other.graph->input,
             (net_conv_options){.out = 9, .kernel = 3, .stride = 1, .pad = 1});
    wick_program *program = net_program(&n, 2, true, false, outputs, 2);
    wick_diag diag = {0};
    assert_int_equal(wick_program_import(program, other.graph, &diag), WICK_MISMATCH);
    assert_true(wick_diag_contains(&diag, "n0.weight"));
    assert_int_equal(wick_program_export(program, other.graph, NULL), WICK_MISMATCH);
    wick_diag_free(&diag);
    wick_program_free(program);
    wick_graph_free(n.graph);
    wick_graph_free(other.graph);
}

/* Three steps of plain gradient descent; the bits of all parameters afterwards. */
static wick_hash train_briefly(int threads) {
    omp_set_num_threads(threads);
    int outputs[2];
    net n = family(outputs);
    wick_program *program = net_program(&n, 48, true, true, outputs, 2);
    for (int step = 0; step < 3; step++) {
        fill(&n, program, 48, 2, (uint64_t)step);
        net_forward(program);
        net_backward(program);
        for (int i = 0; i < wick_program_param_count(program); i++) {
            wick_param *param = wick_program_param(program, i);
            for (size_t k = 0; k < param->count && param->trainable; k++)
                param->value[k] -= 1e-4f * param->gradient[k];
        }
    }
    assert_int_equal(wick_program_export(program, n.graph, NULL), WICK_OK);
    wick_buf bits = {0};
    for (int t = 0; t < n.graph->n_tensors; t++) {
        const wick_tensor *tensor = &n.graph->tensors[t];
        if (tensor->data)
            wick_buf_append(&bits, tensor->data,
                            (size_t)wick_shape_count(tensor->shape) * sizeof(float));
    }
    wick_hash hash = wick_hash_bytes(bits.data, bits.len);
    wick_buf_free(&bits);
    wick_program_free(program);
    wick_graph_free(n.graph);
    omp_set_num_threads(1);
    return hash;
}

static void the_same_threads_give_the_same_bits(void **state) {
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        wick_hash first = train_briefly(threads);
        for (int run = 0; run < 2; run++)
            assert_string_equal(first.hex, train_briefly(threads).hex);
    }
}

/* A program keeps the number of threads it was built with, whatever the caller sets later. */
static void threads_belong_to_the_program(void **state) {
    (void)state;
    int outputs[2];
    net n = family(outputs);
    omp_set_num_threads(2);
    wick_program *program = net_program(&n, 48, true, false, outputs, 2);
    fill(&n, program, 48, 2, 1);
    int params = wick_program_param_count(program);
    float **before = wick_xalloc((size_t)params * sizeof *before);
    for (int round = 0; round < 2; round++) {
        omp_set_num_threads(round ? 3 : 2);
        net_forward(program);
        net_backward(program);
        assert_int_equal(omp_get_max_threads(), round ? 3 : 2);
        for (int i = 0; i < params; i++) {
            const wick_param *param = wick_program_param(program, i);
            if (param->trainable && !round)
                before[i] = copy(param->gradient, param->count);
            else if (param->trainable)
                assert_memory_equal(before[i], param->gradient, param->count * sizeof(float));
        }
    }
    omp_set_num_threads(1);
    for (int i = 0; i < params; i++)
        free(before[i]);
    free(before);
    wick_program_free(program);
    wick_graph_free(n.graph);
}

/* Activations share memory with gradients, so whatever backward overwrites, the next step must not
   see; and the caller's arrays are left alone. */
static void steps_do_not_disturb_each_other(void **state) {
    (void)state;
    for (uint64_t seed = 100; seed < 120; seed++) {
        int outputs[8], n_outputs;
        net n = random_net(seed, outputs, &n_outputs);
        wick_program *program = net_program(&n, 3, true, false, outputs, n_outputs);
        fill(&n, program, 3, n_outputs, seed);
        float *input = copy(wick_program_input(program), input_count(&n, 3));
        int params = wick_program_param_count(program);
        float **first = wick_xalloc((size_t)params * sizeof *first);
        for (int step = 0; step < 3; step++) {
            net_forward(program);
            double loss = net_loss(program, n_outputs);
            net_backward(program);
            assert_true(loss >= net_loss(program, n_outputs) &&
                        loss <= net_loss(program, n_outputs));
            for (int i = 0; i < params; i++) {
                const wick_param *param = wick_program_param(program, i);
                if (step == 0 && param->trainable)
                    first[i] = copy(param->gradient, param->count);
                if (param->trainable)
                    assert_memory_equal(first[i], param->gradient, param->count * sizeof(float));
            }
        }
        assert_memory_equal(input, wick_program_input(program), input_count(&n, 3) * sizeof(float));
        for (int i = 0; i < params; i++)
            free(first[i]);
        free(first);
        free(input);
        wick_program_free(program);
        wick_graph_free(n.graph);
    }
}

/* Nodes that no output needs are not run, and their parameters still travel. */
static void unneeded_heads_are_left_out(void **state) {
    (void)state;
    int outputs[2];
    net n = family(outputs);
    wick_program *program = net_program(&n, 4, true, false, outputs, 1);
    assert_int_equal(count_text(program, "conv backward weights"), 3);
    wick_graph *before = wick_graph_clone(n.graph);
    fill(&n, program, 4, 1, 1);
    net_forward(program);
    net_backward(program);
    assert_int_equal(wick_program_export(program, n.graph, NULL), WICK_OK);
    bool moved = false;
    for (int t = 0; t < n.graph->n_tensors; t++) {
        const wick_tensor *tensor = &n.graph->tensors[t];
        if (!tensor->data)
            continue;
        bool same = !memcmp(tensor->data, before->tensors[t].data,
                            (size_t)wick_shape_count(tensor->shape) * sizeof(float));
        moved = moved || !same;
        if (atoi(tensor->name + 1) > 11) /* the second head's nodes */
            assert_true(same);
    }
    assert_true(moved); /* the running statistics of the first */
    wick_graph_free(before);
    wick_program_free(program);
    wick_graph_free(n.graph);
}

/* ---- descriptions and refusals ---- */

static void the_description_names_nodes_and_implementations(void **state) {
    (void)state;
    int outputs[2];
    net n = family(outputs);
    wick_program *program = net_program(&n, 4, true, false, outputs, 2);
    assert_true(count_text(program, "conv+relu forward") == 1);
    assert_true(count_text(program, "batch-norm+relu forward") == 3);
    assert_true(count_text(program, "batch-norm+relu backward") == 3);
    assert_true(count_text(program, " n3 ") > 0);
    assert_int_equal(count_text(program, "unknown"), 0);
    assert_non_null(strstr(wick_backend_version(), "oneDNN "));
    assert_non_null(strstr(wick_backend_version(), " threads, "));
    wick_program_free(program);
    wick_graph_free(n.graph);
}

/* A join whose parts end within a block of channels is row-major; batch norm behind it is not, as
   oneDNN is many times slower there ("ncsp"). */
/* A 2x2 pool joins the batch norm before it unless someone else reads the full size or a row is
   left over. */
static void a_pool_joins_its_batch_norm(void **state) {
    (void)state;
    enum { ALONE, READ, ODD, CASES };
    for (int number = 0; number < CASES; number++) {
        net n = net_new(1, 3, number == ODD ? 7 : 6, 8);
        net_conv_options conv = {.out = 16, .kernel = 3, .stride = 1, .pad = 1};
        int x = net_batch_norm(&n, net_conv(&n, n.graph->input, conv));
        x = net_simple(&n, x, WICK_OP_RELU);
        int outputs[2] = {net_pool(&n, x, WICK_OP_MAX_POOL, 2, 2, 0, false), x};
        wick_program *program = net_program(&n, 4, true, false, outputs, number == READ ? 2 : 1);
        int joined = number == ALONE;
        assert_int_equal(count_text(program, "batch-norm+relu+pool"), 2 * joined);
        assert_int_equal(count_text(program, "\npool "), 2 * !joined);
        wick_program_free(program);
        wick_graph_free(n.graph);
    }
}

static void batch_norm_behind_a_join_is_fast(void **state) {
    (void)state;
    net n = net_new(1, 3, 8, 8);
    net_conv_options conv = {.out = 24, .kernel = 3, .stride = 1, .pad = 1};
    int a = net_conv(&n, n.graph->input, conv);
    conv.out = 8;
    int b = net_conv(&n, a, conv);
    int joined = net_join(&n, WICK_OP_CONCAT, (int[]){a, b}, 2);
    int y = net_simple(&n, net_batch_norm(&n, joined), WICK_OP_RELU);
    for (int training = 0; training < 2; training++) {
        wick_program *program = net_program(&n, 4, training, false, &y, 1);
        assert_int_equal(count_text(program, "ncsp"), 0);
        wick_program_free(program);
    }
    wick_graph_free(n.graph);
}

static void refuse(net *n, const char *node) {
    int output = last(n);
    wick_program_options options = {
        .batch = 2, .training = true, .n_outputs = 1, .outputs = &output};
    wick_program *program;
    wick_diag diag = {0};
    assert_int_equal(wick_program_build(n->graph, &options, &program, &diag), WICK_UNSUPPORTED);
    assert_null(program);
    assert_int_equal(diag.count, 1);
    assert_string_equal(diag.items[0].place, node);
    wick_diag_free(&diag);
    wick_graph_free(n->graph);
}

static void what_cannot_be_trained_is_refused_by_name(void **state) {
    (void)state;
    net n = net_new(1, 3, 6, 6);
    float scale = 0.1f;
    int s = wick_graph_tensor(n.graph, "s", WICK_F32, (wick_shape){0}, &scale);
    net_join(&n, WICK_OP_QUANTIZE, (int[]){n.graph->input, s}, 2);
    refuse(&n, "n0");

    n = net_new(1, 3, 6, 6);
    float zeros[108] = {0};
    int constant = wick_graph_tensor(n.graph, "c", WICK_F32, (wick_shape){4, {1, 3, 6, 6}}, zeros);
    wick_attrs attrs = wick_attrs_default();
    wick_graph_node(n.graph, "concat", WICK_OP_CONCAT, (int[]){constant, constant}, 2, "cc",
                    &attrs);
    refuse(&n, "concat");

    n = net_new(1, 3, 6, 6); /* one array in two nodes */
    int x = net_conv(&n, n.graph->input,
                     (net_conv_options){.out = 3, .kernel = 3, .stride = 1, .pad = 1});
    wick_attrs conv = n.graph->nodes[0].attrs;
    wick_graph_node(n.graph, "again", WICK_OP_CONV, (int[]){x, n.graph->nodes[0].inputs[1]}, 2, "y",
                    &conv);
    refuse(&n, "again");
}

int main(void) {
    omp_set_num_threads(1); /* small layers: a second thread only waits */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_equals_the_reference),
        cmocka_unit_test(only_equal_nodes_are_merged),
        cmocka_unit_test(running_statistics_follow_the_batch),
        cmocka_unit_test(a_frozen_extractor_costs_nothing_and_stays),
        cmocka_unit_test(a_frozen_batch_norm_is_the_one_of_inference),
        cmocka_unit_test(refreezing_changes_only_what_it_names),
        cmocka_unit_test(export_and_import_keep_every_bit),
        cmocka_unit_test(import_refuses_other_graphs),
        cmocka_unit_test(the_same_threads_give_the_same_bits),
        cmocka_unit_test(threads_belong_to_the_program),
        cmocka_unit_test(steps_do_not_disturb_each_other),
        cmocka_unit_test(unneeded_heads_are_left_out),
        cmocka_unit_test(the_description_names_nodes_and_implementations),
        cmocka_unit_test(a_pool_joins_its_batch_norm),
        cmocka_unit_test(batch_norm_behind_a_join_is_fast),
        cmocka_unit_test(what_cannot_be_trained_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
