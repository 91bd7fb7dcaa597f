/* The choice of kernels: by cost, within flash, by what the layer and the device allow; and that a
   plan with packed weights computes what the raw layers compute. */
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

#include "tiny_qnet.h"

static wick_arena *arena;
static wick_device *device;

static int set_up(void **state) {
    (void)state;
    arena = wick_arena_new();
    if (wick_device_load(arena, "m4-fram", &device, NULL) != WICK_OK)
        return -1;
    /* Portable conv2d: 4 cycles a product; dsp: 2, w16: 1, but twice the weights. */
    for (int k = 1; k < WICK_KERNELS; k++)
        device->fast[k].offered = false;
    for (int k = 0; k < WICK_LAYER_KINDS; k++)
        device->portable[k] =
            (wick_kernel_cost){.offered = true, .cycles_per_mac = 4, .code_bytes = 1000};
    device->fast[WICK_KERNEL_CONV2D_S8_DSP] =
        (wick_kernel_cost){.offered = true, .cycles_per_mac = 2, .code_bytes = 1000};
    device->fast[WICK_KERNEL_CONV2D_S8_W16] =
        (wick_kernel_cost){.offered = true, .cycles_per_mac = 1, .code_bytes = 1000};
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    wick_arena_free(arena);
    return 0;
}

static wick_plan *plan_for(const wick_qnet *net, wick_optimise optimise, int64_t flash_bytes) {
    wick_plan_options options = wick_plan_defaults();
    wick_plan *plan;
    wick_diag diag = {0};
    options.optimise = optimise;
    device->flash_bytes = flash_bytes;
    wick_status status = wick_plan_make(net, device, &options, NULL, &plan, &diag);
    if (status != WICK_OK)
        wick_diag_print(&diag, stdout);
    assert_int_equal(status, WICK_OK);
    return plan;
}

/* How many layers a kernel computes. */
static int count(const wick_plan *plan, wick_layer_kind kind, int kernel) {
    int n = 0;
    for (int l = 0; l < plan->net->n_layers; l++)
        n += plan->layers[l].kind == kind && plan->layers[l].kernel == kernel;
    return n;
}

static int count_kind(const wick_qnet *net, wick_layer_kind kind) {
    int n = 0;
    for (int l = 0; l < net->n_layers; l++)
        n += net->layers[l].kind == kind;
    return n;
}

static void the_cheapest_is_taken(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(5, 16, 16);
    int convolutions = count_kind(net, WICK_LAYER_CONV2D);
    assert_true(convolutions > 2);
    wick_plan *fast = plan_for(net, WICK_OPTIMISE_SPEED, 1 << 20);
    assert_int_equal(count(fast, WICK_LAYER_CONV2D, WICK_KERNEL_CONV2D_S8_W16), convolutions);
    assert_int_equal(count(fast, WICK_LAYER_FC, WICK_KERNEL_PORTABLE),
                     count_kind(net, WICK_LAYER_FC));
    wick_plan *energy = plan_for(net, WICK_OPTIMISE_ENERGY, 1 << 20);
    assert_int_equal(count(energy, WICK_LAYER_CONV2D, WICK_KERNEL_CONV2D_S8_W16), convolutions);
    wick_plan *small = plan_for(net, WICK_OPTIMISE_SIZE, 1 << 20);
    assert_int_equal(count(small, WICK_LAYER_CONV2D, WICK_KERNEL_CONV2D_S8_W16), 0);
    assert_true(small->totals.flash_bytes < fast->totals.flash_bytes);
    assert_true(small->segments[1].cost.time_us > fast->segments[1].cost.time_us);
    wick_plan_free(fast);
    wick_plan_free(energy);
    wick_plan_free(small);
    tiny_free(net);
}

