/* Dropout: what a training program drops, that inference drops nothing, and that neither threads
   nor parts of a batch matter. Gradients: test_program_gradients.c. */
#include "helper_family.h"
#include "helper_program.h"

#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 8, PER_IMAGE = 3 * 20 * 20, COUNT = BATCH * PER_IMAGE };

/* The output of a network that is one dropout of 0.3 over an input of ones: the mask. */
typedef struct masker {
    net n;
    wick_program *program;
} masker;

static masker open_masker(int batch, bool training) {
    masker m = {.n = net_new(1, 3, 20, 20)};
    int y = net_dropout(&m.n, m.n.graph->input, 0.3f);
    m.program = net_program(&m.n, batch, training, false, &y, 1);
    for (int i = 0; i < batch * PER_IMAGE; i++)
        wick_program_input(m.program)[i] = 1;
    return m;
}

static void close_masker(masker *m) {
    wick_program_free(m->program);
    wick_graph_free(m->n.graph);
}

static const float *mask(masker *m, uint64_t seed, uint64_t step, int first) {
    wick_program_draw(m->program, seed, step, first);
    net_forward(m->program);
    return wick_program_output(m->program, 0);
}

static void the_share_is_dropped_and_the_rest_grows(void **state) {
    (void)state;
    masker m = open_masker(BATCH, true);
    const float *y = mask(&m, 1, 0, 0);
    int dropped = 0;
    double sum = 0;
    for (int i = 0; i < COUNT; i++) {
        assert_true(y[i] == 0 || fabsf(y[i] - 1 / 0.7f) < 1e-6f);
        dropped += y[i] == 0;
        sum += (double)y[i];
    }
    /* Of 9600 draws with probability 0.3 the deviation is 0.0047. */
    assert_true(fabs((double)dropped / COUNT - 0.3) < 0.02);
    assert_true(fabs(sum / COUNT - 1) < 0.03);
    close_masker(&m);
}

static void every_step_seed_and_image_has_its_own_mask(void **state) {
    (void)state;
    masker m = open_masker(BATCH, true);
    float *first = wick_xalloc(COUNT * sizeof *first);
    memcpy(first, mask(&m, 1, 0, 0), COUNT * sizeof *first);
    assert_memory_equal(first, mask(&m, 1, 0, 0), COUNT * sizeof *first);
    assert_memory_not_equal(first, mask(&m, 1, 1, 0), COUNT * sizeof *first);
    assert_memory_not_equal(first, mask(&m, 2, 0, 0), COUNT * sizeof *first);
    for (int i = 1; i < BATCH; i++)
        assert_memory_not_equal(first, first + (size_t)i * PER_IMAGE, PER_IMAGE * sizeof *first);
    free(first);
    close_masker(&m);
}

static void parts_of_a_batch_and_threads_draw_the_same(void **state) {
    (void)state;
    masker whole = open_masker(BATCH, true), half = open_masker(BATCH / 2, true);
    omp_set_num_threads(2);
    masker threads = open_masker(BATCH, true);
    omp_set_num_threads(1);
    const float *y = mask(&whole, 5, 77, 0);
    size_t bytes = (size_t)COUNT / 2 * sizeof *y;
    assert_memory_equal(y, mask(&half, 5, 77, 0), bytes);
    assert_memory_equal(y + COUNT / 2, mask(&half, 5, 77, BATCH / 2), bytes);
    assert_memory_equal(y, mask(&threads, 5, 77, 0), 2 * bytes);
    close_masker(&whole);
    close_masker(&half);
    close_masker(&threads);
}

static void the_backward_pass_drops_the_same(void **state) {
    (void)state;
    net n = net_new(1, 2, 4, 4);
    /* dy/dbias of a convolution is the sum of the mask. */
    net_conv_options conv = {.out = 1, .kernel = 1, .stride = 1, .bias = true};
    int y = net_dropout(&n, net_conv(&n, n.graph->input, conv), 0.5f);
    wick_program *program = net_program(&n, BATCH, true, false, &y, 1);
    for (int i = 0; i < BATCH * 16; i++)
        wick_program_output_gradient(program, 0)[i] = 1;
    memset(wick_program_input(program), 0, BATCH * 32 * sizeof(float));
    int bias = wick_program_param_count(program) - 1;
    wick_program_param(program, bias)->value[0] = 1;
    for (uint64_t step = 0; step < 3; step++) {
        wick_program_draw(program, 3, step, 0);
        net_forward(program);
        double sum = 0;
        for (int i = 0; i < BATCH * 16; i++)
            sum += (double)wick_program_output(program, 0)[i];
        net_backward(program);
        assert_true(fabs((double)wick_program_param(program, bias)->gradient[0] - sum) < 1e-3);
    }
    wick_program_free(program);
    wick_graph_free(n.graph);
}

