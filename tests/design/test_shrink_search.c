/* Which combinations of means the driver finds for budgets, without any training. */
#include "design/shrink_search.h"
#include "helper_goal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static wick_arena *arena;
static wick_device *device;
static wick_data *data;
static wick_graph *network;
static wick_goal_options options;
static wick_budgets budgets;
static wick_material material;
static wick_search_space space;
static wick_candidate list[WICK_MAX_CANDIDATES];
static int n;

static int set_up(void **state) {
    (void)state;
    int pairs;
    arena = wick_arena_new();
    data = helper_images();
    wick_graph *graph = helper_network(10);
    if (wick_collapse(graph, &network, &pairs, NULL) != WICK_OK ||
        wick_device_load(arena, "m4-fram", &device, NULL) != WICK_OK)
        return -1;
    wick_graph_free(graph);
    options = helper_brief();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    wick_graph_free(network);
    wick_data_free(data);
    wick_arena_free(arena);
    return 0;
}

static void set_budget(wick_budget kind, double limit) {
    options.budgets = wick_budgets_none();
    options.budgets.limit[kind] = limit;
    budgets = wick_budgets_within(&options.budgets, device, &options.plan);
    material = (wick_material){.network = network,
                               .data = data,
                               .device = device,
                               .plan = &options.plan,
                               .quantize = &options.quantize,
                               .separate = &options.separate,
                               .arena = arena};
    space = (wick_search_space){.material = &material, .options = &options, .budgets = &budgets};
}

static void search(wick_budget kind, double limit) {
    wick_candidate nearest;
    set_budget(kind, limit);
    assert_int_equal(wick_shrink_search(&space, list, &n, &nearest, NULL), WICK_OK);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        assert_true(list[i].figures.planned);
        assert_true(list[i].figures.value[kind] <= limit);
        assert_true(i == 0 || list[i].loss >= list[i - 1].loss);
    }
}

/* The same candidate with something changed, weighed again. */
static wick_candidate weighed(wick_candidate c) {
    wick_structure structure;
    assert_int_equal(wick_structure_make(&material, &c, &structure, NULL), WICK_OK);
    assert_int_equal(wick_candidate_weigh(&c, &structure, device, &options.plan, &budgets, NULL),
                     WICK_OK);
    wick_structure_free(&structure);
    return c;
}

static const wick_candidate *find(wick_thinning thinning, int bits, int block) {
    for (int i = 0; i < n; i++)
        if (list[i].thinning == thinning && list[i].bits == bits && list[i].block == block)
            return &list[i];
    return NULL;
}

static const wick_candidate whole = {.channels = 1, .bits = 8, .density = 1, .block = 1};

/* Arrays whose weights the rules round to few bits. */
static int narrow_arrays(const wick_graph *graph, const wick_train_options *rules) {
    wick_graph *copy = wick_graph_clone(graph);
    int *tensors = wick_new(arena, int, copy->n_tensors), narrow = 0;
    wick_train_impose(copy, rules);
    int arrays = wick_train_weights(copy, tensors);
    for (int i = 0; i < arrays; i++) {
        const float *a = graph->tensors[tensors[i]].data, *b = copy->tensors[tensors[i]].data;
        int64_t count = wick_shape_count(copy->tensors[tensors[i]].shape);
        double lost = 0, all = 0;
        for (int64_t k = 0; k < count; k++) {
            lost += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
            all += (double)a[k] * (double)a[k];
        }
        narrow += lost > 1e-3 * all; /* 8 bits lose a hundredth of that */
    }
    wick_graph_free(copy);
    return narrow;
}

/* What the network takes of flash at least, with so many bits. */
static double least_flash(int bits) {
    wick_candidate c = whole;
    c.bits = bits;
    set_budget(WICK_BUDGET_FLASH, 1);
    return weighed(c).figures.value[WICK_BUDGET_FLASH];
}

/* Flash between what 8 and what 4 bits take: a mixture, and no level more of bytes would fit. */
static void bits_are_mixed(void **state) {
    (void)state;
    double low = least_flash(4), high = least_flash(8);
    search(WICK_BUDGET_FLASH, high);
    assert_int_equal(n, 1); /* the network as it is */
    search(WICK_BUDGET_FLASH, low + 0.6 * (high - low));
    const wick_candidate *mixed = find(WICK_THIN_EVENLY, WICK_BITS_MIXED, 1);
    assert_non_null(mixed);
    assert_true(mixed->channels >= 1 && mixed->density >= 1);
    wick_structure structure;
    assert_int_equal(wick_structure_make(&material, mixed, &structure, NULL), WICK_OK);
    int64_t least = wick_structure_bytes(&structure, true),
            most = wick_structure_bytes(&structure, false);
    assert_true(mixed->bits_bytes > least && mixed->bits_bytes < most);
    wick_train_options rules = wick_train_defaults();
    wick_candidate_rules(mixed, &structure, arena, &rules);
    int narrow = narrow_arrays(structure.graph, &rules);
    assert_true(narrow > 0 && narrow < structure.n_bits);
    wick_structure_free(&structure);
    wick_candidate more = *mixed;
    more.bits_bytes += (most - least) / 16 + 1;
    assert_true(weighed(more).figures.value[WICK_BUDGET_FLASH] > budgets.limit[WICK_BUDGET_FLASH]);
    for (int i = 0; i < n; i++) /* 4 bits everywhere are beaten by the mixture */
        assert_false(list[i].bits == 4 && list[i].channels >= 1);
}

