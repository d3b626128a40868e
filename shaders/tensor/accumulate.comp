#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// accumulate: y = a + b, where y may be a or b: gradients that meet in backward. All contiguous from
// an aligned start.
//
// @variants  T = f32 f16 bf16 i32 u8
// @groups    (ceil(n / (16 * WG)), 1, 1)

#include "common/index.glsl"
#include "common/vec4.glsl"
#include "accumulate.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;

layout(binding = 0) readonly buffer A { T a[]; };
layout(binding = 0) readonly buffer A4 { T4 a4[]; };
layout(binding = 1) readonly buffer B { T b[]; };
layout(binding = 1) readonly buffer B4 { T4 b4[]; };
layout(binding = 2) writeonly buffer Y { T y[]; };
layout(binding = 2) writeonly buffer Y4 { T4 y4[]; };

T4 sum4(T4 u, T4 v)
{
#if defined(T_I32)
    return u + v;
#elif defined(T_U8)
    return u8vec4(uvec4(u) + uvec4(v));
#else
    return store4(load4(u) + load4(v));
#endif
}

T sum(T u, T v)
{
#if defined(T_I32)
    return u + v;
#elif defined(T_U8)
    return uint8_t(uint(u) + uint(v));
#else
    return store(load(u) + load(v));
#endif
}

void main()
{
    uint n_quads = p.n / 4u, group = lat_group() * gl_WorkGroupSize.x * 4u;
    uint first = group + gl_LocalInvocationID.x;
    if (group + 4u * gl_WorkGroupSize.x <= n_quads) {  // the same for the whole workgroup
        for (uint k = 0; k < 4u; k++) {
            uint q = first + k * gl_WorkGroupSize.x;
            y4[q] = sum4(a4[q], b4[q]);
        }
        return;
    }
    for (uint k = 0; k < 4u; k++) {
        uint q = first + k * gl_WorkGroupSize.x;
        if (q < n_quads)
            y4[q] = sum4(a4[q], b4[q]);
        else if (q == n_quads)
            for (uint i = 4u * q; i < p.n; i++)
                y[i] = sum(a[i], b[i]);
    }
}
