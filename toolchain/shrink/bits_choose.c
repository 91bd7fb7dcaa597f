/* A knapsack: which layers give up bytes. Most of the bytes that can be saved are a few hundred
   thousand, so a table over them is exact and small. */
#include "shrink/bits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Least loss by bytes saved, at least so many; and which layer's choice led there. */
typedef struct knapsack {
    double *least;  /* [needed + 1]; INFINITY: not within reach */
    int64_t *saved; /* [needed + 1]: bytes saved by that choice, which may be more */
    uint8_t *taken; /* [n][needed + 1] bits: layer i is narrow in the choice of its row */
    int64_t needed;
    size_t row_bytes;
} knapsack;

static int64_t gain_of(const wick_bits_layer *layer) {
    return layer->bytes[0] - layer->bytes[1];
}

/* Row i from row i - 1; places in falling order, so each layer counts once. */
static void add_layer(knapsack *k, const wick_bits_layer *layer, int i) {
    int64_t gain = gain_of(layer);
    for (int64_t s = k->needed; s >= 0; s--) {
        int64_t from = s > gain ? s - gain : 0;
        if (s > 0 && gain <= 0)
            from = s; /* saves nothing: only if it improves the loss */
        double loss = k->least[from] + layer->loss;
        int64_t saved = k->saved[from] + gain;
        if (!(loss < k->least[s]) &&
            !(isfinite(loss) && loss <= k->least[s] && saved > k->saved[s]))
            continue;
        k->least[s] = loss;
        k->saved[s] = saved;
        k->taken[(size_t)i * k->row_bytes + (size_t)s / 8] |= (uint8_t)(1u << (s % 8));
    }
}

static void solve(wick_bits_layer *layers, int n, int64_t needed) {
    size_t places = (size_t)needed + 1;
    knapsack k = {.least = wick_xalloc(wick_size_mul(places, sizeof *k.least)),
                  .saved = wick_xalloc(wick_size_mul(places, sizeof *k.saved)),
                  .needed = needed,
                  .row_bytes = places / 8 + 1};
    k.taken = wick_xalloc(wick_size_mul((size_t)n, k.row_bytes));
    for (size_t s = 1; s < places; s++)
        k.least[s] = (double)INFINITY;
    for (int i = 0; i < n; i++)
        add_layer(&k, &layers[i], i);
    int64_t s = needed;
    for (int i = n - 1; i >= 0; i--) {
        int64_t gain = gain_of(&layers[i]);
        layers[i].narrow = k.taken[(size_t)i * k.row_bytes + (size_t)s / 8] >> (s % 8) & 1;
        if (layers[i].narrow && gain > 0)
            s = s > gain ? s - gain : 0;
    }
    free(k.least);
    free(k.saved);
    free(k.taken);
}

wick_status wick_bits_choose(wick_bits_layer *layers, int n, int64_t budget, wick_diag *diag) {
    int64_t wide = 0, most = 0;
    for (int i = 0; i < n; i++) {
        wide += layers[i].bytes[0];
        most += gain_of(&layers[i]) > 0 ? gain_of(&layers[i]) : 0;
    }
    if (wide - most > budget)
        return wick_fail(
            diag, WICK_NO_FIT, NULL, "bits",
            "take more bytes, or make the network smaller first (--channels, --separate)",
            "the weights take %lld bytes with 4 bits in every layer, the budget is %lld",
            (long long)(wide - most), (long long)budget);
    solve(layers, n, wide > budget ? wide - budget : 0);
    return WICK_OK;
}
