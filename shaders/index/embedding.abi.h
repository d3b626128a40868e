// SPDX-License-Identifier: MIT
//
// Push blocks of the embedding kernels. Tables longer than a device lets a shader see are bound in
// slices of whole vocabulary rows.
#ifndef LAT_EMBEDDING_ABI_H
#define LAT_EMBEDDING_ABI_H
#include "common/abi.h"

#define LAT_EMBEDDING_LANES 32  // invocations per token in the gather

LAT_PUSH_BEGIN(embedding_push)
    LAT_U32 n_tokens;     // of this dispatch
    LAT_U32 n_cols;
    LAT_U32 vocab;        // rows of the whole table
    LAT_U32 slice0;       // first table row that is bound
    LAT_U32 slice_rows;
    LAT_U32 w_address[2]; // cpu strategy
LAT_PUSH_END

#endif
