#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// grad_norm_sum: each invocation adds up the squares of its own LAT_GRAD_NORM_STEPS elements, four
// at a time; grad_norm_finish adds the invocations. No shared memory, and an order that depends on
// the size alone. NaN and infinity stay in the sum.
//
// @variants  T = f32 f16 bf16
// @groups    (n_blocks, 1, 1), folded into y past the device's limit

#include "grad_norm.abi.h"
#include "common/index.glsl"
#include "common/vec4.glsl"

layout(local_size_x = 32, local_size_x_id = 0) in;

layout(binding = 0) readonly buffer G { T g[]; };
layout(binding = 0) readonly buffer G4 { T4 g4[]; };
layout(binding = 1) writeonly buffer Partial { float partial[]; };

void main()
{
    uint block = lat_group();
    if (block >= p.n_blocks)
        return;
    uint lane = gl_LocalInvocationID.x, size = gl_WorkGroupSize.x * LAT_GRAD_NORM_STEPS;
    uint first = block * size;
    uint left = min(size, p.n - (p.block0 * size + first));
    vec4 acc = vec4(0.0);
    for (uint i = 4u * lane; i + 3u < left; i += 4u * gl_WorkGroupSize.x) {
        vec4 v = load4(g4[(first + i) / 4u]);
        acc += v * v;
    }
    uint tail = left / 4u * 4u + lane;
    if (tail < left) {
        float v = load(g[first + tail]);
        acc.x += v * v;
    }
    partial[block * gl_WorkGroupSize.x + lane] = (acc.x + acc.y) + (acc.z + acc.w);
}