/* A kernel without room for a weight of -128 is not chosen for a layer that has one. */
static void the_least_weight_is_respected(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(5, 16, 16);
    int l = 0, convolutions = count_kind(net, WICK_LAYER_CONV2D);
    while (net->layers[l].kind != WICK_LAYER_CONV2D)
        l++;
    ((int8_t *)(uintptr_t)net->layers[l].weights)[1] = -128;
    wick_plan *plan = plan_for(net, WICK_OPTIMISE_SPEED, 1 << 20);
    assert_int_equal(plan->layers[l].kernel, WICK_KERNEL_CONV2D_S8_DSP);
    assert_int_equal(count(plan, WICK_LAYER_CONV2D, WICK_KERNEL_CONV2D_S8_W16), convolutions - 1);
    wick_plan_free(plan);
    tiny_free(net);
}

/* With less and less flash, down to the least, the plan gets slower, never too large, and at last
   it is refused. */
static void flash_is_kept(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(6, 16, 16);
    wick_plan *roomy = plan_for(net, WICK_OPTIMISE_SPEED, 1 << 20);
    wick_plan *tight = plan_for(net, WICK_OPTIMISE_SIZE, 1 << 20);
    double last = 0;
    int64_t high = roomy->totals.flash_bytes, low = tight->totals.flash_bytes;
    int mixed = 0;
    for (int i = 0; i <= 8; i++) {
        /* Slower kernels in shorter spans: a few more of these. */
        int64_t flash = high - (high - low) * i / 8 + 256;
        wick_plan *plan = plan_for(net, WICK_OPTIMISE_SPEED, flash);
        double time = plan->segments[0].cost.time_us + plan->segments[1].cost.time_us;
        assert_true(plan->totals.flash_bytes <= flash);
        assert_true(time >= last * (1 - 1e-9));
        last = time;
        int sixteen = count(plan, WICK_LAYER_CONV2D, WICK_KERNEL_CONV2D_S8_W16);
        mixed += sixteen > 0 && sixteen < count_kind(net, WICK_LAYER_CONV2D);
        wick_plan_free(plan);
    }
    assert_true(mixed > 0);
    wick_plan_options options = wick_plan_defaults();
    wick_plan *plan;
    wick_diag diag = {0};
    device->flash_bytes = low / 2;
    assert_int_equal(wick_plan_make(net, device, &options, NULL, &plan, &diag), WICK_NO_FIT);
    assert_true(wick_diag_contains(&diag, "flash"));
    wick_diag_free(&diag);
    wick_plan_free(roomy);
    wick_plan_free(tight);
    tiny_free(net);
}

/* A kernel whose code costs more than its weights save is not worth it for size. */
static void code_counts_once(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(7, 16, 16);
    device->fast[WICK_KERNEL_CONV2D_S8_DSP].code_bytes = 100;
    wick_plan *plan = plan_for(net, WICK_OPTIMISE_SIZE, 1 << 20);
    assert_int_equal(count(plan, WICK_LAYER_CONV2D, WICK_KERNEL_CONV2D_S8_DSP),
                     count_kind(net, WICK_LAYER_CONV2D));
    wick_plan_free(plan);
    device->fast[WICK_KERNEL_CONV2D_S8_DSP].code_bytes = 100000;
    plan = plan_for(net, WICK_OPTIMISE_SIZE, 1 << 20);
    assert_int_equal(count(plan, WICK_LAYER_CONV2D, WICK_KERNEL_PORTABLE),
                     count_kind(net, WICK_LAYER_CONV2D));
    wick_plan_free(plan);
    device->fast[WICK_KERNEL_CONV2D_S8_DSP].code_bytes = 1000;
    tiny_free(net);
}

static void offer(uint8_t kernel, double cycles_per_mac) {
    device->fast[kernel] = device->portable[WICK_LAYER_CONV2D];
    device->fast[kernel].offered = true;
    device->fast[kernel].cycles_per_mac = cycles_per_mac;
    device->fast[kernel].code_bytes = 100;
}

/* Sparse storage where it is smaller, or faster, layer by layer: its cost is that of its entries.
 */
