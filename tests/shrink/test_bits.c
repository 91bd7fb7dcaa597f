/* Bits by layer: the knapsack against all subsets, and what is measured against evaluating the
   rounded network. */
#include "shrink/bits.h"
#include "shrink/calibrate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 12 };

/* Losses are multiples of 1/8, so sums in any order are exact. */
static int make_layers(wick_rng *rng, wick_bits_layer *layers) {
    int n = 1 + (int)wick_rng_below(rng, MOST);
    bool coarse = wick_rng_below(rng, 2);
    for (int i = 0; i < n; i++) {
        int64_t bytes = coarse ? 10 * (1 + (int64_t)wick_rng_below(rng, 4))
                               : 1 + (int64_t)wick_rng_below(rng, 300);
        layers[i] = (wick_bits_layer){.bytes = {bytes, (bytes + 1) / 2},
                                      .loss = (double)wick_rng_below(rng, 40) / 8 - 0.5};
    }
    return n;
}

static void sums(const wick_bits_layer *layers, int n, unsigned set, int64_t *bytes, double *loss) {
    *bytes = 0;
    *loss = 0;
    for (int i = 0; i < n; i++) {
        *bytes += layers[i].bytes[set >> i & 1];
        *loss += set >> i & 1 ? layers[i].loss : 0;
    }
}

static void as_good_as_any_subset(void **state) {
    (void)state;
    wick_rng rng = wick_rng_seed(5, 5);
    int mixed = 0, refused = 0;
    for (int round = 0; round < 600; round++) {
        wick_bits_layer layers[MOST];
        int n = make_layers(&rng, layers);
        int64_t wide, bytes, best_bytes = 0;
        double loss, best = (double)INFINITY;
        sums(layers, n, 0, &wide, &loss);
        int64_t budget = wide * (40 + (int64_t)wick_rng_below(&rng, 65)) / 100;
        for (unsigned set = 0; set < 1u << n; set++) {
            sums(layers, n, set, &bytes, &loss);
            if (bytes <= budget && (loss < best || (!(loss > best) && bytes < best_bytes))) {
                best = loss;
                best_bytes = bytes;
            }
        }
        wick_status status = wick_bits_choose(layers, n, budget, NULL);
        assert_int_equal(status, isfinite(best) ? WICK_OK : WICK_NO_FIT);
        refused += status != WICK_OK;
        if (status != WICK_OK)
            continue;
        unsigned chosen = 0;
        for (int i = 0; i < n; i++)
            chosen |= (unsigned)layers[i].narrow << i;
        sums(layers, n, chosen, &bytes, &loss);
        assert_true(bytes <= budget);
        assert_true(loss <= best && loss >= best);
        assert_int_equal(bytes, best_bytes);
        mixed += chosen && chosen + 1 != 1u << n;
    }
    assert_true(mixed > 100 && refused > 20);
}

/* A small trained-looking network: loss with one layer on its grid, by hand. */
static void losses_are_those_of_rounded_layers(void **state) {
    (void)state;
    wick_recipe_options recipe = wick_recipe_defaults();
    wick_data_options options = wick_data_defaults();
    wick_data *data;
    wick_graph *graph;
    recipe.width = 0.125;
    options.limit = 200;
    assert_int_equal(wick_data_open("builtin:shapes10", &options, &data, NULL), WICK_OK);
    assert_int_equal(wick_recipe_build("mobilenetv1", &recipe, &graph, NULL), WICK_OK);
    wick_arena *arena = wick_arena_new();
    wick_bits_layer *layers;
    int n, images;
    assert_int_equal(wick_bits_measure(graph, data, 40, 1, arena, &layers, &n, NULL), WICK_OK);
    wick_quantize_options choice = wick_quantize_defaults();
    choice.images = 40;
    uint32_t *indices = wick_calibration_images(arena, data, &choice, &images);
    double before, after, most = 0;
    assert_int_equal(wick_eval_loss(graph, data, WICK_TRAIN, indices, 40, &before, NULL), WICK_OK);
    assert_true(n > 20);
    for (int i = 0; i < n; i++) {
        const wick_tensor *w = &graph->tensors[layers[i].tensor];
        assert_int_equal(layers[i].bytes[0], wick_shape_count(w->shape));
        assert_true(layers[i].bytes[1] >= layers[i].bytes[0] / 2);
        most = fmax(most, fabs(layers[i].loss));
        if (i % 7)
            continue;
        wick_graph *changed = wick_graph_clone(graph);
        float *values = changed->tensors[layers[i].tensor].data;
        layers[i].narrow = true;
        wick_bits_impose(changed, layers, n);
        layers[i].narrow = false;
        int64_t count = wick_shape_count(w->shape), row = count / w->shape.dim[0];
        int differ = 0;
        for (int64_t r = 0; r < w->shape.dim[0]; r++) { /* +-7 steps of one size */
            double largest = 0;
            for (int64_t j = 0; j < row; j++)
                largest = fmax(largest, fabs((double)values[r * row + j]));
            for (int64_t j = 0; j < row; j++) {
                double steps = largest > 0 ? (double)values[r * row + j] / largest * 7 : 0;
                assert_true(fabs(steps - rint(steps)) < 1e-4);
                differ += values[r * row + j] != ((const float *)w->data)[r * row + j];
            }
        }
        assert_true(differ > 0);
        assert_int_equal(wick_eval_loss(changed, data, WICK_TRAIN, indices, 40, &after, NULL),
                         WICK_OK);
        assert_true(fabs(after - before - layers[i].loss) < 1e-6);
        for (int t = 0; t < graph->n_tensors; t++) /* the others are as they were */
            if (t != layers[i].tensor && graph->tensors[t].data)
                assert_memory_equal(graph->tensors[t].data, changed->tensors[t].data,
                                    (size_t)wick_shape_count(graph->tensors[t].shape) * 4);
        wick_graph_free(changed);
    }
    assert_true(most > 1e-5);
    /* Several together, on the same images and on the validation images. */
    wick_graph *changed = wick_graph_clone(graph);
    wick_bits_effect effect;
    double sum = 0, here[2][2];
    for (int i = 0; i < n; i += 3) {
        layers[i].narrow = true;
        sum += layers[i].loss;
    }
    wick_bits_impose(changed, layers, n);
    int unseen = data->split[WICK_VALIDATION].n;
    for (int k = 0; k < 2; k++) {
        const wick_graph *of = k ? changed : graph;
        assert_int_equal(wick_eval_loss(of, data, WICK_TRAIN, indices, 40, &here[0][k], NULL),
                         WICK_OK);
        assert_int_equal(wick_eval_loss(of, data, WICK_VALIDATION, NULL, unseen, &here[1][k], NULL),
                         WICK_OK);
    }
    assert_int_equal(wick_bits_check(graph, data, 40, 1, layers, n, &effect, NULL), WICK_OK);
    assert_true(fabs(effect.sum - sum) < 1e-9);
    assert_true(fabs(effect.together - (here[0][1] - here[0][0])) < 1e-6);
    assert_true(fabs(effect.validation - (here[1][1] - here[1][0])) < 1e-6);
    assert_true(fabs(effect.together - effect.validation) > 1e-6);
    wick_graph_free(changed);
    wick_arena_free(arena);
    wick_graph_free(graph);
    wick_data_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_good_as_any_subset),
        cmocka_unit_test(losses_are_those_of_rounded_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
