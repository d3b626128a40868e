// SPDX-License-Identifier: MIT
//
// Packing of lifetimes: items that are alive at the same time get different memory, others may
// share. Pure arithmetic; place.c applies it to a list.
#ifndef LAT_PLAN_H
#define LAT_PLAN_H
#include "base/status.h"
#include <stddef.h>
#include <stdint.h>

struct lat_plan_item {
    uint64_t bytes;
    uint32_t first, last;  // alive in [first, last], both included
    uint64_t offset;       // out
};

struct lat_plan_limits {
    uint64_t alignment;    // of every offset; a power of two
    uint64_t chunk_bytes;  // no item lies across a multiple of this; a multiple of alignment
};

// The items, and scratch that is kept from one plan to the next.
struct lat_planner {
    struct {
        struct lat_plan_item *items;
        size_t n, capacity;
    } items;
    struct {
        struct lat_plan_order *items;
        size_t n, capacity;
    } order;
    struct {
        uint32_t *items;
        size_t n, capacity;
    } placed;
};

// Sets the offset of every item; *total is the end of the highest one. Every item fits into a
// chunk.
lattn_status lat_plan(struct lat_planner *p, const struct lat_plan_limits *limits, uint64_t *total);
void lat_planner_free(struct lat_planner *p);

#endif