static void sparse_where_it_pays(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(5, 16, 16);
    wick_device before = *device;
    int found = 0, thin[2] = {-1, -1};
    for (int l = 0; l < net->n_layers && found < 2; l++)
        if (net->layers[l].kind == WICK_LAYER_CONV2D && net->layers[l].in_c > 2)
            thin[found++] = l;
    assert_int_equal(found, 2);
    for (int i = 0; i < 2; i++) { /* one weight of 9: one layer's of 4 bits, the other's not */
        const wick_layer *layer = &net->layers[thin[i]];
        int8_t *weights = (int8_t *)(uintptr_t)layer->weights;
        for (int w = 0; w < layer->k_h * layer->k_w * layer->in_c * layer->out_c; w++)
            weights[w] = (int8_t)(w % 9 ? 0 : i ? 100 : 7);
    }
    double per_mac = device->fast[WICK_KERNEL_CONV2D_S8_W16].cycles_per_mac;
    offer(WICK_KERNEL_CONV2D_S8_SPARSE, 4 * per_mac); /* 4/9: faster; then 20/9: slower */
    offer(WICK_KERNEL_CONV2D_S8_SPARSE4, 3 * per_mac);
    wick_plan *plan = plan_for(net, WICK_OPTIMISE_SPEED, 1 << 20);
    assert_int_equal(plan->layers[thin[0]].kernel, WICK_KERNEL_CONV2D_S8_SPARSE4);
    assert_int_equal(plan->layers[thin[1]].kernel, WICK_KERNEL_CONV2D_S8_SPARSE);
    assert_int_equal(count(plan, WICK_LAYER_CONV2D, WICK_KERNEL_CONV2D_S8_W16),
                     count_kind(net, WICK_LAYER_CONV2D) - 2);
    wick_plan_free(plan);
    offer(WICK_KERNEL_CONV2D_S8_SPARSE, 20 * per_mac);
    offer(WICK_KERNEL_CONV2D_S8_SPARSE4, 20 * per_mac);
    plan = plan_for(net, WICK_OPTIMISE_SPEED, 1 << 20);
    assert_int_equal(count(plan, WICK_LAYER_CONV2D, WICK_KERNEL_CONV2D_S8_W16),
                     count_kind(net, WICK_LAYER_CONV2D));
    wick_plan_free(plan);
    device->fast[WICK_KERNEL_CONV2D_S8_SPARSE].offered = false;
    plan = plan_for(net, WICK_OPTIMISE_SIZE, 1 << 20);
    assert_int_equal(plan->layers[thin[0]].kernel, WICK_KERNEL_CONV2D_S8_SPARSE4);
    assert_true(wick_plan_layer_of(plan, thin[0]).constant_bytes <
                wick_qlayer_constant_bytes(&net->layers[thin[0]]) / 2);
    wick_plan_free(plan);
    *device = before;
    tiny_free(net);
}

/* Of two layers with a fourth of their weights, the one whose positions are shared by every four
   channels gets the storage for that, as less work at its price for a product and as fewer bytes;
   the other one would have nearly all positions. */
