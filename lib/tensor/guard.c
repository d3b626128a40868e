// SPDX-License-Identifier: MIT
//
// Guard bands (LATTN_CHECK=guard). Descriptors have exact ranges, and a store outside of one may be
// dropped without a word (lavapipe does), so a kernel that writes out of range looks right until it
// runs on another driver. With guards, bindings reach into a band behind the data, where such a
// store leaves a trace and such a load finds NaN: 0xff bytes are NaN in every float type.
//
// Blocks are held here until their bands were looked at, so no memory is shared meanwhile. The bands
// of a batch are gathered on the device and downloaded at once.

#include "tensor/tensor.h"
#include <string.h>

struct guard {
    struct lat_block *block;
    uint64_t bytes;  // of the data
};

struct lat_guards {
    struct {
        struct guard *items;
        size_t n, capacity;
    } guards;
    uint8_t *bands;  // of one batch
};

enum { BATCH = 128, PATTERN = 0xff };
static const uint32_t PATTERN_WORD = 0xffffffff;

lattn_status lat_guards_create(lattn_ctx *ctx)
{
    struct lat_guards *g = LAT_NEW(struct lat_guards);
    if (!g)
        return LATTN_ERR_HOST_MEMORY;
    g->bands = lat_alloc((size_t) BATCH * 2 * LAT_GUARD_BYTES);
    if (!g->bands) {
        lat_free(g);
        return LATTN_ERR_HOST_MEMORY;
    }
    ctx->guards = g;
    return LATTN_OK;
}

static void forget(struct lat_guards *g)
{
    for (size_t i = 0; i < g->guards.n; i++)
        lat_block_release(g->guards.items[i].block);
    g->guards.n = 0;
}

void lat_guards_destroy(lattn_ctx *ctx)
{
    struct lat_guards *g = ctx->guards;
    ctx->guards = NULL;
    if (!g)
        return;
    forget(g);
    lat_free(g->guards.items);
    lat_free(g->bands);
    lat_free(g);
}

// The band behind the data starts with the word that the data's last bytes are in.
static struct lat_range band(const struct guard *g, int behind)
{
    uint64_t offset = behind ? LAT_GUARD_BYTES + g->bytes / 4 * 4 : 0;
    return (struct lat_range){ g->block, offset, LAT_GUARD_BYTES };
}

lattn_status lat_guard_block(
    lattn_ctx *ctx, uint64_t bytes, struct lat_block **block, uint64_t *offset)
{
    struct lat_guards *g = ctx->guards;
    LAT_TRY(LAT_RESERVE(&g->guards, g->guards.n + 1));
    uint64_t total = 2 * LAT_GUARD_BYTES + (bytes + 3) / 4 * 4;
    LAT_TRY(lat_block_create(ctx->sched, LAT_BLOCK_STEP, total, block));
    struct guard *entry = &g->guards.items[g->guards.n++];
    *entry = (struct guard){ *block, bytes };
    lat_block_retain(*block);
    *offset = LAT_GUARD_BYTES;
    LAT_TRY(lat_sched_fill(ctx->sched, band(entry, 0), PATTERN_WORD));
    return lat_sched_fill(ctx->sched, band(entry, 1), PATTERN_WORD);
}

static lattn_status gather(
    lattn_ctx *ctx, const struct guard *guards, size_t n, struct lat_block *into)
{
    struct lat_range all = { into, 0, n * 2 * LAT_GUARD_BYTES };
    for (size_t i = 0; i < 2 * n; i++) {
        struct lat_range to = { into, i * LAT_GUARD_BYTES, LAT_GUARD_BYTES };
        LAT_TRY(lat_sched_copy(ctx->sched, to, band(&guards[i / 2], i % 2)));
    }
    return lat_sched_download(ctx->sched, all, ctx->guards->bands);
}

static lattn_status inspect(const struct guard *g, const uint8_t *bands)
{
    uint64_t skip = g->bytes % 4;  // of the band behind: still data
    for (uint64_t i = 0; i < 2 * LAT_GUARD_BYTES; i++) {
        bool behind = i >= LAT_GUARD_BYTES;
        if (bands[i] == PATTERN || (behind && i - LAT_GUARD_BYTES < skip))
            continue;
        if (behind)
            return lat_err(LATTN_ERR_INTERNAL,
                "guard: byte %llu behind a tensor of %llu bytes was overwritten",
                (unsigned long long) (i - LAT_GUARD_BYTES - skip), (unsigned long long) g->bytes);
        return lat_err(LATTN_ERR_INTERNAL,
            "guard: byte %llu before a tensor of %llu bytes was overwritten",
            (unsigned long long) (LAT_GUARD_BYTES - i), (unsigned long long) g->bytes);
    }
    return LATTN_OK;
}

static lattn_status check_batch(lattn_ctx *ctx, const struct guard *guards, size_t n)
{
    struct lat_block *into;
    LAT_TRY(lat_block_create(ctx->sched, LAT_BLOCK_STEP, n * 2 * LAT_GUARD_BYTES, &into));
    lattn_status st = gather(ctx, guards, n, into);
    lat_block_release(into);
    for (size_t i = 0; i < n && !st; i++)
        st = inspect(&guards[i], ctx->guards->bands + i * 2 * LAT_GUARD_BYTES);
    return st;
}

lattn_status lat_guard_check(lattn_ctx *ctx)
{
    struct lat_guards *g = ctx->guards;
    if (!g)
        return LATTN_OK;
    lattn_status st = LATTN_OK;
    for (size_t i = 0; i < g->guards.n && !st; i += BATCH)
        st = check_batch(ctx, g->guards.items + i, LAT_MIN(g->guards.n - i, (size_t) BATCH));
    forget(g);
    return st;
}
