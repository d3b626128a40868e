// SPDX-License-Identifier: MIT
//
// Which barrier a command needs, from the byte ranges used since the last one. Knows nothing
// of Vulkan objects: a buffer is a number.
#ifndef LAT_HAZARD_H
#define LAT_HAZARD_H
#include "base/status.h"
#include <stddef.h>
#include <stdint.h>

struct lat_access {
    uint64_t buffer, offset, bytes;
    bool write;  // a write counts as a read as well: shaders may load what they store
};

enum lat_barrier {
    LAT_BARRIER_NONE,
    LAT_BARRIER_EXECUTION,  // write after read: order is enough, no cache has to be flushed
    LAT_BARRIER_MEMORY,     // read after write, write after write
};

// Disjoint intervals [lo, hi), sorted by buffer and lo.
struct lat_intervals {
    struct lat_interval {
        uint64_t buffer, lo, hi;
    } * items;
    size_t n, capacity;
};

struct lat_hazards {
    struct lat_intervals reads, writes;
};

// The barrier needed before a command with these accesses, taken as emitted; then the command's
// accesses are added. Accesses of one command never conflict with each other.
lattn_status lat_hazards_command(struct lat_hazards *h, const struct lat_access *accesses,
    uint32_t n, enum lat_barrier *barrier);
void lat_hazards_reset(struct lat_hazards *h);  // behind a full barrier
void lat_hazards_free(struct lat_hazards *h);

#endif
