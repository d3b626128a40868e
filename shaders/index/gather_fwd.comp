#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// gather_fwd: y[o, j, i] = x[o, index[o, j, i], i], bit for bit; NaN where the index is outside x.
//
// @variants  T = f32 f16 bf16
// @groups    (ceil(n_outer / rows_per_group) * groups_per_row, 1, 1), folded into y

#include "gather.abi.h"
#include "common/dtype.glsl"
#include "common/index.glsl"
#include "common/math.glsl"

layout(local_size_x = 64, local_size_x_id = 0) in;

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) readonly buffer Index { int index[]; };
layout(binding = 2) writeonly buffer Y { T y[]; };

void main()
{
    uint outer0 = lat_group() / p.groups_per_row * p.rows_per_group;
    if (outer0 >= p.n_outer)
        return;
    uint per_row = p.n_index * p.n_inner;
    uint n = min(p.rows_per_group, p.n_outer - outer0) * per_row;
    uint at = lat_group() % p.groups_per_row * gl_WorkGroupSize.x * LAT_GATHER_STEPS
            + gl_LocalInvocationID.x;
    for (uint k = 0u; k < LAT_GATHER_STEPS; k++) {
        uint local = at + k * gl_WorkGroupSize.x;
        if (local >= n)
            return;
        uint e = outer0 * per_row + local;
        uint outer = e / per_row, inner = e % p.n_inner;
        uint from = uint(index[e]);
        if (from < p.n_x)
            y[e] = x[(outer * p.n_x + from) * p.n_inner + inner];
        else
            y[e] = store(LAT_NAN);
    }
}
