// SPDX-License-Identifier: MIT
#ifndef LAT_SOFTMAX_ABI_H
#define LAT_SOFTMAX_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(softmax_push)
    LAT_U32 n_rows;  // product of all dimensions except the last
    LAT_U32 n_cols;  // length of the normalised dimension
    LAT_U32 address[4];  // cpu strategy: two words for each tensor that is read
LAT_PUSH_END

#endif
