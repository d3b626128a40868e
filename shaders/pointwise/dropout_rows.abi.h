// SPDX-License-Identifier: MIT
#ifndef LAT_DROPOUT_ROWS_ABI_H
#define LAT_DROPOUT_ROWS_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(dropout_rows_push)
    LAT_U32 n;          // elements of this dispatch
    LAT_U32 element0;   // number of the first one, when the work was cut
    LAT_U32 row_magic;  // divides by the elements of a row
    LAT_U32 row_shift;
    LAT_U32 op;         // number of this random op in its step
    LAT_U32 threshold;  // keep where the random word is at least this
    LAT_F32 scale;      // 1 / (1 - p)
LAT_PUSH_END

#endif
