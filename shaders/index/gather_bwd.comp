#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// gather_bwd: dx[o, index[o, j, i], i] += dy[o, j, i] on a dx that was zeroed. One invocation walks
// all j of its (o, i), so no two write the same element and the order of additions is j's.
//
// @variants  T = f32 f16 bf16
// @groups    (ceil(n_outer / rows_per_group) * groups_per_row, 1, 1), folded into y

#include "gather.abi.h"
#include "common/dtype.glsl"
#include "common/index.glsl"

layout(local_size_x = 64, local_size_x_id = 0) in;

layout(binding = 0) readonly buffer Index { int index[]; };
layout(binding = 1) readonly buffer Dy { T dy[]; };
layout(binding = 2) buffer Dx { float dx[]; };

void add_column(uint outer, uint inner)
{
    for (uint j = 0u; j < p.n_index; j++) {
        uint e = (outer * p.n_index + j) * p.n_inner + inner;
        uint to = uint(index[e]);
        if (to < p.n_x)
            dx[(outer * p.n_x + to) * p.n_inner + inner] += load(dy[e]);
    }
}

void main()
{
    uint outer0 = lat_group() / p.groups_per_row * p.rows_per_group;
    if (outer0 >= p.n_outer)
        return;
    uint n = min(p.rows_per_group, p.n_outer - outer0) * p.n_inner;
    uint at = lat_group() % p.groups_per_row * gl_WorkGroupSize.x * LAT_GATHER_STEPS
            + gl_LocalInvocationID.x;
    for (uint k = 0u; k < LAT_GATHER_STEPS; k++) {
        uint local = at + k * gl_WorkGroupSize.x;
        if (local >= n)
            return;
        add_column(outer0 + local / p.n_inner, local % p.n_inner);
    }
}
