// SPDX-License-Identifier: MIT
#ifndef LAT_TOKEN_SORT_ABI_H
#define LAT_TOKEN_SORT_ABI_H
#include "common/abi.h"

#define LAT_SORT_SCAN 256    // invocations of the scan

LAT_PUSH_BEGIN(token_sort_push)
    LAT_U32 n;               // keys
    LAT_U32 run_length;      // keys per invocation
    LAT_U32 n_runs;          // ceil(n / run_length)
    LAT_U32 n_digits;        // of a pass, a power of two
    LAT_U32 shift;           // of the pass's digit in the key
    LAT_U32 from_index;      // first pass: keys come from the index, positions count up
    LAT_U32 vocab;           // key of tokens that are left out: larger than every id
    LAT_I32 padding_idx;     // tokens with this id are left out; < 0 none
LAT_PUSH_END

#endif
