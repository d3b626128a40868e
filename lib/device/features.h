// SPDX-License-Identifier: MIT
//
// The Vulkan features the library can use, as lists. Querying a device, switching features
// on at device creation, and reading the chain of an adopted device all come from here: a
// feature is used if and only if its member of struct lat_caps is true.
#ifndef LAT_FEATURES_H
#define LAT_FEATURES_H
#include "device/caps.h"

// clang-format off
// The structs that carry features: name here, type, sType behind VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_,
// the version that has it in core, and the extension that brings it to older ones.
#define LAT_FEATURE_GROUPS(XX)                                                                     \
    XX(storage16, VkPhysicalDevice16BitStorageFeatures, 16BIT_STORAGE_FEATURES,                    \
        VK_API_VERSION_1_1, "")                                                                    \
    XX(storage8, VkPhysicalDevice8BitStorageFeatures, 8BIT_STORAGE_FEATURES,                       \
        VK_API_VERSION_1_2, "")                                                                    \
    XX(small_types, VkPhysicalDeviceShaderFloat16Int8Features, SHADER_FLOAT16_INT8_FEATURES,       \
        VK_API_VERSION_1_2, "")                                                                    \
    XX(address, VkPhysicalDeviceBufferDeviceAddressFeatures, BUFFER_DEVICE_ADDRESS_FEATURES,       \
        VK_API_VERSION_1_2, "")                                                                    \
    XX(timeline, VkPhysicalDeviceTimelineSemaphoreFeatures, TIMELINE_SEMAPHORE_FEATURES,           \
        VK_API_VERSION_1_2, "")                                                                    \
    XX(scalar, VkPhysicalDeviceScalarBlockLayoutFeatures, SCALAR_BLOCK_LAYOUT_FEATURES,            \
        VK_API_VERSION_1_2, "")                                                                    \
    XX(memory_model, VkPhysicalDeviceVulkanMemoryModelFeatures, VULKAN_MEMORY_MODEL_FEATURES,      \
        VK_API_VERSION_1_2, "")                                                                    \
    XX(subgroup_size, VkPhysicalDeviceSubgroupSizeControlFeatures, SUBGROUP_SIZE_CONTROL_FEATURES, \
        VK_API_VERSION_1_3, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME)                           \
    XX(maintenance4, VkPhysicalDeviceMaintenance4Features, MAINTENANCE_4_FEATURES,                 \
        VK_API_VERSION_1_3, VK_KHR_MAINTENANCE_4_EXTENSION_NAME)                                   \
    XX(executable, VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR,                        \
        PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,                                               \
        LAT_NEVER_CORE, VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME)                      \
    XX(fault, VkPhysicalDeviceFaultFeaturesEXT, FAULT_FEATURES_EXT,                                \
        LAT_NEVER_CORE, VK_EXT_DEVICE_FAULT_EXTENSION_NAME)                                        \
    XX(bf16, VkPhysicalDeviceShaderBfloat16FeaturesKHR, SHADER_BFLOAT16_FEATURES_KHR,              \
        LAT_NEVER_CORE, VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME)                                     \
    XX(coopmat, VkPhysicalDeviceCooperativeMatrixFeaturesKHR, COOPERATIVE_MATRIX_FEATURES_KHR,     \
        LAT_NEVER_CORE, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME)                                  \
    XX(coopmat2, VkPhysicalDeviceCooperativeMatrix2FeaturesNV, COOPERATIVE_MATRIX_2_FEATURES_NV,   \
        LAT_NEVER_CORE, VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME)                                 \
    XX(object, VkPhysicalDeviceShaderObjectFeaturesEXT, SHADER_OBJECT_FEATURES_EXT,                \
        LAT_NEVER_CORE, VK_EXT_SHADER_OBJECT_EXTENSION_NAME)

// The features: member of struct lat_caps, group, Vulkan's member. Those that Vulkan also
// collects in VkPhysicalDeviceVulkan11Features and so on are listed by that version, because
// an application may have used either form.
#define LAT_FEATURES_11(XX)                                               \
    XX(storage_16, storage16, storageBuffer16BitAccess)
#define LAT_FEATURES_12(XX)                                               \
    XX(storage_8, storage8, storageBuffer8BitAccess)                      \
    XX(shader_f16, small_types, shaderFloat16)                            \
    XX(shader_i8, small_types, shaderInt8)                                \
    XX(buffer_address, address, bufferDeviceAddress)                      \
    XX(timeline, timeline, timelineSemaphore)                             \
    XX(scalar_layout, scalar, scalarBlockLayout)                          \
    XX(memory_model, memory_model, vulkanMemoryModel)
#define LAT_FEATURES_13(XX)                                               \
    XX(subgroup_size_control, subgroup_size, subgroupSizeControl)         \
    XX(full_subgroups, subgroup_size, computeFullSubgroups)               \
    XX(maintenance4, maintenance4, maintenance4)
#define LAT_FEATURES_EXTENSION(XX)                                        \
    XX(pipeline_statistics, executable, pipelineExecutableInfo)           \
    XX(device_fault, fault, deviceFault)                                  \
    XX(shader_object, object, shaderObject)                               \
    XX(shader_bf16, bf16, shaderBFloat16Type)                             \
    XX(coopmat_bf16, bf16, shaderBFloat16CooperativeMatrix)               \
    XX(coopmat, coopmat, cooperativeMatrix)                               \
    XX(coopmat2_workgroup, coopmat2, cooperativeMatrixWorkgroupScope)     \
    XX(coopmat2_flexible, coopmat2, cooperativeMatrixFlexibleDimensions)  \
    XX(coopmat2_reductions, coopmat2, cooperativeMatrixReductions)        \
    XX(coopmat2_conversions, coopmat2, cooperativeMatrixConversions)      \
    XX(coopmat2_per_element, coopmat2, cooperativeMatrixPerElementOperations) \
    XX(coopmat2_tensor_addressing, coopmat2, cooperativeMatrixTensorAddressing) \
    XX(coopmat2_block_loads, coopmat2, cooperativeMatrixBlockLoads)
#define LAT_FEATURES(XX)                                                  \
    LAT_FEATURES_11(XX) LAT_FEATURES_12(XX) LAT_FEATURES_13(XX) LAT_FEATURES_EXTENSION(XX)
// clang-format on

#define LAT_NEVER_CORE UINT32_MAX

// Room for every struct of the list.
struct lat_feature_chain {
    VkPhysicalDeviceFeatures2 head;
#define XX(group, type, stype, core, extension) type group;
    LAT_FEATURE_GROUPS(XX)
#undef XX
};

// What the device supports, into the feature members of *caps.
void lat_features_query(const struct lat_vk *vk, VkPhysicalDevice physical, uint32_t api_version,
    const struct lat_extensions *extensions, struct lat_caps *caps);
// What a chain switched on; NULL = only the floor, which has timeline semaphores.
void lat_features_adopt(const VkPhysicalDeviceFeatures2 *chain, struct lat_caps *caps);
// The chain that switches on what *caps says, for vkCreateDevice.
void lat_features_chain(const struct lat_caps *caps, struct lat_feature_chain *chain);
// Appends the device extensions that the features of *caps need; names has room for
// LAT_MAX_EXTENSIONS. Returns how many.
enum { LAT_MAX_EXTENSIONS = 16 };
uint32_t lat_features_extensions(const struct lat_caps *caps, const char **names);

#endif
