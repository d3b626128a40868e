// SPDX-License-Identifier: MIT
//
// prelu and maxout: activations with something learnt or chosen along the channels.
//
//   prelu    y = x > 0 ? x : w[c] x      dx = x > 0 ? g : w[c] g      dw[c] = sum of g x where x <= 0
//   maxout   y[c] = max of x[c k] ... x[c k + k - 1], from reshape and max
//
// The terms of dw are written in f32 and added up by the reduction that all ops share, in a fixed order.

#include "ops/internal.h"
#include "ops/pointwise.h"
#include "lattn/ops.h"
#include "pointwise/prelu.abi.h"
#include "lat_shaders.h"

enum { PER_GROUP = LAT_POINTWISE_GROUP * LAT_PRELU_STEPS };

static lattn_status infer(struct lat_call *c)
{
    const lattn_tensor *x = c->in[0], *weight = c->in[1];
    LAT_TRY(lat_check_pair(c, x, weight));
    LAT_TRY(lat_check_count(c->op_name, x));
    bool each = x->rank > 1 && weight->rank == 1 && weight->dim[0] == x->dim[1];
    if (lat_numel(weight) != 1 && !each)
        return lat_err(LATTN_ERR_SHAPE, "prelu: weight is %s, x %s needs [1] or its channels",
            LAT_SHAPE(weight), LAT_SHAPE(x));
    return lat_out_like(c, 0, x);
}

// Elements of a channel of an image.
static int64_t plane_of(const lattn_tensor *x)
{
    int64_t n = 1;
    for (int d = 2; d < x->rank; d++)
        n *= x->dim[d];
    return n;
}

// Every binding but weight is as long as x.
static lattn_status run(struct lat_call *c, struct lat_kernel *k, uint32_t flags)
{
    uint32_t channels = (uint32_t) lat_numel(c->in[1]);
    struct lat_divisor by_plane = lat_divisor((uint32_t) plane_of(c->in[0]));
    struct lat_divisor by_channels = lat_divisor(channels);
    struct prelu_push push = {
        .n = (uint32_t) lat_numel(c->in[0]),
        .channels = channels,
        .plane_magic = by_plane.magic,
        .plane_shift = by_plane.shift,
        .channels_magic = by_channels.magic,
        .channels_shift = by_channels.shift,
        .flags = flags,
    };
    const uint32_t spec[] = { LAT_POINTWISE_GROUP };
    k->t = (int) c->in[0]->dtype;
    k->u = LAT_NO_DTYPE;
    k->push = &push;
    k->push_bytes = sizeof push;
    k->spec = spec;
    k->n_spec = LAT_COUNT(spec);
    k->groups = lat_ceil_div(push.n, PER_GROUP);
    k->split = (struct lat_split){
        .n_rows = push.n,
        .rows_per_group = PER_GROUP,
        .row_elements = { 1, 0, 1, 1, 1 },
        .push_n_rows = offsetof(struct prelu_push, n),
        .push_row0 = offsetof(struct prelu_push, element0),
    };
    return lat_kernel_run(c->ctx, k);
}

static lattn_status forward(struct lat_call *c)
{
    struct lat_kernel kernel = {
        .shader = &lat_shader_prelu_fwd,
        .read = { c->in[0], c->in[1] },
        .n_read = 2,
        .write = { c->out[0] },
        .n_write = 1,
    };
    return run(c, &kernel, 0);
}

// dw of [C] is the sum of the parts over [N, ., plane], that of [1] over all.
static lattn_status add_up(struct lat_call *c, lattn_tensor *parts)
{
    int64_t channels = lat_numel(c->in[1]), plane = plane_of(c->in[0]);
    int64_t images = lat_numel(parts) / (channels * plane);
    lattn_tensor *src = lat_view_reshape(parts, 3, (int64_t[]){ images, channels, plane });
    lattn_tensor *dst = lat_view_reshape(c->grad_in[1], 3, (int64_t[]){ 1, channels, 1 });
    return src && dst ? lat_sum_to(c->ctx, src, dst, c->accumulate >> 1 & 1) : c->ctx->error;
}

static lattn_status backward(struct lat_call *c)
{
    lattn_tensor *dx = c->grad_in[0], *dweight = c->grad_in[1], *parts = NULL;
    if (lat_numel(c->in[0]) == 0)
        return dweight && !(c->accumulate >> 1 & 1) ? lat_prim_fill(dweight, 0) : LATTN_OK;
    if (dweight) {
        int64_t n = lat_numel(c->in[0]);
        parts = lat_tensor_new(c->ctx, LATTN_DTYPE_F32, 1, &n);
        if (!parts)
            return c->ctx->error;
    }
    uint32_t flags = (dx ? LAT_PRELU_DX : 0) | (dweight ? LAT_PRELU_DWEIGHT : 0) |
                     (c->accumulate & 1 ? LAT_PRELU_ADD_DX : 0);
    struct lat_kernel kernel = {
        .shader = &lat_shader_prelu_bwd,
        .read = { c->in[0], c->in[1], c->grad_out[0] },
        .n_read = 3,
        .write = { dx, parts },
        .n_write = 2,
    };
    LAT_TRY(run(c, &kernel, flags));
    return dweight ? add_up(c, parts) : LATTN_OK;
}

const struct lat_op lat_op_prelu = {
    .name = "prelu",
    .n_inputs = 2,
    .n_outputs = 1,
    .keep_in = 3,
    .can_accumulate = 3,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

lattn_tensor *lattn_prelu(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight)
{
    if (!x || !weight)
        return NULL;
    return lat_apply(ctx, &lat_op_prelu, (lattn_tensor *[]){ x, weight }, 2, NULL);
}

lattn_tensor *lattn_maxout(lattn_ctx *ctx, lattn_tensor *x, int64_t k)
{
    int64_t dims[LATTN_MAX_RANK];
    if (!x)
        return NULL;
    if (k < 1)
        return lat_fail(ctx, LATTN_ERR_ARG, "maxout: k = %lld must be at least 1", (long long) k);
    if (x->rank < 2 || x->rank == LATTN_MAX_RANK || x->dim[1] % k)
        return lat_fail(ctx, LATTN_ERR_SHAPE,
            "maxout: x is %s, it must be [N, C, ...] with channels in groups of %lld", LAT_SHAPE(x),
            (long long) k);
    for (int d = 0; d < x->rank; d++)
        dims[d < 2 ? d : d + 1] = x->dim[d];
    dims[1] = x->dim[1] / k;
    dims[2] = k;
    return lattn_max(ctx, lattn_reshape(ctx, x, x->rank + 1, dims), (const int[]){ 2 }, 1, false);
}
