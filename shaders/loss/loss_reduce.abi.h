// SPDX-License-Identifier: MIT
#ifndef LAT_LOSS_REDUCE_ABI_H
#define LAT_LOSS_REDUCE_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(loss_reduce_push)
    LAT_U32 n_rows;      // 1: common/row.glsl wants a matrix
    LAT_U32 n_cols;      // values to add
    LAT_U32 has_shares;  // divide by the sum of shares; 0 = multiply by factor
    LAT_F32 factor;
LAT_PUSH_END

#endif
