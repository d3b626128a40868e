// SPDX-License-Identifier: MIT
//
// Exact ranges of buffers as descriptors. With push descriptors they go straight into the
// command buffer. Otherwise sets come from a list of pools of fixed size, each used to the
// end; resetting starts over with the first. Sets and descriptors are counted here, because
// running a pool over is an error in itself to older validation layers.

#include "base/alloc.h"
#include "device/binding.h"

enum { SETS_PER_POOL = 256, DESCRIPTORS_PER_SET = 6 };

struct pool {
    VkDescriptorPool handle;
    uint32_t n_sets, n_descriptors;  // still to be had
    struct pool *next;
};

struct lat_binding_pool {
    struct pool *first, *current;  // current NULL = none yet
};

lattn_status lat_binding_pool_create(struct lat_device *dev, struct lat_binding_pool **out)
{
    (void) dev;
    *out = LAT_NEW(struct lat_binding_pool);
    return *out ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
}

void lat_binding_pool_destroy(struct lat_device *dev, struct lat_binding_pool **pool)
{
    if (!*pool)
        return;
    for (struct pool *p = (*pool)->first, *next; p; p = next) {
        next = p->next;
        dev->vk.DestroyDescriptorPool(dev->handle, p->handle, NULL);
        lat_free(p);
    }
    lat_free(*pool);
    *pool = NULL;
}

static void refill(struct pool *p)
{
    p->n_sets = SETS_PER_POOL;
    p->n_descriptors = SETS_PER_POOL * DESCRIPTORS_PER_SET;
}

void lat_binding_pool_reset(struct lat_device *dev, struct lat_binding_pool *pool)
{
    for (struct pool *p = pool->first; p; p = p->next) {
        // Cannot fail: the result exists only for the sake of the signature.
        (void) dev->vk.ResetDescriptorPool(dev->handle, p->handle, 0);
        refill(p);
    }
    pool->current = pool->first;
}

static lattn_status add_pool(struct lat_device *dev, struct lat_binding_pool *pool)
{
    VkDescriptorPoolSize size = {
        .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
        .descriptorCount = SETS_PER_POOL * DESCRIPTORS_PER_SET,
    };
    VkDescriptorPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = SETS_PER_POOL,
        .poolSizeCount = 1,
        .pPoolSizes = &size,
    };
    struct pool *p = LAT_NEW(struct pool);
    if (!p)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st =
        LAT_VK(dev, dev->vk.CreateDescriptorPool(dev->handle, &info, NULL, &p->handle),
            "vkCreateDescriptorPool");
    if (st) {
        lat_free(p);
        return st;
    }
    refill(p);
    if (pool->current)
        pool->current->next = p;
    else
        pool->first = p;
    pool->current = p;
    return LATTN_OK;
}

static lattn_status allocate_set(struct lat_device *dev, struct lat_binding_pool *pool,
    const struct lat_pipeline *p, VkDescriptorSet *out)
{
    struct pool *c = pool->current;
    while (c && (c->n_sets == 0 || c->n_descriptors < p->n_bindings) && c->next)
        pool->current = c = c->next;
    if (!c || c->n_sets == 0 || c->n_descriptors < p->n_bindings)
        LAT_TRY(add_pool(dev, pool));
    c = pool->current;
    VkDescriptorSetAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = c->handle,
        .descriptorSetCount = 1,
        .pSetLayouts = &p->set_layout,
    };
    LAT_TRY(LAT_VK(
        dev, dev->vk.AllocateDescriptorSets(dev->handle, &info, out), "vkAllocateDescriptorSets"));
    c->n_sets--;
    c->n_descriptors -= p->n_bindings;
    return LATTN_OK;
}

lattn_status lat_binding_cmd(struct lat_device *dev, struct lat_binding_pool *pool,
    VkCommandBuffer cmd, struct lat_pipeline *p, const struct lat_buffer_range *ranges, uint32_t n)
{
    VkDescriptorBufferInfo buffers[LAT_MAX_BINDINGS];
    VkWriteDescriptorSet writes[LAT_MAX_BINDINGS];
    VkDescriptorSet set = VK_NULL_HANDLE;

    LAT_ASSERT(n == p->n_bindings);
    if (n == 0)
        return LATTN_OK;
    if (!dev->caps.push_descriptors)
        LAT_TRY(allocate_set(dev, pool, p, &set));
    for (uint32_t i = 0; i < n; i++) {
        LAT_ASSERT(ranges[i].offset % dev->caps.buffer_alignment == 0);
        LAT_ASSERT(ranges[i].bytes > 0 && ranges[i].bytes <= dev->caps.max_binding_bytes);
        buffers[i] =
            (VkDescriptorBufferInfo){ ranges[i].buffer, ranges[i].offset, ranges[i].bytes };
        writes[i] = (VkWriteDescriptorSet){
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = set,
            .dstBinding = i,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = &buffers[i],
        };
    }
    dev->stats.descriptor_writes += n;
    if (dev->caps.push_descriptors) {
        dev->vk.CmdPushDescriptorSetKHR(
            cmd, VK_PIPELINE_BIND_POINT_COMPUTE, p->layout, 0, n, writes);
        return LATTN_OK;
    }
    dev->vk.UpdateDescriptorSets(dev->handle, n, writes, 0, NULL);
    dev->vk.CmdBindDescriptorSets(
        cmd, VK_PIPELINE_BIND_POINT_COMPUTE, p->layout, 0, 1, &set, 0, NULL);
    return LATTN_OK;
}
