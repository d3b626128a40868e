// SPDX-License-Identifier: MIT
//
// Opens and closes a device: our own, or one that the application brings.
//
// A device of our own is created with exactly the features that caps says, after the test
// profile has clamped them: what is clamped away is not switched on, so that the validation
// layer objects to a kernel that uses it all the same.

#include <stdatomic.h>
#include <stdio.h>
#include "base/alloc.h"
#include "base/log.h"
#include "device/choose.h"
#include "device/env.h"
#include "device/features.h"
#include "device/instance.h"
#include "device/memory.h"
#include "device/pipeline.h"

static lattn_status create_device(struct lat_device *dev)
{
    struct lat_feature_chain chain;
    const char *extensions[LAT_MAX_EXTENSIONS];
    float priority = 1.0f;
    lat_features_chain(&dev->caps, &chain);
    VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = dev->queue_family,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .pNext = &chain.head,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .enabledExtensionCount = lat_features_extensions(&dev->caps, extensions),
        .ppEnabledExtensionNames = extensions,
    };
    LAT_TRY(LAT_VK(
        dev, dev->vk.CreateDevice(dev->physical, &info, NULL, &dev->handle), "vkCreateDevice"));
    dev->owns_device = true;
    return LATTN_OK;
}

static void take(struct lat_device *dev, const struct lat_candidate *c)
{
    dev->physical = c->physical;
    dev->queue_family = c->queue_family;
    dev->caps = c->caps;
}

static lattn_status open_own(struct lat_device *dev, const char *text)
{
    struct lat_candidate *c = LAT_NEW(struct lat_candidate);
    if (!c)
        return LATTN_ERR_HOST_MEMORY;
    const char *source = text && *text ? "device" : "LATTN_DEVICE";
    if (!text || !*text)
        text = lat_env("LATTN_DEVICE");
    lattn_status st = lat_candidate_choose(dev, text, source, c);
    if (!st)
        take(dev, c);
    lat_free(c);
    LAT_TRY(st);
    LAT_TRY(create_device(dev));
    LAT_TRY(lat_instance_load_device(dev));
    dev->vk.GetDeviceQueue(dev->handle, dev->queue_family, 0, &dev->queue);
    return LATTN_OK;
}

static lattn_status open_adopted(struct lat_device *dev, const lattn_vulkan_handles *h)
{
    struct lat_candidate *c = LAT_NEW(struct lat_candidate);
    if (!c)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st = lat_candidate_read(dev, h->physical_device, h, c);
    if (!st && *c->caps.info.refused)
        st = lat_err(LATTN_ERR_UNSUPPORTED, "the application's device '%s' cannot be used: %s",
            c->caps.info.name, c->caps.info.refused);
    if (!st)
        take(dev, c);
    lat_free(c);
    LAT_TRY(st);
    dev->handle = h->device;
    dev->queue = h->queue;
    return lat_instance_load_device(dev);
}

static lattn_status check_handles(const lattn_vulkan_handles *h)
{
    int n = !!h->instance + !!h->physical_device + !!h->device + !!h->queue;
    if (n != 0 && n != 4)
        return lat_err(LATTN_ERR_ARG,
            "vulkan: instance, physical_device, device and queue go together, %d of 4 are given",
            n);
    if (n == 0 && !h->get_instance_proc_addr)
        return lat_err(LATTN_ERR_ARG, "vulkan: neither handles nor get_instance_proc_addr given");
    if (h->n_extensions && !h->extensions)
        return lat_err(
            LATTN_ERR_ARG, "vulkan: extensions is NULL, n_extensions is %u", h->n_extensions);
    return LATTN_OK;
}

