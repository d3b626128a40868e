// SPDX-License-Identifier: MIT
//
// The global norm of gradients that lie in a few flat arenas, and what follows from it for the update:
// clip factor, whether it is skipped, the next loss scale.
//
// First pass: each invocation adds up the squares of a fixed run of elements, one dispatch per
// arena, all into one list. Second pass: one workgroup adds up the list and writes the report (a very
// long list is reduced before). The order of additions depends on the sizes alone.

#include "ops/internal.h"
#include "ops/optim_kernels.h"
#include "ops/pointwise.h"
#include "optim/grad_norm.abi.h"
#include "optim/grad_norm_finish.abi.h"
#include "lat_shaders.h"
#include "tensor/flat.h"

enum { GROUP = 32, BLOCK = GROUP * LAT_GRAD_NORM_STEPS, FINISH_GROUP = 256, FINISH_MOST = 16384 };

static uint64_t blocks_of(const lattn_tensor *grads)
{
    return lat_ceil_div((uint64_t) lat_numel(grads), BLOCK);
}

// partial is the arena's own part of the list.
static lattn_status sum_arena(lattn_ctx *ctx, lattn_tensor *grads, lattn_tensor *partial)
{
    LAT_TRY(lat_check_count("grad_norm", grads));
    struct grad_norm_push push = {
        .n_blocks = (uint32_t) blocks_of(grads),
        .n = (uint32_t) lat_numel(grads),
    };
    bool cpu = lat_wide_chosen(ctx, "grad_norm", grads->dtype, push.n % LAT_FLAT_CHUNK == 0);
    const uint32_t spec[] = { GROUP, lat_caps(ctx)->subgroup_size };
    struct lat_kernel kernel = {
        .shader = cpu ? &lat_shader_grad_norm_sum_cpu : &lat_shader_grad_norm_sum,
        .t = (int) grads->dtype,
        .u = LAT_NO_DTYPE,
        .read = { grads },
        .n_read = 1,
        .write = { partial },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = cpu ? LAT_COUNT(spec) : 1,
        .groups = push.n_blocks,
        .split = {
            .n_rows = push.n_blocks,
            .rows_per_group = 1,
            .row_elements = { BLOCK, GROUP },
            .push_n_rows = offsetof(struct grad_norm_push, n_blocks),
            .push_row0 = offsetof(struct grad_norm_push, block0),
        },
        .flops = 2.0 * (double) lat_numel(grads),
    };
    if (cpu) {
        lat_wide_subgroups(ctx, &kernel);
        kernel.push_address[0] = offsetof(struct grad_norm_push, address);
    }
    return lat_kernel_run(ctx, &kernel);
}

static lattn_status finish(
    const struct lat_grad_norm *n, lattn_tensor *partial, uint64_t n_partials)
{
    struct grad_norm_finish_push push = { .n_rows = 1, .n_cols = (uint32_t) n_partials };
    const uint32_t spec[] = { FINISH_GROUP };
    struct lat_kernel kernel = {
        .shader = &lat_shader_grad_norm_finish,
        .t = LAT_NO_DTYPE,
        .u = LAT_NO_DTYPE,
        .read = { partial, n->hyper },
        .n_read = 2,
        .write = { n->report, n->carry },
        .n_write = 2,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = 1,
    };
    return lat_kernel_run(n->report->ctx, &kernel);
}

lattn_status lat_grad_norm_run(lattn_ctx *ctx, const struct lat_grad_norm *n)
{
    uint64_t n_partials = 0;
    for (int i = 0; i < n->n_grads; i++)
        n_partials += blocks_of(n->grads[i]) * GROUP;
    lattn_tensor *partial = NULL;
    if (n_partials) {
        partial = lat_tensor_new(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ (int64_t) n_partials });
        if (!partial)
            return ctx->error;
    }
    int64_t at = 0;
    for (int i = 0; i < n->n_grads; i++) {
        int64_t count = (int64_t) blocks_of(n->grads[i]) * GROUP;
        if (count == 0)
            continue;
        lattn_tensor *part = lat_view_slice(partial, 0, at, count, 1);
        LAT_TRY(part ? sum_arena(ctx, n->grads[i], part) : ctx->error);
        at += count;
    }
    if (n_partials > FINISH_MOST) {  // too long for one workgroup
        lattn_tensor *total = lat_tensor_new(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 1 });
        if (!total)
            return ctx->error;
        LAT_TRY(lat_sum_to(ctx, partial, total, false));
        partial = total;
        n_partials = 1;
    }
    LAT_TRY(finish(n, partial, n_partials));
    lat_tensor_touch(n->report);
    lat_tensor_touch(n->carry);
    return LATTN_OK;
}

// Not applied through the tape: the arenas have no history.
const struct lat_op lat_op_grad_norm = {
    .name = "grad_norm",
    .strategies = lat_wide_strategies,
    .n_strategies = LAT_WIDE_STRATEGIES,
};
