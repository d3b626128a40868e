// SPDX-License-Identifier: MIT
//
// Hazards by byte range. Two sets of intervals hold what was read and what was written since
// the last barrier; a command that touches one of them the wrong way round needs a barrier:
//
//     it reads   what was written   read after write    memory barrier
//     it writes  what was written   write after write   memory barrier
//     it writes  what was read      write after read    execution barrier
//
// The barrier is global, so behind a memory barrier both sets are empty. Behind an execution
// barrier the writes stay: their results are still in caches that nobody flushed.
//
// Ranges are those of placed memory, so blocks that share planned memory, views and plain
// aliases all meet here as what they are: bytes of a VkBuffer. Neighbouring intervals are
// merged, which keeps the sets short when a long row of independent commands walks through
// a buffer.

#include "sched/hazard.h"
#include "base/array.h"
#include <string.h>

// Index of the first interval that ends behind lo in buffer (or lies in a later buffer).
static size_t lower(const struct lat_intervals *set, uint64_t buffer, uint64_t lo)
{
    size_t begin = 0, end = set->n;
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        const struct lat_interval *it = &set->items[middle];
        if (it->buffer < buffer || (it->buffer == buffer && it->hi <= lo))
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

static bool overlaps(const struct lat_intervals *set, const struct lat_access *a)
{
    size_t i = lower(set, a->buffer, a->offset);
    return i < set->n && set->items[i].buffer == a->buffer &&
           set->items[i].lo < a->offset + a->bytes;
}

static lattn_status insert(struct lat_intervals *set, const struct lat_access *a)
{
    LAT_TRY(LAT_RESERVE(set, set->n + 1));
    struct lat_interval added = { a->buffer, a->offset, a->offset + a->bytes };
    // Intervals that touch (hi == lo) are merged as well, hence the search one byte lower.
    size_t first = lower(set, a->buffer, a->offset ? a->offset - 1 : 0);
    size_t last = first;
    while (
        last < set->n && set->items[last].buffer == a->buffer && set->items[last].lo <= added.hi) {
        added.lo = LAT_MIN(added.lo, set->items[last].lo);
        added.hi = LAT_MAX(added.hi, set->items[last].hi);
        last++;
    }
    memmove(set->items + first + 1, set->items + last, (set->n - last) * sizeof *set->items);
    set->n = set->n - (last - first) + 1;
    set->items[first] = added;
    return LATTN_OK;
}

static enum lat_barrier barrier_for(const struct lat_hazards *h, const struct lat_access *a)
{
    if (overlaps(&h->writes, a))
        return LAT_BARRIER_MEMORY;
    return a->write && overlaps(&h->reads, a) ? LAT_BARRIER_EXECUTION : LAT_BARRIER_NONE;
}

lattn_status lat_hazards_command(
    struct lat_hazards *h, const struct lat_access *accesses, uint32_t n, enum lat_barrier *barrier)
{
    *barrier = LAT_BARRIER_NONE;
    for (uint32_t i = 0; i < n && *barrier != LAT_BARRIER_MEMORY; i++) {
        enum lat_barrier needed = barrier_for(h, &accesses[i]);
        *barrier = LAT_MAX(*barrier, needed);
    }
    if (*barrier == LAT_BARRIER_MEMORY)
        lat_hazards_reset(h);
    else if (*barrier == LAT_BARRIER_EXECUTION)
        h->reads.n = 0;

    // A range bound for writing may be read as well (x += y). Overlap with h->writes is tested
    // for both kinds, so a write needs no entry among the reads.
    for (uint32_t i = 0; i < n; i++)
        LAT_TRY(insert(accesses[i].write ? &h->writes : &h->reads, &accesses[i]));
    return LATTN_OK;
}

void lat_hazards_reset(struct lat_hazards *h)
{
    h->reads.n = 0;
    h->writes.n = 0;
}

void lat_hazards_free(struct lat_hazards *h)
{
    lat_free(h->reads.items);
    lat_free(h->writes.items);
    *h = (struct lat_hazards){ 0 };
}
