// SPDX-License-Identifier: MIT
#ifndef LAT_ZERO_ABI_H
#define LAT_ZERO_ABI_H
#include "common/abi.h"

#define LAT_ZERO_RUN 64  // words per invocation

LAT_PUSH_BEGIN(zero_push)
    LAT_U32 n;  // words
LAT_PUSH_END

#endif
