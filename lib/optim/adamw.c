// SPDX-License-Identifier: MIT
//
// AdamW: its numbers, and the differences from 1 in double. Bias corrections are the device's
// (shaders/optim/grad_norm_finish.comp), the update itself is shaders/optim/adamw.comp.
// Source: Loshchilov & Hutter 2017, arXiv:1711.05101, algorithm 2.

#include <math.h>
#include "base/alloc.h"
#include "optim/optim.h"

static void fill(const lattn_optim *o, float hyper[LAT_HYPER_COUNT])
{
    hyper[LAT_HYPER_BETA1] = o->beta1;
    hyper[LAT_HYPER_SHARE1] = (float) (1 - (double) o->beta1);
    hyper[LAT_HYPER_BETA2] = o->beta2;
    hyper[LAT_HYPER_SHARE2] = (float) (1 - (double) o->beta2);
    hyper[LAT_HYPER_EPS] = o->eps;
}

static const struct lat_rule rule = {
    .name = "adamw",
    .moment_names = { "exp_avg", "exp_avg_sq" },
    .fill = fill,
    .run = lat_adamw_run,
};

lattn_status lattn_adamw_create(
    lattn_ctx *ctx, lattn_module *module, const lattn_adamw_params *params, lattn_optim **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(module);
    LAT_CHECK_ARG(params);
    float beta1 = params->has_betas ? params->beta1 : 0.9f;
    float beta2 = params->has_betas ? params->beta2 : 0.999f;
    if (!params->has_betas && (params->beta1 != 0 || params->beta2 != 0))
        return lat_err(LATTN_ERR_ARG, "adamw: betas %g and %g are given without has_betas",
            (double) params->beta1, (double) params->beta2);
    float eps = params->eps != 0 ? params->eps : 1e-8f;
    if (!(beta1 >= 0 && beta1 < 1) || !(beta2 >= 0 && beta2 < 1))
        return lat_err(LATTN_ERR_ARG, "adamw: betas %g and %g must be in [0, 1)", (double) beta1,
            (double) beta2);
    if (!(eps > 0) || !isfinite(eps))
        return lat_err(LATTN_ERR_ARG, "adamw: eps %g must be above 0", (double) eps);
    lattn_optim *o = LAT_NEW(lattn_optim);
    if (!o)
        return LATTN_ERR_HOST_MEMORY;
    *o = (lattn_optim){ .common = params->common, .beta1 = beta1, .beta2 = beta2, .eps = eps };
    return lat_optim_open(ctx, module, &rule, o, out);
}
