#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// unary_bwd_cpu: unary_bwd on lavapipe 26 and newer (common/wide.glsl), in runs as unary_fwd_cpu. What is
// added to has no run that is moved, which would be added twice.
//
// @variants  T = f32
// @groups    ceil(n / (LAT_UNARY_CPU_RUN * WG)); n at least a run, whole runs with ACCUMULATE

#include "common/index.glsl"
#include "pointwise/unary.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint KIND = LAT_UNARY_SCALE;
layout(constant_id = 2) const bool ACCUMULATE = false;
layout(constant_id = 3) const uint SG = 8;
layout(constant_id = 4) const bool PAIRS = false;  // an even n

#include "common/wide.glsl"
#include "pointwise/unary_bwd.glsl"

LAT_LANES_OUT(2, DX, dx)

void main()
{
    const uint run = LAT_UNARY_CPU_RUN * SG;
    uint own = (lat_group() * (gl_WorkGroupSize.x / SG) + gl_SubgroupID) * run;
    uint first = min(own, p.n - run);
    if (ACCUMULATE && own != first)
        return;
    LatFloats s = lat_floats(p.address[0], p.address[1], first);
    LatFloats g = lat_floats(p.address[2], p.address[3], first);
    LatFloats old = lat_floats(p.address[4], p.address[5], first);
    [[unroll]] for (uint i = 0; i < run; i += SG) {
        float v = lat_load_lanes(g, i);
        if (NEEDS_S)
            v = times_slope(v, lat_load_lanes(s, i));
        else
            v = times_slope(v, 0.0);
        if (ACCUMULATE)
            v += lat_load_lanes(old, i);
        LAT_STORE_LANES(dx, first + i, v)
    }
}
