// SPDX-License-Identifier: MIT
//
// x is [n_outer, n_x, n_inner], index and y are [n_outer, n_index, n_inner].
#ifndef LAT_GATHER_ABI_H
#define LAT_GATHER_ABI_H
#include "common/abi.h"

#define LAT_GATHER_STEPS 4      // elements per invocation

LAT_PUSH_BEGIN(gather_push)
    LAT_U32 n_outer;            // of this dispatch
    LAT_U32 n_x;
    LAT_U32 n_index;
    LAT_U32 n_inner;
    LAT_U32 rows_per_group;     // outer indices per workgroup
    LAT_U32 groups_per_row;     // or workgroups per outer index
LAT_PUSH_END

#endif
