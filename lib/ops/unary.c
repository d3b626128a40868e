// SPDX-License-Identifier: MIT
//
// Functions of one element: scale, pow_scalar, exp, log, sqrt, abs, sign, clamp; and the machinery
// that they share with the activations (activation.c).
//
// One forward and one backward kernel hold all of them; which function is a specialisation constant.
// Backward keeps x or y, whichever the derivative is cheaper in, or nothing.

#include "ops/pointwise.h"
#include "lattn/ops.h"
#include "pointwise/unary.abi.h"
#include "lat_shaders.h"

enum { PER_GROUP = LAT_POINTWISE_GROUP * LAT_UNARY_QUADS_PER_THREAD * 4 };

lattn_status lat_unary_infer(struct lat_call *c)
{
    LAT_TRY(lat_check_float(c, c->in[0]));
    LAT_TRY(lat_check_count(c->op_name, c->in[0]));
    return lat_out_like(c, 0, c->in[0]);
}

// Every binding is as long as the others, element by element.
static lattn_status run(struct lat_call *c, struct lat_kernel *kernel)
{
    const struct lat_unary_attr *attr = c->attr;
    struct unary_push push = {
        .n = (uint32_t) lat_numel(kernel->write[0]),
        .c = attr->c,
        .d = attr->d,
    };
    kernel->t = (int) kernel->write[0]->dtype;
    kernel->u = LAT_NO_DTYPE;
    kernel->n_write = 1;
    kernel->push = &push;
    kernel->push_bytes = sizeof push;
    kernel->groups = lat_ceil_div(push.n, PER_GROUP);
    kernel->split = (struct lat_split){
        .n_rows = push.n,
        .rows_per_group = PER_GROUP,
        .row_elements = { 1, 1, 1 },
        .push_n_rows = offsetof(struct unary_push, n),
        .push_row0 = LAT_NO_OFFSET,
    };
    return lat_kernel_run(c->ctx, kernel);
}

lattn_status lat_unary_forward(struct lat_call *c)
{
    const struct lat_unary_attr *attr = c->attr;
    const uint32_t spec[] = { LAT_POINTWISE_GROUP, attr->kind };
    struct lat_kernel kernel = {
        .shader = &lat_shader_unary_fwd,
        .read = { c->in[0] },
        .n_read = 1,
        .write = { c->out[0] },
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
    };
    return run(c, &kernel);
}

// What forward saved: y, x, or nothing.
static lattn_tensor *saved(struct lat_call *c, uint32_t kind)
{
    const uint32_t from_y = 1u << LAT_UNARY_EXP | 1u << LAT_UNARY_SQRT | 1u << LAT_UNARY_TANH |
                            1u << LAT_UNARY_SIGMOID | 1u << LAT_UNARY_RELU;
    const uint32_t from_nothing = 1u << LAT_UNARY_SCALE | 1u << LAT_UNARY_SIGN;
    if (from_nothing >> kind & 1)
        return NULL;
    return from_y >> kind & 1 ? c->out[0] : c->in[0];
}

lattn_status lat_unary_backward(struct lat_call *c)
{
    const struct lat_unary_attr *attr = c->attr;
    if (!c->grad_in[0])
        return LATTN_OK;
    const uint32_t spec[] = { LAT_POINTWISE_GROUP, attr->kind, c->accumulate & 1 };
    struct lat_kernel kernel = {
        .shader = &lat_shader_unary_bwd,
        .read = { saved(c, attr->kind), c->grad_out[0] },
        .n_read = 2,
        .write = { c->grad_in[0] },
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
    };
    return run(c, &kernel);
}

lattn_tensor *lat_unary_apply(
    lattn_ctx *ctx, const struct lat_op *op, lattn_tensor *x, struct lat_unary_attr attr)
{
    return x ? lat_apply(ctx, op, &x, 1, &attr) : NULL;
}

LAT_UNARY_OP(scale, 0, 0);
LAT_UNARY_OP(pow_scalar, 1, 0);
LAT_UNARY_OP(exp, 0, 1);
LAT_UNARY_OP(log, 1, 0);
LAT_UNARY_OP(sqrt, 0, 1);
LAT_UNARY_OP(abs, 1, 0);
LAT_UNARY_OP(sign, 0, 0);
LAT_UNARY_OP(clamp, 1, 0);

lattn_tensor *lattn_scale(lattn_ctx *ctx, lattn_tensor *x, float factor, float offset)
{
    struct lat_unary_attr attr = { LAT_UNARY_SCALE, factor, offset };
    return lat_unary_apply(ctx, &lat_op_scale, x, attr);
}

lattn_tensor *lattn_pow_scalar(lattn_ctx *ctx, lattn_tensor *x, float exponent)
{
    struct lat_unary_attr attr = { LAT_UNARY_POW, exponent, 0 };
    return lat_unary_apply(ctx, &lat_op_pow_scalar, x, attr);
}

lattn_tensor *lattn_exp(lattn_ctx *ctx, lattn_tensor *x)
{
    return lat_unary_apply(ctx, &lat_op_exp, x, (struct lat_unary_attr){ LAT_UNARY_EXP, 0, 0 });
}

lattn_tensor *lattn_log(lattn_ctx *ctx, lattn_tensor *x)
{
    return lat_unary_apply(ctx, &lat_op_log, x, (struct lat_unary_attr){ LAT_UNARY_LOG, 0, 0 });
}

lattn_tensor *lattn_sqrt(lattn_ctx *ctx, lattn_tensor *x)
{
    return lat_unary_apply(ctx, &lat_op_sqrt, x, (struct lat_unary_attr){ LAT_UNARY_SQRT, 0, 0 });
}

lattn_tensor *lattn_abs(lattn_ctx *ctx, lattn_tensor *x)
{
    return lat_unary_apply(ctx, &lat_op_abs, x, (struct lat_unary_attr){ LAT_UNARY_ABS, 0, 0 });
}

lattn_tensor *lattn_sign(lattn_ctx *ctx, lattn_tensor *x)
{
    return lat_unary_apply(ctx, &lat_op_sign, x, (struct lat_unary_attr){ LAT_UNARY_SIGN, 0, 0 });
}

lattn_tensor *lattn_clamp(lattn_ctx *ctx, lattn_tensor *x, float lo, float hi)
{
    if (!x)
        return NULL;
    if (!(lo <= hi))
        return lat_fail(ctx, LATTN_ERR_ARG, "clamp: lo %g is not at most hi %g", lo, hi);
    struct lat_unary_attr attr = { LAT_UNARY_CLAMP, lo, hi };
    return lat_unary_apply(ctx, &lat_op_clamp, x, attr);
}
