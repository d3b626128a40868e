// SPDX-License-Identifier: MIT
//
// The table of drivers whose matrix units are not what they seem, the choice of a fragment, and what may be
// one matrix.

#include "device/coopmat.h"
#include "base/log.h"

enum { VENDOR_INTEL = 0x8086, XE2_LEAST_SUBGROUP = 16, AVX2_LANES = 8 };

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

static bool wide_lavapipe(const struct lat_caps *caps)
{
    return caps->driver_id == VK_DRIVER_ID_MESA_LLVMPIPE && caps->min_subgroup_size > AVX2_LANES;
}

// What others found on hardware, and we on lavapipe; a driver that is not here is used as it says.
//
//     AMD's own driver     lists shapes from RDNA 1 on, but only RDNA 3 has the instructions; before, they
//                          are emulated and slower than plain code (ggml-org/llama.cpp#10597). RDNA 3 is
//                          known by its accelerated dot product of mixed signs. RADV lists none where
//                          there are none.
//     Intel, Xe1 cards     far slower with than without (A770, ggml-org/llama.cpp#24404). Xe2 is known by
//                          subgroups of at least 16; integrated devices are not concerned.
//     lavapipe, 512 bits   ends in a segmentation fault while it compiles them (Mesa 26.1 where
//                          LP_NATIVE_VECTOR_WIDTH asks for that width); 128 and 256 bits are right.
static const struct {
    bool (*holds)(const struct lat_caps *caps);
    const char *why;
} rules[] = {
    { amd_emulation, "this driver emulates them before RDNA 3" },
    { intel_xe1_card, "they are slow on Intel's cards before Xe2" },
    { wide_lavapipe, "lavapipe crashes on them in vectors of 512 bits" },
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

static VkComponentTypeKHR factor_type(bool bf16)
{
    return bf16 ? VK_COMPONENT_TYPE_BFLOAT16_KHR : VK_COMPONENT_TYPE_FLOAT16_KHR;
}

static bool sums_in_f32(const VkCooperativeMatrixFlexibleDimensionsPropertiesNV *row, bool bf16)
{
    return row->AType == factor_type(bf16) && row->BType == factor_type(bf16) &&
           row->CType == VK_COMPONENT_TYPE_FLOAT32_KHR &&
           row->ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR && !row->saturatingAccumulation;
}

static void read_grains(const struct lat_vk *vk, VkPhysicalDevice physical, struct lat_caps *caps)
{
    if (!vk->GetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV)
        return;
    VkCooperativeMatrixFlexibleDimensionsPropertiesNV rows[128] = { 0 };
    uint32_t n = LAT_COUNT(rows);
    for (uint32_t i = 0; i < n; i++)
        rows[i].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_FLEXIBLE_DIMENSIONS_PROPERTIES_NV;
    VkResult r =
        vk->GetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV(physical, &n, rows);
    if (r != VK_SUCCESS && r != VK_INCOMPLETE)
        n = 0;
    for (uint32_t i = 0; i < n && caps->n_coopmat_grains < LAT_COUNT(caps->coopmat_grains); i++) {
        bool workgroup = rows[i].scope == VK_SCOPE_WORKGROUP_KHR;
        bool bf16 = sums_in_f32(&rows[i], true);
        bool sized = rows[i].MGranularity && rows[i].NGranularity && rows[i].KGranularity;
        if ((rows[i].scope != VK_SCOPE_SUBGROUP_KHR && !workgroup) || !sized ||
            (!bf16 && !sums_in_f32(&rows[i], false)))
            continue;
        caps->coopmat_grains[caps->n_coopmat_grains++] = (struct lat_coopmat_grain){
            .m = rows[i].MGranularity,
            .n = rows[i].NGranularity,
            .k = rows[i].KGranularity,
            .invocations = workgroup ? rows[i].workgroupInvocations : 0,
            .bf16 = bf16,
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
    if (caps->coopmat && caps->coopmat2_flexible)
        read_grains(vk, physical, caps);
}

// Fragments are copied in eights, and every tile of the selection tables is whole fragments.
static bool is_usable(const struct lat_coopmat_shape *s, bool bf16)
{
    bool types = s->a == factor_type(bf16) && s->b == factor_type(bf16) &&
                 s->c == VK_COMPONENT_TYPE_FLOAT32_KHR &&
                 s->result == VK_COMPONENT_TYPE_FLOAT32_KHR;
    return types && !s->workgroup_scope && (s->m == 8 || s->m == 16) && (s->n == 8 || s->n == 16) &&
           (s->k == 8 || s->k == 16);
}

// bf16 elsewhere is 16 bits of f32 to every driver; in matrices it is a type, which has an extension.
static bool multiplies(const struct lat_caps *caps, bool bf16)
{
    bool has_type =
        bf16 ? caps->coopmat_bf16 && caps->shader_bf16 && caps->shader_i16 : caps->shader_f16;
    return caps->coopmat && caps->storage_16 && has_type;
}

// The largest: 16x16x16 and 16x8x16 run at the same rate where both are listed, 16x8x8 at two thirds.
const struct lat_coopmat_shape *lat_coopmat_fragment(const struct lat_caps *caps, bool bf16)
{
    const struct lat_coopmat_shape *best = NULL;
    if (!multiplies(caps, bf16) || !lat_coopmat_subgroup(caps))
        return NULL;
    for (uint32_t i = 0; i < caps->n_coopmat_shapes; i++) {
        const struct lat_coopmat_shape *s = &caps->coopmat_shapes[i];
        if (is_usable(s, bf16) && (!best || s->m * s->n * s->k > best->m * best->n * best->k))
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

// Kernels with such matrices are SPIR-V 1.6, and give the size of a workgroup as that version does.
static bool has_coopmat2(const struct lat_caps *caps)
{
    return caps->coopmat2_flexible && caps->coopmat2_per_element &&
           caps->api_version >= VK_API_VERSION_1_3 && caps->maintenance4;
}

// Matrices that a workgroup holds are loaded through tensor layouts.
static bool workgroup_holds(const struct lat_caps *caps, uint32_t invocations)
{
    uint32_t most = LAT_MIN(caps->max_invocations, caps->max_group_size[0]);
    return caps->coopmat2_workgroup && caps->coopmat2_tensor_addressing &&
           invocations <= LAT_MIN(most, caps->coopmat2_max_group) &&
           caps->coopmat2_reserved_bytes <= caps->max_shared_bytes;
}

// What is loaded as f32 has the type of sums, so that either of its sides is a multiple of what sums ask for.
static bool is_whole(const struct lat_coopmat_grain *g, const struct lat_coopmat_tile *tile)
{
    bool sums = tile->m % g->m == 0 && tile->n % g->n == 0;
    bool steps = tile->k % g->k == 0;
    return sums && steps && (!tile->from_f32 || (tile->k % g->m == 0 && tile->k % g->n == 0));
}

bool lat_coopmat_takes(const struct lat_caps *caps, const struct lat_coopmat_tile *tile)
{
    bool held = tile->invocations ? workgroup_holds(caps, tile->invocations)
                                  : lat_coopmat_subgroup(caps) != 0;
    uint32_t longest = LAT_MAX(tile->m, LAT_MAX(tile->n, tile->k));
    if (!has_coopmat2(caps) || !multiplies(caps, tile->bf16) || !held ||
        longest > caps->coopmat2_max_dimension || (tile->from_f32 && !caps->coopmat2_conversions))
        return false;
    for (uint32_t i = 0; i < caps->n_coopmat_grains; i++) {
        const struct lat_coopmat_grain *g = &caps->coopmat_grains[i];
        if (g->invocations == tile->invocations && g->bf16 == tile->bf16 && is_whole(g, tile))
            return true;
    }
    return false;
}
