// SPDX-License-Identifier: MIT
//
// What matrix units multiply: bf16 where tensors are, else f16. Outside of matrices bf16 is 16 bits of an
// integer (common/dtype.glsl); in them it is a type, which values enter bit for bit, so that NaN stays NaN.
#ifndef LAT_FACTOR_GLSL
#define LAT_FACTOR_GLSL
#include "common/dtype.glsl"

// To nearest even on every device, as store() does it.
#if defined(T_BF16)
#extension GL_EXT_bfloat16 : require
#define LatFactor bfloat16_t
LatFactor lat_factor(float v) { return uintBitsToBFloat16EXT(store(v)); }
#else
#define LatFactor float16_t
LatFactor lat_factor(float v) { return float16_t(unpackHalf2x16(packHalf2x16(vec2(v, 0.0))).x); }
#endif

#endif
