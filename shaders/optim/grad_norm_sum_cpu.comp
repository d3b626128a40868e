#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// grad_norm_sum_cpu: grad_norm_sum on lavapipe 26 and newer (common/wide.glsl), for arenas of whole
// kibi-elements. A subgroup adds the squares of a run of LAT_GRAD_NORM_STEPS vectors, STEPS in an
// iteration; each lane keeps the sum of its own.
//
// @variants  T = f32
// @groups    (n_blocks, 1, 1), folded into y past the device's limit

layout(local_size_x = 32, local_size_x_id = 0) in;
layout(constant_id = 1) const uint SG = 8;

#include "common/index.glsl"
#include "common/wide.glsl"
#include "grad_norm.abi.h"

const uint STEPS = 16;

layout(binding = 1) writeonly buffer Partial { float partial[]; };

void main()
{
    uint block = lat_group(), size = gl_WorkGroupSize.x * LAT_GRAD_NORM_STEPS;
    uint n = p.n - p.block0 * size;  // elements from this dispatch's first one on
    uint first = block * size + gl_SubgroupID * (LAT_GRAD_NORM_STEPS * SG);
    uint end = min(first + LAT_GRAD_NORM_STEPS * SG, n);
    uint at = min(first, n - STEPS * SG);

    vec4 acc = vec4(0.0);
    for (;;) {
        LatFloats g = lat_floats(p.address[0], p.address[1], at);
        [[unroll]] for (uint k = 0; k < STEPS; k += 4) {
            vec4 v = lat_load_lanes4(g, k * SG);
            acc += v * v;
        }
        at += STEPS * SG;
        if (at >= end)
            break;
    }
    if (block < p.n_blocks)
        partial[block * gl_WorkGroupSize.x + gl_LocalInvocationID.x] =
            first < n ? (acc.x + acc.y) + (acc.z + acc.w) : 0.0;
}
