#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// pad2d_fwd: each plane of x with a border of one value, of its mirror image, or of its edge.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(planes / rows_per_group) * groups_per_row

#include "pool.glsl"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) writeonly buffer Y { T y[]; };

// Where position i comes from; at or past n: from outside.
uint source(uint i, uint before, uint n)
{
    int at = int(i) - int(before), last = int(n) - 1;
    if (has(LAT_POOL_REPLICATE))
        at = clamp(at, 0, last);
    if (has(LAT_POOL_REFLECT))
        at = last - abs(last - abs(at));
    return uint(at);
}

void main()
{
    uvec3 at;
    if (!pool_place(p.oh, p.ow, at))
        return;
    uint row = source(at.y, p.pad_h, p.h), column = source(at.z, p.pad_w, p.w);
    uint o = (at.x * p.oh + at.y) * p.ow + at.z;
    if (row < p.h && column < p.w)
        y[o] = x[(at.x * p.h + row) * p.w + column];
    else
        y[o] = store(p.divisor);
}
