// SPDX-License-Identifier: MIT
//
// Activations as modules, so that a tree can hold them between its layers.

#include "nn/module.h"

typedef lattn_tensor *(*unary_fn)(lattn_ctx *ctx, lattn_tensor *x);

static lattn_tensor *leaky_relu(lattn_ctx *ctx, lattn_tensor *x)
{
    return lattn_leaky_relu(ctx, x, 0.01f);
}

static lattn_tensor *elu(lattn_ctx *ctx, lattn_tensor *x)
{
    return lattn_elu(ctx, x, 1);
}

static lattn_tensor *relu6(lattn_ctx *ctx, lattn_tensor *x)
{
    return lattn_clamp(ctx, x, 0, 6);
}

static const struct {
    const char *name;
    unary_fn fn;
} table[] = {
    [LATTN_ACTIVATION_RELU] = { "relu", lattn_relu },
    [LATTN_ACTIVATION_GELU] = { "gelu", lattn_gelu },
    [LATTN_ACTIVATION_SILU] = { "silu", lattn_silu },
    [LATTN_ACTIVATION_TANH] = { "tanh", lattn_tanh },
    [LATTN_ACTIVATION_SIGMOID] = { "sigmoid", lattn_sigmoid },
    [LATTN_ACTIVATION_LEAKY_RELU] = { "leaky_relu", leaky_relu },
    [LATTN_ACTIVATION_ELU] = { "elu", elu },
    [LATTN_ACTIVATION_SELU] = { "selu", lattn_selu },
    [LATTN_ACTIVATION_HARDSWISH] = { "hardswish", lattn_hardswish },
    [LATTN_ACTIVATION_MISH] = { "mish", lattn_mish },
    [LATTN_ACTIVATION_RELU6] = { "relu6", relu6 },
};

static bool known(lattn_activation kind)
{
    return (int) kind >= 0 && (size_t) kind < LAT_COUNT(table);
}

lattn_tensor *lattn_activate(lattn_ctx *ctx, lattn_activation kind, lattn_tensor *x)
{
    if (!known(kind))
        return lat_fail(
            ctx, LATTN_ERR_ARG, "lattn_activate: there is no activation %d", (int) kind);
    return table[kind].fn(ctx, x);
}

static lattn_tensor *forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    return (*(unary_fn *) m->data)(ctx, x);
}

lattn_status lattn_activation_create(lattn_ctx *ctx, lattn_activation kind, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    if (!known(kind))
        return lat_err(
            LATTN_ERR_ARG, "lattn_activation_create: there is no activation %d", (int) kind);
    LAT_TRY(lat_module_new(ctx, table[kind].name, sizeof(unary_fn), out));
    *(unary_fn *) (*out)->data = table[kind].fn;
    (*out)->forward = forward;
    return LATTN_OK;
}
