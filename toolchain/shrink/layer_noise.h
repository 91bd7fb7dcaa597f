/* Adding up how far tensors are from what they should be. Internal to toolchain/shrink. */
#ifndef WICK_LAYER_NOISE_H
#define WICK_LAYER_NOISE_H

#include "shrink/shrink.h"

/* Nothing compared yet; `name` and `shape` are those of `named`. */
wick_layer_noise layer_noise_of(const wick_tensor *named, int tensor);
/* One image's `count` values: `exact` is what should be. */
void layer_noise_add(wick_layer_noise *noise, const float *exact, const float *got, int64_t count,
                     int image);
/* Fills snr_db of all n. */
void layer_noise_finish(wick_layer_noise *noise, int n);

#endif
