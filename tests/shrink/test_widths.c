/* 16-bit activations by measurement: the tensor that needs them is found, a budget buys what is
   worth most, and the loss that is promised is that of the network that quantization then makes. */
#include "helper_qdq.h"
#include "shrink/shrink.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CHANNELS = 6, CLASSES = 5, SIDE = 6, LOUD = 8 };

/* a, with a function that has no 16 bits -> b -> c -> gap -> fc. The first channel of b is `uneven`
   times as large as the others; c takes that back, a channel at a time. */
static wick_graph *network(float uneven) {
    wick_rng rng = wick_rng_seed(7, 0);
    wick_graph *g = helper_graph(3, SIDE, SIDE);
    int x = helper_conv(g, &rng, g->input, "a", 3, CHANNELS, helper_window(3, 1, 1));
    x = helper_unary(g, WICK_OP_TANH, x, "a_tanh");
    float out[CHANNELS * CHANNELS] = {0}, back[CHANNELS * CHANNELS] = {0};
    for (int i = 0; i < CHANNELS; i++) {
        float gain = i ? 1 : uneven;
        for (int j = 0; j < CHANNELS; j++)
            out[i * CHANNELS + j] = gain * (float)wick_rng_normal(&rng);
        back[i * CHANNELS + i] = LOUD / gain;
    }
    const wick_shape square = {4, {CHANNELS, CHANNELS, 1, 1}};
    wick_attrs point = helper_window(1, 1, 0);
    int inputs[2] = {x, helper_constant(g, "b.w", square, out)};
    inputs[0] = wick_graph_node(g, "b", WICK_OP_CONV, inputs, 2, "b.y", &point);
    inputs[1] = helper_constant(g, "c.w", square, back);
    x = wick_graph_node(g, "c", WICK_OP_CONV, inputs, 2, "c.y", &point);
    x = helper_unary(g, WICK_OP_RELU, x, "c_relu");
    x = helper_unary(g, WICK_OP_GLOBAL_AVG_POOL, x, "pool");
    x = helper_unary(g, WICK_OP_FLATTEN, x, "flat");
    x = helper_gemm(g, &rng, x, "fc", CHANNELS, CLASSES);
    helper_finish(g, -1, &x, 1);
    return g;
}

static wick_quantize_options some_images(void) {
    wick_quantize_options options = wick_quantize_defaults();
    options.images = 24;
    return options;
}

static const wick_width *find(const wick_widths *w, const char *name) {
    for (int i = 0; i < w->n; i++)
        if (!strcmp(w->tensors[i].name, name))
            return &w->tensors[i];
    fail_msg("no %s", name);
    return NULL;
}

static int count_wide(const wick_widths *w) {
    int n = 0;
    for (int i = 0; i < w->n; i++)
        n += w->tensors[i].wide;
    return n;
}

static double log_of_sum(const double *x) {
    double sum = 0;
    for (int c = 0; c < CLASSES; c++)
        sum += exp(x[c]);
    return log(sum);
}

/* Cross-entropy less entropy over `n` images, by the reference and by the network that
   wick_quantize makes with these tensors wide. */
static double loss_of(const wick_graph *graph, const wick_data *data, const wick_widths *w,
                      wick_split split, const uint32_t *indices, int n, int64_t *bytes) {
    wick_arena *arena = wick_arena_new();
    wick_quantize_options options = some_images();
    const char **names = wick_new(arena, const char *, w->n);
    wick_graph *qdq;
    wick_qnet *net;
    double loss = 0;
    for (int i = 0; i < w->n; i++)
        if (w->tensors[i].wide)
            names[options.n_wide++] = w->tensors[i].name;
    options.wide = names;
    assert_int_equal(wick_quantize(graph, data, &options, &qdq, NULL), WICK_OK);
    assert_int_equal(wick_qnet_lower(qdq, &net, NULL), WICK_OK);
    int8_t **values = wick_qnet_buffers(net, arena);
    *bytes = 0;
    for (int t = 0; t < net->n_tensors; t++)
        *bytes += (int64_t)net->tensors[t].h * net->tensors[t].w * net->tensors[t].c *
                  (1 + net->tensors[t].wide);
    for (int i = 0; i < n; i++) {
        int at = indices ? (int)indices[i] : i;
        double p[CLASSES], q[CLASSES];
        void **exact;
        assert_int_equal(
            wick_graph_eval(graph, helper_normalised(graph, data, split, at, arena), &exact, NULL),
            WICK_OK);
        wick_qnet_run(net, data->split[split].pixels + (size_t)at * SIDE * SIDE * 3, UINT32_MAX,
                      values);
        const wick_qtensor *t = &net->tensors[net->logits[0]];
        for (int c = 0; c < CLASSES; c++) {
            p[c] = (double)((const float *)exact[graph->family.heads[0]])[c];
            q[c] = (double)t->scale *
                   (wick_qtensor_at(t, values[net->logits[0]], (size_t)c) - t->zero_point);
        }
        double lp = log_of_sum(p), lq = log_of_sum(q);
        for (int c = 0; c < CLASSES; c++)
            loss += exp(p[c] - lp) * (p[c] - lp - q[c] + lq);
        wick_values_free(graph, exact);
    }
    wick_qnet_free(net);
    wick_graph_free(qdq);
    wick_arena_free(arena);
    return loss / n;
}

