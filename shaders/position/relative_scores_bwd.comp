#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// relative_scores_bwd: the gradient of the products of one side from that of the scores; 0 for distances that
// a query or key has to nobody.
//
// @variants  T = f32 f16 bf16
// @groups    n_rows * ceil((n_queries or n_keys) * n_distances / WG)

layout(local_size_x = 256, local_size_x_id = 0) in;

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "relative_scores.abi.h"

layout(binding = 0) readonly buffer G { float g[]; };
layout(binding = 1) writeonly buffer D { T d[]; };

void main()
{
    uint side = p.of_keys != 0u ? p.n_keys : p.n_queries, n = side * p.n_distances;
    uint row = lat_group() / p.groups_per_row;
    uint item = lat_group() % p.groups_per_row * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (row >= p.n_rows || item >= n)
        return;
    uint i = item / p.n_distances, c = item % p.n_distances;
    // Below the first one the other index wraps, and is past the last.
    uint t = p.of_keys != 0u ? c + i - (p.n_keys - 1u) : i;
    uint s = p.of_keys != 0u ? i : i + p.n_keys - 1u - c;
    bool meets = t < p.n_queries && s < p.n_keys;
    float v = 0.0;
    if (meets)
        v = p.scale * g[(row * p.n_queries + t) * p.n_keys + s];
    d[row * n + item] = store(v);
}
