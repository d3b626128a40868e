// SPDX-License-Identifier: MIT
//
// Which fragment kernels multiply with, and what may be one matrix, on drivers that are made up.

#include "device/coopmat.h"
#include "harness/harness.h"

#define F16 VK_COMPONENT_TYPE_FLOAT16_KHR
#define F32 VK_COMPONENT_TYPE_FLOAT32_KHR
#define BF16 VK_COMPONENT_TYPE_BFLOAT16_KHR

static struct lat_coopmat_shape shape(uint32_t m, uint32_t n, uint32_t k)
{
    return (struct lat_coopmat_shape){ .m = m, .n = n, .k = k, .c = F32, .result = F32 };
}

static struct lat_caps with_matrices(void)
{
    return (struct lat_caps){
        .coopmat = true,
        .shader_f16 = true,
        .storage_16 = true,
        .subgroup_basic = true,
        .subgroup_size_control = true,
        .full_subgroups = true,
        .subgroup_size = 64,
        .min_subgroup_size = 32,
        .max_subgroup_size = 64,
        .coopmat_shapes = { shape(16, 8, 8), shape(16, 8, 16), shape(16, 16, 16), shape(8, 8, 16) },
        .n_coopmat_shapes = 4,
    };
}

TEST(coopmat, the_largest_fragment_of_f16_with_f32_sums_is_taken)
{
    struct lat_caps caps = with_matrices();
    const struct lat_coopmat_shape *s = lat_coopmat_fragment(&caps, false);
    EXPECT(s == &caps.coopmat_shapes[2]);
    caps.coopmat_shapes[2].result = F16;
    EXPECT(lat_coopmat_fragment(&caps, false) == &caps.coopmat_shapes[1]);
    caps.coopmat_shapes[1].workgroup_scope = true;
    EXPECT(lat_coopmat_fragment(&caps, false) == &caps.coopmat_shapes[0]);
    caps.coopmat_shapes[0].a = VK_COMPONENT_TYPE_SINT8_KHR;
    caps.coopmat_shapes[3].k = 32;  // no tile is cut for it
    EXPECT(lat_coopmat_fragment(&caps, false) == NULL);
}

TEST(coopmat, every_feature_is_asked_for)
{
    struct lat_caps caps = with_matrices();
    bool *const needed[] = { &caps.coopmat, &caps.shader_f16, &caps.storage_16,
        &caps.subgroup_basic, &caps.full_subgroups, &caps.subgroup_size_control };
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        *needed[i] = false;
        EXPECT(lat_coopmat_fragment(&caps, false) == NULL);
        *needed[i] = true;
    }
    EXPECT(lat_coopmat_fragment(&caps, false) != NULL);
}

TEST(coopmat, bf16_has_fragments_and_features_of_its_own)
{
    struct lat_caps caps = with_matrices();
    EXPECT(lat_coopmat_fragment(&caps, true) == NULL);
    caps.shader_bf16 = caps.coopmat_bf16 = caps.shader_i16 = true;
    EXPECT(lat_coopmat_fragment(&caps, true) == NULL);
    caps.coopmat_shapes[1].a = caps.coopmat_shapes[1].b = BF16;
    EXPECT(lat_coopmat_fragment(&caps, true) == &caps.coopmat_shapes[1]);
    EXPECT(lat_coopmat_fragment(&caps, false) == &caps.coopmat_shapes[2]);
    caps.shader_f16 = false;
    EXPECT(lat_coopmat_fragment(&caps, false) == NULL);
    bool *const needed[] = { &caps.coopmat, &caps.storage_16, &caps.shader_i16, &caps.shader_bf16,
        &caps.coopmat_bf16 };
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        *needed[i] = false;
        EXPECT(lat_coopmat_fragment(&caps, true) == NULL);
        *needed[i] = true;
    }
    EXPECT(lat_coopmat_fragment(&caps, true) == &caps.coopmat_shapes[1]);
}

TEST(coopmat, subgroups_are_32_where_that_can_be_asked_for)
{
    struct lat_caps caps = with_matrices();
    EXPECT_EQ(lat_coopmat_subgroup(&caps), 32);
    caps.min_subgroup_size = 64;
    EXPECT_EQ(lat_coopmat_subgroup(&caps), 64);
    caps.full_subgroups = false;  // one size needs no asking
    EXPECT_EQ(lat_coopmat_subgroup(&caps), 64);
    caps.min_subgroup_size = 32;
    EXPECT_EQ(lat_coopmat_subgroup(&caps), 0);
}

