// SPDX-License-Identifier: MIT
//
// Values made from names, as tests/golden/common.py makes them: FNV-1a of the name, then splitmix64. A
// golden need not store its inputs and weights then, and a wrong name shows as wrong values.

#include "harness/harness.h"

uint64_t lt_name_seed(const char *name)
{
    uint64_t h = 0xcbf29ce484222325;
    for (; *name; name++)
        h = (h ^ (unsigned char) *name) * 0x100000001b3;
    return h;
}

uint64_t lt_name_bits(uint64_t seed, int64_t i)
{
    uint64_t z = seed + (uint64_t) (i + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

double lt_name_uniform(uint64_t seed, int64_t i)
{
    return (double) (lt_name_bits(seed, i) >> 40) / 8388608 - 1;
}
