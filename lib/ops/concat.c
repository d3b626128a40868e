// SPDX-License-Identifier: MIT
//
// concat: tensors one after the other along a dimension. Each is copied into its slice of the
// result; backward hands every input its slice of the gradient. More tensors than an op takes are
// joined in groups first.

#include "autograd/op.h"
#include "lattn/ops.h"
#include "ops/internal.h"

extern const struct lat_op lat_op_concat;

struct concat_attr {
    int dim;
};

static lattn_status mismatch(struct lat_call *c, int i, int dim)
{
    lat_fail(c->ctx, LATTN_ERR_SHAPE,
        "concat: input 0 is %s %s and input %d is %s %s; they may differ in dimension %d only",
        lattn_dtype_name(c->in[0]->dtype), LAT_SHAPE(c->in[0]), i,
        lattn_dtype_name(c->in[i]->dtype), LAT_SHAPE(c->in[i]), dim);
    return LATTN_ERR_SHAPE;
}

static lattn_status infer(struct lat_call *c)
{
    const struct concat_attr *a = c->attr;
    const lattn_tensor *x = c->in[0];
    int64_t dims[LATTN_MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        dims[d] = x->dim[d];
    for (int i = 1; i < c->n_inputs; i++) {
        const lattn_tensor *y = c->in[i];
        if (y->rank != x->rank || y->dtype != x->dtype)
            return mismatch(c, i, a->dim);
        for (int d = 0; d < x->rank; d++)
            if (d != a->dim && y->dim[d] != x->dim[d])
                return mismatch(c, i, a->dim);
        dims[a->dim] += y->dim[a->dim];
    }
    return lat_out(c, 0, x->dtype, x->rank, dims);
}

// Input i's part of whole.
static lattn_tensor *part_of(const struct lat_call *c, lattn_tensor *whole, int i)
{
    const struct concat_attr *a = c->attr;
    int64_t start = 0;
    for (int k = 0; k < i; k++)
        start += c->in[k]->dim[a->dim];
    return lat_view_slice(whole, a->dim, start, c->in[i]->dim[a->dim], 1);
}

static lattn_status forward(struct lat_call *c)
{
    for (int i = 0; i < c->n_inputs; i++) {
        lattn_tensor *part = part_of(c, c->out[0], i);
        if (!part)
            return c->ctx->error;
        LAT_TRY(lat_prim_copy(part, c->in[i]));
    }
    return LATTN_OK;
}

static lattn_tensor *pass_grad(struct lat_call *c, int i)
{
    return part_of(c, c->grad_out[0], i);
}

const struct lat_op lat_op_concat = {
    .name = "concat",
    .n_inputs = LAT_MAX_INPUTS,
    .n_outputs = 1,
    .attr_bytes = sizeof(struct concat_attr),
    .strided_in = (1u << LAT_MAX_INPUTS) - 1,
    .infer = infer,
    .forward = forward,
    .pass_grad = pass_grad,
};

// Joins groups until few enough are left. joined has room for n.
static lattn_tensor *join(lattn_ctx *ctx, lattn_tensor **joined, int n, const struct concat_attr *a)
{
    while (n > 1) {
        int groups = 0;
        for (int i = 0; i < n; i += LAT_MAX_INPUTS) {
            int count = LAT_MIN(n - i, (int) LAT_MAX_INPUTS);
            joined[groups] =
                count == 1 ? joined[i] : lat_apply(ctx, &lat_op_concat, joined + i, count, a);
            if (!joined[groups++])
                return NULL;
        }
        n = groups;
    }
    return joined[0];
}

lattn_tensor *lattn_concat(lattn_ctx *ctx, lattn_tensor *const *xs, int n, int dim)
{
    LAT_NEED_ARRAY(ctx, xs, n);
    if (ctx->error)
        return NULL;
    if (n < 1)
        return lat_fail(ctx, LATTN_ERR_ARG, "concat: %d tensors given", n);
    for (int i = 0; i < n; i++)
        if (!xs[i])
            return NULL;
    int rank = xs[0]->rank;
    if (dim < -rank || dim >= rank)
        return lat_fail(ctx, LATTN_ERR_ARG, "concat: dim %d is outside [%d, %d)", dim, -rank, rank);

    lattn_tensor **joined = lat_memdup(xs, (size_t) n * sizeof *joined);
    if (!joined)
        return lat_fail_status(ctx, LATTN_ERR_HOST_MEMORY);
    struct concat_attr a = { dim < 0 ? dim + rank : dim };
    lattn_tensor *y = join(ctx, joined, n, &a);
    lat_free(joined);
    return y;
}
