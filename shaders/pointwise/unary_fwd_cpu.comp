#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// unary_fwd_cpu: unary_fwd on lavapipe 26 and newer (common/wide.glsl). A subgroup makes LAT_UNARY_CPU_RUN
// vectors, without a loop; the last run, where it would stick out, is moved back inside.
//
// @variants  T = f32
// @groups    ceil(n / (LAT_UNARY_CPU_RUN * WG)); n at least a run

#include "common/index.glsl"
#include "pointwise/unary.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint KIND = LAT_UNARY_SCALE;
layout(constant_id = 2) const uint SG = 8;
layout(constant_id = 3) const bool PAIRS = false;  // an even n

#include "common/wide.glsl"
#include "pointwise/unary_fwd.glsl"

LAT_LANES_OUT(1, Y, y)

void main()
{
    const uint run = LAT_UNARY_CPU_RUN * SG;
    uint first = (lat_group() * (gl_WorkGroupSize.x / SG) + gl_SubgroupID) * run;
    first = min(first, p.n - run);
    LatFloats x = lat_floats(p.address[0], p.address[1], first);
    [[unroll]] for (uint i = 0; i < run; i += SG)
        LAT_STORE_LANES(y, first + i, unary(lat_load_lanes(x, i)))
}