/* The same flash by zeros in blocks of four channels that share positions, denser than single
   weights are. */
static void zeros_in_blocks(void **state) {
    (void)state;
    search(WICK_BUDGET_FLASH, least_flash(8) - 300);
    const wick_candidate *blocks = find(WICK_THIN_EVENLY, 8, WICK_BLOCK_ROWS);
    assert_non_null(blocks);
    assert_true(blocks->density < 1);
    wick_candidate single = *blocks;
    single.block = 1;
    assert_true(weighed(single).figures.value[WICK_BUDGET_FLASH] >
                blocks->figures.value[WICK_BUDGET_FLASH]);
    wick_structure structure;
    assert_int_equal(wick_structure_make(&material, blocks, &structure, NULL), WICK_OK);
    wick_train_options rules = wick_train_defaults();
    wick_candidate_rules(blocks, &structure, arena, &rules);
    rules.n_bits = 0; /* which round to 0, too */
    wick_train_impose(structure.graph, &rules);
    int *tensors = wick_new(arena, int, structure.graph->n_tensors), zeros = 0;
    int arrays = wick_train_weights(structure.graph, tensors);
    for (int i = 0; i < arrays; i++) {
        const wick_tensor *w = &structure.graph->tensors[tensors[i]];
        int64_t rows = w->shape.dim[0], row = wick_shape_count(w->shape) / rows;
        for (int64_t e = 0; e < rows * row; e++) {
            bool zero = fabsf(((const float *)w->data)[e]) <= 0;
            const float *first = (const float *)w->data + e / row / 4 * 4 * row + e % row;
            zeros += zero;
            assert_int_equal(zero, fabsf(*first) <= 0);
        }
    }
    assert_true(zeros > 100);
    wick_structure_free(&structure);
}

/* Less energy than the network takes: channels by energy, as many as just fit. */
static void channels_by_energy(void **state) {
    (void)state;
    search(WICK_BUDGET_ENERGY, 1e9);
    assert_int_equal(n, 1);
    assert_false(material.weighed); /* nothing is short */
    double all = list[0].figures.value[WICK_BUDGET_ENERGY];
    search(WICK_BUDGET_ENERGY, 0.7 * all);
    const wick_candidate *thin = find(WICK_THIN_BY_ENERGY, 8, 1);
    assert_non_null(thin);
    assert_true(fabs(thin->channels - 0.7) < 1e-6 && thin->density >= 1);
    assert_true(thin->figures.value[WICK_BUDGET_ENERGY] > 0.6 * all);
    const wick_candidate *evenly = find(WICK_THIN_EVENLY, 8, 1);
    assert_non_null(evenly);
    assert_true(thin->loss < evenly->loss || evenly->density < 1);
    /* It is what the choice by energy leaves. */
    wick_structure structure;
    wick_channels channels;
    wick_channel_cuts cuts;
    wick_graph *graph;
    assert_int_equal(wick_structure_make(&material, thin, &structure, NULL), WICK_OK);
    assert_int_equal(wick_channels_find(network, arena, &channels, NULL), WICK_OK);
    assert_int_equal(wick_channels_taylor(network, data, options.quantize.images,
                                          options.quantize.seed, &channels, NULL),
                     WICK_OK);
    bool *remove = wick_new(arena, bool, channels.n_groups);
    assert_int_equal(wick_channels_choose_by_cost(network, &channels, device, &options.plan,
                                                  WICK_WORTH_ENERGY, thin->channels, arena, remove,
                                                  &cuts, NULL),
                     WICK_OK);
    assert_int_equal(wick_channels_remove(network, &channels, remove, &graph, NULL), WICK_OK);
    assert_int_equal(graph->n_tensors, structure.graph->n_tensors);
    for (int t = 0; t < graph->n_tensors; t++)
        assert_true(wick_shape_equal(graph->tensors[t].shape, structure.graph->tensors[t].shape));
    wick_graph_free(graph);
    wick_structure_free(&structure);
}

