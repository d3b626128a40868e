// SPDX-License-Identifier: MIT
//
// where: y = cond ? a : b, all three broadcast.
//
//     da = sum_to_a(cond ? g : 0)          db = sum_to_b(cond ? 0 : g)
//
// Both gradients are the same kernel with one operand left out, which then counts as zero. Three
// lists of strides fit into the push constants for rank 6 only; the rare operands that are still of
// rank 7 or 8 after joining dimensions are written out to the result's shape first.

#include "ops/pointwise.h"
#include "ops/internal.h"
#include "lattn/ops.h"
#include "pointwise/where.abi.h"
#include "lat_shaders.h"

// out (+)= cond ? a : b; a or b may be NULL for zero. cond, a and b broadcast to out.
struct choice {
    lattn_tensor *cond, *a, *b, *out;
    bool accumulate;
};

// Replaces *t by its values in the layout of shape. NULL stays NULL.
static lattn_status write_out(lattn_ctx *ctx, const lattn_tensor *shape, lattn_tensor **t)
{
    if (!*t)
        return LATTN_OK;
    lattn_tensor *copy = lat_tensor_new(ctx, (*t)->dtype, shape->rank, shape->dim);
    if (!copy)
        return ctx->error;
    LAT_TRY(lat_prim_copy(copy, *t));
    *t = copy;
    return LATTN_OK;
}

static lattn_status run_planned(
    lattn_ctx *ctx, const struct choice *c, const struct lat_operands *o)
{
    struct where_push push = {
        .n = (uint32_t) lat_numel(c->out),
        .rank = (uint32_t) o->rank,
    };
    for (int d = 0; d < o->rank; d++) {
        push.dims[d] = (uint32_t) o->dim[d];
        push.stride_cond[d] = (uint32_t) o->stride[0][d];
        push.stride_a[d] = (uint32_t) o->stride[1][d];
        push.stride_b[d] = (uint32_t) o->stride[2][d];
    }
    const uint32_t spec[] = { LAT_POINTWISE_GROUP, c->a != NULL, c->b != NULL, c->accumulate };
    struct lat_kernel kernel = {
        .shader = &lat_shader_where,
        .t = (int) c->out->dtype,
        .u = (int) c->cond->dtype,
        .read = { c->cond, c->a, c->b },
        .n_read = 3,
        .write = { c->out },
        .n_write = 1,
        .push_offset = { offsetof(struct where_push, offset_cond),
            offsetof(struct where_push, offset_a), offsetof(struct where_push, offset_b) },
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = lat_ceil_div(push.n, LAT_POINTWISE_GROUP * LAT_WHERE_PER_THREAD),
    };
    return lat_kernel_run(ctx, &kernel);
}

static void plan(struct lat_operands *o, const struct choice *c)
{
    // An absent operand is not read; cond stands in for its strides.
    lattn_tensor *in[] = { c->cond, c->a ? c->a : c->cond, c->b ? c->b : c->cond };
    lat_operands(o, c->out, in, 3);
}

static lattn_status run(lattn_ctx *ctx, const struct choice *c)
{
    struct lat_operands o;
    plan(&o, c);
    if (o.rank <= LAT_WHERE_MAX_RANK)
        return run_planned(ctx, c, &o);
    struct choice full = *c;
    LAT_TRY(write_out(ctx, c->out, &full.cond));
    LAT_TRY(write_out(ctx, c->out, &full.a));
    LAT_TRY(write_out(ctx, c->out, &full.b));
    plan(&o, &full);
    return run_planned(ctx, &full, &o);
}

static lattn_status infer(struct lat_call *c)
{
    lattn_dtype cond = c->in[0]->dtype;  // i32 is for devices that do not store u8
    if (cond != LATTN_DTYPE_U8 && cond != LATTN_DTYPE_I32)
        return lat_err(
            LATTN_ERR_DTYPE, "where: the condition is %s, not u8 or i32", lattn_dtype_name(cond));
    LAT_TRY(lat_check_pair(c, c->in[1], c->in[2]));
    return lat_out_broadcast(c, 3, c->in[1]);
}

static lattn_status forward(struct lat_call *c)
{
    struct choice choice = { c->in[0], c->in[1], c->in[2], c->out[0], false };
    return run(c->ctx, &choice);
}

// The gradient of a (i = 1) or b (i = 2).
static lattn_status gradient(struct lat_call *c, int i)
{
    lattn_tensor *g = c->grad_out[0], *to = c->grad_in[i];
    bool accumulate = c->accumulate >> i & 1, direct = lat_same_shape(to, g);
    struct choice choice = {
        .cond = c->in[0],
        .a = i == 1 ? g : NULL,
        .b = i == 2 ? g : NULL,
        .out = direct ? to : lat_tensor_new(c->ctx, g->dtype, g->rank, g->dim),
        .accumulate = direct && accumulate,
    };
    if (!choice.out)
        return c->ctx->error;
    LAT_TRY(run(c->ctx, &choice));
    return direct ? LATTN_OK : lat_sum_to(c->ctx, choice.out, to, accumulate);
}

static lattn_status backward(struct lat_call *c)
{
    for (int i = 1; i <= 2; i++)
        if (c->grad_in[i])
            LAT_TRY(gradient(c, i));
    return LATTN_OK;
}

const struct lat_op lat_op_where = {
    .name = "where",
    .n_inputs = 3,
    .n_outputs = 1,
    .keep_in = 1,
    .strided_in = 7,
    .no_grad_in = 1,
    .strided_grad_out = 1,
    .can_accumulate = 6,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

lattn_tensor *lattn_where(lattn_ctx *ctx, lattn_tensor *cond, lattn_tensor *a, lattn_tensor *b)
{
    if (!cond || !a || !b)
        return NULL;
    return lat_apply(ctx, &lat_op_where, (lattn_tensor *[]){ cond, a, b }, 3, NULL);
}
