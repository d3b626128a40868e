// SPDX-License-Identifier: MIT
//
// Batch norm with its running statistics, alone and fused with what usually follows it.

#include <string.h>
#include "nn/module.h"

static const char kind[] = "batch_norm";

struct norm {
    lattn_tensor *weight, *bias;  // NULL without affine
    lattn_batch_norm_args args;   // residual and relu are those of a call
};

static lattn_status add_parameters(lattn_module *m, const lattn_batch_norm_params *p)
{
    struct norm *n = m->data;
    lattn_parameter_params param = {
        .dtype = p->dtype,
        .rank = 1,
        .dims = &p->num_features,
        .init = { LATTN_INIT_ONES, 0 },
        .no_decay = true,
    };
    if (p->no_affine)
        return LATTN_OK;
    LAT_TRY(lattn_module_add_parameter(m, "weight", &param, &n->weight));
    param.init.kind = LATTN_INIT_ZEROS;
    return lattn_module_add_parameter(m, "bias", &param, &n->bias);
}

static lattn_status add_buffers(lattn_module *m, const lattn_batch_norm_params *p)
{
    struct norm *n = m->data;
    lattn_parameter_params buffer = {
        .dtype = LATTN_DTYPE_F32,
        .rank = 1,
        .dims = &p->num_features,
        .init = { LATTN_INIT_ZEROS, 0 },
    };
    if (p->no_running)
        return LATTN_OK;
    LAT_TRY(lattn_module_add_buffer(m, "running_mean", &buffer, &n->args.running_mean));
    buffer.init.kind = LATTN_INIT_ONES;
    LAT_TRY(lattn_module_add_buffer(m, "running_var", &buffer, &n->args.running_var));
    const lattn_parameter_params count = { .dtype = LATTN_DTYPE_I32, .optional = true };
    return lattn_module_add_buffer(m, "num_batches_tracked", &count, &n->args.num_batches_tracked);
}

static lattn_status add_tensors(lattn_module *m, const lattn_batch_norm_params *p)
{
    LAT_TRY(add_parameters(m, p));
    return add_buffers(m, p);
}

static lattn_tensor *forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, lattn_tensor *residual, bool relu)
{
    const struct norm *n = lat_module_data(ctx, m, kind);
    if (!n)
        return NULL;
    lattn_batch_norm_args args = n->args;
    args.residual = residual;
    args.relu = relu;
    return lattn_batch_norm(ctx, x, n->weight, n->bias, &args);
}

lattn_tensor *lattn_batch_norm_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    LAT_NEED_ARG(ctx, m);
    return forward(ctx, m, x, NULL, false);
}

lattn_tensor *lattn_batch_norm_relu_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, lattn_tensor *residual)
{
    LAT_NEED_ARG(ctx, m);
    return forward(ctx, m, x, residual, true);
}

static lattn_tensor *relu_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    return forward(ctx, m, x, NULL, true);
}

lattn_status lattn_batch_norm_create(
    lattn_ctx *ctx, const lattn_batch_norm_params *params, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    if (params->num_features < 1)
        return lat_err(LATTN_ERR_ARG, "batch_norm: num_features %lld must be >= 1",
            (long long) params->num_features);
    if (!(params->eps >= 0) || !(params->momentum >= 0 && params->momentum <= 1))
        return lat_err(LATTN_ERR_ARG,
            "batch_norm: eps %g must be >= 0 and momentum %g within [0, 1]", (double) params->eps,
            (double) params->momentum);
    LAT_TRY(lat_module_new(ctx, kind, sizeof(struct norm), out));
    struct norm *n = (*out)->data;
    n->args.eps = params->eps;
    n->args.momentum = params->momentum;
    (*out)->forward = params->relu ? relu_forward : lattn_batch_norm_forward;
    lattn_status st = add_tensors(*out, params);
    if (st)
        lattn_module_destroy(out);
    return st;
}

lattn_status lattn_batch_norm_set_frozen(lattn_module *m, bool on)
{
    LAT_CHECK_ARG(m);
    if (strcmp(m->kind, kind) == 0) {
        struct norm *n = m->data;
        if (on && !n->args.running_mean)
            return lat_err(
                LATTN_ERR_STATE, "batch_norm: there are no running statistics to hold to");
        n->args.frozen = on;
    }
    for (size_t i = 0; i < m->children.n; i++)
        LAT_TRY(lattn_batch_norm_set_frozen(m->children.items[i], on));
    return LATTN_OK;
}
