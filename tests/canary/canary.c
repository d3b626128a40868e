// SPDX-License-Identifier: MIT
//
// lattn-canary CASE: a program that does one thing wrong on purpose, on raw Vulkan.
//
// Validation is switched on by environment variables, and a wrong name, a wrong separator or a
// layer that is not found switches it off without a word. So every validation job starts with
// these: exit 0 when the layer reported what it must, 1 when it said nothing. The case `clean`
// does everything right and must not be reported.
//
//     raw waw war     two dispatches in one command buffer, no barrier between them
//     submit          the second one in a submission of its own
//     range           a descriptor that reaches past its buffer
//     leak            device memory that is not freed

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>

enum { N_BUFFERS = 3, N_SETS = 2, GROUPS = 4, BYTES = 4 * 64 * GROUPS };

static const uint32_t copy_spirv[] = {
#include "canary_shaders/copy.inc"
};

// What a case does: dispatch i copies buffer from[i] to buffer to[i].
struct scenario {
    const char *name;
    const char *expected;  // part of the message; NULL = none may come
    int from[N_SETS], to[N_SETS];
    bool barrier;  // between the two dispatches
    bool two_submits;
    VkDeviceSize excess;  // added to a descriptor's range
    bool leak;
};

static const struct scenario scenarios[] = {
    { "clean", NULL, .from = { 0, 1 }, .to = { 1, 2 }, .barrier = true },
    { "raw", "SYNC-HAZARD-READ-AFTER-WRITE", .from = { 0, 1 }, .to = { 1, 2 } },
    { "war", "SYNC-HAZARD-WRITE-AFTER-READ", .from = { 0, 2 }, .to = { 1, 0 } },
    { "waw", "SYNC-HAZARD-WRITE-AFTER-WRITE", .from = { 0, 2 }, .to = { 1, 1 } },
    { "submit", "SYNC-HAZARD-READ-AFTER-WRITE", .from = { 0, 1 }, .to = { 1, 2 },
        .two_submits = true },
    { "range", "VkDescriptorBufferInfo-range", .from = { 0, 1 }, .to = { 1, 2 }, .barrier = true,
        .excess = 64 },
    { "leak", "vkDestroyDevice-device", .from = { 0, 1 }, .to = { 1, 2 }, .barrier = true,
        .leak = true },
};

struct gpu {
    VkInstance instance;
    VkDebugUtilsMessengerEXT messenger;
    VkPhysicalDevice physical;
    VkDevice device;
    uint32_t family;
    VkQueue queue;
    VkBuffer buffers[N_BUFFERS];
    VkDeviceMemory memory;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipeline;
    VkDescriptorPool descriptors;
    VkDescriptorSet sets[N_SETS];
    VkCommandPool commands;
};

static const char *expected;
static int n_expected, n_others;

#define CHECK(call)                                                                                \
    do {                                                                                           \
        VkResult result_ = (call);                                                                 \
        if (result_) {                                                                             \
            fprintf(stderr, "canary: %s: VkResult %d\n", #call, result_);                          \
            exit(3);                                                                               \
        }                                                                                          \
    } while (0)

static VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
    VkDebugUtilsMessageTypeFlagsEXT types, const VkDebugUtilsMessengerCallbackDataEXT *data,
    void *user)
{
    (void) severity;
    (void) user;
    if (types == VK_DEBUG_UTILS_MESSAGE_TYPE_GENERAL_BIT_EXT)
        return VK_FALSE;  // the loader's own remarks
    if (expected && strstr(data->pMessage, expected))
        n_expected++;
    else if (expected && data->pMessageIdName && strstr(data->pMessageIdName, expected))
        n_expected++;
    else
        n_others++;
    fprintf(stderr, "canary: %s\n", data->pMessage);
    return VK_FALSE;
}

