/* Activations of 16 bits: from the float graph over QDQ, with opset 21 on file, to the integer
   network, in any mixture with 8 bits; and what is refused. */
#include "helper_qdq.h"
#include "onnx/onnx.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const wick_quantize_options all_wide = {.activation_bits = 16};

static wick_qnet *lower(const wick_graph *qdq) {
    wick_qnet *net;
    wick_diag diag = {0};
    wick_status status = wick_qnet_lower(qdq, &net, &diag);
    wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
    return net;
}

static int count_wide(const wick_qnet *net) {
    int n = 0;
    for (int t = 0; t < net->n_tensors; t++)
        n += net->tensors[t].wide;
    return n;
}

/* For the same quantized inputs each output differs by at most one step of 16 bits, for every
   operator and every mixture of widths. */
static void every_layer_is_within_one_step(void **state) {
    (void)state;
    helper_difference d = {0};
    int wide = 0, narrow = 0, mixed = 0, divided = 0;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        wick_graph *graph = helper_family(seed);
        wick_arena *arena = wick_arena_new();
        wick_rng rng = wick_rng_seed(seed, 16);
        const char **names;
        int n;
        assert_int_equal(wick_quantize_activations(graph, arena, &names, &n, NULL), WICK_OK);
        assert_true(n >= 8);
        wick_quantize_options options = {.activation_bits = seed % 3 ? 8 : 16, .wide = names};
        for (int i = 0; i < n; i++)
            if (wick_rng_below(&rng, 2))
                names[options.n_wide++] = names[i];
        wick_graph *qdq = helper_quantize_wide(graph, seed, 4, &options);
        wick_qnet *net = lower(qdq);
        helper_compare_images(qdq, net, seed, 3, &d);
        for (int l = 0; l < net->n_layers; l++) {
            const wick_layer *y = &net->layers[l];
            wide += wick_is_wide(y);
            narrow += !wick_is_wide(y);
            mixed += wick_is_wide(y) && y->wide != y->operands[0].wide;
            for (int c = 0; y->shift && c < (y->kind <= WICK_LAYER_FC ? y->out_c : 1); c++)
                divided += y->shift[c] > 31;
        }
        wick_qnet_free(net);
        wick_graph_free(qdq);
        wick_graph_free(graph);
        wick_arena_free(arena);
    }
    assert_true(wide > 100 && narrow > 20 && mixed > 40 && divided > 10);
    for (int kind = 0; kind < WICK_LAYER_MOVE; kind++) {
        assert_true(d.by_kind[kind] > 500);
        if (d.largest[kind] > 1)
            fail_msg("kind %d: %lld steps", kind, (long long)d.largest[kind]);
    }
    assert_true(d.different * 50 < d.outputs);
}

static double noise_of(const wick_graph *graph, const wick_quantize_options *options) {
    wick_arena *arena = wick_arena_new();
    wick_graph *qdq = helper_quantize_wide(graph, 5, 8, options), *exact;
    assert_int_equal(wick_qdq_prepare(graph, &exact, NULL), WICK_OK);
    wick_data *data = helper_data(graph, 5, arena);
    wick_layer_noise *noise;
    double snr = (double)NAN;
    int n;
    assert_int_equal(wick_layer_noises(exact, qdq, data, 4, arena, &noise, &n, NULL), WICK_OK);
    for (int i = 0; i < n; i++)
        if (!strcmp(noise[i].name, "z"))
            snr = noise[i].snr_db;
    wick_graph_free(exact);
    wick_graph_free(qdq);
    wick_arena_free(arena);
    return snr;
}

/* What is left of the features' noise is the weights'. */
static void sixteen_bits_are_nearer(void **state) {
    (void)state;
    wick_graph *graph = helper_family(5);
    double narrow = noise_of(graph, NULL), wide = noise_of(graph, &all_wide);
    if (!(wide > narrow + 2))
        fail_msg("%.1f dB with 8 bits, %.1f with 16", narrow, wide);
    wick_graph_free(graph);
}

static wick_graph *quantized(const wick_graph *graph, wick_arena *arena,
                             const wick_quantize_options *change) {
    wick_graph *qdq;
    wick_quantize_options options = wick_quantize_defaults();
    options.images = 8;
    options.activation_bits = change->activation_bits;
    options.wide = change->wide;
    options.n_wide = change->n_wide;
    options.calibration = change->calibration;
    assert_int_equal(wick_quantize(graph, helper_data(graph, 5, arena), &options, &qdq, NULL),
                     WICK_OK);
    return qdq;
}

