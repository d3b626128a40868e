#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// bench_copy: y = x in vectors of four floats: what this device moves at best, to judge ops by.
//
// @groups    ceil(n / (COPY_STEPS * WG))

#include "common/index.glsl"
#include "bench/bench.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;

layout(binding = 0) readonly buffer X { vec4 x[]; };
layout(binding = 1) writeonly buffer Y { vec4 y[]; };

void main()
{
    uint first = lat_group() * gl_WorkGroupSize.x * LAT_BENCH_COPY_STEPS + gl_LocalInvocationID.x;
    for (uint k = 0; k < LAT_BENCH_COPY_STEPS; k++) {
        uint i = first + k * gl_WorkGroupSize.x;
        if (i < p.n)
            y[i] = x[i];
    }
}
