/* Every shipped profile plans what it is for, with the kernels of its core. */
#include "plan/plan.h"
#include "weights/weights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "helper_plan.h"
#include "tiny_qnet.h"

static wick_arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = wick_arena_new();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    wick_arena_free(arena);
    return 0;
}

/* A recipe through the same quantization as any model; the scales do not matter here. */
static wick_qnet *quantized(const char *recipe, double width) {
    wick_recipe_options options = wick_recipe_defaults();
    wick_data_options data_options = wick_data_defaults();
    wick_quantize_options quantize = wick_quantize_defaults();
    wick_graph *graph = NULL, *qdq = NULL;
    wick_data *data = NULL;
    wick_qnet *net = NULL;
    options.width = width;
    data_options.limit = 20;
    quantize.images = 1;
    assert_int_equal(wick_recipe_build(recipe, &options, &graph, NULL), WICK_OK);
    assert_int_equal(wick_data_open("builtin:shapes10", &data_options, &data, NULL), WICK_OK);
    assert_int_equal(wick_quantize(graph, data, &quantize, &qdq, NULL), WICK_OK);
    assert_int_equal(wick_qnet_lower(qdq, &net, NULL), WICK_OK);
    wick_data_free(data);
    wick_graph_free(graph);
    wick_graph_free(qdq);
    return net;
}

typedef struct core_case {
    const char *profile, *recipe;
    double width;
    const char *kernels; /* that the layers with weights must get: one of these endings */
} core_case;

static const core_case cores[] = {
    {"m0plus-fram", "mobilenetv1", 0.125, "_quad _winograd _strip _pair"},
    {"m3-fram", "mobilenetv1", 0.25, "_quad _winograd _strip _pair"},
    {"rv32-fram", "mobilenetv1", 0.25, "_quad _winograd _strip _pair"},
    {"m4-fram", "mobilenetv1", 0.25, "_dsp"},
    {"m4-mram", "mobilenetv1", 0.25, "_dsp"},
    {"m4-mram-ecc", "mobilenetv1", 0.25, "_dsp"},
    {"m7-mram", "mobilenetv1", 0.25, "_dsp"},
    {"m33-fram", "mobilenetv1", 0.25, "_dsp"},
    {"m55-mram", "mobilenetv1", 0.25, "_mve"},
    {"m4-fram", "vgg16", 0.25, "_dsp"},
    {"m7-mram", "vgg16", 0.25, "_dsp"},
    {"m33-fram", "vgg16", 0.25, "_dsp"},
    {"m55-mram", "vgg16", 0.25, "_mve"},
    {"m3-fram", "vgg16", 0.125, "_quad _winograd _strip _pair"},
    {"rv32-fram", "vgg16", 0.125, "_quad _winograd _strip _pair"},
};

/* Whether `name` ends in one of the words of `endings`. */
static bool ends_in(const char *name, const char *endings) {
    const char *last = strrchr(name, '_');
    size_t length = last ? strlen(last) : 0;
    for (const char *at = endings; last && (at = strstr(at, last)); at += length)
        if (at[length] == ' ' || at[length] == '\0')
            return true;
    return false;
}

/* Nearly all work, and every kind of convolution, is done by kernels made for the core; very
   small layers may be cheaper elsewhere. */
static void assert_share(const wick_plan *plan, const core_case *c) {
    int64_t all = 0, fast = 0;
    bool kinds[WICK_LAYER_KINDS] = {false}, there[WICK_LAYER_KINDS] = {false};
    for (int l = 0; l < plan->net->n_layers; l++) {
        const wick_layer *layer = &plan->layers[l];
        all += plan->net->info[l].macs;
        there[layer->kind] = true;
        if (!ends_in(wick_kernel_name(layer->kind, layer->kernel), c->kernels))
            continue;
        fast += plan->net->info[l].macs;
        kinds[layer->kind] = true;
    }
    for (int kind = 0; kind <= WICK_LAYER_DWCONV2D; kind++)
        if (there[kind] && !kinds[kind])
            fail_msg("%s on %s: no layer of kind %d got %s", c->recipe, c->profile, kind,
                     c->kernels);
    if (fast < all * 95 / 100)
        fail_msg("%s on %s: %lld of %lld MACs by %s", c->recipe, c->profile, (long long)fast,
                 (long long)all, c->kernels);
}

static void the_planner_picks_the_cores_kernels(void **state) {
    (void)state;
    wick_qnet *net = NULL;
    for (size_t i = 0; i < WICK_LEN(cores); i++) {
        const core_case *c = &cores[i], *last = i ? &cores[i - 1] : NULL;
        const wick_device *device = helper_device(arena, c->profile);
        bool same = last && !strcmp(c->recipe, last->recipe) && c->width <= last->width &&
                    c->width >= last->width;
        if (!same) {
            wick_qnet_free(net);
            net = quantized(c->recipe, c->width);
        }
        wick_plan *plan = helper_plan(net, device);
        assert_share(plan, c);
        wick_plan_free(plan);
    }
    wick_qnet_free(net);
}

/* An MSP430 has 7 KB of NVM and 41 KB for code and constants within 16-bit addresses. */
static void the_msp430_gets_kernels_of_16_bit_cores(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(3, 8, 4);
    wick_plan *plan = helper_plan(net, helper_device(arena, "msp430-fram"));
    const core_case msp430 = {"msp430-fram", "a tiny family", 1, "_w16 _w8"};
    assert_share(plan, &msp430);
    wick_plan_free(plan);
    tiny_free(net);
}

/* The whole VGG16 (15 million parameters) with layers larger than SRAM. */
static void all_of_vgg16_on_little_sram(void **state) {
    (void)state;
    static const char *const names[] = {"m4-fram", "m7-mram", "m0plus-fram"};
    wick_qnet *net = quantized("vgg16", 1);
    int64_t largest = 0, weights = 0, macs = 0;
    for (int t = 0; t < net->n_tensors; t++) {
        int64_t bytes = (int64_t)net->tensors[t].h * net->tensors[t].w * net->tensors[t].c;
        largest = bytes > largest ? bytes : largest;
    }
    for (size_t i = 0; i < WICK_LEN(names); i++) {
        wick_device *device = helper_device(arena, names[i]);
        device->flash_bytes = 64 << 20; /* weights beside the code, in any flash that is mapped */
        device->sram_bytes = 40 << 10;
        device->nvm.bytes = 4 << 20;
        wick_plan *plan = helper_plan(net, device);
        assert_true(largest > device->sram_bytes);
        assert_true(plan->totals.ram_bytes <= device->sram_bytes);
        assert_true(plan->model.n_steps > net->n_layers);
        for (int l = 0; l < net->n_layers; l++)
            weights = wick_plan_layer_of(plan, l).constant_bytes > weights
                          ? wick_plan_layer_of(plan, l).constant_bytes
                          : weights;
        assert_true(weights > 1 << 20);
        for (int s = 0; s < plan->n_segments; s++)
            macs += plan->segments[s].macs;
        assert_true(macs > 300000000);
        assert_true(wick_plan_prove(plan).holds);
        wick_plan_free(plan);
    }
    wick_qnet_free(net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_planner_picks_the_cores_kernels),
        cmocka_unit_test(the_msp430_gets_kernels_of_16_bit_cores),
        cmocka_unit_test(all_of_vgg16_on_little_sram),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
