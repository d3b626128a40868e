// SPDX-License-Identifier: MIT
//
// Nothing is ever submitted on a null device, so every value of a semaphore is reached, and its one
// memory type is never allocated from.

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include "amd/null_device.h"

static PFN_vkGetInstanceProcAddr next_instance;
static PFN_vkGetDeviceProcAddr next_device;
static char placeholder;  // what the handles point to

static VKAPI_ATTR VkResult VKAPI_CALL create_semaphore(VkDevice device,
    const VkSemaphoreCreateInfo *info, const VkAllocationCallbacks *allocator, VkSemaphore *out)
{
    (void) device;
    (void) info;
    (void) allocator;
    void *handle = &placeholder;
    memset(out, 0, sizeof *out);
    memcpy(out, &handle, sizeof handle);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL destroy_semaphore(
    VkDevice device, VkSemaphore semaphore, const VkAllocationCallbacks *allocator)
{
    (void) device;
    (void) semaphore;
    (void) allocator;
}

static VKAPI_ATTR VkResult VKAPI_CALL get_counter(
    VkDevice device, VkSemaphore semaphore, uint64_t *value)
{
    (void) device;
    (void) semaphore;
    *value = UINT64_MAX / 2;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL wait_semaphores(
    VkDevice device, const VkSemaphoreWaitInfo *info, uint64_t timeout)
{
    (void) device;
    (void) info;
    (void) timeout;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL get_memory_properties(
    VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties2 *out)
{
    (void) physical;
    out->memoryProperties = (VkPhysicalDeviceMemoryProperties){
        .memoryTypeCount = 1,
        .memoryTypes = { { VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT |
                               VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                               VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |
                               VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
            0 } },
        .memoryHeapCount = 1,
        .memoryHeaps = { { UINT64_C(1) << 32, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT } },
    };
}

static VKAPI_ATTR void VKAPI_CALL get_requirements(
    VkDevice device, VkBuffer buffer, VkMemoryRequirements *out)
{
    (void) device;
    (void) buffer;
    *out = (VkMemoryRequirements){ .size = 256, .alignment = 256, .memoryTypeBits = 1 };
}

static PFN_vkVoidFunction VKAPI_CALL get_device_proc_addr(VkDevice device, const char *name)
{
    static const struct {
        const char *name;
        PFN_vkVoidFunction function;
    } replaced[] = {
        { "vkCreateSemaphore", (PFN_vkVoidFunction) create_semaphore },
        { "vkDestroySemaphore", (PFN_vkVoidFunction) destroy_semaphore },
        { "vkGetSemaphoreCounterValue", (PFN_vkVoidFunction) get_counter },
        { "vkWaitSemaphores", (PFN_vkVoidFunction) wait_semaphores },
        { "vkGetBufferMemoryRequirements", (PFN_vkVoidFunction) get_requirements },
    };
    for (size_t i = 0; i < sizeof replaced / sizeof replaced[0]; i++)
        if (strcmp(name, replaced[i].name) == 0)
            return replaced[i].function;
    return next_device(device, name);
}

PFN_vkVoidFunction VKAPI_CALL amd_get_instance_proc_addr(VkInstance instance, const char *name)
{
    PFN_vkVoidFunction found = next_instance(instance, name);
    if (strcmp(name, "vkGetPhysicalDeviceMemoryProperties2") == 0)
        return (PFN_vkVoidFunction) get_memory_properties;
    if (strcmp(name, "vkGetDeviceProcAddr") != 0 || !found)
        return found;
    next_device = (PFN_vkGetDeviceProcAddr) found;
    return (PFN_vkVoidFunction) get_device_proc_addr;
}

bool amd_open_loader(void)
{
    void *loader = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    if (loader)
        *(void **) &next_instance = dlsym(loader, "vkGetInstanceProcAddr");
    if (!next_instance)
        fprintf(stderr, "lattn-amd: no Vulkan loader (libvulkan.so.1)\n");
    return next_instance != NULL;
}
