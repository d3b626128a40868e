// SPDX-License-Identifier: MIT
#ifndef LAT_COPY_TRANSPOSE_ABI_H
#define LAT_COPY_TRANSPOSE_ABI_H
#include "common/abi.h"

#define LAT_TRANSPOSE_TILE 16       // quads along each side of a workgroup's tile
#define LAT_TRANSPOSE_MAX_BATCH 4

// a is the dimension along which src lies together, b the one along which dst does. Counts, offsets
// and strides in quads.
LAT_PUSH_BEGIN(copy_transpose_push)
    LAT_U32 n_a;
    LAT_U32 n_b;
    LAT_U32 src_offset;
    LAT_U32 dst_offset;
    LAT_U32 src_stride_b;      // to the next element along b
    LAT_U32 dst_stride_a;
    LAT_U32 batch[4];          // sizes of the other dimensions, slowest first; 1 = none
    LAT_U32 src_stride[4];
    LAT_U32 dst_stride[4];
LAT_PUSH_END

#endif
