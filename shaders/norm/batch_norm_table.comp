#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// batch_norm_table: joins the chunks of a channel, mean first, then the squared deviations from it, and
// turns the result, or the running statistics, into the channel's row of the table. The running ones and
// the count of batches are changed in place; a channel that is not finite leaves its own as they were, as the
// update that it spoils leaves the weights (an overflow in f16 is no rare thing): they would never recover.
//
// @variants  T = f32 f16 bf16
// @groups    channels

layout(local_size_x = 64, local_size_x_id = 0) in;  // a power of two

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "common/math.glsl"
#include "batch_norm.abi.h"
#include "batch_norm_tree.glsl"

layout(binding = 0) readonly buffer Partial { vec2 partial[]; };
layout(binding = 1) readonly buffer Weight { T weight[]; };
layout(binding = 2) readonly buffer Bias { T bias[]; };
layout(binding = 3) writeonly buffer Table { float table[]; };
layout(binding = 4) buffer RunningMean { float running_mean[]; };
layout(binding = 5) buffer RunningVar { float running_var[]; };
layout(binding = 6) buffer Batches { int batches[]; };

bool has(uint flag)
{
    return (p.flags & flag) != 0u;
}

// Elements of one channel in chunk i.
float chunk_count(uint i)
{
    uint block = i / p.parts, part = i % p.parts;
    uint images = min(p.images_per_block, p.n_images - block * p.images_per_block);
    return float(images) * float(min(p.part_length, p.plane - part * p.part_length));
}

// Mean and variance.
vec2 batch_statistics(uint channel)
{
    uint chunks = p.n_blocks * p.parts;
    float count = float(p.n_images) * float(p.plane);
    vec2 sum = vec2(0.0);
    for (uint i = gl_LocalInvocationID.x; i < chunks; i += gl_WorkGroupSize.x)
        sum.x += chunk_count(i) * partial[i * p.channels + channel].x;
    float mean = tree_sum(sum).x / count;
    sum = vec2(0.0);
    for (uint i = gl_LocalInvocationID.x; i < chunks; i += gl_WorkGroupSize.x) {
        vec2 chunk = partial[i * p.channels + channel];
        float d = chunk.x - mean;
        sum.x += chunk.y + chunk_count(i) * d * d;
    }
    return vec2(mean, tree_sum(sum).x / count);
}

void main()
{
    uint channel = lat_group();
    if (channel >= p.channels)
        return;
    vec2 s = has(LAT_BATCH_NORM_BATCH) ? batch_statistics(channel)
                                       : vec2(running_mean[channel], running_var[channel]);
    if (gl_LocalInvocationID.x != 0u)
        return;
    if (has(LAT_BATCH_NORM_UPDATE)) {
        float count = float(p.n_images) * float(p.plane);
        float unbiased = s.y * (count / (count - 1.0));
        if (lat_magnitude_bits(s.x) < 0x7f800000u && lat_magnitude_bits(unbiased) < 0x7f800000u) {
            running_mean[channel] += p.momentum * (s.x - running_mean[channel]);
            running_var[channel] += p.momentum * (unbiased - running_var[channel]);
        }
    }
    if (has(LAT_BATCH_NORM_COUNT) && channel == 0u)
        batches[0] += 1;
    float rstd = inversesqrt(s.y + p.eps);
    uint row = channel * LAT_BATCH_NORM_COLUMNS;
    table[row + LAT_BATCH_NORM_MEAN] = s.x;
    table[row + LAT_BATCH_NORM_SCALE] = has(LAT_BATCH_NORM_WEIGHT) ? load(weight[channel]) * rstd : rstd;
    table[row + LAT_BATCH_NORM_SHIFT] = has(LAT_BATCH_NORM_BIAS) ? load(bias[channel]) : 0.0;
    table[row + LAT_BATCH_NORM_RSTD] = rstd;
}
