// SPDX-License-Identifier: MIT
//
// Dropout as a module, for trees that keep the probability beside the layers it belongs to.

#include "nn/module.h"

static const char kind[] = "dropout";

struct dropout {
    float p;
};

lattn_status lattn_dropout_create(lattn_ctx *ctx, float p, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    if (!(p >= 0 && p < 1))
        return lat_err(LATTN_ERR_ARG, "dropout: p %g is outside [0, 1)", (double) p);
    LAT_TRY(lat_module_new(ctx, kind, sizeof(struct dropout), out));
    (*out)->forward = lattn_dropout_forward;
    ((struct dropout *) (*out)->data)->p = p;
    return LATTN_OK;
}

lattn_tensor *lattn_dropout_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    LAT_NEED_ARG(ctx, m);
    const struct dropout *d = lat_module_data(ctx, m, kind);
    return d ? lattn_dropout(ctx, x, d->p) : NULL;
}
