#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// avg_pool2d_fwd: the mean of each window, of avg_pool2d and of adaptive_avg_pool2d.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(planes / rows_per_group) * groups_per_row

#include "pool.glsl"
#include "avg_pool.glsl"

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) writeonly buffer Y { T y[]; };

void main()
{
    uvec3 at;
    if (!pool_place(p.oh, p.ow, at))
        return;
    Window rows = avg_rows(at.y), columns = avg_columns(at.z);
    float sum = 0.0;
    for (uint i = rows.first; i < rows.end; i++)
        for (uint j = columns.first; j < columns.end; j++)
            sum += load(x[(at.x * p.h + i) * p.w + j]);
    y[(at.x * p.oh + at.y) * p.ow + at.z] = store(sum / avg_divisor(rows, columns));
}
