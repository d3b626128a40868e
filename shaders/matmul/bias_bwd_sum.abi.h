// SPDX-License-Identifier: MIT
#ifndef LAT_BIAS_BWD_SUM_ABI_H
#define LAT_BIAS_BWD_SUM_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(bias_bwd_sum_push)
    LAT_U32 n_runs;
    LAT_U32 n;           // columns
    LAT_U32 accumulate;  // 1: add to what dbias holds
LAT_PUSH_END

#endif
