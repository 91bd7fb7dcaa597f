/* The recipes that come with wick: Table I, options, initial weights. */
#include "helper_net.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[] = "/tmp/wick-test-families-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return wick_path_remove(folder) ? 0 : -1;
}

static wick_graph *build(const char *name, const wick_recipe_options *options) {
    wick_diag diag = {0};
    wick_graph *graph = NULL;
    if (wick_recipe_build(name, options, &graph, &diag) != WICK_OK)
        fail_msg("%s: %s", diag.items[0].place, diag.items[0].reason);
    wick_diag_free(&diag);
    return graph;
}

static wick_recipe_options square(int pixels) {
    wick_recipe_options options = wick_recipe_defaults();
    options.height = options.width_px = pixels;
    return options;
}

typedef struct row {
    int64_t conv_macs, fc_macs, conv_parameters, fc_parameters;
} row;

static void assert_table(const wick_graph *g, const row *table) {
    for (int segment = 0; segment <= 4; segment++) {
        wick_counts c = wick_graph_counts(g, segment);
        assert_int_equal(c.conv_macs, table[segment].conv_macs);
        assert_int_equal(c.fc_macs, table[segment].fc_macs);
        assert_int_equal(c.conv_parameters, table[segment].conv_parameters);
        assert_int_equal(c.fc_parameters, table[segment].fc_parameters);
        assert_int_equal(c.parameters, c.conv_parameters + c.fc_parameters);
        assert_int_equal(c.macs, c.conv_macs + c.fc_macs);
    }
}

/* REIN, Table I: 64x64 input, 10 classes. Rows: extractor, TM1 to TM4. */
static void vgg16_equals_table_1(void **state) {
    (void)state;
    static const row table[5] = {
        {158072832, 0, 38720, 0},
        {1094713344, 3155968, 14675968, 3158026},
        {94371840, 66176, 369024, 66250},
        {75497472, 66816, 73856, 66954},
        {0, 17024, 0, 17098},
    };
    wick_recipe_options options = square(64);
    wick_graph *g = build("vgg16", &options);
    assert_table(g, table);
    const int last_pool[4][2] = {{2, 2}, {2, 2}, {2, 2}, {2, 2}};
    static const char *const names[4] = {"TM1.pool5", "TM2.pool3", "TM3.pool2", "TM4.pool1"};
    for (int k = 0; k < 4; k++) {
        const wick_shape shape = g->tensors[wick_graph_find(g, names[k])].shape;
        assert_int_equal(shape.dim[2], last_pool[k][0]);
        assert_int_equal(shape.dim[3], last_pool[k][1]);
    }
    wick_graph_free(g);
}

static void mobilenetv1_equals_table_1(void **state) {
    (void)state;
    static const row table[5] = {
        {884736, 0, 928, 0},
        {45459456, 10240, 3206048, 10250},
        {6241792, 10240, 713248, 10250},
        {5758976, 1280, 29728, 1290},
        {4636672, 1280, 11680, 1290},
    };
    wick_recipe_options options = square(64);
    wick_graph *g = build("mobilenetv1", &options);
    assert_table(g, table);
    assert_true(wick_shape_equal(g->tensors[g->family.features].shape, NET_SHAPE(1, 32, 32, 32)));
    wick_graph_free(g);
    /* From 32x32 the extractor's stride is 1: the modules see the same features. */
    options = square(32);
    g = build("mobilenetv1", &options);
    assert_table(g, table);
    wick_graph_free(g);
}

/* A copy of share/recipes/<name>.json whose first extractor layer has this stride; its path. */
static char *with_extractor_stride(wick_arena *arena, const char *name, int stride) {
    char *from = wick_arena_printf(arena, "%s/recipes/%s.json", wick_share_dir(), name);
    char *to = wick_arena_printf(arena, "%s/stride%d.json", folder, stride);
    json_t *root;
    assert_int_equal(wick_json_load(from, &root, NULL), WICK_OK);
    json_object_set_new(json_array_get(json_object_get(root, "extractor"), 0), "stride",
                        json_integer(stride));
    assert_int_equal(wick_json_save(to, root, NULL), WICK_OK);
    json_decref(root);
    return to;
}

