// SPDX-License-Identifier: MIT
//
// Reads a device's properties into one flat struct, and says whether it is above the floor:
// Vulkan 1.2, 256 invocations per workgroup, 16 KiB of shared memory, 128 bytes of push
// constants, 12 storage buffers per kernel, timeline semaphores, a compute queue.
//
// Only structs that the device's version or an extension has go into the query chains.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "device/caps.h"
#include "device/coopmat.h"
#include "device/env.h"
#include "device/features.h"

enum { FLOOR_INVOCATIONS = 256, FLOOR_SHARED_BYTES = 16384 };
enum { GPU_WIDTH = 128, LEAST_WIDTH = 64, CPU_WIDTH = 4 };

struct property_chain {
    VkPhysicalDeviceProperties2 head;
    VkPhysicalDeviceVulkan11Properties v11;
    VkPhysicalDeviceVulkan12Properties v12;
    VkPhysicalDeviceSubgroupSizeControlProperties subgroup_size;
    VkPhysicalDeviceMaintenance4Properties maintenance4;
    VkPhysicalDeviceShaderIntegerDotProductProperties dot;
    VkPhysicalDevicePushDescriptorPropertiesKHR push_descriptor;
    VkPhysicalDeviceCooperativeMatrixPropertiesKHR coopmat;
    VkPhysicalDeviceCooperativeMatrix2PropertiesNV coopmat2;
    VkPhysicalDeviceShaderSMBuiltinsPropertiesNV units_nv;
    VkPhysicalDeviceShaderCoreProperties2AMD units_amd;
    VkPhysicalDeviceShaderCoreBuiltinsPropertiesARM units_arm;
};

static void link_in(struct property_chain *c, void *part, VkStructureType type)
{
    VkBaseOutStructure *p = part;
    p->sType = type;
    p->pNext = c->head.pNext;
    c->head.pNext = p;
}

static void query_properties(const struct lat_vk *vk, VkPhysicalDevice physical, uint32_t version,
    const struct lat_extensions *ext, struct property_chain *c)
{
    memset(c, 0, sizeof *c);
    c->head.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
    if (version >= VK_API_VERSION_1_2) {
        link_in(c, &c->v11, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES);
        link_in(c, &c->v12, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES);
    }
    bool v13 = version >= VK_API_VERSION_1_3;
    if (v13 || lat_extensions_have(ext, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME))
        link_in(c, &c->subgroup_size,
            VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES);
    if (v13 || lat_extensions_have(ext, VK_KHR_MAINTENANCE_4_EXTENSION_NAME))
        link_in(c, &c->maintenance4, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES);
    if (v13)
        link_in(
            c, &c->dot, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_PROPERTIES);
    if (lat_extensions_have(ext, VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME))
        link_in(c, &c->push_descriptor,
            VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PUSH_DESCRIPTOR_PROPERTIES_KHR);
    if (lat_extensions_have(ext, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME))
        link_in(
            c, &c->coopmat, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_PROPERTIES_KHR);
    if (lat_extensions_have(ext, VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME))
        link_in(
            c, &c->coopmat2, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_PROPERTIES_NV);
    if (lat_extensions_have(ext, VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME))
        link_in(
            c, &c->units_nv, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV);
    if (lat_extensions_have(ext, VK_AMD_SHADER_CORE_PROPERTIES_2_EXTENSION_NAME))
        link_in(c, &c->units_amd, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_2_AMD);
    if (lat_extensions_have(ext, VK_ARM_SHADER_CORE_BUILTINS_EXTENSION_NAME))
        link_in(c, &c->units_arm,
            VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_BUILTINS_PROPERTIES_ARM);
    vk->GetPhysicalDeviceProperties2(physical, &c->head);
}

uint32_t lat_gpu_width(uint32_t units)
{
    if (units == 0)
        return GPU_WIDTH;
    return units < LEAST_WIDTH ? (LEAST_WIDTH + units - 1) / units * units : units;
}

static void read_identity(const struct property_chain *c, struct lat_caps *caps)
{
    const VkPhysicalDeviceProperties *p = &c->head.properties;
    lattn_device_info *info = &caps->info;
    static const lattn_device_type types[] = {
        [VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU] = LATTN_DEVICE_TYPE_INTEGRATED,
        [VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU] = LATTN_DEVICE_TYPE_DISCRETE,
        [VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU] = LATTN_DEVICE_TYPE_VIRTUAL,
        [VK_PHYSICAL_DEVICE_TYPE_CPU] = LATTN_DEVICE_TYPE_CPU,
    };
    if ((size_t) p->deviceType < LAT_COUNT(types))
        info->type = types[p->deviceType];
    snprintf(info->name, sizeof info->name, "%s", p->deviceName);
    snprintf(info->driver, sizeof info->driver, "%.120s%s%.120s", c->v12.driverName,
        *c->v12.driverInfo ? " " : "", c->v12.driverInfo);
    info->api_version = p->apiVersion;
    info->vendor_id = p->vendorID;
    info->device_id = p->deviceID;
    const uint8_t *u = c->v11.deviceUUID;
    snprintf(info->uuid, sizeof info->uuid,
        "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2],
        u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);

    // One of the three is there, at most.
    info->compute_units = c->units_nv.shaderSMCount + c->units_amd.activeComputeUnitCount +
                          c->units_arm.shaderCoreCount;

    caps->is_cpu = info->type == LATTN_DEVICE_TYPE_CPU;
    caps->width = caps->is_cpu ? CPU_WIDTH : lat_gpu_width(info->compute_units);
    caps->driver_id = c->v12.driverID;
    caps->is_lavapipe = caps->driver_id == VK_DRIVER_ID_MESA_LLVMPIPE;
    caps->driver_version = p->driverVersion;
    memcpy(caps->device_uuid, c->v11.deviceUUID, sizeof caps->device_uuid);
    memcpy(caps->driver_uuid, c->v11.driverUUID, sizeof caps->driver_uuid);
    memcpy(caps->cache_uuid, p->pipelineCacheUUID, sizeof caps->cache_uuid);
}

