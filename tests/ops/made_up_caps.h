// SPDX-License-Identifier: MIT
//
// A device that is made up: what NVIDIA's driver lists of VK_NV_cooperative_matrix2.
#ifndef MADE_UP_CAPS_H
#define MADE_UP_CAPS_H
#include "device/caps.h"

static inline struct lat_caps with_any_matrices(void)
{
    return (struct lat_caps){
        .api_version = VK_API_VERSION_1_3,
        .width = 128,
        .maintenance4 = true,
        .shader_f16 = true,
        .storage_16 = true,
        .subgroup_basic = true,
        .subgroup_size_control = true,
        .full_subgroups = true,
        .subgroup_size = 32,
        .min_subgroup_size = 32,
        .max_subgroup_size = 32,
        .max_invocations = 1024,
        .max_group_size = { 1024, 1024, 64 },
        .max_shared_bytes = 49152,
        .max_binding_bytes = UINT32_MAX,
        .coopmat = true,
        .coopmat_shapes = { { 16, 16, 16, VK_COMPONENT_TYPE_FLOAT16_KHR,
            VK_COMPONENT_TYPE_FLOAT16_KHR, VK_COMPONENT_TYPE_FLOAT32_KHR,
            VK_COMPONENT_TYPE_FLOAT32_KHR, false } },
        .n_coopmat_shapes = 1,
        .coopmat2_workgroup = true,
        .coopmat2_flexible = true,
        .coopmat2_reductions = true,
        .coopmat2_conversions = true,
        .coopmat2_per_element = true,
        .coopmat2_tensor_addressing = true,
        .coopmat_grains = { { 16, 16, 16, 0 }, { 32, 16, 16, 128 }, { 32, 32, 16, 256 } },
        .n_coopmat_grains = 3,
        .coopmat2_max_group = 1024,
        .coopmat2_max_dimension = 1024,
        .coopmat2_reserved_bytes = 8192,
    };
}

#endif
