// SPDX-License-Identifier: MIT
//
// gather along one dimension: y[..., j, ...] = x[..., index[..., j, ...], ...].
//
// The kernels see x as [outer, n, inner] and index as [outer, m, inner]; where index is smaller than
// x in another dimension, x is cut to it first, by views. In backward one invocation adds up one
// column of m values in order, so indices that occur twice need no atomics. Sums are made in f32
// and rounded once.

#include "ops/pointwise.h"
#include "lattn/ops.h"
#include "index/gather.abi.h"
#include "lat_shaders.h"

enum { GROUP = 64, PER_GROUP = GROUP * LAT_GATHER_STEPS };

struct gather_attr {
    int dim;
};

static int64_t product(const lattn_tensor *t, int from, int to)
{
    int64_t n = 1;
    for (int d = from; d < to; d++)
        n *= t->dim[d];
    return n;
}

static lattn_status infer(struct lat_call *c)
{
    LAT_TRY(lat_check_float(c, c->in[0]));
    LAT_TRY(lat_check_count(c->op_name, c->in[0]));
    LAT_TRY(lat_check_count(c->op_name, c->in[1]));
    return lat_out(c, 0, c->in[0]->dtype, c->in[1]->rank, c->in[1]->dim);
}

// Workgroups for per_row elements of each outer index.
static struct gather_push push_of(const struct lat_call *c, uint64_t *groups, bool backward)
{
    const struct gather_attr *attr = c->attr;
    const lattn_tensor *x = c->in[0], *index = c->in[1];
    struct gather_push push = {
        .n_outer = (uint32_t) product(x, 0, attr->dim),
        .n_x = x->rank ? (uint32_t) x->dim[attr->dim] : 1,
        .n_index = x->rank ? (uint32_t) index->dim[attr->dim] : 1,
        .n_inner = (uint32_t) product(x, attr->dim + 1, x->rank),
    };
    uint64_t per_row = (uint64_t) push.n_inner * (backward ? 1 : push.n_index);
    push.rows_per_group = (uint32_t) LAT_MAX(1, PER_GROUP / per_row);
    push.groups_per_row = (uint32_t) lat_ceil_div(per_row, PER_GROUP);
    *groups = lat_ceil_div(push.n_outer, push.rows_per_group) * push.groups_per_row;
    return push;
}

static lattn_status run(struct lat_call *c, struct lat_kernel *k, struct gather_push *push)
{
    static const uint32_t spec[] = { GROUP };
    k->t = (int) c->in[0]->dtype;
    k->u = LAT_NO_DTYPE;
    k->push = push;
    k->push_bytes = sizeof *push;
    k->spec = spec;
    k->n_spec = LAT_COUNT(spec);
    k->split.n_rows = push->n_outer;
    k->split.rows_per_group = push->rows_per_group;
    k->split.groups_per_row = push->groups_per_row;
    k->split.push_n_rows = offsetof(struct gather_push, n_outer);
    k->split.push_row0 = LAT_NO_OFFSET;
    return lat_kernel_run(c->ctx, k);
}

static lattn_status forward(struct lat_call *c)
{
    uint64_t groups;
    struct gather_push push = push_of(c, &groups, false);
    uint64_t x_row = (uint64_t) push.n_x * push.n_inner,
             y_row = (uint64_t) push.n_index * push.n_inner;
    struct lat_kernel kernel = {
        .shader = &lat_shader_gather_fwd,
        .read = { c->in[0], c->in[1] },
        .n_read = 2,
        .write = { c->out[0] },
        .n_write = 1,
        .groups = groups,
        .split.row_elements = { x_row, y_row, y_row },
    };
    return run(c, &kernel, &push);
}

static lattn_status backward(struct lat_call *c)
{
    lattn_tensor *dx = c->grad_in[0];
    if (!dx || lat_numel(dx) == 0)
        return LATTN_OK;
    lattn_tensor *sum = dx;
    if (dx->dtype != LATTN_DTYPE_F32)
        sum = lat_tensor_new(c->ctx, LATTN_DTYPE_F32, dx->rank, dx->dim);
    if (!sum)
        return c->ctx->error;
    LAT_TRY(lat_prim_fill(sum, 0));
    if (lat_numel(c->in[1]) > 0) {
        uint64_t groups;
        struct gather_push push = push_of(c, &groups, true);
        uint64_t x_row = (uint64_t) push.n_x * push.n_inner;
        uint64_t y_row = (uint64_t) push.n_index * push.n_inner;
        struct lat_kernel kernel = {
            .shader = &lat_shader_gather_bwd,
            .read = { c->in[1], c->grad_out[0] },
            .n_read = 2,
            .write = { sum },
            .n_write = 1,
            .groups = groups,
            .split.row_elements = { y_row, y_row, x_row },
        };
        LAT_TRY(run(c, &kernel, &push));
    }
    return sum == dx ? LATTN_OK : lat_prim_copy(dx, sum);
}

const struct lat_op lat_op_gather = {
    .name = "gather",
    .n_inputs = 2,
    .n_outputs = 1,
    .attr_bytes = sizeof(struct gather_attr),
    .keep_in = 1u << 1,
    .no_grad_in = 1u << 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

// x cut to the index's size in every dimension but dim; NULL = error kept.
static lattn_tensor *cut_to(lattn_ctx *ctx, lattn_tensor *x, const lattn_tensor *index, int dim)
{
    for (int d = 0; d < index->rank && x; d++)
        if (d != dim && index->dim[d] < x->dim[d])
            x = lattn_slice(ctx, x, d, 0, index->dim[d], 1);
    return x;
}

lattn_tensor *lattn_gather(lattn_ctx *ctx, lattn_tensor *x, int dim, lattn_tensor *index)
{
    if (!x || !index)
        return NULL;
    int rank = x->rank, last = rank ? rank : 1;
    if (dim < -last || dim >= last)
        return lat_fail(ctx, LATTN_ERR_ARG, "gather: dim %d is outside [%d, %d)", dim, -last, last);
    if (index->dtype != LATTN_DTYPE_I32)
        return lat_fail(
            ctx, LATTN_ERR_DTYPE, "gather: index is %s, not i32", lattn_dtype_name(index->dtype));
    if (index->rank != rank)
        return lat_fail(ctx, LATTN_ERR_SHAPE, "gather: index %s and x %s differ in rank",
            LAT_SHAPE(index), LAT_SHAPE(x));
    dim = dim < 0 ? dim + last : dim;
    for (int d = 0; d < rank; d++)
        if (d != dim && index->dim[d] > x->dim[d])
            return lat_fail(ctx, LATTN_ERR_SHAPE, "gather: index %s reaches beyond x %s in dim %d",
                LAT_SHAPE(index), LAT_SHAPE(x), d);
    const struct gather_attr attr = { .dim = dim };
    x = cut_to(ctx, x, index, dim);
    return lat_apply(ctx, &lat_op_gather, (lattn_tensor *[]){ x, index }, 2, &attr);
}
