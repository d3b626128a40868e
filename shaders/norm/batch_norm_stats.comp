#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// batch_norm_stats: mean and sum of squared deviations of each chunk. A lane takes RUN elements at a time
// into registers, where both are exact passes over what it holds, and joins them with those before
// (Chan, Golub & LeVeque 1979, equation 2.1), so that x is read once and nothing cancels.
//
// @variants  T = f32 f16 bf16
// @groups    n_blocks * channels * parts

layout(local_size_x = 64, local_size_x_id = 0) in;  // a power of two

#include "common/divide.glsl"
#include "common/dtype.glsl"
#include "common/index.glsl"
#include "batch_norm.abi.h"
#include "batch_norm_chunk.glsl"
#include "batch_norm_tree.glsl"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) writeonly buffer Partial { vec2 partial[]; };  // [n_blocks, parts, channels]

const uint RUN = 8u;

void main()
{
    uint group = lat_group();
    if (group >= p.n * p.channels * p.parts)
        return;
    Chunk k = chunk_of(group);
    uint total = k.images * k.size, stride = gl_WorkGroupSize.x;
    float n = 0.0, mean = 0.0, squares = 0.0;
    for (uint e0 = gl_LocalInvocationID.x; e0 < total; e0 += RUN * stride) {
        float v[RUN], sum = 0.0, count = 0.0;
        for (uint i = 0u; i < RUN; i++) {
            uint e = e0 + i * stride;
            bool inside = e < total;
            uint image = lat_divide(e, p.plane_magic, p.plane_shift);
            v[i] = inside ? load(x[k.start + image * (p.channels * p.plane) + (e - image * k.size)]) : 0.0;
            sum += v[i];
            count += inside ? 1.0 : 0.0;
        }
        float own = sum / count, deviations = 0.0;
        for (uint i = 0u; i < RUN; i++) {
            float d = e0 + i * stride < total ? v[i] - own : 0.0;
            deviations += d * d;
        }
        float delta = own - mean, share = count / (n + count);
        mean += delta * share;
        squares += deviations + delta * delta * n * share;
        n += count;
    }
    float center = tree_sum(vec2(n * mean, 0.0)).x / float(total), d = mean - center;
    vec2 result = tree_sum(vec2(n > 0.0 ? squares + n * d * d : 0.0, 0.0));
    if (gl_LocalInvocationID.x == 0u)
        partial[k.result] = vec2(center, result.x);
}
