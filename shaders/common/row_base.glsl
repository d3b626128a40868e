// SPDX-License-Identifier: MIT
//
// A workgroup per row; sums by a tree in shared memory. Runs on every device. See row.glsl.
#ifndef LAT_ROW_BASE_GLSL
#define LAT_ROW_BASE_GLSL
#include "common/row.glsl"

layout(local_size_x = 256, local_size_x_id = 0) in;  // a power of two

shared vec2 row_partial[gl_WorkGroupSize.x];

uint row_lane()
{
    return gl_LocalInvocationID.x;
}

uint row_lanes()
{
    return gl_WorkGroupSize.x;
}

vec2 row_sum2(vec2 v)
{
    uint lane = gl_LocalInvocationID.x;
    barrier();  // everyone has read the result before
    row_partial[lane] = v;
    for (uint half_wg = gl_WorkGroupSize.x / 2u; half_wg > 0u; half_wg /= 2u) {
        barrier();
        if (lane < half_wg)
            row_partial[lane] += row_partial[lane + half_wg];
    }
    barrier();
    return row_partial[0];
}

float row_sum(float v)
{
    return row_sum2(vec2(v, 0.0)).x;
}

float row_max(float v)
{
    uint lane = gl_LocalInvocationID.x;
    barrier();
    row_partial[lane].x = v;
    for (uint half_wg = gl_WorkGroupSize.x / 2u; half_wg > 0u; half_wg /= 2u) {
        barrier();
        if (lane < half_wg)
            row_partial[lane].x = max(row_partial[lane].x, row_partial[lane + half_wg].x);
    }
    barrier();
    return row_partial[0].x;
}

// The whole group takes the same branch, so barriers stay uniform.
#define ROW_KERNEL_MAIN                \
    void main()                        \
    {                                  \
        uint row = lat_group();        \
        if (row < p.n_rows)            \
            row_main(row);             \
    }

#endif
