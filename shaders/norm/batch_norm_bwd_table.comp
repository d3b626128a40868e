#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// batch_norm_bwd_table: joins the chunks of a channel into the gradients of weight and bias and the
// channel's row of the table that batch_norm_bwd works with:
//
//     dx = scale (g - mean(g) - h mean(g h))        running statistics: dx = scale g
//
// @variants  T = f32 f16 bf16
// @groups    channels

layout(local_size_x = 64, local_size_x_id = 0) in;  // a power of two

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "batch_norm.abi.h"
#include "batch_norm_tree.glsl"

layout(binding = 0) readonly buffer Partial { vec2 partial[]; };
layout(binding = 1) readonly buffer Table { float table[]; };
layout(binding = 2) writeonly buffer Slopes { float slopes[]; };
layout(binding = 3) buffer Dweight { T dweight[]; };
layout(binding = 4) buffer Dbias { T dbias[]; };

bool has(uint flag)
{
    return (p.flags & flag) != 0u;
}

void main()
{
    uint channel = lat_group();
    if (channel >= p.channels)
        return;
    vec2 sum = vec2(0.0);
    for (uint i = gl_LocalInvocationID.x; i < p.n_blocks * p.parts; i += gl_WorkGroupSize.x)
        sum += partial[i * p.channels + channel];
    sum = tree_sum(sum);
    if (gl_LocalInvocationID.x != 0u)
        return;
    if (has(LAT_BATCH_NORM_WEIGHT))
        dweight[channel] = store(has(LAT_BATCH_NORM_ADD_WEIGHT) ? load(dweight[channel]) + sum.y : sum.y);
    if (has(LAT_BATCH_NORM_BIAS))
        dbias[channel] = store(has(LAT_BATCH_NORM_ADD_BIAS) ? load(dbias[channel]) + sum.x : sum.x);
    uint row = channel * LAT_BATCH_NORM_COLUMNS;
    float scale = table[row + LAT_BATCH_NORM_SCALE];
    float per_element = has(LAT_BATCH_NORM_BATCH) ? scale / (float(p.n_images) * float(p.plane)) : 0.0;
    slopes[row + LAT_BATCH_NORM_MEAN] = table[row + LAT_BATCH_NORM_MEAN];
    slopes[row + LAT_BATCH_NORM_SCALE] = scale;
    slopes[row + LAT_BATCH_NORM_SLOPE] = per_element * sum.y * table[row + LAT_BATCH_NORM_RSTD];
    slopes[row + LAT_BATCH_NORM_LEVEL] = per_element * sum.x;
}
