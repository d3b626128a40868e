// SPDX-License-Identifier: MIT
//
// Which tensors want gradients, when ops are recorded, and training against evaluation.

#include "autograd/tape.h"

lattn_status lattn_tensor_set_requires_grad(lattn_tensor *t, bool on)
{
    LAT_TRY(lat_check_tensor(t, "lattn_tensor_set_requires_grad"));
    if (t->node)
        return lat_done(t->ctx,
            lat_err(LATTN_ERR_STATE,
                "lattn_tensor_set_requires_grad: the tensor was made by %s and is no leaf; use "
                "lattn_detach first",
                t->node->name));
    if (on && !lat_is_float(t->dtype))
        return lat_done(t->ctx,
            lat_err(LATTN_ERR_DTYPE, "lattn_tensor_set_requires_grad: dtype %s has no gradient",
                lattn_dtype_name(t->dtype)));
    t->requires_grad = on;
    return lat_done(t->ctx, LATTN_OK);
}

bool lattn_tensor_requires_grad(const lattn_tensor *t)
{
    return lat_wants_grad(t);
}

lattn_tensor *lattn_tensor_grad(const lattn_tensor *t)
{
    return t && t->grad_ready ? t->grad : NULL;
}

void lattn_tensor_zero_grad(lattn_tensor *t)
{
    if (t)
        t->grad_ready = false;
}

void lattn_no_grad_begin(lattn_ctx *ctx)
{
    ctx->no_grad_depth++;
}

void lattn_no_grad_end(lattn_ctx *ctx)
{
    if (ctx->no_grad_depth == 0)
        lat_fail(ctx, LATTN_ERR_STATE, "lattn_no_grad_end without lattn_no_grad_begin");
    else
        ctx->no_grad_depth--;
}

bool lattn_grad_enabled(const lattn_ctx *ctx)
{
    return ctx->no_grad_depth == 0;
}

void lattn_set_training(lattn_ctx *ctx, bool on)
{
    ctx->training = on;
}

bool lattn_is_training(const lattn_ctx *ctx)
{
    return ctx->training;
}

lattn_tensor *lattn_detach(lattn_ctx *ctx, lattn_tensor *t)
{
    if (!t || ctx->error)
        return NULL;
    lattn_status st = lat_check_ctx(ctx, t, "lattn_detach", "t");
    if (st)
        return lat_fail_status(ctx, st);
    return lat_tensor_view(t, t->rank, t->dim, t->stride, t->offset);
}
