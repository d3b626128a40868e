// SPDX-License-Identifier: MIT
//
// Gives every block of a list a place in memory.
//
//   own slice already (KEPT, or a STEP block of an earlier list)   that slice
//   STEP block that somebody outside the list refers to            a new slice of its own
//   STEP block that only the list knows                            planned memory
//
// Lifetimes are not counted in commands but in epochs: the stretches between the barriers that
// the list would need if no memory were shared. Commands of one epoch may run side by side, so
// blocks alive in the same epoch never share memory, and sharing never adds a barrier.
//
// There is one arena of planned memory. Every list may use all of it, because lists run one
// after the other and leave nothing behind in it.

#include "sched/state.h"
#include <string.h>

// Larger steps get several chunks: many drivers refuse or mistreat very large buffers.
static const uint64_t MAX_CHUNK_BYTES = (uint64_t) 1 << 30;

static uint64_t chunk_limit(const struct lat_sched *s)
{
    const struct lat_caps *caps = &s->dev->caps;
    uint64_t limit = LAT_MIN(MAX_CHUNK_BYTES, caps->max_allocation_bytes);
    limit = LAT_MIN(limit, caps->max_buffer_bytes);
    return limit / LAT_BLOCK_ALIGNMENT * LAT_BLOCK_ALIGNMENT;
}

static uint64_t alignment(const struct lat_sched *s)
{
    return LAT_MAX((uint64_t) LAT_BLOCK_ALIGNMENT, s->dev->caps.buffer_alignment);
}

static bool is_planned(const struct lat_sched *s, const struct lat_block *b)
{
    return !b->slice.buffer && b->refs == 1 && b->bytes <= chunk_limit(s);
}

// ---- the arena ------------------------------------------------------------------------------

void lat_plan_arena_release(struct lat_sched *s, struct lat_plan_arena **arena)
{
    struct lat_plan_arena *a = *arena;
    *arena = NULL;
    if (!a || --a->refs > 0)
        return;
    for (uint32_t i = 0; i < a->n_chunks; i++)
        lat_memory_free(s->dev, &a->chunks[i]);
    lat_free(a->chunks);
    lat_free(a);
}

static lattn_status arena_create(struct lat_sched *s, uint64_t bytes, struct lat_plan_arena **out)
{
    struct lat_plan_arena *a = LAT_NEW(struct lat_plan_arena);
    if (!a)
        return LATTN_ERR_HOST_MEMORY;
    a->refs = 1;
    a->bytes = bytes;
    a->chunk_bytes = chunk_limit(s);
    uint32_t n = (uint32_t) ((bytes + a->chunk_bytes - 1) / a->chunk_bytes);
    lattn_status st = LATTN_ERR_HOST_MEMORY;
    a->chunks = lat_calloc(n, sizeof *a->chunks);
    if (!a->chunks)
        goto done;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t left = bytes - i * a->chunk_bytes;
        LAT_GO(
            lat_sched_memory(s, LAT_MEMORY_DEVICE, LAT_MIN(left, a->chunk_bytes), &a->chunks[i]));
        a->n_chunks++;
    }
    *out = a;
    return LATTN_OK;

done:
    lat_plan_arena_release(s, &a);
    return st;
}

// An arena of at least bytes. A little more than asked for, so that shapes that vary slightly
// from step to step do not make it grow every time.
static lattn_status arena_reserve(struct lat_sched *s, uint64_t bytes)
{
    if (s->arena && s->arena->bytes >= bytes)
        return LATTN_OK;
    uint64_t roomy = (bytes + bytes / 8 + 65535) / 65536 * 65536;
    lat_plan_arena_release(s, &s->arena);  // first, so that both need not fit at once
    if (arena_create(s, roomy, &s->arena) == LATTN_OK)
        return LATTN_OK;
    LAT_TRY(lat_device_alive(s->dev));
    return arena_create(s, bytes, &s->arena);
}

static struct lat_place place_in_arena(const struct lat_plan_arena *a, uint64_t offset)
{
    const struct lat_slice *chunk = &a->chunks[offset / a->chunk_bytes];
    uint64_t within = offset % a->chunk_bytes;
    return (struct lat_place){
        .buffer = chunk->buffer,
        .offset = chunk->offset + within,
        .address = chunk->address ? chunk->address + within : 0,
    };
}

// ---- lifetimes ------------------------------------------------------------------------------

