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

// Not pow, whose arithmetic takes longer than any loads. Added is to whole runs only.
static bool in_lanes(struct lat_call *c, const lattn_tensor *to, bool accumulate)
{
    const struct lat_unary_attr *attr = c->attr;
    const int64_t run = LAT_UNARY_CPU_RUN * (int64_t) lat_caps(c->ctx)->subgroup_size;
    bool fits = attr->kind != LAT_UNARY_POW && lat_numel(to) >= run &&
                (!accumulate || lat_numel(to) % run == 0) &&
                lat_tensor_span(to) <= lat_caps(c->ctx)->max_binding_bytes;
    return lat_wide_chosen(c->ctx, c->op_name, to->dtype, fits);
}

// Every binding is as long as the others, element by element.
static lattn_status run(struct lat_call *c, struct lat_kernel *kernel, bool cpu)
{
    const struct lat_unary_attr *attr = c->attr;
    struct unary_push push = {
        .n = (uint32_t) lat_numel(kernel->write[0]),
        .c = attr->c,
        .d = attr->d,
    };
    const uint32_t per_group = cpu ? LAT_UNARY_CPU_RUN * LAT_POINTWISE_GROUP : PER_GROUP;
    kernel->t = (int) kernel->write[0]->dtype;
    kernel->u = LAT_NO_DTYPE;
    kernel->n_write = 1;
    kernel->push = &push;
    kernel->push_bytes = sizeof push;
    kernel->groups = lat_ceil_div(push.n, per_group);
    kernel->split = (struct lat_split){
        .n_rows = push.n,
        .rows_per_group = per_group,
        .row_elements = { 1, 1, 1 },
        .push_n_rows = offsetof(struct unary_push, n),
        .push_row0 = LAT_NO_OFFSET,
    };
    if (cpu) {
        lat_wide_subgroups(c->ctx, kernel);
        for (int i = 0; i < kernel->n_read + (kernel->n_read == 2); i++)
            kernel->push_address[i] =
                (uint16_t) (offsetof(struct unary_push, address) + 8 * (size_t) i);
    }
    return lat_kernel_run(c->ctx, kernel);
}

lattn_status lat_unary_forward(struct lat_call *c)
{
    const struct lat_unary_attr *attr = c->attr;
    bool cpu = in_lanes(c, c->out[0], false);
    const uint32_t spec[] = { LAT_POINTWISE_GROUP, attr->kind, lat_caps(c->ctx)->subgroup_size,
        lat_numel(c->out[0]) % 2 == 0 };
    struct lat_kernel kernel = {
        .shader = cpu ? &lat_shader_unary_fwd_cpu : &lat_shader_unary_fwd,
        .read = { c->in[0] },
        .n_read = 1,
        .write = { c->out[0] },
        .spec = spec,
        .n_spec = cpu ? 4 : 2,
    };
    return run(c, &kernel, cpu);
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
    bool cpu = in_lanes(c, c->grad_in[0], c->accumulate & 1);
    const uint32_t spec[] = { LAT_POINTWISE_GROUP, attr->kind, c->accumulate & 1,
        lat_caps(c->ctx)->subgroup_size, lat_numel(c->grad_in[0]) % 2 == 0 };
    struct lat_kernel kernel = {
        .shader = cpu ? &lat_shader_unary_bwd_cpu : &lat_shader_unary_bwd,
        .read = { saved(c, attr->kind), c->grad_out[0] },
        .n_read = 2,
        .write = { c->grad_in[0] },
        .spec = spec,
        .n_spec = cpu ? 5 : 3,
    };
    return run(c, &kernel, cpu);
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
