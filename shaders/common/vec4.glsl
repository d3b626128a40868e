// SPDX-License-Identifier: MIT
//
// Four elements of storage type T at a time: one load instead of four, which is worth a factor of
// two on CPU drivers and whole cache lines on GPUs. A buffer that is read both ways is declared
// twice at its binding, as T x[] and as T4 x4[].
#ifndef LAT_VEC4_GLSL
#define LAT_VEC4_GLSL
#include "common/dtype.glsl"

#if defined(T_F32)
#define T4 vec4
vec4 load4(vec4 v) { return v; }
vec4 store4(vec4 v) { return v; }
#elif defined(T_F16)
#define T4 f16vec4
vec4 load4(f16vec4 v) { return vec4(v); }
f16vec4 store4(vec4 v)
{
    return f16vec4(unpackHalf2x16(packHalf2x16(v.xy)), unpackHalf2x16(packHalf2x16(v.zw)));
}
#elif defined(T_BF16)
#define T4 u16vec4
vec4 load4(u16vec4 v) { return uintBitsToFloat(uvec4(v) << 16); }
u16vec4 store4(vec4 v)
{
    return u16vec4(lat_to_bf16(v.x), lat_to_bf16(v.y), lat_to_bf16(v.z), lat_to_bf16(v.w));
}
#elif defined(T_I32)  // integers are moved, not computed with
#define T4 ivec4
#elif defined(T_U8)
#define T4 u8vec4
#endif

#if defined(U_F32)
#define U4 vec4
vec4 store4_u(vec4 v) { return v; }
#elif defined(U_F16)
#define U4 f16vec4
f16vec4 store4_u(vec4 v)
{
    return f16vec4(unpackHalf2x16(packHalf2x16(v.xy)), unpackHalf2x16(packHalf2x16(v.zw)));
}
#elif defined(U_BF16)
#define U4 u16vec4
u16vec4 store4_u(vec4 v)
{
    return u16vec4(lat_to_bf16(v.x), lat_to_bf16(v.y), lat_to_bf16(v.z), lat_to_bf16(v.w));
}
#endif

#endif
