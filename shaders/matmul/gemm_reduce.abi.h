// SPDX-License-Identifier: MIT
#ifndef LAT_GEMM_REDUCE_ABI_H
#define LAT_GEMM_REDUCE_ABI_H
#include "common/abi.h"
#include "matmul/gemm_epilogue.h"
#include "matmul/gemm_shares.h"

LAT_PUSH_BEGIN(gemm_reduce_push)
    LAT_U32 m;
    LAT_U32 n;
    LAT_U32 out_offset;     // elements from the start of the binding
    LAT_U32 beside_offset;  // of beside or of pre, whichever is there
    LAT_U32 out_row;
    LAT_U32 out_batch;
    LAT_U32 tiles_m;
    LAT_U32 tiles_n;
    LAT_U32 column_group;
    LAT_U32 first_tile;  // shared are this one and those behind it
    LAT_U32 n_tiles;
    LAT_U32 n_shares;
    LAT_U32 n_steps;     // of a tile
    LAT_U32 bm;          // size of a tile
    LAT_U32 bn;
    LAT_F32 scale;
LAT_PUSH_END

#endif
