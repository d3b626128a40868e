#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// copy: dst = src for any strides and any pair of storage types.
//
// The host joins dimensions that lie together in both operands, so a contiguous pair has RANK 1 and
// costs no division, and a transposed matrix one per element. Equal types are copied as bits. What
// does not fit into an integer becomes the nearest that does, NaN becomes 0 (as tensor/dtype.c).
//
// @variants  T = f32 f16 bf16 i32 u8
// @variants  U = f32 f16 bf16 i32 u8
// @groups    (ceil(n / (4 * WG)), 1, 1)

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "copy.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint RANK = 1;  // 1 .. 8

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

void main()
{
    uint first = lat_group() * gl_WorkGroupSize.x * 4u + gl_LocalInvocationID.x;
    for (uint k = 0; k < 4u; k++) {
        uint i = first + k * gl_WorkGroupSize.x;
        if (i >= p.n)
            return;
        uint src = p.src_offset, dst = p.dst_offset;
        for (uint d = RANK - 1u; d > 0u; d--) {
            uint quotient = i / p.size[d];
            uint rest = i - quotient * p.size[d];
            src += rest * p.src_stride[d];
            dst += rest * p.dst_stride[d];
            i = quotient;
        }
        y[dst + i * p.dst_stride[0]] = convert(x[src + i * p.src_stride[0]]);
    }
}
