/* Grids of few bits against a search, and training on them: every weight lies on its channel's
   grid, masters survive in the checkpoint, and biases are left alone. */
#include "train/weight_grid.h"

#include "helper_family.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static double error_with(const float *w, size_t n, double scale, int most) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double q = rint((double)w[i] / scale);
        q = fmin(fmax(q, -most), most);
        sum += ((double)w[i] - q * scale) * ((double)w[i] - q * scale);
    }
    return sum;
}

/* No clip that is tried has less error; 8 bits never clip. */
static void scale_has_the_least_error(void **state) {
    (void)state;
    enum { N = 200 };
    float w[N];
    wick_rng rng = wick_rng_seed(3, 1);
    int clipped = 0;
    for (int round = 0; round < 200; round++) {
        double largest = 0;
        for (int i = 0; i < N; i++) {
            w[i] = wick_rng_normal(&rng);
            largest = fmax(largest, fabs((double)w[i]));
        }
        for (int bits = 2; bits <= 8; bits++) {
            int most = (1 << (bits - 1)) - 1;
            double scale = wick_weight_scale(w, N, bits), error = error_with(w, N, scale, most);
            if (bits == 8)
                assert_true(fabs(scale - largest / 127) < 1e-12);
            for (int clip = 0; bits < 8 && clip <= 10; clip++)
                assert_true(error <=
                            1.00001 * error_with(w, N, largest / most * (1 - 0.05 * clip), most));
            clipped += bits < 8 && scale < 0.99 * largest / most;
        }
    }
    assert_true(clipped > 200);
}

/* What lies on a grid stays there, bit for bit; nothing becomes something. */
static void grids_are_stable(void **state) {
    (void)state;
    enum { N = 64 };
    float w[N], again[N];
    wick_rng rng = wick_rng_seed(4, 1);
    for (int bits = 2; bits <= 8; bits++)
        for (int round = 0; round < 100; round++) {
            for (int i = 0; i < N; i++)
                w[i] = round ? wick_rng_normal(&rng) * 0.1f : 0;
            wick_weight_to_grid(w, N, bits);
            memcpy(again, w, sizeof w);
            wick_weight_to_grid(again, N, bits);
            for (int i = 0; i < N; i++)
                assert_true(fabsf(again[i] - w[i]) <= 1e-6f * fabsf(w[i]));
        }
}

/* Every row is k times one number, |k| <= most; returns the rows that are. */
static int rows_on_grid(const wick_tensor *w, int most) {
    int64_t rows = w->shape.dim[0], count = wick_shape_count(w->shape) / rows;
    int found = 0;
    for (int64_t r = 0; r < rows; r++) {
        const float *row = (const float *)w->data + r * count;
        double largest = 0, off = 0;
        for (int64_t i = 0; i < count; i++)
            largest = fmax(largest, fabs((double)row[i]));
        for (int64_t i = 0; i < count && largest > 0; i++) {
            double q = (double)row[i] / largest * most;
            off = fmax(off, fabs(q - rint(q)));
        }
        found += off < 1e-4;
    }
    return found;
}

static void expect_on_grid(const wick_graph *graph, int bits_tm1, int bits_rest) {
    int checked = 0;
    for (int t = 0; t < graph->n_tensors; t++) {
        const wick_tensor *w = &graph->tensors[t];
        if (!w->data || !strstr(w->name, ".weight") || w->shape.rank < 2)
            continue;
        int bits = strncmp(w->name, "TM1", 3) ? bits_rest : bits_tm1;
        assert_int_equal(rows_on_grid(w, (1 << (bits - 1)) - 1), w->shape.dim[0]);
        checked++;
    }
    assert_true(checked > 3);
}

static wick_train_options options_for(double ema) {
    wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED_KD);
    options.ema = ema;
    options.n_bits = 2;
    options.bits[0] = (wick_bits_rule){"*", 4};
    options.bits[1] = (wick_bits_rule){"TM1.*", 3};
    return options;
}

static void trained_weights_lie_on_grids(void **state) {
    (void)state;
    for (int averaged = 0; averaged < 2; averaged++) {
        wick_train_options options = options_for(averaged ? 0.9 : 0);
        wick_graph *graph = tiny_family(true, false), *start = wick_graph_clone(graph);
        wick_data *data = tiny_data(1);
        wick_train_result result;
        assert_int_equal(wick_train_run(graph, data, &options, &result, NULL), WICK_OK);
        expect_on_grid(graph, 3, 4);
        int moved = 0; /* masters collect what single steps cannot round up: codes do change */
        for (int t = 0; t < graph->n_tensors; t++)
            if (graph->tensors[t].data && strstr(graph->tensors[t].name, ".weight"))
                moved += memcmp(graph->tensors[t].data, start->tensors[t].data, sizeof(float)) != 0;
        assert_true(moved > 0);
        wick_data_free(data);
        wick_graph_free(start);
        wick_graph_free(graph);
    }
}

