// SPDX-License-Identifier: MIT
//
// cast: another dtype. Floats round to nearest even; into integers towards zero, cut to their
// range, NaN becomes 0. Backward casts the gradient back.

#include "autograd/op.h"
#include "lattn/ops.h"
#include "ops/internal.h"

extern const struct lat_op lat_op_cast;

struct cast_attr {
    lattn_dtype dtype;
};

static lattn_status infer(struct lat_call *c)
{
    const struct cast_attr *a = c->attr;
    return lat_out(c, 0, a->dtype, c->in[0]->rank, c->in[0]->dim);
}

static lattn_status forward(struct lat_call *c)
{
    return lat_prim_copy(c->out[0], c->in[0]);
}

static lattn_status backward(struct lat_call *c)
{
    return lat_prim_copy(c->grad_in[0], c->grad_out[0]);
}

const struct lat_op lat_op_cast = {
    .name = "cast",
    .n_inputs = 1,
    .n_outputs = 1,
    .attr_bytes = sizeof(struct cast_attr),
    .strided_in = 1u << 0,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

lattn_tensor *lattn_cast(lattn_ctx *ctx, lattn_tensor *x, lattn_dtype dtype)
{
    if (!x || ctx->error)
        return NULL;
    if (x->dtype == dtype)
        return x;
    struct cast_attr a = { dtype };
    // No gradient comes back through an integer.
    bool flows = lat_is_float(dtype);
    ctx->no_grad_depth += !flows;
    lattn_tensor *y = lat_apply(ctx, &lat_op_cast, &x, 1, &a);
    ctx->no_grad_depth -= !flows;
    return y;
}
