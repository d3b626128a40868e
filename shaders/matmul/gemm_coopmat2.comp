#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_NV_cooperative_matrix2 : require
// SPDX-License-Identifier: MIT
//
// gemm_coopmat2: the whole workgroup holds a matrix, and operands come through tensor layouts (the product
// itself is in gemm_coopmat2.glsl). The driver moves slabs as it likes, through shared memory or not:
// workgroups have the number of invocations that it lists for this, 128 or 256.
//
// A layout has its dimensions in the order in which they lie; a view turns those that lie across.
//
// @variants  T = f16 f32 bf16
// @target    vulkan1.3
// @needs     coopmat2
// @needs     bfloat16 for bf16
// @groups    (tiles, or shares of them, 1, 1)

layout(local_size_x = 128, local_size_x_id = 0) in;

#define LAT_SCOPE gl_ScopeWorkgroup
#include "gemm_coopmat2.glsl"

// Of an operand, as it lies: lines of contiguous elements.
struct Lying {
    uint lines, width, stride;     // the whole matrix; elements from line to line
    uint line, at, n_lines, n_at;  // the slab: its first line and element, and how many
};

// Where eights start at a multiple of 16 bytes, strides and first elements do: said once more, so that the
// compiler sees it and may load vectors.
#if defined(T_F32)
const uint IN_16_BYTES = 4;
#else
const uint IN_16_BYTES = 8;
#endif

uint aligned(bool eights, uint v)
{
    return eights ? v & ~(IN_16_BYTES - 1) : v;
}

#define LAT_TURNED createTensorViewNV(2, false, 1, 0)

tensorLayoutNV<2> inside(Lying o)
{
    tensorLayoutNV<2> t = createTensorLayoutNV(2);
    t = setTensorLayoutDimensionNV(t, o.lines, o.width);
    t = setTensorLayoutStrideNV(t, o.stride, 1);
    return sliceTensorLayoutNV(t, o.line, o.n_lines, o.at, o.n_at);
}

// Zeros beyond the edges.
tensorLayoutNV<2, gl_CooperativeMatrixClampModeConstantNV> clamped(Lying o)
{
    tensorLayoutNV<2, gl_CooperativeMatrixClampModeConstantNV> t =
        createTensorLayoutNV(2, gl_CooperativeMatrixClampModeConstantNV);
    t = setTensorLayoutDimensionNV(t, o.lines, o.width);
    t = setTensorLayoutStrideNV(t, o.stride, 1);
    return sliceTensorLayoutNV(t, o.line, o.n_lines, o.at, o.n_at);
}

void load_left(inout LatLeftLoaded x, uint k0, bool whole)
{
    if (A_ALONG_K) {
        Lying o = Lying(p.m, k_end, aligned(A_EIGHTS, p.a_row), tile_m, k0, BM, BK);
        if (whole)
            coopMatLoadTensorNV(x, a, aligned(A_EIGHTS, a_base), inside(o));
        else
            coopMatLoadTensorNV(x, a, aligned(A_EIGHTS, a_base), clamped(o));
    } else {
        Lying o = Lying(k_end, p.m, aligned(A_EIGHTS, p.a_col), k0, tile_m, BK, BM);
        if (whole)
            coopMatLoadTensorNV(x, a, aligned(A_EIGHTS, a_base), inside(o), LAT_TURNED);
        else
            coopMatLoadTensorNV(x, a, aligned(A_EIGHTS, a_base), clamped(o), LAT_TURNED);
    }
}

void load_right(inout LatRightLoaded y, uint k0, bool whole)
{
    if (B_ALONG_K) {
        Lying o = Lying(p.n, k_end, aligned(B_EIGHTS, p.b_col), tile_n, k0, BN, BK);
        if (whole)
            coopMatLoadTensorNV(y, b, aligned(B_EIGHTS, b_base), inside(o), LAT_TURNED);
        else
            coopMatLoadTensorNV(y, b, aligned(B_EIGHTS, b_base), clamped(o), LAT_TURNED);
    } else {
        Lying o = Lying(k_end, p.n, aligned(B_EIGHTS, p.b_row), k0, tile_n, BK, BN);
        if (whole)
            coopMatLoadTensorNV(y, b, aligned(B_EIGHTS, b_base), inside(o));
        else
            coopMatLoadTensorNV(y, b, aligned(B_EIGHTS, b_base), clamped(o));
    }
}
