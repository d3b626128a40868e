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

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "reduce/reduce.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint KIND = LAT_REDUCE_SUM;
layout(constant_id = 2) const bool ROOT = false;
layout(constant_id = 3) const bool ACCUMULATE = false;
layout(constant_id = 4) const uint RESULTS = 1;  // of a workgroup

layout(binding = 0) readonly buffer X { T x[]; };
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
        uint start, count;
        piece_of(out_, start, count);

        uint size = gl_SubgroupSize;
        float v = neutral(), w = neutral();
        uint k = gl_SubgroupInvocationID;
        for (; k + 3u * size < count; k += 4u * size) {
            uint at = start + k;
            v = join(v, join(term(load(x[at])), term(load(x[at + size]))));
            w = join(w, join(term(load(x[at + 2u * size])), term(load(x[at + 3u * size]))));
        }
        for (; k < count; k += size)
            v = join(v, term(load(x[start + k])));
        v = join_lanes(join(v, w));

        if (gl_SubgroupInvocationID == 0u) {
            v = finish(v);
            if (ACCUMULATE)
                v += load_u(y[out_]);
            y[out_] = store_u(v);
        }
    }
}
