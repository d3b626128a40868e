// SPDX-License-Identifier: MIT
//
// Slabs and slices. A slab is one VkDeviceMemory with one VkBuffer over all of it; a slice
// is a block of a slab. Every block is a multiple of one alignment that suits bindings,
// copies and mapped access alike, so nothing is ever lost to padding between blocks.
//
// Free blocks hang in size classes (pieces.c): taking one is best fit, freeing one merges
// it with its neighbours. A slab is taken from the driver only after our own checks against
// the largest allocation, the largest buffer, the heap, the driver's budget and the caller's
// limit: some drivers say yes to a petabyte (lavapipe) and fail at first use.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "device/pieces.h"
#include "device/env.h"
#include "device/memory.h"
#include "device/memory_type.h"

static const uint64_t mib = 1u << 20;

struct lat_slab {
    VkDeviceMemory memory;
    VkBuffer buffer;
    uint64_t bytes;
    void *mapped;
    uint64_t address;
    enum lat_memory_kind kind;
    bool coherent;
    struct lat_pieces blocks;
    struct lat_slab *next;
};

struct kind_state {
    uint32_t type;  // memory type index
    uint32_t heap;
    VkMemoryPropertyFlags flags;
    uint64_t next_slab_bytes;
    struct lat_slab *slabs;
};

struct lat_memory {
    VkPhysicalDeviceMemoryProperties properties;
    struct kind_state kinds[LAT_MEMORY_KINDS];
    uint64_t alignment;
    uint64_t limit_bytes;                      // 0 = none
    uint64_t heap_bytes[VK_MAX_MEMORY_HEAPS];  // ours
    uint32_t n_slabs;
    bool poison;
};

static VkBufferCreateInfo buffer_info(struct lat_device *dev, uint64_t bytes)
{
    return (VkBufferCreateInfo){
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = bytes,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                 VK_BUFFER_USAGE_TRANSFER_DST_BIT |
                 (dev->caps.buffer_address ? VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT : 0),
        .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
    };
}

// The types a buffer of our usage may live in, which do not depend on its size.
static lattn_status allowed_types(struct lat_device *dev, uint32_t *bits)
{
    VkBufferCreateInfo info = buffer_info(dev, dev->memory->alignment);
    VkBuffer probe = VK_NULL_HANDLE;
    LAT_TRY(LAT_VK(dev, dev->vk.CreateBuffer(dev->handle, &info, NULL, &probe), "vkCreateBuffer"));
    VkMemoryRequirements need;
    dev->vk.GetBufferMemoryRequirements(dev->handle, probe, &need);
    dev->vk.DestroyBuffer(dev->handle, probe, NULL);
    *bits = need.memoryTypeBits;
    return LATTN_OK;
}

static lattn_status choose_type(struct lat_device *dev, enum lat_memory_kind kind, uint32_t allowed)
{
    const VkPhysicalDeviceMemoryProperties *p = &dev->memory->properties;
    struct kind_state *k = &dev->memory->kinds[kind];
    lattn_device_type type = dev->caps.info.type;
    bool shared = type == LATTN_DEVICE_TYPE_CPU || type == LATTN_DEVICE_TYPE_INTEGRATED;
    int i = lat_memory_type_choose(p, allowed, kind, shared);
    if (i < 0)
        return lat_err(LATTN_ERR_UNSUPPORTED, "%s has no memory type for %s", dev->caps.info.name,
            kind == LAT_MEMORY_DEVICE ? "storage buffers" : "transfers with the host");
    k->type = (uint32_t) i;
    k->heap = p->memoryTypes[i].heapIndex;
    k->flags = p->memoryTypes[i].propertyFlags;
    return LATTN_OK;
}

