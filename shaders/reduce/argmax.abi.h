// SPDX-License-Identifier: MIT
#ifndef LAT_ARGMAX_ABI_H
#define LAT_ARGMAX_ABI_H
#include "common/abi.h"

// x is [outer, n, inner], y [outer, inner].
LAT_PUSH_BEGIN(argmax_push)
    LAT_U32 outer;
    LAT_U32 n;
    LAT_U32 inner;
LAT_PUSH_END

#endif
