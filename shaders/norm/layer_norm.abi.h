// SPDX-License-Identifier: MIT
//
// Push block of layer_norm, rms_norm, dropout_add_layer_norm and embed_layer_norm; the row kernels of all
// share one.
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
    LAT_U32 n_rows;     // of this dispatch
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
LAT_PUSH_END

#endif
