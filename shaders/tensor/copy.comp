#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// copy: dst = src for any strides and any pair of storage types; the form that always works. Equal
// types are moved as bits. What does not fit into an integer becomes the nearest that does, NaN
// becomes 0 (as tensor/dtype.c).
//
// @variants  T = f32 f16 bf16 i32 u8
// @variants  U = f32 f16 bf16 i32 u8
// @groups    (ceil(n / (4 * WG)), 1, 1)

#include "common/divide.glsl"
#include "common/dtype.glsl"
#include "common/index.glsl"
#include "copy.abi.h"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) writeonly buffer Y { U y[]; };

U convert(T v)
{
#if (defined(T_F32) && defined(U_F32)) || (defined(T_F16) && defined(U_F16))                        \
    || (defined(T_BF16) && defined(U_BF16)) || (defined(T_I32) && defined(U_I32))                   \
    || (defined(T_U8) && defined(U_U8))
    return v;
#elif defined(U_I32)
    float f = load(v);
    return f >= 2147483648.0 ? 2147483647 : f >= -2147483648.0 ? int(f) : f < 0.0 ? -2147483647 - 1 : 0;
#elif defined(U_U8)
    float f = load(v);
    return store_u(f >= 255.0 ? 255.0 : f >= 0.0 ? f : 0.0);
#else
    return store_u(load(v));
#endif
}

#define MOVE(dst, src) y[dst] = convert(x[src])
#include "copy.glsl"