/* Named activations alone, with what keeps their quantization; names of others are passed over. */
static void names_choose_tensors(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_graph *graph = helper_family(4);
    const char *const names[] = {"first_relu.y", "no such tensor", "x"};
    wick_graph *none = quantized(graph, arena, &(wick_quantize_options){.activation_bits = 8});
    wick_graph *one = quantized(
        graph, arena, &(wick_quantize_options){.activation_bits = 8, .wide = names, .n_wide = 3});
    wick_graph *all = quantized(graph, arena, &all_wide);
    wick_qnet *nets[3] = {lower(none), lower(one), lower(all)};
    assert_int_equal(count_wide(nets[0]), 0);
    assert_int_equal(count_wide(nets[1]), 1);
    for (int t = 0; t < nets[1]->n_tensors; t++)
        assert_int_equal(nets[1]->tensors[t].wide,
                         !strcmp(nets[1]->tensors[t].name, "first_relu.y/q"));
    /* All but the input. */
    assert_int_equal(count_wide(nets[2]), nets[2]->n_tensors - 1);
    assert_false(nets[2]->tensors[nets[2]->input].wide);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(nets[i]->hash.hex, nets[j]->hash.hex);
    /* 16 bits are symmetric and use all of what was seen. */
    for (int t = 0; t < nets[2]->n_tensors; t++)
        if (nets[2]->tensors[t].wide)
            assert_int_equal(nets[2]->tensors[t].zero_point, 0);
    for (int i = 0; i < 3; i++)
        wick_qnet_free(nets[i]);
    wick_graph_free(none);
    wick_graph_free(one);
    wick_graph_free(all);
    wick_graph_free(graph);
    wick_arena_free(arena);
}

/* On file: int16 needs opset 21; what is read back is the same network. AUTO runs too. */
static void files_keep_the_network(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_graph *graph = helper_family(6), *back;
    for (int wide = 0; wide < 2; wide++) {
        wick_graph *qdq = quantized(graph, arena,
                                    &(wick_quantize_options){.activation_bits = wide ? 16 : 8,
                                                             .calibration = WICK_CALIBRATE_AUTO});
        wick_buf bytes = {0};
        assert_int_equal(wick_onnx_write_bytes(qdq, "memory", &bytes, NULL), WICK_OK);
        /* ModelProto: field 1, ir_version; the opset's field 2, version, is its last byte. */
        assert_int_equal(bytes.data[0], 0x08);
        assert_int_equal(bytes.data[1], wide ? 10 : 8);
        const char opset[] = {0x42, 0x04, 0x0a, 0x00, 0x10, (char)(wide ? 21 : 17)};
        assert_non_null(memmem(bytes.data, bytes.len, opset, sizeof opset));
        assert_int_equal(wick_onnx_read_bytes((const uint8_t *)bytes.data, bytes.len, "memory",
                                              NULL, &back, NULL),
                         WICK_OK);
        wick_qnet *before = lower(qdq), *after = lower(back);
        assert_string_equal(before->hash.hex, after->hash.hex);
        assert_int_equal(count_wide(after) > 0, wide);
        wick_qnet_free(before);
        wick_qnet_free(after);
        wick_buf_free(&bytes);
        wick_graph_free(back);
        wick_graph_free(qdq);
    }
    wick_graph_free(graph);
    wick_arena_free(arena);
}

/* x -> Q -> DQ with one scale for the tensor. */
static int restored(wick_graph *g, int x, const char *name, wick_dtype dtype, float scale,
                    int zero) {
    wick_shape scalar = {0};
    int16_t wide = (int16_t)zero;
    int8_t narrow = (int8_t)zero;
    char text[64];
    snprintf(text, sizeof text, "%s.scale", name);
    int s = wick_graph_tensor(g, text, WICK_F32, scalar, &scale);
    snprintf(text, sizeof text, "%s.zero", name);
    int z = wick_graph_tensor(g, text, dtype, scalar,
                              dtype == WICK_S16 ? (const void *)&wide : &narrow);
    wick_attrs attrs = wick_attrs_default();
    attrs.axis = -1;
    int inputs[3] = {x, s, z};
    snprintf(text, sizeof text, "%s.q", name);
    inputs[0] = wick_graph_node(g, text, WICK_OP_QUANTIZE, inputs, 3, text, &attrs);
    snprintf(text, sizeof text, "%s.dq", name);
    return wick_graph_node(g, text, WICK_OP_DEQUANTIZE, inputs, 3, text, &attrs);
}