static void read_limits(const struct property_chain *c, struct lat_caps *caps)
{
    const VkPhysicalDeviceLimits *l = &c->head.properties.limits;
    caps->max_binding_bytes = l->maxStorageBufferRange;
    caps->max_allocation_bytes = c->v11.maxMemoryAllocationSize;
    caps->max_buffer_bytes = c->maintenance4.maxBufferSize;
    if (caps->max_buffer_bytes == 0)  // no such limit is known before maintenance4
        caps->max_buffer_bytes = caps->max_allocation_bytes;
    caps->buffer_alignment = (uint32_t) l->minStorageBufferOffsetAlignment;
    caps->noncoherent_atom = l->nonCoherentAtomSize;
    for (int d = 0; d < 3; d++) {
        caps->max_groups[d] = l->maxComputeWorkGroupCount[d];
        caps->max_group_size[d] = l->maxComputeWorkGroupSize[d];
    }
    caps->max_invocations = l->maxComputeWorkGroupInvocations;
    caps->max_shared_bytes = l->maxComputeSharedMemorySize;
    caps->max_push_bytes = l->maxPushConstantsSize;
    caps->max_bindings =
        LAT_MIN(LAT_MIN(l->maxPerStageDescriptorStorageBuffers, l->maxPerStageResources),
            LAT_MIN(l->maxDescriptorSetStorageBuffers, c->v11.maxPerSetDescriptors));
    caps->max_memory_allocations = l->maxMemoryAllocationCount;
    caps->timestamp_ns = l->timestampPeriod;
    caps->coopmat2_max_group = c->coopmat2.cooperativeMatrixWorkgroupScopeMaxWorkgroupSize;
    caps->coopmat2_max_dimension = c->coopmat2.cooperativeMatrixFlexibleDimensionsMaxDimension;
    caps->coopmat2_reserved_bytes = c->coopmat2.cooperativeMatrixWorkgroupScopeReservedSharedMemory;
    caps->mixed_dot = c->dot.integerDotProduct4x8BitPackedMixedSignednessAccelerated;
}

static void read_subgroups(const struct property_chain *c, struct lat_caps *caps)
{
    caps->subgroup_size = c->v11.subgroupSize;
    caps->min_subgroup_size = caps->max_subgroup_size = c->v11.subgroupSize;
    const VkPhysicalDeviceSubgroupSizeControlProperties *s = &c->subgroup_size;
    if (s->minSubgroupSize) {
        caps->min_subgroup_size = s->minSubgroupSize;
        caps->max_subgroup_size = s->maxSubgroupSize;
    }
    if (!(s->requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT))
        caps->subgroup_size_control = false;

    VkSubgroupFeatureFlags ops = c->v11.subgroupSupportedOperations;
    if (!(c->v11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT))
        ops = 0;
    caps->subgroup_basic = ops & VK_SUBGROUP_FEATURE_BASIC_BIT;
    caps->subgroup_vote = ops & VK_SUBGROUP_FEATURE_VOTE_BIT;
    caps->subgroup_arithmetic = ops & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT;
    caps->subgroup_ballot = ops & VK_SUBGROUP_FEATURE_BALLOT_BIT;
    caps->subgroup_shuffle = ops & VK_SUBGROUP_FEATURE_SHUFFLE_BIT;
    caps->subgroup_clustered = ops & VK_SUBGROUP_FEATURE_CLUSTERED_BIT;
}

static void read_memory(const struct lat_vk *vk, VkPhysicalDevice physical, struct lat_caps *caps)
{
    VkPhysicalDeviceMemoryProperties2 m = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
    };
    vk->GetPhysicalDeviceMemoryProperties2(physical, &m);
    for (uint32_t i = 0; i < m.memoryProperties.memoryHeapCount; i++) {
        const VkMemoryHeap *heap = &m.memoryProperties.memoryHeaps[i];
        if (heap->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)
            caps->info.memory_bytes = LAT_MAX(caps->info.memory_bytes, heap->size);
    }
}