static void two_that_read_the_same_draw_apart(void **state) {
    (void)state;
    net n = net_new(1, 3, 20, 20);
    int outputs[2] = {net_dropout(&n, n.graph->input, 0.5f), net_dropout(&n, n.graph->input, 0.5f)};
    wick_program *program = net_program(&n, 1, true, false, outputs, 2);
    for (int i = 0; i < PER_IMAGE; i++)
        wick_program_input(program)[i] = 1;
    net_forward(program);
    assert_memory_not_equal(wick_program_output(program, 0), wick_program_output(program, 1),
                            PER_IMAGE * sizeof(float));
    wick_program_free(program);
    wick_graph_free(n.graph);
}

static void inference_drops_nothing(void **state) {
    (void)state;
    masker m = open_masker(BATCH, false);
    const float *y = mask(&m, 1, 0, 0);
    for (int i = 0; i < COUNT; i++)
        assert_true(y[i] == 1);
    void **values;
    assert_int_equal(wick_graph_eval(m.n.graph, wick_program_input(m.program), &values, NULL),
                     WICK_OK);
    assert_memory_equal(values[m.n.graph->nodes[0].output], y, PER_IMAGE * sizeof(float));
    wick_values_free(m.n.graph, values);
    close_masker(&m);
}

/* A training that is cut after every epoch ends in the same bits, and dropout makes a difference;
   the feature term works on features as they are before it. */
static void training_with_dropout_resumes_bit_exactly(void **state) {
    (void)state;
    wick_data *data = tiny_data(1);
    wick_graph *start = tiny_family_of("tiny_dropout.json", true, false);
    wick_graph *whole = wick_graph_clone(start), *cut = NULL, *without = tiny_family(true, false);
    wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED_KD);
    options.kd_warmup = 0;
    wick_train_result result;
    assert_int_equal(wick_train_run(whole, data, &options, &result, NULL), WICK_OK);
    assert_int_equal(wick_train_run(without, data, &options, &result, NULL), WICK_OK);
    assert_false(same_weights(whole, without));
    char folder[] = "/tmp/wick-test-dropout-XXXXXX";
    assert_non_null(mkdtemp(folder));
    wick_arena *arena = wick_arena_new();
    options.checkpoint = wick_arena_printf(arena, "%s/a.state", folder);
    options.session_epochs = 1;
    for (wick_status status = WICK_INTERRUPTED; status != WICK_OK; options.resume = true) {
        wick_graph_free(cut);
        cut = wick_graph_clone(start);
        status = wick_train_run(cut, data, &options, &result, NULL);
        assert_true(status == WICK_OK || status == WICK_INTERRUPTED);
        if (options.resume || status == WICK_OK)
            continue;
        /* The state is that of this share. */
        wick_graph *other = wick_graph_clone(start);
        for (int n = 0; n < other->n_nodes; n++)
            if (other->nodes[n].op == WICK_OP_DROPOUT)
                other->nodes[n].attrs.alpha = 0.4f;
        options.resume = true;
        assert_int_equal(wick_train_run(other, data, &options, &result, NULL), WICK_MISMATCH);
        wick_graph_free(other);
    }
    assert_true(same_weights(whole, cut));
    assert_true(wick_path_remove(folder));
    wick_arena_free(arena);
    wick_graph_free(start);
    wick_graph_free(whole);
    wick_graph_free(cut);
    wick_graph_free(without);
    wick_data_free(data);
}

int main(void) {
    omp_set_num_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_share_is_dropped_and_the_rest_grows),
        cmocka_unit_test(every_step_seed_and_image_has_its_own_mask),
        cmocka_unit_test(parts_of_a_batch_and_threads_draw_the_same),
        cmocka_unit_test(the_backward_pass_drops_the_same),
        cmocka_unit_test(two_that_read_the_same_draw_apart),
        cmocka_unit_test(inference_drops_nothing),
        cmocka_unit_test(training_with_dropout_resumes_bit_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
