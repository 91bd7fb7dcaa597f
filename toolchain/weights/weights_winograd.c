/* G g G^T, the transformation of the weights for Winograd. */
#include "weights/weights_winograd.h"

/* Row `row` of G times g. */
static int32_t times_g(const int32_t g[3], uint32_t row) {
    switch (row) {
    case 0:
        return 2 * g[0];
    case 1:
        return g[0] + g[1] + g[2];
    case 2:
        return g[0] - g[1] + g[2];
    default:
        return 2 * g[2];
    }
}

int32_t wick_weights_winograd(const wick_layer *layer, uint32_t c, uint32_t i, uint32_t point) {
    if (c >= layer->out_c || i >= layer->in_c)
        return 0;
    int32_t columns[3];
    for (uint32_t kx = 0; kx < 3; kx++) {
        int32_t g[3];
        for (uint32_t ky = 0; ky < 3; ky++)
            g[ky] = layer->weights[((c * 3 + ky) * 3 + kx) * layer->in_c + i];
        columns[kx] = times_g(g, point / 4);
    }
    return times_g(columns, point % 4);
}
