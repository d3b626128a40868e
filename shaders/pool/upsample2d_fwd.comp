#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// upsample2d_fwd: each plane of x at another size; see upsample.glsl.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(planes / rows_per_group) * groups_per_row

#include "pool.glsl"
#include "upsample.glsl"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) writeonly buffer Y { T y[]; };

void main()
{
    uvec3 at;
    if (!pool_place(p.oh, p.ow, at))
        return;
    Source row = source_of(at.y, p.h, p.oh), column = source_of(at.z, p.w, p.ow);
    uint upper = (at.x * p.h + row.first) * p.w, o = (at.x * p.oh + at.y) * p.ow + at.z;
    if (!has(LAT_POOL_BILINEAR)) {
        y[o] = x[upper + column.first];
        return;
    }
    uint lower = (at.x * p.h + row.second) * p.w;
    float a = load(x[upper + column.first]) * (1.0 - column.share) + load(x[upper + column.second]) * column.share;
    float b = load(x[lower + column.first]) * (1.0 - column.share) + load(x[lower + column.second]) * column.share;
    y[o] = store(a * (1.0 - row.share) + b * row.share);
}
