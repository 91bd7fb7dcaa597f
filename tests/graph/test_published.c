/* ResNet and DenseNet as published: parameter and multiply-accumulate counts, worked out by hand.
 */
#include "graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "depth=56 shortcut=A" */
static wick_graph *build(const char *name, const char *parameters, wick_recipe_options options) {
    char text[128], *rest = text;
    snprintf(text, sizeof text, "%s", parameters);
    for (char *item; (item = strsep(&rest, " ")) != NULL && *item;) {
        char *value = strchr(item, '=');
        *value++ = '\0';
        options.values[options.n_values++] = (wick_recipe_value){item, value};
    }
    wick_diag diag = {0};
    wick_graph *graph = NULL;
    if (wick_recipe_build(name, &options, &graph, &diag) != WICK_OK)
        fail_msg("%s %s: %s: %s", name, parameters, diag.items[0].place, diag.items[0].reason);
    return graph;
}

/* The whole published network is the extractor and the largest module. */
static wick_counts published(const char *name, const char *parameters) {
    wick_graph *g = build(name, parameters, wick_recipe_defaults());
    wick_counts extractor = wick_graph_counts(g, 0), counts = wick_graph_counts(g, 1);
    counts.parameters += extractor.parameters;
    counts.macs += extractor.macs;
    wick_graph_free(g);
    return counts;
}

/* He et al., 2016: a convolution of 16 channels, then three stages of n blocks of two convolutions
   with 16, 32 and 64 channels at 32x32, 16x16 and 8x8, no biases, batch norm (scale and bias) after
   each convolution, one layer 64 -> 10. Stage 2 and 3 begin with a convolution 16 -> 32, 32 -> 64.
     weights     27*16 + 2n * 9*16*16 + 9*16*32 + (2n-1) * 9*32*32 + 9*32*64 + (2n-1) * 9*64*64
     batch norm  2 * (16 + 2n*16 + 2n*32 + 2n*64)         fc  64*10 + 10
   n = 3: 432 + 13,824 + 4,608 + 46,080 + 18,432 + 184,320 = 267,696; 1,376; 650: 269,722.
   A projection shortcut adds 16*32 + 2*32 and 32*64 + 2*64, 2,752 in all. */
static int64_t resnet_parameters(int64_t n) {
    return 432 + 2 * n * 2304 + 4608 + (2 * n - 1) * 9216 + 18432 + (2 * n - 1) * 36864 +
           2 * (16 + 2 * n * (16 + 32 + 64)) + 650;
}

/* The same weights, each times the pixels that it is applied to. */
static int64_t resnet_macs(int64_t n) {
    return 1024 * (432 + 2 * n * 2304) + 256 * (4608 + (2 * n - 1) * 9216) +
           64 * (18432 + (2 * n - 1) * 36864) + 640;
}

static void resnet_counts_are_the_published_ones(void **state) {
    (void)state;
    static const struct {
        int depth;
        int64_t parameters; /* 0.27, 0.46, 0.66 and 0.85 million in the paper's table 6 */
    } cases[] = {{20, 269722}, {32, 464154}, {44, 658586}, {56, 853018}};
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        char text[64];
        int64_t n = (cases[i].depth - 2) / 6;
        assert_int_equal(resnet_parameters(n), cases[i].parameters);
        snprintf(text, sizeof text, "depth=%d", cases[i].depth);
        wick_counts counts = published("resnet", text);
        assert_int_equal(counts.parameters, cases[i].parameters);
        assert_int_equal(counts.macs, resnet_macs(n));
        snprintf(text, sizeof text, "depth=%d shortcut=projection", cases[i].depth);
        counts = published("resnet", text);
        assert_int_equal(counts.parameters, cases[i].parameters + 2752);
        assert_int_equal(counts.macs, resnet_macs(n) + 256 * 16 * 32 + 64 * 32 * 64);
    }
    assert_int_equal(resnet_macs(3), 40551040);
    assert_int_equal(published("resnet", "").parameters, 269722); /* depth 20 by default */
}

/* FreeML's CIFAR10-S: 64*27 + 64, 128*576 + 128, 64*1152 + 64, 256*256 + 256, 64*256 + 64, 10*64
 * + 10. */
