// SPDX-License-Identifier: MIT
//
// tanh, sigmoid, relu, gelu, gelu_tanh and silu: rows of the machinery in unary.c.
//
// tanh, sigmoid and relu keep y for backward; the others need x.

#include "ops/pointwise.h"
#include "lattn/ops.h"
#include "pointwise/unary.abi.h"

LAT_UNARY_OP(tanh, 0, 1);
LAT_UNARY_OP(sigmoid, 0, 1);
LAT_UNARY_OP(relu, 0, 1);
LAT_UNARY_OP(gelu, 1, 0);
LAT_UNARY_OP(gelu_tanh, 1, 0);
LAT_UNARY_OP(silu, 1, 0);

static lattn_tensor *apply(lattn_ctx *ctx, const struct lat_op *op, uint32_t kind, lattn_tensor *x)
{
    return lat_unary_apply(ctx, op, x, (struct lat_unary_attr){ kind, 0, 0 });
}

lattn_tensor *lattn_tanh(lattn_ctx *ctx, lattn_tensor *x)
{
    return apply(ctx, &lat_op_tanh, LAT_UNARY_TANH, x);
}

lattn_tensor *lattn_sigmoid(lattn_ctx *ctx, lattn_tensor *x)
{
    return apply(ctx, &lat_op_sigmoid, LAT_UNARY_SIGMOID, x);
}

lattn_tensor *lattn_relu(lattn_ctx *ctx, lattn_tensor *x)
{
    return apply(ctx, &lat_op_relu, LAT_UNARY_RELU, x);
}

lattn_tensor *lattn_gelu(lattn_ctx *ctx, lattn_tensor *x)
{
    return apply(ctx, &lat_op_gelu, LAT_UNARY_GELU, x);
}

lattn_tensor *lattn_gelu_tanh(lattn_ctx *ctx, lattn_tensor *x)
{
    return apply(ctx, &lat_op_gelu_tanh, LAT_UNARY_GELU_TANH, x);
}

lattn_tensor *lattn_silu(lattn_ctx *ctx, lattn_tensor *x)
{
    return apply(ctx, &lat_op_silu, LAT_UNARY_SILU, x);
}
