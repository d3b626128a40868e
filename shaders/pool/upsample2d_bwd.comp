#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// upsample2d_bwd: each element of dx collects its share from the results it went into, row by row.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(planes / rows_per_group) * groups_per_row

#include "pool.glsl"
#include "upsample.glsl"

layout(binding = 0) readonly buffer Dy { T dy[]; };
layout(binding = 1) buffer Dx { T dx[]; };

void main()
{
    uvec3 at;
    if (!pool_place(p.h, p.w, at))
        return;
    uvec2 rows = results_of(at.y, p.h, p.oh), columns = results_of(at.z, p.w, p.ow);
    float sum = 0.0;
    for (uint i = rows.x; i < rows.y; i++) {
        float share = share_of(source_of(i, p.h, p.oh), at.y), in_row = 0.0;
        if (share == 0.0)
            continue;
        for (uint j = columns.x; j < columns.y; j++) {
            float own = share_of(source_of(j, p.w, p.ow), at.z);
            in_row += own != 0.0 ? own * load(dy[(at.x * p.oh + i) * p.ow + j]) : 0.0;
        }
        sum += share * in_row;
    }
    uint k = (at.x * p.h + at.y) * p.w + at.z;
    dx[k] = store(has(LAT_POOL_ACCUMULATE) ? load(dx[k]) + sum : sum);
}
