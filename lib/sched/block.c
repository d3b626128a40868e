// SPDX-License-Identifier: MIT
//
// Blocks: refcounted pieces of device memory. KEPT blocks own a slice from the start. STEP
// blocks get theirs when their list is flushed (place.c): a slice of their own if somebody
// outside the list holds a reference by then, otherwise a stretch of planned memory that is
// known to the list only.
//
// The structs come from an arena with a free list, so that a steady loop of eager steps makes
// no host allocations here, and a block still held when the scheduler goes is no leak.

#include "sched/state.h"

lattn_status lat_sched_memory(
    struct lat_sched *s, enum lat_memory_kind kind, uint64_t bytes, struct lat_slice *out)
{
    lattn_status st = lat_memory_alloc(s->dev, kind, bytes, out);
    if (st != LATTN_ERR_GPU_MEMORY || s->dev->lost || s->dev->wedged)
        return st;
    // Planned memory that only waits for the next list, and empty slabs, may stand in the way;
    // slabs can only go back to the driver when nothing runs.
    LAT_TRY(lat_sched_wait_ticket(s, s->dev->last_ticket, "memory to be given back"));
    if (s->arena && s->arena->refs == 1)
        lat_plan_arena_release(s, &s->arena);
    lat_memory_trim(s->dev);
    return lat_memory_alloc(s->dev, kind, bytes, out);
}

static struct lat_block *take_struct(struct lat_sched *s)
{
    struct lat_block *b = s->free_blocks;
    if (b)
        s->free_blocks = b->next;
    else
        b = lat_arena_alloc(&s->block_memory, sizeof *b);
    return b;
}

static uint64_t round_up(uint64_t bytes)
{
    uint64_t least = bytes ? bytes : 1;
    return (least + LAT_BLOCK_ALIGNMENT - 1) / LAT_BLOCK_ALIGNMENT * LAT_BLOCK_ALIGNMENT;
}

lattn_status lat_block_create(
    struct lat_sched *s, enum lat_block_kind kind, uint64_t bytes, struct lat_block **out)
{
    *out = NULL;
    LAT_TRY(lat_device_alive(s->dev));
    struct lat_slice slice = { 0 };
    if (kind == LAT_BLOCK_KEPT)
        LAT_TRY(lat_sched_memory(s, LAT_MEMORY_DEVICE, round_up(bytes), &slice));

    struct lat_block *b = take_struct(s);
    if (!b) {
        lat_memory_free(s->dev, &slice);
        return LATTN_ERR_HOST_MEMORY;
    }
    *b = (struct lat_block){ .sched = s, .kind = kind, .bytes = bytes, .refs = 1, .slice = slice };
    *out = b;
    return LATTN_OK;
}

lattn_status lat_block_create_host(
    struct lat_sched *s, enum lat_memory_kind kind, uint64_t bytes, struct lat_block **out)
{
    *out = NULL;
    struct lat_slice slice;
    LAT_TRY(lat_sched_memory(s, kind, bytes, &slice));
    lattn_status st = lat_block_create(s, LAT_BLOCK_STEP, bytes, out);
    if (st) {
        lat_memory_free(s->dev, &slice);
        return st;
    }
    (*out)->kind = LAT_BLOCK_KEPT;
    (*out)->slice = slice;
    return LATTN_OK;
}

void lat_block_retain(struct lat_block *b)
{
    b->refs++;
}

void lat_block_release(struct lat_block *b)
{
    if (!b)
        return;
    LAT_ASSERT(b->refs > 0);
    if (--b->refs > 0)
        return;
    // The slice may be handed out at once although commands that use it are still in flight:
    // the next owner's commands start behind a full barrier (device/memory.h).
    struct lat_sched *s = b->sched;
    lat_memory_free(s->dev, &b->slice);
    b->next = s->free_blocks;
    s->free_blocks = b;
}

uint64_t lat_block_bytes(const struct lat_block *b)
{
    return b->bytes;
}

uint64_t lat_block_address(const struct lat_block *b)
{
    return b->kind == LAT_BLOCK_KEPT ? b->slice.address : 0;
}
