// SPDX-License-Identifier: MIT
//
// dropout: each element is zeroed with probability p, the others grow by 1 / (1 - p).
//
// The mask is Philox of (seed, step, op, element), so nothing is stored: backward draws the same
// numbers again and runs the same kernel on the gradient. The random state is an input of the op:
// changing it before backward is found by the tape's version check.
//
// Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".

#include "ops/internal.h"
#include "ops/pointwise.h"
#include "lattn/ops.h"
#include "pointwise/dropout.abi.h"
#include "lat_shaders.h"
#include <math.h>

struct dropout_attr {
    uint32_t op, threshold;
    float scale;
};

uint32_t lat_dropout_threshold(float p)
{
    double t = nearbyint((double) p * 4294967296.0);
    return t >= 4294967295.0 ? UINT32_MAX : (uint32_t) t;
}

lattn_status lat_dropout_run(lattn_ctx *ctx, const struct lat_dropout *d)
{
    lattn_tensor *to = d->to;
    uint32_t n = (uint32_t) lat_numel(to);
    struct dropout_push push = {
        .n = n,
        .n_blocks = (uint32_t) lat_ceil_div(n, 4),
        .op = d->op,
        .threshold = d->threshold,
        .scale = d->scale,
    };
    const uint32_t spec[] = { LAT_POINTWISE_GROUP, d->accumulate };
    struct lat_kernel kernel = {
        .shader = &lat_shader_dropout,
        .t = (int) to->dtype,
        .u = LAT_NO_DTYPE,
        .read = { d->from, d->random },
        .n_read = 2,
        .write = { to },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = lat_ceil_div(push.n_blocks, LAT_POINTWISE_GROUP),
        .split = {
            .n_rows = push.n_blocks,
            .rows_per_group = LAT_POINTWISE_GROUP,
            .row_elements = { 4, 0, 4 },
            .push_n_rows = offsetof(struct dropout_push, n_blocks),
            .push_row0 = offsetof(struct dropout_push, block0),
        },
    };
    return lat_kernel_run(ctx, &kernel);
}

static lattn_status run(struct lat_call *c, lattn_tensor *from, lattn_tensor *to, bool accumulate)
{
    const struct dropout_attr *attr = c->attr;
    const struct lat_dropout d = {
        .from = from,
        .to = to,
        .random = c->in[1],
        .op = attr->op,
        .threshold = attr->threshold,
        .scale = attr->scale,
        .accumulate = accumulate,
    };
    return lat_dropout_run(c->ctx, &d);
}

static lattn_status infer(struct lat_call *c)
{
    LAT_TRY(lat_check_float(c, c->in[0]));
    LAT_TRY(lat_check_count("dropout", c->in[0]));
    return lat_out_like(c, 0, c->in[0]);
}

static lattn_status forward(struct lat_call *c)
{
    return run(c, c->in[0], c->out[0], false);
}

static lattn_status backward(struct lat_call *c)
{
    if (!c->grad_in[0])
        return LATTN_OK;
    return run(c, c->grad_out[0], c->grad_in[0], c->accumulate & 1);
}

const struct lat_op lat_op_dropout = {
    .name = "dropout",
    .n_inputs = 2,
    .n_outputs = 1,
    .attr_bytes = sizeof(struct dropout_attr),
    .keep_in = 2,
    .no_grad_in = 2,
    .can_accumulate = 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

lattn_tensor *lattn_dropout(lattn_ctx *ctx, lattn_tensor *x, float p)
{
    if (!x)
        return NULL;
    if (!(p >= 0.0f && p < 1.0f))
        return lat_fail(ctx, LATTN_ERR_ARG, "dropout: p = %g is outside [0, 1)", p);
    if (p == 0.0f || !lattn_is_training(ctx))
        return x;
    struct dropout_attr attr = {
        .threshold = lat_dropout_threshold(p),
        .scale = 1.0f / (1.0f - p),
    };
    lattn_tensor *rng = lat_rng_tensor(ctx, &attr.op);
    if (!rng)
        return NULL;
    return lat_apply(ctx, &lat_op_dropout, (lattn_tensor *[]){ x, rng }, 2, &attr);
}
