// SPDX-License-Identifier: MIT
//
// mse_loss: (x - target)^2, its mean or its sum. Both sides have a gradient. What it shares with
// bce_with_logits is in loss.c.

#include "ops/loss.h"
#include "lat_shaders.h"

static const struct lat_pair_loss shaders = { &lat_shader_mse_loss_fwd, &lat_shader_mse_loss_bwd };

LAT_PAIR_LOSS_OP(mse_loss);

lattn_tensor *lattn_mse_loss(
    lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *target, lattn_reduction reduction)
{
    const struct lat_pair_attr attr = { reduction, &shaders };
    return lat_pair_apply(ctx, &lat_op_mse_loss, x, target, &attr);
}