/* Less energy and little flash: the shares count from what the network takes where flash is not
   short, however dear the kernels are that the little flash leaves. */
static void energy_counts_from_room(void **state) {
    (void)state;
    search(WICK_BUDGET_ENERGY, 1e9);
    double all = list[0].figures.value[WICK_BUDGET_ENERGY], limit = 0.8 * all;
    double flash = least_flash(8) - 300;
    set_budget(WICK_BUDGET_FLASH, flash);
    wick_candidate c = whole, nearest;
    c.density = 0.5; /* fits, in kernels for zeros */
    assert_true(weighed(c).figures.value[WICK_BUDGET_ENERGY] > 1.05 * all);
    options.budgets.limit[WICK_BUDGET_ENERGY] = limit;
    budgets = wick_budgets_within(&options.budgets, device, &options.plan);
    assert_int_equal(wick_shrink_search(&space, list, &n, &nearest, NULL), WICK_OK);
    assert_true(material.weighed);
    double widest = 0;
    for (int i = 0; i < n; i++)
        if (list[i].thinning == WICK_THIN_BY_ENERGY)
            widest = fmax(widest, list[i].channels);
    assert_true(fabs(widest - 0.8) < 1e-6);
}

static double validation_loss(wick_thinning thinning, double channels) {
    wick_candidate c = whole;
    wick_structure structure;
    double loss;
    c.thinning = thinning;
    c.channels = channels;
    assert_int_equal(wick_structure_make(&material, &c, &structure, NULL), WICK_OK);
    assert_int_equal(wick_eval_loss(structure.graph, data, WICK_VALIDATION, NULL,
                                    data->split[WICK_VALIDATION].n, &loss, NULL),
                     WICK_OK);
    wick_structure_free(&structure);
    return loss;
}

/* Trained a little: answers that are worth something. */
static void train_network(void) {
    wick_train_options brief = options.train;
    wick_train_result result;
    brief.epochs = 12;
    brief.learning_rate = 0.05;
    assert_int_equal(wick_train_run(network, data, &brief, &result, NULL), WICK_OK);
}

/* The larger half of conv1's filters gives conv2 nothing: magnitude keeps just these, and the
   measured loss says so. */
static void channels_by_taylor(void **state) {
    (void)state;
    wick_graph *kept = wick_graph_clone(network);
    train_network();
    wick_tensor *first = helper_weights(network, "TM1.conv1"),
                *second = helper_weights(network, "TM1.conv2");
    int64_t rows = first->shape.dim[0], row = wick_shape_count(first->shape) / rows;
    int64_t readers = second->shape.dim[0], taps = wick_shape_count(second->shape) / readers / rows;
    for (int64_t r = 0; r < rows / 2; r++) {
        for (int64_t k = 0; k < row; k++)
            ((float *)first->data)[r * row + k] *= 100;
        for (int64_t o = 0; o < readers; o++)
            for (int64_t k = 0; k < taps; k++)
                ((float *)second->data)[(o * rows + r) * taps + k] = 0;
    }
    search(WICK_BUDGET_FLASH, least_flash(4) - 1500);
    int by_taylor = 0;
    for (int i = 0; i < n; i++)
        by_taylor += list[i].thinning == WICK_THIN_TAYLOR && list[i].channels < 1;
    assert_true(by_taylor > 0);
    wick_candidate half = {.thinning = WICK_THIN_TAYLOR, .channels = 0.5, .bits = 8, .density = 1};
    assert_string_equal(wick_candidate_text(arena, &half), "channels 0.5 by Taylor, 8 bits");
    assert_true(material.scored);
    wick_structure structure;
    assert_int_equal(wick_structure_make(&material, &half, &structure, NULL), WICK_OK);
    const wick_tensor *left = helper_weights(structure.graph, "TM1.conv1");
    assert_int_equal(left->shape.dim[0], (rows + 1) / 2);
    for (int64_t k = 0; k < row; k++) /* the last filter is the last there was */
        assert_true(fabsf(((const float *)left->data)[wick_shape_count(left->shape) - 1 - k] -
                          ((const float *)first->data)[rows * row - 1 - k]) <= 0);
    wick_structure_free(&structure);
    const double shares[] = {0.75, 0.5, 0.25};
    for (int i = 0; i < 3; i++) {
        wick_thinning chosen;
        assert_int_equal(wick_material_thin(&material, shares[i], &chosen, NULL), WICK_OK);
        bool taylor = validation_loss(WICK_THIN_TAYLOR, shares[i]) <
                      validation_loss(WICK_THIN_EVENLY, shares[i]);
        assert_int_equal(chosen, taylor ? WICK_THIN_TAYLOR : WICK_THIN_EVENLY);
    }
    wick_graph_free(network);
    network = kept;
}