/* in -> Tanh (or Relu) -> global pool -> logits, with these types. */
static wick_graph *chain(wick_dtype in, wick_dtype middle, int zero, wick_dtype logits,
                         wick_op function) {
    wick_graph *g = helper_graph(5, 4, 4);
    int x = restored(g, g->input, "in", in, 1 / 127.5F / (in == WICK_S16 ? 256 : 1), 0);
    x = helper_unary(g, WICK_OP_RELU, x, "relu");
    x = restored(g, x, "a", middle, 0.001F, zero);
    x = helper_unary(g, function, x, "f");
    x = restored(g, x, "b", middle, 0.001F, zero);
    x = helper_unary(g, WICK_OP_GLOBAL_AVG_POOL, x, "pool");
    x = restored(g, helper_unary(g, WICK_OP_FLATTEN, x, "flat"), "out", logits, 0.01F, 0);
    helper_finish(g, -1, &x, 1);
    return g;
}

static void assert_refused(wick_graph *g, const char *place, const char *reason) {
    wick_qnet *net;
    wick_diag diag = {0};
    assert_int_equal(wick_qnet_lower(g, &net, &diag), WICK_UNSUPPORTED);
    assert_null(net);
    assert_true(diag.count > 0);
    assert_non_null(strstr(diag.items[0].place, place));
    assert_non_null(strstr(diag.items[0].reason, reason));
    assert_non_null(diag.items[0].hint);
    wick_diag_free(&diag);
    wick_graph_free(g);
}

static void what_cannot_run_is_named(void **state) {
    (void)state;
    wick_graph *good = chain(WICK_S8, WICK_S16, 0, WICK_S8, WICK_OP_RELU);
    wick_qnet_free(lower(good));
    wick_graph_free(good);
    good = chain(WICK_S8, WICK_S8, 0, WICK_S16, WICK_OP_RELU);
    wick_qnet *net = lower(good);
    assert_true(net->tensors[net->logits[0]].wide);
    wick_qnet_free(net);
    wick_graph_free(good);
    good = chain(WICK_S8, WICK_S8, 0, WICK_S8, WICK_OP_TANH);
    wick_qnet_free(lower(good));
    wick_graph_free(good);
    assert_refused(chain(WICK_S16, WICK_S16, 0, WICK_S8, WICK_OP_RELU), "in.q", "8 bits");
    assert_refused(chain(WICK_S8, WICK_S16, 3, WICK_S8, WICK_OP_RELU), "a.q", "zero point is 3");
    assert_refused(chain(WICK_S8, WICK_S16, 0, WICK_S8, WICK_OP_TANH), "f",
                   "no Tanh of 16-bit tensors");
}

/* Tables of 256 have no 16 bits: quantization leaves what they read and make at 8. */
static void functions_keep_eight_bits(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_rng rng = wick_rng_seed(3, 0);
    wick_graph *g = helper_graph(3, 6, 6);
    int x = helper_conv(g, &rng, g->input, "a", 3, 4, helper_window(3, 1, 1));
    x = helper_unary(g, WICK_OP_RELU, x, "a_relu");
    x = helper_conv(g, &rng, x, "b", 4, 4, helper_window(3, 1, 1));
    x = helper_unary(g, WICK_OP_TANH, x, "b_tanh");
    x = helper_conv(g, &rng, x, "c", 4, 4, helper_window(3, 1, 1));
    wick_attrs pool = helper_window(2, 2, 0);
    x = wick_graph_node(g, "d", WICK_OP_MAX_POOL, &x, 1, "d.y", &pool);
    x = helper_unary(g, WICK_OP_FLATTEN, x, "flat");
    x = helper_gemm(g, &rng, x, "fc", 36, 5);
    helper_finish(g, -1, &x, 1);
    const char **names;
    int n;
    assert_int_equal(wick_quantize_activations(g, arena, &names, &n, NULL), WICK_OK);
    assert_int_equal(n, 3);
    assert_string_equal(names[0], "a_relu.y");
    assert_string_equal(names[1], "c.y");
    assert_string_equal(names[2], "fc.y");
    wick_graph *qdq = quantized(g, arena, &all_wide);
    wick_qnet *net = lower(qdq);
    assert_int_equal(count_wide(net), 4); /* and the pool behind c */
    wick_qnet_free(net);
    wick_graph_free(qdq);
    wick_graph_free(g);
    wick_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_is_within_one_step),
        cmocka_unit_test(sixteen_bits_are_nearer),
        cmocka_unit_test(names_choose_tensors),
        cmocka_unit_test(files_keep_the_network),
        cmocka_unit_test(what_cannot_run_is_named),
        cmocka_unit_test(functions_keep_eight_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
