#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_NV_cooperative_matrix2 : require
// SPDX-License-Identifier: MIT
//
// gemm_coopmat2_subgroup: a workgroup is one subgroup, which holds a matrix, for devices without workgroup
// scope and tensor layouts (the product itself is in gemm_coopmat2.glsl). Slabs inside come in one load, as
// far as they are aligned for that; at an edge an element of a matrix is looked up by its row and column.
//
// @variants  T = f16 f32 bf16
// @target    vulkan1.3
// @needs     coopmat2
// @needs     bfloat16 for bf16
// @groups    (tiles, or shares of them, 1, 1)

layout(local_size_x = 32, local_size_x_id = 0) in;

#define LAT_SCOPE gl_ScopeSubgroup
#include "gemm_coopmat2.glsl"

LatElement left_at(const in uint row, const in uint col, const in LatElement none, const in uint k0)
{
    uint m = tile_m + row, k = k0 + col;
    if (m < p.m && k < k_end)
        return a[a_base + m * p.a_row + k * p.a_col];
    return none;
}

LatElement right_at(const in uint row, const in uint col, const in LatElement none, const in uint k0)
{
    uint k = k0 + row, n = tile_n + col;
    if (k < k_end && n < p.n)
        return b[b_base + k * p.b_row + n * p.b_col];
    return none;
}

void load_left(inout LatLeftLoaded x, uint k0, bool whole)
{
    uint at = a_base + tile_m * p.a_row + k0 * p.a_col;
    if (whole && A_EIGHTS && A_ALONG_K)
        coopMatLoad(x, a, at, p.a_row, gl_CooperativeMatrixLayoutRowMajor);
    else if (whole && A_EIGHTS)
        coopMatLoad(x, a, at, p.a_col, gl_CooperativeMatrixLayoutColumnMajor);
    else
        coopMatPerElementNV(x, LatLeftLoaded(0.0), left_at, k0);
}

void load_right(inout LatRightLoaded y, uint k0, bool whole)
{
    uint at = b_base + k0 * p.b_row + tile_n * p.b_col;
    if (whole && B_EIGHTS && B_ALONG_K)
        coopMatLoad(y, b, at, p.b_col, gl_CooperativeMatrixLayoutColumnMajor);
    else if (whole && B_EIGHTS)
        coopMatLoad(y, b, at, p.b_row, gl_CooperativeMatrixLayoutRowMajor);
    else
        coopMatPerElementNV(y, LatRightLoaded(0.0), right_at, k0);
}
