// SPDX-License-Identifier: MIT
//
// Philox-4x32-10 on the host, the same stream as shaders/common/rng.glsl.
// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
#ifndef LAT_RNG_H
#define LAT_RNG_H
#include <stddef.h>
#include <stdint.h>

// The four words at counter, under key.
void lat_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);
// The key of a step, as the shaders derive it from seed and step.
void lat_philox_key(uint64_t seed, uint64_t step, uint32_t key[2]);
// Uniform in [0, 1) with 24 bits, as the shaders do it: (word >> 8) * 2^-24.
float lat_philox_uniform(uint32_t word);

// A sequential generator for the host (shuffling, initial values in tests).
struct lat_rng {
    uint64_t seed, stream, position;
};
uint32_t lat_rng_u32(struct lat_rng *r);
uint64_t lat_rng_below(struct lat_rng *r, uint64_t n);  // unbiased, n > 0
double lat_rng_uniform(struct lat_rng *r);              // [0, 1), 53 bits
double lat_rng_normal(struct lat_rng *r);
void lat_rng_shuffle(struct lat_rng *r, uint32_t *items, size_t n);  // Fisher-Yates

#endif
