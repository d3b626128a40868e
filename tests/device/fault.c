// SPDX-License-Identifier: MIT
//
// Wrappers around every Vulkan function of the table that returns a result. Each keeps the
// driver's function in a variable of its own, filled when the library asks for it by name.
//
// A failing wait would leave work running that the test then destroys, as no real lost
// device does; so a loss first lets the real queue finish.

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>
#include "device/fault.h"

static struct {
    const char *function;  // NULL = all
    _Atomic int64_t at, calls;
    VkResult result;
    bool sticky;
    _Atomic bool armed, happened, lost;
    const char *failed;
    VkDevice device;
} plan;

static PFN_vkGetInstanceProcAddr real_get_instance;
static PFN_vkGetDeviceProcAddr real_get_device;
static PFN_vkDeviceWaitIdle real_wait_idle;

static bool touches_the_queue(const char *name)
{
    return strcmp(name, "vkQueueSubmit") == 0 || strcmp(name, "vkWaitSemaphores") == 0 ||
           strcmp(name, "vkGetSemaphoreCounterValue") == 0;
}

// Whether this call fails; then *result says how.
static bool fails(const char *name, VkResult *result)
{
    if (!plan.armed)
        return false;
    if (plan.lost && touches_the_queue(name)) {
        *result = VK_ERROR_DEVICE_LOST;
        return true;
    }
    if (plan.function && strcmp(plan.function, name) != 0)
        return false;
    int64_t n = plan.calls++;
    if (plan.sticky ? n < plan.at : n != plan.at)
        return false;
    *result = plan.result;
    plan.happened = true;
    plan.failed = name;
    if (plan.result == VK_ERROR_DEVICE_LOST && plan.device && real_wait_idle) {
        real_wait_idle(plan.device);
        plan.lost = true;
    }
    return true;
}

// clang-format off
#define WRAPPERS(XX)                                                                               \
    XX(CreateInstance, (const VkInstanceCreateInfo *a, const VkAllocationCallbacks *b, VkInstance *c), (a, b, c)) \
    XX(EnumerateInstanceVersion, (uint32_t *a), (a))                                               \
    XX(EnumerateInstanceExtensionProperties, (const char *a, uint32_t *b, VkExtensionProperties *c), (a, b, c)) \
    XX(EnumerateInstanceLayerProperties, (uint32_t *a, VkLayerProperties *b), (a, b))              \
    XX(EnumeratePhysicalDevices, (VkInstance a, uint32_t *b, VkPhysicalDevice *c), (a, b, c))      \
    XX(EnumerateDeviceExtensionProperties, (VkPhysicalDevice a, const char *b, uint32_t *c, VkExtensionProperties *d), (a, b, c, d)) \
    XX(CreateDevice, (VkPhysicalDevice a, const VkDeviceCreateInfo *b, const VkAllocationCallbacks *c, VkDevice *d), (a, b, c, d)) \
    XX(CreateDebugUtilsMessengerEXT, (VkInstance a, const VkDebugUtilsMessengerCreateInfoEXT *b, const VkAllocationCallbacks *c, VkDebugUtilsMessengerEXT *d), (a, b, c, d)) \
    XX(QueueSubmit, (VkQueue a, uint32_t b, const VkSubmitInfo *c, VkFence d), (a, b, c, d))       \
    XX(AllocateMemory, (VkDevice a, const VkMemoryAllocateInfo *b, const VkAllocationCallbacks *c, VkDeviceMemory *d), (a, b, c, d)) \
    XX(MapMemory, (VkDevice a, VkDeviceMemory b, VkDeviceSize c, VkDeviceSize d, VkMemoryMapFlags e, void **f), (a, b, c, d, e, f)) \
    XX(FlushMappedMemoryRanges, (VkDevice a, uint32_t b, const VkMappedMemoryRange *c), (a, b, c)) \
    XX(InvalidateMappedMemoryRanges, (VkDevice a, uint32_t b, const VkMappedMemoryRange *c), (a, b, c)) \
    XX(CreateBuffer, (VkDevice a, const VkBufferCreateInfo *b, const VkAllocationCallbacks *c, VkBuffer *d), (a, b, c, d)) \
    XX(BindBufferMemory, (VkDevice a, VkBuffer b, VkDeviceMemory c, VkDeviceSize d), (a, b, c, d)) \
    XX(CreateShaderModule, (VkDevice a, const VkShaderModuleCreateInfo *b, const VkAllocationCallbacks *c, VkShaderModule *d), (a, b, c, d)) \
    XX(CreatePipelineCache, (VkDevice a, const VkPipelineCacheCreateInfo *b, const VkAllocationCallbacks *c, VkPipelineCache *d), (a, b, c, d)) \
    XX(GetPipelineCacheData, (VkDevice a, VkPipelineCache b, size_t *c, void *d), (a, b, c, d))    \
    XX(MergePipelineCaches, (VkDevice a, VkPipelineCache b, uint32_t c, const VkPipelineCache *d), (a, b, c, d)) \
    XX(CreateComputePipelines, (VkDevice a, VkPipelineCache b, uint32_t c, const VkComputePipelineCreateInfo *d, const VkAllocationCallbacks *e, VkPipeline *f), (a, b, c, d, e, f)) \
    XX(CreateShadersEXT, (VkDevice a, uint32_t b, const VkShaderCreateInfoEXT *c, const VkAllocationCallbacks *d, VkShaderEXT *e), (a, b, c, d, e)) \
    XX(GetShaderBinaryDataEXT, (VkDevice a, VkShaderEXT b, size_t *c, void *d), (a, b, c, d))      \
    XX(CreatePipelineLayout, (VkDevice a, const VkPipelineLayoutCreateInfo *b, const VkAllocationCallbacks *c, VkPipelineLayout *d), (a, b, c, d)) \
    XX(CreateDescriptorSetLayout, (VkDevice a, const VkDescriptorSetLayoutCreateInfo *b, const VkAllocationCallbacks *c, VkDescriptorSetLayout *d), (a, b, c, d)) \
    XX(CreateDescriptorPool, (VkDevice a, const VkDescriptorPoolCreateInfo *b, const VkAllocationCallbacks *c, VkDescriptorPool *d), (a, b, c, d)) \
    XX(AllocateDescriptorSets, (VkDevice a, const VkDescriptorSetAllocateInfo *b, VkDescriptorSet *c), (a, b, c)) \
    XX(CreateCommandPool, (VkDevice a, const VkCommandPoolCreateInfo *b, const VkAllocationCallbacks *c, VkCommandPool *d), (a, b, c, d)) \
    XX(ResetCommandPool, (VkDevice a, VkCommandPool b, VkCommandPoolResetFlags c), (a, b, c))      \
    XX(AllocateCommandBuffers, (VkDevice a, const VkCommandBufferAllocateInfo *b, VkCommandBuffer *c), (a, b, c)) \
    XX(BeginCommandBuffer, (VkCommandBuffer a, const VkCommandBufferBeginInfo *b), (a, b))         \
    XX(EndCommandBuffer, (VkCommandBuffer a), (a))                                                 \
    XX(CreateQueryPool, (VkDevice a, const VkQueryPoolCreateInfo *b, const VkAllocationCallbacks *c, VkQueryPool *d), (a, b, c, d)) \
    XX(GetQueryPoolResults, (VkDevice a, VkQueryPool b, uint32_t c, uint32_t d, size_t e, void *f, VkDeviceSize g, VkQueryResultFlags h), (a, b, c, d, e, f, g, h)) \
    XX(CreateSemaphore, (VkDevice a, const VkSemaphoreCreateInfo *b, const VkAllocationCallbacks *c, VkSemaphore *d), (a, b, c, d)) \
    XX(WaitSemaphores, (VkDevice a, const VkSemaphoreWaitInfo *b, uint64_t c), (a, b, c))          \
    XX(GetSemaphoreCounterValue, (VkDevice a, VkSemaphore b, uint64_t *c), (a, b, c))
