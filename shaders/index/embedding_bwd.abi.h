// SPDX-License-Identifier: MIT
#ifndef LAT_EMBEDDING_BWD_ABI_H
#define LAT_EMBEDDING_BWD_ABI_H
#include "common/abi.h"

#define LAT_EMBEDDING_CHUNK 32  // sorted tokens per workgroup

LAT_PUSH_BEGIN(embedding_bwd_push)
    LAT_U32 n_tokens;
    LAT_U32 n_chunks;         // ceil(n_tokens / LAT_EMBEDDING_CHUNK)
    LAT_U32 groups_per_chunk; // workgroups side by side that cover the columns
    LAT_U32 n_cols;
    LAT_U32 vocab;            // keys from here on are tokens without a gradient
    LAT_U32 slice0;           // first row of the gradient that is bound
    LAT_U32 slice_rows;
    LAT_U32 accumulate;       // add to what is there
    LAT_U32 dy_address[2];    // cpu strategy
    LAT_U32 dw_address[2];
LAT_PUSH_END

#endif
