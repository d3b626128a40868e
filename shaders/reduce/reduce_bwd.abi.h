// SPDX-License-Identifier: MIT
#ifndef LAT_REDUCE_BWD_ABI_H
#define LAT_REDUCE_BWD_ABI_H
#include "common/abi.h"

// What to compute, a specialisation constant; j is the element of the result that x[i] went into.
#define LAT_REDUCE_BWD_SPREAD 0  // dx[i] = scale dy[j]                  of sum and mean
#define LAT_REDUCE_BWD_NORM 1    // dx[i] = dy[j] x[i] / y[j]
#define LAT_REDUCE_BWD_TIES 2    // dx[i] = 1 where x[i] is the largest: a mask
#define LAT_REDUCE_BWD_MAX 3     // dx[i] = x[i] dy[j] / count[j], with that mask as x

#define LAT_REDUCE_BWD_PER_THREAD 4

LAT_PUSH_BEGIN(reduce_bwd_push)
    LAT_U32 n;
    LAT_U32 rank;
    LAT_F32 scale;
    LAT_U32 dims[8];    // of x
    LAT_U32 stride[8];  // of the result along them, 0 where reduced
LAT_PUSH_END

#endif
