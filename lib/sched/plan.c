// SPDX-License-Identifier: MIT
//
// Best-fit packing of intervals, largest first: every item is put into the smallest gap that
// the items already placed, and alive at the same time, leave at its lifetime; if there is
// none, on top of them. Large items first, because the small ones then fill the holes; the
// other way round they would cut the memory into pieces that nothing large fits into.
//
// Deterministic: ties go to the earlier first use, then to the lower index.
//
// Source: Pisarchyk & Lee 2020, "Efficient memory management for deep neural net inference",
//         arXiv:2001.03288, algorithm 3 (greedy by size), there for inference graphs.

#include "sched/plan.h"
#include "base/array.h"
#include <stdlib.h>
#include <string.h>

struct lat_plan_order {
    uint64_t bytes;
    uint32_t first, index;
};

static int by_size(const void *va, const void *vb)
{
    const struct lat_plan_order *a = va, *b = vb;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

// The lowest aligned start at or above from such that bytes lie within one chunk.
static uint64_t start_at(const struct lat_plan_limits *limits, uint64_t from, uint64_t bytes)
{
    uint64_t start = (from + limits->alignment - 1) / limits->alignment * limits->alignment;
    uint64_t chunk_end = (start / limits->chunk_bytes + 1) * limits->chunk_bytes;
    return start + bytes <= chunk_end ? start : chunk_end;
}

// placed: indices of items already placed, sorted by offset.
static uint64_t best_gap(const struct lat_plan_item *items, const uint32_t *placed,
    uint32_t n_placed, const struct lat_plan_limits *limits, const struct lat_plan_item *item)
{
    uint64_t best = UINT64_MAX, best_gap_bytes = UINT64_MAX;
    uint64_t end = 0;
    for (uint32_t i = 0; i < n_placed; i++) {
        const struct lat_plan_item *other = &items[placed[i]];
        if (other->last < item->first || item->last < other->first)
            continue;
        if (other->offset > end) {
            uint64_t start = start_at(limits, end, item->bytes);
            uint64_t gap = other->offset - end;
            if (start + item->bytes <= other->offset && gap < best_gap_bytes) {
                best = start;
                best_gap_bytes = gap;
            }
        }
        end = LAT_MAX(end, other->offset + other->bytes);
    }
    return best != UINT64_MAX ? best : start_at(limits, end, item->bytes);
}

static void insert_by_offset(
    const struct lat_plan_item *items, uint32_t *placed, uint32_t n_placed, uint32_t index)
{
    uint32_t begin = 0, end = n_placed;
    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;
        if (items[placed[middle]].offset <= items[index].offset)
            begin = middle + 1;
        else
            end = middle;
    }
    memmove(placed + begin + 1, placed + begin, (n_placed - begin) * sizeof *placed);
    placed[begin] = index;
}

lattn_status lat_plan(struct lat_planner *p, const struct lat_plan_limits *limits, uint64_t *total)
{
    struct lat_plan_item *items = p->items.items;
    uint32_t n = (uint32_t) p->items.n;
    *total = 0;
    if (n == 0)
        return LATTN_OK;
    LAT_TRY(LAT_RESERVE(&p->order, n));
    LAT_TRY(LAT_RESERVE(&p->placed, n));

    struct lat_plan_order *order = p->order.items;
    for (uint32_t i = 0; i < n; i++)
        order[i] = (struct lat_plan_order){ items[i].bytes, items[i].first, i };
    qsort(order, n, sizeof *order, by_size);
    for (uint32_t i = 0; i < n; i++) {
        struct lat_plan_item *item = &items[order[i].index];
        LAT_ASSERT(item->bytes > 0 && item->bytes <= limits->chunk_bytes);
        item->offset = best_gap(items, p->placed.items, i, limits, item);
        insert_by_offset(items, p->placed.items, i, order[i].index);
        *total = LAT_MAX(*total, item->offset + item->bytes);
    }
    return LATTN_OK;
}

void lat_planner_free(struct lat_planner *p)
{
    lat_free(p->items.items);
    lat_free(p->order.items);
    lat_free(p->placed.items);
    *p = (struct lat_planner){ 0 };
}
