// SPDX-License-Identifier: MIT
//
// The Vulkan functions the library uses, as one list, and the table made from it. The
// loader is opened at run time and every context has its own table: no global vk*
// symbols that could clash with an application's.
#ifndef LAT_VK_H
#define LAT_VK_H
#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>
#include "device/vk_compat.h"

// clang-format off
#define LAT_VK_GLOBAL(XX)                      \
    XX(CreateInstance) XX(EnumerateInstanceVersion) \
    XX(EnumerateInstanceExtensionProperties) XX(EnumerateInstanceLayerProperties)
#define LAT_VK_INSTANCE(XX)                    \
    XX(DestroyInstance) XX(EnumeratePhysicalDevices) XX(GetPhysicalDeviceProperties2) \
    XX(GetPhysicalDeviceFeatures2) XX(GetPhysicalDeviceMemoryProperties2) \
    XX(GetPhysicalDeviceQueueFamilyProperties2) XX(EnumerateDeviceExtensionProperties) \
    XX(CreateDevice) XX(GetDeviceProcAddr)
#define LAT_VK_INSTANCE_OPTIONAL(XX)           \
    XX(CreateDebugUtilsMessengerEXT) XX(DestroyDebugUtilsMessengerEXT) \
    XX(GetPhysicalDeviceCooperativeMatrixPropertiesKHR) \
    XX(GetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV)
#define LAT_VK_DEVICE(XX)                      \
    XX(DestroyDevice) XX(GetDeviceQueue) XX(DeviceWaitIdle) XX(QueueSubmit) XX(QueueWaitIdle) \
    XX(AllocateMemory) XX(FreeMemory) XX(MapMemory) XX(UnmapMemory) \
    XX(FlushMappedMemoryRanges) XX(InvalidateMappedMemoryRanges) \
    XX(CreateBuffer) XX(DestroyBuffer) XX(GetBufferMemoryRequirements) XX(BindBufferMemory) \
    XX(GetBufferDeviceAddress) \
    XX(CreateShaderModule) XX(DestroyShaderModule) XX(CreatePipelineCache) \
    XX(DestroyPipelineCache) XX(GetPipelineCacheData) XX(MergePipelineCaches) \
    XX(CreateComputePipelines) XX(DestroyPipeline) XX(CreatePipelineLayout) \
    XX(DestroyPipelineLayout) XX(CreateDescriptorSetLayout) XX(DestroyDescriptorSetLayout) \
    XX(CreateDescriptorPool) XX(DestroyDescriptorPool) XX(ResetDescriptorPool) \
    XX(AllocateDescriptorSets) XX(UpdateDescriptorSets) \
    XX(CreateCommandPool) XX(DestroyCommandPool) XX(ResetCommandPool) \
    XX(AllocateCommandBuffers) XX(FreeCommandBuffers) XX(BeginCommandBuffer) \
    XX(EndCommandBuffer) XX(CmdBindPipeline) XX(CmdBindDescriptorSets) XX(CmdPushConstants) \
    XX(CmdDispatch) XX(CmdPipelineBarrier) XX(CmdCopyBuffer) XX(CmdFillBuffer) \
    XX(CmdUpdateBuffer) XX(CmdWriteTimestamp) XX(CmdResetQueryPool) XX(CreateQueryPool) \
    XX(DestroyQueryPool) XX(GetQueryPoolResults) \
    XX(CreateSemaphore) XX(DestroySemaphore) XX(WaitSemaphores) XX(GetSemaphoreCounterValue)
#define LAT_VK_DEVICE_OPTIONAL(XX)             \
    XX(CmdPushDescriptorSetKHR) XX(CmdBeginDebugUtilsLabelEXT) XX(CmdEndDebugUtilsLabelEXT) \
    XX(SetDebugUtilsObjectNameEXT) XX(GetPipelineExecutablePropertiesKHR) \
    XX(GetPipelineExecutableStatisticsKHR) XX(GetDeviceFaultInfoEXT) \
    XX(CreateShadersEXT) XX(DestroyShaderEXT) XX(GetShaderBinaryDataEXT) XX(CmdBindShadersEXT)
// clang-format on

struct lat_vk {
    PFN_vkGetInstanceProcAddr GetInstanceProcAddr;
#define XX(name) PFN_vk##name name;
    LAT_VK_GLOBAL(XX)
    LAT_VK_INSTANCE(XX)
    LAT_VK_INSTANCE_OPTIONAL(XX)
    LAT_VK_DEVICE(XX)
    LAT_VK_DEVICE_OPTIONAL(XX)
#undef XX
};

#endif
