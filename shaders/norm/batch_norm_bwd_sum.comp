#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// batch_norm_bwd_sum: sum of g and of g h over each chunk, where h = (x - mean) rstd and g is dy, or 0
// where the ReLU cut.
//
// @variants  T = f32 f16 bf16
// @groups    n_blocks * channels * parts

layout(local_size_x = 64, local_size_x_id = 0) in;  // a power of two
layout(constant_id = 1) const uint FLAGS = 0;

#include "common/divide.glsl"
#include "common/dtype.glsl"
#include "common/index.glsl"
#include "batch_norm.abi.h"
#include "batch_norm_chunk.glsl"
#include "batch_norm_tree.glsl"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) readonly buffer Y { T y[]; };
layout(binding = 2) readonly buffer Dy { T dy[]; };
layout(binding = 3) readonly buffer Table { float table[]; };
layout(binding = 4) writeonly buffer Partial { vec2 partial[]; };

void main()
{
    uint group = lat_group();
    if (group >= p.n * p.channels * p.parts)
        return;
    Chunk k = chunk_of(group);
    float mean = table[k.channel * LAT_BATCH_NORM_COLUMNS + LAT_BATCH_NORM_MEAN];
    vec2 sum = vec2(0.0);
    for (uint e = gl_LocalInvocationID.x; e < k.images * k.size; e += gl_WorkGroupSize.x) {
        uint image = lat_divide(e, p.plane_magic, p.plane_shift);
        uint i = k.start + image * (p.channels * p.plane) + (e - image * k.size);
        float g = load(dy[i]);
        if ((FLAGS & LAT_BATCH_NORM_RELU) != 0u)
            g = load(y[i]) > 0.0 ? g : 0.0;
        sum += vec2(g, g * (load(x[i]) - mean));
    }
    sum = tree_sum(sum);
    sum.y *= table[k.channel * LAT_BATCH_NORM_COLUMNS + LAT_BATCH_NORM_RSTD];
    if (gl_LocalInvocationID.x == 0u)
        partial[k.result] = sum;
}
