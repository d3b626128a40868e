// SPDX-License-Identifier: MIT
//
// The table of drivers whose matrix units are not what they seem, and the choice of a fragment.

#include "device/coopmat.h"
#include "base/log.h"

enum { VENDOR_INTEL = 0x8086, XE2_LEAST_SUBGROUP = 16 };

static bool amd_emulation(const struct lat_caps *caps)
{
    bool amd = caps->driver_id == VK_DRIVER_ID_AMD_PROPRIETARY ||
               caps->driver_id == VK_DRIVER_ID_AMD_OPEN_SOURCE;
    return amd && !caps->mixed_dot;
}

static bool intel_xe1_card(const struct lat_caps *caps)
{
    return caps->info.vendor_id == VENDOR_INTEL && caps->info.type == LATTN_DEVICE_TYPE_DISCRETE &&
           caps->min_subgroup_size < XE2_LEAST_SUBGROUP;
}

// What others found on hardware; a driver that is not here is used as it says.
//
//     AMD's own driver     lists shapes from RDNA 1 on, but only RDNA 3 has the instructions; before, they
//                          are emulated and slower than plain code (ggml-org/llama.cpp#10597). RDNA 3 is
//                          known by its accelerated dot product of mixed signs. RADV lists none where
//                          there are none.
//     Intel, Xe1 cards     far slower with than without (A770, ggml-org/llama.cpp#24404). Xe2 is known by
//                          subgroups of at least 16; integrated devices are not concerned.
static const struct {
    bool (*holds)(const struct lat_caps *caps);
    const char *why;
} rules[] = {
    { amd_emulation, "this driver emulates them before RDNA 3" },
    { intel_xe1_card, "they are slow on Intel's cards before Xe2" },
};

const char *lat_coopmat_distrust(const struct lat_caps *caps)
{
    for (size_t i = 0; i < LAT_COUNT(rules); i++)
        if (rules[i].holds(caps))
            return rules[i].why;
    return NULL;
}

static void read_shapes(const struct lat_vk *vk, VkPhysicalDevice physical, struct lat_caps *caps)
{
    VkCooperativeMatrixPropertiesKHR rows[128] = { 0 };
    uint32_t n = LAT_COUNT(rows);
    for (uint32_t i = 0; i < n; i++)
        rows[i].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR;
    VkResult r = vk->GetPhysicalDeviceCooperativeMatrixPropertiesKHR(physical, &n, rows);
    if (r != VK_SUCCESS && r != VK_INCOMPLETE)
        n = 0;
    for (uint32_t i = 0; i < n && caps->n_coopmat_shapes < LAT_COUNT(caps->coopmat_shapes); i++) {
        if (rows[i].scope != VK_SCOPE_SUBGROUP_KHR && rows[i].scope != VK_SCOPE_WORKGROUP_KHR)
            continue;
        if (rows[i].saturatingAccumulation)
            continue;
        caps->coopmat_shapes[caps->n_coopmat_shapes++] = (struct lat_coopmat_shape){
            .m = rows[i].MSize,
            .n = rows[i].NSize,
            .k = rows[i].KSize,
            .a = rows[i].AType,
            .b = rows[i].BType,
            .c = rows[i].CType,
            .result = rows[i].ResultType,
            .workgroup_scope = rows[i].scope == VK_SCOPE_WORKGROUP_KHR,
        };
    }
}

void lat_coopmat_query(const struct lat_vk *vk, VkPhysicalDevice physical,
    VkShaderStageFlags stages, struct lat_caps *caps)
{
    // Cooperative-matrix shaders use the Vulkan memory model.
    bool possible = caps->coopmat && caps->memory_model && (stages & VK_SHADER_STAGE_COMPUTE_BIT) &&
                    vk->GetPhysicalDeviceCooperativeMatrixPropertiesKHR;
    caps->coopmat = false;
    if (!possible)
        return;
    const char *distrust = lat_coopmat_distrust(caps);
    if (distrust) {
        lat_log(LATTN_LOG_DEBUG, "%s: cooperative matrices are left alone: %s", caps->info.name,
            distrust);
        return;
    }
    read_shapes(vk, physical, caps);
    caps->coopmat = caps->n_coopmat_shapes > 0;
}

// Fragments are copied in eights, and every tile of the selection tables is whole fragments.
static bool is_usable(const struct lat_coopmat_shape *s)
{
    bool types = s->a == VK_COMPONENT_TYPE_FLOAT16_KHR && s->b == VK_COMPONENT_TYPE_FLOAT16_KHR &&
                 s->c == VK_COMPONENT_TYPE_FLOAT32_KHR &&
                 s->result == VK_COMPONENT_TYPE_FLOAT32_KHR;
    return types && !s->workgroup_scope && (s->m == 8 || s->m == 16) && (s->n == 8 || s->n == 16) &&
           (s->k == 8 || s->k == 16);
}

// The largest: 16x16x16 and 16x8x16 run at the same rate where both are listed, 16x8x8 at two thirds.
const struct lat_coopmat_shape *lat_coopmat_fragment(const struct lat_caps *caps)
{
    const struct lat_coopmat_shape *best = NULL;
    if (!caps->coopmat || !caps->shader_f16 || !caps->storage_16 || !lat_coopmat_subgroup(caps))
        return NULL;
    for (uint32_t i = 0; i < caps->n_coopmat_shapes; i++) {
        const struct lat_coopmat_shape *s = &caps->coopmat_shapes[i];
        if (is_usable(s) && (!best || s->m * s->n * s->k > best->m * best->n * best->k))
            best = s;
    }
    return best;
}

// 32 where it can be asked for: every vendor's matrix units serve it, and twice the lanes would hold twice
// the copies of an operand (RDNA 3). 0 = a workgroup is not surely made of whole subgroups of one size.
uint32_t lat_coopmat_subgroup(const struct lat_caps *caps)
{
    enum { USUAL = 32 };
    bool can_ask = caps->subgroup_size_control && caps->full_subgroups;
    if (!caps->subgroup_basic)
        return 0;
    if (can_ask && caps->min_subgroup_size <= USUAL && USUAL <= caps->max_subgroup_size)
        return USUAL;
    bool one_size = caps->min_subgroup_size == caps->max_subgroup_size;
    return can_ask || one_size ? caps->subgroup_size : 0;
}