/* The audit: the paper's MobileNet MACs come out exactly when a depthwise convolution is counted as
   a dense one and the extractor's stride is taken as 1 (64x64 features). */
static void the_printed_mobilenet_macs_are_dense_ones(void **state) {
    (void)state;
    static const int64_t printed[5] = {0, 1572864000, 126877696, 134217728, 92274688};
    wick_arena *arena = wick_arena_new();
    wick_recipe_options options = square(64);
    wick_graph *g = build(with_extractor_stride(arena, "mobilenetv1", 1), &options);
    assert_int_equal(g->tensors[g->family.features].shape.dim[2], 64);
    for (int k = 1; k <= 4; k++) {
        wick_counts c = wick_graph_counts(g, k);
        assert_int_equal(c.dense_macs - c.fc_macs, printed[k]);
    }
    wick_graph_free(g);
    /* What is counted honestly is 10 to 40 times less. */
    g = build("mobilenetv1", &options);
    for (int k = 1; k <= 4; k++) {
        double ratio = (double)printed[k] / (double)wick_graph_counts(g, k).conv_macs;
        assert_true(ratio > 10 && ratio < 40);
    }
    wick_graph_free(g);
    wick_arena_free(arena);
}

static void vgg16_at_32_pixels_ends_in_small_pools(void **state) {
    (void)state;
    wick_recipe_options options = square(32);
    options.width = 0.25;
    options.classes = 7;
    wick_graph *g = build("vgg16", &options);
    static const struct {
        const char *name;
        int64_t channels, side;
    } last[4] = {
        {"TM1.pool5", 128, 1}, {"TM2.pool3", 64, 2}, {"TM3.pool2", 32, 2}, {"TM4.pool1", 16, 2}};
    for (int k = 0; k < 4; k++) {
        const wick_shape shape = g->tensors[wick_graph_find(g, last[k].name)].shape;
        assert_true(
            wick_shape_equal(shape, NET_SHAPE(1, last[k].channels, last[k].side, last[k].side)));
        assert_true(wick_shape_equal(g->tensors[g->family.heads[k]].shape, NET_SHAPE(1, 7)));
    }
    /* Hidden fully connected layers scale, classes and input channels do not. */
    assert_true(wick_shape_equal(g->tensors[wick_graph_find(g, "TM1.fc1.weight")].shape,
                                 NET_SHAPE(256, 128)));
    assert_true(wick_shape_equal(g->tensors[wick_graph_find(g, "TM1.fc3.weight")].shape,
                                 NET_SHAPE(7, 256)));
    assert_true(wick_shape_equal(g->tensors[wick_graph_find(g, "fe.conv1.weight")].shape,
                                 NET_SHAPE(16, 3, 3, 3)));
    wick_graph_free(g);
    /* However narrow, one channel is left. */
    options.width = 0.001;
    g = build("vgg16", &options);
    assert_int_equal(g->tensors[g->family.features].shape.dim[1], 1);
    wick_graph_free(g);
    /* A side that is no multiple of the pool's target is covered whole: 47 -> 2 is 24 every 23. */
    options = square(40);
    options.width_px = 47;
    options.width = 0.1;
    g = build("vgg16", &options);
    const wick_node *pool = &g->nodes[g->tensors[wick_graph_find(g, "TM4.pool1")].producer];
    assert_int_equal(pool->attrs.kernel[0], 20);
    assert_int_equal(pool->attrs.stride[0], 20);
    assert_int_equal(pool->attrs.kernel[1], 24);
    assert_int_equal(pool->attrs.stride[1], 23);
    wick_graph_free(g);
}

static const wick_node *producer(const wick_graph *g, int t) {
    return &g->nodes[g->tensors[t].producer];
}

