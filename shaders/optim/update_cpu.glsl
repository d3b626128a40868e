// SPDX-License-Identifier: MIT
//
// The walk of update.glsl for lavapipe 26 and newer (common/wide.glsl): a workgroup updates one whole
// chunk, each of its subgroups a run of it, four vectors in an iteration. Every value is loaded once and
// stored after what was made from it is known, so loads and stores of the same element keep their order
// although they go different ways.

layout(local_size_x = 64, local_size_x_id = 0) in;
layout(constant_id = 1) const uint SG = 8;
layout(constant_id = 2) const uint FLAGS = 0;  // push.flags, so that what is not there costs nothing
const bool PAIRS = true;

#include "common/index.glsl"
#include "common/wide.glsl"

layout(binding = 1) readonly buffer ChunkGroup { uint chunk_group[]; };
layout(binding = 2) readonly buffer Groups { float groups[]; };
layout(binding = 3) readonly buffer Hyper { float hyper[]; };
layout(binding = 4) readonly buffer Report { float report[]; };
LAT_LANES_OUT(5, W, weights)
LAT_LANES_OUT(6, M, moments)
LAT_LANES_OUT(7, V, squares)

void rule(vec4 g, float lr, float decay, inout vec4 w, inout vec4 m, inout vec4 v);

bool has(uint flag)
{
    return (FLAGS & flag) != 0u;
}

void main()
{
    bool live = lat_group() < p.n_chunks;
    uint chunk = min(lat_group(), p.n_chunks - 1u);
    if (!live || report[LAT_REPORT_FINITE] == 0.0)
        return;
    float scale = report[LAT_REPORT_FACTOR];
    uint group = chunk_group[p.chunk0 + chunk] * LAT_GROUP_COUNT;
    float lr = hyper[LAT_HYPER_LR] * groups[group + LAT_GROUP_LR_RATIO];
    float decay = groups[group + LAT_GROUP_WEIGHT_DECAY];

    uint run = LAT_OPTIM_CHUNK / (gl_WorkGroupSize.x / SG);
    uint at = chunk * LAT_OPTIM_CHUNK + gl_SubgroupID * run;
    uint end = at + run;
    for (;;) {
        vec4 w = lat_load_lanes4(lat_floats(p.param_address[0], p.param_address[1], at), 0);
        vec4 m = vec4(0.0), v = vec4(0.0);
        if (has(LAT_OPTIM_HAS_MOMENT1))
            m = lat_load_lanes4(lat_floats(p.moment1_address[0], p.moment1_address[1], at), 0);
        if (has(LAT_OPTIM_HAS_MOMENT2))
            v = lat_load_lanes4(lat_floats(p.moment2_address[0], p.moment2_address[1], at), 0);
        vec4 g = lat_load_lanes4(lat_floats(p.grad_address[0], p.grad_address[1], at), 0);
        rule(g * scale, lr, decay, w, m, v);
        LAT_STORE_LANES4(weights, at, w)
        if (has(LAT_OPTIM_HAS_MOMENT1))
            LAT_STORE_LANES4(moments, at, m)
        if (has(LAT_OPTIM_HAS_MOMENT2))
            LAT_STORE_LANES4(squares, at, v)
        at += 4u * SG;
        if (at >= end)
            break;
    }
}
