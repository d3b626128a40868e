#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// unary_fwd: y = f(x), element by element, on contiguous memory. KIND is a specialisation constant,
// so each pipeline holds one of the functions; unary.abi.h lists them, unary_fwd.glsl has them.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n / (4 * QUADS_PER_THREAD * WG))

#include "common/index.glsl"
#include "common/vec4.glsl"
#include "pointwise/unary.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint KIND = LAT_UNARY_SCALE;

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 0) readonly buffer X4 { T4 x4[]; };
layout(binding = 1) writeonly buffer Y { T y[]; };
layout(binding = 1) writeonly buffer Y4 { T4 y4[]; };

#include "pointwise/unary_fwd.glsl"

void main()
{
    uint first = lat_group() * gl_WorkGroupSize.x * LAT_UNARY_QUADS_PER_THREAD + gl_LocalInvocationID.x;
    for (uint k = 0; k < LAT_UNARY_QUADS_PER_THREAD; k++) {
        uint q = first + k * gl_WorkGroupSize.x;
        if (q < p.n / 4u) {
            vec4 v = load4(x4[q]);
            y4[q] = store4(vec4(unary(v.x), unary(v.y), unary(v.z), unary(v.w)));
        } else if (q == p.n / 4u) {
            for (uint i = 4u * q; i < p.n; i++)
                y[i] = store(unary(load(x[i])));
        }
    }
}