static void the_family_is_described(void **state) {
    (void)state;
    wick_recipe_options options = square(32);
    options.width = 0.25;
    wick_graph *g = build("vgg16", &options);
    assert_string_equal(g->name, "vgg16");
    assert_string_equal(g->family.recipe, "vgg16");
    assert_int_equal(g->family.n_heads, 4);
    assert_int_equal(g->family.n_channels, 3);
    assert_int_equal(g->family.features, wick_graph_find(g, "features"));
    assert_string_equal(producer(g, g->family.features)->name, "fe.conv2.relu");
    for (int k = 0; k < 4; k++) {
        char name[32];
        snprintf(name, sizeof name, "TM%d", k + 1);
        assert_string_equal(g->family.head_names[k], name);
        assert_true(isnan(g->family.accuracy[k]) && isnan(g->family.validation[k]));
        snprintf(name, sizeof name, "TM%d.logits", k + 1);
        assert_int_equal(wick_graph_find(g, name), g->family.heads[k]);
        /* The logits come out of the last layer itself. */
        assert_int_equal(producer(g, g->family.heads[k])->op, WICK_OP_GEMM);
    }
    for (int c = 0; c < 3; c++) {
        assert_true(g->family.mean[c] == 128.0f / 255.0f);
        assert_true(g->family.std[c] == 0.5f);
    }
    assert_int_equal(producer(g, wick_graph_find(g, "TM1.fc2.relu"))->op, WICK_OP_RELU);
    assert_true(wick_graph_find(g, "fe.conv1.bias") >= 0);
    wick_graph_free(g);
}

static int count_op(const wick_graph *g, wick_op op) {
    int count = 0;
    for (int n = 0; n < g->n_nodes; n++)
        count += g->nodes[n].op == op;
    return count;
}

static void batch_norm_is_an_option(void **state) {
    (void)state;
    wick_recipe_options options = square(32);
    options.width = 0.1;
    options.batch_norm = 1;
    wick_graph *g = build("vgg16", &options);
    assert_int_equal(count_op(g, WICK_OP_CONV), 16);
    assert_int_equal(count_op(g, WICK_OP_BATCH_NORM), 16);
    assert_int_equal(wick_graph_find(g, "fe.conv1.bias"), -1);
    assert_true(wick_graph_find(g, "fe.conv1.bn.mean") >= 0);
    const wick_node *norm = producer(g, wick_graph_find(g, "TM1.conv11.bn"));
    assert_string_equal(g->tensors[norm->inputs[4]].name, "TM1.conv11.bn.var");
    assert_true(*(float *)g->tensors[norm->inputs[4]].data == 1);
    assert_string_equal(g->tensors[norm->inputs[0]].name, "TM1.conv11");
    wick_graph_free(g);
    options.batch_norm = 0;
    g = build("mobilenetv1", &options);
    assert_int_equal(count_op(g, WICK_OP_BATCH_NORM), 0);
    assert_true(wick_graph_find(g, "TM1.dwconv1.bias") >= 0);
    wick_graph_free(g);
}

static void a_baseline_has_no_common_prefix(void **state) {
    (void)state;
    wick_recipe_options options = square(32);
    options.width = 0.1;
    wick_graph *shared = build("vgg16", &options);
    options.shared = false;
    wick_graph *g = build("vgg16", &options);
    assert_int_equal(g->family.features, -1);
    assert_int_equal(wick_graph_find(g, "features"), -1);
    for (int n = 0; n < g->n_nodes; n++)
        assert_in_range(g->nodes[n].segment, 1, 4);
    wick_counts extractor = wick_graph_counts(shared, 0);
    for (int k = 1; k <= 4; k++) {
        wick_counts alone = wick_graph_counts(g, k), module = wick_graph_counts(shared, k);
        assert_int_equal(alone.parameters, extractor.parameters + module.parameters);
        assert_int_equal(alone.macs, extractor.macs + module.macs);
    }
    /* Extractors start from different weights. */
    const float *a = g->tensors[wick_graph_find(g, "TM1.fe.conv1.weight")].data;
    const float *b = g->tensors[wick_graph_find(g, "TM2.fe.conv1.weight")].data;
    assert_true(a[0] != b[0]);
    wick_graph_free(g);
    wick_graph_free(shared);
}

static char *write_recipe(const char *file, const char *text) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    assert_int_equal(wick_file_write(path, text, strlen(text), NULL), WICK_OK);
    return path;
}

