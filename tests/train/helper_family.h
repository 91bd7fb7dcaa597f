/* A family and a data set that train in milliseconds, for the tests of strategies and states. */
#ifndef WICK_HELPER_FAMILY_H
#define WICK_HELPER_FAMILY_H

#include "data/data.h"
#include "graph/graph.h"
#include "train/train.h"

/* 8 x 8 images of two channels in three classes: a bright bar, level, upright or oblique, in noise;
   90 training (not a multiple of the batch of 16), 30 validation and 30 test images. Free with
   wick_data_free. */
wick_data *tiny_data(uint64_t seed);
/* The same of another size, at least 8 x 8. */
wick_data *tiny_data_of(uint64_t seed, int height, int width);

/* data/tiny_family.json for that data. */
wick_graph *tiny_family(bool shared, bool batch_norm);
/* Another recipe in data/. */
wick_graph *tiny_family_of(const char *recipe, bool shared, bool batch_norm);

/* Quiet, batch 16, 3 epochs, one thread, no checkpoint. */
wick_train_options tiny_options(wick_strategy strategy);

/* True when all float constants that both graphs have by name are the same bits; fails the test
   when they share none. */
bool same_weights(const wick_graph *a, const wick_graph *b);

#endif
