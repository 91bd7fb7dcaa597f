/* Random numbers: xoshiro256** seeded by splitmix64 (Blackman and Vigna, 2018). The state is plain
   data: save it, and the sequence goes on bit-exactly. */
#ifndef WICK_RNG_H
#define WICK_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct wick_rng {
    uint64_t s[4];
} wick_rng;

/* A stream for (seed, stream): different streams of one seed are independent. */
wick_rng wick_rng_seed(uint64_t seed, uint64_t stream);
uint64_t wick_rng_next(wick_rng *rng);
/* Uniform in [0, n), n >= 1, without bias. */
uint32_t wick_rng_below(wick_rng *rng, uint32_t n);
/* Uniform in [0, 1). */
float wick_rng_uniform(wick_rng *rng);
double wick_rng_uniform_double(wick_rng *rng);
/* Standard normal (Box-Muller, one value a call, no hidden state). */
float wick_rng_normal(wick_rng *rng);
/* Fisher-Yates. */
void wick_rng_shuffle(wick_rng *rng, uint32_t *values, size_t n);

#endif
