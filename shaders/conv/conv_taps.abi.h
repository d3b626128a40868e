// SPDX-License-Identifier: MIT
#ifndef LAT_CONV_TAPS_ABI_H
#define LAT_CONV_TAPS_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(conv_taps_push)
    LAT_U32 n_groups;
    LAT_U32 m;
    LAT_U32 q;
    LAT_U32 out_offset;  // elements from the start of the binding
    LAT_U32 w_base;      // strides of dw: the first tap
    LAT_U32 w_group;
    LAT_U32 w_ty;
    LAT_U32 w_tx;
    LAT_U32 w_m;
    LAT_U32 w_q;
LAT_PUSH_END

#endif
