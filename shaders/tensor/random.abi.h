// SPDX-License-Identifier: MIT
#ifndef LAT_RANDOM_ABI_H
#define LAT_RANDOM_ABI_H
#include "common/abi.h"

// Values of the specialisation constant KIND of random.comp.
#define LAT_RANDOM_UNIFORM 0
#define LAT_RANDOM_NORMAL 1
#define LAT_RANDOM_TRUNC_NORMAL 2
#define LAT_RANDOM_BERNOULLI 3

LAT_PUSH_BEGIN(random_push)
    LAT_U32 n_counters;  // of this dispatch; each gives 4 elements
    LAT_U32 first;       // counter of the first
    LAT_U32 n;           // elements of the whole tensor
    LAT_U32 op;          // third word of the counter
    LAT_U32 threshold;   // bernoulli: 1 below it
    LAT_F32 offset;      // uniform: lo; normal: mean
    LAT_F32 scale;       // uniform: hi - lo; normal: standard deviation
    LAT_F32 lo;          // results are cut to [lo, hi]
    LAT_F32 hi;
    LAT_F32 erf_lo;      // truncated normal: erf at lo, and how much it grows up to hi
    LAT_F32 erf_range;
LAT_PUSH_END

#endif