static void blocks_where_they_are(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(5, 16, 16);
    wick_device before = *device;
    int found = 0, thin[2] = {-1, -1};
    for (int l = 0; l < net->n_layers && found < 2; l++)
        if (net->layers[l].kind == WICK_LAYER_CONV2D && net->layers[l].in_c > 2 &&
            net->layers[l].out_c % 4 == 0)
            thin[found++] = l;
    assert_int_equal(found, 2);
    for (int i = 0; i < 2; i++) {
        const wick_layer *layer = &net->layers[thin[i]];
        int8_t *weights = (int8_t *)(uintptr_t)layer->weights;
        int taps = layer->k_h * layer->k_w * layer->in_c;
        for (int c = 0; c < layer->out_c; c++)
            for (int t = 0; t < taps; t++) /* of the second, each channel has its own fourth */
                weights[c * taps + t] = (int8_t)((t + (i ? c : c / 4)) % 4 ? 0 : 100);
    }
    double per_mac = device->fast[WICK_KERNEL_CONV2D_S8_W16].cycles_per_mac;
    offer(WICK_KERNEL_CONV2D_S8_SPARSE, 3 * per_mac);          /* 3/4 */
    offer(WICK_KERNEL_CONV2D_S8_BLOCK, 2 * per_mac);           /* 2/4, or 8/4 */
    device->fast[WICK_KERNEL_CONV2D_S8_BLOCK].code_bytes = 10; /* the layers are tiny */
    device->fast[WICK_KERNEL_CONV2D_S8_SPARSE].code_bytes = 10;
    for (int size = 0; size < 2; size++) {
        wick_plan *plan = plan_for(net, size ? WICK_OPTIMISE_SIZE : WICK_OPTIMISE_SPEED, 1 << 20);
        assert_int_equal(plan->layers[thin[0]].kernel, WICK_KERNEL_CONV2D_S8_BLOCK);
        assert_int_equal(plan->layers[thin[1]].kernel, WICK_KERNEL_CONV2D_S8_SPARSE);
        wick_plan_free(plan);
    }
    *device = before;
    tiny_free(net);
}

/* Every layer of a plan, whole and the last channels of each pixel by themselves, against the raw
   layer; scratch exactly as the runtime says. */
static void compare_layers(const wick_qnet *net, const wick_plan *plan) {
    enum { LAST = 3 };
    wick_rng rng = wick_rng_seed(3, 0);
    for (int l = 0; l < net->n_layers; l++) {
        const wick_layer *raw = &net->layers[l], *packed = &plan->layers[l];
        const int8_t *src[WICK_MAX_OPERANDS];
        uint32_t total = (uint32_t)raw->out_h * raw->out_w * raw->out_c;
        for (int o = 0; o < raw->n_operands; o++) {
            size_t bytes = (size_t)raw->in_h * wick_operand_row_bytes(raw, (uint32_t)o);
            int8_t *values = wick_new(arena, int8_t, bytes);
            for (size_t i = 0; i < bytes; i++)
                values[i] = (int8_t)(int)(wick_rng_below(&rng, 256) - 128);
            src[o] = values;
        }
        int8_t *a = wick_new(arena, int8_t, total), *b = wick_new(arena, int8_t, total);
        wick_layer_run(raw, src, 0, 0, total, a, NULL);
        uint32_t *scratch = wick_new(arena, uint32_t, wick_layer_scratch_bytes(packed) / 4 + 1);
        wick_layer_run(packed, src, 0, 0, total, b, scratch);
        assert_memory_equal(a, b, total);
        memset(b, 0, total);
        for (uint32_t end = raw->out_c; end <= total; end += raw->out_c) {
            wick_layer_run(packed, src, 0, end - LAST, LAST, b + end - LAST, scratch);
            assert_memory_equal(a + end - LAST, b + end - LAST, LAST);
        }
        assert_true(!packed->packed == !wick_weights_words(packed));
        assert_true(!packed->weights || !packed->packed);
    }
}

static void packed_layers_compute_the_same(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(8, 13, 7);
    wick_plan *plan = plan_for(net, WICK_OPTIMISE_SPEED, 1 << 20);
    compare_layers(net, plan);
    wick_plan_free(plan);
    tiny_free(net);
}

/* Two fifths of the weights are 0, at the same taps of every four channels; the others have 4 bits.
   How many are left. */
static int thin_out(const wick_layer *layer) {
    int8_t *weights = (int8_t *)(uintptr_t)layer->weights;
    int left = 0, taps = layer->k_h * layer->k_w * layer->in_c;
    if (layer->kind == WICK_LAYER_FC)
        taps = layer->in_h * layer->in_w * layer->in_c;
    for (int c = 0; c < layer->out_c; c++)
        for (int t = 0; t < taps; t++) {
            weights[c * taps + t] = (int8_t)((t + c / 4) % 5 < 2 ? 0 : 1 + (c + t) % 7);
            left += weights[c * taps + t] != 0;
        }
    return left;
}

