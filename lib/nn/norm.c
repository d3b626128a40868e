// SPDX-License-Identifier: MIT
//
// Layer norm, alone and fused with the dropout and the residual in front of it; RMS norm.

#include "nn/module.h"
#include "nn/transformer.h"

static const char kind[] = "layer_norm";

struct norm {
    lattn_tensor *weight, *bias;  // NULL without affine
    float eps;
};

static lattn_status add_parameters(lattn_module *m, const lattn_layer_norm_params *p)
{
    struct norm *n = m->data;
    lattn_parameter_params param = {
        .dtype = p->dtype,
        .rank = 1,
        .dims = &p->size,
        .init = { LATTN_INIT_ONES, 0 },
        .no_decay = true,
    };
    n->eps = p->eps > 0 ? p->eps : 1e-5f;
    if (p->no_affine)
        return LATTN_OK;
    LAT_TRY(lattn_module_add_parameter(m, "weight", &param, &n->weight));
    param.init.kind = LATTN_INIT_ZEROS;
    return lattn_module_add_parameter(m, "bias", &param, &n->bias);
}

lattn_status lattn_layer_norm_create(
    lattn_ctx *ctx, const lattn_layer_norm_params *params, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    if (params->size < 1)
        return lat_err(
            LATTN_ERR_ARG, "layer_norm: size %lld must be >= 1", (long long) params->size);
    if (!(params->eps >= 0))
        return lat_err(LATTN_ERR_ARG, "layer_norm: eps %g must be >= 0", (double) params->eps);
    LAT_TRY(lat_module_new(ctx, kind, sizeof(struct norm), out));
    (*out)->forward = lattn_layer_norm_forward;
    lattn_status st = add_parameters(*out, params);
    if (st)
        lattn_module_destroy(out);
    return st;
}

lattn_tensor *lattn_layer_norm_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    LAT_NEED_ARG(ctx, m);
    const struct norm *n = lat_module_data(ctx, m, kind);
    return n ? lattn_layer_norm(ctx, x, n->weight, n->bias, n->eps) : NULL;
}

lattn_tensor *lattn_layer_norm_residual_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, lattn_tensor *residual, float p)
{
    LAT_NEED_ARG(ctx, m);
    const struct norm *n = lat_module_data(ctx, m, kind);
    return n ? lattn_dropout_add_layer_norm(ctx, x, residual, n->weight, n->bias, p, n->eps) : NULL;
}

lattn_tensor *lat_layer_norm_embed_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *word,
    lattn_tensor *ids, const lattn_embed_layer_norm_args *args)
{
    const struct norm *n = lat_module_data(ctx, m, kind);
    if (!n)
        return NULL;
    lattn_embed_layer_norm_args full = *args;
    full.weight = n->weight;
    full.bias = n->bias;
    full.eps = n->eps;
    return lattn_embed_layer_norm(ctx, word, ids, &full);
}

bool lat_is_layer_norm(const lattn_module *m)
{
    return m->kind == kind;
}

// ---- RMS norm -------------------------------------------------------------------------------------

static const char rms_kind[] = "rms_norm";

lattn_status lattn_rms_norm_create(
    lattn_ctx *ctx, const lattn_rms_norm_params *params, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    if (params->size < 1 || !(params->eps >= 0))
        return lat_err(LATTN_ERR_ARG, "rms_norm: size %lld must be >= 1 and eps %g >= 0",
            (long long) params->size, (double) params->eps);
    LAT_TRY(lat_module_new(ctx, rms_kind, sizeof(struct norm), out));
    struct norm *n = (*out)->data;
    (*out)->forward = lattn_rms_norm_forward;
    n->eps = params->eps > 0 ? params->eps : 1e-6f;
    lattn_parameter_params param = {
        .dtype = params->dtype,
        .rank = 1,
        .dims = &params->size,
        .init = { LATTN_INIT_ONES, 0 },
        .no_decay = true,
    };
    lattn_status st = lattn_module_add_parameter(*out, "weight", &param, &n->weight);
    if (st)
        lattn_module_destroy(out);
    return st;
}

lattn_tensor *lattn_rms_norm_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    LAT_NEED_ARG(ctx, m);
    const struct norm *n = lat_module_data(ctx, m, rms_kind);
    return n ? lattn_rms_norm(ctx, x, n->weight, n->eps) : NULL;
}
