#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// binary_fwd_cpu: y = a op b where both are whole or one is a row that repeats (a bias), on lavapipe 26 and
// newer (common/wide.glsl). A subgroup makes LAT_BINARY_CPU_RUN vectors of a row, without a loop; the last run of
// a row, where it would stick out, is moved back inside.
//
// @variants  T = f32
// @groups    (ceil(n_runs * n_rows / (WG / SG)), 1, 1); period at least a run

#define LAT_BINARY_CPU
#include "common/divide.glsl"
#include "common/index.glsl"
#include "pointwise/binary.abi.h"
#include "pointwise/binary.glsl"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint KIND = LAT_BINARY_ADD;
layout(constant_id = 2) const uint REPEAT = LAT_BINARY_REPEAT_B;
layout(constant_id = 3) const uint SG = 8;
layout(constant_id = 4) const bool PAIRS = false;  // an even period

#include "common/wide.glsl"

LAT_LANES_OUT(2, Y, y)

void main()
{
    const uint run = LAT_BINARY_CPU_RUN * SG;
    uint number = lat_group() * (gl_WorkGroupSize.x / SG) + gl_SubgroupID;
    number = min(number, p.n_runs * p.n_rows - 1u);
    uint row = lat_divide(number, p.runs_magic, p.runs_shift);
    uint column = min((number - row * p.n_runs) * run, p.period - run), at = row * p.period + column;
    LatFloats a = lat_floats(p.a_address[0], p.a_address[1], REPEAT == LAT_BINARY_REPEAT_A ? column : at);
    LatFloats b = lat_floats(p.b_address[0], p.b_address[1], REPEAT == LAT_BINARY_REPEAT_B ? column : at);
    [[unroll]] for (uint i = 0; i < run; i += 4u * SG)
        LAT_STORE_LANES4(y, at + i, binary4(KIND, lat_load_lanes4(a, i), lat_load_lanes4(b, i)))
}
