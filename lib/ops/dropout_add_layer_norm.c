// SPDX-License-Identifier: MIT
//
// layer_norm(residual + dropout(x, p)), what a post-norm transformer does after each sublayer, in
// one kernel.
//
// Backward needs h, the normalised sum, which forward writes beside the result: one tensor, where
// keeping x and residual would be two. The mask is not kept: it is drawn again from
// the random state, an input of the op so that the tape finds out when it was changed. In
// evaluation, or with p = 0, no random numbers are drawn and the op's number is not used up.

#include "ops/internal.h"
#include "ops/layer_norm.h"
#include "ops/pointwise.h"
#include "ops/row.h"
#include "lattn/ops.h"
#include "lat_shaders.h"

enum { X, RESIDUAL, WEIGHT, BIAS, RANDOM };
enum { Y, STATS, NORMALISED };

struct fused_attr {
    float eps;
    uint32_t drop_below;  // 0 = no dropout
    float keep_scale;
    uint32_t op;
};

static lattn_status infer(struct lat_call *c)
{
    const lattn_tensor *x = c->in[X], *residual = c->in[RESIDUAL];
    LAT_TRY(lat_norm_check(c, x, c->in[WEIGHT], c->in[BIAS]));
    if (residual->dtype != x->dtype)
        return lat_err(LATTN_ERR_DTYPE, "%s: residual is %s, x is %s", c->op_name,
            lattn_dtype_name(residual->dtype), lattn_dtype_name(x->dtype));
    if (!lat_same_shape(x, residual))
        return lat_err(LATTN_ERR_SHAPE, "%s: x %s and residual %s differ", c->op_name, LAT_SHAPE(x),
            LAT_SHAPE(residual));
    LAT_TRY(lat_norm_outputs(c, x));
    return c->grad_wanted ? lat_out_like(c, NORMALISED, x) : LATTN_OK;
}

static lattn_status forward(struct lat_call *c)
{
    const struct fused_attr *attr = c->attr;
    struct layer_norm_push push = {
        .flags = (c->in[WEIGHT] ? LAT_NORM_WEIGHT : 0) | (c->in[BIAS] ? LAT_NORM_BIAS : 0) |
                 (c->out[STATS] ? LAT_NORM_STATS : 0),
        .eps = attr->eps,
        .drop_below = attr->drop_below,
        .keep_scale = attr->keep_scale,
        .op = attr->op,
    };
    const struct lat_norm_shaders shaders = {
        .base = &lat_shader_dropout_add_layer_norm_fwd,
        .subgroup = &lat_shader_dropout_add_layer_norm_fwd_subgroup,
        .cpu = &lat_shader_dropout_add_layer_norm_fwd_cpu,
        .address = { 0, 1, 2, 3, LAT_NORM_NO_BINDING },
        .n_kept = 1,
        .whole = 1u << 1 | 1u << 2 | 1u << 4,
        .stats = 6,
    };
    struct lat_kernel kernel = {
        .read = { c->in[X], c->in[WEIGHT], c->in[BIAS], c->in[RESIDUAL], c->in[RANDOM] },
        .n_read = 5,
        .write = { c->out[Y], c->out[STATS], c->out[NORMALISED] },
        .n_write = 3,
    };
    return lat_norm_rows_run(c->ctx, c->op_name, c->in[X], &shaders, &push, &kernel);
}

static lattn_status backward(struct lat_call *c)
{
    const struct fused_attr *attr = c->attr;
    const struct lat_norm_backward b = {
        .op = c->op_name,
        .v = c->out[NORMALISED],
        .stats = c->out[STATS],
        .normalised = true,
        .weight = c->in[WEIGHT],
        .dy = c->grad_out[0],
        .dx = c->grad_in[X],
        .dweight = c->grad_in[WEIGHT],
        .dbias = c->grad_in[BIAS],
        .dresidual = c->grad_in[RESIDUAL],
        .add_x = c->accumulate >> X & 1,
        .add_weight = c->accumulate >> WEIGHT & 1,
        .add_bias = c->accumulate >> BIAS & 1,
        .add_residual = c->accumulate >> RESIDUAL & 1,
        .random = c->in[RANDOM],
        .drop_below = attr->drop_below,
        .random_op = attr->op,
        .keep_scale = attr->keep_scale,
    };
    return lat_norm_backward(c->ctx, &b);
}

const struct lat_op lat_op_dropout_add_layer_norm = {
    .name = "dropout_add_layer_norm",
    .n_inputs = 5,
    .n_outputs = 3,
    .attr_bytes = sizeof(struct fused_attr),
    .keep_in = 1u << WEIGHT | 1u << RANDOM,
    .keep_out = 1u << STATS | 1u << NORMALISED,
    .no_grad_in = 1u << RANDOM,
    .can_accumulate = 1u << X | 1u << RESIDUAL | 1u << WEIGHT | 1u << BIAS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .strategies = lat_norm_strategies,
    .n_strategies = LAT_NORM_STRATEGIES,
};

lattn_tensor *lattn_dropout_add_layer_norm(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *residual,
    lattn_tensor *weight, lattn_tensor *bias, float p, float eps)
{
    if (!x || !residual)
        return NULL;
    if (!(p >= 0.0f && p < 1.0f))
        return lat_fail(
            ctx, LATTN_ERR_ARG, "dropout_add_layer_norm: p = %g is outside [0, 1)", (double) p);
    if (!lat_norm_eps_ok(eps))
        return lat_fail(ctx, LATTN_ERR_ARG,
            "dropout_add_layer_norm: eps = %g must be finite and not negative", (double) eps);
    struct fused_attr attr = { .eps = eps };
    lattn_tensor *random = NULL;
    if (p > 0.0f && lattn_is_training(ctx)) {
        attr.drop_below = lat_dropout_threshold(p);
        attr.keep_scale = 1.0f / (1.0f - p);
        random = lat_rng_tensor(ctx, &attr.op);
        if (!random)
            return NULL;
    }
    lattn_tensor *in[] = { x, residual, weight, bias, random };
    return lat_apply(ctx, &lat_op_dropout_add_layer_norm, in, LAT_COUNT(in), &attr);
}