// clang-format on

#define XX(name, params, args)                                                                     \
    static PFN_vk##name real_##name;                                                               \
    static VKAPI_ATTR VkResult VKAPI_CALL fake_##name params                                       \
    {                                                                                              \
        VkResult result;                                                                           \
        return fails("vk" #name, &result) ? result : real_##name args;                             \
    }
WRAPPERS(XX)
#undef XX

// The wrapper for a function that the driver has; the function itself where there is none.
static PFN_vkVoidFunction wrap(const char *name, PFN_vkVoidFunction real)
{
    if (!real)
        return NULL;
#define XX(fn, params, args)                                                                       \
    if (strcmp(name, "vk" #fn) == 0) {                                                             \
        real_##fn = (PFN_vk##fn) real;                                                             \
        return (PFN_vkVoidFunction) fake_##fn;                                                     \
    }
    WRAPPERS(XX)
#undef XX
    return real;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device(VkDevice device, const char *name)
{
    plan.device = device;
    if (!real_wait_idle)
        real_wait_idle = (PFN_vkDeviceWaitIdle) real_get_device(device, "vkDeviceWaitIdle");
    return wrap(name, real_get_device(device, name));
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance(VkInstance instance, const char *name)
{
    PFN_vkVoidFunction real = real_get_instance(instance, name);
    if (strcmp(name, "vkGetDeviceProcAddr") == 0 && real) {
        real_get_device = (PFN_vkGetDeviceProcAddr) real;
        real_wait_idle = NULL;
        plan.device = NULL;
        return (PFN_vkVoidFunction) get_device;
    }
    return wrap(name, real);
}

void *fault_entry_point(void)
{
    if (!real_get_instance) {
        void *loader = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
        void *symbol = loader ? dlsym(loader, "vkGetInstanceProcAddr") : NULL;
        memcpy(&real_get_instance, &symbol, sizeof symbol);
    }
    PFN_vkGetInstanceProcAddr entry = get_instance;
    void *p;
    memcpy(&p, &entry, sizeof p);
    return real_get_instance ? p : NULL;
}

void fault_arm(const char *function, int64_t at, VkResult result, bool sticky)
{
    plan.function = function;
    plan.at = at;
    plan.calls = 0;
    plan.result = result;
    plan.sticky = sticky;
    plan.happened = plan.lost = false;
    plan.failed = "";
    plan.device = NULL;
    plan.armed = true;
}

void fault_disarm(void)
{
    plan.armed = false;
}

int64_t fault_calls(void)
{
    return plan.calls;
}

bool fault_happened(void)
{
    return plan.happened;
}

const char *fault_function(void)
{
    return plan.failed;
}
