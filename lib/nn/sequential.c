// SPDX-License-Identifier: MIT
//
// Containers: modules in a row, and a tensor made flat between convolutions and linear layers.

#include <stdio.h>
#include "nn/module.h"
#include "tensor/tensor.h"

static lattn_tensor *run_children(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    for (size_t i = 0; i < m->children.n; i++)
        x = lattn_module_forward(ctx, m->children.items[i], x);
    return x;
}

lattn_status lattn_sequential_create(lattn_ctx *ctx, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    LAT_TRY(lat_module_new(ctx, "sequential", 0, out));
    (*out)->forward = run_children;
    return LATTN_OK;
}

lattn_status lattn_sequential_append(lattn_module *m, lattn_module *child)
{
    // The child is m's in every case, so nobody else frees it.
    if (!m && child && !child->parent)
        lattn_module_destroy(&child);
    LAT_CHECK_ARG(m);
    LAT_CHECK_ARG(child);
    char name[24];
    snprintf(name, sizeof name, "%zu", m->children.n);
    return lattn_module_add(m, name, child);
}

static lattn_tensor *flatten(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x)
{
    (void) m;
    if (!x)
        return NULL;
    if (lat_rank(x) < 2)
        return lat_fail(
            ctx, LATTN_ERR_SHAPE, "flatten: %s has no dimension after the first", LAT_SHAPE(x));
    int64_t n = lat_dim(x, 0), rest = 1;
    for (int d = 1; d < lat_rank(x); d++)
        rest *= lat_dim(x, d);
    return lattn_reshape(ctx, x, 2, (int64_t[]){ n, rest });
}

lattn_status lattn_flatten_create(lattn_ctx *ctx, lattn_module **out)
{
    LAT_CHECK_ARG(out);
    LAT_TRY(lat_module_new(ctx, "flatten", 0, out));
    (*out)->forward = flatten;
    return LATTN_OK;
}
