// SPDX-License-Identifier: MIT
//
// Linear layer: y = epilogue(x weight^T + bias), or with a residual added.

#include <math.h>
#include "nn/module.h"

static const char kind[] = "linear";

struct linear {
    lattn_tensor *weight, *bias;  // lent by the tree
};

static lattn_status add_parameters(lattn_module *m, const lattn_linear_params *p)
{
    struct linear *l = m->data;
    float bound = p->in_features > 0 ? (float) (1.0 / sqrt((double) p->in_features)) : 0.0f;
    lattn_init uniform = { LATTN_INIT_UNIFORM, bound };
    lattn_init zeros = { LATTN_INIT_ZEROS, 0 };
    lattn_parameter_params weight = {
        .dtype = p->dtype,
        .rank = 2,
        .dims = (int64_t[]){ p->out_features, p->in_features },
        .init = p->has_init ? p->init : uniform,
    };
    lattn_parameter_params bias = {
        .dtype = p->dtype,
        .rank = 1,
        .dims = &p->out_features,
        .init = p->has_init ? zeros : uniform,
        .no_decay = true,
    };
    LAT_TRY(lattn_module_add_parameter(m, "weight", &weight, &l->weight));
    return p->no_bias ? LATTN_OK : lattn_module_add_parameter(m, "bias", &bias, &l->bias);
}

static lattn_tensor *forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    return lattn_linear_forward(ctx, m, x, LATTN_EPILOGUE_NONE);
}

lattn_status lattn_linear_create(
    lattn_ctx *ctx, const lattn_linear_params *params, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(params);
    if (params->in_features < 1 || params->out_features < 1)
        return lat_err(LATTN_ERR_ARG, "linear: in_features %lld and out_features %lld must be >= 1",
            (long long) params->in_features, (long long) params->out_features);
    LAT_TRY(lat_module_new(ctx, kind, sizeof(struct linear), out));
    (*out)->forward = forward;
    lattn_status st = add_parameters(*out, params);
    if (st)
        lattn_module_destroy(out);
    return st;
}

lattn_tensor *lattn_linear_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, lattn_epilogue epilogue)
{
    LAT_NEED_ARG(ctx, m);
    const struct linear *l = lat_module_data(ctx, m, kind);
    return l ? lattn_linear(ctx, x, l->weight, l->bias, epilogue) : NULL;
}

lattn_tensor *lattn_linear_residual_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, lattn_tensor *residual)
{
    LAT_NEED_ARG(ctx, m);
    const struct linear *l = lat_module_data(ctx, m, kind);
    return l ? lattn_linear_add(ctx, x, l->weight, l->bias, residual) : NULL;
}
