#include "base/rng.h"

#include <math.h>

static uint64_t splitmix64(uint64_t *x) {
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, int k) {
    return (x << k) | (x >> (64 - k));
}

wick_rng wick_rng_seed(uint64_t seed, uint64_t stream) {
    uint64_t mix = stream, x = seed ^ splitmix64(&mix);
    wick_rng rng;
    for (int i = 0; i < 4; i++)
        rng.s[i] = splitmix64(&x);
    return rng;
}

uint64_t wick_rng_next(wick_rng *rng) {
    uint64_t *s = rng->s, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint32_t wick_rng_below(wick_rng *rng, uint32_t n) {
    /* Lemire's multiply-shift with rejection. */
    uint64_t m = (wick_rng_next(rng) >> 32) * n;
    if ((uint32_t)m < n) {
        uint32_t threshold = (0u - n) % n;
        while ((uint32_t)m < threshold)
            m = (wick_rng_next(rng) >> 32) * n;
    }
    return (uint32_t)(m >> 32);
}

float wick_rng_uniform(wick_rng *rng) {
    return (float)(wick_rng_next(rng) >> 40) * 0x1p-24f;
}

double wick_rng_uniform_double(wick_rng *rng) {
    return (double)(wick_rng_next(rng) >> 11) * 0x1p-53;
}

float wick_rng_normal(wick_rng *rng) {
    double u = 1.0 - wick_rng_uniform_double(rng), v = wick_rng_uniform_double(rng);
    return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}

void wick_rng_shuffle(wick_rng *rng, uint32_t *values, size_t n) {
    for (size_t i = n; i > 1; i--) {
        uint32_t j = wick_rng_below(rng, (uint32_t)i), t = values[i - 1];
        values[i - 1] = values[j];
        values[j] = t;
    }
}
