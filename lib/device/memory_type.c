// SPDX-License-Identifier: MIT
//
// Memory types by points. Every flag a kind likes or dislikes has a weight; the type with the
// most points wins, the first among equals (drivers list the faster one first). For device
// memory the size of the heap comes before everything but being local: some cards offer a
// small window of their memory as a heap of its own.

#include "device/memory_type.h"

enum {
    LOCAL = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
    VISIBLE = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT,
    COHERENT = VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
    CACHED = VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
    KNOWN = LOCAL | VISIBLE | COHERENT | CACHED,
};

struct preference {
    int required;
    int local, visible, coherent, cached;
};

// On a card of its own the window into its memory is avoided: reads through it are slow.
static const struct preference device_alone = { 0, 8, -1, 0, 0 };
static const struct preference device_shared = { 0, 8, 1, 2, 0 };
// Write-combined memory is good for uploads; reading back wants the host's caches.
static const struct preference upload = { VISIBLE, -4, 0, 8, -1 };
static const struct preference readback = { VISIBLE, -4, 0, 1, 8 };

static const struct preference *preference_of(enum lat_memory_kind kind, bool shared)
{
    if (kind == LAT_MEMORY_DEVICE)
        return shared ? &device_shared : &device_alone;
    return kind == LAT_MEMORY_UPLOAD ? &upload : &readback;
}

// Negative = not this one. Types with further flags (protected, lazily allocated, a vendor's
// own) need features or serve other ends.
static int score_of(const struct preference *p, int flags)
{
    if ((flags & p->required) != p->required || (flags & ~KNOWN))
        return -1;
    return 100 + (flags & LOCAL ? p->local : 0) + (flags & VISIBLE ? p->visible : 0) +
           (flags & COHERENT ? p->coherent : 0) + (flags & CACHED ? p->cached : 0);
}

int lat_memory_type_choose(const VkPhysicalDeviceMemoryProperties *p, uint32_t allowed,
    enum lat_memory_kind kind, bool shared)
{
    int best = -1, best_score = -1, best_flags = 0;
    uint64_t best_heap = 0;
    for (uint32_t i = 0; i < p->memoryTypeCount; i++) {
        int flags = (int) p->memoryTypes[i].propertyFlags;
        int score = score_of(preference_of(kind, shared), flags);
        uint64_t heap = p->memoryHeaps[p->memoryTypes[i].heapIndex].size;
        if (!(allowed >> i & 1) || score < 0)
            continue;
        bool by_heap = best >= 0 && kind == LAT_MEMORY_DEVICE && heap != best_heap &&
                       (flags & LOCAL) == (best_flags & LOCAL);
        if (by_heap ? heap < best_heap : score <= best_score)
            continue;
        best = (int) i;
        best_score = score;
        best_flags = flags;
        best_heap = heap;
    }
    return best;
}
