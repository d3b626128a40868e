#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// reduce: y[o, c, i] = sum (or largest) over the c-th piece of x[o, :, i]. Long runs are cut into
// pieces by the caller and the pieces joined by a second dispatch, so that a few results still occupy
// the whole device; the order of additions depends on the shape only.
//
// A workgroup makes WG / LANES results with LANES invocations each, which then join in shared memory
// as a tree. Neighbouring invocations follow memory: along the run where inner is 1 (RUN_FIRST), else
// along inner. With INNER_QUADS a result here is four of them side by side.
//
// @variants  T = f32 f16 bf16
// @variants  U = f32 f16 bf16
// @groups    ceil(outer * n_chunks * inner / (WG / LANES))

#include "common/index.glsl"
#include "common/vec4.glsl"
#include "reduce/reduce.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint KIND = LAT_REDUCE_SUM;
layout(constant_id = 2) const bool ROOT = false;        // the result is the square root
layout(constant_id = 3) const bool ACCUMULATE = false;  // it is added to y
layout(constant_id = 4) const uint LANES = 1;           // power of two, at most WG
layout(constant_id = 5) const bool RUN_FIRST = false;
layout(constant_id = 6) const uint READ = LAT_REDUCE_ELEMENTS;

const uint WG = gl_WorkGroupSize.x;
const uint RESULTS = WG / LANES;

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 0) readonly buffer X4 { T4 x4[]; };
layout(binding = 1) buffer Y { U y[]; };

shared vec4 partial[WG];

#include "reduce/reduce.glsl"

void main()
{
    uint t = gl_LocalInvocationID.x;
    uint lane = RUN_FIRST ? t % LANES : t / RESULTS;
    uint result = RUN_FIRST ? t / LANES : t % RESULTS;
    uint out_ = lat_group() * RESULTS + result;
    bool live = out_ < p.outer * p.n_chunks * (p.inner / INNER_STEP);

    uint slot = lane * RESULTS + result;
    partial[slot] = neutral();
    if (live)
        partial[slot] = lane_total(out_, lane, LANES);
    for (uint half_ = LANES / 2u; half_ > 0u; half_ /= 2u) {
        barrier();
        if (lane < half_)
            partial[slot] = join(partial[slot], partial[slot + half_ * RESULTS]);
    }
    if (live && lane == 0u)
        write_result(out_, partial[slot]);
}