lattn_status lat_memory_create(struct lat_device *dev, uint64_t limit_bytes)
{
    struct lat_memory *m = LAT_NEW(struct lat_memory);
    if (!m)
        return LATTN_ERR_HOST_MEMORY;
    dev->memory = m;
    m->limit_bytes = limit_bytes;
    m->poison = lat_env_has("LATTN_CHECK", "poison");
    m->alignment = LAT_MAX(256, dev->caps.buffer_alignment);
    m->alignment = LAT_MAX(m->alignment, dev->caps.noncoherent_atom);
    VkPhysicalDeviceMemoryProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
    };
    dev->vk.GetPhysicalDeviceMemoryProperties2(dev->physical, &properties);
    m->properties = properties.memoryProperties;
    uint32_t allowed = 0;
    LAT_TRY(allowed_types(dev, &allowed));
    for (int kind = 0; kind < LAT_MEMORY_KINDS; kind++) {
        struct kind_state *k = &m->kinds[kind];
        LAT_TRY(choose_type(dev, (enum lat_memory_kind) kind, allowed));
        k->next_slab_bytes = kind == LAT_MEMORY_DEVICE ? 64 * mib : 8 * mib;
    }
    return LATTN_OK;
}

// ---- slabs ----------------------------------------------------------------------------------

// What may still be taken from the driver for this kind, by every rule there is.
static uint64_t available(struct lat_device *dev, const struct kind_state *k)
{
    struct lat_memory *m = dev->memory;
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT,
    };
    uint64_t total = m->properties.memoryHeaps[k->heap].size, used = m->heap_bytes[k->heap];
    if (dev->caps.memory_budget) {
        VkPhysicalDeviceMemoryProperties2 p = {
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
            .pNext = &budget,
        };
        dev->vk.GetPhysicalDeviceMemoryProperties2(dev->physical, &p);
        total = LAT_MIN(total, budget.heapBudget[k->heap]);
        used = LAT_MAX(used, budget.heapUsage[k->heap]);
    }
    uint64_t left = total > used ? total - used : 0;
    if (m->limit_bytes) {
        uint64_t taken = dev->stats.device_bytes_now;
        left = LAT_MIN(left, m->limit_bytes > taken ? m->limit_bytes - taken : 0);
    }
    return left;
}

static lattn_status refuse(struct lat_device *dev, const struct kind_state *k, uint64_t bytes)
{
    struct lat_memory *m = dev->memory;
    uint64_t largest = LAT_MIN(dev->caps.max_allocation_bytes, dev->caps.max_buffer_bytes);
    if (bytes > largest)
        return lat_err(LATTN_ERR_GPU_MEMORY,
            "%" PRIu64 " bytes are needed in one piece, %s allows %" PRIu64, bytes,
            dev->caps.info.name, largest);
    if (m->n_slabs >= dev->caps.max_memory_allocations)
        return lat_err(LATTN_ERR_GPU_MEMORY, "%s allows %u memory allocations, all are in use",
            dev->caps.info.name, dev->caps.max_memory_allocations);
    uint64_t left = available(dev, k);
    if (bytes <= left)
        return LATTN_OK;
    char limit[64] = "none";
    if (m->limit_bytes)
        snprintf(limit, sizeof limit, "%" PRIu64 " bytes", m->limit_bytes);
    return lat_err(LATTN_ERR_GPU_MEMORY,
        "%" PRIu64 " bytes are needed, %" PRIu64 " are available: %" PRIu64
        " in use, limit %s, heap %" PRIu64 " bytes on %s",
        bytes, left, dev->stats.device_bytes_now, limit, m->properties.memoryHeaps[k->heap].size,
        dev->caps.info.name);
}

static void slab_destroy(struct lat_device *dev, struct lat_slab *s)
{
    struct lat_memory *m = dev->memory;
    if (s->buffer)
        dev->vk.DestroyBuffer(dev->handle, s->buffer, NULL);
    if (s->memory) {
        dev->vk.FreeMemory(dev->handle, s->memory, NULL);  // unmaps it as well
        m->n_slabs--;
        m->heap_bytes[m->kinds[s->kind].heap] -= s->bytes;
        dev->stats.device_bytes_now -= s->bytes;
    }
    lat_pieces_destroy(&s->blocks);
    lat_free(s);
}

