#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// batch_norm_stats_cpu: batch_norm_stats on lavapipe 26 and newer (common/wide.glsl). A workgroup is one
// subgroup and takes four vectors in an iteration. The last ones of an image, where they would stick out,
// are moved back inside; what was taken before does not count.
//
// @variants  T = f32
// @groups    n_blocks * channels * parts; images and parts have at least 4 * SG elements

layout(local_size_x = 8, local_size_x_id = 0) in;  // SG
layout(constant_id = 2) const uint SG = 8;

#extension GL_KHR_shader_subgroup_arithmetic : require
#include "common/index.glsl"
#include "common/wide.glsl"
#include "batch_norm.abi.h"
#include "batch_norm_chunk.glsl"

layout(binding = 1) writeonly buffer Partial { vec2 partial[]; };  // [n_blocks, parts, channels]

void main()
{
    Chunk k = chunk_of(min(lat_group(), p.n * p.channels * p.parts - 1u));
    vec4 place = vec4(0, SG, 2 * SG, 3 * SG) + float(gl_SubgroupInvocationID);
    float n = 0.0, mean = 0.0, squares = 0.0;
    uint image = 0u, at = 0u;
    for (;;) {
        uint first = min(at, k.size - 4 * SG);
        uint from = k.start + image * p.channels * p.plane + first;
        vec4 v = lat_load_lanes4(lat_floats(p.x_address[0], p.x_address[1], from), 0);
        vec4 fresh = vec4(greaterThanEqual(place, vec4(float(at - first))));
        float count = dot(fresh, vec4(1.0));
        vec4 taken = mix(vec4(0.0), v, notEqual(fresh, vec4(0.0)));
        float own = ((taken.x + taken.y) + (taken.z + taken.w)) / max(count, 1.0);
        vec4 d = mix(vec4(0.0), v - own, notEqual(fresh, vec4(0.0)));
        float delta = count > 0.0 ? own - mean : 0.0, share = count / max(n + count, 1.0);
        mean += delta * share;
        squares += dot(d, d) + delta * delta * n * share;
        n += count;
        at += 4 * SG;
        bool image_done = at >= k.size;
        image += image_done ? 1u : 0u;
        at = image_done ? 0u : at;
        if (image >= k.images)
            break;
    }
    float center = subgroupAdd(n * mean) / float(k.images * k.size), d = mean - center;
    float result = subgroupAdd(squares + n * d * d);
    if (gl_SubgroupInvocationID == 0u)
        partial[k.result] = vec2(center, result);
}