static void open_device(struct gpu *g)
{
    VkDebugUtilsMessengerCreateInfoEXT hear = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                           VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_GENERAL_BIT_EXT |
                       VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT |
                       VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT,
        .pfnUserCallback = on_message,
    };
    VkApplicationInfo app = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .apiVersion = VK_API_VERSION_1_2 };
    VkInstanceCreateInfo instance = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pNext = &hear,
        .pApplicationInfo = &app,
        .enabledExtensionCount = 1,
        .ppEnabledExtensionNames = (const char *const[]){ VK_EXT_DEBUG_UTILS_EXTENSION_NAME },
    };
    CHECK(vkCreateInstance(&instance, NULL, &g->instance));
    PFN_vkCreateDebugUtilsMessengerEXT create =
        (PFN_vkCreateDebugUtilsMessengerEXT) vkGetInstanceProcAddr(
            g->instance, "vkCreateDebugUtilsMessengerEXT");
    CHECK(create(g->instance, &hear, NULL, &g->messenger));

    uint32_t n = 1;
    VkResult found = vkEnumeratePhysicalDevices(g->instance, &n, &g->physical);
    if (found < 0 || n == 0) {
        fprintf(stderr, "canary: no Vulkan device\n");
        exit(3);
    }
    VkQueueFamilyProperties families[16];
    uint32_t n_families = 16;
    vkGetPhysicalDeviceQueueFamilyProperties(g->physical, &n_families, families);
    while (g->family < n_families && !(families[g->family].queueFlags & VK_QUEUE_COMPUTE_BIT))
        g->family++;
    VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = g->family,
        .queueCount = 1,
        .pQueuePriorities = (const float[]){ 1 },
    };
    VkDeviceCreateInfo device = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
    };
    CHECK(vkCreateDevice(g->physical, &device, NULL, &g->device));
    vkGetDeviceQueue(g->device, g->family, 0, &g->queue);
}

static void make_buffers(struct gpu *g)
{
    VkMemoryRequirements need = { 0 };
    for (int i = 0; i < N_BUFFERS; i++) {
        VkBufferCreateInfo buffer = {
            .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
            .size = BYTES,
            .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
        };
        CHECK(vkCreateBuffer(g->device, &buffer, NULL, &g->buffers[i]));
        vkGetBufferMemoryRequirements(g->device, g->buffers[i], &need);
    }
    VkDeviceSize step = (need.size + need.alignment - 1) / need.alignment * need.alignment;
    uint32_t type = 0;
    while (!(need.memoryTypeBits >> type & 1))
        type++;
    VkMemoryAllocateInfo memory = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = step * N_BUFFERS,
        .memoryTypeIndex = type,
    };
    CHECK(vkAllocateMemory(g->device, &memory, NULL, &g->memory));
    for (int i = 0; i < N_BUFFERS; i++)
        CHECK(vkBindBufferMemory(g->device, g->buffers[i], g->memory, step * (VkDeviceSize) i));
}

static void make_pipeline(struct gpu *g)
{
    VkDescriptorSetLayoutBinding bindings[2];
    for (uint32_t i = 0; i < 2; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){ .binding = i,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .descriptorCount = 1,
            .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT };
    VkDescriptorSetLayoutCreateInfo set_layout = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = 2,
        .pBindings = bindings,
    };
    CHECK(vkCreateDescriptorSetLayout(g->device, &set_layout, NULL, &g->set_layout));
    VkPipelineLayoutCreateInfo layout = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &g->set_layout,
    };
    CHECK(vkCreatePipelineLayout(g->device, &layout, NULL, &g->layout));
    VkShaderModuleCreateInfo code = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = sizeof copy_spirv,
        .pCode = copy_spirv,
    };
    VkShaderModule module;
    CHECK(vkCreateShaderModule(g->device, &code, NULL, &module));
    VkComputePipelineCreateInfo pipeline = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = { .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
            .stage = VK_SHADER_STAGE_COMPUTE_BIT,
            .module = module,
            .pName = "main" },
        .layout = g->layout,
    };
    CHECK(vkCreateComputePipelines(g->device, VK_NULL_HANDLE, 1, &pipeline, NULL, &g->pipeline));
    vkDestroyShaderModule(g->device, module, NULL);
}

