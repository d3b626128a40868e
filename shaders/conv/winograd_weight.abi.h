// SPDX-License-Identifier: MIT
#ifndef LAT_WINOGRAD_WEIGHT_ABI_H
#define LAT_WINOGRAD_WEIGHT_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(winograd_weight_push)
    LAT_U32 n_groups;  // of channels
    LAT_U32 m;
    LAT_U32 q;
    LAT_U32 a_offset;  // elements from the start of the binding
    LAT_U32 w_base;    // strides of the weight: tap (0, 0)
    LAT_U32 w_group;
    LAT_U32 w_m;
    LAT_U32 w_q;
    LAT_I32 w_ty;      // negative where the kernel is turned round
    LAT_I32 w_tx;
LAT_PUSH_END

#endif
