// SPDX-License-Identifier: MIT
//
// The order in which an epoch visits the rows.
#ifndef LAT_SAMPLER_H
#define LAT_SAMPLER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Fills order[n] with 0 .. n - 1, shuffled from seed and epoch alone, so that a resumed run finds
// the order of its epoch again without knowing the ones before.
void lat_sampler_order(uint64_t seed, uint64_t epoch, bool shuffle, uint32_t *order, size_t n);

#endif
