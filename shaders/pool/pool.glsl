// SPDX-License-Identifier: MIT
//
// What the pooling kernels share: which element an invocation has, and which windows an element of x
// lies in.

layout(local_size_x = 256, local_size_x_id = 0) in;
#include "pool_window.glsl"

#include "common/divide.glsl"
#include "common/index.glsl"
#include "common/vec4.glsl"
#include "pool.abi.h"

bool has(uint flag)
{
    return (FLAGS & flag) != 0u;
}

// Plane, row and column of this invocation's element of an image of height * width; false = none.
bool pool_place(uint height, uint width, out uvec3 at)
{
    uint group = lat_group(), block = group / p.groups_per_row, part = group % p.groups_per_row;
    uint plane0 = block * p.rows_per_group, size = height * width;
    uint e = part * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    at = uvec3(0u);
    if (plane0 >= p.n_planes || e >= min(p.rows_per_group, p.n_planes - plane0) * size)
        return false;
    uint plane = lat_divide(e, p.plane_magic, p.plane_shift);
    uint r = e - plane * size, row = lat_divide(r, p.row_magic, p.row_shift);
    at = uvec3(plane0 + plane, row, r - row * width);
    return true;
}

// The windows (first, behind the last) that position v may lie in.
uvec2 pool_windows(uint v, uint pad, uint span, uint stride, uint n)
{
    uint at = v + pad;
    return uvec2(at < span ? 0u : (at - span) / stride + 1u, min(at / stride + 1u, n));
}