/* Offsets into the weights of one layer have 32 bits in every storage of few weights: a
   convolution and a fully connected layer with more of them than 16 bits count. */
static void more_weights_than_16_bits_count(void **state) {
    (void)state;
    static const uint8_t convolutions[] = {
        WICK_KERNEL_CONV2D_S8_SPARSE, WICK_KERNEL_CONV2D_S8_SPARSE4, WICK_KERNEL_CONV2D_S8_BLOCK};
    static const uint8_t connected[] = {WICK_KERNEL_FC_S8_SPARSE, WICK_KERNEL_FC_S8_SPARSE4,
                                        WICK_KERNEL_FC_S8_BLOCK};
    wick_device before = *device;
    tiny t = tiny_begin(4, 4, 3);
    int features = tiny_conv(&t, 0, 96, 1, 1);
    t.net->features = features;
    t.segment = 1;
    int pooled = tiny_maxpool(&t, tiny_conv(&t, features, 160, 3, 1));
    tiny_logits(&t, tiny_fc(&t, tiny_fc(&t, pooled, 200), 10));
    wick_qnet *net = tiny_end(&t);
    const int conv = 1, fc = 3;
    assert_true(thin_out(&net->layers[conv]) > UINT16_MAX);
    assert_true(thin_out(&net->layers[fc]) > UINT16_MAX);
    for (size_t k = 0; k < WICK_LEN(convolutions); k++) {
        offer(convolutions[k], 0.1);
        offer(connected[k], 0.1);
        wick_plan *plan = plan_for(net, WICK_OPTIMISE_SPEED, 1 << 20);
        assert_int_equal(plan->layers[conv].kernel, convolutions[k]);
        assert_int_equal(plan->layers[fc].kernel, connected[k]);
        compare_layers(net, plan);
        wick_plan_free(plan);
        *device = before;
    }
    tiny_free(net);
}

/* plan.json carries the kernels; one that the device lacks is refused. */
static void kernels_are_saved_and_checked(void **state) {
    (void)state;
    char path[] = "/tmp/wick-test-kernels-XXXXXX";
    assert_true(mkstemp(path) >= 0);
    wick_qnet *net = tiny_family(9, 12, 8);
    wick_plan *plan = plan_for(net, WICK_OPTIMISE_SPEED, 1 << 20), *again;
    wick_diag diag = {0};
    assert_int_equal(wick_plan_save(plan, path, &diag), WICK_OK);
    assert_int_equal(wick_plan_load_with(path, net, device, &again, &diag), WICK_OK);
    for (int l = 0; l < net->n_layers; l++)
        assert_int_equal(again->layers[l].kernel, plan->layers[l].kernel);
    assert_int_equal(again->options.optimise, WICK_OPTIMISE_SPEED);
    wick_plan_free(again);
    device->fast[WICK_KERNEL_CONV2D_S8_W16].offered = false;
    assert_int_equal(wick_plan_load_with(path, net, device, &again, &diag), WICK_MISMATCH);
    assert_true(wick_diag_contains(&diag, "does not have this kernel"));
    device->fast[WICK_KERNEL_CONV2D_S8_W16].offered = true;
    wick_diag_free(&diag);
    wick_plan_free(plan);
    tiny_free(net);
    wick_path_remove(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cheapest_is_taken),
        cmocka_unit_test(the_least_weight_is_respected),
        cmocka_unit_test(flash_is_kept),
        cmocka_unit_test(code_counts_once),
        cmocka_unit_test(sparse_where_it_pays),
        cmocka_unit_test(blocks_where_they_are),
        cmocka_unit_test(packed_layers_compute_the_same),
        cmocka_unit_test(more_weights_than_16_bits_count),
        cmocka_unit_test(kernels_are_saved_and_checked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
