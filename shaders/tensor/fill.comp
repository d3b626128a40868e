#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// fill: x[i] = value, 4 elements per invocation, each workgroup on one contiguous run.
//
// @variants  T = f32 f16 bf16 i32 u8
// @groups    (ceil(n / (4 * WG)), 1, 1)

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "fill.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;

layout(binding = 0) writeonly buffer X { T x[]; };

void main()
{
    uint first = lat_group() * gl_WorkGroupSize.x * 4u + gl_LocalInvocationID.x;
    for (uint k = 0; k < 4u; k++) {
        uint i = first + k * gl_WorkGroupSize.x;
        if (i < p.n)
            x[i] = store(p.value);
    }
}
