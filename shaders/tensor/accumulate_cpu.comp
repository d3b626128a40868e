#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// accumulate_cpu: accumulate on lavapipe 26 and newer (common/wide.glsl). Each subgroup adds one run of
// RUN vectors, without a loop. The last run, where it is broken, loads a whole one further up, uses
// nothing of it, and goes element by element.
//
// @variants  T = f32
// @groups    (ceil(n / (LAT_ACCUMULATE_RUN * WG)), 1, 1); n at least a run

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint SG = 8;
const bool PAIRS = true;

#include "common/index.glsl"
#include "common/wide.glsl"
#include "accumulate.abi.h"

layout(binding = 0) readonly buffer A { float a[]; };
layout(binding = 1) readonly buffer B { float b[]; };
LAT_LANES_OUT(2, Y, y)

void main()
{
    const uint run = LAT_ACCUMULATE_RUN * SG;
    uint first = lat_group() * gl_WorkGroupSize.x * LAT_ACCUMULATE_RUN + gl_SubgroupID * run;
    uint from = min(first, p.n - run);
    LatFloats a_in = lat_floats(p.a_address[0], p.a_address[1], from);
    LatFloats b_in = lat_floats(p.b_address[0], p.b_address[1], from);
    if (first == from) {
        [[unroll]] for (uint i = 0; i < LAT_ACCUMULATE_RUN * SG; i += 4u * SG)
            LAT_STORE_LANES4(y, first + i, lat_load_lanes4(a_in, i) + lat_load_lanes4(b_in, i))
    } else {
        for (uint i = first + gl_SubgroupInvocationID; i < p.n; i += SG)
            y[i] = a[i] + b[i];
    }
}
