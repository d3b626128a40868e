// SPDX-License-Identifier: MIT
//
// Losses of an element and its target: mse_loss and bce_with_logits share kernels and push blocks.
#ifndef LAT_PAIR_LOSS_ABI_H
#define LAT_PAIR_LOSS_ABI_H
#include "common/abi.h"

#define LAT_PAIR_STEPS 64      // elements per invocation
#define LAT_PAIR_EACH 1u       // no reduction: a loss (and a gradient of it) per element

LAT_PUSH_BEGIN(pair_loss_push)
    LAT_U32 n_blocks;          // of workgroup size * LAT_PAIR_STEPS elements, of this dispatch
    LAT_U32 block0;            // first one of this dispatch
    LAT_U32 n;                 // elements of the whole tensor
    LAT_U32 flags;
    LAT_F32 scale;             // backward: factor on the gradient, 1 / n for the mean
    LAT_U32 want_dx, want_dt;
LAT_PUSH_END

#endif