static void cifar10s_has_the_published_size(void **state) {
    (void)state;
    assert_int_equal(published("cifar10s", "").parameters,
                     1792 + 73856 + 73792 + 65792 + 16448 + 650);
    assert_int_equal(published("cifar10s", "").parameters, 232330);
}

/* Huang et al., 2017. A layer of DenseNet-BC on c channels: batch norm 2c, 1x1 convolution c -> 4k,
   batch norm 2*4k, 3x3 convolution 4k -> k; plain: batch norm 2c, 3x3 convolution c -> k. A
   transition on c channels: batch norm 2c, 1x1 convolution c -> c/2 (plain: c -> c), average pool.
   Before the three blocks a 3x3 convolution 3 -> 2k (plain: 3 -> 16), behind them batch norm and
   one layer to 10 classes. BC, depth 100, k = 12, n = 16 layers in each block, c = 24 + 12i, 108 +
   12i, 150 + 12i: first convolution 648 block 1  sum of c = 16*24 + 12*120 = 1,824;  50 * 1,824 +
   16 * (96 + 5,184) = 175,680 transition 216 -> 108: 432 + 23,328 = 23,760 block 2  sum of c =
   3,168: 242,880;          transition 300 -> 150: 600 + 45,000 = 45,600 block 3  sum of c = 3,840:
   276,480;          batch norm 342: 684, fc 342*10 + 10 = 3,430 Together 769,162. */
typedef struct totals {
    int64_t channels, parameters, macs;
} totals;

static void add_conv(totals *t, int64_t in, int64_t out, int64_t taps, int64_t pixels) {
    t->parameters += in * out * taps;
    t->macs += in * out * taps * pixels;
}

static totals densenet(int64_t depth, int64_t k, bool bc) {
    totals t = {.channels = bc ? 2 * k : 16};
    add_conv(&t, 3, t.channels, 9, 1024);
    int64_t pixels = 1024;
    for (int block = 0; block < 3; block++) {
        for (int64_t i = 0; i < (depth - 4) / (bc ? 6 : 3); i++) {
            t.parameters += 2 * t.channels + (bc ? 8 * k : 0);
            if (bc)
                add_conv(&t, t.channels, 4 * k, 1, pixels);
            add_conv(&t, bc ? 4 * k : t.channels, k, 9, pixels);
            t.channels += k;
        }
        t.parameters += 2 * t.channels;
        if (block == 2)
            break;
        add_conv(&t, t.channels, bc ? t.channels / 2 : t.channels, 1, pixels);
        t.channels = bc ? t.channels / 2 : t.channels;
        pixels /= 4;
    }
    t.parameters += 10 * t.channels + 10;
    t.macs += 10 * t.channels;
    return t;
}

static void densenet_counts_are_the_published_ones(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int depth, growth;
        bool bc;
        int64_t parameters;
    } cases[] = {
        {"depth=40 growth=12", 40, 12, true, 176122},
        {"depth=100 growth=12", 100, 12, true, 769162}, /* 0.8 million in the paper's table 2 */
        {"depth=40 growth=24", 40, 24, true, 690346},
        {"depth=100 growth=24", 100, 24, true, 3020506},
        {"depth=40 variant=plain", 40, 12, false, 1019722}, /* 1.0 million */
    };
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        totals expected = densenet(cases[i].depth, cases[i].growth, cases[i].bc);
        assert_int_equal(expected.parameters, cases[i].parameters);
        wick_counts counts = published("densenet", cases[i].text);
        assert_int_equal(counts.parameters, cases[i].parameters);
        assert_int_equal(counts.macs, expected.macs);
    }
    assert_int_equal(published("densenet", "").parameters, 176122); /* 40, 12, bc by default */
}

/* By hand at width 1, 32x32, 10 classes. ResNet-20, n = 3 (the smaller modules have the same for n
   < 4): extractor 432 + 32 + 2 * (2,304 + 32); TM2 13,952 + 55,552 + 650, of which 4,608 + 9,216 +
   128 are a first and 18,432 + 36,864 + 256 a second block; TM3 13,952 + 32*10 + 10; TM4 4*16*10
   + 10. */
