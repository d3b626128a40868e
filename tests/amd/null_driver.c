// SPDX-License-Identifier: MIT
//
// A driver that only pretends. Memory is host memory, every value of a semaphore is reached, commands
// are dropped. The one exception: short fills are kept and done at submission, because the scheduler
// ends each submission with a word that it looks for afterwards.
//
// The types of the stand-ins are checked by the compiler: each is declared with the prototype that the
// library's own table has for it.

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "amd/null_driver.h"

enum { MAX_FILL_BYTES = 4096 };

struct fill {
    char *at;
    VkDeviceSize bytes;
    uint32_t word;
};

struct commands {
    void *dispatch;  // loaders put their table here
    struct fill *fills;
    size_t n, capacity;
};

struct buffer {
    VkDeviceSize size;
    char *memory;
};

static PFN_vkGetInstanceProcAddr next_instance;
static PFN_vkGetDeviceProcAddr next_device;

// Handles that are not pointers on 32-bit systems; null devices are a matter of 64-bit ones.
#define HANDLE(type, pointer) ((type) (uintptr_t) (pointer))
#define POINTER(type, handle) ((type *) (uintptr_t) (handle))
#define UNUSED(x) ((void) (x))

// ---- memory -------------------------------------------------------------------------------------

static VKAPI_ATTR void VKAPI_CALL memory_properties(
    VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties2 *out)
{
    UNUSED(physical);
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
    // The chain may ask for the budget: what RADV says of the null device is 0.
    for (VkBaseOutStructure *next = out->pNext; next; next = next->pNext)
        if (next->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT)
            ((VkPhysicalDeviceMemoryBudgetPropertiesEXT *) next)->heapBudget[0] = UINT64_C(1) << 32;
}

static VKAPI_ATTR VkResult VKAPI_CALL allocate_memory(VkDevice device,
    const VkMemoryAllocateInfo *info, const VkAllocationCallbacks *allocator, VkDeviceMemory *out)
{
    UNUSED(device);
    UNUSED(allocator);
    void *memory = calloc(1, (size_t) info->allocationSize);
    *out = HANDLE(VkDeviceMemory, memory);
    return memory ? VK_SUCCESS : VK_ERROR_OUT_OF_DEVICE_MEMORY;
}

static VKAPI_ATTR void VKAPI_CALL free_memory(
    VkDevice device, VkDeviceMemory memory, const VkAllocationCallbacks *allocator)
{
    UNUSED(device);
    UNUSED(allocator);
    free(POINTER(void, memory));
}

