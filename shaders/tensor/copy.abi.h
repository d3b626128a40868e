// SPDX-License-Identifier: MIT
#ifndef LAT_COPY_ABI_H
#define LAT_COPY_ABI_H
#include "common/abi.h"

#define LAT_COPY_MAX_RANK 6

// copy and copy_quads: what is counted are elements or quads.
LAT_PUSH_BEGIN(copy_push)
    LAT_U32 n;
    LAT_U32 src_offset;      // from the start of the binding
    LAT_U32 dst_offset;
    LAT_U32 shifts;          // 5 bits for each dimension, to divide by its size: common/divide.glsl
    LAT_U32 size[6];         // slowest first; RANK of them count
    LAT_U32 magic[6];
    LAT_U32 src_stride[6];   // 0 = repeated
    LAT_U32 dst_stride[6];
LAT_PUSH_END

#endif
