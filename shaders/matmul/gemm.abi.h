// SPDX-License-Identifier: MIT
#ifndef LAT_GEMM_ABI_H
#define LAT_GEMM_ABI_H
#include "common/abi.h"
#include "matmul/gemm_epilogue.h"
#include "matmul/gemm_shares.h"

LAT_PUSH_BEGIN(gemm_push)
    LAT_U32 m;
    LAT_U32 n;
    LAT_U32 k;
    LAT_U32 a_offset;    // elements from the start of the binding
    LAT_U32 b_offset;
    LAT_U32 out_offset;
    LAT_U32 beside_offset;  // of beside or of pre, whichever is there
    LAT_U32 a_row;       // strides in elements: of m
    LAT_U32 a_col;       // of k
    LAT_U32 b_row;       // of k
    LAT_U32 b_col;       // of n
    LAT_U32 out_row;     // of m; columns of out are contiguous
    LAT_U32 n_inner;     // size of the inner batch dimension
    LAT_U32 a_outer;     // strides of the two batch dimensions; 0 = broadcast
    LAT_U32 a_inner;
    LAT_U32 b_outer;
    LAT_U32 b_inner;
    LAT_U32 out_batch;   // of a matrix of out
    LAT_U32 tiles_m;
    LAT_U32 tiles_n;
    LAT_U32 column_group;  // column tiles side by side
    LAT_U32 first_tile;  // of this dispatch
    LAT_U32 n_tiles;
    LAT_U32 n_shares;    // workgroups that share them; else each has a tile
    LAT_F32 scale;
    LAT_U32 a_address0;  // device addresses of a and b; only the cpu strategy reads them
    LAT_U32 a_address1;
    LAT_U32 b_address0;
    LAT_U32 b_address1;
LAT_PUSH_END

#endif
