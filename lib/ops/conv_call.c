// SPDX-License-Identifier: MIT
//
// What convolutions do besides convolving: their arguments, dtypes, ReLU and bias.

#include "ops/conv.h"
#include "ops/pointwise.h"
#include "pointwise/unary.abi.h"

enum { X, WEIGHT, BIAS };  // inputs of all

const char *const lat_conv_dim_names[LAT_CONV_DIMS] = { "depth", "height", "width" };

bool lat_conv_defaults(lattn_ctx *ctx, const char *op, struct lat_conv_numbers *n)
{
    n->groups = n->groups ? n->groups : 1;
    for (int d = 0; d < LAT_CONV_DIMS; d++) {
        n->stride[d] = n->stride[d] ? n->stride[d] : 1;
        n->dilation[d] = n->dilation[d] ? n->dilation[d] : 1;
        // Sizes are products of these and of dimensions, in 64 bits.
        const int64_t most = INT32_MAX;
        if (n->stride[d] > 0 && n->stride[d] <= most && n->dilation[d] > 0 &&
            n->dilation[d] <= most && n->padding[d] >= 0 && n->padding[d] <= most && n->groups > 0)
            continue;
        lat_fail(ctx, LATTN_ERR_ARG,
            "%s: stride %lld, dilation %lld and groups %lld must be positive, padding %lld not "
            "negative, and none above 2^31 - 1",
            op, (long long) n->stride[d], (long long) n->dilation[d], (long long) n->groups,
            (long long) n->padding[d]);
        return false;
    }
    return true;
}

lattn_status lat_conv_check_dtypes(struct lat_call *c)
{
    const lattn_tensor *x = c->in[X], *w = c->in[WEIGHT], *b = c->in[BIAS];
    LAT_TRY(lat_check_float(c, x));
    if (w->dtype == x->dtype && (!b || b->dtype == x->dtype))
        return LATTN_OK;
    lat_fail(c->ctx, LATTN_ERR_DTYPE, "%s: dtypes of x, weight and bias (%s, %s, %s) differ",
        c->op_name, lattn_dtype_name(x->dtype), lattn_dtype_name(w->dtype),
        b ? lattn_dtype_name(b->dtype) : "none");
    return c->ctx->error;
}

// grad_out[0] where out[0] is above 0; NULL = error kept.
static lattn_tensor *through_relu(struct lat_call *c)
{
    const struct lat_unary_attr relu = { .kind = LAT_UNARY_RELU };
    lattn_tensor *y = c->out[0], *g = lat_tensor_new(c->ctx, y->dtype, y->rank, y->dim);
    if (!g || lat_numel(g) == 0)
        return g;
    struct lat_call through = {
        .ctx = c->ctx,
        .attr = &relu,
        .out = { y },
        .grad_out = { c->grad_out[0] },
        .grad_in = { g },
    };
    return lat_unary_backward(&through) ? NULL : g;
}

static lattn_status grad_bias(struct lat_call *c, lattn_tensor *g)
{
    lattn_tensor *grad = c->grad_in[BIAS];
    int64_t dims[] = { grad->dim[0], 1 };
    lattn_tensor *column = lat_view_reshape(grad, 2, dims);
    int64_t positions = 1;
    for (int d = 2; d < g->rank; d++)
        positions *= g->dim[d];
    lattn_tensor *planes = lat_view_reshape(g, 3, (int64_t[]){ g->dim[0], g->dim[1], positions });
    if (!column || !planes)
        return c->ctx->error;
    return lat_sum_to(c->ctx, planes, column, c->accumulate & 1u << BIAS);
}

lattn_status lat_conv_backward(
    struct lat_call *c, const struct lat_conv *cv, bool relu, bool transposed)
{
    lattn_tensor *x = c->in[X], *weight = c->in[WEIGHT];
    lattn_tensor *g = relu ? through_relu(c) : c->grad_out[0];
    if (!g)
        return c->ctx->error;
    if (c->grad_in[BIAS])
        LAT_TRY(grad_bias(c, g));
    if (c->grad_in[X]) {
        struct lat_conv_out dx = { .t = c->grad_in[X], .accumulate = c->accumulate & 1u << X };
        LAT_TRY(transposed ? lat_conv_forward(c->ctx, cv, g, weight, &dx)
                           : lat_conv_input(c->ctx, cv, g, weight, &dx));
    }
    if (!c->grad_in[WEIGHT])
        return LATTN_OK;
    struct lat_conv_out dw = {
        .t = c->grad_in[WEIGHT],
        .accumulate = c->accumulate & 1u << WEIGHT,
    };
    return lat_conv_weight(c->ctx, cv, transposed ? g : x, transposed ? x : g, &dw);
}