static void make_sets(struct gpu *g, const struct scenario *s)
{
    VkDescriptorPoolSize size = { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 2 * N_SETS };
    VkDescriptorPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = N_SETS,
        .poolSizeCount = 1,
        .pPoolSizes = &size,
    };
    CHECK(vkCreateDescriptorPool(g->device, &pool, NULL, &g->descriptors));
    for (int i = 0; i < N_SETS; i++) {
        VkDescriptorSetAllocateInfo set = {
            .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
            .descriptorPool = g->descriptors,
            .descriptorSetCount = 1,
            .pSetLayouts = &g->set_layout,
        };
        CHECK(vkAllocateDescriptorSets(g->device, &set, &g->sets[i]));
        VkDescriptorBufferInfo ranges[2] = {
            { g->buffers[s->from[i]], 0, BYTES + s->excess },
            { g->buffers[s->to[i]], 0, BYTES },
        };
        VkWriteDescriptorSet write = {
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = g->sets[i],
            .descriptorCount = 2,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = ranges,
        };
        vkUpdateDescriptorSets(g->device, 1, &write, 0, NULL);
    }
}

static void dispatch(struct gpu *g, VkCommandBuffer cmd, int i)
{
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, g->pipeline);
    vkCmdBindDescriptorSets(
        cmd, VK_PIPELINE_BIND_POINT_COMPUTE, g->layout, 0, 1, &g->sets[i], 0, NULL);
    vkCmdDispatch(cmd, GROUPS, 1, 1);
}

static VkCommandBuffer begin(struct gpu *g)
{
    VkCommandBufferAllocateInfo buffer = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = g->commands,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    VkCommandBuffer cmd;
    CHECK(vkAllocateCommandBuffers(g->device, &buffer, &cmd));
    VkCommandBufferBeginInfo info = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
    CHECK(vkBeginCommandBuffer(cmd, &info));
    return cmd;
}

static void submit(struct gpu *g, VkCommandBuffer cmd)
{
    CHECK(vkEndCommandBuffer(cmd));
    VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &cmd,
    };
    CHECK(vkQueueSubmit(g->queue, 1, &info, VK_NULL_HANDLE));
}

static void run(struct gpu *g, const struct scenario *s)
{
    VkCommandPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .queueFamilyIndex = g->family,
    };
    CHECK(vkCreateCommandPool(g->device, &pool, NULL, &g->commands));
    VkCommandBuffer cmd = begin(g);
    dispatch(g, cmd, 0);
    if (s->barrier) {
        VkMemoryBarrier barrier = {
            .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
            .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
            .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT,
        };
        vkCmdPipelineBarrier(cmd, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
            VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
    }
    if (s->two_submits) {
        submit(g, cmd);
        cmd = begin(g);
    }
    dispatch(g, cmd, 1);
    submit(g, cmd);
    CHECK(vkQueueWaitIdle(g->queue));
}

static void close_device(struct gpu *g, const struct scenario *s)
{
    vkDestroyCommandPool(g->device, g->commands, NULL);
    vkDestroyDescriptorPool(g->device, g->descriptors, NULL);
    vkDestroyPipeline(g->device, g->pipeline, NULL);
    vkDestroyPipelineLayout(g->device, g->layout, NULL);
    vkDestroyDescriptorSetLayout(g->device, g->set_layout, NULL);
    for (int i = 0; i < N_BUFFERS; i++)
        vkDestroyBuffer(g->device, g->buffers[i], NULL);
    if (!s->leak)
        vkFreeMemory(g->device, g->memory, NULL);
    vkDestroyDevice(g->device, NULL);
    PFN_vkDestroyDebugUtilsMessengerEXT destroy =
        (PFN_vkDestroyDebugUtilsMessengerEXT) vkGetInstanceProcAddr(
            g->instance, "vkDestroyDebugUtilsMessengerEXT");
    destroy(g->instance, g->messenger, NULL);
    vkDestroyInstance(g->instance, NULL);
}

int main(int argc, char **argv)
{
    const struct scenario *s = NULL;
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
        if (argc == 2 && strcmp(argv[1], scenarios[i].name) == 0)
            s = &scenarios[i];
    if (!s) {
        fprintf(stderr, "usage: lattn-canary clean|raw|war|waw|submit|range|leak\n");
        return 2;
    }
    expected = s->expected;

    struct gpu g = { 0 };
    open_device(&g);
    make_buffers(&g);
    make_pipeline(&g);
    make_sets(&g, s);
    run(&g, s);
    close_device(&g, s);

    bool good = s->expected ? n_expected > 0 : n_others == 0;
    printf("canary %s: %s\n", s->name,
        good ? (s->expected ? "reported, as it must be" : "nothing reported, as it must be")
             : (s->expected ? "NOT reported: validation is off" : "reported without a reason"));
    return good ? 0 : 1;
}
