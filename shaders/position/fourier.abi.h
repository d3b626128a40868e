// SPDX-License-Identifier: MIT
#ifndef LAT_FOURIER_ABI_H
#define LAT_FOURIER_ABI_H
#include "common/abi.h"

LAT_PUSH_BEGIN(fourier_push)
    LAT_U32 n;            // elements of x in this dispatch
    LAT_U32 n_waves;      // frequencies
    LAT_U32 accumulate;   // backward adds
LAT_PUSH_END

#endif
