// SPDX-License-Identifier: MIT
//
// Philox-4x32-10: ten rounds of two 32x32 -> 64 bit products mix a 128-bit counter
// under a 64-bit key. There is no state: any number of the stream can be had at once,
// so masks are recomputed instead of stored and a resumed run continues exactly.
// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 4.

#include <math.h>
#include <stddef.h>
#include "base/rng.h"

void lat_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    const uint32_t mul0 = 0xD2511F53u, mul1 = 0xCD9E8D57u;
    const uint32_t weyl0 = 0x9E3779B9u, weyl1 = 0xBB67AE85u;
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t) mul0 * c0;
        uint64_t p1 = (uint64_t) mul1 * c2;
        c0 = (uint32_t) (p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t) p1;
        c2 = (uint32_t) (p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t) p0;
        k0 += weyl0;
        k1 += weyl1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

// All 128 bits of seed and step enter, and neighbours in either give different keys
// as long as both stay below 2^32 (seeds above it only overlap with steps above it).
void lat_philox_key(uint64_t seed, uint64_t step, uint32_t key[2])
{
    uint32_t seed_high = (uint32_t) (seed >> 32);
    key[0] = (uint32_t) seed ^ (uint32_t) (step >> 32);
    key[1] = (uint32_t) step ^ (seed_high << 16 | seed_high >> 16);
}

float lat_philox_uniform(uint32_t word)
{
    return (float) (word >> 8) * 0x1p-24f;
}

uint32_t lat_rng_u32(struct lat_rng *r)
{
    uint64_t block = r->position / 4;
    const uint32_t key[2] = { (uint32_t) r->seed, (uint32_t) (r->seed >> 32) };
    const uint32_t counter[4] = {
        (uint32_t) block,
        (uint32_t) (block >> 32),
        (uint32_t) r->stream,
        (uint32_t) (r->stream >> 32),
    };
    uint32_t words[4];
    lat_philox(key, counter, words);
    return words[r->position++ % 4];
}

static uint64_t next_u64(struct lat_rng *r)
{
    uint64_t low = lat_rng_u32(r);
    return low | (uint64_t) lat_rng_u32(r) << 32;
}

uint64_t lat_rng_below(struct lat_rng *r, uint64_t n)
{
    // The lowest 2^64 mod n values are drawn again, so every remainder is equally likely.
    uint64_t too_low = (0 - n) % n;
    uint64_t v;
    do
        v = next_u64(r);
    while (v < too_low);
    return v % n;
}

double lat_rng_uniform(struct lat_rng *r)
{
    return (double) (next_u64(r) >> 11) * 0x1p-53;
}

double lat_rng_normal(struct lat_rng *r)
{
    const double two_pi = 6.283185307179586;
    double u = 1.0 - lat_rng_uniform(r);  // (0, 1]: log stays finite
    double v = lat_rng_uniform(r);
    return sqrt(-2.0 * log(u)) * cos(two_pi * v);
}

void lat_rng_shuffle(struct lat_rng *r, uint32_t *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t) lat_rng_below(r, i);
        uint32_t t = items[i - 1];
        items[i - 1] = items[j];
        items[j] = t;
    }
}
