// SPDX-License-Identifier: MIT
#ifndef LAT_DROPOUT_ABI_H
#define LAT_DROPOUT_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(dropout_push)
    LAT_U32 n;          // elements in all
    LAT_U32 n_blocks;   // blocks of four in this dispatch
    LAT_U32 block0;     // number of the first one, when the work was cut
    LAT_U32 op;         // number of this random op in its step
    LAT_U32 threshold;  // keep where the random word is at least this
    LAT_F32 scale;      // 1 / (1 - p)
LAT_PUSH_END

#endif
