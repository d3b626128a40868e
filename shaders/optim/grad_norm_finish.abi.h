// SPDX-License-Identifier: MIT
#ifndef LAT_GRAD_NORM_FINISH_ABI_H
#define LAT_GRAD_NORM_FINISH_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(grad_norm_finish_push)
    LAT_U32 n_rows;  // 1: common/row.glsl wants a matrix
    LAT_U32 n_cols;  // sums of squares to add
LAT_PUSH_END

#endif
