#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// zero_cpu: y = 0 on lavapipe 26 and newer, whose fill command is one thread. Each subgroup writes one run,
// the last one moved back inside.
//
// @groups    ceil(n / (LAT_ZERO_RUN * SG)); n at least a run

layout(local_size_x = 8, local_size_x_id = 0) in;
layout(constant_id = 1) const uint SG = 8;
layout(constant_id = 2) const bool PAIRS = false;  // an even n

#include "common/index.glsl"
#include "common/wide.glsl"
#include "zero.abi.h"

LAT_LANES_OUT(0, Y, y)

void main()
{
    const uint run = LAT_ZERO_RUN * SG;
    uint first = min(lat_group() * run, p.n - run);
    [[unroll]] for (uint i = 0; i < run; i += 4u * SG)
        LAT_STORE_LANES4(y, first + i, vec4(0.0))
}
