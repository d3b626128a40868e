// SPDX-License-Identifier: MIT
#ifndef LAT_GEMM_PACK_ABI_H
#define LAT_GEMM_PACK_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(gemm_pack_push)
    LAT_U32 n_x;         // rows of A, columns of B
    LAT_U32 n_k;
    LAT_U32 x_stride;    // in elements; one of the two is 1
    LAT_U32 k_stride;
    LAT_U32 offset;      // elements from the start of the binding
    LAT_U32 n_inner;     // size of the inner batch dimension
    LAT_U32 outer;       // strides of the two batch dimensions
    LAT_U32 inner;
    LAT_U32 n_panels;    // of a matrix
    LAT_U32 n_chunks;    // of a panel
    LAT_U32 n_groups;    // n_chunks * n_panels * batches
    LAT_U32 address0;    // device address of the matrices
    LAT_U32 address1;
LAT_PUSH_END

#endif