static lattn_status slab_memory(struct lat_device *dev, struct lat_slab *s)
{
    struct lat_memory *m = dev->memory;
    const struct kind_state *k = &m->kinds[s->kind];
    VkMemoryRequirements need;
    dev->vk.GetBufferMemoryRequirements(dev->handle, s->buffer, &need);
    VkMemoryAllocateFlagsInfo flags = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
        .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT,
    };
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = dev->caps.buffer_address ? &flags : NULL,
        .allocationSize = need.size,
        .memoryTypeIndex = k->type,
    };
    LAT_TRY(LAT_VK(
        dev, dev->vk.AllocateMemory(dev->handle, &info, NULL, &s->memory), "vkAllocateMemory"));
    m->n_slabs++;
    m->heap_bytes[k->heap] += s->bytes;
    dev->stats.device_allocations++;
    dev->stats.device_bytes_now += s->bytes;
    dev->stats.device_bytes_peak =
        LAT_MAX(dev->stats.device_bytes_peak, dev->stats.device_bytes_now);
    LAT_TRY(LAT_VK(
        dev, dev->vk.BindBufferMemory(dev->handle, s->buffer, s->memory, 0), "vkBindBufferMemory"));
    if (!(k->flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT))
        return LATTN_OK;
    return LAT_VK(dev, dev->vk.MapMemory(dev->handle, s->memory, 0, VK_WHOLE_SIZE, 0, &s->mapped),
        "vkMapMemory");
}

// Fresh memory only: a reused block may still be read by work that was recorded before.
static lattn_status poison(struct lat_device *dev, struct lat_slab *s)
{
    static const uint32_t signalling_nan = 0x7fa5a5a5;
    uint32_t *words = s->mapped;
    for (uint64_t i = 0; i < s->bytes / sizeof *words; i++)
        words[i] = signalling_nan;
    VkMappedMemoryRange range = {
        .sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
        .memory = s->memory,
        .size = VK_WHOLE_SIZE,
    };
    if (s->coherent)
        return LATTN_OK;
    return LAT_VK(
        dev, dev->vk.FlushMappedMemoryRanges(dev->handle, 1, &range), "vkFlushMappedMemoryRanges");
}

static lattn_status slab_create(
    struct lat_device *dev, enum lat_memory_kind kind, uint64_t bytes, struct lat_slab **out)
{
    struct lat_memory *m = dev->memory;
    struct kind_state *k = &m->kinds[kind];
    lattn_status st;
    *out = NULL;
    struct lat_slab *s = LAT_NEW(struct lat_slab);
    if (!s)
        return LATTN_ERR_HOST_MEMORY;
    s->kind = kind;
    s->bytes = bytes;
    s->coherent = k->flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkBufferCreateInfo info = buffer_info(dev, bytes);
    LAT_GO(
        LAT_VK(dev, dev->vk.CreateBuffer(dev->handle, &info, NULL, &s->buffer), "vkCreateBuffer"));
    LAT_GO(slab_memory(dev, s));
    if (dev->caps.buffer_address) {
        VkBufferDeviceAddressInfo address = {
            .sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
            .buffer = s->buffer,
        };
        s->address = dev->vk.GetBufferDeviceAddress(dev->handle, &address);
    }
    if (m->poison && s->mapped)
        LAT_GO(poison(dev, s));
    LAT_GO(lat_pieces_create(&s->blocks, bytes));
    s->next = k->slabs;
    k->slabs = s;
    *out = s;

done:
    if (st)
        slab_destroy(dev, s);
    return st;
}

// A request of half a slab or more gets a slab of exactly its size. Smaller ones get a
// common slab, each twice as large as the one before; when that much is not to be had, ever
// smaller ones are tried.
static lattn_status add_slab(
    struct lat_device *dev, enum lat_memory_kind kind, uint64_t bytes, struct lat_slab **out)
{
    struct kind_state *k = &dev->memory->kinds[kind];
    LAT_TRY(refuse(dev, k, bytes));
    uint64_t most = LAT_MIN(dev->caps.max_allocation_bytes, dev->caps.max_buffer_bytes);
    most = LAT_MIN(most, available(dev, k));
    bool shared = bytes < k->next_slab_bytes / 2;
    uint64_t size = shared ? LAT_MAX(LAT_MIN(k->next_slab_bytes, most), bytes) : bytes;
    size -= size % dev->memory->alignment;
    for (;;) {
        lattn_status st = slab_create(dev, kind, size, out);
        if (st != LATTN_ERR_GPU_MEMORY || size == bytes) {
            if (!st && shared)
                k->next_slab_bytes = LAT_MIN(k->next_slab_bytes * 2, 1024 * mib);
            return st;
        }
        size = LAT_MAX(size / 2 / dev->memory->alignment * dev->memory->alignment, bytes);
    }
}

