// SPDX-License-Identifier: MIT
//
// gemm_coopmat2: out = epilogue(scale * A B) with VK_NV_cooperative_matrix2, f16 times f16 or bf16
// times bf16, summed in f32.
//
// A tile is one matrix of BM x BN, summed in steps of BK, which the driver cuts for its matrix units. A kernel
// includes this after it has declared LAT_SCOPE, who holds a matrix, and ends with load_left and load_right.
//
// Slabs that lie inside are loaded without a look at the edges; those at an edge are zero beyond it.
// Operands of f32, which come here only when the program allows it, are loaded as f32, which only sums can
// be, rounded to nearest even, and converted to what is multiplied.
//
// The epilogue is a function of an element, which is told its row and column: that of every other matrix
// product. A loop over the elements would make the sums addressable, and so push them out of registers.
#ifndef LAT_GEMM_COOPMAT2_GLSL
#define LAT_GEMM_COOPMAT2_GLSL

layout(constant_id = 1) const uint EPILOGUE = 0;
layout(constant_id = 2) const bool A_ALONG_K = true;
layout(constant_id = 3) const bool B_ALONG_K = false;
layout(constant_id = 4) const uint BM = 64;
layout(constant_id = 5) const uint BN = 64;
layout(constant_id = 6) const uint BK = 64;
// Whether all of A's, and all of B's, eights start at a multiple of 16 bytes and end inside.
layout(constant_id = 14) const bool A_EIGHTS = true;
layout(constant_id = 15) const bool B_EIGHTS = true;

#include "gemm.glsl"
#include "factor.glsl"

#if defined(T_F32)
#define LatElement float
#else
#define LatElement LatFactor
#endif
layout(binding = 0) readonly buffer A { LatElement a[]; };
layout(binding = 1) readonly buffer B { LatElement b[]; };

#define LatSum coopmat<float, LAT_SCOPE, BM, BN, gl_MatrixUseAccumulator>
#define LatLeft coopmat<LatFactor, LAT_SCOPE, BM, BK, gl_MatrixUseA>
#define LatRight coopmat<LatFactor, LAT_SCOPE, BK, BN, gl_MatrixUseB>
#if defined(T_F32)
#define LatLeftLoaded coopmat<float, LAT_SCOPE, BM, BK, gl_MatrixUseAccumulator>
#define LatRightLoaded coopmat<float, LAT_SCOPE, BK, BN, gl_MatrixUseAccumulator>

float rounded(const in uint row, const in uint col, const in float v)
{
    return unpackHalf2x16(packHalf2x16(vec2(v, 0.0))).x;
}

LatLeft as_left(LatLeftLoaded x)
{
    coopMatPerElementNV(x, x, rounded);
    return LatLeft(x);
}

LatRight as_right(LatRightLoaded y)
{
    coopMatPerElementNV(y, y, rounded);
    return LatRight(y);
}
#else
#define LatLeftLoaded LatLeft
#define LatRightLoaded LatRight
#define as_left(x) x
#define as_right(y) y
#endif

// BM rows of A and BN columns of B, from the tile's first on, in the BK steps of k from k0 on.
void load_left(inout LatLeftLoaded x, uint k0, bool whole);
void load_right(inout LatRightLoaded y, uint k0, bool whole);

void add_slab(inout LatSum sum, uint k0, bool whole)
{
    LatLeftLoaded x;
    LatRightLoaded y;
    load_left(x, k0, whole);
    load_right(y, k0, whole);
    sum = coopMatMulAdd(as_left(x), as_right(y), sum);
}

float finish(const in uint row, const in uint col, const in float sum)
{
    uint m = tile_m + row, n = tile_n + col;
    if (m < p.m && n < p.n)
        lat_gemm_store(m, n, sum);
    return sum;
}

void make_tile()
{
    bool inside = tile_m + BM <= p.m && tile_n + BN <= p.n;
    uint n_whole = inside && k_begin < k_end ? (k_end - k_begin) / BK : 0;
    uint k0 = k_begin;
    LatSum sum = LatSum(0.0);
    for (uint i = 0; i < n_whole; i++, k0 += BK)
        add_slab(sum, k0, true);
    for (; k0 < k_end; k0 += BK)
        add_slab(sum, k0, false);
    coopMatPerElementNV(sum, sum, finish);
}

void main()
{
    for (bool more = lat_gemm_first(BM, BN, BK); more; more = lat_gemm_next(BM, BN, BK))  // uniform
        make_tile();
}

#endif
