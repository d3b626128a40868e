// SPDX-License-Identifier: MIT
//
// What the losses share.
#ifndef LAT_LOSS_H
#define LAT_LOSS_H
#include "autograd/op.h"
#include "lattn/ops.h"

// result = sum of losses times factor; or, with shares, sum(losses) / sum(shares), the divisor kept
// in divisor, and 0 for 0 / 0. losses and shares are f32 [n]; result and divisor have one element.
struct lat_loss_sum {
    lattn_tensor *losses, *shares;
    lattn_tensor *result, *divisor;
    float factor;
};
lattn_status lat_loss_sum_run(lattn_ctx *ctx, const struct lat_loss_sum *s);

// ERR_ARG kept in ctx when reduction is none of the enum.
bool lat_reduction_ok(lattn_ctx *ctx, const char *op, lattn_reduction reduction);

// Losses of an element and its target, mse_loss and bce_with_logits: the shaders of one.
struct lat_pair_loss {
    const struct lat_shader *forward, *backward;
};
struct lat_pair_attr {
    lattn_reduction reduction;
    const struct lat_pair_loss *loss;
};
lattn_status lat_pair_infer(struct lat_call *c);
lattn_status lat_pair_forward(struct lat_call *c);
lattn_status lat_pair_backward(struct lat_call *c);
lattn_tensor *lat_pair_apply(lattn_ctx *ctx, const struct lat_op *op, lattn_tensor *x,
    lattn_tensor *target, const struct lat_pair_attr *attr);

// A row of the op table.
#define LAT_PAIR_LOSS_OP(name_)                                                                    \
    const struct lat_op lat_op_##name_ = {                                                         \
        .name = #name_,                                                                            \
        .n_inputs = 2,                                                                             \
        .n_outputs = 1,                                                                            \
        .attr_bytes = sizeof(struct lat_pair_attr),                                                \
        .keep_in = 3,                                                                              \
        .infer = lat_pair_infer,                                                                   \
        .forward = lat_pair_forward,                                                               \
        .backward = lat_pair_backward,                                                             \
    }

#endif
