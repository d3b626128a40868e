// SPDX-License-Identifier: MIT
//
// SGD with the three forms of momentum and Nesterov's step. The update itself is
// shaders/optim/sgd.comp; here is what a gradient counts in the velocity.
// Source: Sutskever et al. 2013, "On the importance of initialization and momentum".

#include "base/alloc.h"
#include "optim/optim.h"

static void fill(const lattn_optim *o, float hyper[LAT_HYPER_COUNT])
{
    hyper[LAT_HYPER_MOMENTUM] = o->momentum;
    hyper[LAT_HYPER_NESTEROV] = o->nesterov;
    hyper[LAT_HYPER_RATE_INSIDE] = o->form == LATTN_MOMENTUM_RATE_INSIDE;
    bool average = o->form == LATTN_MOMENTUM_AVERAGE;
    hyper[LAT_HYPER_SHARE1] = 1.0f - (average ? o->momentum : o->dampening);
    // PyTorch's first velocity is the gradient, whatever the dampening.
    hyper[LAT_HYPER_FIRST_SHARE] = average ? hyper[LAT_HYPER_SHARE1] : 1.0f;
}

static const struct lat_rule plain = {
    .name = "sgd",
    .fill = fill,
    .run = lat_sgd_run,
};
static const struct lat_rule with_momentum = {
    .name = "sgd",
    .moment_names = { "momentum_buffer" },
    .fill = fill,
    .run = lat_sgd_run,
};

static lattn_status check(const lattn_sgd_params *params)
{
    if (!(params->momentum >= 0 && params->momentum < 1))
        return lat_err(
            LATTN_ERR_ARG, "sgd: momentum %g must be in [0, 1)", (double) params->momentum);
    if (params->nesterov && (params->momentum == 0 || params->dampening != 0))
        return lat_err(LATTN_ERR_ARG,
            "sgd: Nesterov needs momentum above 0 and dampening 0, given are %g and %g",
            (double) params->momentum, (double) params->dampening);
    if ((unsigned) params->form > LATTN_MOMENTUM_AVERAGE)
        return lat_err(LATTN_ERR_ARG, "sgd: there is no form of momentum %d", (int) params->form);
    if (params->form != LATTN_MOMENTUM_RATE_OUTSIDE && params->dampening != 0)
        return lat_err(LATTN_ERR_ARG,
            "sgd: dampening is %g; only the form with the rate outside has one",
            (double) params->dampening);
    return LATTN_OK;
}

lattn_status lattn_sgd_create(
    lattn_ctx *ctx, lattn_module *module, const lattn_sgd_params *params, lattn_optim **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(module);
    LAT_CHECK_ARG(params);
    LAT_TRY(check(params));
    lattn_optim *o = LAT_NEW(lattn_optim);
    if (!o)
        return LATTN_ERR_HOST_MEMORY;
    *o = (lattn_optim){
        .common = params->common,
        .momentum = params->momentum,
        .dampening = params->dampening,
        .nesterov = params->nesterov ? 1.0f : 0.0f,
        .form = params->form,
    };
    return lat_optim_open(ctx, module, params->momentum > 0 ? &with_momentum : &plain, o, out);
}
