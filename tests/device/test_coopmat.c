// SPDX-License-Identifier: MIT
//
// Which fragment kernels multiply with, on drivers that are made up.

#include "device/coopmat.h"
#include "harness/harness.h"

#define F16 VK_COMPONENT_TYPE_FLOAT16_KHR
#define F32 VK_COMPONENT_TYPE_FLOAT32_KHR

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
    const struct lat_coopmat_shape *s = lat_coopmat_fragment(&caps);
    EXPECT(s == &caps.coopmat_shapes[2]);
    caps.coopmat_shapes[2].result = F16;
    EXPECT(lat_coopmat_fragment(&caps) == &caps.coopmat_shapes[1]);
    caps.coopmat_shapes[1].workgroup_scope = true;
    EXPECT(lat_coopmat_fragment(&caps) == &caps.coopmat_shapes[0]);
    caps.coopmat_shapes[0].a = VK_COMPONENT_TYPE_SINT8_KHR;
    caps.coopmat_shapes[3].k = 32;  // no tile is cut for it
    EXPECT(lat_coopmat_fragment(&caps) == NULL);
}

TEST(coopmat, every_feature_is_asked_for)
{
    struct lat_caps caps = with_matrices();
    bool *const needed[] = { &caps.coopmat, &caps.shader_f16, &caps.storage_16,
        &caps.subgroup_basic, &caps.full_subgroups, &caps.subgroup_size_control };
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        *needed[i] = false;
        EXPECT(lat_coopmat_fragment(&caps) == NULL);
        *needed[i] = true;
    }
    EXPECT(lat_coopmat_fragment(&caps) != NULL);
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
