// SPDX-License-Identifier: MIT
//
// lavapipe makes machine code when a shader is dispatched first, in the one thread of the device's queue, and keeps
// it in Mesa's cache on disk: four fifths of the time that the first step of a network takes, with one core busy.
// Each worker that makes pipelines has a twin of the device; what its queue compiled, the queue of the device itself
// finds. Seen in Mesa 26.1, whose launch_grid looks for code before it looks at the number of groups. Writing to the
// cache happens behind the worker's back, and a queue that comes too early compiles again: that costs time, no more.

#include <string.h>
#include "base/alloc.h"
#include "base/log.h"
#include "base/thread.h"
#include "device/binding.h"
#include "device/memory.h"
#include "device/twin.h"

struct lat_twin {
    struct lat_device *dev;
    struct lat_slice slice;  // what is bound to every binding
    struct lat_binding_pool *bindings;
    VkCommandPool pool;
    VkCommandBuffer cmd;
};

// Our own folder is found by the same variables as Mesa's, so where that is missing this is, too.
bool lat_twin_pays(const struct lat_device *dev)
{
    const char *off = lat_env("MESA_SHADER_CACHE_DISABLE");
    bool disk = !off || strcmp(off, "0") == 0 || strcmp(off, "false") == 0;
    return dev->owns_device && dev->caps.shader_object && disk && lat_cpu_count() > 1;
}

lattn_status lat_twin_create(
    const struct lat_device *dev, const char *cache_dir, struct lat_twin **out)
{
    struct lat_twin *t = LAT_NEW(struct lat_twin);
    lattn_status st;
    *out = NULL;
    if (!t)
        return LATTN_ERR_HOST_MEMORY;
    LAT_GO(lat_device_open_twin(dev, cache_dir, &t->dev));
    LAT_GO(lat_memory_alloc(t->dev, LAT_MEMORY_DEVICE, 256, &t->slice));
    LAT_GO(lat_binding_pool_create(t->dev, &t->bindings));
    VkCommandPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .queueFamilyIndex = t->dev->queue_family,
    };
    LAT_GO(LAT_VK(t->dev, t->dev->vk.CreateCommandPool(t->dev->handle, &pool, NULL, &t->pool),
        "vkCreateCommandPool"));
    VkCommandBufferAllocateInfo buffer = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = t->pool,
        .commandBufferCount = 1,
    };
    LAT_GO(LAT_VK(t->dev, t->dev->vk.AllocateCommandBuffers(t->dev->handle, &buffer, &t->cmd),
        "vkAllocateCommandBuffers"));

done:
    if (st)
        lat_twin_destroy(&t);
    *out = t;
    return st;
}

void lat_twin_destroy(struct lat_twin **twin)
{
    struct lat_twin *t = *twin;
    *twin = NULL;
    if (!t)
        return;
    // After a wait that failed the command buffer may still be pending.
    if (t->dev && !t->dev->lost && lat_device_wait(t->dev, t->dev->last_ticket, "a twin's end") &&
        !t->dev->lost)
        t->dev->wedged = true;
    if (t->dev && !t->dev->wedged) {
        if (t->pool)
            t->dev->vk.DestroyCommandPool(t->dev->handle, t->pool, NULL);
        lat_binding_pool_destroy(t->dev, &t->bindings);
        lat_memory_free(t->dev, &t->slice);
    }
    lat_device_close(&t->dev);
    lat_free(t);
}

static lattn_status record(struct lat_twin *t, struct lat_pipeline *p)
{
    static const uint8_t zeros[LAT_MAX_PUSH_BYTES];
    const struct lat_vk *vk = &t->dev->vk;
    VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
    struct lat_buffer_range ranges[LAT_MAX_BINDINGS];
    for (uint32_t i = 0; i < p->n_bindings; i++)
        ranges[i] = (struct lat_buffer_range){ t->slice.buffer, t->slice.offset, t->slice.bytes };
    LAT_TRY(LAT_VK(t->dev, vk->ResetCommandPool(t->dev->handle, t->pool, 0), "vkResetCommandPool"));
    lat_binding_pool_reset(t->dev, t->bindings);
    LAT_TRY(LAT_VK(t->dev, vk->BeginCommandBuffer(t->cmd, &begin), "vkBeginCommandBuffer"));
    lat_pipeline_bind(t->dev, t->cmd, p);
    if (p->n_bindings)
        LAT_TRY(lat_binding_cmd(t->dev, t->bindings, t->cmd, p, ranges, p->n_bindings));
    if (p->key.push_bytes)
        vk->CmdPushConstants(
            t->cmd, p->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, p->key.push_bytes, zeros);
    vk->CmdDispatch(t->cmd, 0, 1, 1);
    return LAT_VK(t->dev, vk->EndCommandBuffer(t->cmd), "vkEndCommandBuffer");
}

lattn_status lat_twin_compile(struct lat_twin *t, const struct lat_pipeline_key *key)
{
    struct lat_pipeline *p;
    uint64_t ticket;
    LAT_TRY(lat_pipeline_get(t->dev, key, &p));
    LAT_TRY(record(t, p));
    LAT_TRY(lat_device_submit(t->dev, &t->cmd, 1, &ticket));
    return lat_device_wait(t->dev, ticket, "a pipeline's machine code");
}
