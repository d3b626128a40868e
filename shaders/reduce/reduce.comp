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
// along inner.
//
// @variants  T = f32 f16 bf16
// @variants  U = f32 f16 bf16
// @groups    ceil(outer * n_chunks * inner / (WG / LANES))

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "reduce/reduce.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint KIND = LAT_REDUCE_SUM;
layout(constant_id = 2) const bool ROOT = false;        // the result is the square root
layout(constant_id = 3) const bool ACCUMULATE = false;  // it is added to y
layout(constant_id = 4) const uint LANES = 1;           // power of two, at most WG
layout(constant_id = 5) const bool RUN_FIRST = false;

const uint WG = gl_WorkGroupSize.x;
const uint RESULTS = WG / LANES;

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) buffer Y { U y[]; };

shared float partial[WG];

#include "reduce/reduce.glsl"

float lane_sum(uint start, uint count, uint lane)
{
    float v = neutral();
    uint k = lane;
    for (; k + 3u * LANES < count; k += 4u * LANES) {  // four loads in flight
        uint at = start + k * p.inner;
        uint step_ = LANES * p.inner;
        float a = join(term(load(x[at])), term(load(x[at + step_])));
        float b = join(term(load(x[at + 2u * step_])), term(load(x[at + 3u * step_])));
        v = join(v, join(a, b));
    }
    for (; k < count; k += LANES)
        v = join(v, term(load(x[start + k * p.inner])));
    return v;
}

void main()
{
    uint t = gl_LocalInvocationID.x;
    uint lane = RUN_FIRST ? t % LANES : t / RESULTS;
    uint result = RUN_FIRST ? t / LANES : t % RESULTS;
    uint out_ = lat_group() * RESULTS + result;
    bool live = out_ < p.outer * p.n_chunks * p.inner;

    float v = neutral();
    if (live) {
        uint start, count;
        piece_of(out_, start, count);
        v = lane_sum(start, count, lane);
    }
    uint slot = lane * RESULTS + result;
    partial[slot] = v;
    for (uint half_ = LANES / 2u; half_ > 0u; half_ /= 2u) {
        barrier();
        if (lane < half_)
            partial[slot] = join(partial[slot], partial[slot + half_ * RESULTS]);
    }
    if (live && lane == 0u) {
        v = finish(partial[slot]);
        if (ACCUMULATE)
            v += load_u(y[out_]);
        y[out_] = store_u(v);
    }
}