TEST(coopmat, drivers_that_only_seem_to_have_matrix_units_are_left_alone)
{
    const struct {
        VkDriverId driver;
        uint32_t vendor;
        lattn_device_type type;
        uint32_t least_subgroup;
        bool mixed_dot, used;
    } rows[] = {
        { VK_DRIVER_ID_AMD_PROPRIETARY, 0x1002, LATTN_DEVICE_TYPE_DISCRETE, 32, false, false },
        { VK_DRIVER_ID_AMD_PROPRIETARY, 0x1002, LATTN_DEVICE_TYPE_DISCRETE, 32, true, true },
        { VK_DRIVER_ID_MESA_RADV, 0x1002, LATTN_DEVICE_TYPE_DISCRETE, 32, false, true },
        { VK_DRIVER_ID_INTEL_OPEN_SOURCE_MESA, 0x8086, LATTN_DEVICE_TYPE_DISCRETE, 8, true, false },
        { VK_DRIVER_ID_INTEL_OPEN_SOURCE_MESA, 0x8086, LATTN_DEVICE_TYPE_DISCRETE, 16, true, true },
        { VK_DRIVER_ID_INTEL_OPEN_SOURCE_MESA, 0x8086, LATTN_DEVICE_TYPE_INTEGRATED, 8, true,
            true },
        { VK_DRIVER_ID_NVIDIA_PROPRIETARY, 0x10de, LATTN_DEVICE_TYPE_DISCRETE, 32, true, true },
        { VK_DRIVER_ID_MESA_LLVMPIPE, 0x10005, LATTN_DEVICE_TYPE_CPU, 8, true, true },
        { VK_DRIVER_ID_MESA_LLVMPIPE, 0x10005, LATTN_DEVICE_TYPE_CPU, 16, true, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lat_caps caps = with_matrices();
        caps.driver_id = rows[i].driver;
        caps.info.vendor_id = rows[i].vendor;
        caps.info.type = rows[i].type;
        caps.min_subgroup_size = rows[i].least_subgroup;
        caps.mixed_dot = rows[i].mixed_dot;
        EXPECT_EQ(lat_coopmat_distrust(&caps) == NULL, rows[i].used);
    }
}

// ---- coopmat2 -------------------------------------------------------------------------------------

// What NVIDIA's driver lists.
static struct lat_caps with_any_matrices(void)
{
    struct lat_caps caps = with_matrices();
    caps.api_version = VK_API_VERSION_1_3;
    caps.maintenance4 = true;
    caps.coopmat2_workgroup = caps.coopmat2_flexible = caps.coopmat2_conversions = true;
    caps.coopmat2_per_element = caps.coopmat2_tensor_addressing = true;
    caps.max_invocations = caps.max_group_size[0] = 1024;
    caps.max_shared_bytes = 49152;
    caps.coopmat2_max_group = caps.coopmat2_max_dimension = 1024;
    caps.coopmat2_reserved_bytes = 8192;
    const struct lat_coopmat_grain grains[] = { { 16, 16, 16, 0 }, { 32, 16, 16, 128 },
        { 32, 32, 16, 256 } };
    memcpy(caps.coopmat_grains, grains, sizeof grains);
    caps.n_coopmat_grains = 3;
    return caps;
}

TEST(coopmat, matrices_are_whole_grains_of_their_holder)
{
    struct lat_caps caps = with_any_matrices();
    const struct {
        struct lat_coopmat_tile tile;
        bool taken;
    } rows[] = {
        { { 64, 64, 64, 128, false }, true },
        { { 128, 256, 64, 256, true }, true },
        { { 64, 48, 16, 128, false }, true },
        { { 64, 48, 16, 256, false }, false },    // n is cut in 32 there
        { { 64, 64, 16, 512, false }, false },    // no such workgroup is listed
        { { 64, 64, 8, 128, false }, false },     // half a step
        { { 64, 64, 16, 128, true }, false },     // f32 is loaded as sums are, 32 rows at least
        { { 64, 2048, 64, 256, false }, false },  // longer than any
        { { 16, 48, 16, 0, true }, true },
        { { 16, 40, 16, 0, false }, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        EXPECT_EQ(lat_coopmat_takes(&caps, &rows[i].tile), rows[i].taken);
}

TEST(coopmat, a_matrix_of_bf16_is_whole_grains_of_bf16)
{
    struct lat_caps caps = with_any_matrices();
    const struct lat_coopmat_tile tile = { 64, 64, 64, 256, false, true };
    caps.shader_bf16 = caps.coopmat_bf16 = caps.shader_i16 = true;
    EXPECT(!lat_coopmat_takes(&caps, &tile));
    caps.coopmat_grains[2].bf16 = true;
    EXPECT(lat_coopmat_takes(&caps, &tile));
    caps.coopmat_bf16 = false;
    EXPECT(!lat_coopmat_takes(&caps, &tile));
    const struct lat_coopmat_tile of_f16 = { 64, 64, 64, 256, false, false };
    EXPECT(!lat_coopmat_takes(&caps, &of_f16));
}

TEST(coopmat, every_feature_of_a_matrix_is_asked_for)
{
    struct lat_caps caps = with_any_matrices();
    const struct lat_coopmat_tile by_group = { 64, 64, 64, 128, true };
    const struct lat_coopmat_tile by_subgroup = { 64, 64, 64, 0, false };
    bool *const by_all[] = { &caps.coopmat, &caps.shader_f16, &caps.storage_16, &caps.maintenance4,
        &caps.coopmat2_flexible, &caps.coopmat2_per_element };
    bool *const only_by_group[] = { &caps.coopmat2_workgroup, &caps.coopmat2_tensor_addressing,
        &caps.coopmat2_conversions };  // the last of them is for f32
    for (size_t i = 0; i < sizeof by_all / sizeof by_all[0]; i++) {
        *by_all[i] = false;
        EXPECT(!lat_coopmat_takes(&caps, &by_group) && !lat_coopmat_takes(&caps, &by_subgroup));
        *by_all[i] = true;
    }
    for (size_t i = 0; i < sizeof only_by_group / sizeof only_by_group[0]; i++) {
        *only_by_group[i] = false;
        EXPECT(!lat_coopmat_takes(&caps, &by_group) && lat_coopmat_takes(&caps, &by_subgroup));
        *only_by_group[i] = true;
    }
    caps.full_subgroups = false;  // subgroups of 32 or 64
    EXPECT(lat_coopmat_takes(&caps, &by_group) && !lat_coopmat_takes(&caps, &by_subgroup));
#define BELOW(member, value)                                                                       \
    caps = with_any_matrices();                                                                    \
    caps.member = value;                                                                           \
    EXPECT(!lat_coopmat_takes(&caps, &by_group));
    BELOW(api_version, VK_API_VERSION_1_2)
    BELOW(max_invocations, 64)
    BELOW(max_group_size[0], 64)
    BELOW(coopmat2_max_group, 64)
    BELOW(coopmat2_max_dimension, 32)
    BELOW(max_shared_bytes, 8191)
    BELOW(n_coopmat_grains, 0)
#undef BELOW
}

static VKAPI_ATTR VkResult VKAPI_CALL list_shapes(
    VkPhysicalDevice device, uint32_t *n, VkCooperativeMatrixPropertiesKHR *rows)
{
    (void) device;
    *n = 1;
    rows[0].MSize = rows[0].NSize = rows[0].KSize = 8;
    rows[0].scope = VK_SCOPE_SUBGROUP_KHR;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL list_grains(
    VkPhysicalDevice device, uint32_t *n, VkCooperativeMatrixFlexibleDimensionsPropertiesNV *rows)
{
    (void) device;
    *n = 6;
    for (uint32_t i = 0; i < 6; i++) {
        rows[i].MGranularity = rows[i].NGranularity = rows[i].KGranularity = 8 * (i + 1);
        rows[i].AType = rows[i].BType = F16;
        rows[i].CType = rows[i].ResultType = F32;
        rows[i].scope = VK_SCOPE_WORKGROUP_KHR;
        rows[i].workgroupInvocations = 128;
    }
    rows[0].ResultType = F16;
    rows[1].saturatingAccumulation = VK_TRUE;
    rows[2].scope = VK_SCOPE_DEVICE_KHR;
    rows[3].NGranularity = 0;
    rows[5].scope = VK_SCOPE_SUBGROUP_KHR;
    rows[5].AType = rows[5].BType = BF16;
    return VK_SUCCESS;
}

TEST(coopmat, grains_that_no_kernel_uses_are_left_out)
{
    struct lat_vk vk = { 0 };
    vk.GetPhysicalDeviceCooperativeMatrixPropertiesKHR = list_shapes;
    for (int listed = 0; listed < 2; listed++) {
        struct lat_caps caps = { .coopmat = true, .memory_model = true, .coopmat2_flexible = true };
        if (listed)
            vk.GetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV = list_grains;
        lat_coopmat_query(&vk, VK_NULL_HANDLE, VK_SHADER_STAGE_COMPUTE_BIT, &caps);
        EXPECT(caps.coopmat);
        EXPECT_EQ(caps.n_coopmat_grains, listed ? 2 : 0);
        EXPECT_EQ(caps.coopmat_grains[0].m, listed ? 40 : 0);
        EXPECT_EQ(caps.coopmat_grains[0].invocations, listed ? 128 : 0);
        EXPECT_EQ(caps.coopmat_grains[1].n, listed ? 48 : 0);
        EXPECT_EQ(caps.coopmat_grains[1].invocations, 0);
        EXPECT(!caps.coopmat_grains[0].bf16);
        EXPECT_EQ(caps.coopmat_grains[1].bf16, listed);
    }
}