static void weights_follow_from_seed_and_name_alone(void **state) {
    (void)state;
    static const char two[] =
        "{\"name\": \"two\", \"extractor\": [{\"type\": \"conv\", \"out\": 64, "
        "\"repeat\": 2}], \"heads\": [{\"name\": \"TM4\", \"layers\": ["
        "{\"type\": \"pool\", \"to\": 2}, {\"type\": \"fc\", \"out\": 64}, "
        "{\"type\": \"fc\", \"out\": \"classes\"}]}]}";
    wick_recipe_options options = square(32);
    wick_graph *all = build("vgg16", &options);
    wick_graph *one = build(write_recipe("two.json", two), &options);
    options.seed = 2;
    wick_graph *other = build(write_recipe("two.json", two), &options);
    int compared = 0;
    for (int t = 0; t < one->n_tensors; t++) {
        const wick_tensor *tensor = &one->tensors[t];
        if (!tensor->data)
            continue;
        const wick_tensor *same = &all->tensors[wick_graph_find(all, tensor->name)];
        size_t bytes = (size_t)wick_shape_count(tensor->shape) * sizeof(float);
        assert_memory_equal(tensor->data, same->data, bytes);
        if (strstr(tensor->name, ".weight"))
            assert_memory_not_equal(tensor->data, other->tensors[t].data, bytes);
        compared++;
    }
    assert_int_equal(compared, 8);
    wick_graph_free(all);
    wick_graph_free(one);
    wick_graph_free(other);
}

static void weights_are_normal_with_hes_deviation(void **state) {
    (void)state;
    wick_recipe_options options = square(32);
    wick_graph *g = build("mobilenetv1", &options);
    static const struct {
        const char *name;
        double fan_in;
    } cases[] = {{"fe.conv1.weight", 27},
                 {"TM1.dwconv13.weight", 9},
                 {"TM1.conv13.weight", 1024},
                 {"TM1.fc1.weight", 1024}};
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        const wick_tensor *tensor = &g->tensors[wick_graph_find(g, cases[i].name)];
        const float *w = tensor->data;
        double count = (double)wick_shape_count(tensor->shape), sum = 0, square_sum = 0, fourth = 0;
        for (int64_t j = 0; j < (int64_t)count; j++) {
            double z = (double)w[j] / sqrt(2.0 / cases[i].fan_in);
            sum += z;
            square_sum += z * z;
            fourth += z * z * z * z;
        }
        double error = 5 / sqrt(count); /* about five standard errors */
        assert_true(fabs(sum / count) < error);
        assert_true(fabs(square_sum / count - 1) < 1.5 * error);
        assert_true(fabs(fourth / count - 3) < 10 * error); /* 1.8 if it were uniform */
    }
    const wick_tensor *bias = &g->tensors[wick_graph_find(g, "TM1.fc1.bias")];
    for (int64_t j = 0; j < wick_shape_count(bias->shape); j++)
        assert_true(((float *)bias->data)[j] == 0);
    wick_graph_free(g);
}

static void folding_a_whole_family_changes_no_logits(void **state) {
    (void)state;
    wick_recipe_options options = square(16);
    options.width = 0.25;
    wick_graph *g = build("mobilenetv1", &options);
    net_random_batch_norm(g, 3);
    wick_graph *folded = wick_graph_clone(g);
    wick_graph_fold_batch_norm(folded);
    assert_int_equal(count_op(folded, WICK_OP_BATCH_NORM), 0);
    assert_int_equal(wick_graph_infer(folded, NULL), WICK_OK);
    assert_int_equal(wick_graph_segment(folded, NULL), WICK_OK);
    assert_string_equal(folded->tensors[folded->family.features].name, "features");
    assert_true(net_difference(g, folded, 5) < 1e-5);
    wick_graph_free(g);
    wick_graph_free(folded);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vgg16_equals_table_1),
        cmocka_unit_test(mobilenetv1_equals_table_1),
        cmocka_unit_test(the_printed_mobilenet_macs_are_dense_ones),
        cmocka_unit_test(vgg16_at_32_pixels_ends_in_small_pools),
        cmocka_unit_test(the_family_is_described),
        cmocka_unit_test(batch_norm_is_an_option),
        cmocka_unit_test(a_baseline_has_no_common_prefix),
        cmocka_unit_test(weights_follow_from_seed_and_name_alone),
        cmocka_unit_test(weights_are_normal_with_hes_deviation),
        cmocka_unit_test(folding_a_whole_family_changes_no_logits),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