static void modules_are_what_the_recipe_promises(void **state) {
    (void)state;
    static const int64_t resnet[5] = {5136, 269722 - 5136, 70154, 14282, 650};
    wick_graph *g = build("resnet", "", wick_recipe_defaults());
    for (int segment = 0; segment <= 4; segment++)
        assert_int_equal(wick_graph_counts(g, segment).parameters, resnet[segment]);
    assert_string_equal(g->family.recipe, "resnet depth=20 shortcut=A");
    assert_string_equal(g->name, "resnet");
    wick_graph_free(g);
    /* DenseNet-BC-40, k = 12: extractor 648 + 48 + 24*48 + 96 + 5,184; TM4 2*36 + 4*36*10 + 10. */
    g = build("densenet", "", wick_recipe_defaults());
    assert_int_equal(wick_graph_counts(g, 0).parameters, 7128);
    assert_int_equal(wick_graph_counts(g, 1).parameters, 176122 - 7128);
    assert_int_equal(wick_graph_counts(g, 4).parameters, 1522);
    assert_string_equal(g->family.recipe, "densenet depth=40 growth=12 variant=bc");
    wick_graph_free(g);
}

static void assert_ladder(const char *name, const char *parameters, wick_recipe_options options) {
    wick_graph *g = build(name, parameters, options);
    assert_int_equal(g->family.n_heads, 4);
    for (int k = 1; k < 4; k++) {
        wick_counts large = wick_graph_counts(g, k), small = wick_graph_counts(g, k + 1);
        if (large.parameters <= small.parameters || large.macs <= small.macs)
            fail_msg("%s %s: module %d is not larger than module %d", name, parameters, k, k + 1);
    }
    wick_graph_free(g);
}

/* At every depth, width and input size that somebody may want on a device. */
static void modules_get_smaller(void **state) {
    (void)state;
    static const char *const resnets[] = {"depth=14", "depth=20 shortcut=projection", "depth=44"};
    static const char *const densenets[] = {"depth=16", "depth=40", "depth=22 growth=24",
                                            "depth=16 variant=plain"};
    static const struct {
        double width;
        int side, channels;
    } sizes[] = {{1, 32, 3}, {0.25, 32, 1}, {0.3, 28, 1}, {0.5, 64, 3}, {0.25, 8, 3}};
    for (size_t s = 0; s < WICK_LEN(sizes); s++) {
        wick_recipe_options options = wick_recipe_defaults();
        options.width = sizes[s].width;
        options.height = options.width_px = sizes[s].side;
        options.channels = sizes[s].channels;
        for (size_t i = 0; i < WICK_LEN(resnets); i++)
            assert_ladder("resnet", resnets[i], options);
        for (size_t i = 0; i < WICK_LEN(densenets); i++)
            assert_ladder("densenet", densenets[i], options);
    }
}

static void width_and_input_scale_the_networks(void **state) {
    (void)state;
    wick_recipe_options options = wick_recipe_defaults();
    options.width = 0.5;
    options.height = 64;
    options.width_px = 96;
    options.classes = 7;
    wick_graph *g = build("resnet", "", options);
    /* Half of 16 channels; from 64 pixels on the first convolution halves the size. */
    const wick_shape z = {4, {1, 8, 32, 48}}, last = {4, {1, 32, 8, 12}}, logits = {2, {1, 7}};
    assert_true(wick_shape_equal(g->tensors[g->family.features].shape, z));
    int gap = g->nodes[g->tensors[wick_graph_find(g, "TM1.gap1")].producer].inputs[0];
    assert_true(wick_shape_equal(g->tensors[gap].shape, last));
    assert_true(wick_shape_equal(g->tensors[g->family.heads[3]].shape, logits));
    wick_graph_free(g);
    options = wick_recipe_defaults();
    options.width = 0.5;
    g = build("densenet", "growth=24", options);
    wick_graph *other = build("densenet", "growth=12", wick_recipe_defaults());
    for (int segment = 0; segment <= 4; segment++) /* half the width is half the growth */
        assert_int_equal(wick_graph_counts(g, segment).parameters,
                         wick_graph_counts(other, segment).parameters);
    wick_graph_free(g);
    wick_graph_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cifar10s_has_the_published_size),
        cmocka_unit_test(resnet_counts_are_the_published_ones),
        cmocka_unit_test(densenet_counts_are_the_published_ones),
        cmocka_unit_test(modules_are_what_the_recipe_promises),
        cmocka_unit_test(modules_get_smaller),
        cmocka_unit_test(width_and_input_scale_the_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
