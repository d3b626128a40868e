// SPDX-License-Identifier: MIT
//
// Storage: the memory that a tensor and its views share.
//
// Results get STEP blocks, whose memory the scheduler plans; parameters and data get KEPT blocks.
// The structs come from the context's pool.

#include "tensor/tensor.h"

static struct lat_storage *take_struct(lattn_ctx *ctx)
{
    struct lat_storage *s = ctx->pool.free_storages;
    if (s)
        ctx->pool.free_storages = s->next;
    else
        s = lat_arena_alloc(&ctx->pool.memory, sizeof *s);
    if (s)
        *s = (struct lat_storage){ .refs = 1 };
    return s;
}

static lattn_status check_size(lattn_ctx *ctx, uint64_t bytes)
{
    uint64_t limit = lat_caps(ctx)->max_allocation_bytes;
    if (bytes <= limit)
        return LATTN_OK;
    return lat_err(LATTN_ERR_GPU_MEMORY,
        "a tensor of %.1f MiB is larger than the %.1f MiB that %s allows in one piece",
        (double) bytes / 0x1p20, (double) limit / 0x1p20, ctx->info.name);
}

lattn_status lat_storage_create(
    lattn_ctx *ctx, enum lat_block_kind kind, uint64_t bytes, struct lat_storage **out)
{
    *out = NULL;
    LAT_TRY(check_size(ctx, bytes));
    struct lat_storage *s = take_struct(ctx);
    if (!s)
        return LATTN_ERR_HOST_MEMORY;
    s->bytes = bytes;
    s->kept = kind == LAT_BLOCK_KEPT;
    s->guarded = ctx->guards && !s->kept && !ctx->capturing;
    lattn_status st = LATTN_OK;
    if (bytes && s->guarded)
        st = lat_guard_block(ctx, bytes, &s->block, &s->offset);
    else if (bytes)
        st = lat_block_create(ctx->sched, kind, bytes, &s->block);
    if (st) {
        lat_storage_unref(ctx, s);
        return st;
    }
    *out = s;
    return LATTN_OK;
}

lattn_status lat_storage_on_block(lattn_ctx *ctx, struct lat_block *block, uint64_t offset,
    uint64_t bytes, struct lat_storage **out)
{
    struct lat_storage *s = *out = take_struct(ctx);
    if (!s)
        return LATTN_ERR_HOST_MEMORY;
    lat_block_retain(block);
    s->block = block;
    s->offset = offset;
    s->bytes = bytes;
    s->kept = true;
    return LATTN_OK;
}

struct lat_storage *lat_storage_ref(struct lat_storage *s)
{
    if (s)
        s->refs++;
    return s;
}

void lat_storage_unref(lattn_ctx *ctx, struct lat_storage *s)
{
    if (!s || --s->refs > 0)
        return;
    lat_block_release(s->block);
    s->next = ctx->pool.free_storages;
    ctx->pool.free_storages = s;
}
