// SPDX-License-Identifier: MIT
//
// Which kernels of a matrix product a device admits, where that device is one with VK_NV_cooperative_matrix2
// that is made up.

#include "harness/harness.h"
#include "lat_shaders.h"
#include "made_up_caps.h"
#include "ops/gemm.h"

static struct lat_problem problem_of(const struct lat_caps *caps, lattn_dtype dtype)
{
    return (struct lat_problem){
        .caps = caps,
        .dtype = dtype,
        .size = { 1, 1024, 1024, 1024, LAT_GEMM_A_ALONG_K | LAT_GEMM_A_UNIT | LAT_GEMM_B_UNIT },
    };
}

// How many rows of coopmat2 admit a problem, and the last of them.
static int matrices(const struct lat_problem *p, const struct lat_gemm_form **form)
{
    int n = 0;
    for (int i = 0; i < LAT_GEMM_STRATEGIES; i++) {
        const struct lat_strategy *row = &lat_gemm_strategies[i];
        if (row->kind != LAT_STRATEGY_COOPMAT2 || !row->admits(p))
            continue;
        *form = row->config;
        n++;
    }
    return n;
}

static bool is_built(void)
{
    if (lat_shader_gemm_coopmat2.n_variants > 0 && lat_shader_gemm_coopmat.n_variants > 0)
        return true;
    lt_skip("built without kernels for matrix units");
    return false;
}

TEST(gemm_select, a_workgroup_holds_a_matrix_where_the_driver_lists_that)
{
    if (!is_built())
        return;
    struct lat_caps caps = with_any_matrices();
    struct lat_problem p = problem_of(&caps, LATTN_DTYPE_F16);
    const struct lat_gemm_form *form = NULL;
    EXPECT_EQ(matrices(&p, &form), 4);
    REQUIRE(form);
    EXPECT_EQ(lat_gemm_group(form, &caps), form->group);
    EXPECT_EQ(lat_gemm_subgroup(form, &caps), 0);

    p.size[LAT_GEMM_LAYOUT] &= ~LAT_GEMM_B_UNIT;  // tensor layouts want lines
    EXPECT_EQ(matrices(&p, &form), 0);
    p = problem_of(&caps, LATTN_DTYPE_BF16);
    EXPECT_EQ(matrices(&p, &form), 0);
    p = problem_of(&caps, LATTN_DTYPE_F32);
    EXPECT_EQ(matrices(&p, &form), 0);
    caps.reduced_precision = true;
    EXPECT_EQ(matrices(&p, &form), 4);
}

// Two shapes of fragments, and of what may be one matrix; f16 has the larger one.
TEST(gemm_select, bf16_has_kernels_of_its_own_where_the_driver_lists_them)
{
    if (!is_built())
        return;
    bool built = lat_shader_variant(&lat_shader_gemm_coopmat, LATTN_DTYPE_BF16, LAT_NO_DTYPE);
    struct lat_caps caps = with_any_matrices();
    caps.shader_i16 = caps.shader_bf16 = caps.coopmat_bf16 = true;
    caps.coopmat_shapes[1] = caps.coopmat_shapes[0];
    caps.coopmat_shapes[1].k = 8;
    caps.coopmat_shapes[1].a = caps.coopmat_shapes[1].b = VK_COMPONENT_TYPE_BFLOAT16_KHR;
    caps.n_coopmat_shapes = 2;
    caps.coopmat_grains[2].bf16 = true;
    struct lat_problem p = problem_of(&caps, LATTN_DTYPE_BF16);
    const struct lat_gemm_form *form = NULL;
    EXPECT_EQ(matrices(&p, &form), built ? 3 : 0);  // those of 256 invocations
    EXPECT_EQ(lat_gemm_select_conv(&p) != NULL, built);
    for (int i = 0; i < LAT_GEMM_STRATEGIES; i++)
        if (lat_gemm_strategies[i].kind == LAT_STRATEGY_COOPMAT)
            EXPECT_EQ(lat_gemm_strategies[i].admits(&p), built);
    caps.coopmat_bf16 = false;
    EXPECT_EQ(matrices(&p, &form), 0);
    EXPECT(!lat_gemm_select_conv(&p));
}

TEST(gemm_select, a_subgroup_holds_a_matrix_with_strides_of_any_kind)
{
    if (!is_built())
        return;
    struct lat_caps caps = with_any_matrices();
    caps.coopmat2_workgroup = caps.coopmat2_tensor_addressing = false;
    caps.coopmat_grains[0] = (struct lat_coopmat_grain){ 8, 8, 8, 0 };
    struct lat_problem p = problem_of(&caps, LATTN_DTYPE_F16);
    p.size[LAT_GEMM_LAYOUT] = 0;
    const struct lat_gemm_form *form = NULL;
    EXPECT_EQ(matrices(&p, &form), 1);
    REQUIRE(form);
    EXPECT_EQ(lat_gemm_group(form, &caps), 32);
    EXPECT_EQ(lat_gemm_subgroup(form, &caps), 32);
}

// What nobody has timed runs on request, and where it is measured to be the fastest.
TEST(gemm_select, fragments_come_before_matrices_of_any_size)
{
    if (!is_built())
        return;
    const int64_t sizes[][4] = { { 1, 64, 64, 64 }, { 1, 768, 768, 4096 }, { 1, 4096, 3072, 768 },
        { 384, 128, 128, 64 }, { 1, 8192, 8192, 8192 }, { 1, 1408, 1408, 512 } };
    struct lat_caps caps = with_any_matrices();
    struct lat_problem p = problem_of(&caps, LATTN_DTYPE_F16);
    for (size_t i = 0; i < LAT_COUNT(sizes); i++) {
        memcpy(p.size, sizes[i], sizeof sizes[i]);
        int best = 0;
        for (int r = 1; r < LAT_GEMM_STRATEGIES; r++) {
            const struct lat_strategy *row = &lat_gemm_strategies[r];
            if ((!row->admits || row->admits(&p)) &&
                row->cost(&p) < lat_gemm_strategies[best].cost(&p))
                best = r;
        }
        EXPECT_EQ(lat_gemm_strategies[best].kind, LAT_STRATEGY_COOPMAT);
    }
}
