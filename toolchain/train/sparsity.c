/* Which magnitude separates what stays from what goes: a radix selection over the bits of |w|,
   whose order as integers is that of the numbers. Two passes of 16 bits. */
#include "train/sparsity.h"

#include "base/base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 65536 };

static uint32_t magnitude(float w) {
    uint32_t bits;
    memcpy(&bits, &w, sizeof bits);
    return bits & 0x7fffffffu;
}

/* The bucket in which the `rank`-th largest lies (1-based), and its rank among those of the bucket.
 */
static uint32_t find_bucket(const size_t *buckets, size_t *rank) {
    uint32_t b = BUCKETS;
    size_t above = 0;
    do {
        b--;
        if (above + buckets[b] >= *rank)
            break;
        above += buckets[b];
    } while (b > 0);
    *rank -= above;
    return b;
}

/* Magnitude of the `keep`-th largest; *ties receives how many of exactly that magnitude stay. */
static uint32_t threshold(const float *w, size_t count, size_t keep, size_t *ties) {
    size_t *buckets = wick_xalloc(BUCKETS * sizeof *buckets);
    for (size_t i = 0; i < count; i++)
        buckets[magnitude(w[i]) >> 16]++;
    uint32_t high = find_bucket(buckets, &keep);
    memset(buckets, 0, BUCKETS * sizeof *buckets);
    for (size_t i = 0; i < count; i++)
        if (magnitude(w[i]) >> 16 == high)
            buckets[magnitude(w[i]) & 0xffffu]++;
    uint32_t low = find_bucket(buckets, &keep);
    free(buckets);
    *ties = keep;
    return high << 16 | low;
}

void wick_sparse_keep(float *w, size_t count, size_t keep) {
    if (keep >= count)
        return;
    if (keep == 0) {
        memset(w, 0, count * sizeof *w);
        return;
    }
    size_t ties;
    uint32_t border = threshold(w, count, keep, &ties);
    for (size_t i = 0; i < count; i++) {
        uint32_t size = magnitude(w[i]);
        if (size < border || (size == border && ties == 0))
            w[i] = 0;
        else if (size == border)
            ties--;
    }
}

size_t wick_sparse_count(size_t count, double density) {
    return (size_t)ceil((double)count * density * (1 - 1e-12)); /* 30 * 0.1 is 3 */
}
