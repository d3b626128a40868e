// SPDX-License-Identifier: MIT
#ifndef LAT_COPY_ABI_H
#define LAT_COPY_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(copy_push)
    LAT_U32 n;              // elements
    LAT_U32 src_offset;     // elements from the start of the binding
    LAT_U32 dst_offset;
    LAT_U32 size[8];        // slowest first; RANK of them count
    LAT_U32 src_stride[8];  // elements; 0 = repeated
    LAT_U32 dst_stride[8];
LAT_PUSH_END

#endif
