#include "helper_family.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 8, CHANNELS = 2, CLASSES = 3 };

static void draw(wick_rng *rng, int label, int height, int width, uint8_t *pixels) {
    int at = 1 + (int)wick_rng_below(rng, SIDE - 2);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int distance = label == 0 ? y - at : label == 1 ? x - at : x - y + at - SIDE / 2;
            for (int c = 0; c < CHANNELS; c++)
                pixels[(y * width + x) * CHANNELS + c] =
                    (uint8_t)(wick_rng_below(rng, 90) + (distance == 0 ? 150 : 0));
        }
}

wick_data *tiny_data(uint64_t seed) {
    return tiny_data_of(seed, SIDE, SIDE);
}

wick_data *tiny_data_of(uint64_t seed, int height, int width) {
    int pixels = height * width * CHANNELS;
    static const char *names[CLASSES] = {"level", "upright", "oblique"};
    static const int sizes[WICK_SPLITS] = {90, 30, 30};
    wick_data *data = wick_xalloc(sizeof *data);
    *data = (wick_data){.spec = "tiny",
                        .height = height,
                        .width = width,
                        .channels = CHANNELS,
                        .n_classes = CLASSES,
                        .class_names = names,
                        .arena = wick_arena_new()};
    wick_rng rng = wick_rng_seed(seed, 0);
    for (int s = 0; s < WICK_SPLITS; s++) {
        wick_images *images = &data->split[s];
        images->n = sizes[s];
        images->pixels = wick_xalloc((size_t)(images->n * pixels));
        images->labels = wick_xalloc((size_t)images->n * sizeof *images->labels);
        for (int i = 0; i < images->n; i++) {
            images->labels[i] = (uint16_t)(i % CLASSES);
            draw(&rng, i % CLASSES, height, width, images->pixels + (size_t)i * (size_t)pixels);
        }
    }
    data->hash = wick_hash_bytes(data->split[0].pixels, (size_t)(sizes[0] * pixels));
    return data;
}

wick_graph *tiny_family(bool shared, bool batch_norm) {
    return tiny_family_of("tiny_family.json", shared, batch_norm);
}

wick_graph *tiny_family_of(const char *recipe, bool shared, bool batch_norm) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", WICK_TEST_DATA, recipe);
    wick_recipe_options options = wick_recipe_defaults();
    options.height = options.width_px = SIDE;
    options.channels = CHANNELS;
    options.classes = CLASSES;
    options.shared = shared;
    options.batch_norm = batch_norm;
    options.seed = 5;
    wick_diag diag = {0};
    wick_graph *graph = NULL;
    wick_status status = wick_recipe_build(path, &options, &graph, &diag);
    wick_diag_print(&diag, stdout);
    assert_int_equal(status, WICK_OK);
    return graph;
}

wick_train_options tiny_options(wick_strategy strategy) {
    wick_train_options options = wick_train_defaults();
    options.strategy = strategy;
    options.epochs = 3;
    options.batch = 16;
    options.learning_rate = 0.05;
    options.threads = 1;
    options.quiet = true;
    return options;
}

bool same_weights(const wick_graph *a, const wick_graph *b) {
    int shared = 0;
    for (int t = 0; t < a->n_tensors; t++) {
        const wick_tensor *x = &a->tensors[t];
        int other = x->data && x->dtype == WICK_F32 ? wick_graph_find(b, x->name) : -1;
        if (other < 0)
            continue;
        shared++;
        assert_true(wick_shape_equal(x->shape, b->tensors[other].shape));
        if (memcmp(x->data, b->tensors[other].data,
                   (size_t)wick_shape_count(x->shape) * sizeof(float)))
            return false;
    }
    assert_true(shared > 0);
    return true;
}
