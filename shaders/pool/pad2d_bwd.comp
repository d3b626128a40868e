#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// pad2d_bwd: each element of dx collects from where pad2d_fwd put it: its own place, up to two mirror images,
// or a run of the border.
//
// @variants  T = f32 f16 bf16
// @groups    ceil(planes / rows_per_group) * groups_per_row

#include "pool.glsl"

layout(binding = 0) readonly buffer Dy { T dy[]; };
layout(binding = 1) buffer Dx { T dx[]; };

// How many places element i may have, and the k-th, which may lie outside [0, n_out).
uint copies(uint i, uint before, uint n, uint n_out)
{
    if (has(LAT_POOL_REFLECT))
        return 3u;
    if (!has(LAT_POOL_REPLICATE))
        return 1u;
    return 1u + (i == 0u ? before : 0u) + (i == n - 1u ? n_out - n - before : 0u);
}

int copy_of(uint i, uint k, uint before, uint n)
{
    int own = int(before) + int(i);
    if (has(LAT_POOL_REPLICATE))
        return (i == 0u ? 0 : own) + int(k);
    if (k == 0u)
        return own;
    if (k == 1u)
        return i == 0u ? -1 : int(before) - int(i);
    return i == n - 1u ? -1 : own + 2 * (int(n) - 1 - int(i));
}

void main()
{
    uvec3 at;
    if (!pool_place(p.h, p.w, at))
        return;
    uint n_rows = copies(at.y, p.pad_h, p.h, p.oh), n_columns = copies(at.z, p.pad_w, p.w, p.ow);
    float sum = 0.0;
    for (uint a = 0u; a < n_rows; a++) {
        uint i = uint(copy_of(at.y, a, p.pad_h, p.h));
        for (uint b = 0u; b < n_columns; b++) {
            uint j = uint(copy_of(at.z, b, p.pad_w, p.w));
            if (i < p.oh && j < p.ow)
                sum += load(dy[(at.x * p.oh + i) * p.ow + j]);
        }
    }
    uint k = (at.x * p.h + at.y) * p.w + at.z;
    dx[k] = store(has(LAT_POOL_ACCUMULATE) ? load(dx[k]) + sum : sum);
}