static VKAPI_ATTR VkResult VKAPI_CALL map_memory(VkDevice device, VkDeviceMemory memory,
    VkDeviceSize offset, VkDeviceSize size, VkMemoryMapFlags flags, void **out)
{
    UNUSED(device);
    UNUSED(size);
    UNUSED(flags);
    *out = POINTER(char, memory) + offset;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL unmap_memory(VkDevice device, VkDeviceMemory memory)
{
    UNUSED(device);
    UNUSED(memory);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_buffer(VkDevice device, const VkBufferCreateInfo *info,
    const VkAllocationCallbacks *allocator, VkBuffer *out)
{
    UNUSED(device);
    UNUSED(allocator);
    struct buffer *b = calloc(1, sizeof *b);
    if (!b)
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    b->size = info->size;
    *out = HANDLE(VkBuffer, b);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL destroy_buffer(
    VkDevice device, VkBuffer buffer, const VkAllocationCallbacks *allocator)
{
    UNUSED(device);
    UNUSED(allocator);
    free(POINTER(void, buffer));
}

static VKAPI_ATTR void VKAPI_CALL buffer_requirements(
    VkDevice device, VkBuffer buffer, VkMemoryRequirements *out)
{
    UNUSED(device);
    VkDeviceSize size = (POINTER(struct buffer, buffer)->size + 255) / 256 * 256;
    *out = (VkMemoryRequirements){ .size = size, .alignment = 256, .memoryTypeBits = 1 };
}

static VKAPI_ATTR VkResult VKAPI_CALL bind_buffer(
    VkDevice device, VkBuffer buffer, VkDeviceMemory memory, VkDeviceSize offset)
{
    UNUSED(device);
    POINTER(struct buffer, buffer)->memory = POINTER(char, memory) + offset;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkDeviceAddress VKAPI_CALL buffer_address(
    VkDevice device, const VkBufferDeviceAddressInfo *info)
{
    UNUSED(device);
    return (VkDeviceAddress) (uintptr_t) POINTER(struct buffer, info->buffer)->memory;
}

// ---- commands -----------------------------------------------------------------------------------

static VKAPI_ATTR VkResult VKAPI_CALL allocate_commands(
    VkDevice device, const VkCommandBufferAllocateInfo *info, VkCommandBuffer *out)
{
    UNUSED(device);
    for (uint32_t i = 0; i < info->commandBufferCount; i++) {
        out[i] = (VkCommandBuffer) calloc(1, sizeof(struct commands));
        if (!out[i])
            return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL free_commands(
    VkDevice device, VkCommandPool pool, uint32_t n, const VkCommandBuffer *buffers)
{
    UNUSED(device);
    UNUSED(pool);
    for (uint32_t i = 0; i < n; i++) {
        free(((struct commands *) buffers[i])->fills);
        free(buffers[i]);
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL begin_commands(
    VkCommandBuffer cmd, const VkCommandBufferBeginInfo *info)
{
    UNUSED(info);
    ((struct commands *) cmd)->n = 0;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL end_commands(VkCommandBuffer cmd)
{
    UNUSED(cmd);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL fill_buffer(
    VkCommandBuffer cmd, VkBuffer buffer, VkDeviceSize offset, VkDeviceSize size, uint32_t word)
{
    struct commands *c = (struct commands *) cmd;
    if (size > MAX_FILL_BYTES)
        return;
    if (c->n == c->capacity) {
        size_t capacity = c->capacity ? 2 * c->capacity : 8;
        struct fill *fills = realloc(c->fills, capacity * sizeof *fills);
        if (!fills)
            return;
        c->fills = fills;
        c->capacity = capacity;
    }
    c->fills[c->n++] = (struct fill){ POINTER(struct buffer, buffer)->memory + offset, size, word };
}

static VKAPI_ATTR VkResult VKAPI_CALL submit(
    VkQueue queue, uint32_t n, const VkSubmitInfo *infos, VkFence fence)
{
    UNUSED(queue);
    UNUSED(fence);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < infos[i].commandBufferCount; j++) {
            const struct commands *c = (const struct commands *) infos[i].pCommandBuffers[j];
            for (size_t f = 0; f < c->n; f++)
                for (VkDeviceSize b = 0; b + 4 <= c->fills[f].bytes; b += 4)
                    memcpy(c->fills[f].at + b, &c->fills[f].word, 4);
        }
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL query_results(VkDevice device, VkQueryPool pool,
    uint32_t first, uint32_t n, size_t bytes, void *data, VkDeviceSize stride, VkQueryResultFlags f)
{
    UNUSED(device);
    UNUSED(pool);
    UNUSED(first);
    UNUSED(n);
    UNUSED(stride);
    UNUSED(f);
    memset(data, 0, bytes);
    return VK_SUCCESS;
}

// ---- semaphores ---------------------------------------------------------------------------------

static VKAPI_ATTR VkResult VKAPI_CALL semaphore_value(
    VkDevice device, VkSemaphore semaphore, uint64_t *value)
{
    UNUSED(device);
    UNUSED(semaphore);
    *value = UINT64_MAX / 2;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL wait_semaphores(
    VkDevice device, const VkSemaphoreWaitInfo *info, uint64_t timeout)
{
    UNUSED(device);
    UNUSED(info);
    UNUSED(timeout);
    return VK_SUCCESS;
}

// ---- objects of which only the handle matters -----------------------------------------------------

#define NULL_OBJECT(Name, Type, Info)                                                              \
    static VKAPI_ATTR VkResult VKAPI_CALL create_##Name(                                           \
        VkDevice device, const Info *info, const VkAllocationCallbacks *allocator, Type *out)      \
    {                                                                                              \
        UNUSED(device);                                                                            \
        UNUSED(info);                                                                              \
        UNUSED(allocator);                                                                         \
        *out = HANDLE(Type, &next_device);                                                         \
        return VK_SUCCESS;                                                                         \
    }                                                                                              \
    static VKAPI_ATTR void VKAPI_CALL destroy_##Name(                                              \
        VkDevice device, Type object, const VkAllocationCallbacks *allocator)                      \
    {                                                                                              \
        UNUSED(device);                                                                            \
        UNUSED(object);                                                                            \
        UNUSED(allocator);                                                                         \
    }
NULL_OBJECT(semaphore, VkSemaphore, VkSemaphoreCreateInfo)
NULL_OBJECT(command_pool, VkCommandPool, VkCommandPoolCreateInfo)
NULL_OBJECT(descriptor_pool, VkDescriptorPool, VkDescriptorPoolCreateInfo)
NULL_OBJECT(query_pool, VkQueryPool, VkQueryPoolCreateInfo)

static VKAPI_ATTR VkResult VKAPI_CALL allocate_sets(
    VkDevice device, const VkDescriptorSetAllocateInfo *info, VkDescriptorSet *out)
{
    UNUSED(device);
    for (uint32_t i = 0; i < info->descriptorSetCount; i++)
        out[i] = HANDLE(VkDescriptorSet, &next_device);
    return VK_SUCCESS;
}

// Commands and functions that do nothing. They are called through pointers of their own types with
// arguments that nobody reads: callers clean up on every ABI that Vulkan drivers exist for.
static void do_nothing(void)
{
}

static VkResult succeed(void)
{
    return VK_SUCCESS;
}

// ---- entry points -------------------------------------------------------------------------------

// clang-format off
static const struct {
    const char *name;
    PFN_vkVoidFunction function;
} replaced[] = {
#define XX(name, function)                                                                         \
    { "vk" #name, (PFN_vkVoidFunction) (1 ? (function) : (PFN_vk##name) NULL) },
    XX(AllocateMemory, allocate_memory)
    XX(FreeMemory, free_memory)
    XX(MapMemory, map_memory)
    XX(UnmapMemory, unmap_memory)
    XX(CreateBuffer, create_buffer)
    XX(DestroyBuffer, destroy_buffer)
    XX(GetBufferMemoryRequirements, buffer_requirements)
    XX(BindBufferMemory, bind_buffer)
    XX(GetBufferDeviceAddress, buffer_address)
    XX(AllocateCommandBuffers, allocate_commands)
    XX(FreeCommandBuffers, free_commands)
    XX(BeginCommandBuffer, begin_commands)
    XX(EndCommandBuffer, end_commands)
    XX(CmdFillBuffer, fill_buffer)
    XX(QueueSubmit, submit)
    XX(GetQueryPoolResults, query_results)
    XX(GetSemaphoreCounterValue, semaphore_value)
    XX(WaitSemaphores, wait_semaphores)
    XX(CreateSemaphore, create_semaphore)
    XX(DestroySemaphore, destroy_semaphore)
    XX(CreateCommandPool, create_command_pool)
    XX(DestroyCommandPool, destroy_command_pool)
    XX(CreateDescriptorPool, create_descriptor_pool)
    XX(DestroyDescriptorPool, destroy_descriptor_pool)
    XX(CreateQueryPool, create_query_pool)
    XX(DestroyQueryPool, destroy_query_pool)
    XX(AllocateDescriptorSets, allocate_sets)
#undef XX
#define XX(name) { "vk" #name, (PFN_vkVoidFunction) do_nothing },
    XX(UpdateDescriptorSets)
    XX(CmdBindPipeline)
    XX(CmdBindDescriptorSets)
    XX(CmdPushDescriptorSetKHR)
    XX(CmdPushConstants)
    XX(CmdDispatch)
    XX(CmdPipelineBarrier)
    XX(CmdCopyBuffer)
    XX(CmdUpdateBuffer)
    XX(CmdWriteTimestamp)
    XX(CmdResetQueryPool)
    XX(CmdBeginDebugUtilsLabelEXT)
    XX(CmdEndDebugUtilsLabelEXT)
#undef XX
#define XX(name) { "vk" #name, (PFN_vkVoidFunction) succeed },
    XX(ResetCommandPool)
    XX(ResetDescriptorPool)
    XX(FlushMappedMemoryRanges)
    XX(InvalidateMappedMemoryRanges)
    XX(QueueWaitIdle)
    XX(DeviceWaitIdle)
    XX(SetDebugUtilsObjectNameEXT)
#undef XX
};
// clang-format on

static PFN_vkVoidFunction VKAPI_CALL get_device_proc_addr(VkDevice device, const char *name)
{
    for (size_t i = 0; i < sizeof replaced / sizeof replaced[0]; i++)
        if (strcmp(name, replaced[i].name) == 0)
            return replaced[i].function;
    return next_device(device, name);
}

PFN_vkVoidFunction VKAPI_CALL amd_get_instance_proc_addr(VkInstance instance, const char *name)
{
    PFN_vkVoidFunction found = next_instance(instance, name);
    if (strcmp(name, "vkGetPhysicalDeviceMemoryProperties2") == 0)
        return (PFN_vkVoidFunction) memory_properties;
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
