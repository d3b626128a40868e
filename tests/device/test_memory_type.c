// SPDX-License-Identifier: MIT
//
// Memory types of well-known kinds of device, and which one each purpose gets.

#include "device/memory_type.h"
#include "harness/harness.h"

enum {
    L = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
    V = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT,
    C = VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
    K = VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
    AMD = VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD,
    LAZY = VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT,
};

struct layout {
    const char *name;
    bool shared;
    uint64_t heap_mib[3];
    struct {
        int flags;
        uint32_t heap;
    } types[8];
    int n_types;
    int device, upload, readback;  // expected indices
};

static const struct layout layouts[] = {
    { "one for everything (lavapipe)", true, { 2048 }, { { L | V | C | K, 0 } }, 1, 0, 0, 0 },
    { "card with a large window", false, { 24576, 32768 },
        { { 0, 1 }, { L, 0 }, { V | C, 1 }, { V | C | K, 1 }, { L | V | C, 0 } }, 5, 1, 2, 3 },
    { "card with a small window", false, { 8192, 16384, 256 },
        { { L, 0 }, { V | C, 1 }, { L | V | C, 2 }, { V | C | K, 1 } }, 4, 0, 1, 3 },
    { "small window listed first", false, { 256, 8192, 16384 },
        { { L | V | C, 0 }, { L, 1 }, { V | C | K, 2 } }, 3, 1, 2, 2 },
    { "card with a vendor's types", false, { 8192, 16384 },
        { { L | AMD, 0 }, { L, 0 }, { V | C | AMD, 1 }, { V | C, 1 }, { V | C | K, 1 } }, 5, 1, 3,
        4 },
    { "integrated", true, { 16384 }, { { L, 0 }, { L | V | C, 0 }, { L | V | C | K, 0 } }, 3, 1, 1,
        2 },
    { "phone without coherent caches", true, { 4096 },
        { { L | LAZY, 0 }, { L | V | C, 0 }, { L | V | K, 0 } }, 3, 1, 1, 2 },
};

static VkPhysicalDeviceMemoryProperties properties_of(const struct layout *l)
{
    VkPhysicalDeviceMemoryProperties p = { .memoryTypeCount = (uint32_t) l->n_types };
    for (int i = 0; i < l->n_types; i++) {
        p.memoryTypes[i].propertyFlags = (VkMemoryPropertyFlags) l->types[i].flags;
        p.memoryTypes[i].heapIndex = l->types[i].heap;
    }
    for (int i = 0; i < 3; i++)
        p.memoryHeaps[i].size = l->heap_mib[i] << 20;
    p.memoryHeapCount = 3;
    return p;
}

static void expect(const struct layout *l, enum lat_memory_kind kind, int expected)
{
    VkPhysicalDeviceMemoryProperties p = properties_of(l);
    int got = lat_memory_type_choose(&p, UINT32_MAX, kind, l->shared);
    if (got != expected)
        lt_fail(__FILE__, __LINE__, "%s, kind %d: type %d, expected %d", l->name, (int) kind, got,
            expected);
}

TEST(memory_type, each_kind_of_device_gets_the_right_ones)
{
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        expect(&layouts[i], LAT_MEMORY_DEVICE, layouts[i].device);
        expect(&layouts[i], LAT_MEMORY_UPLOAD, layouts[i].upload);
        expect(&layouts[i], LAT_MEMORY_READBACK, layouts[i].readback);
    }
}

TEST(memory_type, types_that_are_not_allowed_are_left_out)
{
    VkPhysicalDeviceMemoryProperties p = properties_of(&layouts[1]);
    EXPECT_EQ(lat_memory_type_choose(&p, 1u << 4, LAT_MEMORY_DEVICE, false), 4);
    EXPECT_EQ(lat_memory_type_choose(&p, 1u << 1, LAT_MEMORY_UPLOAD, false), -1);
    EXPECT_EQ(lat_memory_type_choose(&p, 0, LAT_MEMORY_DEVICE, false), -1);
}
