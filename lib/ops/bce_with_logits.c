// SPDX-License-Identifier: MIT
//
// bce_with_logits: binary cross-entropy of sigmoid(x) against target, from the logit x itself:
// max(x, 0) - x target + log(1 + exp(-|x|)) neither overflows nor cancels. What it shares with
// mse_loss is in loss.c.

#include "ops/loss.h"
#include "lat_shaders.h"

static const struct lat_pair_loss shaders = {
    &lat_shader_bce_with_logits_fwd,
    &lat_shader_bce_with_logits_bwd,
};

LAT_PAIR_LOSS_OP(bce_with_logits);

lattn_tensor *lattn_bce_with_logits(
    lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *target, lattn_reduction reduction)
{
    const struct lat_pair_attr attr = { reduction, &shaders };
    return lat_pair_apply(ctx, &lat_op_bce_with_logits, x, target, &attr);
}
