// SPDX-License-Identifier: MIT
//
// Runs an update rule over one arena: a workgroup per chunk of LAT_OPTIM_CHUNK elements, arenas
// longer than a binding in runs of whole chunks. The form for CPU drivers takes arenas of whole chunks,
// as tensor/flat.c makes them.

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

// What the form for CPU drivers needs besides. An absent moment is bound to the weights.
static void in_lanes(lattn_ctx *ctx, struct lat_kernel *k)
{
    lat_wide_subgroups(ctx, k);
    k->push_address[0] = offsetof(struct optim_push, grad_address);
    k->push_address[5] = offsetof(struct optim_push, param_address);
    k->push_address[6] = offsetof(struct optim_push, moment1_address);
    k->push_address[7] = offsetof(struct optim_push, moment2_address);
}

lattn_status lat_update_run(
    lattn_ctx *ctx, const struct lat_update_shaders *rule, const struct lat_update *u)
{
    LAT_TRY(lat_check_count(rule->base->name, u->param));
    uint32_t n = (uint32_t) lat_numel(u->param);
    struct optim_push push = {
        .n_chunks = (uint32_t) lat_ceil_div(n, LAT_OPTIM_CHUNK),
        .n = n,
        .flags = (u->copy ? LAT_OPTIM_HAS_COPY : 0) | (u->moment1 ? LAT_OPTIM_HAS_MOMENT1 : 0) |
                 (u->moment2 ? LAT_OPTIM_HAS_MOMENT2 : 0),
    };
    bool cpu = lat_wide_chosen(
        ctx, rule->base->name, u->grad->dtype, n % LAT_OPTIM_CHUNK == 0 && !u->copy);
    const uint32_t spec[] = { GROUP, lat_caps(ctx)->subgroup_size, push.flags };
    const uint64_t chunk = LAT_OPTIM_CHUNK;
    struct lat_kernel kernel = {
        .shader = cpu ? rule->cpu : rule->base,
        .t = (int) u->grad->dtype,
        .u = LAT_NO_DTYPE,
        .read = { u->grad, u->chunk_group, u->groups, u->hyper, u->report },
        .n_read = 5,
        .write = { u->param, u->moment1, u->moment2, u->copy },
        .n_write = 4,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = cpu ? LAT_COUNT(spec) : 1,
        .groups = push.n_chunks,
        .split = {
            .n_rows = push.n_chunks,
            .rows_per_group = 1,
            // One group number per chunk is too narrow to be cut at aligned places: bound whole.
            .row_elements = { chunk, 0, 0, 0, 0, chunk, chunk, chunk, chunk },
            .push_n_rows = offsetof(struct optim_push, n_chunks),
            .push_row0 = offsetof(struct optim_push, chunk0),
        },
        // Moments and weights are read and written, the gradient read.
        .bytes = (double) n * (8.0 + (u->moment1 ? 8 : 0) + (u->moment2 ? 8 : 0) +
                                  (u->copy ? 2.0 : 1.0) * (double) lattn_dtype_bytes(u->grad->dtype)),
    };
    if (cpu)
        in_lanes(ctx, &kernel);
    LAT_TRY(lat_kernel_run(ctx, &kernel));
    touch(u->param);
    touch(u->moment1);
    touch(u->moment2);
    touch(u->copy);
    return LATTN_OK;
}
