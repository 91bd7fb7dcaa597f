/* Which magnitude separates what stays from what goes: a radix selection over the bits of |w|,
   whose order as integers is that of the numbers. Two passes of 16 bits. Groups go through it by
   their norms. */
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

static size_t place_of(const wick_sparse_array *array, size_t row, size_t i) {
    size_t at = row * array->inputs * array->taps + i;
    return array->place ? array->place[at] : at;
}

/* Rows of block b. */
static size_t block_end(const wick_sparse_array *array, size_t b, size_t block) {
    return (b + 1) * block < array->rows ? (b + 1) * block : array->rows;
}

/* Norms of the groups, [blocks][inputs][taps]. */
static void measure(const float *w, const wick_sparse_array *array, size_t block, float *size) {
    size_t each = array->inputs * array->taps;
    for (size_t b = 0; b * block < array->rows; b++)
        for (size_t i = 0; i < each; i++) {
            double sum = 0;
            for (size_t r = b * block; r < block_end(array, b, block); r++) {
                double value = (double)w[place_of(array, r, i)];
                sum += value * value;
            }
            size[b * each + i] = (float)sqrt(sum);
        }
}

/* Of `count` groups, `step` apart, the `keep` largest stay as they are. */
static void keep_in_run(float *size, size_t step, size_t count, size_t keep) {
    float run[WICK_MAX_SPARSE_RUN];
    for (size_t i = 0; i < count; i++)
        run[i] = size[i * step];
    for (size_t i = 0; i < count; i++) {
        size_t before = 0;
        for (size_t j = 0; j < count; j++)
            before += run[j] > run[i] || (j < i && !(run[j] < run[i]));
        if (before >= keep)
            size[i * step] = 0;
    }
}

static void keep_in_runs(float *size, const wick_sparse_array *array, size_t blocks, size_t m,
                         double density) {
    size_t inputs = array->inputs, taps = array->taps;
    for (size_t b = 0; b < blocks; b++)
        for (size_t first = 0; first < inputs; first += m)
            for (size_t t = 0; t < taps; t++) {
                size_t count = inputs - first < m ? inputs - first : m;
                keep_in_run(size + (b * inputs + first) * taps + t, taps, count,
                            wick_sparse_count(count, density));
            }
}

void wick_sparse_impose(float *w, const wick_sparse_array *array, const wick_sparse_rule *rule,
                        double excess) {
    double target = rule->m ? (double)rule->n / rule->m : rule->density;
    double density = target + (1 - target) * excess;
    size_t block = rule->block > 1 ? (size_t)rule->block : 1, each = array->inputs * array->taps;
    if (block == 1 && !rule->m) {
        wick_sparse_keep(w, array->stored, wick_sparse_count(array->rows * each, density));
        return;
    }
    size_t blocks = (array->rows + block - 1) / block;
    float *size = wick_xalloc(wick_size_mul(blocks * each, sizeof *size));
    measure(w, array, block, size);
    if (rule->m)
        keep_in_runs(size, array, blocks, (size_t)rule->m, density);
    else
        wick_sparse_keep(size, blocks * each, wick_sparse_count(blocks * each, density));
    for (size_t r = 0; r < array->rows; r++)
        for (size_t i = 0; i < each; i++)
            if (!(size[r / block * each + i] > 0))
                w[place_of(array, r, i)] = 0;
    free(size);
}
