// SPDX-License-Identifier: MIT
#ifndef LAT_POOL_ABI_H
#define LAT_POOL_ABI_H
#include "common/abi.h"

// Options, a specialisation constant.
#define LAT_POOL_KEEP_INDEX 1   // max, forward: say which element it was
#define LAT_POOL_ACCUMULATE 2   // backward: add to dx
#define LAT_POOL_ADAPTIVE 4     // average: windows follow from the two sizes
#define LAT_POOL_EXCLUDE_PAD 8  // average: padding does not count
#define LAT_POOL_DIVISOR 16     // average: p.divisor instead of a count
#define LAT_POOL_REFLECT 32     // pad2d: where elements outside come from; neither = p.divisor
#define LAT_POOL_REPLICATE 64
#define LAT_POOL_BILINEAR 128   // upsample2d, else the nearest
#define LAT_POOL_CORNERS 256    // the corners of x and y are the same places

// Planes are images of one channel. An invocation has one element of what is written: of [oh, ow]
// forward, of [h, w] backward. A workgroup has rows_per_group planes, or a groups_per_row-th of one.
LAT_PUSH_BEGIN(pool_push)
    LAT_U32 n_planes;
    LAT_U32 rows_per_group;
    LAT_U32 groups_per_row;
    LAT_U32 h;  // of x
    LAT_U32 w;
    LAT_U32 oh;  // of y
    LAT_U32 ow;
    LAT_U32 pad_h;
    LAT_U32 pad_w;
    LAT_U32 plane_magic;  // divides by the elements of a plane that is written
    LAT_U32 plane_shift;
    LAT_U32 row_magic;  // divides by its width
    LAT_U32 row_shift;
    LAT_F32 divisor;  // of averages; pad2d: the value outside
    LAT_U32 x_address[2];  // cpu strategy
    LAT_U32 dy_address[2];
    LAT_U32 index_address[2];
LAT_PUSH_END

#endif