/* Sparse and on a grid at once. */
static void sparse_weights_on_grids(void **state) {
    (void)state;
    wick_train_options options = options_for(0);
    options.n_sparse = 1;
    options.sparse[0] = (wick_sparse_rule){.pattern = "*", .density = 0.3};
    wick_graph *graph = tiny_family(true, false);
    wick_data *data = tiny_data(1);
    wick_train_result result;
    assert_int_equal(wick_train_run(graph, data, &options, &result, NULL), WICK_OK);
    expect_on_grid(graph, 3, 4);
    for (int t = 0; t < graph->n_tensors; t++) {
        const wick_tensor *w = &graph->tensors[t];
        if (!w->data || !strstr(w->name, ".weight") || w->shape.rank < 2)
            continue;
        int64_t nonzeros = 0, count = wick_shape_count(w->shape);
        for (int64_t i = 0; i < count; i++)
            nonzeros += ((const float *)w->data)[i] != 0;
        assert_true((double)nonzeros <= ceil(0.3 * (double)count));
    }
    wick_data_free(data);
    wick_graph_free(graph);
}

static void expect_same(const wick_graph *a, const wick_graph *b) {
    for (int t = 0; t < a->n_tensors; t++)
        if (a->tensors[t].data && a->tensors[t].dtype == WICK_F32)
            assert_memory_equal(a->tensors[t].data, b->tensors[t].data,
                                (size_t)wick_shape_count(a->tensors[t].shape) * sizeof(float));
}

static wick_graph *train_from(const wick_train_options *options, wick_status status) {
    wick_graph *graph = tiny_family(true, false);
    wick_data *data = tiny_data(1);
    wick_train_result result;
    assert_int_equal(wick_train_run(graph, data, options, &result, NULL), status);
    wick_data_free(data);
    return graph;
}

/* A state from before the first step holds weights that are on no grid yet. In a process of its
   own, whose request to stop stays; before any thread has been started here. */
static void the_first_step_is_resumed(void **state) {
    (void)state;
    char path[] = "/tmp/wick-grid-XXXXXX";
    int file = mkstemp(path), status;
    assert_true(file >= 0);
    close(file);
    unlink(path);
    wick_train_options options = options_for(0);
    options.epochs = 2;
    options.checkpoint = path;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        wick_stop_install();
        raise(SIGINT);
        wick_graph_free(train_from(&options, WICK_INTERRUPTED));
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    options.resume = true;
    wick_graph *resumed = train_from(&options, WICK_OK);
    options.checkpoint = NULL;
    options.resume = false;
    wick_graph *whole = train_from(&options, WICK_OK);
    expect_same(whole, resumed);
    unlink(path);
    wick_graph_free(whole);
    wick_graph_free(resumed);
}

/* Stopped after an epoch and resumed: the same bits, which only the masters can give. */
static void masters_are_resumed(void **state) {
    (void)state;
    wick_graph *graphs[2];
    char path[] = "/tmp/wick-grid-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    for (int i = 0; i < 2; i++) {
        wick_train_options options = options_for(0.9);
        options.epochs = 3;
        graphs[i] = tiny_family(true, false);
        wick_data *data = tiny_data(1);
        wick_train_result result;
        if (i) {
            unlink(path);
            options.checkpoint = path;
            options.session_epochs = 1;
            assert_int_equal(wick_train_run(graphs[i], data, &options, &result, NULL),
                             WICK_INTERRUPTED);
            wick_graph_free(graphs[i]);
            graphs[i] = tiny_family(true, false);
            options.session_epochs = 0;
            options.resume = true;
        }
        assert_int_equal(wick_train_run(graphs[i], data, &options, &result, NULL), WICK_OK);
        wick_data_free(data);
    }
    expect_same(graphs[0], graphs[1]);
    unlink(path);
    wick_graph_free(graphs[0]);
    wick_graph_free(graphs[1]);
}

static void rules_that_are_wrong(void **state) {
    (void)state;
    wick_graph *graph = tiny_family(true, false);
    wick_data *data = tiny_data(1);
    wick_train_result result;
    wick_diag diag = {0};
    wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED);
    options.n_bits = 1;
    options.bits[0] = (wick_bits_rule){"*.bias", 4};
    assert_int_equal(wick_train_run(graph, data, &options, &result, &diag), WICK_UNKNOWN);
    assert_true(wick_diag_contains(&diag, "*.bias"));
    options.bits[0] = (wick_bits_rule){"*", 1};
    assert_int_equal(wick_train_run(graph, data, &options, &result, &diag), WICK_RANGE);
    wick_diag_free(&diag);
    wick_data_free(data);
    wick_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_step_is_resumed), cmocka_unit_test(scale_has_the_least_error),
        cmocka_unit_test(grids_are_stable),          cmocka_unit_test(trained_weights_lie_on_grids),
        cmocka_unit_test(sparse_weights_on_grids),   cmocka_unit_test(masters_are_resumed),
        cmocka_unit_test(rules_that_are_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
