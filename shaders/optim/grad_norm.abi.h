// SPDX-License-Identifier: MIT
#ifndef LAT_GRAD_NORM_ABI_H
#define LAT_GRAD_NORM_ABI_H
#include "common/abi.h"

#define LAT_GRAD_NORM_STEPS 256  // elements per invocation of the first pass

LAT_PUSH_BEGIN(grad_norm_push)
    LAT_U32 n_blocks;            // of workgroup size * LAT_GRAD_NORM_STEPS elements, of this dispatch
    LAT_U32 block0;              // first one of this dispatch
    LAT_U32 n;                   // elements of the arena
    LAT_U32 address[2];          // cpu strategy: of this dispatch's first element
LAT_PUSH_END

#endif