/* Two columns times two rows: of full rank for Tucker, two spatially. */
static void make_columns_and_rows(wick_tensor *w, uint64_t seed) {
    int64_t out = w->shape.dim[0], in = w->shape.dim[1], k = w->shape.dim[2];
    wick_rng rng = wick_rng_seed(seed, 0);
    float *column = wick_new(arena, float, 2 * in * k), *row = wick_new(arena, float, 2 * out * k);
    for (int64_t i = 0; i < 2 * in * k; i++)
        column[i] = wick_rng_normal(&rng);
    for (int64_t i = 0; i < 2 * out * k; i++)
        row[i] = wick_rng_normal(&rng);
    for (int64_t o = 0; o < out; o++)
        for (int64_t c = 0; c < in; c++)
            for (int64_t y = 0; y < k; y++)
                for (int64_t x = 0; x < k; x++) {
                    float *at = &((float *)w->data)[((o * in + c) * k + y) * k + x];
                    *at = 0;
                    for (int r = 0; r < 2; r++)
                        *at += 0.1f * column[(r * in + c) * k + y] * row[(r * out + o) * k + x];
                }
}

/* Where kernels are columns times rows, spatial separation loses nothing; where only matrices are
   large, it is Tucker's and is left out. */
static void windows_as_columns_and_rows(void **state) {
    (void)state;
    wick_graph *kept = wick_graph_clone(network);
    wick_tensor *w = helper_weights(network, "TM1.conv2");
    make_columns_and_rows(w, 3);
    make_columns_and_rows(helper_weights(network, "TM1.conv3"), 4);
    options.separate.limit_bytes = 4 * wick_shape_count(w->shape);
    search(WICK_BUDGET_FLASH, least_flash(8) - 300);
    const wick_candidate *best = &list[0];
    assert_int_equal(best->separated, WICK_SEPARATED_SPATIAL);
    assert_true(best->channels >= 1 && best->density >= 1 && best->loss < 1e-2);
    assert_string_equal(wick_candidate_text(arena, best), "separated spatially, 8 bits");
    wick_structure structure;
    assert_int_equal(wick_structure_make(&material, best, &structure, NULL), WICK_OK);
    assert_true(structure.changed);
    const wick_tensor *last = helper_weights(structure.graph, "TM1.conv2");
    assert_int_equal(last->shape.dim[2], 1);
    assert_int_equal(last->shape.dim[3], w->shape.dim[3]);
    wick_structure_free(&structure);
    wick_graph_free(network);
    network = kept;
    options.separate = wick_separate_defaults();
}

/* A large matrix alone is split alike either way: Tucker's candidate does. */
static void matrices_are_split_once(void **state) {
    (void)state;
    wick_graph *graph = wick_graph_new("matrix");
    float *values = wick_new(arena, float, 16 * 3 * 32 * 32);
    wick_rng rng = wick_rng_seed(5, 0);
    for (int i = 0; i < 16 * 3 * 32 * 32; i++)
        values[i] = wick_rng_normal(&rng);
    int x = wick_graph_tensor(graph, "x", WICK_F32, (wick_shape){4, {1, 3, 32, 32}}, NULL);
    int flat = wick_graph_node(graph, "flat", WICK_OP_FLATTEN, &x, 1, "f", NULL);
    int fc[] = {
        flat, wick_graph_tensor(graph, "w", WICK_F32, (wick_shape){2, {16, 3 * 32 * 32}}, values)};
    int y = wick_graph_node(graph, "fc", WICK_OP_GEMM, fc, 2, "y", NULL);
    graph->input = x;
    graph->family = (wick_family){.features = -1, .n_heads = 1, .heads = {y}, .head_names = {"h"}};
    assert_int_equal(wick_graph_infer(graph, NULL), WICK_OK);
    set_budget(WICK_BUDGET_FLASH, 1);
    material.network = graph;
    for (int sep = WICK_SEPARATED_TUCKER; sep <= WICK_SEPARATED_SPATIAL; sep++) {
        wick_candidate c = whole;
        wick_structure structure;
        c.separated = (wick_separating)sep;
        assert_int_equal(wick_structure_make(&material, &c, &structure, NULL), WICK_OK);
        assert_int_equal(structure.graph->n_nodes, 3);
        assert_int_equal(structure.changed, sep == WICK_SEPARATED_TUCKER);
        wick_structure_free(&structure);
    }
    wick_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_mixed),          cmocka_unit_test(zeros_in_blocks),
        cmocka_unit_test(channels_by_energy),      cmocka_unit_test(energy_counts_from_room),
        cmocka_unit_test(channels_by_taylor),      cmocka_unit_test(windows_as_columns_and_rows),
        cmocka_unit_test(matrices_are_split_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
