// SPDX-License-Identifier: MIT
#ifndef LAT_PRELU_ABI_H
#define LAT_PRELU_ABI_H
#include "common/abi.h"

#define LAT_PRELU_DX 1      // backward: what is wanted, and whether dx is added to
#define LAT_PRELU_DWEIGHT 2
#define LAT_PRELU_ADD_DX 4

#define LAT_PRELU_STEPS 4   // elements of an invocation

LAT_PUSH_BEGIN(prelu_push)
    LAT_U32 n;         // elements of this dispatch
    LAT_U32 element0;  // number of the first one, when the work was cut
    LAT_U32 channels;  // of weight; 1 = one for all
    LAT_U32 plane_magic;  // divides by the elements of a channel of an image
    LAT_U32 plane_shift;
    LAT_U32 channels_magic;
    LAT_U32 channels_shift;
    LAT_U32 flags;
LAT_PUSH_END

#endif
