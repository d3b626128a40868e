// SPDX-License-Identifier: MIT
#ifndef LAT_ATTENTION_MASK_ABI_H
#define LAT_ATTENTION_MASK_ABI_H
#include "common/abi.h"

// Bits of what: the kinds of mask that are joined.
#define LAT_ATTENTION_MASK_ADDED 1u
#define LAT_ATTENTION_MASK_LENGTHS 2u
#define LAT_ATTENTION_MASK_CAUSAL 4u
#define LAT_ATTENTION_MASK_WINDOW 8u
#define LAT_ATTENTION_MASK_ALIBI 16u
#define LAT_ATTENTION_MASK_HIDES 32u  // the added mask only hides; its values are added elsewhere

LAT_PUSH_BEGIN(attention_mask_push)
    LAT_U32 n;               // elements of the result
    LAT_U32 what;
    LAT_U32 n_heads;         // the result is [batches, n_heads, n_rows, n_keys]
    LAT_U32 n_rows;
    LAT_U32 n_keys;
    LAT_U32 shift;           // S - T as a signed number: query t stands at key t + shift
    LAT_U32 window;
    LAT_U32 mask_offset;
    LAT_U32 mask_stride[3];  // of batch, head and row of the added mask; 0 = broadcast
LAT_PUSH_END

#endif
