// SPDX-License-Identifier: MIT
//
// tanh, sigmoid, relu, gelu, gelu_tanh, silu, leaky_relu, elu, selu, softplus, hardsigmoid, hardswish, mish
// and threshold: rows of the machinery in unary.c.
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
LAT_UNARY_OP(leaky_relu, 1, 0);
LAT_UNARY_OP(elu, 1, 0);
LAT_UNARY_OP(selu, 1, 0);
LAT_UNARY_OP(softplus, 1, 0);
LAT_UNARY_OP(hardsigmoid, 1, 0);
LAT_UNARY_OP(hardswish, 1, 0);
LAT_UNARY_OP(mish, 1, 0);
LAT_UNARY_OP(threshold, 1, 0);

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

lattn_tensor *lattn_leaky_relu(lattn_ctx *ctx, lattn_tensor *x, float slope)
{
    const struct lat_unary_attr attr = { LAT_UNARY_LEAKY_RELU, slope, 0 };
    return lat_unary_apply(ctx, &lat_op_leaky_relu, x, attr);
}

lattn_tensor *lattn_elu(lattn_ctx *ctx, lattn_tensor *x, float alpha)
{
    const struct lat_unary_attr attr = { LAT_UNARY_ELU, alpha, 1 };
    return lat_unary_apply(ctx, &lat_op_elu, x, attr);
}

lattn_tensor *lattn_selu(lattn_ctx *ctx, lattn_tensor *x)
{
    const struct lat_unary_attr attr = { LAT_UNARY_ELU, 1.6732632423543772f, 1.0507009873554805f };
    return lat_unary_apply(ctx, &lat_op_selu, x, attr);
}

lattn_tensor *lattn_softplus(lattn_ctx *ctx, lattn_tensor *x, float beta, float threshold)
{
    if (!x)
        return NULL;
    if (!(beta > 0))
        return lat_fail(ctx, LATTN_ERR_ARG, "softplus: beta %g must be positive", (double) beta);
    const struct lat_unary_attr attr = { LAT_UNARY_SOFTPLUS, beta, threshold };
    return lat_unary_apply(ctx, &lat_op_softplus, x, attr);
}

lattn_tensor *lattn_hardsigmoid(lattn_ctx *ctx, lattn_tensor *x)
{
    return apply(ctx, &lat_op_hardsigmoid, LAT_UNARY_HARDSIGMOID, x);
}

lattn_tensor *lattn_hardswish(lattn_ctx *ctx, lattn_tensor *x)
{
    return apply(ctx, &lat_op_hardswish, LAT_UNARY_HARDSWISH, x);
}

lattn_tensor *lattn_mish(lattn_ctx *ctx, lattn_tensor *x)
{
    return apply(ctx, &lat_op_mish, LAT_UNARY_MISH, x);
}

lattn_tensor *lattn_threshold(lattn_ctx *ctx, lattn_tensor *x, float threshold, float value)
{
    const struct lat_unary_attr attr = { LAT_UNARY_THRESHOLD, threshold, value };
    return lat_unary_apply(ctx, &lat_op_threshold, x, attr);
}
