// SPDX-License-Identifier: MIT
//
// What kernels with cooperative matrices share. A kernel includes it after it has declared the size of
// fragments, FM x FN and FK steps of k, and types for them come from here.
#ifndef LAT_COOPMAT_GLSL
#define LAT_COOPMAT_GLSL
#include "matmul/factor.glsl"

#define LatLeft coopmat<LatFactor, gl_ScopeSubgroup, FM, FK, gl_MatrixUseA>
#define LatRight coopmat<LatFactor, gl_ScopeSubgroup, FK, FN, gl_MatrixUseB>
#define LatSum coopmat<float, gl_ScopeSubgroup, FM, FN, gl_MatrixUseAccumulator>
#define LAT_BY_ROWS gl_CooperativeMatrixLayoutRowMajor
#define LAT_BY_COLUMNS gl_CooperativeMatrixLayoutColumnMajor

// Operands on their way to shared memory. 16 bits are moved as such, so that NaN stays the NaN it is; f32, which
// comes here only when the program allows it, is rounded to nearest even.
#if defined(T_F32)
#define LatCell float
#define LatCells vec4
#define LatLoaded float
#define lat_pair(lo, hi) packHalf2x16(vec2(lo, hi))
#define LAT_WHOLE_EIGHT(x, at)                                                           \
    uvec4(packHalf2x16(x[(at) / 4].xy), packHalf2x16(x[(at) / 4].zw),                    \
        packHalf2x16(x[(at) / 4 + 1].xy), packHalf2x16(x[(at) / 4 + 1].zw))
#else
#define LatCell uint16_t
#define LatCells uvec4
#define LatLoaded uint
#define lat_pair(lo, hi) ((lo) | (hi) << 16)
#define LAT_WHOLE_EIGHT(x, at) x[(at) / 8]
#endif

#if defined(T_BF16)
#define lat_unpair(word) vec2(lat_from_bf16((word) & 0xffffu), lat_from_bf16((word) >> 16))
#else
#define lat_unpair(word) unpackHalf2x16(word)
#endif

// Elements i and i + 1 of n, step apart from x[at] on, as the two halves of a word; zero beyond n.
#define LAT_PAIR(x, at, step, n, i)                                                      \
    lat_pair((i) < n ? LatLoaded(x[at + (i) * step]) : LatLoaded(0),                     \
        (i) + 1 < n ? LatLoaded(x[at + ((i) + 1) * step]) : LatLoaded(0))
#define LAT_EIGHT(x, at, step, n)                                                        \
    uvec4(LAT_PAIR(x, at, step, n, 0), LAT_PAIR(x, at, step, n, 2),                      \
        LAT_PAIR(x, at, step, n, 4), LAT_PAIR(x, at, step, n, 6))

void lat_subgroup_sync()
{
    subgroupMemoryBarrierShared();
    subgroupBarrier();
}

#endif