// As hazards see it, a block without memory is a stretch of a buffer that no driver has: number
// 0, with 2^40 bytes for every slot.
static struct lat_access virtual_access(const struct lat_list *list, const struct lat_use *u)
{
    const struct lat_slice *slice = &list->blocks.items[u->slot].block->slice;
    struct lat_access a = { .offset = u->offset, .bytes = u->bytes, .write = u->write };
    if (slice->buffer) {
        a.buffer = (uint64_t) (uintptr_t) slice->buffer;
        a.offset += slice->offset;
    } else {
        a.offset += (uint64_t) u->slot << 40;
    }
    return a;
}

static lattn_status find_epochs(struct lat_sched *s, const struct lat_list *list)
{
    LAT_TRY(LAT_RESERVE(&s->epochs, list->commands.n + 1));
    lat_hazards_reset(&s->hazards);
    uint32_t epoch = 0;
    for (size_t i = 0; i < list->commands.n; i++) {
        const struct lat_command *c = &list->commands.items[i];
        struct lat_access accesses[LAT_MAX_BINDINGS];
        for (uint32_t k = 0; k < c->n_uses; k++)
            accesses[k] = virtual_access(list, &list->uses.items[c->first_use + k]);
        enum lat_barrier barrier;
        LAT_TRY(lat_hazards_command(&s->hazards, accesses, c->n_uses, &barrier));
        epoch += barrier != LAT_BARRIER_NONE;
        s->epochs.items[i] = epoch;
    }
    return LATTN_OK;
}

static lattn_status plan_blocks(struct lat_sched *s, struct lat_list *list, uint64_t *total)
{
    LAT_TRY(find_epochs(s, list));
    struct lat_planner *planner = &s->planner;
    LAT_TRY(LAT_RESERVE(&planner->items, list->blocks.n));
    planner->items.n = 0;
    for (size_t i = 0; i < list->blocks.n; i++) {
        const struct lat_list_block *lb = &list->blocks.items[i];
        if (!is_planned(s, lb->block))
            continue;
        planner->items.items[planner->items.n++] = (struct lat_plan_item){
            .bytes = LAT_MAX(lb->block->bytes, 4),
            .first = s->epochs.items[lb->first],
            .last = s->epochs.items[lb->last],
        };
    }
    struct lat_plan_limits limits = { alignment(s), chunk_limit(s) };
    return lat_plan(planner, &limits, total);
}

static lattn_status own_memory(struct lat_sched *s, struct lat_block *b)
{
    uint64_t bytes = (LAT_MAX(b->bytes, 1) + LAT_BLOCK_ALIGNMENT - 1) / LAT_BLOCK_ALIGNMENT *
                     LAT_BLOCK_ALIGNMENT;
    return lat_sched_memory(s, LAT_MEMORY_DEVICE, bytes, &b->slice);
}

// ---- the list -------------------------------------------------------------------------------

lattn_status lat_place_list(
    struct lat_sched *s, struct lat_list *list, struct lat_plan_arena **arena)
{
    *arena = NULL;
    uint32_t n_planned = 0;
    for (size_t i = 0; i < list->blocks.n; i++) {
        struct lat_block *b = list->blocks.items[i].block;
        if (is_planned(s, b))
            n_planned++;
        else if (!b->slice.buffer)
            LAT_TRY(own_memory(s, b));
    }
    if (n_planned) {
        uint64_t total;
        LAT_TRY(plan_blocks(s, list, &total));
        LAT_TRY(arena_reserve(s, total));
        s->dev->stats.plan_bytes = LAT_MAX(s->dev->stats.plan_bytes, total);
        s->arena->refs++;
        *arena = s->arena;
    }

    size_t k = 0;
    for (size_t i = 0; i < list->blocks.n; i++) {
        struct lat_list_block *lb = &list->blocks.items[i];
        const struct lat_slice *slice = &lb->block->slice;
        bool planned = is_planned(s, lb->block);
        lb->planned_at = planned ? s->planner.items.items[k++].offset : LAT_NOT_PLANNED;
        lb->place = planned ? place_in_arena(s->arena, lb->planned_at)
                            : (struct lat_place){ slice->buffer, slice->offset, slice->address };
    }
    return LATTN_OK;
}

// Offsets stay as planned: an arena that grew has chunks of the same size, only more of them.
bool lat_place_again(struct lat_sched *s, struct lat_list *list, struct lat_plan_arena **arena)
{
    if (!*arena || !s->arena || *arena == s->arena || s->arena->bytes < (*arena)->bytes)
        return false;
    lat_plan_arena_release(s, arena);
    s->arena->refs++;
    *arena = s->arena;
    for (size_t i = 0; i < list->blocks.n; i++) {
        struct lat_list_block *lb = &list->blocks.items[i];
        if (lb->planned_at != LAT_NOT_PLANNED)
            lb->place = place_in_arena(s->arena, lb->planned_at);
    }
    return true;
}
