#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// conv_taps: from a matrix per tap to the weight's layout, for the cpu strategy's weight gradient.
//
//     dw[group, m, q, ty, tx] (+)= sums[group, ty, tx, m, q]
//
// A workgroup has one m of one group: lanes read side by side.
//
// @variants  T = f32
// @groups    n_groups * m

layout(local_size_x = 8, local_size_x_id = 0) in;

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
    uint taps = p.taps_y * p.taps_x;
    for (uint q = gl_LocalInvocationID.x; q < p.q; q += gl_WorkGroupSize.x)
        for (uint ty = 0; ty < p.taps_y; ty++)
            for (uint tx = 0; tx < p.taps_x; tx++) {
                uint tap = group * taps + ty * p.taps_x + tx;
                uint at = p.out_offset + p.w_base + group * p.w_group + ty * p.w_ty + tx * p.w_tx
                    + m * p.w_m + q * p.w_q;
                float v = load(sums[(tap * p.m + m) * p.q + q]);
                if (p.accumulate != 0)
                    v += load(dw[at]);
                dw[at] = store(v);
            }
}
