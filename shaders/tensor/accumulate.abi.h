// SPDX-License-Identifier: MIT
#ifndef LAT_ACCUMULATE_ABI_H
#define LAT_ACCUMULATE_ABI_H
#include "common/abi.h"

#define LAT_ACCUMULATE_RUN 16  // elements per invocation

LAT_PUSH_BEGIN(accumulate_push)
    LAT_U32 n;             // elements
    LAT_U32 a_address[2];  // cpu strategy
    LAT_U32 b_address[2];
LAT_PUSH_END

#endif
