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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_mixed),
        cmocka_unit_test(zeros_in_blocks),
        cmocka_unit_test(channels_by_energy),
        cmocka_unit_test(energy_counts_from_room),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
