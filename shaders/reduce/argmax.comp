#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// argmax: y[o, i] = the first k with the largest x[o, k, i]; a NaN counts as the largest. "First"
// makes the join of two candidates free of order, so the result does not depend on LANES.
//
// Invocations are laid out as in reduce.comp.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(outer * inner / (WG / LANES))

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "common/math.glsl"
#include "reduce/argmax.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint LANES = 1;  // power of two, at most WG
layout(constant_id = 2) const bool RUN_FIRST = false;

const uint WG = gl_WorkGroupSize.x;
const uint RESULTS = WG / LANES;

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) writeonly buffer Y { int y[]; };

struct candidate {
    float value;
    uint at;
};
shared candidate partial[WG];

bool wins(candidate a, candidate b)
{
    bool a_nan = lat_is_nan(a.value), b_nan = lat_is_nan(b.value);
    if (a_nan != b_nan)
        return a_nan;
    if (!a_nan && a.value != b.value)
        return a.value > b.value;
    return a.at < b.at;
}

void main()
{
    uint t = gl_LocalInvocationID.x;
    uint lane = RUN_FIRST ? t % LANES : t / RESULTS;
    uint result = RUN_FIRST ? t / LANES : t % RESULTS;
    uint out_ = lat_group() * RESULTS + result;
    bool live = out_ < p.outer * p.inner;

    candidate best = candidate(-LAT_INF, 0xffffffffu);
    if (live) {
        uint start = (out_ / p.inner) * p.n * p.inner + out_ % p.inner;
        for (uint k = lane; k < p.n; k += LANES) {
            candidate c = candidate(load(x[start + k * p.inner]), k);
            if (wins(c, best))
                best = c;
        }
    }
    uint slot = lane * RESULTS + result;
    partial[slot] = best;
    for (uint half_ = LANES / 2u; half_ > 0u; half_ /= 2u) {
        barrier();
        if (lane < half_ && wins(partial[slot + half_ * RESULTS], partial[slot]))
            partial[slot] = partial[slot + half_ * RESULTS];
    }
    if (live && lane == 0u)
        y[out_] = int(partial[slot].at);
}
