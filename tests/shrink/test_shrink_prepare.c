/* The network as the PC's processor runs it best against the same network by the portable kernels:
   every tensor of it, in families that hold every layer kind. */
#include "helper_qdq.h"

#include "shrink/lower.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { FAMILIES = 24, IMAGES = 3 };

static wick_qnet *network(uint64_t seed) {
    wick_graph *graph = helper_family(seed), *qdq = helper_quantize(graph, seed, 2);
    wick_qnet *net;
    assert_int_equal(wick_qnet_lower(qdq, &net, NULL), WICK_OK);
    wick_graph_free(qdq);
    wick_graph_free(graph);
    return net;
}

static size_t tensor_bytes(const wick_qtensor *t) {
    return (size_t)t->h * (size_t)t->w * (size_t)t->c;
}

static void run_both(const wick_qnet *net, wick_rng *rng, wick_arena *arena) {
    wick_qnet portable = *net;
    portable.prepared = NULL;
    size_t count = tensor_bytes(&net->tensors[net->input]);
    uint8_t *pixels = wick_new(arena, uint8_t, count);
    for (size_t i = 0; i < count; i++)
        pixels[i] = (uint8_t)wick_rng_below(rng, 256);
    int8_t **values = wick_qnet_buffers(net, arena);
    int8_t **expected = wick_qnet_buffers(&portable, arena);
    wick_qnet_run(net, pixels, UINT32_MAX, values);
    wick_qnet_run(&portable, pixels, UINT32_MAX, expected);
    for (int t = 0; t < net->n_tensors; t++)
        assert_memory_equal(values[t], expected[t], tensor_bytes(&net->tensors[t]));
}

static void every_tensor_is_the_portable_one(void **state) {
    (void)state;
    int layers[WICK_LAYER_KINDS] = {0}, fast[WICK_LAYER_KINDS] = {0}, possible = 0;
    for (uint64_t seed = 0; seed < FAMILIES; seed++) {
        wick_qnet *net = network(seed);
        wick_arena *arena = wick_arena_new();
        wick_rng rng = wick_rng_seed(seed, 1);
        for (int i = 0; i < IMAGES; i++)
            run_both(net, &rng, arena);
        for (int l = 0; l < net->n_layers; l++) {
            layers[net->layers[l].kind]++;
            fast[net->layers[l].kind] += net->prepared[l].kernel != WICK_KERNEL_PORTABLE;
        }
        possible = wick_kernel_fits(&net->layers[0], WICK_KERNEL_CONV2D_S8_AVX2);
        wick_arena_free(arena);
        wick_qnet_free(net);
    }
    if (!possible)
        print_message("SKIP: this processor has portable kernels only\n");
    for (int kind = 0; kind < WICK_LAYER_MOVE; kind++) { /* later ones have no faster kernels */
        assert_true(layers[kind] > 0);
        assert_int_equal(fast[kind], possible ? layers[kind] : 0);
    }
}

/* Plan and emitter start from layers that no processor's kernels have touched. */
static void the_layers_stay_as_they_are(void **state) {
    (void)state;
    wick_qnet *net = network(2);
    for (int l = 0; l < net->n_layers; l++) {
        const wick_layer *layer = &net->layers[l];
        assert_int_equal(layer->kernel, WICK_KERNEL_PORTABLE);
        assert_null(layer->packed);
        assert_int_equal(layer->weights != NULL, layer->kind <= WICK_LAYER_FC);
        if (net->prepared[l].packed)
            assert_null(net->prepared[l].weights);
    }
    wick_hash hash = wick_qnet_hash(net);
    assert_string_equal(hash.hex, net->hash.hex);
    wick_qnet_free(net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tensor_is_the_portable_one),
        cmocka_unit_test(the_layers_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
