// SPDX-License-Identifier: MIT
//
// Every epoch has a random stream of its own, numbered by the epoch; the upper half of the
// number says "order of rows", so that no other use of the seed meets it.

#include "base/rng.h"
#include "data/sampler.h"

#define ORDER_STREAM ((uint64_t) 0x6F726472 << 32)

void lat_sampler_order(uint64_t seed, uint64_t epoch, bool shuffle, uint32_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t) i;
    struct lat_rng rng = { .seed = seed, .stream = ORDER_STREAM ^ epoch };
    if (shuffle)
        lat_rng_shuffle(&rng, order, n);
}
