// SPDX-License-Identifier: MIT
#ifndef LAT_LAYER_NORM_COLS_ABI_H
#define LAT_LAYER_NORM_COLS_ABI_H
#include "common/abi.h"

#define LAT_NORM_ADD_DWEIGHT 1u  // add to what is there
#define LAT_NORM_ADD_DBIAS 2u
#define LAT_NORM_DWEIGHT 4u      // wanted
#define LAT_NORM_DBIAS 8u

LAT_PUSH_BEGIN(layer_norm_cols_push)
    LAT_U32 n_blocks;         // of rows, of this dispatch
    LAT_U32 block0;           // first block of this dispatch
    LAT_U32 n_rows;           // of the whole matrix
    LAT_U32 n_cols;
    LAT_U32 rows_per_block;
    LAT_U32 groups_per_block; // workgroups side by side that cover n_cols
    LAT_U32 flags;
    LAT_U32 v_address[2];     // cpu strategy
    LAT_U32 dy_address[2];
LAT_PUSH_END

#endif
