#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
// SPDX-License-Identifier: MIT
//
// reduce, strategy subgroup: contiguous runs (inner = 1), one subgroup for each result, joined by a
// subgroup operation: no shared memory and no barrier. Needs full subgroups; right for every
// subgroup size. The layout of pieces is that of reduce.comp.
//
// @variants  T = f32 f16 bf16
// @variants  U = f32 f16 bf16
// @groups    ceil(outer * n_chunks / RESULTS)

#include "common/index.glsl"
#include "common/vec4.glsl"
#include "reduce/reduce.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint KIND = LAT_REDUCE_SUM;
layout(constant_id = 2) const bool ROOT = false;
layout(constant_id = 3) const bool ACCUMULATE = false;
layout(constant_id = 4) const uint RESULTS = 1;  // of a workgroup
layout(constant_id = 6) const uint READ = LAT_REDUCE_ELEMENTS;

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 0) readonly buffer X4 { T4 x4[]; };
layout(binding = 1) buffer Y { U y[]; };

#include "reduce/reduce.glsl"

// What a subgroup operation does with NaN is the driver's choice; a flag beside the maximum is not.
float join_lanes(float v)
{
    if (KIND == LAT_REDUCE_MAX) {
        uint nan = subgroupMax(lat_is_nan(v) ? 1u : 0u);
        float m = subgroupMax(lat_is_nan(v) ? -LAT_INF : v);
        return nan != 0u ? LAT_NAN : m;
    }
    return subgroupAdd(v);
}

void main()
{
    uint n_results = p.outer * p.n_chunks;
    for (uint r = gl_SubgroupID; r < RESULTS; r += gl_NumSubgroups) {
        uint out_ = lat_group() * RESULTS + r;
        if (out_ >= n_results)
            return;
        float v = join_lanes(lane_total(out_, gl_SubgroupInvocationID, gl_SubgroupSize).x);
        if (gl_SubgroupInvocationID == 0u)
            write_result(out_, vec4(v));
    }
}
