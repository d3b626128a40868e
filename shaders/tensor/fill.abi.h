// SPDX-License-Identifier: MIT
#ifndef LAT_FILL_ABI_H
#define LAT_FILL_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(fill_push)
    LAT_U32 n;       // elements
    LAT_F32 value;
LAT_PUSH_END

#endif
