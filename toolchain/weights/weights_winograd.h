/* What the packings for Winograd share. */
#ifndef WICK_WEIGHTS_WINOGRAD_H
#define WICK_WEIGHTS_WINOGRAD_H

#include "weights/weights.h"

/* One point of 16 of G g G^T for output channel c and input channel i, see wick/winograd.h; 0 where
   the layer has no such channel. */
int32_t wick_weights_winograd(const wick_layer *layer, uint32_t c, uint32_t i, uint32_t point);

#endif
