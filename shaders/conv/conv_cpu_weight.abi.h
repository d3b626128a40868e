// SPDX-License-Identifier: MIT
#ifndef LAT_CONV_CPU_WEIGHT_ABI_H
#define LAT_CONV_CPU_WEIGHT_ABI_H
#include "common/abi.h"

// The source is laid out as for conv_cpu, but with the images of a plane side by side.
LAT_PUSH_BEGIN(conv_cpu_weight_push)
    LAT_U32 m;           // source channels of a group * taps
    LAT_U32 n;           // destination channels of a group
    LAT_U32 k;           // positions, a multiple of BK
    LAT_U32 k_part;      // of a split, a multiple of BK
    LAT_U32 tiles_n;
    LAT_U32 n_groups;
    LAT_U32 src_channel;
    LAT_U32 src_row;
    LAT_U32 src_phase_y;
    LAT_U32 src_phase_x;
    LAT_U32 src_offset;  // elements from the start of the binding
    LAT_U32 dy_offset;
    LAT_U32 src_address0;
    LAT_U32 src_address1;
    LAT_U32 dy_address0;
    LAT_U32 dy_address1;
LAT_PUSH_END

#endif
