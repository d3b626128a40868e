#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// max_pool2d_bwd: each element of dx collects from the windows it lies in the gradients of those that
// chose it, row by row: no atomics.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(planes / rows_per_group) * groups_per_row

#include "pool.glsl"

layout(binding = 0) readonly buffer Index { int found[]; };
layout(binding = 1) readonly buffer Dy { T dy[]; };
layout(binding = 2) buffer Dx { T dx[]; };

void main()
{
    uvec3 at;
    if (!pool_place(p.h, p.w, at))
        return;
    // The windows over this element, the last one first: as many as one can have, so that the loops are
    // of constant length, and what is not there is loaded from the nearest one and not added.
    const uint n_rows = (KERNEL_H - 1u) * DILATION_H / STRIDE_H + 1u;
    const uint n_columns = (KERNEL_W - 1u) * DILATION_W / STRIDE_W + 1u;
    uint last_i = (at.y + p.pad_h) / STRIDE_H, last_j = (at.z + p.pad_w) / STRIDE_W;
    int mine = int(at.y * p.w + at.z);
    float sum = 0.0;
    for (uint a = n_rows; a-- > 0u;) {
        for (uint b = n_columns; b-- > 0u;) {
            uint i = min(max(last_i, a) - a, p.oh - 1u), j = min(max(last_j, b) - b, p.ow - 1u);
            bool there = i + a == last_i && j + b == last_j;
            uint o = (at.x * p.oh + i) * p.ow + j;
            float g = load(dy[o]);
            sum += there && found[o] == mine ? g : 0.0;
        }
    }
    uint k = at.x * p.h * p.w + uint(mine);
    dx[k] = store(has(LAT_POOL_ACCUMULATE) ? load(dx[k]) + sum : sum);
}
