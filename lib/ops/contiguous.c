// SPDX-License-Identifier: MIT
//
// contiguous: the same values in row-major order. Nothing happens to a tensor that already is.
// Backward hands the gradient on as it is: it is contiguous in any case.

#include "autograd/op.h"
#include "lattn/ops.h"
#include "ops/internal.h"

extern const struct lat_op lat_op_contiguous;

static lattn_status infer(struct lat_call *c)
{
    return lat_out_like(c, 0, c->in[0]);
}

static lattn_status forward(struct lat_call *c)
{
    return lat_prim_copy(c->out[0], c->in[0]);
}

static lattn_tensor *pass_grad(struct lat_call *c, int i)
{
    (void) i;
    return c->grad_out[0];
}

const struct lat_op lat_op_contiguous = {
    .name = "contiguous",
    .n_inputs = 1,
    .n_outputs = 1,
    .strided_in = 1u << 0,
    .infer = infer,
    .forward = forward,
    .pass_grad = pass_grad,
};

lattn_tensor *lattn_contiguous(lattn_ctx *ctx, lattn_tensor *x)
{
    if (!x || ctx->error)
        return NULL;
    return lat_is_contiguous(x) ? x : lat_apply(ctx, &lat_op_contiguous, &x, 1, NULL);
}
