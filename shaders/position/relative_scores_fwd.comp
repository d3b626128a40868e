#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// relative_scores_fwd: scores[t, s] = scale (queries[t, c] + keys[s, c]),  c = t + n_keys - 1 - s.
//
// @variants  T = f32 f16 bf16
// @groups    n_rows * ceil(n_queries * n_keys / WG)

layout(local_size_x = 256, local_size_x_id = 0) in;

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "relative_scores.abi.h"

layout(binding = 0) readonly buffer Queries { T queries[]; };
layout(binding = 1) readonly buffer Keys { T keys[]; };
layout(binding = 2) writeonly buffer Scores { float scores[]; };

void main()
{
    uint row = lat_group() / p.groups_per_row, n = p.n_queries * p.n_keys;
    uint item = lat_group() % p.groups_per_row * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (row >= p.n_rows || item >= n)
        return;
    uint t = item / p.n_keys, s = item % p.n_keys, c = t + p.n_keys - 1u - s;
    float v = load(queries[(row * p.n_queries + t) * p.n_distances + c]);
    if (p.of_keys != 0u)
        v += load(keys[(row * p.n_keys + s) * p.n_distances + c]);
    scores[row * n + item] = p.scale * v;
}
