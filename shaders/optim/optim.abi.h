// SPDX-License-Identifier: MIT
//
// Push block of the update rules. The buffers they read are laid out in optim_layout.h.
#ifndef LAT_OPTIM_ABI_H
#define LAT_OPTIM_ABI_H
#include "common/abi.h"
#include "optim/optim_layout.h"

#define LAT_OPTIM_HAS_COPY 1u
#define LAT_OPTIM_HAS_MOMENT1 2u
#define LAT_OPTIM_HAS_MOMENT2 4u

LAT_PUSH_BEGIN(optim_push)
    LAT_U32 n_chunks;  // of this dispatch
    LAT_U32 chunk0;    // first one of this dispatch
    LAT_U32 n;         // elements of the arena
    LAT_U32 flags;
    LAT_U32 grad_address[2];     // cpu strategies: of the elements of this dispatch
    LAT_U32 param_address[2];
    LAT_U32 moment1_address[2];  // of the weights where there is none
    LAT_U32 moment2_address[2];
LAT_PUSH_END

#endif
