// SPDX-License-Identifier: MIT
#ifndef LAT_CROSS_ENTROPY_ABI_H
#define LAT_CROSS_ENTROPY_ABI_H
#include "common/abi.h"

#define LAT_CE_WEIGHTS 1u       // class weights are given
#define LAT_CE_PER_ROW 2u       // no reduction: the gradient of the result is [N]
#define LAT_CE_MEAN 4u          // divide by the weights of the labels
#define LAT_CE_KEEP 8u          // forward: keep what backward needs

LAT_PUSH_BEGIN(cross_entropy_push)
    LAT_U32 n_rows;             // of this dispatch
    LAT_U32 n_cols;             // classes
    LAT_I32 ignore_index;
    LAT_U32 flags;
    LAT_F32 smoothing;
LAT_PUSH_END

#endif
