// SPDX-License-Identifier: MIT
//
// A subgroup per row: no shared memory, no barrier. The loop over the workgroup's rows makes it
// right for any subgroup size; they must be full, which the pipeline asks for. See row.glsl.
#ifndef LAT_ROW_SUBGROUP_GLSL
#define LAT_ROW_SUBGROUP_GLSL
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#include "common/row.glsl"

layout(local_size_x = 128, local_size_x_id = 0) in;

uint row_lane()
{
    return gl_SubgroupInvocationID;
}

uint row_lanes()
{
    return gl_SubgroupSize;
}

float row_sum(float v)
{
    return subgroupAdd(v);
}

vec2 row_sum2(vec2 v)
{
    return subgroupAdd(v);
}

float row_max(float v)
{
    return subgroupMax(v);
}

#define ROW_KERNEL_MAIN                                                       \
    void main()                                                               \
    {                                                                         \
        for (uint r = gl_SubgroupID; r < ROWS; r += gl_NumSubgroups) {        \
            uint row = lat_group() * ROWS + r;                                \
            if (row < p.n_rows)                                               \
                row_main(row);                                                \
        }                                                                     \
    }

#endif
