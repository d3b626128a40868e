// SPDX-License-Identifier: MIT
//
// Canary words. The last thing a submission does is to write its word; when the device says
// that the submission is complete, the word must be there. One driver drops work that runs too
// long and still reports success; without this check training would go on with garbage.
//
// The host spoils the word before each submission, so a word left over from the run before
// cannot pass for a new one, and a captured graph can use the same value every time.

#include "sched/state.h"
#include <stdio.h>
#include <string.h>

static lattn_status add_page(struct lat_sched *s)
{
    struct lat_canaries *c = &s->canaries;
    // Flushing and invalidating work on whole atoms; nobody's word may lie in another's.
    c->stride = (uint32_t) LAT_MAX((uint64_t) LAT_BLOCK_ALIGNMENT, s->dev->caps.noncoherent_atom);
    c->stride = LAT_MAX(c->stride, s->dev->caps.buffer_alignment);
    LAT_TRY(LAT_RESERVE(&c->pages, c->pages.n + 1));
    LAT_TRY(LAT_RESERVE(&c->free, (c->pages.n + 1) * LAT_CANARY_PAGE_SLOTS));
    LAT_TRY(lat_sched_memory(s, LAT_MEMORY_READBACK, (uint64_t) c->stride * LAT_CANARY_PAGE_SLOTS,
        &c->pages.items[c->pages.n]));
    for (uint32_t i = 0; i < LAT_CANARY_PAGE_SLOTS; i++)
        c->free.items[c->free.n++] = (uint32_t) c->pages.n * LAT_CANARY_PAGE_SLOTS + i;
    c->pages.n++;
    return LATTN_OK;
}

static struct lat_slice word_slice(const struct lat_canaries *c, uint32_t slot)
{
    struct lat_slice slice = c->pages.items[slot / LAT_CANARY_PAGE_SLOTS];
    uint64_t within = (uint64_t) (slot % LAT_CANARY_PAGE_SLOTS) * c->stride;
    slice.offset += within;
    slice.mapped = (char *) slice.mapped + within;
    slice.bytes = c->stride;
    return slice;
}

lattn_status lat_canary_take(struct lat_sched *s, uint32_t *slot)
{
    if (s->canaries.free.n == 0)
        LAT_TRY(add_page(s));
    *slot = s->canaries.free.items[--s->canaries.free.n];
    return LATTN_OK;
}

void lat_canary_give(struct lat_sched *s, uint32_t slot)
{
    s->canaries.free.items[s->canaries.free.n++] = slot;  // room was reserved with the page
}

void lat_canary_place(struct lat_sched *s, uint32_t slot, VkBuffer *buffer, uint64_t *offset)
{
    struct lat_slice slice = word_slice(&s->canaries, slot);
    *buffer = slice.buffer;
    *offset = slice.offset;
}

lattn_status lat_canary_arm(struct lat_sched *s, uint32_t slot, uint32_t value)
{
    struct lat_slice slice = word_slice(&s->canaries, slot);
    uint32_t spoiled = ~value;
    memcpy(slice.mapped, &spoiled, sizeof spoiled);
    return lat_memory_flush(s->dev, &slice);
}

lattn_status lat_canary_check(struct lat_sched *s, uint32_t slot, uint32_t value)
{
    struct lat_slice slice = word_slice(&s->canaries, slot);
    LAT_TRY(lat_memory_invalidate(s->dev, &slice));
    uint32_t found;
    memcpy(&found, slice.mapped, sizeof found);
    if (found == value)
        return LATTN_OK;
    s->dev->lost = true;
    snprintf(s->dev->lost_text, sizeof s->dev->lost_text,
        "the driver reported success but dropped work: the last word of a submission is 0x%08x, "
        "not 0x%08x; a smaller LATTN_SUBMIT_MS may help",
        found, value);
    return lat_err(LATTN_ERR_DEVICE_LOST, "%s", s->dev->lost_text);
}

void lat_canaries_free(struct lat_sched *s)
{
    for (size_t i = 0; i < s->canaries.pages.n; i++)
        lat_memory_free(s->dev, &s->canaries.pages.items[i]);
    lat_free(s->canaries.pages.items);
    lat_free(s->canaries.free.items);
}
