#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// accumulate: y = a + b, where y may be a or b: gradients that meet in backward.
//
// @variants  T = f32 f16 bf16 i32 u8
// @groups    (ceil(n / (4 * WG)), 1, 1)

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "accumulate.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;

layout(binding = 0) readonly buffer A { T a[]; };
layout(binding = 1) readonly buffer B { T b[]; };
layout(binding = 2) writeonly buffer Y { T y[]; };

void main()
{
    uint first = lat_group() * gl_WorkGroupSize.x * 4u + gl_LocalInvocationID.x;
    for (uint k = 0; k < 4u; k++) {
        uint i = first + k * gl_WorkGroupSize.x;
        if (i >= p.n)
            return;
#if defined(T_I32)
        y[i] = a[i] + b[i];
#elif defined(T_U8)
        y[i] = uint8_t(uint(a[i]) + uint(b[i]));
#else
        y[i] = store(load(a[i]) + load(b[i]));
#endif
    }
}
