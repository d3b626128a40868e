// SPDX-License-Identifier: MIT
#ifndef LAT_ATTENTION_ABI_H
#define LAT_ATTENTION_ABI_H
#include "common/abi.h"

// Bits of OPTIONS, a specialisation constant.
#define LAT_ATTENTION_MASK 1u     // additive mask
#define LAT_ATTENTION_LENGTHS 2u  // key_lengths
#define LAT_ATTENTION_CAUSAL 4u
#define LAT_ATTENTION_DROPOUT 8u
#define LAT_ATTENTION_ALIBI 16u   // distances cost
#define LAT_ATTENTION_ADD 32u     // to the gradient of the mask, in calls after the first

LAT_PUSH_BEGIN(attention_push)
    LAT_U32 t;            // queries
    LAT_U32 s;            // keys
    LAT_U32 q_offset;     // elements from the start of the binding
    LAT_U32 k_offset;
    LAT_U32 v_offset;
    LAT_U32 mask_offset;
    LAT_U32 g_offset;     // gradient of out
    LAT_U32 q_stride[3];  // in elements, of batch, head and row; the head size is contiguous
    LAT_U32 k_stride[3];
    LAT_U32 v_stride[3];
    LAT_U32 g_stride[3];
    LAT_U32 mask_stride[3];  // 0 = broadcast
    LAT_U32 n_batch;
    LAT_U32 batch0;       // number of the first batch, where a call is cut
    LAT_F32 scale;
    LAT_U32 drop_below;   // a random word below this drops its weight
    LAT_F32 keep_factor;  // 1 / (1 - p)
    LAT_U32 op;           // of the random stream
    LAT_U32 address0;     // device addresses, for the cpu strategy only
    LAT_U32 address1;
    LAT_U32 address2;
    LAT_U32 address3;
LAT_PUSH_END

#endif
