#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// reduce_bwd: gradients of the reductions. Each element of x takes its part of the gradient of the one
// result it went into; reduce_bwd.abi.h has the formulas.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(n / (PER_THREAD * WG))

#include "common/dtype.glsl"
#include "common/index.glsl"
#include "common/math.glsl"
#include "reduce/reduce_bwd.abi.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint KIND = LAT_REDUCE_BWD_SPREAD;
layout(constant_id = 2) const bool ACCUMULATE = false;

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) readonly buffer Y { T y[]; };
layout(binding = 2) readonly buffer G { T g[]; };
layout(binding = 3) readonly buffer Count { float count[]; };
layout(binding = 4) buffer DX { T dx[]; };

float part(uint i, uint j)
{
    if (KIND == LAT_REDUCE_BWD_SPREAD)
        return p.scale * load(g[j]);
    float v = load(x[i]);
    if (KIND == LAT_REDUCE_BWD_NORM) {
        float norm = load(y[j]);
        return norm == 0.0 ? 0.0 : load(g[j]) * (v / norm);
    }
    if (KIND == LAT_REDUCE_BWD_TIES) {
        float largest = load(y[j]);
        return v == largest || (lat_is_nan(v) && lat_is_nan(largest)) ? 1.0 : 0.0;
    }
    return v == 0.0 ? 0.0 : load(g[j]) / count[j];
}

void main()
{
    uint first = lat_group() * gl_WorkGroupSize.x * LAT_REDUCE_BWD_PER_THREAD + gl_LocalInvocationID.x;
    for (uint k = 0; k < LAT_REDUCE_BWD_PER_THREAD; k++) {
        uint i = first + k * gl_WorkGroupSize.x;
        if (i >= p.n)
            return;
        uint rest = i, j = 0u;
        for (uint d = p.rank; d-- > 0u;) {
            j += (rest % p.dims[d]) * p.stride[d];
            rest /= p.dims[d];
        }
        float v = part(i, j);
        if (ACCUMULATE)
            v += load(dx[i]);
        dx[i] = store(v);
    }
}
