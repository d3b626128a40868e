#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// batch_norm_bwd_sum_cpu: batch_norm_bwd_sum on lavapipe 26 and newer (common/wide.glsl), in the way of
// batch_norm_stats_cpu.
//
// @variants  T = f32
// @groups    n_blocks * channels * parts; images and parts have at least 4 * SG elements

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG
layout(constant_id = 1) const uint FLAGS = 0;
layout(constant_id = 2) const uint SG = 8;

#extension GL_KHR_shader_subgroup_arithmetic : require
#include "common/index.glsl"
#include "common/wide.glsl"
#include "batch_norm.abi.h"
#include "batch_norm_chunk.glsl"

layout(binding = 3) readonly buffer Table { float table[]; };
layout(binding = 4) writeonly buffer Partial { vec2 partial[]; };

void main()
{
    Chunk k = chunk_of(min(lat_group(), p.n * p.channels * p.parts - 1u));
    float mean = table[k.channel * LAT_BATCH_NORM_COLUMNS + LAT_BATCH_NORM_MEAN];
    vec4 place = vec4(0, SG, 2 * SG, 3 * SG) + float(gl_SubgroupInvocationID);
    vec4 sum = vec4(0.0), product = vec4(0.0);
    uint image = 0u, at = 0u;
    for (;;) {
        uint first = min(at, k.size - 4 * SG);
        uint from = k.start + image * p.channels * p.plane + first;
        vec4 g = lat_load_lanes4(lat_floats(p.dy_address[0], p.dy_address[1], from), 0);
        vec4 v = lat_load_lanes4(lat_floats(p.x_address[0], p.x_address[1], from), 0);
        bvec4 counts = greaterThanEqual(place, vec4(float(at - first)));
        if ((FLAGS & LAT_BATCH_NORM_RELU) != 0u) {
            vec4 out_y = lat_load_lanes4(lat_floats(p.y_address[0], p.y_address[1], from), 0);
            g = mix(vec4(0.0), g, greaterThan(out_y, vec4(0.0)));
        }
        sum += mix(vec4(0.0), g, counts);
        product += mix(vec4(0.0), g * (v - mean), counts);
        at += 4 * SG;
        bool image_done = at >= k.size;
        image += image_done ? 1u : 0u;
        at = image_done ? 0u : at;
        if (image >= k.images)
            break;
    }
    vec2 result = subgroupAdd(vec2((sum.x + sum.y) + (sum.z + sum.w), (product.x + product.y) + (product.z + product.w)));
    result.y *= table[k.channel * LAT_BATCH_NORM_COLUMNS + LAT_BATCH_NORM_RSTD];
    if (gl_SubgroupInvocationID == 0u)
        partial[k.result] = result;
}
