#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// SPDX-License-Identifier: MIT
//
// conv_taps: from a matrix per tap to the weight's layout, for the cpu strategy's weight gradient.
//
//     dw[group, m, q, ty, tx] (+)= sums[group, ty, tx, m, q]
//
// A workgroup has one m of one group: lanes read side by side. The taps are unrolled: loop control costs a CPU
// more than a load and a store.
//
// @variants  T = f32
// @groups    n_groups * m

layout(local_size_x = 8, local_size_x_id = 0) in;
layout(constant_id = 1) const uint TAPS_Y = 3;
layout(constant_id = 2) const uint TAPS_X = 3;
layout(constant_id = 3) const bool ACCUMULATE = false;

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "conv_taps.abi.h"

layout(binding = 0) readonly buffer Sums { T sums[]; };
layout(binding = 1) buffer Dw { T dw[]; };

void main()
{
    if (lat_group() >= p.n_groups * p.m)
        return;
    uint group = lat_group() / p.m, m = lat_group() % p.m;
    uint plane = p.m * p.q, first = group * TAPS_Y * TAPS_X * plane + m * p.q;
    uint row = p.out_offset + p.w_base + group * p.w_group + m * p.w_m;
    for (uint q = gl_LocalInvocationID.x; q < p.q; q += gl_WorkGroupSize.x) {
        float v[TAPS_Y * TAPS_X];
        uint from = first + q, to = row + q * p.w_q;
        [[unroll]] for (uint tap = 0; tap < TAPS_Y * TAPS_X; tap++)
            v[tap] = load(sums[from + tap * plane]);
        [[unroll]] for (uint ty = 0; ty < TAPS_Y; ty++)
            [[unroll]] for (uint tx = 0; tx < TAPS_X; tx++) {
                uint at = to + ty * p.w_ty + tx * p.w_tx;
                float sum = v[ty * TAPS_X + tx];
                dw[at] = store(ACCUMULATE ? sum + load(dw[at]) : sum);
            }
    }
}
