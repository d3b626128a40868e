// SPDX-License-Identifier: MIT
#ifndef LAT_BENCH_ABI_H
#define LAT_BENCH_ABI_H
#include "common/abi.h"

#define LAT_BENCH_COPY_STEPS 4  // vectors of 4 floats per invocation
#define LAT_BENCH_FMA_CHAINS 12  // independent of each other
#define LAT_BENCH_FMA_UNROLL 32

LAT_PUSH_BEGIN(bench_push)
    LAT_U32 n;  // copy: vectors; fma: rounds of UNROLL steps
LAT_PUSH_END

#endif
