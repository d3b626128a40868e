#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// cast: dst = src between float types, both contiguous from an aligned start.
//
// @variants  T = f32 f16 bf16
// @variants  U = f32 f16 bf16
// @groups    (ceil(n / (16 * WG)), 1, 1)

#include "common/index.glsl"
#include "common/vec4.glsl"
#include "cast.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 0) readonly buffer X4 { T4 x4[]; };
layout(binding = 1) writeonly buffer Y { U y[]; };
layout(binding = 1) writeonly buffer Y4 { U4 y4[]; };

void main()
{
    uint n_quads = p.n / 4u, group = lat_group() * gl_WorkGroupSize.x * 4u;
    uint first = group + gl_LocalInvocationID.x;
    if (group + 4u * gl_WorkGroupSize.x <= n_quads) {  // the same for the whole workgroup
        for (uint k = 0; k < 4u; k++)
            y4[first + k * gl_WorkGroupSize.x] = store4_u(load4(x4[first + k * gl_WorkGroupSize.x]));
        return;
    }
    for (uint k = 0; k < 4u; k++) {
        uint q = first + k * gl_WorkGroupSize.x;
        if (q < n_quads)
            y4[q] = store4_u(load4(x4[q]));
        else if (q == n_quads)
            for (uint i = 4u * q; i < p.n; i++)
                y[i] = store_u(load(x[i]));
    }
}