// ---- slices ---------------------------------------------------------------------------------

lattn_status lat_memory_alloc(
    struct lat_device *dev, enum lat_memory_kind kind, uint64_t bytes, struct lat_slice *out)
{
    struct lat_memory *m = dev->memory;
    *out = (struct lat_slice){ 0 };
    LAT_ASSERT(bytes > 0);
    LAT_TRY(lat_device_alive(dev));
    if (bytes > UINT64_MAX / 2)
        return lat_err(
            LATTN_ERR_GPU_MEMORY, "%" PRIu64 " bytes are more than any device has", bytes);
    uint64_t rounded = (bytes + m->alignment - 1) / m->alignment * m->alignment;

    struct lat_slab *slab = NULL;
    struct lat_piece *block = NULL;
    uint64_t best = UINT64_MAX;
    for (struct lat_slab *s = m->kinds[kind].slabs; s; s = s->next) {
        uint64_t fit = lat_pieces_best(&s->blocks, rounded);
        if (fit < best) {
            best = fit;
            slab = s;
        }
    }
    if (!slab)
        LAT_TRY(add_slab(dev, kind, rounded, &slab));
    LAT_TRY(lat_pieces_take(&slab->blocks, rounded, &block));
    *out = (struct lat_slice){
        .buffer = slab->buffer,
        .offset = block->offset,
        .bytes = bytes,
        .mapped = slab->mapped ? (char *) slab->mapped + block->offset : NULL,
        .address = slab->address ? slab->address + block->offset : 0,
        .slab = slab,
        .block = block,
    };
    dev->stats.slice_allocations++;
    dev->stats.used_bytes_now += block->bytes;
    dev->stats.used_bytes_peak = LAT_MAX(dev->stats.used_bytes_peak, dev->stats.used_bytes_now);
    return LATTN_OK;
}

void lat_memory_free(struct lat_device *dev, struct lat_slice *slice)
{
    if (slice->block) {
        dev->stats.used_bytes_now -= slice->block->bytes;
        lat_pieces_give(&slice->slab->blocks, slice->block);
    }
    *slice = (struct lat_slice){ 0 };
}

static VkMappedMemoryRange range_of(struct lat_device *dev, const struct lat_slice *slice)
{
    uint64_t a = dev->memory->alignment;
    uint64_t begin = slice->offset / a * a;
    uint64_t end = (slice->offset + slice->bytes + a - 1) / a * a;
    return (VkMappedMemoryRange){
        .sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
        .memory = slice->slab->memory,
        .offset = begin,
        .size = LAT_MIN(end, slice->slab->bytes) - begin,
    };
}

lattn_status lat_memory_flush(struct lat_device *dev, const struct lat_slice *slice)
{
    if (!slice->slab || !slice->mapped || slice->slab->coherent)
        return LATTN_OK;
    VkMappedMemoryRange range = range_of(dev, slice);
    return LAT_VK(
        dev, dev->vk.FlushMappedMemoryRanges(dev->handle, 1, &range), "vkFlushMappedMemoryRanges");
}

lattn_status lat_memory_invalidate(struct lat_device *dev, const struct lat_slice *slice)
{
    if (!slice->slab || !slice->mapped || slice->slab->coherent)
        return LATTN_OK;
    VkMappedMemoryRange range = range_of(dev, slice);
    return LAT_VK(dev, dev->vk.InvalidateMappedMemoryRanges(dev->handle, 1, &range),
        "vkInvalidateMappedMemoryRanges");
}

static void drop_slabs(struct lat_device *dev, bool only_empty)
{
    for (int kind = 0; kind < LAT_MEMORY_KINDS; kind++) {
        struct lat_slab **link = &dev->memory->kinds[kind].slabs;
        while (*link) {
            struct lat_slab *s = *link;
            if (only_empty && !lat_pieces_empty(&s->blocks)) {
                link = &s->next;
                continue;
            }
            *link = s->next;
            slab_destroy(dev, s);
        }
    }
}

void lat_memory_trim(struct lat_device *dev)
{
    drop_slabs(dev, true);
}

void lat_memory_destroy(struct lat_device *dev)
{
    if (!dev->memory)
        return;
    drop_slabs(dev, false);
    lat_free(dev->memory);
    dev->memory = NULL;
}