static void assert_promise_holds(const wick_graph *graph, const wick_data *data,
                                 const wick_widths *w) {
    wick_arena *arena = wick_arena_new();
    wick_quantize_options options = some_images();
    int64_t bytes;
    int n;
    const uint32_t *indices = wick_calibration_images(arena, data, &options, &n);
    double seen = loss_of(graph, data, w, WICK_TRAIN, indices, n, &bytes);
    assert_true(fabs(seen - w->loss[WICK_WIDTHS_CHOSEN]) < 1e-5);
    assert_int_equal(bytes, w->bytes[WICK_WIDTHS_CHOSEN]);
    double unseen = loss_of(graph, data, w, WICK_VALIDATION, NULL, n, &bytes);
    assert_true(fabs(unseen - w->validation[WICK_WIDTHS_CHOSEN]) < 1e-5);
    assert_true(fabs(unseen - seen) > 1e-5);
    wick_arena_free(arena);
}

static void the_one_that_needs_them_is_found(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_quantize_options options = some_images();
    wick_graph *graph = network(300);
    wick_data *data = helper_data(graph, CLASSES, arena);
    wick_widths w;
    assert_int_equal(wick_widths_choose(graph, data, &options, -1, arena, &w, NULL), WICK_OK);
    const wick_width *b = find(&w, "b.y");
    assert_true(b->wide);
    assert_int_equal(count_wide(&w), 1);
    for (int i = 0; i < w.n; i++)
        assert_true(&w.tensors[i] == b || w.tensors[i].loss * 5 < b->loss);
    assert_int_equal(b->bytes, CHANNELS * SIDE * SIDE);
    /* A tenth of what 8 bits everywhere lose, by this tensor's bytes alone. */
    double lost = w.loss[WICK_WIDTHS_NARROW] - w.loss[WICK_WIDTHS_WIDE];
    assert_true(lost > 5 * WICK_WIDTHS_LEAST);
    assert_true(w.loss[WICK_WIDTHS_CHOSEN] - w.loss[WICK_WIDTHS_WIDE] <=
                fmax(WICK_WIDTHS_SHARE * lost, WICK_WIDTHS_LEAST));
    assert_int_equal(w.bytes[WICK_WIDTHS_CHOSEN], w.bytes[WICK_WIDTHS_NARROW] + b->bytes);
    assert_promise_holds(graph, data, &w);
    wick_graph_free(graph);
    wick_arena_free(arena);
}

static void where_none_needs_them_none_gets_them(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_quantize_options options = some_images();
    wick_graph *graph = network(1);
    wick_widths w;
    assert_int_equal(wick_widths_choose(graph, helper_data(graph, CLASSES, arena), &options, -1,
                                        arena, &w, NULL),
                     WICK_OK);
    assert_true(w.loss[WICK_WIDTHS_NARROW] - w.loss[WICK_WIDTHS_WIDE] < WICK_WIDTHS_LEAST);
    assert_int_equal(count_wide(&w), 0);
    assert_int_equal(w.bytes[WICK_WIDTHS_CHOSEN], w.bytes[WICK_WIDTHS_NARROW]);
    wick_graph_free(graph);
    wick_arena_free(arena);
}

/* Of all choices within the bytes the least sum, by trying them all. */
static void budgets_buy_the_most(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_quantize_options options = some_images();
    wick_graph *graph = network(300);
    wick_data *data = helper_data(graph, CLASSES, arena);
    wick_widths w;
    int mixed = 0;
    assert_int_equal(wick_widths_choose(graph, data, &options, INT32_MAX, arena, &w, NULL),
                     WICK_OK);
    const int64_t least = w.bytes[WICK_WIDTHS_NARROW], most = w.bytes[WICK_WIDTHS_WIDE];
    for (int step = 0; step <= 4; step++) {
        int64_t budget = least + (most - least) * step / 4;
        double best = (double)INFINITY;
        assert_int_equal(wick_widths_choose(graph, data, &options, budget, arena, &w, NULL),
                         WICK_OK);
        assert_true(w.n > 2 && w.n < 12);
        for (unsigned set = 0; set < 1u << w.n; set++) {
            int64_t bytes = least;
            double sum = 0;
            for (int i = 0; i < w.n; i++) {
                bytes += set >> i & 1 ? w.tensors[i].bytes : 0;
                sum += set >> i & 1 ? 0 : w.tensors[i].loss;
            }
            if (bytes <= budget)
                best = fmin(best, sum);
        }
        assert_true(fabs(w.sum - best) < 1e-12);
        assert_true(w.bytes[WICK_WIDTHS_CHOSEN] <= budget);
        mixed += count_wide(&w) > 0 && count_wide(&w) < w.n;
        assert_promise_holds(graph, data, &w);
    }
    assert_true(mixed >= 2);
    wick_diag diag = {0};
    assert_int_equal(wick_widths_choose(graph, data, &options, least - 1, arena, &w, &diag),
                     WICK_NO_FIT);
    assert_non_null(strstr(diag.items[0].reason, "the budget is"));
    wick_diag_free(&diag);
    wick_graph_free(graph);
    wick_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_that_needs_them_is_found),
        cmocka_unit_test(where_none_needs_them_none_gets_them),
        cmocka_unit_test(budgets_buy_the_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
