// SPDX-License-Identifier: MIT
//
// Runs an update rule over one arena: a workgroup per chunk of LAT_OPTIM_CHUNK elements, arenas
// longer than a binding in runs of whole chunks.

#include "ops/update.h"
#include "ops/pointwise.h"
#include "optim/optim.abi.h"
#include "lat_shaders.h"

enum { GROUP = 64 };

static void touch(lattn_tensor *t)
{
    if (t)
        lat_tensor_touch(t);
}

lattn_status lat_update_run(
    lattn_ctx *ctx, const struct lat_shader *rule, const struct lat_update *u)
{
    LAT_TRY(lat_check_count(rule->name, u->param));
    uint32_t n = (uint32_t) lat_numel(u->param);
    struct optim_push push = {
        .n_chunks = (uint32_t) lat_ceil_div(n, LAT_OPTIM_CHUNK),
        .n = n,
        .flags = (u->copy ? LAT_OPTIM_HAS_COPY : 0) | (u->moment1 ? LAT_OPTIM_HAS_MOMENT1 : 0) |
                 (u->moment2 ? LAT_OPTIM_HAS_MOMENT2 : 0),
    };
    const uint32_t spec[] = { GROUP };
    const uint64_t chunk = LAT_OPTIM_CHUNK;
    struct lat_kernel kernel = {
        .shader = rule,
        .t = (int) u->grad->dtype,
        .u = LAT_NO_DTYPE,
        .read = { u->grad, u->chunk_group, u->groups, u->hyper, u->report },
        .n_read = 5,
        .write = { u->param, u->moment1, u->moment2, u->copy },
        .n_write = 4,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = push.n_chunks,
        .split = {
            .n_rows = push.n_chunks,
            .rows_per_group = 1,
            .row_elements = { chunk, 1, 0, 0, 0, chunk, chunk, chunk, chunk },
            .push_n_rows = offsetof(struct optim_push, n_chunks),
            .push_row0 = offsetof(struct optim_push, chunk0),
        },
        // Moments and weights are read and written, the gradient read.
        .bytes = (double) n * (8.0 + (u->moment1 ? 8 : 0) + (u->moment2 ? 8 : 0) +
                                  (u->copy ? 2.0 : 1.0) * (double) lattn_dtype_bytes(u->grad->dtype)),
    };
    LAT_TRY(lat_kernel_run(ctx, &kernel));
    touch(u->param);
    touch(u->moment1);
    touch(u->moment2);
    touch(u->copy);
    return LATTN_OK;
}
