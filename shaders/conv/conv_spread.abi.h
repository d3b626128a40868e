// SPDX-License-Identifier: MIT
#ifndef LAT_CONV_SPREAD_ABI_H
#define LAT_CONV_SPREAD_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(conv_spread_push)
    LAT_U32 n_images;
    LAT_U32 n_channels;
    LAT_U32 planes_y;    // remainders of rows and columns that have a plane
    LAT_U32 planes_x;
    LAT_U32 rows;        // of a plane
    LAT_U32 columns;
    LAT_U32 src_offset;  // elements from the start of the binding
    LAT_U32 src_h;
    LAT_U32 src_w;
    LAT_I32 lo_y;        // source row of row 0 of plane 0
    LAT_I32 lo_x;
    LAT_U32 step_y;
    LAT_U32 step_x;
    LAT_U32 image;       // strides of the copy
    LAT_U32 channel;
    LAT_U32 plane_y;
    LAT_U32 plane_x;
    LAT_U32 row;
    LAT_U32 column;
    LAT_U32 tail;        // elements after all planes, to be 0
    LAT_U32 tail_at;
LAT_PUSH_END

#endif
