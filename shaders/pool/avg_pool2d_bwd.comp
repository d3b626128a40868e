#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// avg_pool2d_bwd: each element of dx collects its share from the windows it lies in, row by row.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(planes / rows_per_group) * groups_per_row

#include "pool.glsl"
#include "avg_pool.glsl"

layout(binding = 0) readonly buffer Dy { T dy[]; };
layout(binding = 1) buffer Dx { T dx[]; };

void main()
{
    uvec3 at;
    if (!pool_place(p.h, p.w, at))
        return;
    uvec2 rows = avg_windows(at.y, p.h, p.oh, KERNEL_H, STRIDE_H, p.pad_h);
    uvec2 columns = avg_windows(at.z, p.w, p.ow, KERNEL_W, STRIDE_W, p.pad_w);
    float sum = 0.0;
    for (uint i = rows.x; i < rows.y; i++)
        for (uint j = columns.x; j < columns.y; j++)
            sum += load(dy[(at.x * p.oh + i) * p.ow + j]) / avg_divisor(avg_rows(i), avg_columns(j));
    uint k = (at.x * p.h + at.y) * p.w + at.z;
    dx[k] = store(has(LAT_POOL_ACCUMULATE) ? load(dx[k]) + sum : sum);
}
