// SPDX-License-Identifier: MIT
#ifndef LAT_WHERE_ABI_H
#define LAT_WHERE_ABI_H
#include "common/abi.h"

#define LAT_WHERE_PER_THREAD 4
#define LAT_WHERE_MAX_RANK 6  // three operands of rank 8 would not fit into 128 bytes

LAT_PUSH_BEGIN(where_push)
    LAT_U32 n;
    LAT_U32 rank;
    LAT_U32 offset_cond;
    LAT_U32 offset_a;
    LAT_U32 offset_b;
    LAT_U32 dims[LAT_WHERE_MAX_RANK];
    LAT_U32 stride_cond[LAT_WHERE_MAX_RANK];
    LAT_U32 stride_a[LAT_WHERE_MAX_RANK];
    LAT_U32 stride_b[LAT_WHERE_MAX_RANK];
LAT_PUSH_END

#endif
