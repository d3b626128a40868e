// SPDX-License-Identifier: MIT
//
// Steps: who owns the results of ops, and when recorded work goes to the device.
//
// The tensors of all open steps are in one list, with a mark where each step begins. Ending a step
// gives up the references behind its mark *before* the work is flushed: memory that nobody else
// refers to by then is planned by lifetimes and shared.

#include "tensor/tensor.h"
#include "base/rng.h"

void lat_step_drop(lattn_ctx *ctx)
{
    size_t first = ctx->marks.n ? ctx->marks.items[--ctx->marks.n] : 0;
    // Newest first, so that a history is taken apart from its end.
    while (ctx->step.n > first)
        lat_tensor_unref(ctx->step.items[--ctx->step.n]);
}

lattn_status lattn_step_begin(lattn_ctx *ctx)
{
    return lat_done(ctx, LAT_PUSH(&ctx->marks, ctx->step.n));
}

static lattn_status end_outermost(lattn_ctx *ctx)
{
    ctx->rng.step++;
    ctx->rng.op = 0;
    ctx->rng_stale = true;
    if (ctx->guards)
        LAT_TRY(lat_guard_check(ctx));
    return lat_sched_flush(ctx->sched);
}

lattn_status lattn_step_end(lattn_ctx *ctx)
{
    size_t floor = ctx->capturing ? ctx->capture_marks : 0;
    if (ctx->marks.n <= floor)
        return lat_done(ctx, lat_err(LATTN_ERR_STATE, "lattn_step_end without lattn_step_begin"));
    lat_step_drop(ctx);
    if (ctx->marks.n > 0 || ctx->capturing)
        return lat_done(ctx, LATTN_OK);
    return lat_done(ctx, end_outermost(ctx));
}

lattn_status lattn_flush(lattn_ctx *ctx)
{
    lattn_status st = lat_not_capturing(ctx, "lattn_flush");
    return lat_done(ctx, st ? st : lat_sched_flush(ctx->sched));
}

lattn_status lattn_sync(lattn_ctx *ctx)
{
    lattn_status st = lat_not_capturing(ctx, "lattn_sync");
    return lat_done(ctx, st ? st : lat_sched_wait(ctx->sched));
}

lattn_stats lattn_ctx_stats(const lattn_ctx *ctx)
{
    lattn_stats stats = ctx->dev->stats;
    stats.host_allocations = lat_alloc_count();
    return stats;
}

// ---- the random stream ------------------------------------------------------------------------

lattn_rng_state lattn_rng_get(const lattn_ctx *ctx)
{
    return ctx->rng;
}

void lattn_rng_set(lattn_ctx *ctx, lattn_rng_state state)
{
    ctx->rng = state;
    ctx->rng_stale = true;
}

lattn_tensor *lat_rng_tensor(lattn_ctx *ctx, uint32_t *op)
{
    *op = ctx->rng.op++;
    // A captured step is given its key before every run (graph.c).
    if (!ctx->rng_stale || ctx->capturing)
        return ctx->rng_state;
    uint32_t words[4] = { 0 };
    lat_philox_key(ctx->rng.seed, ctx->rng.step, words);
    struct lat_range range = { ctx->rng_state->storage->block, 0, sizeof words };
    lattn_status st = lat_sched_update(ctx->sched, range, words);
    if (st)
        return lat_fail_status(ctx, st);
    ctx->rng_stale = false;
    return ctx->rng_state;
}