lattn_status lat_device_open(const lattn_ctx_params *params, struct lat_device **out)
{
    static const lattn_ctx_params defaults;
    const lattn_ctx_params *p = params ? params : &defaults;
    lattn_status st;

    *out = NULL;
    if (p->vulkan)
        LAT_TRY(check_handles(p->vulkan));
    struct lat_device *dev = LAT_NEW(struct lat_device);
    if (!dev)
        return LATTN_ERR_HOST_MEMORY;
    long long timeout_s;
    LAT_GO(lat_env_check());
    LAT_GO(lat_env_timeout_s(&timeout_s));
    dev->timeout_ns = (uint64_t) timeout_s * 1000000000u;
    LAT_GO(lat_instance_open(dev, p->vulkan));
    if (p->vulkan && p->vulkan->instance)
        LAT_GO(open_adopted(dev, p->vulkan));
    else
        LAT_GO(open_own(dev, p->device));
    dev->caps.reduced_precision =
        p->allow_reduced_precision || lat_env_has("LATTN_ALLOW_REDUCED_PRECISION", "1");
    LAT_GO(lat_device_queue_open(dev));
    LAT_GO(lat_memory_create(dev, p->memory_limit_bytes));
    LAT_GO(lat_pipelines_create(dev, p->cache_dir));
    lat_log(LATTN_LOG_INFO, "device: %s, %s, subgroup %u, %s descriptors", dev->caps.info.name,
        dev->caps.info.driver, dev->caps.subgroup_size,
        dev->caps.push_descriptors ? "push" : "pooled");

done:
    if (st)
        lat_device_close(&dev);
    *out = dev;
    return st;
}

lattn_status lat_device_open_twin(
    const struct lat_device *other, const char *cache_dir, struct lat_device **out)
{
    lattn_status st;
    struct lat_device *dev = LAT_NEW(struct lat_device);
    *out = NULL;
    if (!dev)
        return LATTN_ERR_HOST_MEMORY;
    dev->vk = other->vk;
    dev->instance = other->instance;
    dev->physical = other->physical;
    dev->queue_family = other->queue_family;
    dev->instance_version = other->instance_version;
    dev->caps = other->caps;
    dev->timeout_ns = other->timeout_ns;
    dev->is_twin = true;
    LAT_GO(create_device(dev));
    LAT_GO(lat_instance_load_device(dev));
    dev->vk.GetDeviceQueue(dev->handle, dev->queue_family, 0, &dev->queue);
    LAT_GO(lat_device_queue_open(dev));
    LAT_GO(lat_memory_create(dev, 0));
    LAT_GO(lat_pipelines_create(dev, cache_dir));

done:
    if (st)
        lat_device_close(&dev);
    *out = dev;
    return st;
}

// Work may still be running on the objects of a wedged device; destroying them crashes
// drivers. They are left to the end of the process on purpose, and the struct with them,
// because the messenger points to it. The list keeps them reachable for leak checkers.
static _Atomic(struct lat_device *) abandoned;

static void abandon(struct lat_device *dev)
{
    lat_log(LATTN_LOG_ERROR, "device is wedged, its memory is not given back: %s", dev->lost_text);
    dev->next_abandoned = atomic_load(&abandoned);
    while (!atomic_compare_exchange_weak(&abandoned, &dev->next_abandoned, dev)) {
    }
}

// A wait that fails for any reason but a loss says nothing about what still runs.
static void wait_for_all(struct lat_device *dev)
{
    if (!lat_device_wait(dev, dev->last_ticket, "closing the device") || dev->lost || dev->wedged)
        return;
    snprintf(dev->lost_text, sizeof dev->lost_text, "closing the device: %.400s", lat_err_text());
    dev->wedged = true;
}

void lat_device_close(struct lat_device **device)
{
    struct lat_device *dev = *device;
    *device = NULL;
    if (!dev)
        return;
    if (dev->timeline && !dev->lost && !dev->wedged)
        wait_for_all(dev);
    if (dev->wedged) {
        abandon(dev);
        return;
    }
    lat_pipelines_destroy(dev);
    lat_memory_destroy(dev);
    lat_device_queue_close(dev);
    if (dev->owns_device && dev->handle && dev->vk.DestroyDevice)
        dev->vk.DestroyDevice(dev->handle, NULL);
    lat_instance_close(dev);
    lat_free(dev);
}
