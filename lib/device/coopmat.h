// SPDX-License-Identifier: MIT
//
// Matrix units (VK_KHR_cooperative_matrix, VK_NV_cooperative_matrix2): which shapes a device lists, whether
// its driver is to be trusted with them. What kernels ask about them is in caps.h.
#ifndef LAT_COOPMAT_H
#define LAT_COOPMAT_H
#include "device/caps.h"

// Fills shapes and grains; coopmat becomes false where compute shaders cannot use any, or should not.
void lat_coopmat_query(const struct lat_vk *vk, VkPhysicalDevice physical,
    VkShaderStageFlags stages, struct lat_caps *caps);
// Why matrix units that a driver offers are left alone; NULL = they are used.
const char *lat_coopmat_distrust(const struct lat_caps *caps);

#endif
