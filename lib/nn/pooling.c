// SPDX-License-Identifier: MIT
//
// Pooling as modules, so that a tree can hold it between its layers.

#include "nn/module.h"

struct pool {
    lattn_pool2d_args args;
    int64_t height, width;  // of an adaptive pool's result
};

static lattn_tensor *max_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    return lattn_max_pool2d(ctx, x, &((const struct pool *) m->data)->args);
}

static lattn_tensor *avg_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    return lattn_avg_pool2d(ctx, x, &((const struct pool *) m->data)->args);
}

static lattn_tensor *adaptive_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    const struct pool *p = m->data;
    return lattn_adaptive_avg_pool2d(ctx, x, p->height, p->width);
}

static lattn_status create(
    lattn_ctx *ctx, const char *kind, const struct pool *pool, lattn_module **out)
{
    LAT_TRY(lat_module_new(ctx, kind, sizeof *pool, out));
    *(struct pool *) (*out)->data = *pool;
    return LATTN_OK;
}

lattn_status lattn_max_pool2d_create(
    lattn_ctx *ctx, const lattn_pool2d_args *args, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(args);
    LAT_TRY(create(ctx, "max_pool2d", &(struct pool){ .args = *args }, out));
    (*out)->forward = max_forward;
    return LATTN_OK;
}

lattn_status lattn_avg_pool2d_create(
    lattn_ctx *ctx, const lattn_pool2d_args *args, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(args);
    LAT_TRY(create(ctx, "avg_pool2d", &(struct pool){ .args = *args }, out));
    (*out)->forward = avg_forward;
    return LATTN_OK;
}

lattn_status lattn_adaptive_avg_pool2d_create(
    lattn_ctx *ctx, int64_t height, int64_t width, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    const struct pool pool = { .height = height, .width = width };
    LAT_TRY(create(ctx, "adaptive_avg_pool2d", &pool, out));
    (*out)->forward = adaptive_forward;
    return LATTN_OK;
}
