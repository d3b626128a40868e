// SPDX-License-Identifier: MIT
#ifndef LAT_CAST_ABI_H
#define LAT_CAST_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(cast_push)
    LAT_U32 n;  // elements
LAT_PUSH_END

#endif
