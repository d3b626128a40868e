// SPDX-License-Identifier: MIT
//
// Storage types. A shader stores T (and U, where it has a second axis) and computes in f32:
//
//     load(x[i])    T -> float          store(v)    float -> T, to nearest even
//     load_u(x[i])  U -> float          store_u(v)  float -> U
//
// The build defines T_F32, T_F16, T_BF16, T_I32 or T_U8 (and U_...) per variant. bf16 is 16-bit
// storage with f32 arithmetic everywhere. Integer types convert by truncation.
#ifndef LAT_DTYPE_GLSL
#define LAT_DTYPE_GLSL
#extension GL_EXT_shader_16bit_storage : enable
#extension GL_EXT_shader_8bit_storage : enable

#if defined(T_F16) || defined(T_BF16) || defined(U_F16) || defined(U_BF16)
#extension GL_EXT_shader_explicit_arithmetic_types : enable
#endif
#if defined(T_U8) || defined(U_U8)
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : enable
#endif

float lat_from_bf16(uint bits)
{
    return uintBitsToFloat(bits << 16);
}

// Round to nearest even; NaN keeps a mantissa bit, so that it does not become infinity.
uint lat_to_bf16(float v)
{
    uint bits = floatBitsToUint(v);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (bits >> 16) | 0x40u;
    return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}

#if defined(T_F32)
#define T float
float load(float v) { return v; }
float store(float v) { return v; }
#elif defined(T_F16)
#define T float16_t
float load(float16_t v) { return float(v); }
// packHalf2x16 rounds to nearest even on every device; a conversion may truncate.
float16_t store(float v) { return float16_t(unpackHalf2x16(packHalf2x16(vec2(v, 0.0))).x); }
#elif defined(T_BF16)
#define T uint16_t
float load(uint16_t v) { return lat_from_bf16(uint(v)); }
uint16_t store(float v) { return uint16_t(lat_to_bf16(v)); }
#elif defined(T_I32)
#define T int
float load(int v) { return float(v); }
int store(float v) { return int(v); }
#elif defined(T_U8)
#define T uint8_t
float load(uint8_t v) { return float(uint(v)); }
uint8_t store(float v) { return uint8_t(uint(v)); }
#endif

#if defined(U_F32)
#define U float
float load_u(float v) { return v; }
float store_u(float v) { return v; }
#elif defined(U_F16)
#define U float16_t
float load_u(float16_t v) { return float(v); }
float16_t store_u(float v) { return float16_t(unpackHalf2x16(packHalf2x16(vec2(v, 0.0))).x); }
#elif defined(U_BF16)
#define U uint16_t
float load_u(uint16_t v) { return lat_from_bf16(uint(v)); }
uint16_t store_u(float v) { return uint16_t(lat_to_bf16(v)); }
#elif defined(U_I32)
#define U int
float load_u(int v) { return float(v); }
int store_u(float v) { return int(v); }
#elif defined(U_U8)
#define U uint8_t
float load_u(uint8_t v) { return float(uint(v)); }
uint8_t store_u(float v) { return uint8_t(uint(v)); }
#endif

#endif