static lattn_status device_extensions(const struct lat_vk *vk, VkPhysicalDevice physical,
    VkExtensionProperties **properties, const char ***names, uint32_t *count)
{
    uint32_t n = 0;
    VkResult r = vk->EnumerateDeviceExtensionProperties(physical, NULL, &n, NULL);
    if (r != VK_SUCCESS)
        n = 0;
    *properties = lat_calloc(n, sizeof **properties);
    *names = lat_calloc(n, sizeof **names);
    if (!*properties || !*names)
        return LATTN_ERR_HOST_MEMORY;
    if (n) {
        r = vk->EnumerateDeviceExtensionProperties(physical, NULL, &n, *properties);
        if (r != VK_SUCCESS && r != VK_INCOMPLETE)
            n = 0;
    }
    for (uint32_t i = 0; i < n; i++)
        (*names)[i] = (*properties)[i].extensionName;
    *count = n;
    return LATTN_OK;
}

// Where vkCreateComputePipelines starts from SPIR-V each time, because the driver's pipeline cache keeps nothing, and
// shader objects are made from what the driver has handed out before: lavapipe, seen in Mesa 26.1. Its shader
// objects know nothing of robustBufferAccess.
static bool wants_shader_objects(const struct lat_caps *caps)
{
    enum { MESA_MAJOR_BIT = 22, FIRST_SEEN_MESA = 26 };
    return caps->is_lavapipe && caps->driver_version >> MESA_MAJOR_BIT >= FIRST_SEEN_MESA &&
           caps->api_version >= VK_API_VERSION_1_3 && !caps->robust_access;
}

lattn_status lat_caps_query(const struct lat_vk *vk, VkPhysicalDevice physical,
    uint32_t instance_version, const lattn_vulkan_handles *adopted, struct lat_caps *caps)
{
    VkExtensionProperties *properties = NULL;
    const char **names = NULL;
    struct lat_extensions ext = { 0 };
    lattn_status st = LATTN_OK;

    memset(caps, 0, sizeof *caps);
    VkPhysicalDeviceProperties2 version = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
    };
    vk->GetPhysicalDeviceProperties2(physical, &version);
    caps->api_version = LAT_MIN(instance_version, version.properties.apiVersion);

    if (adopted) {
        ext = (struct lat_extensions){ adopted->extensions, adopted->n_extensions };
        lat_features_adopt(adopted->features, caps);
    } else {
        LAT_GO(device_extensions(vk, physical, &properties, &names, &ext.n));
        ext.names = names;
        lat_features_query(vk, physical, caps->api_version, &ext, caps);
        caps->robust_access &= lat_env_has("LATTN_CHECK", "robust");
    }
    struct property_chain chain;
    query_properties(vk, physical, caps->api_version, &ext, &chain);
    read_identity(&chain, caps);
    caps->shader_object &= wants_shader_objects(caps);
    read_limits(&chain, caps);
    read_subgroups(&chain, caps);
    lat_coopmat_query(vk, physical, chain.coopmat.cooperativeMatrixSupportedStages, caps);
    read_memory(vk, physical, caps);
    caps->push_descriptors = chain.push_descriptor.maxPushDescriptors >= LAT_MAX_BINDINGS;
    caps->memory_budget = lat_extensions_have(&ext, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    caps->creation_feedback =
        caps->api_version >= VK_API_VERSION_1_3 ||
        lat_extensions_have(&ext, VK_EXT_PIPELINE_CREATION_FEEDBACK_EXTENSION_NAME);
    caps->portability_subset = lat_extensions_have(&ext, "VK_KHR_portability_subset");

done:
    lat_free(properties);
    lat_free(names);
    return st;
}

void lat_caps_refusal(const struct lat_caps *caps, char *text, size_t bytes)
{
    *text = '\0';
    if (caps->api_version < VK_API_VERSION_1_2)
        snprintf(text, bytes, "Vulkan %u.%u is below 1.2", VK_API_VERSION_MAJOR(caps->api_version),
            VK_API_VERSION_MINOR(caps->api_version));
    else if (!caps->timeline)
        snprintf(text, bytes, "timeline semaphores (timelineSemaphore) are not available");
    else if (caps->max_invocations < FLOOR_INVOCATIONS ||
             caps->max_group_size[0] < FLOOR_INVOCATIONS)
        snprintf(text, bytes, "%u invocations per workgroup are below %d",
            LAT_MIN(caps->max_invocations, caps->max_group_size[0]), FLOOR_INVOCATIONS);
    else if (caps->max_shared_bytes < FLOOR_SHARED_BYTES)
        snprintf(text, bytes, "%u bytes of shared memory are below %d", caps->max_shared_bytes,
            FLOOR_SHARED_BYTES);
    else if (caps->max_push_bytes < LAT_MAX_PUSH_BYTES)
        snprintf(text, bytes, "%u bytes of push constants are below %d", caps->max_push_bytes,
            LAT_MAX_PUSH_BYTES);
    else if (caps->max_bindings < LAT_MAX_BINDINGS)
        snprintf(text, bytes, "%u storage buffers per shader are below %d", caps->max_bindings,
            LAT_MAX_BINDINGS);
}
