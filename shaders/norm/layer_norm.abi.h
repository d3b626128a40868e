// SPDX-License-Identifier: MIT
//
// Push block of layer_norm, rms_norm, dropout_add_layer_norm and embed_layer_norm; all their kernels share
// one.
#ifndef LAT_LAYER_NORM_ABI_H
#define LAT_LAYER_NORM_ABI_H
#include "common/abi.h"

#define LAT_NORM_WEIGHT 1u   // weight is given
#define LAT_NORM_BIAS 2u
#define LAT_NORM_STATS 4u    // forward: keep mean and rstd (and h) for backward
#define LAT_NORM_DX 8u       // backward: write the gradient of x
#define LAT_NORM_DRES 16u    // and of residual
#define LAT_NORM_ADD_DX 32u  // add to what is there
#define LAT_NORM_ADD_DRES 64u
#define LAT_NORM_RMS 128u    // the mean counts as 0
#define LAT_NORM_POSITION 256u  // embed_layer_norm: the table of positions is given
#define LAT_NORM_TYPE 512u      // and that of types
#define LAT_NORM_TYPES 1024u    // and each token's type; else it is 0
#define LAT_NORM_DWEIGHT 2048u  // backward: make the gradient of weight
#define LAT_NORM_DBIAS 4096u
#define LAT_NORM_ADD_DWEIGHT 8192u  // add to what is there
#define LAT_NORM_ADD_DBIAS 16384u
#define LAT_NORM_NORMALISED 32768u  // h was kept instead of v

// The cpu strategy's addresses of tensors: those of forward, and of backward.
#define LAT_NORM_FWD_X 0
#define LAT_NORM_FWD_WEIGHT 1
#define LAT_NORM_FWD_BIAS 2
#define LAT_NORM_FWD_RESIDUAL 3
#define LAT_NORM_FWD_POSITION 3
#define LAT_NORM_FWD_TYPE 4
#define LAT_NORM_BWD_SAVED 0
#define LAT_NORM_BWD_WEIGHT 1
#define LAT_NORM_BWD_DY 2
#define LAT_NORM_BWD_DX 3
#define LAT_NORM_BWD_DRES 4
#define LAT_NORM_ADDRESSES 5

LAT_PUSH_BEGIN(layer_norm_push)
    LAT_U32 n_rows;     // of this dispatch; where blocks are counted, of the whole matrix
    LAT_U32 n_cols;     // length of the normalised dimension
    LAT_U32 row0;       // first row of this dispatch
    LAT_U32 flags;
    LAT_F32 eps;
    LAT_U32 drop_below; // a random word below it drops the element; 0 = no dropout
    LAT_F32 keep_scale; // 1 / (1 - p)
    LAT_U32 op;         // number of the op in the random stream
    LAT_U32 address[10]; // two words each
    LAT_U32 vocab;      // embed_layer_norm: rows of the table of words
    LAT_U32 n_types;    // and of that of types
    LAT_U32 n_tokens;   // of a sequence
    LAT_U32 n_blocks;         // sums over rows: blocks of rows of this dispatch
    LAT_U32 block0;           // first block of this dispatch
    LAT_U32 rows_per_block;
    LAT_U32 groups_per_block; // workgroups side by side that cover n_cols
    LAT_U32 strip;            // columns of each, cpu strategy
LAT_PUSH_END

#endif
